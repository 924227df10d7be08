/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A few different nodes, drawn in random order from those that may be chosen: what p2c, least_request and jiq compare.
 */
#ifndef LW_STRATEGY_DISTINCT_H
#define LW_STRATEGY_DISTINCT_H

#include "strategy/weighted.h"

#include <loadwise/ops.h>

enum { LW__CHOICES = 16 }; /* most that are drawn for one pick */

/* d nodes, every set of d in every order as likely as any other; all there are when they are fewer. Returns how many,
   at least 1, or a refusal. O(d^2); over a part of the nodes a bounded number of redraws, then O(d n / 64). */
ptrdiff_t lw__distinct_draw(const lw_view *view, uint32_t *drawn, uint32_t d);

/* d nodes one after another, each by weight among those not drawn yet; none of weight 0. The table is
   lw__alias_build's, NULL where all weights are 0. Returns and costs the same, but O(d n) where redraws do not find
   them. */
ptrdiff_t lw__distinct_draw_weighted(const lw_view *view, const struct lw__alias *table, uint32_t *drawn, uint32_t d);

#endif
