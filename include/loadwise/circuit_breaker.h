/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The circuit breaker, around one node: opens after so many failures in a row, is half open after `pause`, lets
 * `permits` exchanges at a time try it out, and closes after `successes` of them. The machine is that of health.h, with
 * one node. While open, LW_ALL_UNHEALTHY with the time of the next try. A pool has this already, across all routes and
 * threads; the layer is for services without one, or for a judgement of its own per stack.
 */
#ifndef LOADWISE_CIRCUIT_BREAKER_H
#define LOADWISE_CIRCUIT_BREAKER_H

#include <loadwise/layer.h>

LW_BEGIN

typedef struct lw_circuit_breaker_options {
    uint64_t failures;  /* 1 to 4095; default 5 */
    uint64_t successes; /* 1 to 4095; default 2 */
    uint64_t pause;     /* ns; default 5 s; twice as long after each try that failed, */
    uint64_t max_pause; /* at most so long; default 60 s */
    uint64_t permits;   /* 1 to 255; default 1 */
} lw_circuit_breaker_options;

#define LW_CIRCUIT_BREAKER_OPTIONS_INIT                                                                                \
    { 5, 2, UINT64_C(5000000000), UINT64_C(60000000000), 1 }

/* See layer.h. */
LW_API int lw_circuit_breaker_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                                  const lw_circuit_breaker_options *options);

LW_END

#endif
