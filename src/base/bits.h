/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_BITS_H
#define LW_BASE_BITS_H

#include <stdint.h>

#define LW__EACH_BYTE UINT64_C(0x0101010101010101)

/* Ones of each byte, in that byte: in line, where the builtin calls a function on processors that may lack popcnt. */
static inline uint64_t lw__byte_ones(uint64_t word) {
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    return (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

static inline uint32_t lw__ones(uint64_t word) { return (uint32_t)(lw__byte_ones(word) * LW__EACH_BYTE >> 56); }

/* Position of the one of that rank, from 0; there must be more than `rank` of them. */
static inline uint32_t lw__nth_one(uint64_t word, uint32_t rank) {
    uint64_t sums = lw__byte_ones(word) * LW__EACH_BYTE; /* ones up to and with each byte, at most 64 */
    uint64_t passed = ((rank * LW__EACH_BYTE | LW__EACH_BYTE << 7) - sums) >> 7 & LW__EACH_BYTE; /* bytes before it */
    uint32_t base = (uint32_t)(passed * LW__EACH_BYTE >> 56) * 8;
    uint64_t left = word >> base;
    for (rank -= (uint32_t)(sums << 8 >> base & 0xff); rank > 0; rank--) {
        left &= left - 1;
    }
    return base + (uint32_t)__builtin_ctzll(left);
}

/* The first `count` bits set, count from 0 to 64. */
static inline uint64_t lw__low_ones(uint32_t count) { return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1; }

#endif
