/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What counts as load in a pool: the computed columns that a strategy's `metric` chooses from.
 *
 *     load, inflight   a + 1, where a is the number of requests under way: so that of two idle nodes the one with the
 *                      larger weight wins where loads are divided by weights
 *     inflight_cost    the same with the costs of the requests
 *     ewma, peak_ewma  l x (a + 1), l the latency as it reads now, and where something is under way no less than the
 *                      time since the node last finished: a node that stalls looks worse by the moment
 *     external         what the node reported, plus what was placed here since; see enum lw_stale
 *     user             what the caller's function says
 *
 * Cost: one indirect call per node that is looked at, a few loads; a power for the latencies.
 */
#include "pool/group.h"

static inline const struct lw__node *member(const void *user, size_t index) {
    return ((const struct lw__group *)user)->node[index];
}

static double inflight_load(const void *user, size_t index, uint64_t now) {
    (void)now;
    return (double)lw__node_inflight(member(user, index)) + 1;
}

static double cost_load(const void *user, size_t index, uint64_t now) {
    const struct lw__node *node = member(user, index);
    return inflight_load(user, index, now) + (double)__atomic_load_n(&node->cost, __ATOMIC_RELAXED);
}

/* Time since the node showed that it works, as a cost. */
static uint64_t stalled_for(const struct lw__node *node, uint64_t now) {
    uint64_t progress = __atomic_load_n(&node->progress, __ATOMIC_RELAXED);
    uint64_t age = progress != 0 && now > progress ? now - progress : 0;
    return (age < LW__LATENCY_MOST ? age : LW__LATENCY_MOST) * LW_LATENCY_ONE;
}

static double latency_load(const void *user, size_t index, uint32_t kind, uint64_t now) {
    const struct lw__group *group = user;
    const struct lw__node *node = group->node[index];
    uint32_t inflight = lw__node_inflight(node);
    uint64_t cost = lw__latency_cost(group->latency, &node->latency, kind, now);
    if (inflight > 0) {
        uint64_t stalled = stalled_for(node, now);
        cost = stalled > cost ? stalled : cost;
    }
    return (double)cost * ((double)inflight + 1);
}

static double ewma_load(const void *user, size_t index, uint64_t now) {
    return latency_load(user, index, LW_LATENCY_MEAN, now);
}

static double peak_load(const void *user, size_t index, uint64_t now) {
    return latency_load(user, index, LW_LATENCY_PEAK, now);
}

/* ---- reported loads ---- */

static double aged(double reported, double local, uint64_t age, const lw_pool_options *options) {
    uint64_t late = age - options->external_ttl;
    if (options->external_stale == LW_STALE_SATURATED) {
        return __builtin_nan("");
    }
    if (options->external_stale == LW_STALE_IGNORE || late >= options->external_ttl) {
        return local;
    }
    return reported + (local - reported) * ((double)late / (double)options->external_ttl);
}

static double external_load(const void *user, size_t index, uint64_t now) {
    const struct lw__node *node = member(user, index);
    const lw_pool_options *options = &((const struct lw__group *)user)->rules->options;
    double local = inflight_load(user, index, now) * options->external_unit, reported;
    uint64_t at = __atomic_load_n(&node->external_at, __ATOMIC_ACQUIRE);
    uint64_t base = __atomic_load_n(&node->external_base, __ATOMIC_RELAXED);
    __atomic_load(&node->external, &reported, __ATOMIC_RELAXED);
    if (at == 0) {
        return aged(0, local, 2 * options->external_ttl, options);
    }
    double since = (double)lw__node_inflight(node) - (double)(uint32_t)base;
    reported += since * options->external_unit;
    return now > at && now - at > options->external_ttl ? aged(reported, local, now - at, options) : reported;
}

static double user_load(const void *user, size_t index, uint64_t now) {
    const lw_pool_options *options = &((const struct lw__group *)user)->rules->options;
    void *node_user = __atomic_load_n(&member(user, index)->user, __ATOMIC_RELAXED);
    return options->load != NULL ? options->load(options->load_user, node_user, now) : __builtin_nan("");
}

/* ---- columns ---- */

static double remaining_share(const void *user, size_t index, uint64_t now) {
    const struct lw__group *group = user;
    struct lw__node *node = group->node[index];
    return node->quota != NULL ? lw__quota_ratio(&group->rules->quota, node->quota, now) : 1;
}

/* The tally knows who may be picked; not what a request excludes, nor who may serve in a panic, nor of subsets. */
static ptrdiff_t least_inflight(const void *user, const lw_view *view) {
    const struct lw__group *group = user;
    bool known = group->tally != NULL && view->request->exclude_count == 0 && view->eligible != group->panic &&
                 view->within == NULL;
    return known ? lw__tally_least(group->tally, lw_view_random(view)) : -1;
}

static lw_f64_column computed(const struct lw__group *group, lw_compute_fn *compute) {
    return (lw_f64_column){.at = {.base = group, .kind = LW_LAYOUT_COMPUTED}, .compute = compute};
}

void lw__signals_init(struct lw__group *group) {
    lw_f64_column inflight = computed(group, inflight_load);
    inflight.least = least_inflight;
    group->signals[LW_SIGNAL_LOAD] = inflight;
    group->signals[LW_SIGNAL_INFLIGHT] = inflight;
    group->signals[LW_SIGNAL_INFLIGHT_COST] = computed(group, cost_load);
    group->signals[LW_SIGNAL_EWMA] = computed(group, ewma_load);
    group->signals[LW_SIGNAL_PEAK_EWMA] = computed(group, peak_load);
    group->signals[LW_SIGNAL_EXTERNAL] = computed(group, external_load);
    group->signals[LW_SIGNAL_USER] = computed(group, user_load);
    group->nodes[LW__VIEW_ALL].remaining = computed(group, remaining_share);
}
