/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The concurrency limit: at most so many exchanges under way in what is inside. Beyond, LW_SATURATED, to be tried again
 * on completion. A fixed limit, or one that is learnt from how latency answers to load:
 *
 *     fixed      initial
 *     vegas      queue = limit x (1 - fastest / latency); below 3 log10(limit) the limit grows by log10(limit), above
 *                6 log10(limit) it shrinks by as much (TCP Vegas; Netflix concurrency-limits)
 *     gradient   limit x unloaded x 1.25 / latency, between a half and once, + sqrt(limit), after each 20 answers, with
 *                their mean latency (Envoy, Netflix Gradient2). The unloaded latency is a mean of 50, measured at first
 *                and every `remeasure` at a limit of `least`
 *
 * A learnt limit grows and shrinks by latency only while at least half of it is in use; a timeout, overload or
 * rate-limited answer takes a tenth of it away, at most once in as many answers as it allows under way. A cancelled
 * exchange says nothing. Below a balance, it is per node. No allocation but the records of layer.h.
 */
#ifndef LOADWISE_CONCURRENCY_LIMIT_H
#define LOADWISE_CONCURRENCY_LIMIT_H

#include <loadwise/layer.h>

LW_BEGIN

enum lw_limit_kind { LW_LIMIT_FIXED = 0, LW_LIMIT_VEGAS = 1, LW_LIMIT_GRADIENT = 2 };

typedef struct lw_concurrency_limit_options {
    uint64_t kind;      /* enum lw_limit_kind; default fixed */
    uint64_t initial;   /* 1 to 1000000; default 20 */
    uint64_t least;     /* at least 1; default 3 */
    uint64_t most;      /* at least `least`, at most 1000000; default 1000 */
    uint64_t remeasure; /* ns, gradient; 1 s to 1 hour; default 60 s */
} lw_concurrency_limit_options;

#define LW_CONCURRENCY_LIMIT_OPTIONS_INIT                                                                              \
    { LW_LIMIT_FIXED, 20, 3, 1000, UINT64_C(60000000000) }

/* See layer.h. */
LW_API int lw_concurrency_limit_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                                    const lw_concurrency_limit_options *options);

/* The limit of the moment, and how many are under way; either may be NULL. Errors: LW_INVALID (not such a layer). */
LW_API int lw_concurrency_limit_read(const lw_service *limit, uint64_t *now, uint64_t *under_way);

LW_END

#endif
