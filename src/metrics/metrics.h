/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is counted, per node and in all. What changes is read and written with relaxed atomics. */
#ifndef LW_METRICS_METRICS_H
#define LW_METRICS_METRICS_H

#include "base/registry.h"

#include <loadwise/metrics.h>

enum {
    LW__OUTCOMES = 8,
    LW__BUCKETS = 16,
    LW__STATUSES = 4,
    LW__REASONS = 64,
    LW__STRATEGIES = 32,
    LW__LEVELS = 64,
    LW__LABEL_SIZE = 256, /* of a name, with its NUL */
    LW__HEX_SIZE = 18,    /* "#", 16 digits, NUL */
};

struct lw__node_metrics {
    struct lw__record head;
    uint64_t born;          /* number of the birth, from 1 */
    uint64_t named;         /* the same for the name; 0: none */
    uint64_t name_id;       /* lw_id of the name */
    char *name;             /* escaped, set at most once */
    char hex[LW__HEX_SIZE]; /* the label as long as there is no name */
    uint64_t selections;
    uint64_t in_flight;
    uint64_t outcomes[LW__OUTCOMES];
    uint64_t durations[LW__BUCKETS]; /* not cumulative; the last is everything beyond */
    uint64_t duration_sum;           /* ns */
    uint64_t health_entered[LW__STATUSES], health_left[LW__STATUSES];
    uint64_t health_latest; /* reached by the event that came last, which need not be the change that came last */
    uint64_t probes;
    uint64_t exhaustions, releases; /* of quotas */
    uint64_t drains, losses;
};

struct lw__strategy_metrics {
    uint64_t id;                    /* lw_id of the name; 0: free */
    char label[2 * LW__LABEL_SIZE]; /* escaped */
    uint32_t ready;                 /* the label is written */
    uint64_t selections;
};

struct lw__level_metrics {
    uint64_t level; /* route, priority, and 1 more; 0: free */
    uint64_t panics, ends;
};

struct lw_metrics {
    lw_env env;
    lw_observer observer;
    struct lw__registry registry;
    uint64_t births;               /* of records and names: what a page does not know yet, it leaves out */
    pthread_mutex_t naming;        /* so that no two nodes get one name */
    struct lw__node_metrics other; /* nodes beyond the bound, and requests that outlived their node */
    struct lw__strategy_metrics strategies[LW__STRATEGIES];
    uint64_t other_strategies;
    struct lw__level_metrics levels[LW__LEVELS], other_levels;
    uint64_t refusals[LW__REASONS]; /* by -reason; at 0 what is no reason */
};

/* Upper bounds of the duration buckets, in ns; and as the label says them. */
struct lw__bucket {
    uint64_t ns;
    const char *seconds;
};
extern const struct lw__bucket lw__buckets[LW__BUCKETS - 1];

/* label.c: may this be a label value that the library did not make? And as the format writes it; out has room for
   twice its size. */
bool lw__label_is_fit(const char *text, size_t size);
void lw__label_escape(const char *text, size_t size, char *out);
void lw__label_hex(uint64_t id, char out[LW__HEX_SIZE]);

/* by_strategy.c: where selections of this strategy are counted. */
uint64_t *lw__strategy_counter(lw_metrics *metrics, const char *strategy);

/* by_level.c: where panics of this priority level are counted. */
struct lw__level_metrics *lw__level_counters(lw_metrics *metrics, uint32_t route, uint32_t priority);

static inline uint64_t lw__birth(lw_metrics *metrics) {
    return __atomic_add_fetch(&metrics->births, 1, __ATOMIC_SEQ_CST);
}

static inline uint64_t lw__count(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

#endif
