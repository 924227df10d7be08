/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Filling and counting of eligibility bitmaps. Cost: O(n / 64). */
#include <loadwise/bitmap.h>

#include "base/bits.h"

enum { WORD = 64, BLOCK_WORDS = 8 };

static uint64_t kept_bits(uint32_t count, uint32_t word) {
    uint32_t left = count - word * WORD;
    return lw__low_ones(left < WORD ? left : WORD);
}

void lw_bitmap_fill(uint64_t *words, uint32_t count) {
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(count); w++) {
        words[w] = kept_bits(count, w);
    }
}

uint32_t lw_bitmap_count(const uint64_t *words, uint32_t count) {
    uint32_t ones = 0;
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(count); w++) {
        ones += lw__ones(words[w] & kept_bits(count, w));
    }
    return ones;
}

void lw_bitmap_blocks(const uint64_t *words, uint32_t count, uint32_t *blocks) {
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(count); w++) {
        uint32_t before = w % BLOCK_WORDS == 0 ? 0 : blocks[w / BLOCK_WORDS];
        blocks[w / BLOCK_WORDS] = before + lw__ones(words[w] & kept_bits(count, w));
    }
}
