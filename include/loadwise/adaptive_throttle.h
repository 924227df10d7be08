/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The adaptive throttle: a client that sees many of its requests rejected sends fewer, each refused here with chance
 *
 *     p = max(0, (requests - k x accepts) / (requests + 1)),   at most `most`
 *
 * over `window`, ten parts of which roll. A request counts from when it is tried, and at that time also its accept,
 * once a node took it up: overload, rate-limited, timeouts and connect failures are none. Refusals of this layer are
 * LW_SHED, never to be asked again, and count as requests; what was cancelled, or refused further in, does not count at
 * all. Source: Google, "Site Reliability Engineering" (2016), chapter 21. No allocation but the records of layer.h.
 */
#ifndef LOADWISE_ADAPTIVE_THROTTLE_H
#define LOADWISE_ADAPTIVE_THROTTLE_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_adaptive_throttle_options {
    double k;        /* 1 to 10; default 2 */
    uint64_t window; /* ns, 1 s to 1 hour; default 2 min */
    uint64_t most;   /* percent; 1 to 100; default 90, so that a recovery is noticed */
} lw_adaptive_throttle_options;

#define LW_ADAPTIVE_THROTTLE_OPTIONS_INIT                                                                              \
    { 2, UINT64_C(120000000000), 90 }

/* See layer.h. */
LW_API int lw_adaptive_throttle_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                                    const lw_adaptive_throttle_options *options);

LW_END

#endif
