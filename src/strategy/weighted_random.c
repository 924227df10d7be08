/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * weighted_random: chance in proportion to weight. P(i) = w_i / sum of w over the nodes that may be chosen.
 *
 * Source: Walker's alias method in whole numbers; see weighted.c. Weight 0 is never picked; all weights 0 is
 * LW_NO_WEIGHT. Cost per pick: O(1), one draw and one table entry; over a partly eligible set redraws, then O(n).
 *
 * live=true is for weights that change at any time within a version, such as those that follow measurements. The table
 * gives way to a tree of sums, see weight_tree.c: a node that is drawn has its weight read once more, and is drawn
 * anew where that has changed; and every pick reads the weight of one further node, all in turn, so that a lane
 * notices each change within n picks. Cost per pick: O(log n), and as much for each change that is noticed.
 */
#include "base/random.h"
#include "strategy/table.h"
#include "strategy/weight_tree.h"
#include "strategy/weighted.h"

enum { LIVE_DRAWS = 16, LIVE_CURSORS = 8 };

struct weighted_random_config {
    uint64_t live;
};

/* Whose weight is to be read next; a set of nodes takes a cursor by its number, as it does in a rotation. */
struct weighted_random_lane {
    uint64_t cursors[LIVE_CURSORS];
};

static int weighted_random_build(const lw_build *build, void **out) {
    const struct weighted_random_config *config = build->config;
    return config->live ? lw__weight_tree_build(build, out) : lw__alias_build(build, out);
}

static size_t weighted_random_board(const void *config, uint32_t count) {
    return ((const struct weighted_random_config *)config)->live ? lw__weight_tree_board(count) : 0;
}

static void check_next(const lw_view *view) {
    struct weighted_random_lane *lane = lw_view_lane(view);
    uint64_t *cursor = &lane->cursors[view->nodes->set * LW__GOLDEN >> 61];
    uint64_t next = __atomic_load_n(cursor, __ATOMIC_RELAXED);
    next = next < view->count ? next : 0;
    __atomic_store_n(cursor, next + 1, __ATOMIC_RELAXED);
    lw__weight_tree_check(view, (uint32_t)next);
}

/* Draws that find no node, a weight that is not what the tree knew, or somebody who may not be chosen, are lost. */
__attribute__((noinline)) static ptrdiff_t pick_live(const lw_view *view) {
    check_next(view);
    for (int i = 0; i < LIVE_DRAWS; i++) {
        ptrdiff_t index = lw__weight_tree_draw(view);
        if (index >= 0 && lw__weight_tree_check(view, (uint32_t)index) && lw_view_weight(view, (uint32_t)index) > 0 &&
            lw_view_may(view, (uint32_t)index)) {
            return index;
        }
    }
    return lw__weighted_scan(view);
}

/* Only live weights have a board. */
static ptrdiff_t weighted_random_pick(const lw_view *view) {
    return __builtin_expect(lw_view_board(view) == NULL, 1) ? lw__weighted_draw(view, lw_view_plan(view))
                                                            : pick_live(view);
}

static const lw_param weighted_random_params[] = {
    {"live", LW_PARAM_BOOL, offsetof(struct weighted_random_config, live), "false", NULL, NULL, NULL,
     "follow weights that change within a version of the set, at O(log n) a pick"},
};

const lw_strategy_ops lw__weighted_random = {
    .size = sizeof lw__weighted_random,
    .name = "weighted_random",
    .help = "Random choice in proportion to weight. For unequal nodes and many clients that must not march in step.",
    .params = weighted_random_params,
    .param_count = sizeof weighted_random_params / sizeof *weighted_random_params,
    .config_size = sizeof(struct weighted_random_config),
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .lane_size = sizeof(struct weighted_random_lane),
    .plan_build = weighted_random_build,
    .board_size = weighted_random_board,
    .pick = weighted_random_pick,
};
