/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a pool and its nodes look like now, for metrics and people. Each list below makes the struct, the names and
 * whatever prints them: X(type, member, meaning).
 */
#ifndef LOADWISE_POOL_STATS_H
#define LOADWISE_POOL_STATS_H

#include <loadwise/pool.h>
#include <loadwise/strategy.h>

LW_BEGIN

#define LW_POOL_STATS_LIST(X)                                                                                          \
    X(uint64_t, nodes, "nodes in the pool")                                                                            \
    X(uint64_t, eligible, "of these, nodes that may be picked now by a plain request")                                 \
    X(uint64_t, leaving, "nodes that have left and still have tickets out")                                            \
    X(uint64_t, resting, "nodes that have left and may come back within the grace")                                    \
    X(uint64_t, routes, "routes")                                                                                      \
    X(uint64_t, tickets, "tickets out")                                                                                \
    X(uint64_t, oldest, "age of the oldest ticket, ns")                                                                \
    X(uint64_t, picks, "picks that gave a ticket")                                                                     \
    X(uint64_t, refusals, "picks that were refused")                                                                   \
    X(uint64_t, panics, "picks made in a panic")                                                                       \
    X(uint64_t, spills, "picks outside of the level or zone that was drawn")                                           \
    X(uint64_t, repicks, "choices that could not be charged")                                                          \
    X(uint64_t, ended, "tickets ended")                                                                                \
    X(uint64_t, already, "tickets that were ended again, to no effect")                                                \
    X(uint64_t, lost, "tickets ended by ticket_ttl")                                                                   \
    X(uint64_t, ejections, "outliers ejected")                                                                         \
    X(uint64_t, updates, "updates that changed something")                                                             \
    X(uint64_t, plans, "node sets of routes that were built")                                                          \
    X(uint64_t, waiting, "replaced node sets whose memory waits for readers")                                          \
    X(uint64_t, bytes, "memory held for nodes and routes")                                                             \
    X(uint64_t, syncs, "syncs that the store answered")                                                                \
    X(uint64_t, away, "nodes whose keys in the store that a fleet shares could not be asked by the last sync")

typedef struct lw_pool_stats {
    size_t size; /* sizeof(lw_pool_stats), so that the struct can grow; set by the caller */
#define LW_POOL_STATS_MEMBER(type, member, meaning) type member;
    LW_POOL_STATS_LIST(LW_POOL_STATS_MEMBER)
#undef LW_POOL_STATS_MEMBER
} lw_pool_stats;

#define LW_NODE_INFO_LIST(X)                                                                                           \
    X(uint64_t, node, "id")                                                                                            \
    X(const char *, name, "name; lives for the call")                                                                  \
    X(void *, user, "of the spec")                                                                                     \
    X(uint32_t, weight, "weight")                                                                                      \
    X(uint32_t, priority, "priority")                                                                                  \
    X(uint32_t, admin, "enum lw_admin")                                                                                \
    X(uint32_t, status, "enum lw_status, as learnt; an ejection is among the reasons")                                 \
    X(uint32_t, reasons, "why it may not be picked: sum of enum lw_reason; 0: it may")                                 \
    X(uint32_t, inflight, "requests under way")                                                                        \
    X(uint32_t, max_inflight, "its cap here, divided by the instances; 0: none")                                       \
    X(uint32_t, ejections, "ejections that count: the next one lasts base x (this + 1)")                               \
    X(uint64_t, cost, "sum of the costs of what is under way")                                                         \
    X(uint64_t, started, "requests placed so far, modulo 2^32")                                                        \
    X(uint64_t, retry_at, "when the last of the reasons ends by time alone; UINT64_MAX: none does; 0: no reason")      \
    X(uint64_t, mean, "mean latency, ns; learnt while a route goes by it, or with options.latency")                    \
    X(uint64_t, peak, "peak EWMA of the latency, ns")                                                                  \
    X(double, external, "load last reported; NaN: none")                                                               \
    X(double, ramp, "share of its share by slow start, above 0 to 1")                                                  \
    X(double, remaining, "free share of its quotas, 0 to 1")                                                           \
    X(uint64_t, leased, "what may be spent of its shared dimensions before the next sync, all together")               \
    X(uint64_t, judged_until, "end of its latest ejection by the fleet, monotonic ns; 0: none was")

typedef struct lw_node_info {
    size_t size; /* sizeof(lw_node_info), so that the struct can grow; set by the caller */
#define LW_NODE_INFO_MEMBER(type, member, meaning) type member;
    LW_NODE_INFO_LIST(LW_NODE_INFO_MEMBER)
#undef LW_NODE_INFO_MEMBER
} lw_node_info;

/* now: monotonic ns, 0 to read the clock. O(tickets + nodes). Threads: any; takes the pool's lock. Errors: LW_INVALID
   (size), LW_FORKED. */
LW_API int lw_pool_stats_read(lw_pool *pool, uint64_t now, lw_pool_stats *stats);

/*
 * What the strategy of a route counts, as lw_strategy_counters tells it, summed over the groups in which the route has
 * its nodes (one a priority, and two where the zone matters): writes up to `room` counters and returns how many there
 * are; out may be NULL when room is 0. 0 while the route has no nodes. A strategy that lw_pool_route puts in the place
 * of another begins at 0, and a group that has no nodes any more takes its counts along. Threads: any; takes the pool's
 * lock. Errors: LW_UNKNOWN, LW_FORKED.
 */
LW_API ptrdiff_t lw_pool_counters(lw_pool *pool, uint32_t route, lw_counter *out, size_t room);

/* One node of the pool. Threads: any, no lock. The name is valid until an update changes or removes the node. Errors:
   LW_UNKNOWN, LW_INVALID (size). */
LW_API int lw_pool_node(lw_pool *pool, uint64_t node, uint64_t now, lw_node_info *info);

/* Calls the function for each node of the moment, in the order in which they came, until it answers not 0; returns
   that. The function may call everything that a hook may. Threads: any, no lock. Errors: none. */
LW_API int lw_pool_each(lw_pool *pool, uint64_t now, int (*each)(void *user, const lw_node_info *info), void *user);

LW_END

#endif
