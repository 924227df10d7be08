/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Why was this node picked, and why not that one? A pick that writes down what it saw, in the caller's memory.
 *
 *     lw_considered considered[16];
 *     lw_rejected rejected[64];
 *     lw_explanation why = LW_EXPLANATION_INIT;
 *     why.considered = considered; why.considered_room = 16;
 *     why.rejected = rejected;     why.rejected_room = 64;
 *     lw_explain(pool, route, &request, now, NULL, &why);      // NULL: a dry run, which changes nothing
 *
 * Picks that are not explained pay nothing. Cost: that of a pick, and O(nodes of the route).
 */
#ifndef LOADWISE_EXPLAIN_H
#define LOADWISE_EXPLAIN_H

#include <loadwise/ticket.h>

LW_BEGIN

/* Why a node is not eligible. */
#define LW_REASON_LIST(X)                                                                                              \
    X(UNHEALTHY, 0, "unhealthy, and no probe is due or free")                                                          \
    X(EJECTED, 1, "ejected as an outlier")                                                                             \
    X(COOLING, 2, "told to wait")                                                                                      \
    X(OVER_QUOTA, 3, "over its quota")                                                                                 \
    X(SATURATED, 4, "at its in-flight cap")                                                                            \
    X(DRAINING, 5, "draining")                                                                                         \
    X(DISABLED, 6, "disabled")                                                                                         \
    X(RESERVED, 7, "kept for a panic")                                                                                 \
    X(EXCLUDED, 8, "excluded by the request")                                                                          \
    X(UNCHARGED, 9, "could not be charged what the request takes")                                                     \
    X(RAMPING, 10, "passed over this time by slow start")                                                              \
    X(LEFT, 11, "no longer in the pool")

enum lw_reason {
#define LW_REASON_ENUM(name, bit, meaning) LW_REASON_##name = 1 << (bit),
    LW_REASON_LIST(LW_REASON_ENUM)
#undef LW_REASON_ENUM
        LW_REASON_COUNT = 12
};

/* "saturated" for LW_REASON_SATURATED; NULL for what is not one bit of the list. Threads: any. Errors: none. */
LW_API const char *lw_reason_name(uint32_t reason);

/* A node whose load the strategy looked at. */
typedef struct lw_considered {
    uint64_t node;
    double load; /* as the strategy saw it, for comparing: of ewma and peak_ewma in 1/LW_LATENCY_ONE ns, times the
                    requests under way and this one */
    uint32_t weight;
    uint32_t times; /* that it was looked at */
} lw_considered;

/* A node that was not to be chosen. */
typedef struct lw_rejected {
    uint64_t node;
    uint32_t reasons; /* sum of enum lw_reason */
    uint32_t spare;
    uint64_t retry_at; /* when the last of the reasons ends by time alone; UINT64_MAX: none does */
} lw_rejected;

typedef struct lw_explanation {
    size_t size; /* sizeof(lw_explanation), so that the struct can grow */

    /* The caller's memory, and how much there was to write, which may be more than the room. */
    lw_considered *considered;
    lw_rejected *rejected;
    uint32_t considered_room, considered_count;
    uint32_t rejected_room, rejected_count;

    /* How many nodes survived each stage. */
    uint32_t pool, route, active, healthy, willing, free,
        eligible; /* in the pool; through the route's filter; not
draining, disabled or reserved; nor unhealthy or ejected; nor cooling or over quota; nor saturated; nor excluded */

    int32_t answer;       /* what the pick returned */
    uint32_t flags;       /* of the ticket */
    uint64_t node;        /* the choice; 0 after a refusal */
    uint32_t tries;       /* choices that were made, the last one included */
    uint32_t ties;        /* other considered nodes that look as good as the choice */
    uint32_t priority;    /* of the level that was used */
    uint32_t zone_local;  /* not 0: among the nodes of the pool's own zone */
    const char *strategy; /* name of its root; lives as long as the pool */
    uint64_t retry_at;
    uint32_t retry; /* enum lw_retry */
} lw_explanation;

#define LW_EXPLANATION_INIT                                                                                            \
    { sizeof(lw_explanation), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0 }

/*
 * Picks as lw_pick_at would, and fills *why. With a ticket it is that pick; without one nothing is charged and nothing
 * changes, not even a cursor or the next random number, so that the next pick at the same time chooses the same node,
 * unless a node refuses to be charged. now 0: the clock is read. Errors and refusals: those of lw_pick, LW_INVALID
 * (size).
 */
LW_API int lw_explain(lw_pool *pool, uint32_t route, const lw_request *request, uint64_t now, lw_ticket *ticket,
                      lw_explanation *why);

LW_END

#endif
