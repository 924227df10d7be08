/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A percentile of latencies, learnt from two histograms that take turns: one window is counted in, the one before is
 * read along with it. Buckets grow by an eighth of a power of two, so an answer is at most 12.5 % too high.
 * Source: Tower's rotating histogram; buckets as in HdrHistogram. Cost: O(1) to count, O(buckets) to ask, asked once
 * per 64 samples.
 */
#ifndef LW_SERVICE_PERCENTILE_H
#define LW_SERVICE_PERCENTILE_H

#include <stdint.h>

enum { LW__PERCENTILE_BUCKETS = 8 * 45 }; /* up to 2^47 ns, 39 hours */

struct lw__percentile {
    double percent;
    uint64_t window, min_samples;
    uint64_t began; /* when the current histogram did */
    uint64_t total[2], fresh;
    uint64_t answer; /* as last computed; 0: not yet */
    uint32_t current;
    uint32_t count[2][LW__PERCENTILE_BUCKETS];
};

void lw__percentile_init(struct lw__percentile *percentile, double percent, uint64_t window, uint64_t min_samples);
void lw__percentile_add(struct lw__percentile *percentile, uint64_t latency, uint64_t now);

/* 0: too few samples. */
uint64_t lw__percentile_read(struct lw__percentile *percentile, uint64_t now);

#endif
