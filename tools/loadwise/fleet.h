/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The nodes in memory, as the nodes file describes them. */
#ifndef LOADWISE_TOOL_FLEET_H
#define LOADWISE_TOOL_FLEET_H

#include <loadwise/nodes.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    char *name;
    uint32_t weight, health, priority, capacity;
    double load, remaining; /* NaN where the file does not say */
    char *zone;             /* NULL: none */
    char *tags;             /* "key=value,key=value"; NULL: none */
    size_t line;            /* where the file describes it, from 1 */
};

struct fleet {
    struct node *nodes;
    uint32_t count;
    uint32_t present; /* LW_HAS bits: the columns that at least one node gives */
};

/* What a node is before the file says anything about it. */
void fleet_node_init(struct node *node, size_t line);

/* The fleet as the library reads it: a column for each present bit, borrowed from the fleet. */
void fleet_view(const struct fleet *fleet, lw_nodes *nodes);

/* Position of the node with this name, or fleet->count. */
uint32_t fleet_find(const struct fleet *fleet, const char *name);

void fleet_free(struct fleet *fleet);

#endif
