/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tick: what is due, lost tickets, and memory that nobody can reach any more.
 *
 * A node that has left goes through three states: it rests for the grace; then, once no pick can reach it by an older
 * snapshot, its requests under way can only end; and once there was none for two epochs, nobody who ended the last one
 * can still look at it. Where a fleet shares its quotas it stays until the store knows what it owes. Cost: O(tickets)
 * with a ticket_ttl, O(nodes that have left), else what is due.
 */
#include "pool/sync.h"

#define SOON UINT64_C(1000000000) /* ns */

/* ---- memory ---- */

static void free_snapshots(lw_pool *pool, uint32_t epoch) {
    struct lw__snapshot **link = &pool->retired;
    while (*link != NULL) {
        struct lw__snapshot *snapshot = *link;
        if (epoch - snapshot->retired_in >= 2) {
            *link = snapshot->older;
            lw__snapshot_free(pool, snapshot);
        } else {
            link = &snapshot->older;
        }
    }
}

/* May it go now? */
static bool is_gone(struct lw__node *node, uint32_t epoch, uint64_t now) {
    if (now < node->rests_until || epoch - node->left_in < 2) {
        return false;
    }
    if (!node->quiet && (uint32_t)__atomic_load_n(&node->traffic, __ATOMIC_SEQ_CST) == 0) {
        node->quiet = 1;
        node->left_in = epoch;
    }
    return node->quiet && epoch - node->left_in >= 2;
}

void lw__pool_leave(lw_pool *pool, struct lw__node *node, uint64_t now) {
    node->rests_until = pool->rules.options.grace == 0 ? 0 : lw__after(now, pool->rules.options.grace);
    node->left_in = pool->lanes.epoch;
    node->quiet = 0;
    node->next = pool->left;
    pool->left = node;
}

struct lw__node *lw__pool_reclaim(lw_pool *pool, uint64_t now) {
    struct lw__node *gone = NULL, **link = &pool->left;
    if (pool->left == NULL && pool->retired == NULL) {
        return NULL; /* moving the epoch on costs a system call */
    }
    uint32_t epoch = lw__epoch_advance(&pool->lanes), owing = 0;
    free_snapshots(pool, epoch);
    while (*link != NULL) {
        struct lw__node *node = *link;
        if (is_gone(node, epoch, now) && !lw__sync_keeps(pool, node, now, &owing)) {
            *link = node->next;
            node->replaced = lw__snapshot_find(pool->current, node->id) != NULL;
            node->next = gone;
            gone = node;
        } else {
            link = &node->next;
        }
    }
    return gone;
}

void lw__pool_forget(lw_pool *pool, struct lw__node *gone) {
    const lw_observer *observer = &pool->rules.observer;
    while (gone != NULL) {
        struct lw__node *node = gone;
        gone = node->next;
        if (observer->forgotten != NULL && !node->replaced) {
            lw__telling_begin();
            observer->forgotten(observer->user, node->id);
            lw__telling_end();
        }
        lw__node_free(pool, node);
    }
}

/* ---- lost tickets ---- */

/* Ends what is lost; the earliest time at which another one will be. */
static uint64_t reap(lw_pool *pool, uint64_t now) {
    uint64_t ttl = pool->rules.options.ticket_ttl, next = UINT64_MAX;
    uint32_t count = ttl != 0 ? lw__rack_lent(&pool->slots.rack) : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t generation = lw__rack_held(&pool->slots.rack, i);
        if (generation == 0) {
            continue;
        }
        uint64_t started = __atomic_load_n(&lw__slot_at(&pool->slots, i)->started, __ATOMIC_SEQ_CST);
        uint64_t end = lw__after(started, ttl);
        if (lw__rack_held(&pool->slots.rack, i) != generation) {
            continue;
        }
        if (end <= now) {
            lw__ticket_lose(pool, i, generation, started, now);
        } else {
            next = end < next ? end : next;
        }
    }
    return next;
}

/* ---- the tick ---- */

static void tell_all_drained(lw_pool *pool, const struct lw__snapshot *snapshot) {
    for (uint32_t i = 0; pool->rules.observer.drained != NULL && i < snapshot->count; i++) {
        lw__drained_tell(pool, snapshot->node[i]);
    }
}

static uint64_t run_due(lw_pool *pool, uint64_t now) {
    struct lw__lane *lane = lw__lane_of(&pool->lanes);
    uint32_t parity = lw__read_begin(&pool->lanes, lane);
    const struct lw__snapshot *snapshot = lw__snapshot_current(pool);
    for (uint32_t i = 0; i <= snapshot->count && __atomic_load_n(&pool->next_due, __ATOMIC_SEQ_CST) <= now; i++) {
        lw__due_run(pool, now); /* in steps of a bounded number of nodes */
    }
    uint64_t next = reap(pool, now);
    tell_all_drained(pool, snapshot);
    lw__read_end(lane, parity);
    return next;
}

/* When memory may be given back: when a node has rested, else soon, since nobody can say when tickets and readers end.
 */
static uint64_t memory_due(const lw_pool *pool, uint64_t now) {
    uint64_t soon = lw__after(now, SOON), due = pool->retired != NULL ? soon : UINT64_MAX;
    for (const struct lw__node *node = pool->left; node != NULL; node = node->next) {
        uint64_t end = node->rests_until > now ? node->rests_until : soon;
        due = end < due ? end : due;
    }
    return due;
}

int lw_pool_tick(lw_pool *pool, uint64_t now, uint64_t *next) {
    now = now != 0 ? now : lw__now(&pool->env);
    int error = lw__pool_check(pool);
    if (error != LW_OK) {
        return error;
    }
    uint64_t due = run_due(pool, now), rest;
    lw__pool_lock(pool);
    struct lw__node *gone = lw__pool_reclaim(pool, now);
    rest = memory_due(pool, now);
    lw__pool_unlock(pool);
    lw__pool_forget(pool, gone);
    if (next != NULL) {
        uint64_t soon = __atomic_load_n(&pool->next_due, __ATOMIC_SEQ_CST);
        due = rest < due ? rest : due;
        *next = soon < due ? soon : due;
    }
    return LW_OK;
}
