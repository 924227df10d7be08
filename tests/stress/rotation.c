/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rotation under threads: exact in each thread's own lane, exact for all together with one lane, and off by at most the
 * number of lanes where threads must share. Prepared picks allocate nothing meanwhile.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include "../unit/fleet.h"

#include <loadwise/ops.h>

enum { NODES = 13, CYCLES = 600 };

static fleet nodes;
static ledger book;
static lw_strategy *strategy;
static crew hands;
static uint64_t counts[CREW_MOST][NODES];
static uint32_t picks_each;
static bool with_exclusions;

static int open_fleet(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    memset(counts, 0, sizeof counts);
    with_exclusions = false;
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

/* A pick with exclusions between two plain ones: the rotation must not notice. */
static void disturb(crew_hand *hand) {
    uint64_t excluded = crew_random(hand) % NODES;
    lw_request request = excluding(&excluded, 1);
    ptrdiff_t index = lw_select(strategy, &nodes.nodes, &request);
    CREW_EXPECT(hand, index >= 0 && index < NODES && index != (ptrdiff_t)excluded);
}

static void pick_in_turn(crew_hand *hand) {
    for (uint32_t i = 0; i < picks_each; i++) {
        ptrdiff_t index = lw_select(strategy, &nodes.nodes, NULL);
        CREW_EXPECT(hand, index >= 0 && index < NODES);
        counts[hand->number][index < 0 ? 0 : index]++;
        if (with_exclusions && i % 3 == 0) {
            disturb(hand);
        }
    }
}

static void run_rotation(const char *spec, uint32_t threads, uint32_t each) {
    lw_env env = ledger_env(&book, 2);
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    uint64_t asked = book.asked;
    picks_each = each * crew_factor();
    crew_run(&hands, threads, pick_in_turn);
    assert_int_equal(book.asked, asked);
    lw_strategy_free(strategy);
}

static uint64_t total_of(uint32_t node) {
    uint64_t total = 0;
    for (uint32_t t = 0; t < CREW_MOST; t++) {
        total += counts[t][node];
    }
    return total;
}

static uint64_t weight_sum(void) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        sum += nodes.member[i].weight;
    }
    return sum;
}

static void assert_even_in_each_thread(uint32_t threads) {
    for (uint32_t t = 0; t < threads; t++) {
        for (uint32_t i = 0; i < NODES; i++) {
            assert_int_equal(counts[t][i], picks_each / NODES);
        }
    }
}

static void test_each_thread_is_exact_in_its_lane(void **state) {
    (void)state;
    run_rotation("round_robin", 4, NODES * CYCLES);
    assert_even_in_each_thread(4);
}

static void test_as_many_threads_as_lanes_can_be_owned(void **state) {
    (void)state;
    run_rotation("round_robin", LW_LANES - 1, NODES * 50);
    assert_even_in_each_thread(LW_LANES - 1);
}

static void test_exclusions_do_not_tilt_a_lane(void **state) {
    (void)state;
    with_exclusions = true;
    run_rotation("round_robin", 4, NODES * CYCLES / 3);
    assert_even_in_each_thread(4);
}

static void test_one_lane_is_exact_for_all(void **state) {
    (void)state;
    static const char *const specs[] = {"round_robin lanes=1", "round_robin lanes=1 phase=0"};
    for (size_t i = 0; i < 2; i++) {
        memset(counts, 0, sizeof counts);
        with_exclusions = i == 1;
        run_rotation(specs[i], 8, NODES * 100);
        for (uint32_t node = 0; node < NODES; node++) {
            assert_int_equal(total_of(node), (uint64_t)picks_each * 8 / NODES);
        }
    }
}

/* Cycles that no thread completes on its own still come out even for all: the count of picks is no multiple of n. */
static void test_one_lane_has_no_remainder_per_thread(void **state) {
    (void)state;
    run_rotation("round_robin lanes=1", NODES, 1001);
    for (uint32_t node = 0; node < NODES; node++) {
        assert_int_equal(total_of(node), picks_each);
    }
}

/* Where threads share, each lane is still a rotation, so that it adds less than one to the difference. */
static void assert_within_lanes(uint64_t total, uint32_t lanes) {
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    for (uint32_t node = 0; node < NODES; node++) {
        uint64_t count = total_of(node);
        least = count < least ? count : least;
        most = count > most ? count : most;
        sum += count;
    }
    assert_int_equal(sum, total);
    assert_in_range(most - least, 0, lanes);
}

static void test_more_threads_than_lanes(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint32_t lanes;
    } shared[] = {{"round_robin", LW_LANES}, {"round_robin lanes=8", 8}, {"round_robin lanes=2", 2}};
    for (size_t i = 0; i < 3; i++) {
        memset(counts, 0, sizeof counts);
        run_rotation(shared[i].spec, 40, 997);
        assert_within_lanes((uint64_t)picks_each * 40, shared[i].lanes);
    }
}

static void test_weights_are_exact_in_each_lane(void **state) {
    (void)state;
    static const char *const specs[] = {"smooth_wrr", "smooth_wrr max_period=1", "edf"};
    for (size_t s = 0; s < 3; s++) {
        memset(counts, 0, sizeof counts);
        run_rotation(specs[s], 4, (uint32_t)weight_sum() * 100);
        for (uint32_t t = 0; t < 4; t++) {
            for (uint32_t i = 0; i < NODES; i++) {
                assert_int_equal(counts[t][i], nodes.member[i].weight * 100 * crew_factor());
            }
        }
    }
}

static void test_weights_are_exact_for_all_with_one_lane(void **state) {
    (void)state;
    static const char *const specs[] = {"smooth_wrr lanes=1", "smooth_wrr lanes=1 max_period=1", "edf lanes=1"};
    for (size_t s = 0; s < 3; s++) {
        memset(counts, 0, sizeof counts);
        with_exclusions = s == 1;
        run_rotation(specs[s], (uint32_t)weight_sum(), 100); /* no thread completes its cycles alone */
        for (uint32_t i = 0; i < NODES; i++) {
            assert_int_equal(total_of(i), nodes.member[i].weight * 100 * crew_factor());
        }
    }
}

/* Tickets of one pick lie apart when others take some in between; over a cycle of stride, 65535 / 5 for each unit of
   weight up to 5, all have their shares all the same. */
static void test_strides_are_exact_for_all_with_one_lane(void **state) {
    (void)state;
    run_rotation("stride lanes=1", (uint32_t)weight_sum(), 65535 / 5);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(total_of(i), nodes.member[i].weight * (65535 / 5) * crew_factor());
    }
}

/* Some nodes are down: the others still share evenly, in each lane. */
static void test_a_part_of_the_set(void **state) {
    (void)state;
    fleet_nobody(&nodes);
    for (uint32_t i = 0; i < NODES; i += 3) {
        lw_bitmap_set(nodes.words, i);
    }
    run_rotation("round_robin", 4, 5 * CYCLES);
    for (uint32_t t = 0; t < 4; t++) {
        for (uint32_t i = 0; i < NODES; i++) {
            assert_int_equal(counts[t][i], i % 3 == 0 ? picks_each / 5 : 0);
        }
    }
}

static void test_nobody_allocates(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        run_rotation(spec, 20, 200);
    }
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_each_thread_is_exact_in_its_lane),
        WITH_FLEET(test_as_many_threads_as_lanes_can_be_owned),
        WITH_FLEET(test_exclusions_do_not_tilt_a_lane),
        WITH_FLEET(test_one_lane_is_exact_for_all),
        WITH_FLEET(test_one_lane_has_no_remainder_per_thread),
        WITH_FLEET(test_more_threads_than_lanes),
        WITH_FLEET(test_weights_are_exact_in_each_lane),
        WITH_FLEET(test_weights_are_exact_for_all_with_one_lane),
        WITH_FLEET(test_strides_are_exact_for_all_with_one_lane),
        WITH_FLEET(test_a_part_of_the_set),
        WITH_FLEET(test_nobody_allocates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
