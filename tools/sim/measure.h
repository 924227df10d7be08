/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What one run came to. Latency is what a user sees: from the arrival of a request to its last answer, retries
 * included. Only requests that arrive after the warm-up count.
 */
#ifndef LOADWISE_SIM_MEASURE_H
#define LOADWISE_SIM_MEASURE_H

#include "histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_SLICES = 120, SIM_WHY = 256 };

/* One slice of the run's time, SIM_SLICES of them from 0 to the duration. */
struct sim_slice {
    uint64_t ended, failed, refused, retries;
    struct sim_histogram latency;
};

/* One node. */
struct sim_tally {
    uint64_t served, failed, turned_away; /* tries that ended there; that failed; that found no place to wait */
    uint64_t after_recovery;              /* tries sent there within a second after it was well again, while present */
    uint64_t cache_hits, cache_asked;
    double busy;               /* slot-seconds of service within the measured time */
    double queued;             /* request-seconds of waiting */
    uint32_t peak;             /* most under way and waiting */
    float load[SIM_SLICES];    /* mean number under way and waiting in each slice */
    uint32_t sent[SIM_SLICES]; /* tries in each slice; counted where the scenario has events */
};

struct sim_result {
    uint64_t requests; /* arrived; each ended well, failed or was refused */
    uint64_t well, failed, refused;
    uint64_t in_time;              /* of those that ended well: before the measured time was over */
    uint64_t retries, over_budget; /* retries made; that the budget forbade */
    uint64_t tries, waited;        /* tries that a node took; that had to wait there */
    uint64_t moved, keyed;   /* keyed requests that went first to another node than the key's last; all keyed ones */
    double overshoot;        /* largest share by which a node was sent more than a quota of it in a window */
    uint64_t limited;        /* answers 429 */
    double even_in_recovery; /* tries that nodes would get in those seconds if all present got as many */
    double seconds;          /* of measured time; 0: a bound on requests ended it before the warm-up did */
    uint64_t end;            /* ns: when it ended */
    struct sim_histogram latency; /* of requests that ended well */
    struct sim_slice *slices;     /* SIM_SLICES */
    struct sim_tally *nodes;
    uint32_t node_count;
    bool stopped;      /* by progress */
    char why[SIM_WHY]; /* after an error */
};

void sim_result_free(struct sim_result *result);

/* Mean number of requests per node under way and waiting, busiest node over the mean of all. 1: perfectly even. */
double sim_result_max_mean(const struct sim_result *result);

#endif
