/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * chain(a, b, ...): asks its members in order; the first that answers decides. A refusal passes the question on, an
 * error (a missing column, a key that is required) ends it; the reason given is the last refusal.
 *
 * Source: loadwise 0.1.0 (FallbackChain). Cost: that of the members asked, and one view per member.
 */
#include "strategy/table.h"

static ptrdiff_t chain_pick(const lw_view *view) {
    ptrdiff_t answer = LW_NO_NODES;
    for (uint32_t i = 0; i < lw_view_children(view); i++) {
        answer = lw_view_child_pick(view, i);
        if (!lw_is_refusal(answer)) {
            break;
        }
    }
    return answer;
}

/* The order of the first member that has one; those without are passed over. */
static ptrdiff_t chain_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    ptrdiff_t answer = LW_UNSUPPORTED;
    for (uint32_t i = 0; i < lw_view_children(view); i++) {
        answer = lw_view_child_sequence(view, i, key, out, room);
        if (answer != LW_UNSUPPORTED && !lw_is_refusal(answer)) {
            break;
        }
    }
    return answer;
}

const lw_strategy_ops lw__chain = {
    .size = sizeof lw__chain,
    .name = "chain",
    .help = "Asks its members in order until one answers. For a preference with a fallback: chain(ring, p2c).",
    .children_min = 1,
    .children_max = LW_CHILDREN,
    .pick = chain_pick,
    .sequence = chain_sequence,
};
