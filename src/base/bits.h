/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_BITS_H
#define LW_BASE_BITS_H

#include <stdint.h>

static inline uint32_t lw__ones(uint64_t word) { return (uint32_t)__builtin_popcountll(word); }

/* Position of the one of that rank, from 0; there must be more than `rank` of them. */
static inline uint32_t lw__nth_one(uint64_t word, uint32_t rank) {
    uint32_t base = 0;
    if (rank == 0) {
        return (uint32_t)__builtin_ctzll(word);
    }
    for (uint32_t half = 32; half > 0; half /= 2) {
        uint32_t below = lw__ones(word & ((UINT64_C(1) << half) - 1));
        if (rank >= below) {
            rank -= below;
            word >>= half;
            base += half;
        }
    }
    return base;
}

/* The first `count` bits set, count from 0 to 64. */
static inline uint64_t lw__low_ones(uint32_t count) { return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1; }

#endif
