/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sed: shortest expected delay. i = argmin (a_i + 1) / w_i, with a requests in flight and weight w as speed.
 *
 * The + 1 is the request itself: with a / w every idle node would be as good as any other, however slow. Equal
 * fractions make equal doubles, so that ties are seen as such, and are drawn uniformly. Weight 0 is never picked.
 *
 * Source: Linux IPVS, sed. Cost per pick: O(n).
 */
#include "strategy/sed.h"

#include "strategy/scan.h"
#include "strategy/table.h"

static double expected_delay(const lw_view *view, uint32_t index) {
    return ((double)lw_view_inflight(view, index) + 1) / lw_view_weight(view, index);
}

ptrdiff_t lw__least_delay(const lw_view *view) {
    struct lw__scan scan = {.view = view, .score = expected_delay, .sign = 1, .weighted = true};
    return lw__scan_pick(&scan, 0);
}

const lw_strategy_ops lw__sed = {
    .size = sizeof lw__sed,
    .name = "sed",
    .help =
        "The shortest expected delay, requests in flight over weight. For unequal nodes that one client sees all of.",
    .needs = LW_HAS(inflight),
    .pick = lw__least_delay,
};
