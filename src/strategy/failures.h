/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A node's share of failures: 3/4 old and 1/4 new, fading by half in 10 s without an answer. A node that fails at once
 * has little under way and never a slow answer, so by other measures it looks idle for ever and would draw all
 * requests. The share is a word of its own, a Q32, beside the time of the last answer.
 */
#ifndef LW_STRATEGY_FAILURES_H
#define LW_STRATEGY_FAILURES_H

#include "strategy/learnt.h"

#define LW__FAILURES_FADE (UINT64_C(10000000000)) /* ns in which half of them is forgotten */

enum { LW__TRIES_BITS = 8, LW__TRIES_MOST = 4096 };

/* The share as it counts now. */
static inline uint64_t lw__failures(const uint64_t *share, const uint64_t *answered, uint64_t now) {
    uint64_t failing = lw__learnt(share);
    return failing == 0 ? 0 : lw__share_of(failing, lw__kept(lw__learnt(answered), now, LW__FAILURES_FADE));
}

/* Moves it by an answer, before `answered` is moved. True if there was something to move. */
static inline bool lw__failures_learn(uint64_t *share, const uint64_t *answered, uint64_t now, enum lw__answer answer) {
    uint64_t old = lw__learnt(share), fresh;
    if (answer == LW__ANSWER_SILENT || (answer == LW__ANSWER_GOOD && old == 0)) {
        return false;
    }
    uint64_t kept = lw__kept(lw__learnt(answered), now, LW__FAILURES_FADE);
    do {
        fresh = lw__between(answer == LW__ANSWER_BAD ? LW__ONE : 0, lw__share_of(old, kept), LW__ONE / 4 * 3);
    } while (!__atomic_compare_exchange_n(share, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

/* How many tries it takes, in the mean, until an answer is good: 1 / (1 - share), at most LW__TRIES_MOST, in 1/256. */
static inline uint64_t lw__tries(uint64_t share) {
    uint64_t good = LW__ONE - share;
    return share == 0                         ? UINT64_C(1) << LW__TRIES_BITS
           : good <= LW__ONE / LW__TRIES_MOST ? (uint64_t)LW__TRIES_MOST << LW__TRIES_BITS
                                              : (LW__ONE << LW__TRIES_BITS) / good;
}

#endif
