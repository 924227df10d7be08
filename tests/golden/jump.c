/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners of keys among 3, 57 and 10,000 shards, and orders among some of 57. */
#include "bucket_vectors.h"
#include "golden.h"

enum { SHARDS = 57, SHARD_ROOM = 4 };

static void check_many_shards(void) {
    lw_strategy *strategy = golden_strategy("jump");
    lw_nodes nodes;
    lw_nodes_init(&nodes, 10000);
    for (size_t i = 0; i < GOLDEN_COUNT(jump_owners_of_10000); i++) {
        lw_request request = golden_key(i);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == jump_owners_of_10000[i]);
    }
    lw_strategy_free(strategy);
}

int main(void) {
    uint64_t some[LW_BITMAP_WORDS(SHARDS)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, 3);
    GOLDEN_OWNERS("jump", &nodes, jump_owners_of_3);
    lw_nodes_init(&nodes, SHARDS);
    GOLDEN_OWNERS("jump", &nodes, jump_owners_of_57);
    golden_some(&nodes, some);
    GOLDEN_ORDERS("jump", &nodes, jump_orders, SHARD_ROOM);
    check_many_shards();
    return golden_verdict();
}
