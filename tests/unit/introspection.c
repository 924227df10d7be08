/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every built-in strategy describes itself fully, and its description is true: defaults and bounds are accepted, what
 * is outside is not, and the columns it says it needs are the ones it asks for. */
#include "ledger.h"

#include "fleet.h"

#include <ctype.h>

static fleet nodes;

static int make_spec(const char *spec) {
    lw_strategy *strategy;
    int error = lw_strategy_new(&strategy, NULL, spec);
    lw_strategy_free(strategy);
    return error;
}

/* The built-in with one more parameter. */
static int make_with(size_t position, const char *key, const char *value) {
    char spec[FLEET_SPEC], longer[2 * FLEET_SPEC];
    assert_true(fleet_spec(position, spec));
    snprintf(longer, sizeof longer, "%s %s=%s", spec, key, value);
    return make_spec(longer);
}

static void test_the_list(void **state) {
    (void)state;
    static const char *const expected[] = {"round_robin", "smooth_wrr", "random", "weighted_random", "least_load",
                                           "p2c",         "ring",       "chain",  "most_available"};
    size_t count = 0;
    while (lw_strategy_builtin(count) != NULL) {
        count++;
    }
    assert_true(count >= sizeof expected / sizeof *expected);
    assert_null(lw_strategy_builtin(count + 1));
    assert_null(lw_strategy_builtin(SIZE_MAX));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        size_t found = 0;
        for (size_t k = 0; k < count; k++) {
            found += strcmp(lw_strategy_builtin(k)->name, expected[i]) == 0;
        }
        assert_int_equal(found, 1);
    }
}

static bool is_good_name(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= 31 && islower((unsigned char)name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static bool is_good_help(const char *help) {
    return help != NULL && strlen(help) > 10 && help[strlen(help) - 1] == '.' && strchr(help, '\n') == NULL;
}

static void test_tables_are_whole(void **state) {
    (void)state;
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        const lw_strategy_ops *ops = lw_strategy_builtin(i);
        assert_int_equal(ops->size, sizeof *ops);
        assert_true(is_good_name(ops->name));
        assert_true(is_good_help(ops->help));
        assert_non_null(ops->pick);
        assert_true(ops->lane_size <= LW_LANE_SIZE && ops->config_size <= LW_CONFIG_SIZE);
        assert_true(ops->children_min <= ops->children_max && ops->children_max <= LW_CHILDREN);
        for (uint32_t p = 0; p < ops->param_count; p++) {
            const lw_param *param = &ops->params[p];
            assert_true(is_good_name(param->name));
            assert_true(param->help != NULL && strlen(param->help) > 5 && strchr(param->help, '\n') == NULL);
            assert_non_null(param->fallback);
            assert_true(param->offset + sizeof(uint64_t) <= ops->config_size);
        }
    }
}

static void test_an_object_says_what_it_is(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *strategy;
        assert_int_equal(lw_strategy_new(&strategy, NULL, spec), LW_OK);
        const lw_strategy_ops *ops = lw_strategy_ops_of(strategy);
        assert_string_equal(ops->name, lw_strategy_builtin(i)->name);
        assert_string_equal(ops->help, lw_strategy_builtin(i)->help);
        assert_int_equal(ops->needs, lw_strategy_builtin(i)->needs);
        assert_int_equal(ops->param_count, lw_strategy_builtin(i)->param_count);
        lw_strategy_free(strategy);
    }
}

static void check_number(size_t position, const lw_param *param) {
    char beyond[64];
    assert_int_equal(make_with(position, param->name, param->min), LW_OK);
    assert_int_equal(make_with(position, param->name, param->max), LW_OK);
    snprintf(beyond, sizeof beyond, "%s0", param->max); /* ten times the most, for whole numbers */
    if (param->type == LW_PARAM_F64) {
        snprintf(beyond, sizeof beyond, "%.6f", strtod(param->max, NULL) + 0.001);
    }
    assert_int_equal(make_with(position, param->name, beyond), LW_RANGE);
    if (strtod(param->min, NULL) >= 1) {
        snprintf(beyond, sizeof beyond, "%.0f", strtod(param->min, NULL) - 1);
        assert_int_equal(make_with(position, param->name, beyond), LW_RANGE);
    }
    assert_int_equal(make_with(position, param->name, "-1"), LW_RANGE);
    assert_int_equal(make_with(position, param->name, "many"), LW_RANGE);
}

static void check_choices(size_t position, const lw_param *param) {
    char choices[FLEET_SPEC];
    bool offers_fallback = false;
    snprintf(choices, sizeof choices, "%s", param->type == LW_PARAM_BOOL ? "false|true" : param->choices);
    for (char *choice = strtok(choices, "|"); choice != NULL; choice = strtok(NULL, "|")) {
        assert_int_equal(make_with(position, param->name, choice), LW_OK);
        offers_fallback |= strcmp(choice, param->fallback) == 0;
    }
    assert_true(offers_fallback);
    assert_int_equal(make_with(position, param->name, "other"), LW_RANGE);
}

static void test_parameters_keep_their_word(void **state) {
    (void)state;
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        for (uint32_t p = 0; p < lw_strategy_builtin(i)->param_count; p++) {
            const lw_param *param = &lw_strategy_builtin(i)->params[p];
            assert_int_equal(make_with(i, param->name, param->fallback), LW_OK);
            if (param->min != NULL) {
                check_number(i, param);
            } else {
                check_choices(i, param);
            }
        }
        assert_int_equal(make_with(i, "no_such_parameter", "1"), LW_UNKNOWN);
    }
}

/* Takes each column away in turn: exactly the ones it declares are missed, and named; only ids have a stand-in. */
static void test_needs_are_true(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    fleet_open(&nodes, 8, 0);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        for (uint32_t column = 0; column < LW_COLUMN_COUNT; column++) {
            ledger book;
            ledger_open(&book);
            lw_env env = ledger_env(&book, 1);
            lw_strategy *strategy;
            lw_nodes without = nodes.nodes;
            without.present &= ~(UINT32_C(1) << column);
            assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
            ptrdiff_t picked = lw_select(strategy, &without, NULL);
            if (lw_strategy_builtin(i)->needs >> column & 1 && column != LW_COLUMN_id) {
                assert_int_equal(picked, LW_NO_COLUMN);
                assert_told(&book, LW_NO_COLUMN, lw_column_name(column));
            } else {
                assert_true(picked >= 0);
            }
            lw_strategy_free(strategy);
            ledger_close(&book);
        }
    }
}

static ptrdiff_t pick_first(const lw_view *view) { return lw_view_nth(view, 0); }

/* The same for a stranger's needs, declared at once or found out from the parameters. */
static uint32_t needs_now;

static uint32_t tell_needs(const void *config) {
    (void)config;
    return needs_now;
}

static void test_needs_of_a_stranger(void **state) {
    (void)state;
    fleet_open(&nodes, 4, 0);
    for (uint32_t column = 0; column < LW_COLUMN_COUNT; column++) {
        for (int late = 0; late < 2; late++) {
            lw_strategy_ops ops = {.size = sizeof ops, .name = "first", .help = "The first.", .pick = pick_first};
            const lw_strategy_ops *const own[] = {&ops};
            lw_strategy *strategy;
            lw_nodes without = nodes.nodes;
            needs_now = UINT32_C(1) << column;
            ops.needs = late ? 0 : needs_now;
            ops.needs_of = late ? tell_needs : NULL;
            without.present &= ~needs_now;
            assert_int_equal(lw_strategy_from_ops(&strategy, NULL, own, 1, "chain(random, first)"), LW_OK);
            assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
            assert_int_equal(lw_prepare(strategy, &without), column == LW_COLUMN_id ? LW_OK : LW_NO_COLUMN);
            lw_strategy_free(strategy);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list),
        cmocka_unit_test(test_tables_are_whole),
        cmocka_unit_test(test_an_object_says_what_it_is),
        cmocka_unit_test(test_parameters_keep_their_word),
        cmocka_unit_test(test_needs_are_true),
        cmocka_unit_test(test_needs_of_a_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
