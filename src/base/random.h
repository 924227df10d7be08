/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mixing of 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood; constants by Stafford, variant 13). */
#ifndef LW_BASE_RANDOM_H
#define LW_BASE_RANDOM_H

#include <stdint.h>

#define LW__GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio */

static inline uint64_t lw__mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Independent seed number `which` from one seed. */
static inline uint64_t lw__seed(uint64_t seed, uint64_t which) { return lw__mix(lw__mix(seed) + which * LW__GOLDEN); }

#endif
