/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * jiq: join idle queue. An idle node while one is known, found without looking at them all; else p2c in flight.
 *
 * First two different nodes are drawn: if one of them is idle it is taken, the first if both are. With most nodes idle
 * that is all. If both are busy, a board with a bit for each node says who else is idle, and one of those is drawn. If
 * none is, the one of the two with fewer in flight.
 *
 * The board is a hint: zero means idle, begin sets the bit, done clears it when at most the request that ends is in
 * flight. Nobody is taken by the hint alone: the inflight column has the last word. Where it disagrees all hints of
 * idle nodes are held against it and mended, once; a stale hint of a busy node is passed over by the first two draws,
 * which do not ask the board. Two ends told at once may both see two in flight, so that nobody calls the node idle:
 * each pick that draws two busy ones draws 4 more, looks at them, and mends what the board says. Everything that is
 * chosen among is drawn uniformly, so idle nodes share evenly.
 *
 * Source: Lu, Xie, Kliot, Geller, Larus, Greenberg 2011, with a bitmap for the queue. Cost per pick: two counts, and if
 * both nodes are busy 4 more and O(n / 64) words of the board; where the board was wrong, the counts of those it calls
 * idle.
 */
#include "base/bits.h"
#include "strategy/distinct.h"
#include "strategy/table.h"

enum { WORD_BITS = 64, LOOKED_AT = 4 };

static uint64_t *busy_word(const lw_view *view, uint32_t word) { return (uint64_t *)lw_view_board(view) + word; }

static uint64_t bit_of(uint32_t index) { return UINT64_C(1) << index % WORD_BITS; }

/* Most often the bit is as it should be, and reading it does not take the line from other threads. */
static void note_busy(const lw_view *view, uint32_t index) {
    uint64_t *word = busy_word(view, index / WORD_BITS);
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit_of(index)) == 0) {
        __atomic_fetch_or(word, bit_of(index), __ATOMIC_RELAXED);
    }
}

static void note_idle(const lw_view *view, uint32_t index) {
    uint64_t *word = busy_word(view, index / WORD_BITS);
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit_of(index)) != 0) {
        __atomic_fetch_and(word, ~bit_of(index), __ATOMIC_RELAXED);
    }
}

/* Those of a word that may be chosen and are said to be idle. */
static inline uint64_t idle_word(const lw_view *view, uint32_t word) {
    uint32_t left = view->count - word * WORD_BITS;
    uint64_t may = lw_view_all(view) ? lw__low_ones(left < WORD_BITS ? left : WORD_BITS) : lw_view_word(view, word);
    return may & ~__atomic_load_n(busy_word(view, word), __ATOMIC_RELAXED);
}

static uint32_t count_idle(const lw_view *view) {
    uint32_t count = 0;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        count += lw__ones(idle_word(view, w));
    }
    return count;
}

/* Negative when others took so many that the rank is past the end. */
static ptrdiff_t nth_idle(const lw_view *view, uint32_t rank) {
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        uint64_t idle = idle_word(view, w);
        uint32_t ones = lw__ones(idle);
        if (rank < ones) {
            return (ptrdiff_t)w * WORD_BITS + lw__nth_one(idle, rank);
        }
        rank -= ones;
    }
    return -1;
}

/* Asks the column about every node that is said to be idle. Of those that are, one drawn uniformly; or negative. A
   trial leaves the board as it is: with another number of hints the pick that it foretells would draw another node. */
static ptrdiff_t mend_and_draw(const lw_view *view) {
    bool trial = (view->request->flags & LW_REQUEST_TRIAL) != 0;
    ptrdiff_t found = -1;
    for (uint32_t w = 0, seen = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t idle = idle_word(view, w); idle != 0; idle &= idle - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(idle);
            if (lw_view_inflight(view, index) == 0) {
                found = lw_view_below(view, ++seen) == 0 ? (ptrdiff_t)index : found;
            } else if (!trial) {
                note_busy(view, index);
            }
        }
    }
    return found;
}

static ptrdiff_t known_idle(const lw_view *view) {
    uint32_t count = count_idle(view);
    ptrdiff_t index = count > 0 ? nth_idle(view, lw_view_below(view, count)) : -1;
    if (count == 0 || (index >= 0 && lw_view_inflight(view, (uint32_t)index) == 0)) {
        return index;
    }
    return mend_and_draw(view);
}

/* Looks at a few more nodes, whatever the board says, and calls those idle that are: the first of them, or negative. A
   trial changes nothing. */
static ptrdiff_t look_around(const lw_view *view) {
    bool trial = (view->request->flags & LW_REQUEST_TRIAL) != 0;
    uint32_t drawn[LOOKED_AT];
    ptrdiff_t looked_at = lw__distinct_draw(view, drawn, LOOKED_AT), found = -1;
    for (ptrdiff_t i = looked_at; i-- > 0;) {
        if (lw_view_inflight(view, drawn[i]) == 0) {
            found = drawn[i];
            if (!trial) {
                note_idle(view, drawn[i]);
            }
        }
    }
    return found;
}

static ptrdiff_t jiq_pick(const lw_view *view) {
    uint32_t drawn[2], best = 0, least = UINT32_MAX;
    ptrdiff_t found = lw__distinct_draw(view, drawn, 2);
    for (ptrdiff_t i = 0; i < found; i++) {
        uint32_t inflight = lw_view_inflight(view, drawn[i]);
        if (i == 0 || inflight < least) {
            best = drawn[i];
            least = inflight;
        }
    }
    if (found < 2 || least == 0) {
        return found < 0 ? found : (ptrdiff_t)best;
    }
    ptrdiff_t idle = known_idle(view), unheard = look_around(view);
    idle = idle >= 0 ? idle : unheard;
    return idle >= 0 ? idle : (ptrdiff_t)best;
}

static void jiq_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)sample; /* however it ended */
    if (lw_view_inflight(view, index) <= 1) {
        note_idle(view, index); /* hosts may count the request until its end was told, or until before */
    }
}

static size_t jiq_board_size(const void *config, uint32_t count) {
    (void)config;
    return LW_BITMAP_WORDS(count) * sizeof(uint64_t);
}

const lw_strategy_ops lw__jiq = {
    .size = sizeof lw__jiq,
    .name = "jiq",
    .help = "An idle node if one is known, else p2c in flight. For many nodes of which few are idle.",
    .needs = LW_HAS(inflight),
    .board_size = jiq_board_size,
    .pick = jiq_pick,
    .begin = note_busy,
    .done = jiq_done,
};
