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
 * Series: selections, requests by outcome, requests in flight, refusals by reason, request duration as a histogram,
 * health, health changes, probes, quota exhaustion. Cardinality is bounded: at most max_nodes nodes have series of
 * their own, the rest are counted together as node="other", and the series of a forgotten node disappear.
 *
 * Threads: any, at any time, except lw_metrics_free. Counting takes no lock and allocates nothing but once per node.
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

/* options may be NULL. Errors: LW_NOMEM, LW_INVALID. */
LW_API int lw_metrics_new(lw_metrics **out, const lw_env *env, const lw_metrics_options *options);

/* NULL-safe. Whatever was given its observer must be freed before. */
LW_API void lw_metrics_free(lw_metrics *metrics);

/* The observer that feeds it. Owned by the metrics. Errors: none. */
LW_API const lw_observer *lw_metrics_observer(lw_metrics *metrics);

/*
 * What the label `node` says of this node: its name, copied. Without one it says the id in hexadecimal. An id stands
 * for a name, so only the first naming counts. Errors: LW_RANGE (longer than 255 bytes), LW_FULL (max_nodes), LW_NOMEM.
 */
LW_API int lw_metrics_name(lw_metrics *metrics, uint64_t node, const char *name);

/*
 * Writes everything as Prometheus text format 0.0.4 into the caller's buffer, NUL-terminated and cut at `room`; returns
 * the length of the whole, as snprintf does. What is cut is not valid: ask again with more room. Errors: none.
 */
LW_API size_t lw_metrics_text(lw_metrics *metrics, char *out, size_t room);

LW_END

#endif
