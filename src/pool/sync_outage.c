/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The store is away, and is back. In between, what is granted of shared dimensions is
 *
 *   local share   what is still leased, then as much as limit / instances allows by the count of this process, in which
 *                 everything counts that it used before
 *   open          everything
 *   stale         the last lease again, each sync, for so long; then nothing
 *   closed        what is still leased, then nothing
 *
 * and all but what was leased is owed: told once the store is back, as far as it still counts.
 *
 * Bound of the local share, of n processes with a limit of L: ceil(L / n) each, n ceil(L / n) <= L + n - 1 in a window
 * that lies in the outage; in one that saw it begin, what was leased before on top, which the store kept to L.
 * Cost: O(nodes) when it begins and when it ends.
 */
#include "pool/sync.h"

typedef void lease_call(lw_pool *pool, const struct lw__quota_dimension *d, struct lw__quota_count *count);

static void each_lease(lw_pool *pool, struct lw__node *node, lease_call *call) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        call(pool, &plan->dimension[i], lw__quota_count_of(plan, node->quota, i));
    }
}

static void share_lease(lw_pool *pool, const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    (void)pool;
    lw__lease_share(d, count);
}

static void repeat_lease(lw_pool *pool, const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    const struct lw__sync *sync = pool->sync;
    lw__lease_repeat(d, count, lw__after(sync->now, sync->options.lease), sync->now);
}

/* Under the lock, for updates limit nodes too. */
static void turn(lw_pool *pool, uint32_t mode) {
    struct lw__quota_fleet *fleet = &pool->rules.quota.fleet;
    pthread_mutex_lock(&pool->changing);
    __atomic_store_n(&fleet->instances, lw__sync_instances(pool->sync), __ATOMIC_SEQ_CST);
    __atomic_store_n(&fleet->mode, mode, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < pool->current->count; i++) {
        each_lease(pool, pool->current->node[i], share_lease);
    }
    for (struct lw__node *node = pool->left; node != NULL; node = node->next) {
        each_lease(pool, node, share_lease);
    }
    pthread_mutex_unlock(&pool->changing);
}

static void settle_all(lw_pool *pool, bool repeats) {
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (repeats) {
            each_lease(pool, snapshot->node[i], repeat_lease);
        }
        lw__node_tell_quota(pool, snapshot->node[i], NULL, pool->sync->now);
        lw__node_settle(pool, snapshot->node[i], pool->sync->now);
    }
    lw__read_end(lane, parity);
}

static void tell_outage(const lw_pool *pool, bool begins) {
    const lw_observer *observer = &pool->rules.observer;
    if (observer->outage != NULL) {
        lw__telling_begin();
        observer->outage(observer->user, begins);
        lw__telling_end();
    }
}

static uint32_t mode_of(const struct lw__sync *sync, bool away) {
    if (!away) {
        return LW__FLEET_LEASED;
    }
    return sync->options.outage == LW_OUTAGE_LOCAL_SHARE ? LW__FLEET_SHARE
           : sync->options.outage == LW_OUTAGE_OPEN      ? LW__FLEET_OPEN
                                                         : LW__FLEET_LEASED;
}

void lw__sync_outage(lw_pool *pool, bool away) {
    struct lw__sync *sync = pool->sync;
    bool changes = away != (sync->away != 0), leases = sync->shared > 0;
    sync->lost_at = away && changes ? sync->now : sync->lost_at;
    bool repeats = away && sync->options.outage == LW_OUTAGE_STALE && sync->now - sync->lost_at < sync->options.stale;
    if (changes) {
        __atomic_store_n(&sync->away, away, __ATOMIC_RELAXED);
        if (leases) {
            turn(pool, mode_of(sync, away));
        }
    }
    if (leases && (changes || repeats)) {
        settle_all(pool, repeats);
    }
    if (changes) {
        tell_outage(pool, away);
    }
}
