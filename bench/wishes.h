/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Wishes: the list of nodes that an operator hands to lw_pool_update, and how it changes from one time to the next. */
#ifndef BENCH_WISHES_H
#define BENCH_WISHES_H

#include "fleet.h"

#include <loadwise/node_spec.h>
#include <stdbool.h>

struct wishes {
    uint32_t count;
    lw_node_spec *specs;
    char (*names)[FLEET_NAME_SIZE]; /* those of the fleet, until a node is replaced */
    uint32_t turn;
};

/* The nodes of a fleet, each with its name there as `user`. Weights are 1 unless weighted. Returns 0, or -1 without
   memory. wishes_close is safe either way. */
int wishes_open(struct wishes *wishes, const struct fleet *fleet, bool weighted);
void wishes_close(struct wishes *wishes);

/* Changes one node in a hundred, at least two: half of these get another weight, the others another name. The next
   change takes the weights back and replaces further nodes. */
void wishes_change(struct wishes *wishes);

#endif
