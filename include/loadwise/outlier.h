/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Outlier ejection: a node that does much worse than the others of its pool leaves the rotation for a while.
 *
 *     consecutive          so many failures in a row (none in between that went well)
 *     success rate         below mean - factor x deviation of the success rates, looked at once per interval
 *     failure percentage   at least so many percent of its requests failed in an interval
 *
 * The n-th ejection of a node lasts base x n, at most max_ejection, and up to `jitter` longer; n sinks by one with each
 * interval that it spends in the rotation. Which outcomes fail is the table of effects of the health options. Ejection
 * stands beside health: health judges each node by itself and tries it out again with single requests; ejection
 * compares nodes, never takes out more than max_percent of them, counted with the candidate, and never the last one
 * that is left.
 *
 * Source: Envoy's outlier detection and gRPC A50; parameters and defaults are theirs.
 */
#ifndef LOADWISE_OUTLIER_H
#define LOADWISE_OUTLIER_H

#include <stddef.h>
#include <stdint.h>

typedef struct lw_outlier_options {
    size_t size; /* sizeof(lw_outlier_options), so that the struct can grow */

    uint64_t interval;      /* ns between two looks; at least 1 ms; default 10 s */
    uint64_t base_ejection; /* ns; default 30 s */
    uint64_t max_ejection;  /* ns, at least base_ejection; default 300 s */
    uint64_t jitter;        /* ns; default 0 */

    uint32_t max_percent; /* 0 to 100; default 10 */
    uint32_t always_one;  /* default 1: one node may be ejected even where max_percent comes to less than one */

    uint32_t consecutive; /* 0: off; default 5 */

    uint32_t success_rate;        /* default 1; 0: off */
    uint32_t success_rate_hosts;  /* nodes with enough requests that it takes; at least 3; default 5 */
    uint32_t success_rate_volume; /* requests in the interval that a node needs to be compared; default 100 */
    uint32_t success_rate_factor; /* thousandths; default 1900 */

    uint32_t failure_percentage;        /* 1 to 100; 0, the default: off; Envoy's threshold is 85 */
    uint32_t failure_percentage_hosts;  /* default 5 */
    uint32_t failure_percentage_volume; /* default 50 */
} lw_outlier_options;

#define LW_OUTLIER_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        sizeof(lw_outlier_options), UINT64_C(10000000000), UINT64_C(30000000000), UINT64_C(300000000000), 0, 10, 1, 5, \
            1, 5, 100, 1900, 0, 5, 50                                                                                  \
    }

#endif
