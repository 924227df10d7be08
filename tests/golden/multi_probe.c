/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners of keys among 30 nodes of weights 0 to 3 by 1, 4 and 21 probes, and orders among some of them. */
#include "bucket_vectors.h"
#include "golden.h"

enum { PROBED_NODES = 30, PROBED_ROOM = 4 };

static lw_nodes probed_nodes(void) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, PROBED_NODES);
    LW_SET_VALUES(nodes, id, probed_ids);
    LW_SET_VALUES(nodes, weight, probed_weights);
    nodes.set = 1;
    return nodes;
}

static void check_probed(const char *spec, const uint8_t *owners, size_t keys) {
    lw_nodes nodes = probed_nodes();
    lw_strategy *strategy = golden_strategy(spec);
    for (size_t i = 0; i < keys; i++) {
        lw_request request = golden_key(i);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == owners[i]);
    }
    lw_strategy_free(strategy);
}

static void check_probed_orders(void) {
    uint64_t some[LW_BITMAP_WORDS(PROBED_NODES)] = {0};
    lw_nodes nodes = probed_nodes();
    lw_strategy *strategy = golden_strategy("multi_probe");
    for (uint32_t i = 0; i < PROBED_NODES; i++) {
        if (i % 3 != 1) {
            lw_bitmap_set(some, i);
        }
    }
    nodes.eligible = some;
    for (size_t i = 0; i < GOLDEN_COUNT(probed_orders); i += PROBED_ROOM) {
        uint32_t order[PROBED_ROOM];
        lw_request request = golden_key(i / PROBED_ROOM);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == probed_orders[i]);
        GOLDEN_CHECK(lw_replicas(strategy, &nodes, request.key, order, PROBED_ROOM) == PROBED_ROOM);
        for (size_t k = 0; k < PROBED_ROOM; k++) {
            GOLDEN_CHECK(order[k] == probed_orders[i + k]);
        }
    }
    lw_strategy_free(strategy);
}

int main(void) {
    check_probed("multi_probe probes=1", probed_owners_by_1, GOLDEN_COUNT(probed_owners_by_1));
    check_probed("multi_probe probes=4", probed_owners_by_4, GOLDEN_COUNT(probed_owners_by_4));
    check_probed("multi_probe", probed_owners_by_21, GOLDEN_COUNT(probed_owners_by_21));
    check_probed_orders();
    return golden_verdict();
}
