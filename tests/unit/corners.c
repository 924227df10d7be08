/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Corner inputs: one node, weights at both ends, loads that are no ordinary numbers, structs that were never filled. */
#include "ledger.h"

#include "fleet.h"

#include <math.h>

enum { PICKS = 500 };

static fleet nodes;
static lw_strategy *strategy;
static uint32_t counts[FLEET_MOST];

static int close_strategy(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    strategy = NULL;
    return 0;
}

static void make(const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.seed = 31;
    lw_strategy_free(strategy);
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
}

static void count_picks(uint32_t picks) {
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < picks; i++) {
        ptrdiff_t picked = lw_select(strategy, &nodes.nodes, NULL);
        assert_in_range(picked, 0, nodes.nodes.count - 1);
        counts[picked]++;
    }
}

static void test_one_node(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 7, 1000};
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        for (size_t w = 0; w < 3; w++) {
            fleet_open(&nodes, 1, w + 1);
            nodes.member[0].weight = weights[w];
            make(spec);
            for (uint64_t key = 0; key < 100; key++) {
                lw_request request = keyed(key * key);
                assert_int_equal(lw_select(strategy, &nodes.nodes, &request), 0);
                assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 0);
            }
        }
    }
}

static void test_weights_do_not_matter_where_they_are_not_used(void **state) {
    (void)state;
    static const char *const specs[] = {"random", "round_robin", "least_load", "p2c", "most_available"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        fleet_open(&nodes, 10, 1);
        fleet_weights(&nodes, 0);
        make(specs[i]);
        count_picks(PICKS);
    }
}

/* ---- huge weights ---- */

static const char *const weighted[] = {"smooth_wrr", "smooth_wrr lanes=1 phase=0", "weighted_random",
                                       "least_load weighted=true", "p2c weighted=true"};

enum { WEIGHTED = sizeof weighted / sizeof *weighted };

static void test_equal_huge_weights(void **state) {
    (void)state;
    for (size_t i = 0; i < WEIGHTED; i++) {
        uint32_t count = i < 3 ? FLEET_MOST : 100; /* the others look at every node in each pick */
        fleet_open(&nodes, count, 1);
        fleet_weights(&nodes, UINT32_MAX);
        for (uint32_t k = 0; k < count; k++) {
            nodes.member[k].load = 1;
        }
        make(weighted[i]);
        count_picks(40 * count);
        for (uint32_t k = 0; k < count; k++) {
            assert_in_range(counts[k], 8, 90); /* 40 on average; chance alone does not get there */
        }
    }
}

/* Nothing in common, so that the reduced cycle has 42 bits. */
static void test_unequal_huge_weights(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fleet_open(&nodes, FLEET_MOST, 1);
        for (uint32_t k = 0; k < FLEET_MOST; k++) {
            nodes.member[k].weight = UINT32_MAX - k * k;
        }
        make(weighted[i]);
        count_picks(40 * FLEET_MOST);
        for (uint32_t k = 0; k < FLEET_MOST; k++) {
            assert_in_range(counts[k], 8, 90);
        }
    }
}

static void test_one_node_outweighs_all(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fleet_open(&nodes, 100, 1);
        fleet_weights(&nodes, 1);
        nodes.member[42].weight = UINT32_MAX;
        make(weighted[i]);
        count_picks(10000);
        assert_in_range(counts[42], 9990, 10000);
        fleet_nobody(&nodes); /* without it, the others share evenly */
        lw_bitmap_fill(nodes.words, 100);
        lw_bitmap_clear(nodes.words, 42);
        count_picks(9900);
        for (uint32_t k = 0; k < 100; k++) {
            assert_true(k == 42 ? counts[k] == 0 : counts[k] > 40 && counts[k] < 180);
        }
    }
}

static void test_huge_weights_on_a_ring(void **state) {
    (void)state;
    fleet_open(&nodes, 3, 1);
    fleet_weights(&nodes, UINT32_MAX);
    make("ring");
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_TOO_LARGE);
    make("ring vnodes=1");
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_TOO_LARGE);
    nodes.nodes.count = FLEET_MOST; /* a sum beyond 32 bits must not come out small */
    for (uint32_t k = 0; k < FLEET_MOST; k++) {
        nodes.member[k] = (member){.id = k, .weight = UINT32_C(1) << 24};
    }
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_TOO_LARGE);
}

/* ---- loads that are no ordinary numbers ---- */

enum shape { DENSE, STRIDED, ATOMIC, POINTERS, COMPUTED, SHAPES };

static double dense[FLEET_MOST];
static member *pointers[FLEET_MOST];

static double computed_load(const void *user, size_t index, uint64_t now) {
    (void)now;
    return ((const double *)user)[index];
}

/* Gives the same values in each layout that a column can have. */
static void shape_columns(enum shape shape) {
    for (uint32_t i = 0; i < nodes.nodes.count; i++) {
        nodes.member[i].load = nodes.member[i].remaining = dense[i];
        pointers[i] = &nodes.member[i];
    }
    switch (shape) {
    case DENSE:
        LW_SET_VALUES(nodes.nodes, load, dense);
        LW_SET_VALUES(nodes.nodes, remaining, dense);
        break;
    case ATOMIC:
        LW_SET_ATOMIC(nodes.nodes, load, nodes.member, load);
        LW_SET_ATOMIC(nodes.nodes, remaining, nodes.member, remaining);
        break;
    case POINTERS:
        LW_SET_POINTERS(nodes.nodes, load, pointers, load);
        LW_SET_POINTERS(nodes.nodes, remaining, pointers, remaining);
        break;
    case COMPUTED:
        LW_SET_COMPUTED(nodes.nodes, load, computed_load, dense);
        LW_SET_COMPUTED(nodes.nodes, remaining, computed_load, dense);
        break;
    default: break; /* as fleet_open has it */
    }
}

/* All values are `rest` but one; whatever the layout, and wherever the one stands, it wins or never does. */
static void assert_lone(const char *spec, double lone, double rest, bool wins) {
    static const uint32_t sizes[] = {2, 3, 7, 8, 16, 33, 65};
    make(spec);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (uint32_t at = 0; at < sizes[s]; at++) {
            for (int shape = 0; shape < SHAPES; shape++) {
                fleet_open(&nodes, sizes[s], 0);
                fleet_weights(&nodes, 3);
                for (uint32_t i = 0; i < sizes[s]; i++) {
                    dense[i] = i == at ? lone : rest;
                }
                shape_columns((enum shape)shape);
                for (int pick = 0; pick < 5; pick++) {
                    ptrdiff_t picked = lw_select(strategy, &nodes.nodes, NULL);
                    if ((picked == (ptrdiff_t)at) != wins || picked < 0) {
                        fail_msg("%s: %g at %u of %u among %g, layout %d: picked %ld", spec, lone, at, sizes[s], rest,
                                 shape, (long)picked);
                    }
                }
            }
        }
    }
}

static const double not_a_number = (double)NAN, infinity = (double)INFINITY;

static const char *const loaded[] = {"least_load", "least_load tie=first", "least_load weighted=true"};

static void test_a_number_beats_what_is_none(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof loaded / sizeof *loaded; i++) {
        assert_lone(loaded[i], not_a_number, 5, false);
        assert_lone(loaded[i], 1e308, not_a_number, true);
        assert_lone(loaded[i], infinity, not_a_number, true);
        assert_lone(loaded[i], -not_a_number, infinity, false);
        assert_lone(loaded[i], 0.0, -not_a_number, true);
    }
}

static void test_infinities_are_numbers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof loaded / sizeof *loaded; i++) {
        assert_lone(loaded[i], -infinity, -1e308, true);
        assert_lone(loaded[i], infinity, 1e308, false);
        assert_lone(loaded[i], 1e308, infinity, true);
        assert_lone(loaded[i], 0, 2.3e-308, true); /* close to the smallest there is */
    }
}

static void test_availability_that_is_no_number(void **state) {
    (void)state;
    static const char *const specs[] = {"most_available", "most_available epsilon=0", "most_available epsilon=1"};
    for (size_t i = 0; i < 3; i++) {
        assert_lone(specs[i], not_a_number, 0, false);
        assert_lone(specs[i], 0, not_a_number, true);
        assert_lone(specs[i], -infinity, not_a_number, true);
        assert_lone(specs[i], infinity, 1e308, true);
        assert_lone(specs[i], -infinity, 0, false);
        assert_lone(specs[i], 100, 2, true);
    }
}

/* p2c meets the two only when it draws both: with two nodes, always. */
static void test_two_choices(void **state) {
    (void)state;
    static const char *const specs[] = {"p2c", "p2c choices=16", "p2c weighted=true"};
    static const double pairs[][2] = {{INFINITY, NAN}, {0, NAN}, {-INFINITY, -1e308}, {1e308, INFINITY}, {0, 2.3e-308}};
    for (size_t i = 0; i < 3; i++) {
        make(specs[i]);
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            for (uint32_t better = 0; better < 2; better++) {
                fleet_open(&nodes, 2, 0);
                fleet_weights(&nodes, 3);
                nodes.member[better].load = pairs[p][0];
                nodes.member[1 - better].load = pairs[p][1];
                count_picks(50);
                assert_int_equal(counts[better], 50);
            }
        }
    }
}

/* Equal values, or none that is a number: everyone is as good as another, and none is forgotten. */
static void assert_all_alike(const char *spec, double one, double other) {
    make(spec);
    for (int shape = 0; shape < SHAPES; shape++) {
        fleet_open(&nodes, 20, 0);
        fleet_weights(&nodes, 3);
        for (uint32_t i = 0; i < 20; i++) {
            dense[i] = i % 2 ? one : other;
        }
        shape_columns((enum shape)shape);
        count_picks(2000);
        for (uint32_t i = 0; i < 20; i++) {
            if (counts[i] < 40 || counts[i] > 200) { /* 100 on average, 9.7 standard deviation */
                fail_msg("%s: %g and %g, layout %d: node %u was picked %u times", spec, one, other, shape, i,
                         counts[i]);
            }
        }
    }
}

static void test_ties(void **state) {
    (void)state;
    static const char *const specs[] = {
        "least_load",     "least_load weighted=true", "p2c", "p2c choices=5 weighted=true",
        "most_available", "most_available epsilon=0"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        assert_all_alike(specs[i], 0.0, -0.0);
        assert_all_alike(specs[i], 0.5, 0.5);
        assert_all_alike(specs[i], not_a_number, not_a_number);
        assert_all_alike(specs[i], not_a_number, -not_a_number);
        assert_all_alike(specs[i], infinity, infinity);
        assert_all_alike(specs[i], -infinity, -infinity);
    }
}

static void test_the_first_of_ties(void **state) {
    (void)state;
    static const double ties[] = {0.0, -0.0, 1.5, INFINITY, NAN};
    make("least_load tie=first");
    for (size_t t = 0; t < sizeof ties / sizeof *ties; t++) {
        for (int shape = 0; shape < SHAPES; shape++) {
            fleet_open(&nodes, 33, 0);
            for (uint32_t i = 0; i < 33; i++) {
                dense[i] = i % 2 ? ties[t] : ties[t] + 0.0; /* which makes -0.0 to 0.0 */
            }
            shape_columns((enum shape)shape);
            assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 0);
        }
    }
}

static void test_weighted_loads(void **state) {
    (void)state;
    static const char *const specs[] = {"least_load weighted=true", "p2c choices=16 weighted=true"};
    for (size_t i = 0; i < 2; i++) {
        fleet_open(&nodes, 4, 0);
        nodes.member[0] = (member){.id = 0, .weight = 1, .load = 2};
        nodes.member[1] = (member){.id = 1, .weight = UINT32_MAX, .load = 4e9}; /* less than 1 a unit */
        nodes.member[2] = (member){.id = 2, .weight = 2, .load = 3};
        nodes.member[3] = (member){.id = 3, .weight = 0, .load = -INFINITY}; /* never, however idle */
        make(specs[i]);
        count_picks(100);
        assert_int_equal(counts[1], 100);
    }
}

/* ---- columns that are computed ---- */

static uint32_t asked[FLEET_MOST];

static double count_asking(const void *user, size_t index, uint64_t now) {
    (void)user;
    (void)now;
    asked[index]++;
    return (double)(index % 3);
}

static void test_how_often_a_load_is_computed(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        fleet_open(&nodes, 200, 1);
        LW_SET_COMPUTED(nodes.nodes, load, count_asking, NULL);
        LW_SET_COMPUTED(nodes.nodes, remaining, count_asking, NULL);
        make(spec);
        for (int pick = 0; pick < 20; pick++) {
            memset(asked, 0, sizeof asked);
            assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
            for (uint32_t k = 0; k < 200; k++) {
                assert_in_range(asked[k], 0, 3);
            }
        }
    }
}

/* Never says the same twice, and now and then nothing at all. */
static double restless_load(const void *user, size_t index, uint64_t now) {
    static uint64_t turn;
    (void)user;
    (void)now;
    turn = turn * UINT64_C(6364136223846793005) + index + 1;
    return turn >> 60 == 0 ? (double)NAN : (double)(turn >> 40);
}

static void test_a_load_that_changes_while_it_is_read(void **state) {
    (void)state;
    static const char *const specs[] = {"least_load", "least_load tie=first",         "least_load weighted=true",
                                        "p2c",        "p2c choices=16 weighted=true", "most_available"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        fleet_open(&nodes, 100, 1);
        LW_SET_COMPUTED(nodes.nodes, load, restless_load, NULL);
        LW_SET_COMPUTED(nodes.nodes, remaining, restless_load, NULL);
        make(specs[i]);
        count_picks(PICKS);
    }
}

/* ---- several sets through one strategy ---- */

/* Used strictly in turn, so that a cursor they shared would show each only some of its nodes. */
static void test_sets_in_turn(void **state) {
    (void)state;
    static const char *const specs[] = {"round_robin", "round_robin lanes=1 phase=0", "smooth_wrr",
                                        "smooth_wrr max_period=1"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        for (uint32_t sets = 2; sets <= 4; sets++) {
            uint32_t seen[4][4] = {{0}};
            fleet_open(&nodes, 4, 1);
            fleet_weights(&nodes, 1);
            make(specs[i]);
            for (uint32_t pick = 0; pick < 40 * sets; pick++) {
                nodes.nodes.set = 1 + pick % sets;
                ptrdiff_t picked = lw_select(strategy, &nodes.nodes, NULL);
                assert_in_range(picked, 0, 3);
                seen[pick % sets][picked]++;
            }
            for (uint32_t k = 0; k < 4 * sets; k++) {
                assert_int_equal(seen[k / 4][k % 4], 10);
            }
        }
    }
}

/* ---- structs that were never filled ---- */

static void test_more_nodes_than_are_possible(void **state) {
    (void)state;
    lw_nodes many;
    lw_nodes_init(&many, UINT32_C(1) << 31);
    make("random");
    assert_int_equal(lw_select(strategy, &many, NULL), LW_RANGE);
    assert_int_equal(lw_prepare(strategy, &many), LW_RANGE);
    many.count--;
    assert_true(lw_select(strategy, &many, NULL) >= 0);
}

static void test_a_struct_without_its_size(void **state) {
    (void)state;
    lw_request request = LW_REQUEST_INIT;
    fleet_open(&nodes, 4, 1);
    make("random");
    request.size = 0;
    assert_int_equal(lw_select(strategy, &nodes.nodes, &request), LW_INVALID);
    nodes.nodes.size = 0;
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), LW_INVALID);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_INVALID);
    make("least_load"); /* which looks whether a column is computed */
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), LW_INVALID);
}

#define WITH_STRATEGY(test) cmocka_unit_test_teardown(test, close_strategy)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STRATEGY(test_one_node),
        WITH_STRATEGY(test_weights_do_not_matter_where_they_are_not_used),
        WITH_STRATEGY(test_equal_huge_weights),
        WITH_STRATEGY(test_unequal_huge_weights),
        WITH_STRATEGY(test_one_node_outweighs_all),
        WITH_STRATEGY(test_huge_weights_on_a_ring),
        WITH_STRATEGY(test_a_number_beats_what_is_none),
        WITH_STRATEGY(test_infinities_are_numbers),
        WITH_STRATEGY(test_availability_that_is_no_number),
        WITH_STRATEGY(test_two_choices),
        WITH_STRATEGY(test_ties),
        WITH_STRATEGY(test_the_first_of_ties),
        WITH_STRATEGY(test_weighted_loads),
        WITH_STRATEGY(test_how_often_a_load_is_computed),
        WITH_STRATEGY(test_a_load_that_changes_while_it_is_read),
        WITH_STRATEGY(test_sets_in_turn),
        WITH_STRATEGY(test_more_nodes_than_are_possible),
        WITH_STRATEGY(test_a_struct_without_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
