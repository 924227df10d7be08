/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A placement: one strategy that places by key, on nodes of a fleet that come, go and grow heavier. */
#ifndef BENCH_PLACEMENT_H
#define BENCH_PLACEMENT_H

#include "fleet.h"
#include "frame.h"
#include "supply.h"

#include <loadwise/loadwise.h>

/* What happens to the nodes, one in a hundred of them and at least one. */
enum placement_change {
    PLACEMENT_AS_IT_WAS,
    PLACEMENT_ADDED,      /* new ones at the end */
    PLACEMENT_REMOVED,    /* from all over the list */
    PLACEMENT_REWEIGHTED, /* weight 2 in place of 1 */
    PLACEMENT_CHANGES
};

struct placement {
    const char *spec;
    const struct fleet *fleet; /* of the nodes and those to be added */
    struct supply supply;
    lw_strategy *strategy;
    lw_nodes nodes;
    uint32_t count, batch; /* nodes as it was, and how many change */
    uint32_t *numbers;     /* in the fleet, by index */
    const char **names;
    uint32_t *weights;
    size_t bytes; /* of the table, as it was */
};

/* How many nodes change where there are `count`. */
uint32_t placement_batch(uint32_t count);

/* The share of keys that must move, if keys follow weights exactly. */
double placement_least(uint32_t count, enum placement_change change);

/* Returns 0, or a negative code of the library. placement_close is safe either way. */
int placement_open(struct placement *placement, const char *spec, const struct fleet *fleet, uint32_t count);
void placement_close(struct placement *placement);

/* Makes the change to the nodes as they were and prepares; returns as above. */
int placement_make(struct placement *placement, enum placement_change change);

/* The owners of so many keys, hashes as users would pass them, by number in the fleet. Returns as above. */
int placement_owners(const struct placement *placement, uint32_t *owners, uint32_t count);

/* Look-ups of the fleet's keys. */
struct frame_task placement_task(struct placement *placement);

/* ns of the first lw_prepare of a strategy, the median of several; negative: a code. */
double placement_build_time(const struct placement *placement);

#endif
