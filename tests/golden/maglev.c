/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners and orders by maglev and by rendezvous, of twenty nodes by id. */
#include "golden.h"
#include "maglev_vectors.h"

enum { HOSTS = 20, HOST_ROOM = 4 };

static void check_hosts(const char *spec, const uint32_t *weights, const uint8_t *owners, size_t keys) {
    lw_strategy *strategy = golden_strategy(spec);
    lw_nodes nodes;
    lw_nodes_init(&nodes, HOSTS);
    LW_SET_VALUES(nodes, id, maglev_ids);
    if (weights != NULL) {
        LW_SET_VALUES(nodes, weight, weights);
    }
    nodes.set = 1;
    for (size_t i = 0; i < keys; i++) {
        lw_request request = golden_key(i);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == owners[i]);
    }
    lw_strategy_free(strategy);
}

static void check_host_orders(const char *spec, const uint8_t *orders, size_t count) {
    lw_strategy *strategy = golden_strategy(spec);
    uint64_t some[LW_BITMAP_WORDS(HOSTS)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, HOSTS);
    for (uint32_t i = 0; i < HOSTS; i++) {
        if (i % 3 != 1) {
            lw_bitmap_set(some, i);
        }
    }
    LW_SET_VALUES(nodes, id, maglev_ids);
    LW_SET_VALUES(nodes, weight, maglev_weights);
    nodes.eligible = some;
    nodes.set = 1;
    for (size_t i = 0; i < count; i += HOST_ROOM) {
        uint32_t order[HOST_ROOM];
        lw_request request = golden_key(i / HOST_ROOM);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == orders[i]);
        GOLDEN_CHECK(lw_replicas(strategy, &nodes, request.key, order, HOST_ROOM) == HOST_ROOM);
        for (size_t k = 0; k < HOST_ROOM; k++) {
            GOLDEN_CHECK(order[k] == orders[i + k]);
        }
    }
    lw_strategy_free(strategy);
}

int main(void) {
    check_hosts("maglev", NULL, maglev_owners_even, GOLDEN_COUNT(maglev_owners_even));
    check_hosts("maglev", maglev_weights, maglev_owners_weighted, GOLDEN_COUNT(maglev_owners_weighted));
    check_hosts("maglev table=101", maglev_weights, maglev_owners_small, GOLDEN_COUNT(maglev_owners_small));
    check_host_orders("maglev", maglev_orders, GOLDEN_COUNT(maglev_orders));
    check_hosts("rendezvous", NULL, rendezvous_owners_even, GOLDEN_COUNT(rendezvous_owners_even));
    check_hosts("rendezvous", maglev_weights, rendezvous_owners_weighted, GOLDEN_COUNT(rendezvous_owners_weighted));
    check_host_orders("rendezvous", rendezvous_orders, GOLDEN_COUNT(rendezvous_orders));
    return golden_verdict();
}
