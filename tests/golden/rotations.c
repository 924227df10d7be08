/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The sequences of the rotations, from the head of the cycle and from where the seed starts them. */
#include "golden.h"

int main(void) {
    static const uint32_t five[] = {5, 1, 1}, four[] = {4, 2, 1};
    uint64_t some = 0;
    lw_nodes nodes;
    lw_nodes_init(&nodes, 7);
    GOLDEN_PICKS("round_robin", &nodes, NULL, round_robin_picks);
    nodes = golden_weighted(five, 3);
    GOLDEN_PICKS("smooth_wrr phase=0 lanes=1", &nodes, NULL, wrr_511_picks);
    nodes = golden_weighted(four, 3);
    GOLDEN_PICKS("smooth_wrr phase=0", &nodes, NULL, wrr_421_picks);
    nodes = golden_weighted(wrr_weights, GOLDEN_COUNT(wrr_weights));
    GOLDEN_PICKS("smooth_wrr phase=0 lanes=1", &nodes, NULL, wrr_picks);
    GOLDEN_PICKS("smooth_wrr", &nodes, NULL, wrr_phased_picks);
    for (uint32_t i = 0; i < nodes.count; i++) {
        some |= (uint64_t)(i % 3 != 0) << i;
    }
    nodes.eligible = &some;
    GOLDEN_PICKS("smooth_wrr phase=0 lanes=1", &nodes, NULL, wrr_picks_of_some);
    nodes = golden_weighted(walk_weights, GOLDEN_COUNT(walk_weights));
    GOLDEN_PICKS("smooth_wrr phase=0 lanes=1", &nodes, NULL, walk_picks);
    nodes = golden_weighted(wide_weights, GOLDEN_COUNT(wide_weights));
    GOLDEN_PICKS("smooth_wrr phase=0 lanes=1", &nodes, NULL, wide_walk_picks);
    GOLDEN_PICKS("smooth_wrr", &nodes, NULL, wide_phased_picks);
    return golden_verdict();
}
