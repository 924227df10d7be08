/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The retry layer: tries again what failed, on another node.
 *
 *     connect failure, rate-limited, overload   the node did nothing: tried again
 *     failure, timeout                          only with LW_EXCHANGE_SAFE
 *     the rest                                  never; nor what is SPENT or BEGUN, nor past the deadline
 *
 * Nodes that were chosen are excluded exactly, so none has the request again before all had it; then a new round
 * begins. Before try k + 1 it waits a random time up to backoff x 2^(k-1), at most max_backoff (full jitter); where
 * there are no nodes to choose from, at least as long as the answer asked (retry_after), if `patience` allows. Refusals
 * that say when to ask again are waited for, for at most `patience` in all; one that cannot be leads back to the answer
 * of the try before. An answer that may be tried again is not heard, also where the budget then forbids it.
 *
 * The budget keeps retries from multiplying an outage: in `budget_window` they are at most `budget` percent of the
 * requests, and `floor` a second besides. Retries that wait have been counted.
 *
 * Source: Envoy (back-off of 25 ms, ten times that at most), Finagle and Tower (budget of 20 % and 10 a second),
 * Brooker, "Exponential Backoff and Jitter" (2015). No allocation but the records of layer.h.
 */
#ifndef LOADWISE_RETRY_H
#define LOADWISE_RETRY_H

#include <loadwise/layer.h>

LW_BEGIN

enum lw_retry_bound { LW_RETRY_TRIES = 16 }; /* most tries of a request */

typedef struct lw_retry_options {
    uint64_t max;           /* tries in all; 1 to LW_RETRY_TRIES; default 3 */
    uint64_t backoff;       /* ns; default 25 ms */
    uint64_t max_backoff;   /* ns, at least backoff; default 250 ms */
    uint64_t patience;      /* ns; default 1 s */
    uint64_t budget;        /* percent; 0 to 1000; default 20 */
    uint64_t floor;         /* a second; 0 to 1000000; default 10 */
    uint64_t budget_window; /* ns, 1 s to 1 hour; default 10 s */
} lw_retry_options;

#define LW_RETRY_OPTIONS_INIT                                                                                          \
    { 3, 25000000, 250000000, 1000000000, 20, 10, UINT64_C(10000000000) }

/* See layer.h. */
LW_API int lw_retry_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                        const lw_retry_options *options);

typedef struct lw_retry_stats {
    size_t size;       /* sizeof(lw_retry_stats), set by the caller */
    uint64_t requests; /* that were called */
    uint64_t retries;  /* tries after the first */
    uint64_t rescued;  /* requests that went well at a later try */
    uint64_t unfunded; /* retries that the budget did not allow */
    uint64_t waiting;  /* requests between two tries */
} lw_retry_stats;

/* Errors: LW_INVALID (not a retry layer, size). */
LW_API int lw_retry_stats_of(const lw_service *retry, lw_retry_stats *stats);

LW_END

#endif
