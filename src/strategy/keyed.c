/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The order of nodes for one key; see keyed.h.
 *
 * Cost of a pick past an owner: 1 / (share that may be chosen) lookups on average, at most LW__REHASHES, then O(n).
 */
#include "strategy/keyed.h"

#include "base/sort.h"
#include "strategy/weighted.h"

enum { WORD_BITS = 64 };

static uint32_t counted_weight(const lw_view *view, uint32_t index, bool even) {
    uint32_t weight = lw_view_weight(view, index);
    return even && weight > 1 ? 1 : weight;
}

/* The nearest of those that may be chosen, but for some. */
static ptrdiff_t nearest(const lw_view *view, uint64_t key, bool even, const uint32_t *but, uint32_t but_count) {
    struct lw__distance least = {0, 0, 0, 0};
    ptrdiff_t found = LW_NO_WEIGHT;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits),
                     weight = counted_weight(view, index, even);
            if (weight == 0 || lw__holds(but, but_count, index)) {
                continue;
            }
            struct lw__distance distance = lw__distance_of(key, lw_nodes_id(view->nodes, index), weight);
            if (found < 0 || lw__is_nearer(distance, least)) {
                least = distance;
                found = index;
            }
        }
    }
    return found;
}

/* Owners of weight 0 occur where weights do not count. */
static bool may_own(const lw_view *view, uint32_t index, bool even) {
    return lw_view_may(view, index) && (!even || lw_view_weight(view, index) > 0);
}

static inline ptrdiff_t pick_by(const lw_view *view, uint64_t key, lw__owner_fn *owner, bool even) {
    for (uint32_t attempt = 0; attempt < LW__REHASHES; attempt++) {
        uint32_t index = owner(view, lw__rehash(key, attempt));
        if (may_own(view, index, even)) {
            return index;
        }
    }
    ptrdiff_t index = nearest(view, key, even, NULL, 0);
    return index >= 0 ? index : lw__weightless(view);
}

static ptrdiff_t sequence_by(const lw_view *view, uint64_t key, lw__owner_fn *owner, bool even, uint32_t *out,
                             uint32_t room) {
    uint32_t found = 0;
    for (uint32_t attempt = 0; attempt < LW__REHASHES && found < room; attempt++) {
        uint32_t index = owner(view, lw__rehash(key, attempt));
        if (may_own(view, index, even) && !lw__holds(out, found, index)) {
            out[found++] = index;
        }
    }
    while (found < room) {
        ptrdiff_t index = nearest(view, key, even, out, found);
        if (index < 0) {
            break;
        }
        out[found++] = (uint32_t)index;
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

ptrdiff_t lw__rehash_pick(const lw_view *view, uint64_t key, lw__owner_fn *owner) {
    return pick_by(view, key, owner, false);
}

ptrdiff_t lw__rehash_pick_even(const lw_view *view, uint64_t key, lw__owner_fn *owner) {
    return pick_by(view, key, owner, true);
}

ptrdiff_t lw__rehash_sequence(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out, uint32_t room) {
    return sequence_by(view, key, owner, false, out, room);
}

ptrdiff_t lw__rehash_sequence_even(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out,
                                   uint32_t room) {
    return sequence_by(view, key, owner, true, out, room);
}

uint32_t lw__weighty_by_id(const lw_build *build, uint64_t *order, uint64_t *room) {
    uint32_t count = 0;
    lw__order_by_id(build->ids, build->count, order, room);
    for (uint32_t i = 0; i < build->count; i++) {
        if (build->weights[order[i]] > 0) {
            order[count++] = order[i];
        }
    }
    return count;
}
