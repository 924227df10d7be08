/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All nodes of two lists, each once, with its share of the weights in either. */
#ifndef LOADWISE_TOOL_ROSTER_H
#define LOADWISE_TOOL_ROSTER_H

#include "fleet.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROSTER_SIDES = 2, ROSTER_ABSENT = -1 };

struct roster_entry {
    const char *name;
    int64_t weight[ROSTER_SIDES]; /* ROSTER_ABSENT: not in that list */
    double share[ROSTER_SIDES];   /* by weight, among those of the list that may be chosen */
};

struct roster {
    struct roster_entry *entries; /* those of the first list first, in its order */
    uint32_t count;
    uint32_t *place[ROSTER_SIDES]; /* by index in a list: the entry */
};

/* Names are borrowed. `open` has a bit for each node that may be chosen, NULL: all. False: out of memory. */
bool roster_init(struct roster *roster, const struct fleet *fleets, const uint64_t *const *open);
void roster_free(struct roster *roster);

/* The share of the keys that must move, whatever the rule, if every node is to have its share of them. */
double roster_least(const struct roster *roster);

/* Whether somebody in that list has a share, and so may own keys. */
bool roster_owned(const struct roster *roster, uint32_t side);

#endif
