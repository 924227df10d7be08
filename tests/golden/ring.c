/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners and orders on the ring, by name and by id, around the borders of points too. */
#include "golden.h"

enum { RING_NODES = 20, ORDER_ROOM = 5, BORDER_NODES = 4 };

/* Twenty named nodes of weights 0 to 3. */
static void check_named(void) {
    char names[RING_NODES][8];
    const char *name[RING_NODES];
    uint64_t some[LW_BITMAP_WORDS(RING_NODES)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, RING_NODES);
    for (uint32_t i = 0; i < RING_NODES; i++) {
        snprintf(names[i], sizeof names[i], "node-%02u", (unsigned)(i % 100));
        name[i] = names[i];
    }
    LW_SET_VALUES(nodes, name, name);
    LW_SET_VALUES(nodes, weight, ring_weights);
    nodes.set = 1;
    GOLDEN_OWNERS("ring", &nodes, ring_owners);
    GOLDEN_ORDERS("ring", &nodes, ring_orders, ORDER_ROOM);
    golden_some(&nodes, some);
    GOLDEN_OWNERS("ring", &nodes, ring_owners_of_some);
}

/* Two nodes with a point at the same place: keys on it, beside it, and at both ends of the ring. */
static void check_borders(void) {
    lw_strategy *strategy = golden_strategy("ring");
    lw_nodes nodes;
    lw_nodes_init(&nodes, BORDER_NODES);
    LW_SET_VALUES(nodes, id, ring_border_ids);
    nodes.set = 2;
    for (size_t i = 0; i < GOLDEN_COUNT(ring_border_keys); i++) {
        uint32_t order[BORDER_NODES];
        lw_request request = golden_key(0);
        request.key = ring_border_keys[i];
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == ring_border_owners[i]);
        GOLDEN_CHECK(lw_replicas(strategy, &nodes, request.key, order, BORDER_NODES) == BORDER_NODES);
        for (size_t k = 0; k < BORDER_NODES; k++) {
            GOLDEN_CHECK(order[k] == ring_border_orders[i * BORDER_NODES + k]);
        }
    }
    lw_strategy_free(strategy);
}

int main(void) {
    check_named();
    check_borders();
    return golden_verdict();
}
