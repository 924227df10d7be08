/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An array of structs, lent to the library column by column. */
#include "fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void fleet_node_init(struct node *node, size_t line) {
    *node = (struct node){.weight = 1, .load = (double)NAN, .remaining = (double)NAN, .line = line};
}

void fleet_view(const struct fleet *fleet, lw_nodes *nodes) {
    lw_nodes_init(nodes, fleet->count);
    LW_SET(*nodes, name, fleet->nodes, name);
    LW_SET(*nodes, weight, fleet->nodes, weight);
    LW_SET(*nodes, load, fleet->nodes, load);
    LW_SET(*nodes, remaining, fleet->nodes, remaining);
    LW_SET(*nodes, health, fleet->nodes, health);
    LW_SET(*nodes, inflight, fleet->nodes, inflight);
    LW_SET(*nodes, capacity, fleet->nodes, capacity);
    LW_SET(*nodes, priority, fleet->nodes, priority);
    LW_SET(*nodes, zone, fleet->nodes, zone);
    LW_SET(*nodes, tags, fleet->nodes, tags);
    nodes->present = (fleet->present & ~FLEET_LIMITS) | LW_HAS(inflight);
    nodes->set = nodes->version = 1;
}

uint32_t fleet_find(const struct fleet *fleet, const char *name) {
    uint32_t i = 0;
    while (i < fleet->count && strcmp(fleet->nodes[i].name, name) != 0) {
        i++;
    }
    return i;
}

void fleet_limits_free(struct node_limits *limits) {
    for (size_t i = 0; i < limits->count; i++) {
        free(limits->at[i].dimension);
    }
    free(limits->at);
    *limits = (struct node_limits){NULL, 0};
}

void fleet_free(struct fleet *fleet) {
    for (uint32_t i = 0; i < fleet->count; i++) {
        free(fleet->nodes[i].name);
        free(fleet->nodes[i].zone);
        free(fleet->nodes[i].tags);
        fleet_limits_free(&fleet->nodes[i].limits);
    }
    free(fleet->nodes);
    *fleet = (struct fleet){NULL, 0, 0};
}
