/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A trial tells the next pick and leaves no trace: for every strategy, every number of lanes, in a lane of one's own or
 * in the shared one, however often it is asked. Twins show it: one strategy is tried before each pick, the other never,
 * and both go the same way.
 */
#include "laws.h"
#include "specs.h"
#include <loadwise/ops.h>
#include <pthread.h>
#include <semaphore.h>

enum { TRIAL_NODES = 40, TRIAL_PICKS = 1500, TRIAL_LODGERS = LW_LANES };

static const char *const tried_specs[] = {
    SPECS_THAT_TURN,
    SPECS_THAT_CHOOSE,
    SPECS_THAT_PLACE,
    "round_robin phase=0",
    "round_robin lanes=8",
    "round_robin lanes=2",
    "round_robin lanes=1",
    "smooth_wrr lanes=4",
    "smooth_wrr lanes=1",
    "smooth_wrr max_period=1 lanes=1",
    "stride lanes=1",
    "weighted_random live=true",
    "least_load tie=first",
    "p2c choices=7",
    "p2c choices=3 weighted=true",
    "ring absent_key=next",
    "ring absent_key=error",
    "maglev",
    "ketama",
    "chain(ring absent_key=next, p2c)",
    "chain(ring absent_key=next, chain(smooth_wrr lanes=1, round_robin lanes=2), random)",
    "chain(ring absent_key=next, round_robin, round_robin)",
    "bounded(ring, factor=1)",
    "bounded(ring, factor=1.1, overflow=next)",
    "sticky(random, max=14)",
    "subset(smooth_wrr, size=5, client=1)",
    "subset(bounded(ring, factor=1), size=5, by=lots)",
};

static law_set *tried_set(void) {
    uint64_t chance = 71;
    law_set *set = law_set_new(TRIAL_NODES);
    for (uint32_t i = 0; i < TRIAL_NODES; i++) {
        set->weight[i] = law_below(&chance, 9);
        set->load[i] = law_below(&chance, 3);
        set->remaining[i] = 0.02 * law_below(&chance, 20);
        set->inflight[i] = law_below(&chance, 3);
    }
    return set;
}

/* Request number i of a varied course: with and without key, exclusions, bitmap; now and then nobody is left. */
static lw_request tried_request(law_set *set, uint32_t i, uint64_t *excluded, size_t count) {
    uint64_t chance = 1000 + i;
    lw_request request = law_excluding(excluded, law_below(&chance, 4) == 0 ? count : 0);
    for (size_t e = 0; e < count; e++) {
        excluded[e] = law_below(&chance, TRIAL_NODES);
    }
    request.key = law_random(&chance);
    request.flags = i % 3 == 0 ? LW_REQUEST_KEYED : 0;
    uint64_t some = law_random(&chance);
    law_set_only(set, i % 50 == 49 ? 0 : some & law_random(&chance));
    set->nodes.eligible = i % 4 == 0 ? NULL : set->words;
    return request;
}

/* NULL, or what went wrong. */
static const char *go_both_ways(lw_strategy *tried, lw_strategy *untried) {
    const char *fault = NULL;
    law_set *set = tried_set();
    for (uint32_t i = 0; i < TRIAL_PICKS && fault == NULL; i++) {
        uint64_t excluded[5];
        lw_request request = tried_request(set, i, excluded, LAW_COUNT(excluded));
        lw_request trial = request;
        trial.flags |= LW_REQUEST_TRIAL;
        ptrdiff_t told = lw_select_at(tried, &set->nodes, &trial, 1);
        for (uint32_t again = 0; again < i % 3; again++) {
            fault = lw_select_at(tried, &set->nodes, &trial, 1) == told ? fault : "a second trial told otherwise";
        }
        ptrdiff_t picked = lw_select_at(tried, &set->nodes, &request, 1);
        ptrdiff_t untold = lw_select_at(untried, &set->nodes, &request, 1);
        fault = told != picked ? "the pick was another" : picked != untold ? "the twins part" : fault;
    }
    free(set);
    return fault;
}

static void a_trial_tells_the_next_pick(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(tried_specs); s++) {
        lw_strategy *tried = law_strategy(tried_specs[s], 5), *untried = law_strategy(tried_specs[s], 5);
        const char *fault = go_both_ways(tried, untried);
        if (fault != NULL) {
            fail_msg("%s: %s", tried_specs[s], fault);
        }
        lw_strategy_free(tried);
        lw_strategy_free(untried);
    }
}

/* ---- in the shared lane ---- */

struct stranger {
    pthread_t thread;
    lw_strategy *strategies[2];
    lw_nodes *nodes;
    sem_t arrived, leave;
    const char *fault;
};

static void *take_a_lane(void *argument) {
    struct stranger *stranger = argument;
    for (int i = 0; i < 2; i++) {
        lw_select_at(stranger->strategies[i], stranger->nodes, NULL, 1);
    }
    sem_post(&stranger->arrived);
    while (sem_wait(&stranger->leave) != 0) {
    }
    return NULL;
}

static void *try_in_what_is_left(void *argument) {
    struct stranger *stranger = argument;
    stranger->fault = go_both_ways(stranger->strategies[0], stranger->strategies[1]);
    return NULL;
}

/* All lanes have living owners, so whoever comes next is in the shared one. */
static void nor_does_it_leave_traces_in_the_shared_lane(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(tried_specs); s++) {
        struct stranger lodgers[TRIAL_LODGERS], last = {.fault = NULL};
        law_set *set = tried_set();
        last.strategies[0] = law_strategy(tried_specs[s], 6);
        last.strategies[1] = law_strategy(tried_specs[s], 6);
        last.nodes = &set->nodes;
        for (uint32_t i = 0; i < TRIAL_LODGERS; i++) {
            lodgers[i] = last;
            sem_init(&lodgers[i].arrived, 0, 0);
            sem_init(&lodgers[i].leave, 0, 0);
            assert_int_equal(pthread_create(&lodgers[i].thread, NULL, take_a_lane, &lodgers[i]), 0);
            while (sem_wait(&lodgers[i].arrived) != 0) {
            }
        }
        assert_int_equal(pthread_create(&last.thread, NULL, try_in_what_is_left, &last), 0);
        assert_int_equal(pthread_join(last.thread, NULL), 0);
        for (uint32_t i = 0; i < TRIAL_LODGERS; i++) {
            sem_post(&lodgers[i].leave);
            assert_int_equal(pthread_join(lodgers[i].thread, NULL), 0);
            sem_destroy(&lodgers[i].arrived);
            sem_destroy(&lodgers[i].leave);
        }
        if (last.fault != NULL) {
            fail_msg("%s: %s", tried_specs[s], last.fault);
        }
        lw_strategy_free(last.strategies[0]);
        lw_strategy_free(last.strategies[1]);
        free(set);
    }
}

/* While others pick in the same lanes a trial promises little, but it is still a node that may be chosen, and the
   rotation stays exact: no ticket was taken. */
struct crowd {
    pthread_t thread;
    lw_strategy *strategy;
    const lw_nodes *nodes;
    uint64_t counts[TRIAL_NODES];
    bool failed;
};

enum { CROWD = 20, CROWD_PICKS = 3000 };

static void *pick_and_try(void *argument) {
    struct crowd *one = argument;
    lw_request trial = LW_REQUEST_INIT;
    trial.flags = LW_REQUEST_TRIAL;
    for (uint32_t i = 0; i < CROWD_PICKS; i++) {
        ptrdiff_t told = lw_select_at(one->strategy, one->nodes, &trial, 1);
        ptrdiff_t index = lw_select_at(one->strategy, one->nodes, NULL, 1);
        one->failed |= told < 0 || told >= TRIAL_NODES || index < 0 || index >= TRIAL_NODES;
        one->counts[index >= 0 && index < TRIAL_NODES ? index : 0]++;
    }
    return NULL;
}

static void many_threads_try_at_the_same_time(void **state) {
    (void)state;
    static struct crowd crowd[CROWD];
    uint64_t counts[TRIAL_NODES] = {0};
    law_set *set = law_set_new(TRIAL_NODES);
    lw_strategy *strategy = law_strategy("round_robin lanes=1", 8);
    for (uint32_t t = 0; t < CROWD; t++) {
        crowd[t] = (struct crowd){.strategy = strategy, .nodes = &set->nodes};
        assert_int_equal(pthread_create(&crowd[t].thread, NULL, pick_and_try, &crowd[t]), 0);
    }
    for (uint32_t t = 0; t < CROWD; t++) {
        assert_int_equal(pthread_join(crowd[t].thread, NULL), 0);
        assert_false(crowd[t].failed);
        for (uint32_t i = 0; i < TRIAL_NODES; i++) {
            counts[i] += crowd[t].counts[i];
        }
    }
    for (uint32_t i = 0; i < TRIAL_NODES; i++) {
        assert_int_equal(counts[i], CROWD * CROWD_PICKS / TRIAL_NODES);
    }
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_tells_the_next_pick),
        cmocka_unit_test(nor_does_it_leave_traces_in_the_shared_lane),
        cmocka_unit_test(many_threads_try_at_the_same_time),
    };
    return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
