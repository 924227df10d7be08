/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Layers: services around a service. Each has a struct of options whose members are its parameters, a function that
 * makes it, and a line in the table by which stacks (stack.h) are written as text:
 *
 *     timeout 2s | retry max=3 | hedge p95 | balance p2c metric=peak_ewma | circuit_breaker
 *
 * A layer owns the service that it is around, from the call that made it on, also when that call fails: then it is freed.
 * It keeps a record per exchange under way, taken from memory that grows by 64 records at a time and is kept for the
 * next ones; where that fails the exchange is refused with LW_NOMEM.
 *
 * Options: LW_x_OPTIONS_INIT has the defaults. Times are ns. Errors of every function that makes a layer: LW_RANGE (the
 * log names the option, its value and its range), LW_INVALID (no inner service, half an allocator), LW_NOMEM.
 */
#ifndef LOADWISE_LAYER_H
#define LOADWISE_LAYER_H

#include <loadwise/clock.h>
#include <loadwise/ops.h>
#include <loadwise/service.h>

LW_BEGIN

/* A kind of layer, for stacks. Its options are a struct of uint64_t and double, described by params. */
typedef struct lw_layer {
    size_t size;      /* sizeof(lw_layer), so that the struct can grow */
    const char *name; /* [a-z][a-z0-9_]* */
    const char *help; /* one sentence */
    const lw_param *params;
    uint32_t param_count;
    uint32_t options_size;
    /* The first parameter may be given by its value alone: "timeout 2s". */
    int (*make)(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options);
} lw_layer;

/* The built-in ones, in the order of the alphabet; NULL at the end. balance is not one of them: a stack makes it. */
LW_API const lw_layer *const *lw_layers(void);

/* ---- timeout ---- */

/*
 * An exchange that is not completed within `after` is cancelled, and completed with LW_OUTCOME_TIMEOUT. The deadline
 * travels: inner exchanges see the earlier one of theirs and this. Above a balance it is for the whole request, below
 * one for each try. A deadline that has passed when the call comes is a timeout that no node had a part in:
 * LW_TIMED_OUT.
 */
typedef struct lw_timeout_options {
    uint64_t after; /* 1 us to 1 day; required */
} lw_timeout_options;
LW_API int lw_timeout_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                          const lw_timeout_options *options);

/* ---- retry ---- */

/*
 * Tries again, never the same node until all were tried: the nodes that had it are excluded exactly.
 *   connect failure, rate-limited, overload   the node did nothing: always
 *   failure, timeout                          only if LW_EXCHANGE_SAFE
 *   the rest                                  never; nor what is SPENT or BEGUN, nor past the deadline
 * Waits `backoff` x 2^(tries so far), at most max_backoff, times a random share (full jitter) between tries; not at all
 * before the first retry when another node is there to take it. A refusal that says when is waited for, at most
 * `patience`. The budget: retries are at most `budget` percent of the requests of the last `budget_window`, and `floor`
 * a second besides. Those that wait count. Source: Envoy (back-off 25 ms, cap 10 times), Finagle and Tower (budget).
 */
typedef struct lw_retry_options {
    uint64_t max;           /* tries in all; 1 to 16; default 3 */
    uint64_t backoff;       /* default 25 ms */
    uint64_t max_backoff;   /* at least backoff; default 250 ms */
    uint64_t patience;      /* default 1 s */
    uint64_t budget;        /* percent; 0 to 1000; default 20 */
    uint64_t floor;         /* a second; 0 to 1000000; default 10 */
    uint64_t budget_window; /* 1 s to 1 hour; default 10 s */
} lw_retry_options;
#define LW_RETRY_OPTIONS_INIT                                                                                          \
    { 3, 25000000, 250000000, 1000000000, 20, 10, UINT64_C(10000000000) }
LW_API int lw_retry_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                        const lw_retry_options *options);

/* ---- hedge ---- */

/*
 * Sends a second try to another node when the first one takes longer than `percentile` of those before, if
 * LW_EXCHANGE_SAFE. The first good answer wins; the other try is cancelled and says nothing of its node's speed. The
 * percentile is learnt from a histogram that rotates every `window`, and nothing is hedged below min_samples of them.
 * At most `budget` percent of requests are hedged. Source: Dean and Barroso, "The Tail at Scale" (2013); Finagle
 * (backup requests), Tower (rotating histogram).
 */
typedef struct lw_hedge_options {
    double percentile;    /* "p95" in a stack; 50 to 99.99; default 95 */
    uint64_t least;       /* never sooner than that; default 1 ms */
    uint64_t window;      /* 1 s to 1 hour; default 30 s */
    uint64_t min_samples; /* 1 to 1000000; default 20 */
    uint64_t budget;      /* percent; 0 to 100; default 10 */
} lw_hedge_options;
#define LW_HEDGE_OPTIONS_INIT                                                                                          \
    { 95, 1000000, UINT64_C(30000000000), 20, 10 }
LW_API int lw_hedge_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                        const lw_hedge_options *options);

LW_END

#endif
