/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is counted, per node and in all. Counters only grow; every member is written with relaxed atomics. */
#ifndef LW_METRICS_METRICS_H
#define LW_METRICS_METRICS_H

#include "base/registry.h"

#include <loadwise/metrics.h>

enum { LW__OUTCOMES = 8, LW__BUCKETS = 16, LW__STATUSES = 4, LW__REASONS = 32, LW__NAME_SIZE = 256 };

struct lw__node_metrics {
    struct lw__record head;
    char *name;          /* escaped, set at most once; NULL: none given */
    uint64_t selections; /* requests placed */
    uint64_t outcomes[LW__OUTCOMES];
    uint64_t durations[LW__BUCKETS];       /* not cumulative; the last is everything beyond */
    uint64_t duration_sum;                 /* ns */
    uint64_t health;                       /* enum lw_status */
    uint64_t health_changes[LW__STATUSES]; /* by the status reached */
    uint64_t probes;
    uint64_t quota_exhaustions;
    uint64_t quotas_exhausted; /* dimensions that have nothing left now */
};

struct lw_metrics {
    lw_env env;
    lw_observer observer;
    struct lw__registry registry;
    struct lw__node_metrics other; /* nodes beyond the bound */
    uint64_t refusals[LW__REASONS];
};

/* Upper bounds of the duration buckets, in ns; and as the label says them. */
struct lw__bucket {
    uint64_t ns;
    const char *seconds;
};
extern const struct lw__bucket lw__buckets[LW__BUCKETS - 1];

static inline uint64_t lw__count(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

#endif
