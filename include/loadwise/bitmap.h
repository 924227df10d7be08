/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Eligibility bitmaps: one bit per node, in words of 64. Owned by the caller; no call here allocates. Strategies read
 * whole words atomically, so other threads may write words with atomic stores while picks go on; the functions here
 * store plainly.
 */
#ifndef LOADWISE_BITMAP_H
#define LOADWISE_BITMAP_H

#include <loadwise/api.h>
#include <stdint.h>

LW_BEGIN

#define LW_BITMAP_WORDS(count) (((count) + 63u) / 64u)

/* A block is 512 nodes: 8 words, one cache line. */
#define LW_BITMAP_BLOCKS(count) (((count) + 511u) / 512u)

static inline int lw_bitmap_get(const uint64_t *words, uint32_t index) {
    return (int)(__atomic_load_n(&words[index / 64], __ATOMIC_RELAXED) >> (index % 64) & 1);
}

static inline void lw_bitmap_set(uint64_t *words, uint32_t index) { words[index / 64] |= UINT64_C(1) << (index % 64); }

static inline void lw_bitmap_clear(uint64_t *words, uint32_t index) {
    words[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

/* Sets the first count bits and clears the rest of the last word. Threads: caller's. Errors: none. */
LW_API void lw_bitmap_fill(uint64_t *words, uint32_t count);

/* Number of ones among the first count bits. Threads: caller's. Errors: none. */
LW_API uint32_t lw_bitmap_count(const uint64_t *words, uint32_t count);

/*
 * Counts the ones of each block, for lw_nodes.eligible_blocks: with it, exact picks over a partly eligible set of
 * thousands of nodes skip whole blocks instead of counting every word. Redo it after the bitmap changed.
 * Threads: caller's. Errors: none.
 */
LW_API void lw_bitmap_blocks(const uint64_t *words, uint32_t count, uint32_t *blocks);

LW_END

#endif
