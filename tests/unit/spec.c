/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Specifications: what can be read, what the parameters become, and what is told about what cannot be read. */
#include "ledger.h"

#include "fleet.h"

static fleet nodes;
static ledger book;

/* A strategy that shows its config, to see what the text became. */
struct dials {
    uint64_t count;
    double factor;
    uint64_t flag;
    uint64_t mode;
};

static struct dials shown;
static uint32_t shown_children;

static ptrdiff_t show_dials(const lw_view *view) {
    memcpy(&shown, lw_view_config(view), sizeof shown);
    shown_children = lw_view_children(view);
    return lw_view_uniform(view);
}

static const lw_param dials_params[] = {
    {"count", LW_PARAM_U64, offsetof(struct dials, count), "7", "1", "4294967296", NULL, "A number."},
    {"factor", LW_PARAM_F64, offsetof(struct dials, factor), "1.25", "0.5", "1000", NULL, "A factor."},
    {"flag", LW_PARAM_BOOL, offsetof(struct dials, flag), "true", NULL, NULL, NULL, "A switch."},
    {"mode", LW_PARAM_CHOICE, offsetof(struct dials, mode), "next", NULL, NULL, "random|error|next", "A choice."},
};

static const lw_strategy_ops dials_ops = {
    .size = sizeof dials_ops,
    .name = "dials",
    .help = "Shows its config.",
    .params = dials_params,
    .param_count = sizeof dials_params / sizeof *dials_params,
    .config_size = sizeof(struct dials),
    .children_max = LW_CHILDREN,
    .pick = show_dials,
};

static const lw_strategy_ops *const own[] = {&dials_ops};

static int open_book(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, 8, 1);
    return 0;
}

static int close_book(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

static int read_spec(const char *spec) {
    lw_env env = ledger_env(&book, 3);
    lw_strategy *strategy = (lw_strategy *)&env;
    book.told = 0;
    book.message[0] = '\0';
    int error = lw_strategy_from_ops(&strategy, &env, own, 1, spec);
    if (error != LW_OK) {
        assert_null(strategy);
        return error;
    }
    assert_int_equal(book.told, 0);
    assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
    lw_strategy_free(strategy);
    return LW_OK;
}

static void test_good(void **state) {
    (void)state;
    static const char *const good[] = {
        "random",
        "  random\t",
        "round_robin lanes=1 phase=0",
        "round_robin(lanes=1, phase=0)",
        "round_robin ( lanes = 4 ) phase = random",
        "chain(ring vnodes=200, p2c)",
        "chain ( ring vnodes=200 ,p2c choices=3 weighted=true )",
        "chain(random)",
        "chain(chain(ring absent_key=next, least_load tie=first), chain(random, round_robin))",
        "chain(chain(chain(chain(chain(chain(chain(random)))))))",
        ("chain(random,random,random,random,random,random,random,random,"
         "random,random,random,random,random,random,random,random)"),
        "most_available epsilon=0",
        "most_available epsilon=1.0",
        "smooth_wrr\nmax_period=1000",
        "dials(ring, count=3)",
        "dials(count=3, ring vnodes=10, flag=false) factor=2",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (read_spec(good[i]) != LW_OK) {
            fail_msg("'%s' was refused: %s", good[i], book.message);
        }
    }
}

static void assert_shown(const char *spec, struct dials expected, uint32_t children) {
    memset(&shown, 0xff, sizeof shown);
    assert_int_equal(read_spec(spec), LW_OK);
    assert_true(shown.count == expected.count);
    assert_true(shown.factor == expected.factor);
    assert_true(shown.flag == expected.flag);
    assert_true(shown.mode == expected.mode);
    assert_int_equal(shown_children, children);
}

static void test_values(void **state) {
    (void)state;
    assert_shown("dials", (struct dials){7, 1.25, 1, 2}, 0);
    assert_shown("dials count=1 factor=0.5 flag=false mode=random", (struct dials){1, 0.5, 0, 0}, 0);
    assert_shown("dials(count=4294967296)factor=1000", (struct dials){UINT64_C(4294967296), 1000, 1, 2}, 0);
    assert_shown("dials mode=error", (struct dials){7, 1.25, 1, 1}, 0);
    assert_shown("dials(random, mode=error, p2c)", (struct dials){7, 1.25, 1, 1}, 2);
    assert_shown("dials(dials count=5) count=6", (struct dials){6, 1.25, 1, 2}, 1);
}

/* A decimal in a specification is the double that a C compiler reads in the same digits. */
static void test_decimals_are_the_nearest_doubles(void **state) {
    (void)state;
    assert_shown("dials factor=0.7", (struct dials){7, 0.7, 1, 2}, 0);
    assert_shown("dials factor=0.9999999", (struct dials){7, 0.9999999, 1, 2}, 0);
    assert_shown("dials factor=1.1", (struct dials){7, 1.1, 1, 2}, 0);
    assert_shown("dials factor=3.14159265358979", (struct dials){7, 3.14159265358979, 1, 2}, 0);
    assert_shown("dials factor=999.999", (struct dials){7, 999.999, 1, 2}, 0);
}

/* Each with the column, from 1, and what was expected there or what was found wrong. */
static const struct {
    const char *spec;
    int code;
    const char *column, *words;
} bad[] = {
    {"", LW_SYNTAX, "column 1:", "name of a strategy"},
    {"   ", LW_SYNTAX, "column 4:", "name of a strategy"},
    {"(random)", LW_SYNTAX, "column 1:", "name of a strategy"},
    {"=", LW_SYNTAX, "column 1:", "name of a strategy"},
    {"Random", LW_SYNTAX, "column 1:", "name of a strategy"},
    {"rando", LW_UNKNOWN, "column 1:", "rando"},
    {"  randomly", LW_UNKNOWN, "column 3:", "randomly"},
    {"random,", LW_SYNTAX, "column 7:", "the end"},
    {"random)", LW_SYNTAX, "column 7:", "the end"},
    {"random; p2c", LW_SYNTAX, "column 7:", "the end"},
    {"random p2c", LW_UNKNOWN, "column 8:", "p2c"},
    {"p2c choices", LW_SYNTAX, "column 12:", "'='"},
    {"p2c choices 3", LW_SYNTAX, "column 13:", "'='"},
    {"p2c choices=", LW_SYNTAX, "column 13:", "a value"},
    {"p2c choices=,", LW_SYNTAX, "column 13:", "a value"},
    {"p2c choice=3", LW_UNKNOWN, "column 5:", "choice"},
    {"p2c choices=1", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=17", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=-3", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=3.5", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=three", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=0x3", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c choices=18446744073709551618", LW_RANGE, "column 13:", "2 to 16"},
    {"p2c weighted=yes", LW_RANGE, "column 14:", "false"},
    {"most_available epsilon=1.5", LW_RANGE, "column 24:", "0 to 1"},
    {"most_available epsilon=-0.1", LW_RANGE, "column 24:", "0 to 1"},
    {"most_available epsilon=nan", LW_RANGE, "column 24:", "0 to 1"},
    {"most_available epsilon=.", LW_RANGE, "column 24:", "0 to 1"},
    {"most_available epsilon=0.5.5", LW_RANGE, "column 24:", "0 to 1"},
    {"ring absent_key=none", LW_RANGE, "column 17:", "random|error|next"},
    {"least_load tie=last", LW_RANGE, "column 16:", "first"},
    {"round_robin lanes=0", LW_RANGE, "column 19:", "1 to 16"},
    {"round_robin lanes=3", LW_RANGE, "column 19:", "power of two"},
    {"chain(p2c, smooth_wrr lanes=12)", LW_RANGE, "column 29:", "power of two"},
    {"chain", LW_RANGE, "column 1:", "at least 1"},
    {"chain()", LW_SYNTAX, "column 7:", "name of a strategy"},
    {"chain(random", LW_SYNTAX, "column 13:", "')'"},
    {"chain(random,", LW_SYNTAX, "column 14:", "name of a strategy"},
    {"chain(random, , p2c)", LW_SYNTAX, "column 15:", "name of a strategy"},
    {"chain(random p2c)", LW_UNKNOWN, "column 14:", "p2c"},
    {"chain(random, p3c)", LW_UNKNOWN, "column 15:", "p3c"},
    {"chain(random, p2c choices=99)", LW_RANGE, "column 27:", "2 to 16"},
    {"chain(random))", LW_SYNTAX, "column 14:", "the end"},
    {"random(p2c)", LW_RANGE, "column 8:", "takes no strategies"},
    {"chain(random,random,random,random,random,random,random,random,"
     "random,random,random,random,random,random,random,random,random)",
     LW_RANGE, "column 119:", "at most 16"},
    {"chain(chain(chain(chain(chain(chain(chain(chain(random))))))))", LW_RANGE, "column 49:", "8"},
};

static void test_bad(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int error = read_spec(bad[i].spec);
        if (error != bad[i].code || book.told != 1 || strstr(book.message, bad[i].column) == NULL ||
            strstr(book.message, bad[i].words) == NULL) {
            fail_msg("'%s': %s, told %u times: '%s'; wanted %s, '%s' and '%s'", bad[i].spec, lw_error_name(error),
                     (unsigned)book.told, book.message, lw_error_name(bad[i].code), bad[i].column, bad[i].words);
        }
        assert_int_equal(book.code, error);
        assert_int_equal(book.live, 0);
    }
}

/* Five members of twelve, and three more: with their chains 64 strategies, the most there may be. */
static void test_the_largest_tree(void **state) {
    (void)state;
    static const char twelve[] = "chain(random,random,random,random,random,random,random,random,random,random,random)";
    char spec[sizeof twelve * 5 + 64];
    size_t used = (size_t)snprintf(spec, sizeof spec, "chain(");
    for (int i = 0; i < 5; i++) {
        used += (size_t)snprintf(spec + used, sizeof spec - used, "%s,", twelve);
    }
    snprintf(spec + used, sizeof spec - used, "random,random,random)");
    assert_int_equal(read_spec(spec), LW_OK);
    snprintf(spec + used, sizeof spec - used, "random,random,random,random)");
    assert_int_equal(read_spec(spec), LW_RANGE);
    assert_told(&book, LW_RANGE, "64");
}

static void test_no_text_at_all(void **state) {
    (void)state;
    assert_int_equal(read_spec(NULL), LW_INVALID);
    assert_int_equal(book.told, 1);
}

/* Bytes beyond ASCII, control characters and long names come back as errors, with a message that ends. */
static void test_rubbish(void **state) {
    (void)state;
    char long_name[3000];
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(read_spec(long_name), LW_UNKNOWN);
    assert_true(strlen(book.message) < LEDGER_MESSAGE - 1);
    memcpy(long_name, "p2c choices=", 12);
    assert_int_equal(read_spec(long_name), LW_RANGE);
    assert_int_equal(read_spec("r\xc3\xa4ndom"), LW_UNKNOWN);
    assert_int_equal(read_spec("\x01"), LW_SYNTAX);
    assert_int_equal(read_spec("random\xff"), LW_SYNTAX);
}

/* Any bound that fits the type may be declared. */
static void test_the_widest_range(void **state) {
    (void)state;
    static const lw_param wide[] = {
        {"count", LW_PARAM_U64, 0, "18446744073709551615", "0", "18446744073709551615", NULL, "Any number."},
    };
    lw_strategy_ops ops = dials_ops;
    const lw_strategy_ops *table[] = {&ops};
    lw_env env = ledger_env(&book, 3);
    lw_strategy *strategy;
    ops.params = wide;
    ops.param_count = 1;
    static const char *const specs[] = {"dials", "dials count=18446744073709551615"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, specs[i]), LW_OK);
        assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
        assert_true(shown.count == UINT64_MAX);
        lw_strategy_free(strategy);
    }
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, "dials count=18446744073709551616"), LW_RANGE);
}

static ptrdiff_t always_last(const lw_view *view) { return (ptrdiff_t)view->count - 1; }

static void test_own_names_win(void **state) {
    (void)state;
    static const lw_strategy_ops mine = {
        .size = sizeof mine, .name = "random", .help = "Not random at all.", .pick = always_last};
    const lw_strategy_ops *table[] = {&mine};
    static const char *const specs[] = {"random", "chain(random)"};
    for (size_t i = 0; i < 2; i++) {
        lw_env env = ledger_env(&book, 3);
        lw_strategy *strategy;
        assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, specs[i]), LW_OK);
        for (int pick = 0; pick < 50; pick++) {
            assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 7);
        }
        lw_strategy_free(strategy);
    }
}

#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, open_book, close_book)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BOOK(test_good),    WITH_BOOK(test_values),           WITH_BOOK(test_decimals_are_the_nearest_doubles),
        WITH_BOOK(test_bad),     WITH_BOOK(test_the_largest_tree), WITH_BOOK(test_no_text_at_all),
        WITH_BOOK(test_rubbish), WITH_BOOK(test_the_widest_range), WITH_BOOK(test_own_names_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
