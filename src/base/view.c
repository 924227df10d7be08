/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who may be chosen: the eligibility bitmap less the request's exclusions, word by word; counted, ranked, drawn from.
 *
 * Cost: nothing when all may. Otherwise O(n / 64) words, each compared with the (few) exclusions; with block counts and
 * no exclusions O(n / 512 + 8). A uniform draw first tries REDRAWS independent draws over all nodes, which is exact
 * whenever it succeeds, and falls back to a draw by rank.
 */
#include <loadwise/view.h>

#include "base/bits.h"

enum { WORD_BITS = 64, BLOCK_BITS = 512, REDRAWS = 8 };

/* The counts of the blocks, where they are for this bitmap and exclusions do not spoil them. */
static const uint32_t *blocks_of(const lw_view *view) {
    bool valid = view->eligible == view->nodes->eligible && view->within == NULL && view->request->exclude_count == 0;
    return valid ? view->nodes->eligible_blocks : NULL;
}

static uint64_t eligible_word(const lw_view *view, uint32_t word) {
    uint32_t left = view->count - word * WORD_BITS;
    uint64_t bits = lw__low_ones(left < WORD_BITS ? left : WORD_BITS);
    bits &= view->eligible == NULL ? UINT64_MAX : __atomic_load_n(&view->eligible[word], __ATOMIC_RELAXED);
    return view->within == NULL ? bits : bits & view->within[word];
}

uint64_t lw_view_word(const lw_view *view, uint32_t word) {
    uint64_t bits = eligible_word(view, word), first = (uint64_t)word * WORD_BITS;
    for (size_t i = 0; i < view->request->exclude_count; i++) {
        uint64_t excluded = view->request->exclude[i];
        if (excluded >= first && excluded - first < WORD_BITS) {
            bits &= ~(UINT64_C(1) << (excluded - first));
        }
    }
    return bits;
}

static uint32_t count_words(const lw_view *view) {
    uint32_t ones = 0;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        ones += lw__ones(lw_view_word(view, w));
    }
    return ones;
}

uint32_t lw_view_count(const lw_view *view) {
    if (lw_view_all(view)) {
        return view->count;
    }
    const uint32_t *blocks = blocks_of(view);
    if (blocks == NULL) {
        return count_words(view);
    }
    uint32_t ones = 0;
    for (uint32_t b = 0; b < LW_BITMAP_BLOCKS(view->count); b++) {
        ones += __atomic_load_n(&blocks[b], __ATOMIC_RELAXED);
    }
    return ones;
}

/* The word to begin with: the first of the block that holds the rank, which becomes the rank within the rest. */
static uint32_t skip_blocks(const lw_view *view, uint32_t *rank) {
    const uint32_t *blocks = blocks_of(view);
    uint32_t block = 0;
    while (blocks != NULL && block + 1 < LW_BITMAP_BLOCKS(view->count)) {
        uint32_t ones = __atomic_load_n(&blocks[block], __ATOMIC_RELAXED);
        if (*rank < ones) {
            break;
        }
        *rank -= ones;
        block++;
    }
    return block * (BLOCK_BITS / WORD_BITS);
}

/* The last node that may be chosen, for a rank past the end. */
static ptrdiff_t last_node(const lw_view *view) {
    for (uint32_t w = LW_BITMAP_WORDS(view->count); w-- > 0;) {
        uint64_t bits = lw_view_word(view, w);
        if (bits != 0) {
            return (ptrdiff_t)w * WORD_BITS + (WORD_BITS - 1 - __builtin_clzll(bits));
        }
    }
    return lw_view_refusal(view);
}

ptrdiff_t lw_view_nth(const lw_view *view, uint32_t rank) {
    if (lw_view_all(view)) {
        return rank < view->count ? rank : view->count - 1;
    }
    for (uint32_t w = skip_blocks(view, &rank); w < LW_BITMAP_WORDS(view->count); w++) {
        uint64_t bits = lw_view_word(view, w);
        uint32_t ones = lw__ones(bits);
        if (rank < ones) {
            return (ptrdiff_t)w * WORD_BITS + lw__nth_one(bits, rank);
        }
        rank -= ones;
    }
    return last_node(view);
}

ptrdiff_t lw_view_refusal(const lw_view *view) {
    uint64_t left = 0;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count) && left == 0; w++) {
        left = eligible_word(view, w);
    }
    return left != 0 && view->request->exclude_count != 0 ? LW_EXCLUDED : LW_FILTERED;
}

ptrdiff_t lw_view_uniform(const lw_view *view) {
    if (lw_view_all(view)) {
        return lw_view_below(view, view->count);
    }
    for (int i = 0; i < REDRAWS; i++) {
        uint32_t index = lw_view_below(view, view->count);
        if (lw_view_may(view, index)) {
            return index;
        }
    }
    uint32_t count = lw_view_count(view);
    return count > 0 ? lw_view_nth(view, lw_view_below(view, count)) : lw_view_refusal(view);
}
