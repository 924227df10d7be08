/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A sync: everything that there is to tell and to ask in one batch, and one more only when a node was judged. Gathering
 * takes the pool's lock, for nodes that have left are asked too; the store is asked with neither lock nor read section;
 * the answers are applied inside a read section. One sync at a time, and nodes stay as long as it lasts.
 * Cost: O(nodes), and what the store takes.
 */
#include "pool/sync.h"

#include <string.h>

static bool sync_enter(struct lw__sync *sync) { return __atomic_exchange_n(&sync->busy, 1, __ATOMIC_ACQUIRE) == 0; }

static void sync_leave(struct lw__sync *sync) { __atomic_store_n(&sync->busy, 0, __ATOMIC_RELEASE); }

/* ---- gathering ---- */

static int gather(lw_pool *pool) {
    int error = lw__pool_lock(pool);
    if (error != LW_OK) {
        return error;
    }
    const struct lw__snapshot *snapshot = pool->current;
    uint32_t nodes = snapshot->count;
    for (const struct lw__node *node = pool->left; node != NULL; node = node->next) {
        nodes++;
    }
    error = lw__sync_reserve(pool, nodes);
    if (error == LW_OK) {
        lw__sync_begin(pool);
        for (uint32_t i = 0; i < snapshot->count; i++) {
            lw__sync_gather(pool, snapshot, snapshot->node[i]);
        }
        for (struct lw__node *node = pool->left; node != NULL && pool->sync->shared > 0; node = node->next) {
            lw__sync_gather(pool, snapshot, node);
        }
    }
    lw__pool_unlock(pool);
    return error;
}

/* ---- applying ---- */

typedef void entry_call(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node);

/* Calls for each entry whose node is in the pool now. */
static void each_entry(lw_pool *pool, entry_call *call) {
    struct lw__sync *sync = pool->sync;
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    for (uint32_t i = 0; i < sync->count; i++) {
        struct lw__sync_entry *entry = &sync->memory.entries[i];
        if (lw__snapshot_find(snapshot, entry->node->id) == entry->node) {
            call(pool, entry, entry->node);
        }
    }
    lw__read_end(lane, parity);
}

static void settle(lw_pool *pool, struct lw__node *node) {
    if (pool->sync->shared > 0) {
        lw__node_tell_quota(pool, node, NULL, pool->sync->now);
        lw__node_settle(pool, node, pool->sync->now);
    }
}

static void apply(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    if (entry->away) {
        lw__sync_repeat(pool, node);
    }
    lw__sync_hear(pool, entry, node);
    settle(pool, node);
}

static void settle_back(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    if (entry->turns && !entry->away) {
        settle(pool, node);
    }
}

/* A node that is back goes by its lease once it has one, lest picks find it without either. */
static void hear_all(lw_pool *pool, bool asked) {
    if (!asked) {
        each_entry(pool, apply);
        return;
    }
    lw__sync_compare(pool);
    lw__sync_turn(pool, true);
    each_entry(pool, apply);
    if (lw__sync_turn(pool, false)) {
        each_entry(pool, settle_back);
    }
    lw__sync_outage(pool);
}

/* The first answer that is an error, but for those that say how things are. */
static int fault(const lw_pool *pool) {
    const struct lw__sync *sync = pool->sync;
    for (uint32_t i = 0; i < sync->steps; i++) {
        const lw_store_step *step = &sync->memory.steps[i];
        bool absent = step->op == LW_STORE_GET && step->answer == LW_UNKNOWN;
        if (step->answer < 0 && !absent && step->answer != LW_UNAVAILABLE) {
            return lw__fail(&pool->env, (int)step->answer, "sync: the store answered %s to step %u of %u, on %.200s",
                            lw_error_name((int)step->answer), i + 1, sync->steps, step->key);
        }
    }
    return LW_OK;
}

static void hear_fleet(struct lw__sync *sync) {
    ptrdiff_t alive = sync->memory.steps[0].answer;
    if (alive > 0 && !sync->leaving) {
        sync->instances = alive < 1 << 20 ? (uint32_t)alive : 1 << 20;
    }
}

/* Asks the store, and does what it says. */
static int exchange(lw_pool *pool, lw_store *store, uint64_t deadline) {
    struct lw__sync *sync = pool->sync;
    uint64_t *next = &pool->rules.quota.fleet.next;
    int error = lw_store_batch(store, sync->memory.steps, sync->steps, deadline);
    bool asked = error == LW_OK || error == LW_UNAVAILABLE; /* else there was no memory, which says nothing of it */
    __atomic_store_n(next, sync->leaving ? 0 : lw__after(sync->now, sync->options.interval), __ATOMIC_SEQ_CST);
    hear_fleet(sync);
    for (uint32_t i = 0; i < sync->count; i++) {
        lw__sync_put_back(pool, &sync->memory.entries[i]);
    }
    hear_all(pool, asked);
    __atomic_fetch_add(&sync->synced, error == LW_OK, __ATOMIC_RELAXED);
    int told = lw__sync_tell_verdicts(pool, store, deadline);
    error = error != LW_OK ? error : told != LW_OK ? told : fault(pool);
    if (lw__sync_shares(sync, LW_SHARE_HEALTH) && !sync->leaving) {
        each_entry(pool, lw__sync_obey);
    }
    return error;
}

/* ---- the calls ---- */

static void give_report(const lw_pool *pool, lw_sync_report *report) {
    const struct lw__sync *sync = pool->sync;
    if (report != NULL) {
        lw_sync_report full = {report->size,  sync->steps, lw__sync_instances(sync),
                               sync->ejected, sync->away,  lw__after(sync->now, sync->options.interval)};
        memcpy(report, &full, report->size < sizeof full ? report->size : sizeof full);
    }
}

/* Ticks free no node while a sync is under way, and it may nearly always be. */
static void reclaim(lw_pool *pool) {
    lw__pool_lock(pool);
    struct lw__node *gone = lw__pool_reclaim(pool, lw__now(&pool->env));
    lw__pool_unlock(pool);
    lw__pool_forget(pool, gone);
}

static int run(lw_pool *pool, lw_store *store, uint64_t deadline, bool leaving, lw_sync_report *report) {
    struct lw__sync *sync = pool->sync;
    if (store == NULL || sync == NULL) {
        return lw__fail(&pool->env, LW_INVALID, "sync: %s",
                        store == NULL ? "there is no store" : "the pool was made without options.sync");
    }
    if (report != NULL && report->size < sizeof report->size) {
        return lw__fail(&pool->env, LW_INVALID, "sync: report.size=%zu, is it LW_SYNC_REPORT_INIT?", report->size);
    }
    int error = lw__pool_check(pool);
    if (error != LW_OK) {
        return error;
    }
    if (!sync_enter(sync)) {
        return lw__fail(&pool->env, LW_BUSY, "sync: another one of this pool is under way");
    }
    sync->now = lw__now(&pool->env);
    sync->real = sync->options.time != NULL ? sync->options.time(sync->options.time_user) : 0;
    sync->leaving = leaving;
    error = gather(pool);
    if (error == LW_OK) {
        error = exchange(pool, store, deadline);
        give_report(pool, report);
    }
    sync_leave(sync);
    reclaim(pool);
    return error;
}

int lw_pool_sync(lw_pool *pool, lw_store *store, uint64_t deadline, lw_sync_report *report) {
    return run(pool, store, deadline, false, report);
}

int lw_pool_sync_leave(lw_pool *pool, lw_store *store, uint64_t deadline) {
    return run(pool, store, deadline, true, NULL);
}

/* ---- after a fork ---- */

/* What was leased, owed and counted is the parent's, who will tell it. */
static void disown(lw_pool *pool, struct lw__node *node) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    *node->sync = (struct lw__sync_node){0};
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        struct lw__quota_count *count = lw__quota_count_of(plan, node->quota, i);
        lw__lease_disown(&plan->dimension[i], count);
        lw__lease_turn(&plan->dimension[i], count, LW__FLEET_LEASED);
    }
}

void lw__sync_after_fork(lw_pool *pool) {
    struct lw__sync *sync = pool->sync;
    if (sync == NULL) {
        return;
    }
    sync->busy = sync->away = sync->dark = 0;
    pool->rules.quota.fleet.next = 0;
    if (sync->names.drawn) {
        lw__fleet_names_draw(&sync->names);
    }
    for (uint32_t i = 0; i < pool->current->count; i++) {
        disown(pool, pool->current->node[i]);
    }
    for (struct lw__node *node = pool->left; node != NULL; node = node->next) {
        disown(pool, node);
    }
}
