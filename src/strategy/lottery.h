/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A draw in proportion to shares that are worked out on the spot, over all nodes that may be chosen. */
#ifndef LW_STRATEGY_LOTTERY_H
#define LW_STRATEGY_LOTTERY_H

#include <loadwise/view.h>

/* The share of a node; together they stay below 2^64. */
typedef uint64_t lw__share_fn(const lw_view *view, uint32_t index, const void *how);

/* A node with chance share / sum of shares, exactly; LW_NO_WEIGHT where all shares are 0 or nobody may be chosen. Asks
   for each share twice: should they change in between, the answer is a node that had one the second time. O(n). */
ptrdiff_t lw__lottery_draw(const lw_view *view, lw__share_fn *share, const void *how);

/* Uniform below a bound of 64 bits that is not 0. */
uint64_t lw__below_wide(const lw_view *view, uint64_t bound);

#endif
