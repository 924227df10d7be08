/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The keys of a node cannot be asked, and can again: of all nodes where the store is away, of some where it is there in
 * part, as a cluster that lacks a master. In between, what is granted of its shared dimensions is
 *
 *   local share   what is still leased, then as much as limit / instances allows by the count of this process, in which
 *                 everything counts that it used before
 *   open          everything
 *   stale         the last lease again, each sync, for so long; then nothing
 *   closed        what is still leased, then nothing
 *
 * and all but what was leased is owed: told once they can, as far as it still counts. A node that leaves the pool stays
 * for that, unless too many do.
 *
 * Bound of the local share, of n processes with a limit of L: ceil(L / n) each, n ceil(L / n) <= L + n - 1 in a window
 * that lies in the outage; in one that saw it begin, what was leased before on top, which the store kept to L.
 * Cost: O(nodes); the pool's lock only when one of them turns.
 */
#include "pool/sync.h"

static uint32_t mode_of(const struct lw__sync *sync, bool away) {
    if (!away) {
        return LW__FLEET_LEASED;
    }
    return sync->options.outage == LW_OUTAGE_LOCAL_SHARE ? LW__FLEET_SHARE
           : sync->options.outage == LW_OUTAGE_OPEN      ? LW__FLEET_OPEN
                                                         : LW__FLEET_LEASED;
}

/* ---- nodes ---- */

/* away: since when it is; 0: it is not. Under the lock, for updates limit nodes too. */
static void node_turn(lw_pool *pool, struct lw__node *node, uint64_t away) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    __atomic_store_n(&node->sync->away, away, __ATOMIC_RELAXED);
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        lw__lease_turn(&plan->dimension[i], lw__quota_count_of(plan, node->quota, i), mode_of(pool->sync, away != 0));
    }
}

static bool is_answered(const struct lw__sync *sync, const struct lw__sync_entry *entry) {
    for (uint32_t i = entry->first; i < entry->end; i++) {
        if (sync->memory.steps[i].answer == LW_UNAVAILABLE) {
            return false;
        }
    }
    return true;
}

void lw__sync_compare(lw_pool *pool) {
    const struct lw__sync *sync = pool->sync;
    bool resized = pool->rules.quota.fleet.instances != lw__sync_instances(sync);
    for (uint32_t i = 0; i < sync->count; i++) {
        struct lw__sync_entry *entry = &sync->memory.entries[i];
        bool was = entry->away;
        entry->away = !is_answered(sync, entry);
        entry->turns = was != entry->away || (entry->away && resized);
    }
}

static bool any_turns(const struct lw__sync *sync, bool away) {
    for (uint32_t i = 0; i < sync->count; i++) {
        if (sync->memory.entries[i].turns && sync->memory.entries[i].away == away) {
            return true;
        }
    }
    return false;
}

bool lw__sync_turn(lw_pool *pool, bool away) {
    struct lw__sync *sync = pool->sync;
    uint64_t first = sync->now != 0 ? sync->now : 1;
    if (!any_turns(sync, away)) {
        return false;
    }
    pthread_mutex_lock(&pool->changing);
    __atomic_store_n(&pool->rules.quota.fleet.instances, lw__sync_instances(sync), __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < sync->count; i++) {
        const struct lw__sync_entry *entry = &sync->memory.entries[i];
        uint64_t since = lw__sync_away(entry->node) != 0 ? lw__sync_away(entry->node) : first;
        if (entry->turns && entry->away == away) {
            node_turn(pool, entry->node, away ? since : 0);
        }
    }
    pthread_mutex_unlock(&pool->changing);
    return true;
}

void lw__sync_repeat(lw_pool *pool, struct lw__node *node) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    const struct lw__sync *sync = pool->sync;
    if (sync->options.outage == LW_OUTAGE_STALE && sync->now < lw__after(lw__sync_away(node), sync->options.stale)) {
        for (uint32_t left = plan->shared; left != 0;) {
            uint32_t i = lw__quota_next(&left);
            lw__lease_repeat(&plan->dimension[i], lw__quota_count_of(plan, node->quota, i),
                             lw__after(sync->now, sync->options.lease), sync->now);
        }
    }
}

void lw__sync_welcome(lw_pool *pool, struct lw__node *node, uint64_t now) {
    if (pool->sync != NULL && __atomic_load_n(&pool->sync->dark, __ATOMIC_RELAXED) != 0 && lw__sync_away(node) == 0) {
        node_turn(pool, node, now != 0 ? now : 1);
    }
}

static bool owes(const lw_pool *pool, struct lw__node *node, uint64_t now) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        if (lw__lease_owes(&plan->dimension[i], lw__quota_count_of(plan, node->quota, i), now)) {
            return true;
        }
    }
    return false;
}

bool lw__sync_keeps(lw_pool *pool, struct lw__node *node, uint64_t now, uint32_t *owing) {
    if (pool->sync == NULL) {
        return false;
    }
    if (__atomic_load_n(&pool->sync->busy, __ATOMIC_ACQUIRE) != 0) {
        return true;
    }
    bool keeps = *owing < LW__SYNC_OWING && owes(pool, node, now);
    *owing += keeps;
    return keeps;
}

/* ---- the whole ---- */

/* Of the nodes that are in the pool by now, which need not be those that were asked. */
static uint32_t count_away(lw_pool *pool, uint32_t *nodes) {
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane), away = 0;
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        away += lw__sync_away(snapshot->node[i]) != 0;
    }
    *nodes = snapshot->count;
    lw__read_end(lane, parity);
    return away;
}

void lw__sync_outage(lw_pool *pool) {
    const lw_observer *observer = &pool->rules.observer;
    struct lw__sync *sync = pool->sync;
    uint32_t nodes, away = count_away(pool, &nodes);
    if (nodes == 0) {
        return; /* nobody to tell by */
    }
    bool begins = away != 0, changes = begins != (sync->away != 0);
    __atomic_store_n(&sync->away, away, __ATOMIC_RELAXED);
    __atomic_store_n(&sync->dark, away == nodes, __ATOMIC_RELAXED);
    if (changes && observer->outage != NULL) {
        lw__telling_begin();
        observer->outage(observer->user, begins);
        lw__telling_end();
    }
}
