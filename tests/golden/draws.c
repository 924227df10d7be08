/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The picks of the strategies that draw, for one seed. */
#include "golden.h"

static void check_random(void) {
    static const uint64_t excluded[] = {3, 7};
    uint64_t some[LW_BITMAP_WORDS(70)] = {0};
    lw_request retry = LW_REQUEST_INIT;
    lw_nodes nodes;
    lw_nodes_init(&nodes, 10);
    GOLDEN_PICKS("random", &nodes, NULL, random_picks);
    retry.exclude = excluded;
    retry.exclude_count = GOLDEN_COUNT(excluded);
    GOLDEN_PICKS("random", &nodes, &retry, random_picks_excluding);
    lw_nodes_init(&nodes, 70);
    for (uint32_t i = 4; i < 70; i += 9) {
        lw_bitmap_set(some, i);
    }
    nodes.eligible = some;
    GOLDEN_PICKS("random", &nodes, NULL, random_picks_of_some);
}

static void check_weighted_random(void) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, GOLDEN_COUNT(random_weights));
    LW_SET_VALUES(nodes, weight, random_weights);
    GOLDEN_PICKS("weighted_random", &nodes, NULL, weighted_random_picks);
    lw_nodes_init(&nodes, GOLDEN_COUNT(wide_weights));
    LW_SET_VALUES(nodes, weight, wide_weights);
    GOLDEN_PICKS("weighted_random", &nodes, NULL, wide_random_picks);
}

static void check_loads(void) {
    double quotas[90];
    lw_nodes nodes;
    lw_nodes_init(&nodes, GOLDEN_COUNT(loads));
    for (uint32_t i = 0; i < nodes.count; i++) {
        quotas[i] = (i * 29 % 83) / 83.0;
    }
    LW_SET_VALUES(nodes, load, loads);
    LW_SET_VALUES(nodes, remaining, quotas);
    GOLDEN_PICKS("p2c", &nodes, NULL, p2c_picks);
    GOLDEN_PICKS("p2c choices=5", &nodes, NULL, p2c_5_picks);
    GOLDEN_PICKS("least_load", &nodes, NULL, least_load_picks);
    GOLDEN_PICKS("most_available", &nodes, NULL, most_available_picks);
}

int main(void) {
    check_random();
    check_weighted_random();
    check_loads();
    return golden_verdict();
}
