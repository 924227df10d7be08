/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside of an lw_pool. Picks read an immutable snapshot: the nodes, and for each route its groups with their plans.
 * Whatever changes all the time is in the nodes, in the slots of the tickets, and in the hints that groups keep.
 *
 *   options.c   what the caller wants, checked and over the defaults
 *   pool.c      made, freed, forked
 *   node.h      one node: reasons, settling
 *   slots.h     tickets under way
 *   group.h     some nodes of one route that share a strategy: who of them is eligible
 *   snapshot.h  what picks read: built, published, retired
 *   update.c    the nodes that shall be; routes.c the routes
 *   signals.c   what counts as load; tally.h who has the least in flight
 *   pick.h      choosing and charging; level.c which group; ramp.c slow start; refuse.c why not; done.c the end
 *   due.c       what time brings; outlier.c who is worse than the others; tick.c all of it, and memory given back
 *   sync.h    what a fleet shares: told, heard, leased
 *   explain.c stats.c
 */
#ifndef LW_POOL_POOL_H
#define LW_POOL_POOL_H

#include "base/env.h"
#include "base/lanes.h"
#include "pool/node.h"
#include "pool/slots.h"

#include <loadwise/pool_stats.h>
#include <loadwise/ticket.h>
#include <pthread.h>
#include <sys/types.h>

/* What each lane counts for the statistics. */
struct lw__counts {
    _Alignas(64) uint64_t picks;
    uint64_t refusals, panics, spills, repicks, ended, already, lost;
};

struct lw__rules { /* never change */
    lw_pool_options options;
    lw_outlier_options outlier;
    lw_observer observer;
    struct lw__health_rules health;
    struct lw__quota_plan quota;
    bool outliers;
};

struct lw__sync;

struct lw_pool {
    lw_env env;
    struct lw__rules rules;
    struct lw__sync *sync; /* NULL: it shares nothing */
    struct lw__lanes lanes;
    struct lw__slots slots;
    struct lw__counts counts[LW_LANES];

    _Alignas(64) struct lw__snapshot *current; /* never NULL */
    uint64_t next_due;                         /* no reason of any node ends before; see due.c */
    uint64_t ramp_until;                       /* no node ramps after */

    _Alignas(64) struct lw__latency_group latency;
    _Alignas(64) uint64_t due_kept; /* due.c: what the sweep under way has found */
    uint32_t due_cursor, due_busy, outlier_busy;
    uint64_t next_outlier;
    uint64_t ejections, lives;

    pthread_mutex_t changing; /* guards the rest; no pick or done takes it */
    pid_t pid;
    struct lw__route **routes;
    uint32_t route_count;
    struct lw__node *left; /* nodes that are no members any more */
    struct lw__snapshot *retired;
    uint64_t strategies, updates, plans;
};

/* options.c. Errors: LW_RANGE, LW_INVALID, LW_NOMEM; the log is told. */
int lw__rules_init(struct lw__rules *rules, const lw_env *env, const lw_pool_options *given);
void lw__rules_free(struct lw__rules *rules, const lw_env *env);

/* pool.c: may a change begin here? LW_BUSY in a hook, LW_FORKED. The lock asks that first. */
int lw__pool_check(const lw_pool *pool);
int lw__pool_lock(lw_pool *pool);
/* The same only to look: allowed in a hook too, since those run without the lock. */
int lw__pool_lock_to_read(lw_pool *pool);
void lw__pool_unlock(lw_pool *pool);

/* Around every call of a hook: a change from inside one is refused. */
static inline void lw__telling_begin(void) { lw__thread.telling++; }
static inline void lw__telling_end(void) { lw__thread.telling--; }

/* due.c: something is due then. */
void lw__due_lower(lw_pool *pool, uint64_t due);
/* Settles nodes that are due, a bounded number; inside a read section. */
void lw__due_run(lw_pool *pool, uint64_t now);

/* outlier.c. A request of the node failed (or did not): ejects it if it failed too often in a row. Inside a read
   section; tells the observer. */
void lw__outlier_note(lw_pool *pool, struct lw__node *node, bool failed, uint64_t now);
/* Ejects it for another reason (enum lw_health_cause), under the same cap; false: it is ejected, the cap does not allow
   it, or somebody else is at it. In a read section. */
bool lw__outlier_eject(lw_pool *pool, struct lw__node *node, uint64_t until, uint32_t cause, uint64_t now);
/* The ejection of a node is over. */
void lw__outlier_back(lw_pool *pool, struct lw__node *node, uint64_t now);
/* Compares all nodes, if an interval has passed. Inside a read section. */
void lw__outlier_sweep(lw_pool *pool, uint64_t now);

/* ramp.c */
void lw__ramp_begin(lw_pool *pool, struct lw__node *node, uint64_t now);
/* Share of its share, above 0 to LW__ONE (fixed.h), of a node that began to ramp then. */
uint64_t lw__ramp_factor(const lw_pool *pool, uint64_t since, uint64_t now);

/* done.c. A draining node may have nothing under way any more: tells so, once. */
void lw__drained_tell(const lw_pool *pool, struct lw__node *node);
/* Ends a ticket that was not ended in time; false: it just was. Tells the observer. In a read section, in which the
   slot was seen to hold this generation. */
bool lw__ticket_lose(lw_pool *pool, uint32_t slot, uint64_t generation, uint64_t started, uint64_t now);

/* After a fork: tells the strategy that a request which it counts is not under way in this process. */
void lw__ticket_disown(lw_pool *pool, struct lw__slot *slot, uint64_t now);

/* tick.c. Under the lock: frees what no reader can reach, but the nodes, which it returns as a list: to be forgotten
   without the lock. */
struct lw__node *lw__pool_reclaim(lw_pool *pool, uint64_t now);
void lw__pool_forget(lw_pool *pool, struct lw__node *gone);
/* Under the lock: the node is no member any more. */
void lw__pool_leave(lw_pool *pool, struct lw__node *node, uint64_t now);

static inline struct lw__counts *lw__counts_of(lw_pool *pool, const struct lw__lane *lane) {
    return &pool->counts[lane - pool->lanes.lane];
}

/* Counts in the thread's lane. */
static inline void lw__count(uint64_t *count, const struct lw__lane *lane) {
    if (__builtin_expect(lane->seen.shared, 0)) {
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    } else {
        __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
    }
}

#endif
