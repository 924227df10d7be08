/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lanes: rotations stay exact when many threads turn them. Globally counts differ by at most the number of lanes, and
 * with one lane not at all.
 */
#include "laws.h"
#include <pthread.h>

enum { LANES_NODES = 9, LANES_MOST_THREADS = 24 };

struct turner {
    pthread_t thread;
    lw_strategy *strategy;
    const lw_nodes *nodes;
    pthread_barrier_t *start;
    size_t picks;
    uint64_t counts[LANES_NODES];
    bool failed;
};

/* cmocka may not be asked for a verdict off the main thread, so a failure is noted and judged there. */
static void *turn(void *argument) {
    struct turner *turner = argument;
    pthread_barrier_wait(turner->start);
    for (size_t i = 0; i < turner->picks; i++) {
        ptrdiff_t index = lw_select(turner->strategy, turner->nodes, NULL);
        if (index < 0 || index >= LANES_NODES) {
            turner->failed = true;
            return NULL;
        }
        turner->counts[index]++;
    }
    return NULL;
}

static void turn_together(struct turner *turners, uint32_t threads, const char *spec, const law_set *set) {
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, threads), 0);
    lw_strategy *strategy = law_strategy(spec, 77);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    for (uint32_t t = 0; t < threads; t++) {
        turners[t].strategy = strategy;
        turners[t].nodes = &set->nodes;
        turners[t].start = &start;
        assert_int_equal(pthread_create(&turners[t].thread, NULL, turn, &turners[t]), 0);
    }
    for (uint32_t t = 0; t < threads; t++) {
        assert_int_equal(pthread_join(turners[t].thread, NULL), 0);
        assert_false(turners[t].failed);
    }
    lw_strategy_free(strategy);
    pthread_barrier_destroy(&start);
}

static void sum_counts(const struct turner *turners, uint32_t threads, uint64_t *sums) {
    for (uint32_t i = 0; i < LANES_NODES; i++) {
        sums[i] = 0;
        for (uint32_t t = 0; t < threads; t++) {
            sums[i] += turners[t].counts[i];
        }
    }
}

static uint64_t spread_of(const uint64_t *sums) {
    uint64_t least = sums[0], most = sums[0];
    for (uint32_t i = 1; i < LANES_NODES; i++) {
        least = sums[i] < least ? sums[i] : least;
        most = sums[i] > most ? sums[i] : most;
    }
    return most - least;
}

/* Fewer threads than lanes: each thread has one to itself and sees an exact rotation of its own. */
static void each_thread_turns_its_own_rotation(void **state) {
    (void)state;
    struct turner turners[8] = {0};
    law_set *set = law_set_new(LANES_NODES);
    for (uint32_t t = 0; t < 8; t++) {
        turners[t].picks = (size_t)LANES_NODES * (2000 + t);
    }
    turn_together(turners, 8, "round_robin", set);
    for (uint32_t t = 0; t < 8; t++) {
        for (uint32_t i = 0; i < LANES_NODES; i++) {
            assert_int_equal(turners[t].counts[i], 2000 + t);
        }
    }
    free(set);
}

static void assert_global_spread(const char *spec, uint32_t threads, uint64_t lanes) {
    struct turner turners[LANES_MOST_THREADS] = {0};
    uint64_t sums[LANES_NODES];
    law_set *set = law_set_new(LANES_NODES);
    for (uint32_t t = 0; t < threads; t++) {
        turners[t].picks = 10000 + 7 * t;
    }
    turn_together(turners, threads, spec, set);
    sum_counts(turners, threads, sums);
    assert_true(spread_of(sums) <= lanes);
    free(set);
}

static void counts_differ_by_at_most_the_number_of_lanes(void **state) {
    (void)state;
    static const uint32_t threads[] = {2, 5, LANES_MOST_THREADS};
    for (size_t i = 0; i < LAW_COUNT(threads); i++) {
        assert_global_spread("round_robin", threads[i], 16);
        assert_global_spread("round_robin lanes=4", threads[i], 4);
        assert_global_spread("round_robin lanes=1", threads[i], 1);
    }
}

/* With one lane, whole cycles from any number of threads give everyone exactly the same. */
static void one_lane_is_exact_for_all_threads_together(void **state) {
    (void)state;
    struct turner turners[LANES_MOST_THREADS] = {0};
    uint64_t sums[LANES_NODES];
    law_set *set = law_set_new(LANES_NODES);
    for (uint32_t t = 0; t < LANES_MOST_THREADS; t++) {
        turners[t].picks = 3 * 2000;
    }
    turn_together(turners, LANES_MOST_THREADS, "round_robin lanes=1", set);
    sum_counts(turners, LANES_MOST_THREADS, sums);
    for (uint32_t i = 0; i < LANES_NODES; i++) {
        assert_int_equal(sums[i], LANES_MOST_THREADS * 3 * 2000 / LANES_NODES);
    }
    free(set);
}

/* The same for weights: a cycle of the weighted rotation is as long as their sum, here 45. */
static void one_lane_keeps_weighted_shares_exact(void **state) {
    (void)state;
    static const uint32_t weights[LANES_NODES] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const char *const specs[] = {"smooth_wrr lanes=1", "smooth_wrr lanes=1 max_period=8"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        struct turner turners[10] = {0};
        uint64_t sums[LANES_NODES];
        law_set *set = law_set_weighted(weights, LANES_NODES);
        for (uint32_t t = 0; t < 10; t++) {
            turners[t].picks = 9 * 400;
        }
        turn_together(turners, 10, specs[s], set);
        sum_counts(turners, 10, sums);
        for (uint32_t i = 0; i < LANES_NODES; i++) {
            assert_int_equal(sums[i], weights[i] * 10 * 9 * 400 / 45);
        }
        free(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_turns_its_own_rotation),
        cmocka_unit_test(counts_differ_by_at_most_the_number_of_lanes),
        cmocka_unit_test(one_lane_is_exact_for_all_threads_together),
        cmocka_unit_test(one_lane_keeps_weighted_shares_exact),
    };
    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
