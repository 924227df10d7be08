/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The message, a 1 bit, zeros and its length in bits are cut into blocks of 64 bytes. Each block stirs four numbers in
 * 64 steps: 16 each of four ways to combine three of them, of four orders of the block's words, and of four sets of
 * turns. The constant of step i is the integer part of 2^32 |sin(i + 1)|.
 *
 * Source: RFC 1321.
 */
#include "base/md5.h"

#include <string.h>

enum { WORDS = 16, STEPS = 64, LENGTH_AT = 56 };

static const uint32_t sines[STEPS] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* By round of 16 steps: how far to turn in its first, second, third and fourth step, and so on. */
static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/* By round: step i takes word (first + step * i) mod 16. */
static const struct { uint8_t first, step; } orders[4] = {{0, 1}, {1, 5}, {5, 3}, {0, 7}};

static uint32_t turn_left(uint32_t x, uint32_t by) { return x << by | x >> (32 - by); }

static uint32_t combine(uint32_t round, uint32_t b, uint32_t c, uint32_t d) {
    switch (round) {
    case 0: return (b & c) | (~b & d);
    case 1: return (d & b) | (~d & c);
    case 2: return b ^ c ^ d;
    default: return c ^ (b | ~d);
    }
}

static uint32_t word_at(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* With a round that the compiler knows, it knows every order and every turn as well. */
static inline void stir_round(uint32_t state[4], const uint32_t words[WORDS], uint32_t round) {
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t word = words[(orders[round].first + orders[round].step * i) % WORDS];
        uint32_t sum = a + combine(round, b, c, d) + word + sines[round * WORDS + i];
        a = d;
        d = c;
        c = b;
        b += turn_left(sum, turns[round][i % 4]);
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
}

static void stir(uint32_t state[4], const uint8_t *block) {
    uint32_t words[WORDS], stirred[4];
    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = word_at(block + 4 * (size_t)i);
    }
    memcpy(stirred, state, sizeof stirred);
    stir_round(stirred, words, 0);
    stir_round(stirred, words, 1);
    stir_round(stirred, words, 2);
    stir_round(stirred, words, 3);
    for (uint32_t i = 0; i < 4; i++) {
        state[i] += stirred[i];
    }
}

void lw__md5_start(struct lw__md5 *md5) {
    static const uint32_t start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(md5->state, start, sizeof start);
    md5->size = 0;
}

void lw__md5_add(struct lw__md5 *md5, const void *bytes, size_t size) {
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t filled = md5->size % LW__MD5_BLOCK, take = LW__MD5_BLOCK - filled;
        take = take < size ? take : size;
        memcpy(md5->block + filled, from, take);
        md5->size += take;
        from += take;
        size -= take;
        if (filled + take == LW__MD5_BLOCK) {
            stir(md5->state, md5->block);
        }
    }
}

void lw__md5_end(struct lw__md5 *md5, uint32_t digest[4]) {
    static const uint8_t one[LW__MD5_BLOCK] = {0x80};
    uint64_t bits = md5->size * 8;
    size_t filled = md5->size % LW__MD5_BLOCK;
    uint8_t length[8];
    for (uint32_t i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> 8 * i);
    }
    lw__md5_add(md5, one, (filled < LENGTH_AT ? LENGTH_AT : LENGTH_AT + LW__MD5_BLOCK) - filled);
    lw__md5_add(md5, length, sizeof length);
    memcpy(digest, md5->state, sizeof md5->state);
}
