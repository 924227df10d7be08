/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * nq: never queue. An idle node if there is one, drawn by weight; else the shortest expected delay, as sed.
 *
 * sed lets a request wait at a fast node while a slow one idles. By weight, not the first one as IPVS does, nor evenly:
 * a fleet that is mostly idle then shares by speed, and many clients do not all find the same node. First some draws
 * by weight from the alias table, of which the first that is idle has the right chance; then a draw among those idle.
 *
 * Source: Linux IPVS, nq. Cost per pick: O(1) where most are idle, else O(n).
 */
#include "strategy/lottery.h"
#include "strategy/sed.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { IDLE_DRAWS = 4 };

static uint64_t idle_weight(const lw_view *view, uint32_t index, const void *how) {
    (void)how;
    return lw_view_inflight(view, index) == 0 ? lw_view_weight(view, index) : 0;
}

static ptrdiff_t nq_pick(const lw_view *view) {
    const struct lw__alias *table = lw_view_plan(view);
    if (table == NULL) {
        return lw__weightless(view);
    }
    for (int i = 0; i < IDLE_DRAWS; i++) {
        uint32_t index = lw__alias_draw(view, table);
        if (lw_view_may(view, index) && lw_view_inflight(view, index) == 0) {
            return index;
        }
    }
    ptrdiff_t index = lw__lottery_draw(view, idle_weight, NULL);
    return index >= 0 ? index : lw__least_delay(view);
}

const lw_strategy_ops lw__nq = {
    .size = sizeof lw__nq,
    .name = "nq",
    .help =
        "An idle node, by weight; if all are busy, as sed. For unequal nodes where waiting behind another is worst.",
    .needs = LW_HAS(inflight) | LW_NEEDS_PLAN,
    .plan_build = lw__alias_build,
    .pick = nq_pick,
};
