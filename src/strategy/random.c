/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * random: every node that may be chosen, with the same probability. P(i) = 1/n.
 *
 * Source: loadwise 0.1.0 (Random), without its list of candidates; draws by Lemire's method, without bias.
 * Cost per pick: one draw; over a partly eligible set a bounded number of redraws, then the k-th eligible bit.
 */
#include "strategy/table.h"

const lw_strategy_ops lw__random = {
    .size = sizeof lw__random,
    .name = "random",
    .help = "Uniform choice. For equal nodes and many clients that must not march in step.",
    .pick = lw_view_uniform,
};
