/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which nodes the clients of subset have, and whom bounded takes past a full owner while no request ends. */
#include "golden.h"
#include "mixin_vectors.h"

enum { KEYS = 40, CLIENTS = GOLDEN_COUNT(subset_clients) };

static lw_nodes hosts(uint32_t count, const uint32_t *weights) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, count);
    LW_SET_VALUES(nodes, id, mixin_ids);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    return nodes;
}

/* All of a subset, as an order of preference over it tells. */
static uint64_t members_of(const char *by, uint32_t size, uint32_t client, const lw_nodes *nodes) {
    char spec[96];
    uint32_t members[64];
    uint64_t mask = 0;
    snprintf(spec, sizeof spec, "subset(rendezvous, size=%u, client=%u, by=%s)", (unsigned)size, (unsigned)client, by);
    lw_strategy *strategy = golden_strategy(spec);
    ptrdiff_t found = lw_replicas(strategy, nodes, 1, members, GOLDEN_COUNT(members));
    for (ptrdiff_t i = 0; i < found; i++) {
        mask |= UINT64_C(1) << members[i];
    }
    lw_strategy_free(strategy);
    return mask;
}

static void check_subsets(const char *by, uint32_t size, uint32_t count, const uint64_t *expected) {
    lw_nodes nodes = hosts(count, subset_weights);
    for (uint32_t c = 0; c < CLIENTS; c++) {
        GOLDEN_CHECK(members_of(by, size, subset_clients[c], &nodes) == expected[c]);
    }
}

static void check_bounded(const char *spec, const lw_nodes *nodes, const uint8_t *expected, size_t count) {
    lw_strategy *strategy = golden_strategy(spec);
    for (uint64_t i = 0; i < count; i++) {
        lw_request request = golden_key(i % KEYS);
        GOLDEN_CHECK(lw_select(strategy, nodes, &request) == expected[i]);
    }
    lw_strategy_free(strategy);
}

int main(void) {
    uint64_t some[1] = {0};
    lw_nodes nodes = hosts(GOLDEN_COUNT(bounded_weights), bounded_weights);
    check_subsets("random", 7, 64, subsets_by_random_7_of_64);
    check_subsets("random", 20, 53, subsets_by_random_20_of_53);
    check_subsets("shuffle", 7, 64, subsets_by_shuffle_7_of_64);
    check_subsets("shuffle", 20, 53, subsets_by_shuffle_20_of_53);
    check_subsets("lots", 7, 64, subsets_by_lots_7_of_64);
    check_subsets("lots", 20, 53, subsets_by_lots_20_of_53);
    check_bounded("bounded(ring)", &nodes, bounded_picks, GOLDEN_COUNT(bounded_picks));
    check_bounded("bounded(ring, factor=1)", &nodes, bounded_picks_by_1, GOLDEN_COUNT(bounded_picks_by_1));
    check_bounded("bounded(ring, factor=1, overflow=next)", &nodes, bounded_picks_next,
                  GOLDEN_COUNT(bounded_picks_next));
    golden_some(&nodes, some);
    check_bounded("bounded(ring, factor=1)", &nodes, bounded_picks_of_some, GOLDEN_COUNT(bounded_picks_of_some));
    nodes = hosts(64, subset_weights);
    nodes.present &= ~LW_HAS(weight);
    check_bounded("bounded(ring, factor=1)", &nodes, bounded_picks_crowded, GOLDEN_COUNT(bounded_picks_crowded));
    return golden_verdict();
}
