/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The hedge layer: sends a second try to another node when the first one takes longer than most.
 *
 * After `percentile` of the latencies before, and if the exchange is LW_EXCHANGE_SAFE, the same request goes to a node
 * that does not have it: never to the same one, and never where 32 nodes are excluded already. The first answer that
 * goes well, or is the caller's fault, wins and the other try is cancelled, which says nothing of its node's speed;
 * when one fails the other is waited for. Latencies are learnt from a histogram that rotates every `window`, and are at
 * most an eighth too high; below min_samples of them nothing is hedged. At most `budget` percent of requests are.
 *
 * To be put below a retry layer, not above: of what goes on inside of a try it sees only the latest node.
 *
 * Source: Dean and Barroso, "The Tail at Scale" (2013); Finagle (backup requests with a budget), Tower (a histogram
 * that rotates). No allocation but the records of layer.h.
 */
#ifndef LOADWISE_HEDGE_H
#define LOADWISE_HEDGE_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_hedge_options {
    double percentile;    /* "p95" or "95" in a stack; 50 to 99.99; default 95 */
    uint64_t least;       /* ns: never sooner; default 1 ms */
    uint64_t window;      /* ns, 1 s to 1 hour; default 30 s */
    uint64_t min_samples; /* 1 to 1000000; default 20 */
    uint64_t budget;      /* percent; 0 to 100; default 10 */
} lw_hedge_options;

#define LW_HEDGE_OPTIONS_INIT                                                                                          \
    { 95, 1000000, UINT64_C(30000000000), 20, 10 }

/* See layer.h. */
LW_API int lw_hedge_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                        const lw_hedge_options *options);

typedef struct lw_hedge_stats {
    size_t size;       /* sizeof(lw_hedge_stats), set by the caller */
    uint64_t requests; /* that were called */
    uint64_t hedges;   /* second tries */
    uint64_t won;      /* by the second try */
    uint64_t unfunded; /* hedges that the budget did not allow */
    uint64_t delay;    /* ns after which a request is hedged now; 0: too few samples */
} lw_hedge_stats;

/* Errors: LW_INVALID (not a hedge layer, size). */
LW_API int lw_hedge_stats_of(lw_service *hedge, lw_hedge_stats *stats);

LW_END

#endif
