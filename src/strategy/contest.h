/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A contest: candidates come one after another, each with a score and a weight, and the least score / weight wins. The
 * fractions are compared crosswise, so nothing is rounded; of k equals each wins with chance 1/k.
 */
#ifndef LW_STRATEGY_CONTEST_H
#define LW_STRATEGY_CONTEST_H

#include <loadwise/view.h>

__extension__ typedef unsigned __int128 lw__wide;

struct lw__contest {
    lw__wide score; /* of the winner so far; a score times any weight is below 2^128 */
    uint32_t weight;
    uint32_t winner;
    uint32_t equals; /* candidates as good as the winner, itself included; 0: nobody came yet */
};

static inline void lw__contest_enter(const lw_view *view, struct lw__contest *contest, lw__wide score, uint32_t weight,
                                     uint32_t index) {
    lw__wide own = score * contest->weight, least = contest->score * weight;
    if (contest->equals == 0 || own < least) {
        *contest = (struct lw__contest){score, weight, index, 1};
    } else if (own == least && lw_view_below(view, ++contest->equals) == 0) {
        contest->winner = index;
    }
}

#endif
