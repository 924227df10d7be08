/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A cost and the time it was brought up to date in one word, so that one compare-and-swap moves both.
 *
 *     63      58 57              30 29                0
 *     [exponent][     mantissa     ][ stamp in ticks   ]      0: nothing is known
 *
 * The cost is a small floating number of 29 significant bits, rounded to the nearest (as IEEE 754 does it: below 2^29 a
 * cost is its own code, and the code grows with the cost). The stamp wraps after 2^30 ticks; the later of two stamps is
 * told by the sign of their difference, which holds for times less than 2^29 ticks apart. Whoever stores words sees to
 * it that older ones are not read.
 */
#ifndef LW_LATENCY_WORD_H
#define LW_LATENCY_WORD_H

#include <stdint.h>

enum { LW__WORD_STAMP = 30, LW__WORD_MANTISSA = 28 };

#define LW__WORD_STAMP_MASK ((UINT32_C(1) << LW__WORD_STAMP) - 1)

/* cost: at most 2^63. tick: only its low bits are kept. */
static inline uint64_t lw__word(uint64_t cost, uint64_t tick) {
    uint64_t code = cost;
    if (cost >> (LW__WORD_MANTISSA + 1) != 0) {
        uint32_t shift = 63 - (uint32_t)__builtin_clzll(cost) - LW__WORD_MANTISSA;
        uint64_t rounded = (cost + (UINT64_C(1) << (shift - 1))) >> shift; /* 2^29 carries into the exponent */
        code = ((uint64_t)shift << LW__WORD_MANTISSA) + rounded;
    }
    return code << LW__WORD_STAMP | (tick & LW__WORD_STAMP_MASK);
}

static inline uint64_t lw__word_cost(uint64_t word) {
    uint64_t code = word >> LW__WORD_STAMP, exponent = code >> LW__WORD_MANTISSA;
    if (exponent <= 1) {
        return code;
    }
    uint64_t hidden = UINT64_C(1) << LW__WORD_MANTISSA;
    return ((code & (hidden - 1)) | hidden) << (exponent - 1);
}

/* Ticks since the stamp; negative when the stamp is the later one. */
static inline int32_t lw__word_age(uint64_t word, uint64_t tick) {
    uint32_t difference = ((uint32_t)tick - (uint32_t)word) & LW__WORD_STAMP_MASK;
    uint32_t sign = UINT32_C(1) << (LW__WORD_STAMP - 1);
    return (int32_t)(difference ^ sign) - (int32_t)sign;
}

#endif
