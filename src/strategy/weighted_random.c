/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * weighted_random: chance in proportion to weight. P(i) = w_i / sum of w over the nodes that may be chosen.
 *
 * Source: Walker's alias method in whole numbers; see weighted.c. Weight 0 is never picked; all weights 0 is
 * LW_NO_WEIGHT. Cost per pick: O(1), one draw and one table entry; over a partly eligible set redraws, then O(n).
 */
#include "strategy/table.h"
#include "strategy/weighted.h"

static ptrdiff_t weighted_random_pick(const lw_view *view) { return lw__weighted_draw(view, lw_view_plan(view)); }

const lw_strategy_ops lw__weighted_random = {
    .size = sizeof lw__weighted_random,
    .name = "weighted_random",
    .help = "Random choice in proportion to weight. For unequal nodes and many clients that must not march in step.",
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .plan_build = lw__alias_build,
    .pick = weighted_random_pick,
};
