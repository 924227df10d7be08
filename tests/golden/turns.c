/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The sequences of stride and edf, from the head of the cycle and from where the seed starts them. */
#include "golden.h"
#include "turn_vectors.h"

int main(void) {
    static const uint32_t five[] = {5, 1, 1};
    lw_nodes nodes = golden_weighted(five, GOLDEN_COUNT(five));
    GOLDEN_PICKS("stride phase=0", &nodes, NULL, stride_511_picks);
    GOLDEN_PICKS("edf phase=0", &nodes, NULL, edf_511_picks);
    nodes = golden_weighted(turn_weights, GOLDEN_COUNT(turn_weights));
    GOLDEN_PICKS("stride phase=0 lanes=1", &nodes, NULL, stride_few_picks);
    GOLDEN_PICKS("stride", &nodes, NULL, stride_few_phased_picks);
    GOLDEN_PICKS("edf phase=0 lanes=1", &nodes, NULL, edf_few_picks);
    GOLDEN_PICKS("edf", &nodes, NULL, edf_few_phased_picks);
    nodes = golden_weighted(turn_weights_alike, GOLDEN_COUNT(turn_weights_alike));
    GOLDEN_PICKS("edf phase=0", &nodes, NULL, edf_alike_picks);
    nodes = golden_weighted(stride_steep_weights, GOLDEN_COUNT(stride_steep_weights));
    GOLDEN_PICKS("stride phase=0", &nodes, NULL, stride_steep_picks);
    GOLDEN_PICKS("stride phase=0 max_ratio=2", &nodes, NULL, stride_steep_picks_by_2);
    GOLDEN_PICKS("stride phase=0 max_ratio=1000", &nodes, NULL, stride_steep_picks_by_1000);
    return golden_verdict();
}
