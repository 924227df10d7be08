/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Outlier ejection; see outlier.h for the rules. Success rates are compared without a root:
 *
 *     rate < mean - factor x deviation   <=>   mean > rate and (mean - rate)^2 > factor^2 x variance
 *
 * One thread at a time ejects, so that the cap holds; another one that comes meanwhile leaves it to the next request.
 * How many are ejected is counted when it matters and not stored. Cost: one addition per request; O(nodes) per interval
 * and per candidate.
 */
#include "pool/snapshot.h"

#include "base/random.h"

/* ---- ejecting ---- */

/* Whoever is disabled, draining or kept for a panic is not left in the rotation either. */
static bool cap_allows(const lw_pool *pool, const struct lw__snapshot *snapshot, const struct lw__node *candidate,
                       uint64_t now) {
    const lw_outlier_options *options = &pool->rules.outlier;
    uint64_t ejected = 0, others = 0, allowed = (uint64_t)snapshot->count * options->max_percent / 100;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct lw__node *node = snapshot->node[i];
        bool out = lw__node_time(&node->ejected_until) > now;
        ejected += out;
        others += !out && node != candidate && (__atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) & LW__ABSENT) == 0;
    }
    if (allowed == 0 && options->always_one) {
        allowed = 1;
    }
    return ejected < allowed && others > 0;
}

static uint64_t ejection_time(const lw_pool *pool, const struct lw__node *node, uint32_t number, uint64_t now) {
    const lw_outlier_options *options = &pool->rules.outlier;
    uint64_t most = options->max_ejection, time;
    if (__builtin_mul_overflow(options->base_ejection, (uint64_t)number, &time) || time > most) {
        time = most;
    }
    uint64_t chance = lw__seed(pool->env.seed ^ node->id, now);
    uint64_t jitter = options->jitter == 0 ? 0 : chance % options->jitter;
    return lw__after(time, jitter);
}

/* Ended as it began. */
static void tell_ejection(const lw_pool *pool, const struct lw__node *node, bool begins) {
    const lw_observer *observer = &pool->rules.observer;
    uint32_t status = lw__health_status(&node->health), cause = __atomic_load_n(&node->cause, __ATOMIC_RELAXED);
    if (observer->health_changed != NULL) {
        lw__telling_begin();
        observer->health_changed(observer->user, node->id, begins ? status : (uint32_t)LW_UNHEALTHY,
                                 begins ? (uint32_t)LW_UNHEALTHY : status, cause);
        lw__telling_end();
    }
}

static bool may_eject(const lw_pool *pool, const struct lw__snapshot *snapshot, const struct lw__node *node,
                      uint64_t now) {
    return lw__node_time(&node->ejected_until) <= now && cap_allows(pool, snapshot, node, now);
}

static void eject(lw_pool *pool, struct lw__node *node, uint64_t until, uint32_t cause, uint64_t now) {
    __atomic_store_n(&node->cause, cause, __ATOMIC_RELAXED);
    __atomic_store_n(&node->ejected_until, until, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&pool->ejections, 1, __ATOMIC_RELAXED);
    lw__node_settle(pool, node, now);
    tell_ejection(pool, node, true);
}

static void try_eject(lw_pool *pool, const struct lw__snapshot *snapshot, struct lw__node *node, uint64_t now) {
    if (may_eject(pool, snapshot, node, now)) {
        uint32_t number = node->ejections + 1;
        __atomic_store_n(&node->ejections, number, __ATOMIC_RELAXED); /* others may read it */
        eject(pool, node, lw__after(now, ejection_time(pool, node, number, now)), LW_CAUSE_OUTLIER, now);
    }
}

static bool busy_begin(lw_pool *pool) { return __atomic_exchange_n(&pool->outlier_busy, 1, __ATOMIC_ACQUIRE) == 0; }

static void busy_end(lw_pool *pool) { __atomic_store_n(&pool->outlier_busy, 0, __ATOMIC_RELEASE); }

bool lw__outlier_eject(lw_pool *pool, struct lw__node *node, uint64_t until, uint32_t cause, uint64_t now) {
    bool may = busy_begin(pool);
    if (may) {
        may = may_eject(pool, lw__snapshot_current(pool), node, now);
        if (may) {
            eject(pool, node, until, cause, now);
        }
        busy_end(pool);
    }
    return may;
}

void lw__outlier_back(lw_pool *pool, struct lw__node *node, uint64_t now) {
    lw__ramp_begin(pool, node, now);
    tell_ejection(pool, node, false);
}

/* ---- one request ---- */

void lw__outlier_note(lw_pool *pool, struct lw__node *node, bool failed, uint64_t now) {
    const lw_outlier_options *options = &pool->rules.outlier;
    __atomic_fetch_add(&node->interval, UINT64_C(1) << 32 | failed, __ATOMIC_RELAXED);
    if (!failed || options->consecutive == 0) {
        return;
    }
    lw_health_info info = {.size = sizeof info};
    lw__health_info(&pool->rules.health, &node->health, node->id, now, &info);
    if (info.state.consecutive_failures >= options->consecutive && busy_begin(pool)) {
        try_eject(pool, lw__snapshot_current(pool), node, now);
        busy_end(pool);
    }
}

/* ---- one interval ---- */

static double failed_share(const struct lw__node *node) {
    return (double)(uint32_t)node->judged / (double)(node->judged >> 32);
}

static bool has_volume(const struct lw__node *node, uint64_t now, uint32_t volume) {
    return node->judged >> 32 >= volume && node->judged >> 32 > 0 && lw__node_time(&node->ejected_until) <= now;
}

static uint32_t count_voluminous(const struct lw__snapshot *snapshot, uint64_t now, uint32_t volume, double *mean,
                                 double *variance) {
    uint32_t count = 0;
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (has_volume(snapshot->node[i], now, volume)) {
            sum += 1 - failed_share(snapshot->node[i]);
            count++;
        }
    }
    *mean = count > 0 ? sum / count : 0;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (has_volume(snapshot->node[i], now, volume)) {
            double off = 1 - failed_share(snapshot->node[i]) - *mean;
            squares += off * off;
        }
    }
    *variance = count > 0 ? squares / count : 0;
    return count;
}

static void compare_rates(lw_pool *pool, const struct lw__snapshot *snapshot, uint64_t now) {
    const lw_outlier_options *options = &pool->rules.outlier;
    double mean, variance, factor = options->success_rate_factor / 1000.0;
    uint32_t volume = options->success_rate_volume;
    if (!options->success_rate ||
        count_voluminous(snapshot, now, volume, &mean, &variance) < options->success_rate_hosts) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        struct lw__node *node = snapshot->node[i];
        if (has_volume(node, now, volume)) {
            double below = mean - (1 - failed_share(node));
            if (below > 0 && below * below > factor * factor * variance) {
                try_eject(pool, snapshot, node, now);
            }
        }
    }
}

static void compare_failures(lw_pool *pool, const struct lw__snapshot *snapshot, uint64_t now) {
    const lw_outlier_options *options = &pool->rules.outlier;
    uint32_t volume = options->failure_percentage_volume;
    double mean, variance;
    if (options->failure_percentage == 0 ||
        count_voluminous(snapshot, now, volume, &mean, &variance) < options->failure_percentage_hosts) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        struct lw__node *node = snapshot->node[i];
        if (has_volume(node, now, volume) && failed_share(node) * 100 >= options->failure_percentage) {
            try_eject(pool, snapshot, node, now);
        }
    }
}

/* Takes the counts of the interval, and forgives one ejection to every node that was in the rotation for as long. */
static void take_interval(const lw_pool *pool, const struct lw__snapshot *snapshot, uint64_t now) {
    uint64_t interval = pool->rules.outlier.interval;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        struct lw__node *node = snapshot->node[i];
        node->judged = __atomic_exchange_n(&node->interval, 0, __ATOMIC_RELAXED);
        if (node->ejections > 0 && lw__after(lw__node_time(&node->ejected_until), interval) <= now) {
            __atomic_store_n(&node->ejections, node->ejections - 1, __ATOMIC_RELAXED);
        }
    }
}

void lw__outlier_sweep(lw_pool *pool, uint64_t now) {
    uint64_t next = __atomic_load_n(&pool->next_outlier, __ATOMIC_SEQ_CST);
    if (now < next || !busy_begin(pool)) {
        return;
    }
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    __atomic_store_n(&pool->next_outlier, lw__after(now, pool->rules.outlier.interval), __ATOMIC_SEQ_CST);
    if (next != 0) {
        take_interval(pool, snapshot, now);
        compare_rates(pool, snapshot, now);
        compare_failures(pool, snapshot, now);
    }
    busy_end(pool);
}
