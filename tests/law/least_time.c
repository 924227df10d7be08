/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * least_time: the least buckets(latency) * (1 + under way) / weight wins, and equals share. A list of all nodes with
 * their fractions says who may win; the estimate is measured against nodes whose only answer is known.
 */
#include "answers.h"

enum { TIMED_MOST = 12 };

/* The estimate of a node in ns; 0: none. */
static uint64_t buckets_listed(uint64_t latency, uint64_t bucket) {
    uint64_t buckets = (2 * latency + bucket) / (2 * bucket);
    return buckets > 0 ? buckets : 1;
}

/* Shares by the rule, from first answers that are known and no time gone by. */
static void list_winners(const answers *a, const lw_request *request, const uint64_t *latency, uint64_t bucket,
                         double *shares) {
    uint64_t sum = 0, known = 0, eta[TIMED_MOST] = {0};
    uint32_t best = TIMED_MOST;
    for (uint32_t i = 0; i < a->set->nodes.count; i++) {
        bool counts = law_may(&a->set->nodes, request, i) && a->set->weight[i] > 0 && latency[i] > 0;
        sum += counts ? latency[i] : 0;
        known += counts;
    }
    for (uint32_t i = 0; i < a->set->nodes.count; i++) {
        uint64_t own = latency[i] > 0 ? latency[i] : known > 0 ? sum / known : 1;
        eta[i] = buckets_listed(own, bucket) * (1 + a->inflight[i]);
        if (law_may(&a->set->nodes, request, i) && a->set->weight[i] > 0 &&
            (best == TIMED_MOST || eta[i] * a->set->weight[best] < eta[best] * a->set->weight[i])) {
            best = i;
        }
    }
    for (uint32_t i = 0; i < a->set->nodes.count; i++) {
        bool wins = law_may(&a->set->nodes, request, i) && a->set->weight[i] > 0 &&
                    eta[i] * a->set->weight[best] == eta[best] * a->set->weight[i];
        shares[i] = wins ? 1 : 0;
    }
}

static void picks_the_least_of_the_list(void **state) {
    (void)state;
    uint64_t chance = 1, latency[TIMED_MOST], excluded[2];
    double shares[TIMED_MOST];
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t count = 1 + law_below(&chance, TIMED_MOST);
        answers *a = answers_open("least_time", count, 100 + round);
        for (uint32_t i = 0; i < count; i++) {
            a->set->weight[i] = round % 3 == 0 ? 1 : law_below(&chance, 4);
            a->inflight[i] = law_below(&chance, 4);
            latency[i] = law_below(&chance, 3) * law_below(&chance, 90) * ANSWERS_MS;
            if (latency[i] > 0) {
                answers_good(a, i, latency[i]);
            }
        }
        uint32_t sure = law_below(&chance, count);
        a->set->weight[sure] = 1 + law_below(&chance, 2);
        lw_request retry = answers_part(a, round, sure, &chance, excluded);
        list_winners(a, &retry, latency, 20 * ANSWERS_MS, shares);
        answers_fit(a, &retry, 400, shares);
        answers_close(a);
    }
}

static void assert_estimate(answers *a, uint32_t next, double estimate) {
    answers_between(a, next, estimate, 3 + estimate * 1e-7);
}

static void keeps_19_parts_of_20(void **state) {
    (void)state;
    uint64_t chance = 2;
    double estimate = 0;
    answers *a = answers_open("least_time bucket=0", 1 + 2 * 200, 2);
    for (uint32_t k = 0; k < 200; k++) {
        uint64_t latency = 1000 + law_random(&chance) % (100 * ANSWERS_MS);
        estimate = k == 0 ? (double)latency : 0.95 * estimate + 0.05 * (double)latency;
        answers_good(a, 0, latency);
        assert_estimate(a, 1 + 2 * k, estimate);
    }
    answers_close(a);
}

static void halves_while_nobody_answers(void **state) {
    (void)state;
    static const double decays[] = {0.001, 2.5, 10, 86400};
    for (size_t d = 0; d < LAW_COUNT(decays); d++) {
        char spec[64];
        snprintf(spec, sizeof spec, "least_time bucket=0 decay=%g", decays[d]);
        answers *a = answers_open(spec, 40, 3);
        answers_good(a, 0, 1024 * ANSWERS_MS);
        for (uint32_t k = 0; k < 10; k++) {
            assert_estimate(a, 1 + 2 * k, 1024e6 / (double)(1 << k));
            a->now += (uint64_t)(decays[d] * 1e9);
        }
        a->now += (uint64_t)(decays[d] * 1e9) * 30; /* 2^-40: nothing is left */
        answers_good(a, 39, 2);
        assert_true(answers_prefer(a, 0, 39));
        answers_close(a);
    }
}

/* The default, and that it is smooth: a quarter of the way to the half is 2^-0.25. */
static void fades_smoothly_over_ten_seconds(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0", 10, 4);
    answers_good(a, 0, 1000 * ANSWERS_MS);
    a->now += 5 * ANSWERS_SECOND / 2;
    assert_estimate(a, 1, 1e9 * 0.84089641525371454);
    a->now += 5 * ANSWERS_SECOND / 2;
    assert_estimate(a, 3, 1e9 * 0.70710678118654752);
    answers_close(a);
}

/* After a silence of one decay the old estimate counts half of its 19 parts, and the whole of its height. */
static void believes_an_answer_more_after_a_silence(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0", 10, 5);
    answers_good(a, 0, 100 * ANSWERS_MS);
    a->now += 10 * ANSWERS_SECOND;
    answers_good(a, 0, 200 * ANSWERS_MS);
    assert_estimate(a, 1, 200e6 - 100e6 * 0.95 / 2);
    a->now += 400 * ANSWERS_SECOND;
    answers_good(a, 0, 7 * ANSWERS_MS);
    assert_estimate(a, 3, 7e6);
    answers_close(a);
}

/* Whatever goes wrong, and however fast: the estimate stays, a silence before it is forgotten, and it takes 1 / (1 - f)
   tries, f the share of failures. */
static void a_failure_makes_nobody_fast(void **state) {
    (void)state;
    static const uint32_t outcomes[] = {LW_OUTCOME_FAILURE, LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_TIMEOUT,
                                        LW_OUTCOME_RATE_LIMITED, LW_OUTCOME_OVERLOAD};
    answers *a = answers_open("least_time bucket=0", 20, 6);
    answers_good(a, 0, 100 * ANSWERS_MS);
    double failing = 0;
    for (uint32_t i = 0; i < LAW_COUNT(outcomes); i++) {
        a->now += 8 * ANSWERS_SECOND;
        answers_bad(a, 0, outcomes[i], 1);
        failing = 0.25 + 0.75 * failing * pow(2, -0.8);
        answers_between(a, 1 + 2 * i, 100e6 / (1 - failing), 1e6);
    }
    answers_bad(a, 19, LW_OUTCOME_FAILURE, 1); /* nor one that never answered well: the mean, and a third more tries */
    answers_good(a, 18, 101 * ANSWERS_MS);
    assert_true(answers_prefer(a, 18, 19));
    answers_close(a);
}

/* Half of the failures are forgotten in ten seconds; good answers take a quarter of them each. */
static void failures_of_a_node_fade(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0 decay=86400", 20, 6);
    answers_good(a, 0, 100 * ANSWERS_MS);
    for (int i = 0; i < 100; i++) {
        answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
    }
    answers_good(a, 1, UINT64_MAX); /* 5 s, the cap */
    assert_true(answers_prefer(a, 1, 0));
    a->now += 10 * ANSWERS_SECOND;
    answers_between(a, 4, 200e6, 1e6);
    a->now += 10 * ANSWERS_SECOND;
    answers_between(a, 6, 100e6 / 0.75, 1e6);
    answers_good(a, 0, 100 * ANSWERS_MS);
    answers_between(a, 8, 100e6 / (1 - 0.25 * 0.75), 1e6);
    answers_close(a);
}

static void least_time_shuns_what_refuses(void **state) {
    (void)state;
    answers_shun_refusing("least_time");
}

/* What the caller did says nothing, neither a time nor a sign of life; nor does an answer without a time. */
static void learns_nothing_from_the_callers_part(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0", 10, 7);
    answers_good(a, 0, 100 * ANSWERS_MS);
    a->now += 10 * ANSWERS_SECOND;
    answers_bad(a, 0, LW_OUTCOME_CANCELLED, 1);
    answers_bad(a, 0, LW_OUTCOME_CALLER_FAULT, 1);
    answers_good(a, 0, 0);
    assert_estimate(a, 1, 50e6);
    answers_close(a);
}

static void an_older_answer_does_not_turn_time_back(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0", 10, 8);
    answers_good(a, 0, 100 * ANSWERS_MS);
    a->now -= 10 * ANSWERS_SECOND;
    assert_estimate(a, 3, 100e6);
    answers_good(a, 0, 100 * ANSWERS_MS);
    a->now += 10 * ANSWERS_SECOND;
    assert_estimate(a, 1, 100e6);
    answers_close(a);
}

/* 30 ms and more round to two buckets of 20, everything below to one. */
static void rounds_to_the_nearest_bucket(void **state) {
    (void)state;
    answers *a = answers_open("least_time", 6, 9);
    const double equals[] = {1, 1, 1, 0, 0, 0};
    answers_good(a, 0, 1);
    answers_good(a, 1, 20 * ANSWERS_MS);
    answers_good(a, 2, 30 * ANSWERS_MS - 1);
    answers_good(a, 3, 30 * ANSWERS_MS);
    answers_good(a, 4, 50 * ANSWERS_MS - 1);
    answers_good(a, 5, 50 * ANSWERS_MS);
    answers_fit(a, NULL, 6000, equals);
    assert_true(answers_prefer(a, 4, 5));
    assert_false(answers_prefer(a, 3, 4));
    a->inflight[0] = a->inflight[1] = a->inflight[2] = 1; /* one bucket twice is as good as two once */
    const double others[] = {1, 1, 1, 1, 1, 0};
    answers_fit(a, NULL, 6000, others);
    answers_close(a);
}

static void caps_what_an_answer_counts(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0", 4, 10);
    answers_good(a, 0, 5000 * ANSWERS_MS);
    answers_good(a, 1, UINT64_MAX);
    const double equals[4] = {1, 1};
    law_set_only(a->set, 3);
    answers_fit(a, NULL, 4000, equals);
    answers_close(a);
    a = answers_open("least_time bucket=0 cap=0.0005", 3, 11);
    answers_good(a, 0, ANSWERS_MS);
    answers_good(a, 1, ANSWERS_MS / 2);
    answers_good(a, 2, ANSWERS_MS / 2 - 1);
    law_set_only(a->set, 3);
    answers_fit(a, NULL, 4000, equals);
    assert_true(answers_prefer(a, 2, 0));
    answers_close(a);
}

/* The ends of every column at once: fractions are compared exactly, nothing overflows. */
static void compares_the_largest_numbers(void **state) {
    (void)state;
    answers *a = answers_open("least_time bucket=0 cap=3600", 3, 12);
    for (uint32_t i = 0; i < 3; i++) {
        answers_good(a, i, UINT64_MAX);
        a->inflight[i] = UINT32_MAX;
        a->set->weight[i] = UINT32_MAX;
    }
    a->set->weight[2] = UINT32_MAX - 1;
    const double equals[] = {1, 1, 0};
    answers_fit(a, NULL, 4000, equals);
    a->inflight[1]--;
    assert_true(answers_prefer(a, 1, 0));
    answers_close(a);
}

static void refuses_where_no_weight_is_left(void **state) {
    (void)state;
    answers_corners("least_time");
    answers *a = answers_open("least_time", 3, 13);
    law_set_weights(a->set, (const uint32_t[]){0, 0, 0});
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_NO_WEIGHT);
    law_set_weights(a->set, (const uint32_t[]){0, 1, 0});
    assert_int_equal(answers_pick(a, NULL), 1);
    law_set_only(a->set, 5);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_NO_WEIGHT);
    law_set_only(a->set, 0);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_FILTERED);
    answers_close(a);
}

/* Without weights all are 1; without what is under way there is nothing to multiply. */
static void needs_what_is_under_way_only(void **state) {
    (void)state;
    answers *a = answers_open("least_time", 2, 14);
    a->set->weight[0] = 0;
    a->set->nodes.present &= ~LW_HAS(weight);
    answers_good(a, 0, ANSWERS_MS);
    answers_good(a, 1, ANSWERS_SECOND);
    assert_int_equal(answers_pick(a, NULL), 0);
    a->set->nodes.present &= ~LW_HAS(inflight);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_NO_COLUMN);
    answers_close(a);
}

static void finds_one_in_ten_thousand(void **state) {
    (void)state;
    answers_of_many("least_time", 50 * ANSWERS_MS, 90 * ANSWERS_MS);
}

/* What is known of a node stays with its id, wherever it stands in the next version. */
static void the_estimate_follows_the_id(void **state) {
    (void)state;
    answers *a = answers_open("least_time", 3, 16);
    answers_good(a, 0, 100 * ANSWERS_MS);
    answers_good(a, 1, 200 * ANSWERS_MS);
    answers_good(a, 2, 300 * ANSWERS_MS);
    a->set->id[0] = 1002;
    a->set->id[2] = 1000;
    a->set->nodes.version++;
    assert_int_equal(answers_pick(a, NULL), 2);
    answers_close(a);
}

static void holds_its_parameters_in_range(void **state) {
    (void)state;
    static const char *const good[] = {"bucket=0",    "bucket=60",    "decay=0.001",
                                       "decay=86400", "cap=0.000001", "cap=3600"};
    static const char *const bad[] = {"bucket=60.1", "decay=0.0009", "decay=86401", "cap=0.0000009", "cap=3601"};
    LAW_RANGES("least_time", good, bad);
}

static void least_time_repeats_itself(void **state) {
    (void)state;
    answers_repeat("least_time");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_the_least_of_the_list),
        cmocka_unit_test(keeps_19_parts_of_20),
        cmocka_unit_test(halves_while_nobody_answers),
        cmocka_unit_test(fades_smoothly_over_ten_seconds),
        cmocka_unit_test(believes_an_answer_more_after_a_silence),
        cmocka_unit_test(a_failure_makes_nobody_fast),
        cmocka_unit_test(failures_of_a_node_fade),
        cmocka_unit_test(least_time_shuns_what_refuses),
        cmocka_unit_test(learns_nothing_from_the_callers_part),
        cmocka_unit_test(an_older_answer_does_not_turn_time_back),
        cmocka_unit_test(rounds_to_the_nearest_bucket),
        cmocka_unit_test(caps_what_an_answer_counts),
        cmocka_unit_test(compares_the_largest_numbers),
        cmocka_unit_test(refuses_where_no_weight_is_left),
        cmocka_unit_test(needs_what_is_under_way_only),
        cmocka_unit_test(finds_one_in_ten_thousand),
        cmocka_unit_test(the_estimate_follows_the_id),
        cmocka_unit_test(holds_its_parameters_in_range),
        cmocka_unit_test(least_time_repeats_itself),
    };
    return cmocka_run_group_tests_name("least_time", tests, NULL, NULL);
}
