/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Counts of durations in buckets whose width is 1/64 of their place (so quantiles are right within 0.8 %), from 1 us to
 * days, in bounded memory: grown to the largest seen.
 */
#ifndef LOADWISE_SIM_HISTOGRAM_H
#define LOADWISE_SIM_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_histogram {
    uint32_t *counts;
    uint32_t size; /* buckets there are */
    uint64_t total;
    double sum; /* ns */
    uint64_t most;
};

/* False when memory ran out; then nothing was counted. */
bool sim_histogram_add(struct sim_histogram *histogram, uint64_t ns);
bool sim_histogram_merge(struct sim_histogram *into, const struct sim_histogram *from);
/* Smallest duration that a share q of all reach at most, in ns; 0 where nothing was counted. */
double sim_histogram_quantile(const struct sim_histogram *histogram, double q);
double sim_histogram_mean(const struct sim_histogram *histogram);
void sim_histogram_free(struct sim_histogram *histogram);

#endif
