/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Metrics: an observer that counts, and its counts as Prometheus text.
 *
 *     lw_metrics *metrics;
 *     lw_metrics_new(&metrics, NULL, NULL);
 *     options.observer = lw_metrics_observer(metrics);     // of a tracker or pool
 *     ...
 *     size = lw_metrics_text(metrics, buffer, sizeof buffer);
 *
 * Per node: selections, requests by outcome, requests in flight, duration as a histogram, health, changes of health,
 * probes, exhausted quotas, drains, lost tickets; that is 41 series. In all: selections by strategy, refusals by
 * reason, panics by route and priority level.
 *
 * Cardinality is bounded. At most max_nodes nodes have series of their own; the counters, not the gauges, of all others
 * are summed up as node="#other". A node's series begin when it is named, selected, probed, drained, changes its health
 * or exhausts a quota; they disappear when it is forgotten. A request that ends after its node was forgotten counts in
 * "#other" and does not bring the series back. At most 32 strategies and 64 priority levels that panicked are told
 * apart. Pools that feed the same metrics count together what has the same name or number.
 *
 * Threads: any, at any time, except lw_metrics_free. Counting takes no lock and allocates nothing, but for the event
 * that begins a node's series. Durations are in ns, as lw_sample.latency must then be; 0 is unknown and not counted.
 */
#ifndef LOADWISE_METRICS_H
#define LOADWISE_METRICS_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/observer.h>

LW_BEGIN

typedef struct lw_metrics lw_metrics;

typedef struct lw_metrics_options {
    size_t size;        /* sizeof(lw_metrics_options), so that the struct can grow */
    uint32_t max_nodes; /* 0: 4096 */
} lw_metrics_options;

#define LW_METRICS_OPTIONS_INIT                                                                                        \
    { sizeof(lw_metrics_options), 0 }

/* options: NULL for the defaults; borrowed for the call. Errors: LW_NOMEM; LW_INVALID (options without size, half an
   allocator). *out is then NULL. */
LW_API int lw_metrics_new(lw_metrics **out, const lw_env *env, const lw_metrics_options *options);

/* NULL-safe. Whatever was given its observer must be freed before. */
LW_API void lw_metrics_free(lw_metrics *metrics);

/* The observer that feeds it; its hooks may also be called by hand. Lives as long as the metrics. Errors: none. */
LW_API const lw_observer *lw_metrics_observer(lw_metrics *metrics);

/*
 * What the label `node` says of this node: its name, copied. Without one it says "#" and the id in 16 hexadecimal
 * digits. 1 when it has this name now; 0 when it had one before, which stays until it is forgotten. Takes a lock, O(n)
 * for n nodes. Errors: LW_RANGE (longer than 255 bytes), LW_INVALID (empty, begins with "#", not UTF-8), LW_DUPLICATE
 * (another node has this name), LW_FULL (max_nodes), LW_NOMEM.
 */
LW_API int lw_metrics_name(lw_metrics *metrics, uint64_t node, const char *name);

/*
 * Writes everything as Prometheus text format 0.0.4 into the caller's buffer, NUL-terminated and cut at `room`; returns
 * the length of the whole, as snprintf does. What was cut is no valid page: ask again with more room, and some to
 * spare, for it may have grown. out may be NULL when room is 0. Does not hold up counting. Errors: none.
 */
LW_API size_t lw_metrics_text(lw_metrics *metrics, char *out, size_t room);

LW_END

#endif
