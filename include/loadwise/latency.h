/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Latency: how long each node takes, learnt from how requests end.
 *
 *     lw_latency *latency;
 *     lw_latency_new(&latency, NULL, NULL);
 *     ...
 *     lw_latency_observe(latency, node, &sample);                            (when a request ends)
 *     uint64_t score = lw_latency_score_at(latency, node, LW_LATENCY_PEAK, in_flight, now);   (lower is better)
 *
 * Two estimates per node, both decaying with the time constant tau:
 *   mean   the average of its samples, weighted by time
 *   peak   jumps to a sample that is higher, and sinks towards samples that are lower (peak EWMA)
 *
 * What is read leans on the group, the average of all good samples of all nodes: an estimate moves towards it as the
 * time since the node's last sample grows, and counts only in part until the node has min_samples. So a new node starts
 * as an average one, and a node that looked bad is tried again in time; reading writes nothing. No failure makes a node
 * look fast: it is charged the highest of its own time, the node's peak, the group and the timeout of the options.
 *
 * Samples are in any unit that the caller keeps to: ns to the last byte, ns to the first, ns per token; the timeout,
 * the penalty and the initial cost of the options are in the same one. Everything is whole numbers: the same samples
 * give the same scores on every platform. Source: Finagle's peak EWMA, Linkerd's penalties, brpc's charge of failures.
 *
 * Threads: every function, any thread, at any time, except lw_latency_free, which is the last. Observing a known node
 * and every estimate take no lock and allocate nothing; the first sample of a node does both once. Time: monotonic ns;
 * the calls without `now` read env->now once. A step back of the time counts as standing still.
 */
#ifndef LOADWISE_LATENCY_H
#define LOADWISE_LATENCY_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/outcome.h>

LW_BEGIN

enum lw_latency_kind {
    LW_LATENCY_MEAN = 0,
    LW_LATENCY_PEAK = 1,
};

/* A member left 0 means its default. */
typedef struct lw_latency_options {
    size_t size; /* sizeof(lw_latency_options), so that the struct can grow */

    uint64_t tau;    /* ns in which an estimate loses 63 % of its weight; 1 ms to 1 day; default 10 s */
    uint64_t expiry; /* ns of silence after which a node is new again; tau to 1000 tau; default 18 tau: by then its
                        weight is 10^-8 */

    /* In the unit of the samples, at most 2^43. */
    uint64_t timeout; /* least charge of a failure, connect failure, timeout; default 5 s if the unit is ns */
    uint64_t penalty; /* least charge of rate-limited and overload; default 5 s if the unit is ns */
    uint64_t initial; /* what every node is taken for before the first good sample of any; default 1 */

    uint32_t min_samples; /* until then the estimate counts in part only; 1 to 1000; default 10 */
    uint32_t max_nodes;   /* default 65536 */
} lw_latency_options;

#define LW_LATENCY_OPTIONS_INIT                                                                                        \
    { sizeof(lw_latency_options), 0, 0, 0, 0, 0, 0, 0 }

typedef struct lw_latency lw_latency;

/*
 * Makes a tracker, to be freed with lw_latency_free. env and options are copied; either may be NULL.
 * Errors: LW_NOMEM, LW_RANGE (the log names the option and its range), LW_INVALID (half an allocator).
 */
LW_API int lw_latency_new(lw_latency **out, const lw_env *env, const lw_latency_options *options);

/* Frees the tracker. NULL-safe. */
LW_API void lw_latency_free(lw_latency *latency);

/*
 * A request to the node ended at sample->now (0: the clock is asked). What counts, by outcome:
 *   ok                                  the latency; nothing when that is 0
 *   failure, connect failure, timeout   the highest of the latency, the peak as it reads now, the group, the timeout
 *   rate-limited, overload              the highest of the latency, the peak as it reads now, the group, the penalty
 *   cancelled                           nothing, unless the node is known and the latency above an estimate: then for
 *                                       that one the higher of the latency and the group, and it adds no sample
 *   caller's fault                      nothing
 * Latencies above 2^43 (2.4 hours of ns) count as that. Only good samples (ok) move the group.
 * Returns 1 when it counted, 0 when it changed nothing. Errors: LW_INVALID (outcome, size), LW_FULL (max_nodes),
 * LW_NOMEM.
 */
LW_API int lw_latency_observe(lw_latency *latency, uint64_t node, const lw_sample *sample);

/* The same at `now`, whatever sample->now says. */
LW_API int lw_latency_observe_at(lw_latency *latency, uint64_t node, const lw_sample *sample, uint64_t now);

/*
 * What a request to this node is expected to take, in the unit of the samples, at least 1: the mean or the peak as it
 * reads now (kind: enum lw_latency_kind). A node that is not known, or has been silent for longer than the expiry, is
 * taken for the group. Errors: none; a kind that is not one is the mean.
 */
LW_API uint64_t lw_latency_estimate(lw_latency *latency, uint64_t node, uint32_t kind);
LW_API uint64_t lw_latency_estimate_at(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t now);

/*
 * Estimate x (in_flight + 1), in 1/256 of the unit and no coarser, so that small units order well too. For comparing:
 * lower is better. Saturates. Errors: none.
 */
LW_API uint64_t lw_latency_score(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t in_flight);
LW_API uint64_t lw_latency_score_at(lw_latency *latency, uint64_t node, uint32_t kind, uint64_t in_flight,
                                    uint64_t now);

/* One unit of the samples in the costs below. */
#define LW_LATENCY_ONE (UINT64_C(1) << 20)

/*
 * What the group is taken for, a cost in 1/LW_LATENCY_ONE of the unit: the average of all good samples, decaying with
 * tau, or options.initial before the first. Errors: none.
 */
LW_API uint64_t lw_latency_group(const lw_latency *latency);

/* What is known of one node. */
typedef struct lw_latency_info {
    size_t size; /* sizeof(lw_latency_info), so that the struct can grow; set by the caller */
    uint64_t node;
    uint64_t mean, peak; /* costs in 1/LW_LATENCY_ONE of the unit, as its last sample left them */
    uint64_t last;       /* monotonic ns of that sample, to within 65536 ns below */
    uint32_t samples;    /* since the node became known; stays at 65535 */
} lw_latency_info;

/* What was learnt of the node, expired or not. Errors: LW_UNKNOWN (no such node, or no sample yet), LW_INVALID (size).
 */
LW_API int lw_latency_get(lw_latency *latency, uint64_t node, lw_latency_info *info);

/* Calls for each known node, in no order, until the function answers not 0; returns that. info lives for the call; the
   function must not call back into this tracker except for reading. */
LW_API int lw_latency_each(lw_latency *latency, int (*each)(void *user, const lw_latency_info *info), void *user);

/*
 * Sets what is known of a node, as lw_latency_get gave it; for restoring. Errors: LW_RANGE (no samples or more than
 * 65535, a cost of 0 or above 2^63), LW_INVALID (size), LW_FULL, LW_NOMEM.
 */
LW_API int lw_latency_restore(lw_latency *latency, const lw_latency_info *info);

/* Sets the group's cost, as lw_latency_group gave it, as if it were one good sample at `now`. Errors: LW_RANGE. */
LW_API int lw_latency_restore_group(lw_latency *latency, uint64_t cost, uint64_t now);

/* Drops all that is known of the node. 1 when there was something, 0 when not. Takes the lock that makes nodes known.
 */
LW_API int lw_latency_forget(lw_latency *latency, uint64_t node);

LW_END

#endif
