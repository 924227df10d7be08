/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who has the least in flight, kept up to date instead of looked for. How, and why it holds: tally.c. */
#ifndef LW_POOL_TALLY_H
#define LW_POOL_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct lw__tally;

/* Bytes for so many leaves, a multiple of 64. The caller allocates them, aligned to 64. */
size_t lw__tally_size(uint32_t count);

/* All leaves are absent. */
void lw__tally_init(struct lw__tally *tally, uint32_t count);

/*
 * Takes over the truth about one leaf: in the low half of *traffic what is in flight, absent while *reasons is not 0.
 * Whoever changes one of the two calls this afterwards, in every tally that shows the leaf; the change may be a relaxed
 * atomic operation. Threads: any, at any time; no lock.
 */
void lw__tally_set(struct lw__tally *tally, uint32_t leaf, const uint64_t *traffic, const uint32_t *reasons);

/*
 * A leaf with the least in flight: each of those that share the least with the same chance, given 64 random bits. -1:
 * all are absent. While others set leaves, one that had the least a moment ago. Threads: any, at any time; no lock.
 */
ptrdiff_t lw__tally_least(const struct lw__tally *tally, uint64_t random);

#endif
