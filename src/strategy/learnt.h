/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What strategies learn of a node from its answers: numbers that each good answer moves and that time makes stale.
 *
 *     kept(t) = 2^(-t / half-life)      t: time since the last answer
 *     mean    = x + (mean - x) (1 - alpha) kept(t)
 *
 * So the first answer is taken whole, and after a silence an answer counts for more. A bad answer moves no number, but
 * it ends the silence: whatever kept the node waiting stays as it was, and an error that comes fast makes nobody look
 * fast. Each number is a word of its own, 0 for unknown; a reader that meets numbers of two answers sees a mixture of
 * two true states.
 */
#ifndef LW_STRATEGY_LEARNT_H
#define LW_STRATEGY_LEARNT_H

#include "base/fixed.h"
#include "base/raise.h"

#include <loadwise/outcome.h>

#define LW__LEARNT_MOST (UINT64_C(1) << 42) /* longest latency: 73 minutes in ns */

enum lw__answer { LW__ANSWER_SILENT, LW__ANSWER_GOOD, LW__ANSWER_BAD };

/* What an outcome says of the node. */
static inline enum lw__answer lw__answer_of(uint32_t outcome) {
    switch (outcome) {
    case LW_OUTCOME_OK: return LW__ANSWER_GOOD;
    case LW_OUTCOME_CALLER_FAULT:
    case LW_OUTCOME_CANCELLED: return LW__ANSWER_SILENT;
    default: return LW__ANSWER_BAD;
    }
}

/* Seconds, as a parameter has them, in ns; at least 1. */
static inline uint64_t lw__seconds(double seconds) {
    uint64_t ns = (uint64_t)(seconds * 1e9);
    return ns > 0 ? ns : 1;
}

/* The share that is kept from then to now, a Q32. */
static inline uint64_t lw__kept(uint64_t then, uint64_t now, uint64_t half_life) {
    enum { FINE_BITS = 8, LONGEST = 55 };
    uint64_t silence = now > then ? now - then : 0;
    silence = silence >> LONGEST == 0 ? silence : UINT64_C(1) << LONGEST;
    if (silence << FINE_BITS < half_life) {
        return LW__ONE; /* the busy ones, without a division */
    }
    uint64_t halvings = (silence << FINE_BITS) / half_life;
    return halvings >> 40 == 0 ? lw__exp2_neg(halvings << (32 - FINE_BITS)) : 0;
}

/* Moves a number by a sample of which it keeps that share; sample: 1 to 2^62. */
static inline void lw__learn(uint64_t *number, uint64_t sample, uint64_t share) {
    uint64_t old = __atomic_load_n(number, __ATOMIC_RELAXED), fresh;
    do {
        fresh = old == 0 ? sample : lw__between(sample, old, share);
    } while (!__atomic_compare_exchange_n(number, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* A latency that can be learnt. */
static inline uint64_t lw__learnable(uint64_t latency, uint64_t most) { return latency < most ? latency : most; }

static inline uint64_t lw__learnt(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }

#endif
