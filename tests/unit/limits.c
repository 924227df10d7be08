/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A stranger's ops table is checked when it is handed over: what is missing or beyond a limit of ops.h is LW_INVALID.
 */
#include "ledger.h"

#include "fleet.h"

static fleet nodes;
static ledger book;

static ptrdiff_t pick_first(const lw_view *view) { return lw_view_nth(view, 0); }

static int no_plan(const lw_build *build, void **plan) {
    (void)build;
    *plan = NULL;
    return LW_OK;
}

static const lw_param one_param[] = {
    {"size", LW_PARAM_U64, 0, "1", "0", "10", NULL, "A size."},
};

/* At every limit, and within. */
static lw_strategy_ops good_ops(void) {
    lw_strategy_ops ops = {
        .size = sizeof ops,
        .name = "a234567890123456789012345678901", /* 31 characters */
        .help = "At every limit.",
        .params = one_param,
        .param_count = 1,
        .config_size = LW_CONFIG_SIZE,
        .children_max = LW_CHILDREN,
        .needs = LW_NEEDS_PLAN,
        .state_size = 1000,
        .scratch_size = 1000,
        .lane_size = LW_LANE_SIZE,
        .plan_build = no_plan,
        .pick = pick_first,
    };
    return ops;
}

static int offer(const lw_strategy_ops *ops, const char *spec) {
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy = (lw_strategy *)&env;
    int error = lw_strategy_from_ops(&strategy, &env, &ops, 1, spec);
    if (error == LW_OK) {
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
        lw_strategy_free(strategy);
    } else {
        assert_null(strategy);
        assert_int_equal(book.told, 1);
    }
    ledger_close(&book);
    return error;
}

/* Refused where it is used, and also where the specification does not mention it: it was given. */
static void assert_refused(const lw_strategy_ops *ops) {
    if (ops->name != NULL) {
        assert_int_equal(offer(ops, ops->name), LW_INVALID);
    }
    assert_int_equal(offer(ops, "random"), LW_INVALID);
}

static void test_at_the_limit(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    assert_int_equal(offer(&ops, ops.name), LW_OK);
    assert_int_equal(offer(&ops, "random"), LW_OK);
}

static void test_name_is_required(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.name = NULL;
    assert_refused(&ops);
}

static void test_names_have_a_form(void **state) {
    (void)state;
    static const char *const names[] = {
        "", "Upper", "9lives", "_private", "with-dash", "with space", "a2345678901234567890123456789012"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lw_strategy_ops ops = good_ops();
        ops.name = names[i];
        assert_int_equal(offer(&ops, "random"), LW_INVALID);
    }
}

static void test_pick_is_required(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.pick = NULL;
    assert_refused(&ops);
}

static void test_plan_build_is_required_with_a_plan(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.plan_build = NULL;
    assert_refused(&ops);
    ops.needs = 0;
    assert_int_equal(offer(&ops, ops.name), LW_OK);
}

static void test_sizes(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.lane_size = LW_LANE_SIZE + 1;
    assert_refused(&ops);
    ops = good_ops();
    ops.config_size = LW_CONFIG_SIZE + 1;
    assert_refused(&ops);
}

static void test_children(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.children_max = LW_CHILDREN + 1;
    assert_refused(&ops);
    ops = good_ops();
    ops.children_min = 3;
    ops.children_max = 2;
    assert_refused(&ops);
}

static void test_a_parameter_outside_the_config(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.config_size = sizeof(uint64_t) - 1;
    assert_refused(&ops);
}

static void test_a_default_outside_its_own_range(void **state) {
    (void)state;
    static const lw_param wrong[] = {{"size", LW_PARAM_U64, 0, "11", "0", "10", NULL, "A size."}};
    lw_strategy_ops ops = good_ops();
    ops.params = wrong;
    assert_int_equal(offer(&ops, ops.name), LW_RANGE);
    assert_told(&book, LW_RANGE, "11");
}

static void test_a_parameter_without_a_range(void **state) {
    (void)state;
    lw_param wrong = one_param[0];
    lw_strategy_ops ops = good_ops();
    ops.params = &wrong;
    wrong.max = NULL;
    assert_refused(&ops);
    wrong = one_param[0];
    wrong.type = LW_PARAM_CHOICE;
    assert_refused(&ops);
    wrong = one_param[0];
    wrong.name = NULL;
    assert_refused(&ops);
    wrong = one_param[0];
    wrong.fallback = NULL;
    assert_refused(&ops);
}

static void test_a_table_without_size(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    ops.size = 0;
    assert_refused(&ops);
}

/* A stranger built with the first release does not set what later releases append; built with a later one, it sets
   more than this library reads. */
static void test_a_longer_table_is_accepted(void **state) {
    (void)state;
    struct {
        lw_strategy_ops ops;
        unsigned char later[64];
    } grown;
    memset(&grown, 0xff, sizeof grown);
    grown.ops = good_ops();
    grown.ops.size = sizeof grown;
    assert_int_equal(offer(&grown.ops, grown.ops.name), LW_OK);
}

/* Up to and with pick, the last member that must be there. */
static void test_a_table_that_ends_after_pick(void **state) {
    (void)state;
    lw_strategy_ops ops = good_ops();
    memset((char *)&ops + offsetof(lw_strategy_ops, sequence), 0xff, sizeof ops - offsetof(lw_strategy_ops, sequence));
    ops.size = offsetof(lw_strategy_ops, sequence);
    assert_int_equal(offer(&ops, ops.name), LW_OK);
}

static void test_lanes_must_be_a_power_of_two(void **state) {
    (void)state;
    static const lw_param lanes[] = {{"lanes", LW_PARAM_U64, 0, "16", "0", "1000", NULL, "How many lanes."}};
    lw_strategy_ops ops = good_ops();
    ops.name = "laned";
    ops.params = lanes;
    assert_int_equal(offer(&ops, "laned"), LW_OK);
    assert_int_equal(offer(&ops, "laned lanes=1"), LW_OK);
    assert_int_equal(offer(&ops, "laned lanes=8"), LW_OK);
    assert_int_equal(offer(&ops, "laned lanes=0"), LW_RANGE);
    assert_int_equal(offer(&ops, "laned lanes=12"), LW_RANGE);
    assert_int_equal(offer(&ops, "laned lanes=32"), LW_RANGE);
}

static int open_fleet(void **state) {
    (void)state;
    fleet_open(&nodes, 8, 1);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_the_limit),
        cmocka_unit_test(test_name_is_required),
        cmocka_unit_test(test_names_have_a_form),
        cmocka_unit_test(test_pick_is_required),
        cmocka_unit_test(test_plan_build_is_required_with_a_plan),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_a_parameter_outside_the_config),
        cmocka_unit_test(test_a_default_outside_its_own_range),
        cmocka_unit_test(test_a_parameter_without_a_range),
        cmocka_unit_test(test_a_table_without_size),
        cmocka_unit_test(test_a_longer_table_is_accepted),
        cmocka_unit_test(test_a_table_that_ends_after_pick),
        cmocka_unit_test(test_lanes_must_be_a_power_of_two),
    };
    return cmocka_run_group_tests(tests, open_fleet, NULL);
}
