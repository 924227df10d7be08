/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a pool and its nodes look like now; see pool_stats.h. */
#include "pool/sync.h"

#include "base/fixed.h"
#include "strategy/unit.h"
#include <string.h>

/* ---- the pool ---- */

static void count_nodes(const lw_pool *pool, uint64_t now, lw_pool_stats *stats) {
    const struct lw__snapshot *snapshot = pool->current;
    size_t node = sizeof(struct lw__node) + (pool->rules.quota.count > 0 ? pool->rules.quota.node_size : 0);
    stats->nodes = snapshot->count;
    stats->routes = pool->route_count;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        stats->eligible += lw__node_reasons(pool, snapshot->node[i], now) == 0;
    }
    for (const struct lw__node *left = pool->left; left != NULL; left = left->next) {
        stats->leaving += lw__node_inflight(left) > 0;
        stats->resting += left->rests_until > now;
        stats->bytes += node;
    }
    stats->bytes += snapshot->count * (node + sizeof(struct lw__node *) + sizeof(uint64_t) + sizeof(uint32_t));
    stats->bytes += snapshot->place_count * sizeof(struct lw__place);
    stats->bytes += snapshot->count > 0 ? (snapshot->map.mask + 1) * sizeof *snapshot->map.slots : 0;
    for (uint32_t i = 0; i < snapshot->place_count; i++) {
        stats->bytes += snapshot->place[i].index == 0 ? snapshot->place[i].group->bytes : 0;
    }
    for (const struct lw__snapshot *old = pool->retired; old != NULL; old = old->older) {
        stats->waiting++;
    }
}

static void count_tickets(const lw_pool *pool, uint64_t now, lw_pool_stats *stats) {
    uint64_t oldest = UINT64_MAX;
    uint32_t count = lw__rack_lent(&pool->slots.rack);
    for (uint32_t i = 0; i < count; i++) {
        if (lw__rack_held(&pool->slots.rack, i) != 0) {
            uint64_t started = __atomic_load_n(&lw__slot_at(&pool->slots, i)->started, __ATOMIC_RELAXED);
            stats->tickets++;
            oldest = started < oldest ? started : oldest;
        }
    }
    stats->oldest = oldest < now ? now - oldest : 0;
}

static void sum_counts(const lw_pool *pool, lw_pool_stats *stats) {
    for (uint32_t i = 0; i < LW_LANES; i++) {
        const struct lw__counts *counts = &pool->counts[i];
        stats->picks += __atomic_load_n(&counts->picks, __ATOMIC_RELAXED);
        stats->refusals += __atomic_load_n(&counts->refusals, __ATOMIC_RELAXED);
        stats->panics += __atomic_load_n(&counts->panics, __ATOMIC_RELAXED);
        stats->spills += __atomic_load_n(&counts->spills, __ATOMIC_RELAXED);
        stats->repicks += __atomic_load_n(&counts->repicks, __ATOMIC_RELAXED);
        stats->ended += __atomic_load_n(&counts->ended, __ATOMIC_RELAXED);
        stats->already += __atomic_load_n(&counts->already, __ATOMIC_RELAXED);
        stats->lost += __atomic_load_n(&counts->lost, __ATOMIC_RELAXED);
    }
}

int lw_pool_stats_read(lw_pool *pool, uint64_t now, lw_pool_stats *out) {
    lw_pool_stats stats = {.size = out->size};
    if (out->size < sizeof out->size) {
        return lw__fail(&pool->env, LW_INVALID, "stats: size=%zu, is it set?", out->size);
    }
    int error = lw__pool_lock_to_read(pool);
    if (error != LW_OK) {
        return error;
    }
    now = now != 0 ? now : lw__now(&pool->env);
    count_nodes(pool, now, &stats);
    stats.updates = pool->updates;
    stats.plans = pool->plans;
    lw__pool_unlock(pool);
    count_tickets(pool, now, &stats);
    sum_counts(pool, &stats);
    stats.ejections = __atomic_load_n(&pool->ejections, __ATOMIC_RELAXED);
    stats.syncs = pool->sync != NULL ? __atomic_load_n(&pool->sync->synced, __ATOMIC_RELAXED) : 0;
    stats.away = pool->sync != NULL ? __atomic_load_n(&pool->sync->away, __ATOMIC_RELAXED) : 0;
    memcpy(out, &stats, out->size < sizeof stats ? out->size : sizeof stats);
    return LW_OK;
}

/* ---- strategies ---- */

/* All groups of a route have the same strategy, each its own. */
static size_t add_counters(const struct lw__path *path, lw_counter *out, size_t room) {
    size_t found = 0;
    for (uint32_t i = 0; i < path->level_count; i++) {
        for (uint32_t part = 0; part < 2; part++) {
            const struct lw__group *group = path->level[i].part[part];
            found = group != NULL ? lw__strategy_counters_add(group->chooser->strategy, out, room) : found;
        }
    }
    return found;
}

ptrdiff_t lw_pool_counters(lw_pool *pool, uint32_t route, lw_counter *out, size_t room) {
    int error = lw__pool_lock_to_read(pool);
    if (error != LW_OK) {
        return error;
    }
    for (size_t i = 0; i < room; i++) {
        out[i] = (lw_counter){NULL, NULL, 0};
    }
    ptrdiff_t found = route < pool->current->path_count
                          ? (ptrdiff_t)add_counters(&pool->current->path[route], out, room)
                          : lw__fail(&pool->env, LW_UNKNOWN, "counters: there is no route %u", route);
    lw__pool_unlock(pool);
    return found;
}

/* ---- nodes ---- */

static uint64_t in_units(uint64_t cost) { return (cost + LW_LATENCY_ONE / 2) / LW_LATENCY_ONE; }

static uint64_t leased_of(const lw_pool *pool, struct lw__node *node, uint64_t now) {
    uint64_t sum = 0;
    for (uint32_t left = pool->rules.quota.shared; left != 0;) {
        sum += lw__lease_held(lw__quota_count_of(&pool->rules.quota, node->quota, lw__quota_next(&left)), now);
    }
    return sum;
}

static void fill_info(const lw_pool *pool, struct lw__node *node, uint64_t now, lw_node_info *info) {
    uint64_t traffic = __atomic_load_n(&node->traffic, __ATOMIC_SEQ_CST);
    uint64_t since = __atomic_load_n(&node->ramp_since, __ATOMIC_RELAXED);
    info->node = node->id;
    info->name = node->name;
    info->user = __atomic_load_n(&node->user, __ATOMIC_RELAXED);
    info->weight = __atomic_load_n(&node->weight, __ATOMIC_RELAXED);
    info->priority = __atomic_load_n(&node->priority, __ATOMIC_RELAXED);
    info->admin = __atomic_load_n(&node->admin, __ATOMIC_RELAXED);
    info->status = lw__health_status(&node->health);
    info->reasons = lw__node_reasons(pool, node, now);
    info->admin = (info->reasons & LW_REASON_DISABLED) != 0 ? (uint32_t)LW_ADMIN_DISABLED : info->admin;
    info->inflight = (uint32_t)traffic;
    info->started = traffic >> 32;
    info->max_inflight = __atomic_load_n(&node->cap, __ATOMIC_RELAXED);
    info->ejections = __atomic_load_n(&node->ejections, __ATOMIC_RELAXED);
    info->cost = info->inflight + __atomic_load_n(&node->cost, __ATOMIC_RELAXED);
    info->retry_at = lw__node_due(pool, node, 0, now);
    info->mean = in_units(lw__latency_cost(&pool->latency, &node->latency, LW_LATENCY_MEAN, now));
    info->peak = in_units(lw__latency_cost(&pool->latency, &node->latency, LW_LATENCY_PEAK, now));
    info->external = __builtin_nan("");
    if (lw__node_time(&node->external_at) != 0) {
        __atomic_load(&node->external, &info->external, __ATOMIC_RELAXED);
    }
    info->ramp = (double)lw__ramp_factor(pool, since, now) / (double)LW__ONE;
    info->remaining = node->quota != NULL ? lw__quota_ratio(&pool->rules.quota, node->quota, now) : 1;
    info->leased = leased_of(pool, node, now);
    info->judged_until = node->sync != NULL ? __atomic_load_n(&node->sync->judged_until, __ATOMIC_RELAXED) : 0;
}

int lw_pool_node(lw_pool *pool, uint64_t id, uint64_t now, lw_node_info *out) {
    lw_node_info info = {.size = out->size};
    if (out->size < sizeof out->size) {
        return lw__fail(&pool->env, LW_INVALID, "node info: size=%zu, is it set?", out->size);
    }
    now = now != 0 ? now : lw__now(&pool->env);
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    struct lw__node *node = lw__snapshot_find(lw__snapshot_current(pool), id);
    if (node != NULL) {
        fill_info(pool, node, now, &info);
        memcpy(out, &info, out->size < sizeof info ? out->size : sizeof info);
    }
    lw__read_end(lane, parity);
    return node != NULL ? LW_OK : LW_UNKNOWN;
}

int lw_pool_each(lw_pool *pool, uint64_t now, int (*each)(void *user, const lw_node_info *info), void *user) {
    int answer = 0;
    now = now != 0 ? now : lw__now(&pool->env);
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    for (uint32_t i = 0; i < snapshot->count && answer == 0; i++) {
        lw_node_info info = {.size = sizeof info};
        fill_info(pool, snapshot->node[i], now, &info);
        lw__telling_begin();
        answer = each(user, &info);
        lw__telling_end();
    }
    lw__read_end(lane, parity);
    return answer;
}
