/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Draws in proportion to integer weights, exactly: from an alias table, or over whatever remains of a set. */
#ifndef LW_STRATEGY_WEIGHTED_H
#define LW_STRATEGY_WEIGHTED_H

#include <loadwise/ops.h>

struct lw__alias;

/* Builds the table: O(n). Stays NULL when all weights are 0. One block, freed by the engine. */
int lw__alias_build(const lw_build *build, void **out);

/* A node by weight among all, eligible or not: O(1), or O(log n) when the weights sum to 2^32 or more. */
uint32_t lw__alias_draw(const lw_view *view, const struct lw__alias *table);

/* A node by weight among those that may be chosen: redraws, then lw__weighted_scan. */
ptrdiff_t lw__weighted_draw(const lw_view *view, const struct lw__alias *table);

/* A node by weight among those that may be chosen, without a table: O(n). Refuses with LW_NO_WEIGHT when theirs are 0.
 */
ptrdiff_t lw__weighted_scan(const lw_view *view);

/* The same but for some nodes; LW_NO_WEIGHT when nobody of any weight is left. */
ptrdiff_t lw__weighted_scan_but(const lw_view *view, const uint32_t *but, uint32_t but_count);

/* The refusal where no node of any weight may be chosen: because none may, or because theirs is 0. */
ptrdiff_t lw__weightless(const lw_view *view);

/* Is the index among these few? */
bool lw__holds(const uint32_t *nodes, uint32_t count, uint32_t index);

/* Greatest common divisor and sum of the weights. */
uint32_t lw__weights_gcd(const uint32_t *weights, uint32_t count);
uint64_t lw__weights_sum(const uint32_t *weights, uint32_t count);

/* Writes the running sums of the weights over their gcd. */
void lw__sums_fill(const lw_build *build, uint32_t gcd, uint64_t *sums);

/* First i with sums[i] > place, where sums are the running sums of count weights: a branch-free binary search. */
uint32_t lw__sums_find(const uint64_t *sums, uint32_t count, uint64_t place);

#endif
