/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Buckets in microseconds: below 128 one each, then 64 to every doubling. A bucket's middle stands for all in it.
 */
#include "histogram.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS, FINE = 2 * STEPS, LEAST_ROOM = 256 };

static uint32_t bucket_of(uint64_t ns) {
    uint64_t us = ns / 1000;
    if (us < FINE) {
        return (uint32_t)us;
    }
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(us) - STEP_BITS;
    return FINE + (shift - 1) * STEPS + (uint32_t)((us >> shift) - STEPS);
}

static double middle_of(uint32_t bucket) {
    if (bucket < FINE) {
        return (bucket + 0.5) * 1000;
    }
    uint32_t shift = (bucket - FINE) / STEPS + 1, place = (bucket - FINE) % STEPS;
    return ((double)(STEPS + place) + 0.5) * (double)(UINT64_C(1) << shift) * 1000;
}

static bool make_room(struct sim_histogram *histogram, uint32_t bucket) {
    uint32_t size = histogram->size > 0 ? histogram->size : LEAST_ROOM;
    if (bucket < histogram->size) {
        return true;
    }
    while (size <= bucket) {
        size *= 2;
    }
    uint32_t *counts = realloc(histogram->counts, size * sizeof *counts);
    if (counts == NULL) {
        return false;
    }
    memset(counts + histogram->size, 0, (size - histogram->size) * sizeof *counts);
    histogram->counts = counts;
    histogram->size = size;
    return true;
}

bool sim_histogram_add(struct sim_histogram *histogram, uint64_t ns) {
    uint32_t bucket = bucket_of(ns);
    if (!make_room(histogram, bucket)) {
        return false;
    }
    histogram->counts[bucket]++;
    histogram->total++;
    histogram->sum += (double)ns;
    histogram->most = ns > histogram->most ? ns : histogram->most;
    return true;
}

bool sim_histogram_merge(struct sim_histogram *into, const struct sim_histogram *from) {
    if (from->size > 0 && !make_room(into, from->size - 1)) {
        return false;
    }
    for (uint32_t i = 0; i < from->size; i++) {
        into->counts[i] += from->counts[i];
    }
    into->total += from->total;
    into->sum += from->sum;
    into->most = from->most > into->most ? from->most : into->most;
    return true;
}

double sim_histogram_quantile(const struct sim_histogram *histogram, double q) {
    double wanted = q * (double)histogram->total;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < histogram->size; i++) {
        seen += histogram->counts[i];
        if (histogram->counts[i] > 0 && (double)seen >= wanted) {
            double middle = middle_of(i);
            return middle < (double)histogram->most ? middle : (double)histogram->most;
        }
    }
    return 0;
}

double sim_histogram_mean(const struct sim_histogram *histogram) {
    return histogram->total > 0 ? histogram->sum / (double)histogram->total : 0;
}

void sim_histogram_free(struct sim_histogram *histogram) {
    free(histogram->counts);
    *histogram = (struct sim_histogram){0};
}
