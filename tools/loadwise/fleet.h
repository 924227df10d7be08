/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The nodes in memory, as the nodes file describes them. */
#ifndef LOADWISE_TOOL_FLEET_H
#define LOADWISE_TOOL_FLEET_H

#include <loadwise/nodes.h>
#include <stddef.h>
#include <stdint.h>

/* Most that a node may be given in one dimension of --quota, within its window. */
struct node_limit {
    char *dimension;
    uint64_t most;
    size_t line;
};

struct node {
    char *name;
    uint32_t weight, health, priority, inflight, capacity;
    double load, remaining; /* NaN where the file does not say */
    char *zone;             /* NULL: none */
    char *tags;             /* "key=value,key=value"; NULL: none */
    struct node_limits {
        struct node_limit *at;
        size_t count;
    } limits;
    size_t line; /* where the file describes it, from 1 */
};

struct fleet {
    struct node *nodes;
    uint32_t count;
    uint32_t present; /* LW_HAS bits, and FLEET_LIMITS: the fields that at least one node gives */
};

/* The library has columns for all fields but the limits. */
#define FLEET_LIMITS (UINT32_C(1) << LW_COLUMN_COUNT)

/* What a node is before the file says anything about it. */
void fleet_node_init(struct node *node, size_t line);

/* The fleet as the library reads it: a column for each present bit, borrowed from the fleet. Requests under way always
   have theirs: a node of which the file says nothing is idle, not unknown. */
void fleet_view(const struct fleet *fleet, lw_nodes *nodes);

/* Position of the node with this name, or fleet->count. */
uint32_t fleet_find(const struct fleet *fleet, const char *name);

void fleet_limits_free(struct node_limits *limits);
void fleet_free(struct fleet *fleet);

#endif
