/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners and orders on the ring, by name and by id, around the borders of points too. */
#include "golden.h"

enum { RING_NODES = 20, ORDER_ROOM = 5, BORDER_NODES = 4 };

static void check_owners(lw_strategy *strategy, const lw_nodes *nodes, const uint8_t *owners, size_t count) {
    for (size_t i = 0; i < count; i++) {
        lw_request request = golden_key(i);
        GOLDEN_CHECK(lw_select(strategy, nodes, &request) == owners[i]);
    }
}

/* Twenty named nodes of weights 0 to 3. */
static void check_named(lw_strategy *strategy) {
    char names[RING_NODES][8];
    const char *name[RING_NODES];
    uint64_t some[LW_BITMAP_WORDS(RING_NODES)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, RING_NODES);
    for (uint32_t i = 0; i < RING_NODES; i++) {
        snprintf(names[i], sizeof names[i], "node-%02u", (unsigned)(i % 100));
        name[i] = names[i];
        if (i % 3 != 1) {
            lw_bitmap_set(some, i);
        }
    }
    LW_SET_VALUES(nodes, name, name);
    LW_SET_VALUES(nodes, weight, ring_weights);
    nodes.set = 1;
    check_owners(strategy, &nodes, ring_owners, GOLDEN_COUNT(ring_owners));
    for (size_t i = 0; i < GOLDEN_COUNT(ring_orders); i += ORDER_ROOM) {
        uint32_t order[ORDER_ROOM];
        lw_request request = golden_key(i / ORDER_ROOM);
        GOLDEN_CHECK(lw_replicas(strategy, &nodes, request.key, order, ORDER_ROOM) == ORDER_ROOM);
        for (size_t k = 0; k < ORDER_ROOM; k++) {
            GOLDEN_CHECK(order[k] == ring_orders[i + k]);
        }
    }
    nodes.eligible = some;
    check_owners(strategy, &nodes, ring_owners_of_some, GOLDEN_COUNT(ring_owners_of_some));
}

/* Two nodes with a point at the same place: keys on it, beside it, and at both ends of the ring. */
static void check_borders(lw_strategy *strategy) {
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
}

int main(void) {
    lw_strategy *strategy = golden_strategy("ring");
    check_named(strategy);
    check_borders(strategy);
    lw_strategy_free(strategy);
    return golden_verdict();
}
