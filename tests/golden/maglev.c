/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners and orders by maglev and by rendezvous, of twenty nodes by id. */
#include "golden.h"
#include "maglev_vectors.h"

enum { HOSTS = 20, HOST_ROOM = 4 };

int main(void) {
    uint64_t some[LW_BITMAP_WORDS(HOSTS)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, HOSTS);
    LW_SET_VALUES(nodes, id, maglev_ids);
    nodes.set = 1;
    GOLDEN_OWNERS("maglev", &nodes, maglev_owners_even);
    GOLDEN_OWNERS("rendezvous", &nodes, rendezvous_owners_even);
    LW_SET_VALUES(nodes, weight, maglev_weights);
    GOLDEN_OWNERS("maglev", &nodes, maglev_owners_weighted);
    GOLDEN_OWNERS("maglev table=101", &nodes, maglev_owners_small);
    GOLDEN_OWNERS("rendezvous", &nodes, rendezvous_owners_weighted);
    golden_some(&nodes, some);
    GOLDEN_ORDERS("maglev", &nodes, maglev_orders, HOST_ROOM);
    GOLDEN_ORDERS("rendezvous", &nodes, rendezvous_orders, HOST_ROOM);
    return golden_verdict();
}
