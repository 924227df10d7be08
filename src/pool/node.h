/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A node of a pool: one block of memory that stays while anybody may point at it, whatever updates do.
 *
 * What is known of a node is spread over words that change each by itself: admin state, health, ejection, cool-down,
 * quotas, requests under way. The *reasons* why it may not be picked follow from them, and are kept in one word, so
 * that a pick looks at one. Whoever changes one of the others settles the node: it derives the reasons, stores them,
 * brings the groups of the current snapshot up to date, and derives again, until nothing has changed. The last one to
 * store looks after its store, so no change is lost, whoever else settles at the same time.
 */
#ifndef LW_POOL_NODE_H
#define LW_POOL_NODE_H

#include "health/health.h"
#include "latency/latency.h"
#include "quota/quota.h"

#include <loadwise/explain.h>

/* What goes to the fleet and comes from it; see sync.h. */
struct lw__sync_node {
    _Alignas(64) uint64_t ended; /* since the last sync: requests << 32 | failures */
    uint64_t answers, time;      /* since the last sync: requests that went well, and their latencies in ns */

    /* Of the thread that syncs; others may read the second. */
    uint64_t verdict;               /* the end, in the store's time, of the latest ejection that was heard of */
    uint64_t judged_until;          /* the same, monotonic ns */
    uint64_t all_answers, all_time; /* of the whole fleet, as last heard; the time in us */
    uint32_t heard;                 /* are these known? */
    uint64_t away;                  /* since when its keys could not be asked; 0: they could */
};

struct lw__node {
    /* Read by every pick. */
    uint64_t id;
    void *user;
    uint32_t reasons;             /* enum lw_reason; 0: may be picked */
    uint32_t ill;                 /* not 0: unhealthy, recovering or ejected, whether a probe is due or not */
    uint32_t cap;                 /* most requests under way here; 0: no limit */
    uint32_t position;            /* in the latest snapshot */
    uint64_t ramp_since;          /* 0: has all of its share */
    struct lw__quota_node *quota; /* NULL: the pool has no dimensions */
    struct lw__sync_node *sync;   /* NULL: the pool shares nothing */
    uint32_t weight, admin;       /* enum lw_admin */

    /* Written by every pick and done. */
    _Alignas(64) uint64_t traffic; /* requests placed so far << 32 | requests under way */
    uint64_t progress;             /* when a request last ended, or began on an idle node */
    uint64_t interval;             /* of the outlier interval: requests << 32 | failures */
    struct lw__latency_node latency;

    /* Written by events; the first two words of the health are read by every pick. */
    struct lw__health_node health;
    uint64_t cost; /* of what is under way, beyond 1 for each */
    uint64_t ejected_until, cooling_until, drain_deadline;
    uint32_t ejections;     /* multiplier of the next ejection, less one */
    uint32_t drained;       /* told so */
    uint32_t cause;         /* of the ejection: enum lw_health_cause */
    uint64_t judged;        /* outlier.c: of the interval that is looked at */
    uint64_t external_at;   /* 0: nothing was reported */
    uint64_t external_base; /* traffic when it was */
    double external;

    /* Under the pool's lock. */
    uint64_t limits; /* print of the quota limits */
    uint64_t rests_until;
    struct lw__node *next; /* among those that have left */
    char *zone, *tags;     /* NULL: none */
    const char *name;
    uint32_t priority, flags, max_inflight;
    uint32_t left_in; /* epoch since which nothing new can reach it */
    uint32_t member;
    uint32_t quiet; /* not 0: left, and nothing was under way at left_in */
    bool replaced;  /* when it goes: a node of its id is in the pool */
};

#define LW__UNWELL ((uint32_t)LW_REASON_UNHEALTHY | (uint32_t)LW_REASON_EJECTED)
#define LW__ABSENT                                                                                                     \
    ((uint32_t)LW_REASON_DRAINING | (uint32_t)LW_REASON_DISABLED | (uint32_t)LW_REASON_RESERVED |                      \
     (uint32_t)LW_REASON_LEFT)

/* node.c. A node from its spec: all but the labels is in one block. NULL: no memory. */
struct lw__node *lw__node_new(lw_pool *pool, const lw_node_spec *spec, uint64_t id);
void lw__node_free(lw_pool *pool, struct lw__node *node);

/* The reasons as they follow from everything else, and whether it is ill. */
uint32_t lw__node_reasons(const lw_pool *pool, struct lw__node *node, uint64_t now);
uint32_t lw__node_is_ill(const struct lw__node *node, uint64_t now);

/* When the last of its reasons ends by time alone, but for those that are ignored; UINT64_MAX: one does not; 0: there
   is none. */
uint64_t lw__node_due(const lw_pool *pool, struct lw__node *node, uint32_t ignored, uint64_t now);

/* Brings reasons and groups up to date. Inside a read section. Tells the observer where an ejection has ended. */
void lw__node_settle(lw_pool *pool, struct lw__node *node, uint64_t now);

/* When to settle it under the lock, where no hook may be called: before the end of an ejection that nobody was told of
   yet. The next pick or tick finds it due. */
uint64_t lw__node_quiet(const struct lw__node *node, uint64_t now);

/* admin.c. The load of the node at that time, when its traffic was `base`. */
void lw__node_report(struct lw__node *node, double load, uint64_t base, uint64_t at);

/* Tells of quotas that are used up, or have something left again. refusal: that of this call, or NULL. */
void lw__node_tell_quota(const lw_pool *pool, struct lw__node *node, const lw_quota_refusal *refusal, uint64_t now);

static inline uint32_t lw__node_inflight(const struct lw__node *node) {
    return (uint32_t)__atomic_load_n(&node->traffic, __ATOMIC_RELAXED);
}

static inline uint64_t lw__node_time(const uint64_t *time) { return __atomic_load_n(time, __ATOMIC_SEQ_CST); }

#endif
