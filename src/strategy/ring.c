/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ring: consistent hashing with virtual nodes. A key belongs to the node of the first point at or
 * clockwise from its hash.
 *
 * Let mix be the finaliser of splitmix64 and g = 0x9e3779b97f4a7c15. A node has vnodes x weight points; point r (from
 * 0) of node id stands at the high 32 bits of mix(mix(id) + (r + 1) * g); a key looks from the high 32 bits of
 * mix(key). Points of equal place are ordered by id. So a node's points depend on nothing but its id and weight:
 * removing a node moves only its keys, a reweight only the difference, and neither the order of the nodes nor the
 * platform nor the seed matters. An owner that may not be chosen passes its keys on to the next distinct node
 * clockwise. Weight 0 has no points.
 *
 * Source: Karger et al. 1997; points per weight as in ketama. Load deviates by about 1/sqrt(points per node).
 * Cost per pick: O(1), an index over the top bits, then a short walk; as many steps more as points of ineligible nodes
 * are met. Build: O(points), radix sort; from one version to the next those of nodes that stay are merged, not placed.
 * Memory: 16 bytes a point.
 */
#include "strategy/keyed.h"
#include "strategy/points.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

struct ring_config {
    uint64_t vnodes;
    uint64_t max_points;
    uint64_t absent_key;
};

static int ring_build(const lw_build *build, void **out) {
    const struct ring_config *config = build->config;
    return lw__points_build(build, config->vnodes, config->max_points, out);
}

static inline uint32_t place_of(uint64_t key) { return (uint32_t)(lw__mix(key) >> 32); }

static ptrdiff_t ring_pick(const lw_view *view) {
    const struct ring_config *config = lw_view_config(view);
    const struct lw__points *points = lw_view_plan(view);
    uint64_t key;
    if (points == NULL) {
        return lw__weightless(view);
    }
    int error = lw__key_of(view, config->absent_key, &key);
    return error == LW_OK ? lw__points_walk(view, points, lw__points_from(points, place_of(key))) : error;
}

static ptrdiff_t ring_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct lw__points *points = lw_view_plan(view);
    return points == NULL ? lw__weightless(view)
                          : lw__points_sequence(view, points, lw__points_from(points, place_of(key)), out, room);
}

static const lw_param ring_params[] = {
    {"vnodes", LW_PARAM_U64, offsetof(struct ring_config, vnodes), "150", "1", "65536", NULL,
     "points per unit of weight; load deviates by about 1/sqrt(points)"},
    LW__MAX_POINTS_PARAM(struct ring_config),
    LW__ABSENT_KEY_PARAM(struct ring_config),
};

const lw_strategy_ops lw__ring = {
    .size = sizeof lw__ring,
    .name = "ring",
    .help = "Consistent hashing: one key, one node, and few keys move when nodes come and go. For caches and sessions.",
    .params = ring_params,
    .param_count = sizeof ring_params / sizeof *ring_params,
    .config_size = sizeof(struct ring_config),
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = ring_build,
    .pick = ring_pick,
    .sequence = ring_sequence,
};
