/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * round_robin: every eligible node in turn. Pick = the (ticket mod m)-th of the m eligible nodes.
 *
 * Counting turns over the eligible nodes, not over all, gives the successor of a node that is down its own share and no
 * more. Exact over a cycle of m picks per lane while the eligible set stays; over all lanes counts differ by at most
 * their number; lanes=1 is exact globally. A pick with exclusions draws uniformly among what remains and leaves
 * the cursor alone, so that retries do not tilt the rotation.
 *
 * Source: folklore; random start as in gRPC and Envoy. Cost per pick: one counter in the thread's own lane and one
 * division; over a partly eligible set also a count and a rank in the bitmap (O(n / 512) with block counts).
 */
#include "strategy/rotation.h"
#include "strategy/table.h"

static ptrdiff_t round_robin_pick(const lw_view *view) {
    if (lw_view_all(view)) {
        return lw__rotation_place(lw__rotation_next(view), view->count);
    }
    if (view->request->exclude_count != 0) {
        return lw_view_uniform(view);
    }
    uint32_t eligible = lw_view_count(view);
    if (eligible == 0) {
        return lw_view_refusal(view);
    }
    return lw_view_nth(view, lw__rotation_place(lw__rotation_next(view), eligible));
}

static const lw_param round_robin_params[] = {LW__ROTATION_PARAMS};

const lw_strategy_ops lw__round_robin = {
    .size = sizeof lw__round_robin,
    .name = "round_robin",
    .help = "Every node in turn. For equal nodes and requests of equal cost.",
    .params = round_robin_params,
    .param_count = sizeof round_robin_params / sizeof *round_robin_params,
    .config_size = sizeof(struct lw__rotation_config),
    .lane_size = sizeof(struct lw__rotation_lane),
    .lane_init = lw__rotation_lane_init,
    .pick = round_robin_pick,
};
