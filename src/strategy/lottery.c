/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two walks over the nodes that may be chosen: the first sums the shares, the second stops where the running sum passes
 * a place drawn below that sum. Whole numbers, so no share is rounded. See lottery.h.
 */
#include "strategy/lottery.h"

enum { WORD_BITS = 64 };

uint64_t lw__below_wide(const lw_view *view, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide; /* its high half is the draw */
    wide product = (wide)lw_view_random(view) * bound;
    while (__builtin_expect((uint64_t)product < bound, 0) && (uint64_t)product < (0 - bound) % bound) {
        product = (wide)lw_view_random(view) * bound;
    }
    return (uint64_t)(product >> 64);
}

/* The sum of shares up to the one that passes the place, and whose that is; or the last before it, should the shares
   have shrunk since they were summed. */
static uint64_t walk_shares(const lw_view *view, lw__share_fn *share, const void *how, uint64_t place,
                            ptrdiff_t *found) {
    uint64_t sum = 0;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            uint64_t own = share(view, index, how);
            if (own > 0) {
                *found = index;
            }
            sum += own;
            if (sum > place) {
                return sum;
            }
        }
    }
    return sum;
}

ptrdiff_t lw__lottery_draw(const lw_view *view, lw__share_fn *share, const void *how) {
    ptrdiff_t found = LW_NO_WEIGHT;
    uint64_t sum = walk_shares(view, share, how, UINT64_MAX, &found);
    if (sum > 0) {
        walk_shares(view, share, how, lw__below_wide(view, sum), &found);
    }
    return found;
}
