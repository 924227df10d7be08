/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Floor two: a pool of nodes with a life. It owns the nodes and what is known of them: requests under way, latency,
 * health, quotas, ramp, drain. Routes say how to choose among them; ticket.h picks.
 *
 *     lw_pool *pool;
 *     uint32_t route;
 *     lw_pool_new(&pool, NULL, NULL);
 *     lw_pool_route(pool, "default", "p2c metric=peak_ewma", NULL, &route);
 *     lw_pool_update(pool, specs, n, 0, NULL);       // again whenever the list may have changed
 *     ... lw_pick(pool, route, &request, &ticket), lw_done(pool, &ticket, &sample) ...
 *     lw_pool_tick(pool, now, &next);                // from a timer, if there is one
 *
 * Threads: every function, any thread, at any time, except lw_pool_free, which is the last. Updates, routes and ticks
 * take turns at one lock that no pick or done takes. Hooks of the observer run with no lock held; in one,
 * lw_pool_update, lw_pool_route, lw_pool_tick, lw_pool_free and lw_pool_after_fork are forbidden and answer LW_BUSY
 * (free does nothing).
 *
 * Time: monotonic ns, by env->now or passed in; both of one clock. Nothing happens by itself: what is due happens in
 * the next pick or tick. Picks are right even if lw_pool_tick is never called; it keeps such work off their path, tells
 * of drained nodes and lost tickets, and gives memory back.
 */
#ifndef LOADWISE_POOL_H
#define LOADWISE_POOL_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/filter.h>
#include <loadwise/health.h>
#include <loadwise/latency.h>
#include <loadwise/node_spec.h>
#include <loadwise/observer.h>
#include <loadwise/outlier.h>
#include <loadwise/probe.h>

LW_BEGIN

struct lw_strategy_ops;
struct lw_sync_options;
typedef struct lw_pool lw_pool;

enum lw_pool_bound {
    LW_POOL_LEVELS = 8,     /* most different priorities in a route */
    LW_POOL_EXCLUDE = 128,  /* most exclusions of a request */
    LW_POOL_TRIES = 16,     /* most tries after the first */
    LW_POOL_ROUTES = 65536, /* most routes */
};

/* When too few nodes of a priority level are well. */
enum lw_panic {
    LW_PANIC_FAIL_OPEN = 0,   /* health is not looked at */
    LW_PANIC_FAIL_CLOSED = 1, /* nobody is chosen, but for probes that are due: LW_ALL_UNHEALTHY */
    LW_PANIC_LAST_RESORT = 2, /* only the nodes flagged LW_NODE_LAST_RESORT, whatever their health */
};

/* What the load of a node is worth whose last report is older than external_ttl. */
enum lw_stale {
    LW_STALE_IGNORE = 0,    /* what is under way from here, as if nothing had been reported */
    LW_STALE_DECAY = 1,     /* fades from the one to the other within another external_ttl */
    LW_STALE_SATURATED = 2, /* unknown: chosen after every other node; where all are stale, any node may come */
};

/* May a request get a node that it excludes when no other is eligible? */
enum lw_reuse { LW_REUSE_SOLE = 0, LW_REUSE_NEVER = 1 }; /* SOLE: if it is the only eligible one, flagged */

/* A member left 0 means its default; those of health and outlier begin with their own _INIT. */
typedef struct lw_pool_options {
    size_t size; /* sizeof(lw_pool_options), so that the struct can grow */

    uint32_t max_tickets; /* requests under way in the whole pool: at least so many fit; default 65536. 64 bytes each */
    uint32_t tries;       /* further nodes that one pick tries when the first cannot be charged; default 3 */
    uint32_t instances;  /* pools like this one that share the nodes: caps and quotas are divided, rounded up; default 1
                          */
    uint32_t reuse;      /* enum lw_reuse */
    uint64_t grace;      /* ns for which the state of a vanished node is kept for its return; default 0 */
    uint64_t ticket_ttl; /* ns after which a ticket counts as lost and is cancelled; default 0: never */

    const lw_health_options *health;   /* NULL: the defaults. max_nodes, auto_create and observer are not read */
    const lw_latency_options *latency; /* NULL: the defaults, and only learnt while a route goes by it. Samples are in
                                          ns. max_nodes is not read */
    const lw_outlier_options *outlier; /* NULL: nobody is ejected */
    const lw_quota_dimension *dimensions;
    uint32_t dimension_count; /* 0 to LW_QUOTA_DIMENSIONS */

    /* Slow start: a node that joins, or is well again, begins with `slow_start_floor` of its share and has all of it
       after `slow_start`; in between (elapsed / slow_start)^(100 / aggression). Not for strategies that place by key.
     */
    uint64_t slow_start;            /* ns; default 0: off */
    uint32_t slow_start_floor;      /* percent, 1 to 100; default 10 */
    uint32_t slow_start_aggression; /* percent, 10 to 1000; default 100: straight */

    /* Panic of a priority level: begins when less than panic_enter percent of its nodes are well (0, the default: none
       is), ends at panic_leave percent. Draining, disabled and excluded nodes do not count. */
    uint32_t panic; /* enum lw_panic */
    uint32_t panic_enter;
    uint32_t panic_leave; /* default panic_enter + 10, at most 100 */

    uint32_t overprovision; /* percent, 100 to 1000; default 140: a level spills to the next below 1/1.4 well */

    const char *zone;   /* where this pool stands: nodes of this zone are preferred; NULL: no preference */
    uint32_t zone_skew; /* percent: most that a node of the zone gets, as a multiple of its even share; default 200 */

    uint32_t explore; /* of 10000 picks by a load that is learnt or told (ewma, peak_ewma, external, user), so many are
                         drawn at random; default 50. Above 10000: none */

    uint64_t external_ttl;                                     /* ns; default 10 s */
    uint32_t external_stale;                                   /* enum lw_stale */
    double external_unit;                                      /* what one request adds to a reported load; default 1 */
    double (*load)(void *user, void *node_user, uint64_t now); /* metric=user: lower is better, any thread */
    void *load_user;

    uint64_t cooldown;     /* ns for a rate-limited node that did not say how long; default 1 s */
    uint64_t max_cooldown; /* ns, cuts what nodes say; default 24 h */

    const struct lw_strategy_ops *const *ops; /* strategies of your own for the specifications of routes; borrowed */
    size_t ops_count;
    const lw_observer *observer;        /* or NULL; copied */
    const struct lw_sync_options *sync; /* what a fleet shares, see sync.h; NULL: nothing */
} lw_pool_options;

#define LW_POOL_OPTIONS_INIT                                                                                           \
    {                                                                                                                  \
        sizeof(lw_pool_options), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0,   \
            0.0, NULL, NULL, 0, 0, NULL, 0, NULL, NULL                                                                 \
    }

/* Makes an empty pool. env and options may be NULL; both are copied. Errors: LW_NOMEM; LW_RANGE and LW_INVALID, and the
   log names the option, its value and its range. */
LW_API int lw_pool_new(lw_pool **out, const lw_env *env, const lw_pool_options *options);

/* NULL-safe. Tickets that are out end with it. */
LW_API void lw_pool_free(lw_pool *pool);

/* ---- nodes ---- */

enum lw_update_flag {
    LW_UPDATE_ALLOW_EMPTY = 1, /* no specs: all nodes go; without it LW_NO_NODES, and the pool stays as it was */
    LW_UPDATE_KEEP_LAST = 2,   /* no specs: the pool stays as it was, and that is a success */
};

typedef struct lw_update_report {
    size_t size;    /* sizeof(lw_update_report), so that the struct can grow; set by the caller */
    uint32_t added; /* of which `resumed` came back within the grace */
    uint32_t resumed;
    uint32_t removed;
    uint32_t changed; /* kept, with another weight, priority, zone, tag, cap, quota, flag or user pointer */
    uint32_t kept;    /* as they were */
    uint32_t fault;   /* after an error: the spec at fault */
} lw_update_report;

#define LW_UPDATE_REPORT_INIT                                                                                          \
    { sizeof(lw_update_report), 0, 0, 0, 0, 0, 0 }

/*
 * Makes the pool hold exactly these nodes. All or nothing; nodes are told apart by name, and those that stay keep
 * everything that is known of them. Nodes that go get no more picks; requests under way end as usual. An update that
 * changes nothing builds nothing; the order of the specs means nothing, nodes stand in the order in which they came.
 * report may be NULL. Errors: LW_NO_NODES (see the flags), LW_INVALID (a name that is missing, empty or too long;
 * sizes), LW_DUPLICATE, LW_RANGE, LW_UNKNOWN (quota dimension), LW_NOMEM, those of lw_prepare, LW_BUSY, LW_FORKED.
 * Cost: O(n) and the plans of the routes whose nodes changed.
 */
LW_API int lw_pool_update(lw_pool *pool, const lw_node_spec *specs, size_t count, uint32_t flags,
                          lw_update_report *report);

enum lw_admin {
    LW_ADMIN_ACTIVE = 0,
    LW_ADMIN_DRAINING = 1, /* no new requests; what is under way ends. lw_observer.drained tells when all has */
    LW_ADMIN_DISABLED = 2, /* no new requests */
};

/* What the operator wants of a node; outlives updates. deadline: when draining becomes disabled, monotonic ns, 0 for
   never. Errors: LW_UNKNOWN, LW_INVALID. */
LW_API int lw_pool_admin(lw_pool *pool, uint64_t node, uint32_t admin, uint64_t deadline);

/* A judgement on the health of a node from outside: enum lw_verdict, see health.h. Errors: LW_UNKNOWN, LW_INVALID. */
LW_API int lw_pool_verdict(lw_pool *pool, uint64_t node, uint32_t verdict, uint64_t now);

/* The node reports its load (metric=external), which held at time `at`; an older report than the last one is ignored.
   Requests placed and ended here since then are counted on top; `at` 0 is ignored. Errors: LW_UNKNOWN, LW_RANGE (not a
   number). */
LW_API int lw_pool_report_load(lw_pool *pool, uint64_t node, double load, uint64_t at);

/* The node wants nothing until then: a Retry-After that did not come with a ticket. The later time wins; cut at
   max_cooldown. Errors: LW_UNKNOWN. */
LW_API int lw_pool_cool(lw_pool *pool, uint64_t node, uint64_t until, uint64_t now);

/* The node has answered a probe, see probe.h: for the strategies of all routes that may see it. probe is borrowed for
   the call. Errors: LW_UNKNOWN, as for a node that has gone meanwhile; LW_INVALID (a probe that was not initialised).
 */
LW_API int lw_pool_probed(lw_pool *pool, uint64_t node, const lw_probe *probe);

/* ---- routes ---- */

/*
 * Makes a route, or changes the one of this name while picks go on: the specification of a strategy (strategy.h) and
 * which nodes it may see. filter, NULL for all, is asked once per node and update, with name, id, weight, priority,
 * zone and tags; it is borrowed until the route gets another or the pool is freed. *route, from 0, never changes. Where
 * the strategy has a parameter `metric`, it says what counts as load: load (the same as inflight), inflight,
 * inflight_cost, ewma, peak_ewma, external or user. Errors: those of lw_strategy_new and lw_prepare, LW_NO_COLUMN,
 * LW_TOO_LARGE (more than LW_POOL_LEVELS priorities), LW_FULL (routes), LW_BUSY, LW_FORKED; the route is then as
 * before.
 */
LW_API int lw_pool_route(lw_pool *pool, const char *name, const char *spec, const lw_filter *filter, uint32_t *route);

/* The number of a route. Takes the lock. Errors: LW_UNKNOWN, LW_FORKED. */
LW_API int lw_pool_route_number(lw_pool *pool, const char *name, uint32_t *route);

/* ---- time and processes ---- */

/* Does what is due at `now` (0: the clock is read) and says when to call again (UINT64_MAX: nothing is to come; within
   a second while memory of nodes that left is waiting); next may be NULL. Errors: LW_BUSY, LW_FORKED. */
LW_API int lw_pool_tick(lw_pool *pool, uint64_t now, uint64_t *next);

/* To be called first in a child after fork, before any other thread exists there: draws new chances, so that siblings
   do not pick alike, and drops the tickets and readers of the parent. Errors: LW_BUSY. Until then lw_pool_update,
   lw_pool_route and lw_pool_tick answer LW_FORKED there. */
LW_API int lw_pool_after_fork(lw_pool *pool);

LW_END

#endif
