/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tree of sums by itself: a draw is the node that a walk over the weights finds for the same place, before and
 * after changes, and a change is told once. A strategy made for this is the way to a plan and a board.
 */
#include "strategy/weight_tree.h"
#include "strategy/lottery.h"

#include <loadwise/strategy.h>
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

enum { MOST = 300, DRAWS = 200 };

static uint32_t weights[MOST];
static lw_strategy *strategy;
static lw_nodes nodes;
static uint64_t chance;

static uint32_t random_below(uint32_t bound) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chance >> 33) % bound;
}

static size_t board(const void *config, uint32_t count) {
    (void)config;
    return lw__weight_tree_board(count);
}

/* The node whose part of the sum holds the place that is drawn next, without drawing it. */
static ptrdiff_t expected_draw(const lw_view *view) {
    lw_lane lane = *view->lane;
    lw_view copy = *view;
    uint64_t sum = 0;
    copy.lane = &lane;
    for (uint32_t i = 0; i < view->count; i++) {
        sum += weights[i];
    }
    uint64_t place = sum > 0 ? lw__below_wide(&copy, sum) : 0;
    for (uint32_t i = 0; i < view->count; i++) {
        if (place < weights[i]) {
            return i;
        }
        place -= weights[i];
    }
    return -1;
}

static ptrdiff_t draw_and_compare(const lw_view *view) {
    for (uint32_t i = 0; i < DRAWS; i++) {
        ptrdiff_t expected = expected_draw(view);
        assert_int_equal(lw__weight_tree_draw(view), expected);
    }
    return 0;
}

/* Changes some weights, and lets the tree find that out; a weight that it was told of, it knows. */
static ptrdiff_t change_and_check(const lw_view *view) {
    for (uint32_t i = 0; i < view->count; i++) {
        uint32_t kind = random_below(4), before = weights[i];
        weights[i] = kind == 0 ? 0 : kind == 1 ? UINT32_MAX - random_below(3) : kind == 2 ? before : random_below(100);
        assert_int_equal(lw__weight_tree_check(view, i), weights[i] == before);
        assert_true(lw__weight_tree_check(view, i));
    }
    return draw_and_compare(view);
}

static lw_strategy_ops probe = {
    .size = sizeof probe,
    .name = "probe",
    .help = "Looks at the tree.",
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .plan_build = lw__weight_tree_build,
    .board_size = board,
};

static void visit(ptrdiff_t (*pick)(const lw_view *view), uint32_t count) {
    const lw_strategy_ops *const own[] = {&probe};
    lw_env env = LW_ENV_INIT;
    env.seed = 3;
    probe.pick = pick;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, "probe"), LW_OK);
    lw_nodes_init(&nodes, count);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = nodes.version = 1;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(lw_select(strategy, &nodes, NULL), 0);
    }
    lw_strategy_free(strategy);
}

static void fill(uint32_t count, uint32_t bound) {
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = random_below(bound);
    }
}

static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 64, 100, 255, 256, 257, 300};

static void test_draws(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fill(sizes[s], 5);
        visit(draw_and_compare, sizes[s]);
        fill(sizes[s], 1);
        visit(draw_and_compare, sizes[s]);
        fill(sizes[s], 1U << 31);
        visit(draw_and_compare, sizes[s]);
    }
}

static void test_changes(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fill(sizes[s], 1000);
        visit(change_and_check, sizes[s]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws), cmocka_unit_test(test_changes)};
    return cmocka_run_group_tests_name("weight_tree", tests, NULL, NULL);
}
