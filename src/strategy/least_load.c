/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * least_load: the node with the lowest load, or the lowest load / weight. i = argmin load_i.
 *
 * Ties are drawn uniformly, since many clients that see the same loads and take the first would all go to the same
 * node; tie=first takes the lowest index. NaN means unknown and comes after every number, +inf included; where all
 * loads are NaN any node may come. With weighted=true nodes of weight 0 are never picked.
 *
 * Source: loadwise 0.1.0 (LeastLoad), nginx least_conn (load / weight). Cost per pick: O(n), vectorised when the load
 * column is a dense array of doubles; that of the column's own search where it has one (pools: O(log n)).
 */
#include "strategy/scan.h"
#include "strategy/table.h"

enum { TIE_RANDOM = 0, TIE_FIRST = 1 };

struct least_config {
    uint64_t tie;
    uint64_t weighted;
    uint64_t metric;
};

static double relative_load(const lw_view *view, uint32_t index) {
    return lw_view_load(view, index) / lw_view_weight(view, index);
}

__attribute__((noinline)) static ptrdiff_t scan_scores(const lw_view *view, const lw_f64_column *loads) {
    const struct least_config *config = lw_view_config(view);
    struct lw__scan scan = {
        .view = view,
        .dense = config->weighted ? NULL : lw_f64_dense(loads),
        .score = config->weighted ? relative_load : lw_view_load,
        .sign = 1,
        .weighted = config->weighted != 0,
        .first = config->tie == TIE_FIRST,
    };
    return lw__scan_some(&scan, 0);
}

static inline ptrdiff_t scan_loads(const lw_view *view, const lw_f64_column *loads) {
    const struct least_config *config = lw_view_config(view);
    const double *dense = lw_f64_dense(loads);
    bool whole = dense != NULL && !config->weighted && lw_view_all(view);
    return whole ? lw__scan_whole(view, dense, 1, 0, config->tie == TIE_FIRST) : scan_scores(view, loads);
}

/* Out of line, so that the scan has nothing to save. */
__attribute__((noinline)) static ptrdiff_t ask_column(const lw_view *view, const lw_f64_column *loads) {
    const struct least_config *config = lw_view_config(view);
    ptrdiff_t index = -1;
    if (!config->weighted && config->tie == TIE_RANDOM) {
        index = loads->least(loads->at.base, view);
    }
    return index >= 0 ? index : scan_loads(view, loads);
}

static ptrdiff_t least_pick(const lw_view *view) {
    const lw_f64_column *loads = lw_view_loads(view);
    return loads->least != NULL ? ask_column(view, loads) : scan_loads(view, loads);
}

static uint32_t least_needs(const void *config) {
    return ((const struct least_config *)config)->weighted ? LW_HAS(weight) : 0;
}

static const lw_param least_params[] = {
    {"tie", LW_PARAM_CHOICE, offsetof(struct least_config, tie), "random", NULL, NULL, "random|first",
     "which of several equally loaded nodes"},
    {"weighted", LW_PARAM_BOOL, offsetof(struct least_config, weighted), "false", NULL, NULL, NULL,
     "compares load / weight"},
    LW__METRIC_PARAM(struct least_config),
};

const lw_strategy_ops lw__least_load = {
    .size = sizeof lw__least_load,
    .name = "least_load",
    .help = "The least loaded node. For one client that sees every load as it is; otherwise p2c.",
    .params = least_params,
    .param_count = sizeof least_params / sizeof *least_params,
    .config_size = sizeof(struct least_config),
    .needs = LW_HAS(load) | LW_NEEDS_LEAST,
    .needs_of = least_needs,
    .pick = least_pick,
};
