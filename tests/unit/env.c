/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* lw_env: all memory, time, chance and voice of a strategy comes from it, and only from it. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 40, PICKS = 300 };

static fleet nodes;
static ledger book;

static int open_book(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    return 0;
}

static int close_book(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

static lw_strategy *make(const lw_env *env, const char *spec) {
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_new(&strategy, env, spec), LW_OK);
    assert_non_null(strategy);
    return strategy;
}

static void pick_some(lw_strategy *strategy, ptrdiff_t picks[PICKS]) {
    for (uint64_t i = 0; i < PICKS; i++) {
        lw_request request = keyed(i * 77);
        picks[i] = lw_select_at(strategy, &nodes.nodes, i % 3 == 0 ? NULL : &request, i);
        assert_in_range(picks[i], 0, NODES - 1);
    }
}

static void test_memory_comes_from_the_allocator(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 5);
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *strategy = make(&env, spec);
        assert_true(book.live > 0);
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
        lw_strategy_free(strategy);
        assert_int_equal(book.live, 0);
    }
}

static void test_free_of_nothing(void **state) {
    (void)state;
    lw_strategy_free(NULL);
}

static void test_prepared_picks_do_not_allocate(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 5);
    char spec[FLEET_SPEC];
    ptrdiff_t picks[PICKS];
    uint32_t replicas[3];
    lw_sample sample = LW_SAMPLE_INIT;
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *strategy = make(&env, spec);
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        uint64_t asked = book.asked;
        pick_some(strategy, picks);
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_int_equal(lw_feedback(strategy, &nodes.nodes, 0, &sample), LW_OK);
        ptrdiff_t found = lw_replicas(strategy, &nodes.nodes, 9, replicas, 3);
        assert_true(found == 3 || found == LW_UNSUPPORTED);
        assert_int_equal(book.asked, asked);
        lw_strategy_free(strategy);
    }
}

static void test_half_an_allocator_is_refused(void **state) {
    (void)state;
    for (int half = 0; half < 2; half++) {
        lw_env env = ledger_env(&book, 1);
        lw_strategy *strategy = (lw_strategy *)&env;
        if (half == 0) {
            env.alloc = NULL;
        } else {
            env.release = NULL;
        }
        book.told = 0;
        assert_int_equal(lw_strategy_new(&strategy, &env, "random"), LW_INVALID);
        assert_null(strategy);
        assert_told(&book, LW_INVALID, "alloc");
    }
}

static void test_defaults(void **state) {
    (void)state;
    lw_env empty = LW_ENV_INIT;
    lw_strategy *by_null = make(NULL, "least_load"), *by_init = make(&empty, "least_load");
    assert_true(lw_select(by_null, &nodes.nodes, NULL) >= 0);
    assert_true(lw_select(by_init, &nodes.nodes, NULL) >= 0);
    lw_strategy_free(by_null);
    lw_strategy_free(by_init);
}

/* A caller built with a later header hands over a longer struct; what this library does not know stays unread. */
static void test_a_longer_env_is_accepted(void **state) {
    (void)state;
    struct {
        lw_env env;
        unsigned char later[64];
    } grown;
    memset(&grown, 0xff, sizeof grown);
    grown.env = ledger_env(&book, 42);
    grown.env.size = sizeof grown;
    lw_strategy *strategy = make(&grown.env, "random");
    assert_true(lw_strategy_seed(strategy) == 42);
    assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
    lw_strategy_free(strategy);
}

static void test_the_env_is_copied(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 42);
    lw_strategy *strategy = make(&env, "ring");
    memset(&env, 0xff, sizeof env);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_true(lw_strategy_seed(strategy) == 42);
    lw_strategy_free(strategy);
}

static void test_an_explicit_seed_repeats(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    ptrdiff_t first[PICKS], again[PICKS];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        for (uint64_t seed = 1; seed < 4; seed++) {
            lw_env env = ledger_env(&book, seed);
            lw_strategy *one = make(&env, spec), *two = make(&env, spec);
            assert_true(lw_strategy_seed(one) == seed);
            pick_some(one, first);
            pick_some(two, again);
            assert_memory_equal(first, again, sizeof first);
            lw_strategy_free(one);
            lw_strategy_free(two);
        }
    }
}

static void test_seeds_make_a_difference(void **state) {
    (void)state;
    ptrdiff_t first[PICKS], other[PICKS];
    lw_env env = ledger_env(&book, 1);
    lw_strategy *one = make(&env, "random");
    env.seed = 2;
    lw_strategy *two = make(&env, "random");
    pick_some(one, first);
    pick_some(two, other);
    assert_memory_not_equal(first, other, sizeof first);
    lw_strategy_free(one);
    lw_strategy_free(two);
}

static void test_seed_zero_is_drawn(void **state) {
    (void)state;
    ptrdiff_t first[PICKS], again[PICKS];
    lw_env env = ledger_env(&book, 0);
    lw_strategy *one = make(&env, "random"), *two = make(&env, "random");
    assert_true(lw_strategy_seed(one) != 0);
    assert_true(lw_strategy_seed(one) != lw_strategy_seed(two));
    env.seed = lw_strategy_seed(one);
    lw_strategy *repeated = make(&env, "random");
    pick_some(one, first);
    pick_some(repeated, again);
    assert_memory_equal(first, again, sizeof first);
    lw_strategy_free(one);
    lw_strategy_free(two);
    lw_strategy_free(repeated);
}

static void test_the_log_hears_failures_only(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy = make(&env, "p2c");
    assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
    assert_int_equal(book.told, 0);
    lw_nodes bare;
    lw_nodes_init(&bare, 3);
    assert_int_equal(lw_prepare(strategy, &bare), LW_NO_COLUMN);
    assert_int_equal(book.told, 1);
    assert_told(&book, LW_NO_COLUMN, "load");
    lw_strategy_free(strategy);
    assert_int_equal(lw_strategy_new(&strategy, &env, "nonsense"), LW_UNKNOWN);
    assert_int_equal(book.told, 2);
    env.log = NULL;
    assert_int_equal(lw_strategy_new(&strategy, &env, "nonsense"), LW_UNKNOWN);
    assert_int_equal(book.told, 2);
}

/* ---- time ---- */

static uint64_t seen_now;

static double load_at(const void *user, size_t index, uint64_t now) {
    (void)user;
    seen_now = now;
    return (double)index;
}

static void test_the_clock_is_left_alone_when_nothing_needs_it(void **state) {
    (void)state;
    static const char *const specs[] = {"random", "round_robin", "p2c", "ring", "smooth_wrr", "least_load"};
    lw_env env = ledger_env(&book, 1);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        lw_strategy *strategy = make(&env, specs[i]);
        assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
        lw_strategy_free(strategy);
    }
    assert_int_equal(book.clock_reads, 0);
}

static void test_a_computed_column_reads_it_once_a_pick(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy = make(&env, "least_load");
    LW_SET_COMPUTED(nodes.nodes, load, load_at, NULL);
    for (uint64_t i = 1; i <= 5; i++) {
        book.now = 1000 * i;
        assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 0);
        assert_true(seen_now == 1000 * i);
        assert_int_equal(book.clock_reads, i);
    }
    assert_int_equal(lw_select_at(strategy, &nodes.nodes, NULL, 77), 0);
    assert_true(seen_now == 77);
    assert_int_equal(book.clock_reads, 5);
    lw_strategy_free(strategy);
}

static void test_a_clock_that_stands_still_or_steps_back(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy = make(&env, "least_load");
    LW_SET_COMPUTED(nodes.nodes, load, load_at, NULL);
    static const uint64_t clock[] = {5000, 5000, 4000, 4999, 5001, 0, UINT64_MAX};
    static const uint64_t seen[] = {5000, 5000, 5000, 5000, 5001, 5001, UINT64_MAX};
    for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) {
        book.now = clock[i];
        assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 0);
        assert_true(seen_now == seen[i]);
    }
    lw_strategy_free(strategy);
}

#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, open_book, close_book)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BOOK(test_memory_comes_from_the_allocator),
        WITH_BOOK(test_free_of_nothing),
        WITH_BOOK(test_prepared_picks_do_not_allocate),
        WITH_BOOK(test_half_an_allocator_is_refused),
        WITH_BOOK(test_defaults),
        WITH_BOOK(test_a_longer_env_is_accepted),
        WITH_BOOK(test_the_env_is_copied),
        WITH_BOOK(test_an_explicit_seed_repeats),
        WITH_BOOK(test_seeds_make_a_difference),
        WITH_BOOK(test_seed_zero_is_drawn),
        WITH_BOOK(test_the_log_hears_failures_only),
        WITH_BOOK(test_the_clock_is_left_alone_when_nothing_needs_it),
        WITH_BOOK(test_a_computed_column_reads_it_once_a_pick),
        WITH_BOOK(test_a_clock_that_stands_still_or_steps_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
