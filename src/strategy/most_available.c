/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * most_available: the node with the most quota left. Every node with remaining >= best - epsilon ties, and a tie is
 * drawn uniformly, so that a hair's breadth does not send all traffic to one node.
 *
 * The bound is inclusive, as computed in doubles: best - epsilon is rounded once, then compared. NaN means unknown
 * and comes last; where all are NaN any node may come.
 *
 * Source: loadwise 0.1.0 (MostAvailable). Cost per pick: O(n) in two passes, vectorised when the remaining column is a
 * dense array of doubles.
 */
#include "strategy/scan.h"
#include "strategy/table.h"

struct most_config {
    double epsilon;
};

static ptrdiff_t most_pick(const lw_view *view) {
    const struct most_config *config = lw_view_config(view);
    struct lw__scan scan = {
        .view = view,
        .dense = lw_f64_dense(&view->nodes->remaining),
        .score = lw_view_remaining,
        .sign = -1,
    };
    return lw__scan_pick(&scan, config->epsilon);
}

static const lw_param most_params[] = {
    {"epsilon", LW_PARAM_F64, offsetof(struct most_config, epsilon), "0.05", "0", "1", NULL,
     "how far below the best still counts as equal, inclusive"},
};

const lw_strategy_ops lw__most_available = {
    .size = sizeof lw__most_available,
    .name = "most_available",
    .help = "The node with the most quota left. For keys and accounts with limits.",
    .params = most_params,
    .param_count = sizeof most_params / sizeof *most_params,
    .config_size = sizeof(struct most_config),
    .needs = LW_HAS(remaining),
    .pick = most_pick,
};
