/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sed: shortest expected delay. i = argmin (a_i + 1) / w_i, with a requests in flight and weight w as speed.
 *
 * The + 1 is the request itself: with a / w every idle node would be as good as any other, however slow. Fractions are
 * compared crosswise in whole numbers, so that ties are ties; they are drawn uniformly. Weight 0 is never picked.
 *
 * Source: Linux IPVS, sed. Cost per pick: O(n), one pass for the least, for ties another to the one that was drawn.
 */
#include "strategy/sed.h"

#include "base/bits.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { WORD_BITS = 64 };

/* (a + 1) / w of a node; either part fits 33 bits, and a product of two such parts 64. */
struct delay {
    uint64_t crowd;
    uint64_t weight;
};

/* The least so far, of which node, and how many have it. */
struct least_delay {
    struct delay delay;
    uint32_t node, equals;
};

static inline struct delay delay_of(const lw_view *view, uint32_t index) {
    return (struct delay){(uint64_t)lw_view_inflight(view, index) + 1, lw_view_weight(view, index)};
}

static inline uint64_t choosable(const lw_view *view, uint32_t word) {
    uint32_t left = view->count - word * WORD_BITS;
    return lw_view_all(view) ? lw__low_ones(left < WORD_BITS ? left : WORD_BITS) : lw_view_word(view, word);
}

/* Begins with an endless delay, 1 / 0, which any node of some weight is less than. */
static struct least_delay find_least(const lw_view *view) {
    struct least_delay least = {{1, 0}, 0, 0};
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = choosable(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            struct delay delay = delay_of(view, index);
            uint64_t own = delay.crowd * least.delay.weight, best = least.delay.crowd * delay.weight;
            if (own < best) {
                least = (struct least_delay){delay, index, 1};
            } else {
                least.equals += own == best && delay.weight > 0;
            }
        }
    }
    return least;
}

/* The one of that rank among those that have the least delay; the first, should counts have moved since. */
static uint32_t nth_least(const lw_view *view, const struct least_delay *least, uint32_t rank) {
    for (uint32_t w = least->node / WORD_BITS; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = choosable(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            struct delay delay = delay_of(view, index);
            bool equal = delay.crowd * least->delay.weight == least->delay.crowd * delay.weight;
            if (equal && rank-- == 0) {
                return index;
            }
        }
    }
    return least->node;
}

ptrdiff_t lw__least_delay(const lw_view *view) {
    struct least_delay least = find_least(view);
    if (least.equals == 0) {
        return lw__weightless(view);
    }
    return least.equals == 1 ? least.node : nth_least(view, &least, lw_view_below(view, least.equals));
}

const lw_strategy_ops lw__sed = {
    .size = sizeof lw__sed,
    .name = "sed",
    .help =
        "The shortest expected delay, requests in flight over weight. For unequal nodes that one client sees all of.",
    .needs = LW_HAS(inflight),
    .pick = lw__least_delay,
};
