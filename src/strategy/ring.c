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
 * are met. Build: O(points), radix sort. Memory: 16 bytes a point.
 */
#include "base/sort.h"
#include "strategy/keyed.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { AHEAD = 4 }; /* points looked at without a branch, so as many sentinels */

struct ring_config {
    uint64_t vnodes;
    uint64_t max_points;
    uint64_t absent_key;
};

struct ring_plan {
    uint32_t count;    /* points */
    uint32_t shift;    /* of a place, to its bucket */
    uint32_t *first;   /* by bucket: the first point at or past its beginning */
    uint64_t points[]; /* place << 32 | node, ascending; then AHEAD sentinels */
};

static uint32_t point_place(uint64_t id, uint64_t replica) {
    return (uint32_t)(lw__mix(lw__mix(id) + (replica + 1) * LW__GOLDEN) >> 32);
}

static uint32_t index_bits(uint64_t points) {
    uint32_t bits = 1;
    while (bits < 31 && UINT64_C(1) << bits < points) {
        bits++;
    }
    return bits;
}

/* How many points the weights ask for; names the node that breaks the bound. */
static int count_points(const lw_build *build, uint64_t *points) {
    const struct ring_config *config = build->config;
    *points = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        *points += config->vnodes * build->weights[i];
        if (*points > config->max_points) {
            return lw_build_fail(
                build, LW_TOO_LARGE, i, "weight=%u brings vnodes x weight to %llu points; max_points=%llu is allowed",
                build->weights[i], (unsigned long long)*points, (unsigned long long)config->max_points);
        }
    }
    return LW_OK;
}

static void place_points(const lw_build *build, uint64_t *points) {
    const struct ring_config *config = build->config;
    for (uint32_t i = 0; i < build->count; i++) {
        uint64_t own = config->vnodes * build->weights[i];
        for (uint64_t r = 0; r < own; r++) {
            *points++ = (uint64_t)point_place(build->ids[i], r) << 32 | i;
        }
    }
}

/* Equal places are rare; within them the order is that of the ids, whatever the order of the nodes was. */
static void order_ties(const lw_build *build, uint64_t *points, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        uint64_t point = points[i];
        uint32_t at = i;
        for (; at > 0 && points[at - 1] >> 32 == point >> 32 &&
               build->ids[(uint32_t)points[at - 1]] > build->ids[(uint32_t)point];
             at--) {
            points[at] = points[at - 1];
        }
        points[at] = point;
    }
}

static void index_points(struct ring_plan *plan, uint32_t buckets) {
    uint32_t point = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        while (point < plan->count && plan->points[point] >> 32 >> plan->shift < b) {
            point++;
        }
        plan->first[b] = point;
    }
}

/* The index takes less than the points, so the same memory serves as the other array of the sort before. */
static int ring_build(const lw_build *build, void **out) {
    uint64_t points;
    int error = count_points(build, &points);
    if (error != LW_OK || points == 0) {
        return error;
    }
    struct ring_plan *plan = lw_build_alloc(build, sizeof *plan + (2 * points + AHEAD) * sizeof(uint64_t));
    if (plan == NULL) {
        return LW_NOMEM;
    }
    uint64_t *unsorted = plan->points + points + AHEAD;
    uint32_t bits = index_bits(points);
    plan->count = (uint32_t)points;
    plan->shift = 32 - bits;
    plan->first = (uint32_t *)(void *)unsorted;
    place_points(build, unsorted);
    lw__sort_high(unsorted, plan->points, plan->count);
    order_ties(build, plan->points, plan->count);
    for (uint32_t i = 0; i < AHEAD; i++) {
        plan->points[points + i] = UINT64_MAX;
    }
    index_points(plan, UINT32_C(1) << bits);
    *out = plan;
    return LW_OK;
}

/* Nearly always one of the first four points of the bucket is it, and no branch has to guess which: then the count of
   those before the place says so. */
static inline uint32_t first_point(const struct ring_plan *plan, uint64_t key) {
    uint32_t place = (uint32_t)(lw__mix(key) >> 32);
    uint32_t at = plan->first[place >> plan->shift];
    uint64_t target = (uint64_t)place << 32;
    const uint64_t *point = plan->points + at;
    uint32_t before = 0;
    for (uint32_t i = 0; i < AHEAD; i++) {
        before += point[i] < target;
    }
    at += before;
    if (__builtin_expect(before == AHEAD, 0)) {
        while (at < plan->count && plan->points[at] < target) {
            at++;
        }
    }
    return at < plan->count ? at : 0;
}

static ptrdiff_t owner_of(const lw_view *view, const struct ring_plan *plan, uint64_t key) {
    uint32_t at = first_point(plan, key);
    for (uint32_t step = 0; step < plan->count; step++) {
        uint32_t node = (uint32_t)plan->points[at];
        if (lw_view_may(view, node)) {
            return node;
        }
        at = at + 1 < plan->count ? at + 1 : 0;
    }
    return lw__weightless(view);
}

static ptrdiff_t ring_pick(const lw_view *view) {
    const struct ring_config *config = lw_view_config(view);
    uint64_t key;
    if (lw_view_plan(view) == NULL) {
        return lw__weightless(view);
    }
    int error = lw__key_of(view, config->absent_key, &key);
    return error == LW_OK ? owner_of(view, lw_view_plan(view), key) : error;
}

static ptrdiff_t ring_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct ring_plan *plan = lw_view_plan(view);
    if (plan == NULL) {
        return lw__weightless(view);
    }
    uint32_t at = first_point(plan, key), found = 0;
    for (uint32_t step = 0; step < plan->count && found < room; step++) {
        uint32_t node = (uint32_t)plan->points[at];
        if (lw_view_may(view, node) && !lw__holds(out, found, node)) {
            out[found++] = node;
        }
        at = at + 1 < plan->count ? at + 1 : 0;
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}

static const lw_param ring_params[] = {
    {"vnodes", LW_PARAM_U64, offsetof(struct ring_config, vnodes), "150", "1", "65536", NULL,
     "points per unit of weight; load deviates by about 1/sqrt(points)"},
    {"max_points", LW_PARAM_U64, offsetof(struct ring_config, max_points), "8388608", "1", "134217728", NULL,
     "largest table; a set that asks for more is refused, never rescaled"},
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
