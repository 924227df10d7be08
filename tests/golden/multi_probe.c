/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners of keys among 30 nodes of weights 0 to 3 by 1, 4 and 21 probes, and orders among some of them. */
#include "bucket_vectors.h"
#include "golden.h"

enum { PROBED_NODES = 30, PROBED_ROOM = 4 };

int main(void) {
    uint64_t some[LW_BITMAP_WORDS(PROBED_NODES)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, PROBED_NODES);
    LW_SET_VALUES(nodes, id, probed_ids);
    LW_SET_VALUES(nodes, weight, probed_weights);
    nodes.set = 1;
    GOLDEN_OWNERS("multi_probe probes=1", &nodes, probed_owners_by_1);
    GOLDEN_OWNERS("multi_probe probes=4", &nodes, probed_owners_by_4);
    GOLDEN_OWNERS("multi_probe", &nodes, probed_owners_by_21);
    golden_some(&nodes, some);
    GOLDEN_ORDERS("multi_probe", &nodes, probed_orders, PROBED_ROOM);
    return golden_verdict();
}
