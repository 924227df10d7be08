/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Owners of keys among 3, 57 and 10,000 shards, and orders among some of 57. */
#include "bucket_vectors.h"
#include "golden.h"

enum { SHARDS = 57, SHARD_ROOM = 4 };

static void check_shards(lw_strategy *strategy, uint32_t count, const uint16_t *owners, size_t keys) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, count);
    for (size_t i = 0; i < keys; i++) {
        lw_request request = golden_key(i);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == owners[i]);
    }
}

static void check_shard_orders(lw_strategy *strategy) {
    uint64_t some[LW_BITMAP_WORDS(SHARDS)] = {0};
    lw_nodes nodes;
    lw_nodes_init(&nodes, SHARDS);
    for (uint32_t i = 0; i < SHARDS; i++) {
        if (i % 3 != 1) {
            lw_bitmap_set(some, i);
        }
    }
    nodes.eligible = some;
    for (size_t i = 0; i < GOLDEN_COUNT(jump_orders); i += SHARD_ROOM) {
        uint32_t order[SHARD_ROOM];
        lw_request request = golden_key(i / SHARD_ROOM);
        GOLDEN_CHECK(lw_select(strategy, &nodes, &request) == jump_orders[i]);
        GOLDEN_CHECK(lw_replicas(strategy, &nodes, request.key, order, SHARD_ROOM) == SHARD_ROOM);
        for (size_t k = 0; k < SHARD_ROOM; k++) {
            GOLDEN_CHECK(order[k] == jump_orders[i + k]);
        }
    }
}

int main(void) {
    lw_strategy *strategy = golden_strategy("jump");
    check_shards(strategy, 3, jump_owners_of_3, GOLDEN_COUNT(jump_owners_of_3));
    check_shards(strategy, SHARDS, jump_owners_of_57, GOLDEN_COUNT(jump_owners_of_57));
    check_shards(strategy, 10000, jump_owners_of_10000, GOLDEN_COUNT(jump_owners_of_10000));
    check_shard_orders(strategy);
    lw_strategy_free(strategy);
    return golden_verdict();
}
