/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Arithmetic in fixed point, for everything that decides: the same bits on every platform, which libm does not promise.
 * A number in units of 2^-32 is called a Q32; LW__ONE is one.
 */
#ifndef LW_BASE_FIXED_H
#define LW_BASE_FIXED_H

#include <stdint.h>

#define LW__ONE (UINT64_C(1) << 32)

/* 2^-x as a Q32 for any Q32 x: LW__ONE at 0, never rising, 0 from 33 on. Off by less than one unit. */
uint64_t lw__exp2_neg(uint64_t x);

/* log2(x) as a Q32 for a whole number x of at least 1: exact at powers of two. Off by less than one unit. */
uint64_t lw__log2(uint64_t x);

/* value * share, to the nearest; share is a Q32 of at most one, value below 2^63. */
static inline uint64_t lw__share_of(uint64_t value, uint64_t share) {
    return (value >> 32) * share + (((value & (LW__ONE - 1)) * share + LW__ONE / 2) >> 32);
}

/* The place between two numbers below 2^63 that keeps this share of the distance from `target`. */
static inline uint64_t lw__between(uint64_t target, uint64_t from, uint64_t share) {
    return from >= target ? target + lw__share_of(from - target, share) : target - lw__share_of(target - from, share);
}

#endif
