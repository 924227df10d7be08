/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every reason that a pick at floor one can give, from every strategy that can give it. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 10 };

static fleet nodes;
static ledger book;
static lw_strategy *made;

static int open_fleet(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    made = NULL;
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    lw_strategy_free(made);
    ledger_close(&book);
    return 0;
}

/* The strategy under test; the one before it goes. */
static lw_strategy *make(const char *spec) {
    lw_env env = ledger_env(&book, 11);
    lw_strategy_free(made);
    book.told = 0;
    assert_int_equal(lw_strategy_new(&made, &env, spec), LW_OK);
    return made;
}

static void assert_reason(ptrdiff_t got, int wanted, const char *spec) {
    if (got != wanted) {
        fail_msg("%s: %ld (%s), wanted %s", spec, (long)got, lw_error_name((int)got), lw_error_name(wanted));
    }
}

/* Keyed and plain, at once and after preparation. */
static void assert_refuses(const char *spec, int wanted) {
    lw_request request = keyed(4711);
    lw_strategy *strategy = make(spec);
    assert_reason(lw_select(strategy, &nodes.nodes, NULL), wanted, spec);
    assert_reason(lw_select_at(strategy, &nodes.nodes, &request, 5), wanted, spec);
    lw_prepare(strategy, &nodes.nodes);
    assert_reason(lw_select(strategy, &nodes.nodes, &request), wanted, spec);
}

static void test_no_nodes(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    uint32_t replica;
    lw_sample sample = LW_SAMPLE_INIT;
    nodes.nodes.count = 0;
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_refuses(spec, LW_NO_NODES);
        assert_int_equal(lw_feedback(made, &nodes.nodes, 0, &sample), LW_INVALID);
        if (lw_strategy_builtin(i)->needs & LW_NEEDS_PLAN) {
            assert_reason(lw_prepare(made, &nodes.nodes), LW_NO_NODES, spec);
        }
    }
    make("ring");
    assert_reason(lw_replicas(made, &nodes.nodes, 1, &replica, 1), LW_NO_NODES, "replicas");
}

static void test_filtered(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    uint32_t replica;
    fleet_nobody(&nodes);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_refuses(spec, LW_FILTERED);
    }
    make("ring");
    assert_reason(lw_replicas(made, &nodes.nodes, 1, &replica, 1), LW_FILTERED, "replicas");
}

/* When the bitmap leaves nobody, exclusions are not to blame. */
static void test_filtered_before_excluded(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    static const uint64_t indexes[] = {0, 1, 2};
    lw_request request = excluding(indexes, 3);
    fleet_nobody(&nodes);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_reason(lw_select(make(spec), &nodes.nodes, &request), LW_FILTERED, spec);
    }
}

static void test_excluded(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    static const uint64_t everyone[NODES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const uint64_t pair[] = {6, 3};
    lw_request all = excluding(everyone, NODES), two = excluding(pair, 2);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        nodes.nodes.eligible = NULL;
        assert_reason(lw_select(make(spec), &nodes.nodes, &all), LW_EXCLUDED, spec);
        fleet_nobody(&nodes);
        lw_bitmap_set(nodes.words, 3);
        lw_bitmap_set(nodes.words, 6);
        assert_reason(lw_select(made, &nodes.nodes, &two), LW_EXCLUDED, spec);
        two.flags = LW_REQUEST_KEYED;
        assert_reason(lw_select(made, &nodes.nodes, &two), LW_EXCLUDED, spec);
        two.flags = 0;
    }
}

static const char *const weighted[] = {"smooth_wrr",
                                       "smooth_wrr lanes=1 phase=0",
                                       "smooth_wrr max_period=1",
                                       "weighted_random",
                                       "ring vnodes=3",
                                       "ring absent_key=random",
                                       "least_load weighted=true",
                                       "p2c weighted=true",
                                       "p2c choices=5 weighted=true",
                                       "chain(smooth_wrr, ring)"};

static void test_no_weight(void **state) {
    (void)state;
    fleet_weights(&nodes, 0);
    for (size_t i = 0; i < sizeof weighted / sizeof *weighted; i++) {
        assert_refuses(weighted[i], LW_NO_WEIGHT);
    }
    uint32_t replica;
    make("ring");
    assert_reason(lw_replicas(made, &nodes.nodes, 1, &replica, 1), LW_NO_WEIGHT, "replicas");
}

static void test_no_weight_among_the_eligible(void **state) {
    (void)state;
    fleet_weights(&nodes, 7);
    nodes.member[2].weight = nodes.member[5].weight = 0;
    fleet_nobody(&nodes);
    lw_bitmap_set(nodes.words, 2);
    lw_bitmap_set(nodes.words, 5);
    for (size_t i = 0; i < sizeof weighted / sizeof *weighted; i++) {
        assert_refuses(weighted[i], LW_NO_WEIGHT);
    }
}

/* One that may not be chosen and one that never is: which of the reasons is open, but nobody is picked. */
static void test_no_weight_beside_the_excluded(void **state) {
    (void)state;
    static const uint64_t others[] = {0, 1, 2, 3, 4, 6, 7, 8, 9};
    fleet_weights(&nodes, 7);
    nodes.member[5].weight = 0;
    for (size_t i = 0; i < sizeof weighted / sizeof *weighted; i++) {
        lw_request request = excluding(others, 9);
        for (uint32_t flags = 0; flags <= LW_REQUEST_KEYED; flags++) {
            request.flags = flags;
            ptrdiff_t picked = lw_select(make(weighted[i]), &nodes.nodes, &request);
            assert_true(picked == LW_NO_WEIGHT || picked == LW_EXCLUDED);
        }
    }
}

static void test_no_key(void **state) {
    (void)state;
    lw_request request = keyed(0);
    assert_reason(lw_select(make("ring absent_key=next"), &nodes.nodes, NULL), LW_NO_KEY, "next");
    assert_true(lw_select(made, &nodes.nodes, &request) >= 0);
    assert_reason(lw_select(make("ring absent_key=error"), &nodes.nodes, NULL), LW_KEY_REQUIRED, "error");
    assert_true(lw_select(made, &nodes.nodes, &request) >= 0);
    assert_true(lw_select(make("ring absent_key=random"), &nodes.nodes, NULL) >= 0);
}

/* A chain goes on after a refusal, stops at an error, and passes on the last refusal. */
static void test_chain(void **state) {
    (void)state;
    static const char *const going_on = "chain(ring absent_key=next, random)";
    assert_true(lw_select(make(going_on), &nodes.nodes, NULL) >= 0);
    static const char *const stopping = "chain(ring absent_key=error, random)";
    assert_reason(lw_select(make(stopping), &nodes.nodes, NULL), LW_KEY_REQUIRED, stopping);
    static const char *const keyless = "chain(ring absent_key=next, ring absent_key=next)";
    assert_reason(lw_select(make(keyless), &nodes.nodes, NULL), LW_NO_KEY, keyless);
    fleet_nobody(&nodes);
    assert_refuses("chain(ring absent_key=next, random)", LW_FILTERED);
}

/* A plan that cannot be is an error only where it is one: a member without weights leaves the choice to the next. */
static void test_chain_over_a_member_without_weights(void **state) {
    (void)state;
    lw_request request = keyed(3);
    fleet_weights(&nodes, 0);
    assert_true(lw_select(make("chain(ring, random)"), &nodes.nodes, &request) >= 0);
    assert_true(lw_select(make("chain(smooth_wrr, weighted_random, round_robin)"), &nodes.nodes, NULL) >= 0);
}

static void assert_misses(const char *spec, const char *column) {
    make(spec);
    assert_reason(lw_prepare(made, &nodes.nodes), LW_NO_COLUMN, spec);
    assert_told(&book, LW_NO_COLUMN, column);
    book.told = 0;
    assert_reason(lw_select(made, &nodes.nodes, NULL), LW_NO_COLUMN, spec);
    assert_told(&book, LW_NO_COLUMN, column);
}

static void test_no_column(void **state) {
    (void)state;
    nodes.nodes.present &= ~(LW_HAS(load) | LW_HAS(remaining));
    assert_misses("least_load", "load");
    assert_misses("p2c", "load");
    assert_misses("most_available", "remaining");
    assert_misses("chain(random, least_load)", "load");
    assert_true(lw_select(make("round_robin"), &nodes.nodes, NULL) >= 0);
}

static void test_not_prepared(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_PREPARED_ONLY;
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        uint32_t needs = lw_strategy_builtin(i)->needs;
        lw_strategy *strategy = make(spec);
        ptrdiff_t before = lw_select(strategy, &nodes.nodes, &request);
        if (needs & LW_NEEDS_PLAN) {
            assert_reason(before, LW_NOT_PREPARED, spec);
        } else {
            assert_true(before >= 0 || before == LW_NOT_PREPARED); /* a child may have a plan */
        }
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_true(lw_select(strategy, &nodes.nodes, &request) >= 0);
    }
    assert_true(lw_select(make("random"), &nodes.nodes, &request) >= 0);
    assert_reason(lw_select(make("chain(random, ring)"), &nodes.nodes, &request), LW_NOT_PREPARED, "chain");
}

static void test_duplicate(void **state) {
    (void)state;
    nodes.member[7].id = nodes.member[4].id;
    assert_refuses("ring", LW_DUPLICATE);
    assert_true(book.told > 0 && book.code == LW_DUPLICATE);
    assert_non_null(strpbrk(book.message, "47")); /* one of the two, by index */
    nodes.nodes.present &= ~LW_HAS(id);
    assert_true(lw_select(make("ring"), &nodes.nodes, NULL) >= 0);
    nodes.member[1].name = nodes.member[2].name;
    assert_refuses("ring", LW_DUPLICATE);
}

static void test_too_large(void **state) {
    (void)state;
    fleet_weights(&nodes, 2);
    nodes.member[6].weight = 1000;
    assert_refuses("ring vnodes=10 max_points=5000", LW_TOO_LARGE);
    assert_told(&book, LW_TOO_LARGE, "6"); /* the node that is too much, and its weight */
    assert_told(&book, LW_TOO_LARGE, "1000");
    assert_true(lw_select(make("ring vnodes=10 max_points=10180"), &nodes.nodes, NULL) >= 0);
    assert_refuses("ring vnodes=10 max_points=10179", LW_TOO_LARGE);
}

static void test_unsupported(void **state) {
    (void)state;
    uint32_t replica;
    make("random");
    assert_int_equal(lw_replicas(made, &nodes.nodes, 1, &replica, 1), LW_UNSUPPORTED);
    make("least_load");
    assert_int_equal(lw_replicas(made, &nodes.nodes, 1, &replica, 1), LW_UNSUPPORTED);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_no_nodes),
        WITH_FLEET(test_filtered),
        WITH_FLEET(test_filtered_before_excluded),
        WITH_FLEET(test_excluded),
        WITH_FLEET(test_no_weight),
        WITH_FLEET(test_no_weight_among_the_eligible),
        WITH_FLEET(test_no_weight_beside_the_excluded),
        WITH_FLEET(test_no_key),
        WITH_FLEET(test_chain),
        WITH_FLEET(test_chain_over_a_member_without_weights),
        WITH_FLEET(test_no_column),
        WITH_FLEET(test_not_prepared),
        WITH_FLEET(test_duplicate),
        WITH_FLEET(test_too_large),
        WITH_FLEET(test_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
