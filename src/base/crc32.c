/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Division of polynomials over two elements, four bits at a time: entry i of the table is what is left of i after four
 * steps. A table of bytes would be faster and 16 times as large; names and keys are short.
 */
#include "base/crc32.h"

static const uint32_t remainders[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t lw__crc32_add(uint32_t state, const void *bytes, size_t size) {
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        state ^= byte[i];
        state = state >> 4 ^ remainders[state & 15];
        state = state >> 4 ^ remainders[state & 15];
    }
    return state;
}
