/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A storm of updates: a thread that changes one node in a hundred of a pool a hundred times a second. */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include "frame.h"
#include "pool_stand.h"

struct storm;

struct storm_figures {
    double rate;          /* updates a second, while it blew */
    double median, worst; /* ns an update */
};

/* Begins calm. NULL when there is no memory or no thread. */
struct storm *storm_open(const struct frame *frame, struct pool_stand *stand);
void storm_blow(struct storm *storm);
void storm_calm(struct storm *storm);

/* Only while it is calm. storm_close returns what the last failing update did, or 0. */
struct storm_figures storm_sum_up(struct storm *storm);
int storm_close(struct storm *storm);

#endif
