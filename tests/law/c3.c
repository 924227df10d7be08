/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * c3: the least R - S + q^3 S wins, q = 1 + clients * under way + Q, and equals share. All nodes are listed with their
 * scores for small sets; single numbers are measured against nodes whose only answer is known.
 */
#include "answers.h"

enum { RANKED_MOST = 10 };

struct said { /* the one answer of a node, in small numbers */
    uint64_t latency, service;
    uint32_t queued;
};

static uint64_t score_listed(const struct said *said, uint64_t under_way, uint64_t clients) {
    uint64_t q = 1 + clients * under_way + said->queued;
    return said->latency - said->service + q * q * q * said->service;
}

/* Shares by the rule, where everyone who may be chosen has just answered. */
static void list_ranks(const answers *a, const lw_request *request, const struct said *said, uint64_t clients,
                       double *shares) {
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < a->set->nodes.count; i++) {
        uint64_t score = score_listed(&said[i], a->inflight[i], clients);
        least = law_may(&a->set->nodes, request, i) && score < least ? score : least;
    }
    for (uint32_t i = 0; i < a->set->nodes.count; i++) {
        bool wins = law_may(&a->set->nodes, request, i) && score_listed(&said[i], a->inflight[i], clients) == least;
        shares[i] = wins ? 1 : 0;
    }
}

static struct said draw_answer(uint64_t *chance) {
    uint64_t service = 1 + law_below(chance, 4);
    return (struct said){service + law_below(chance, 5), service, law_below(chance, 3)};
}

static void picks_the_best_of_the_list(void **state) {
    (void)state;
    uint64_t chance = 1, excluded[2];
    double shares[RANKED_MOST];
    char spec[32];
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t count = 1 + law_below(&chance, RANKED_MOST), clients = 1 + round % 3;
        struct said said[RANKED_MOST];
        snprintf(spec, sizeof spec, "c3 clients=%u", (unsigned)clients);
        answers *a = answers_open(spec, count, 200 + round);
        for (uint32_t i = 0; i < count; i++) {
            said[i] = draw_answer(&chance);
            a->inflight[i] = law_below(&chance, 3);
            answers_report(a, i, said[i].latency, said[i].service, said[i].queued);
        }
        lw_request retry = answers_part(a, round, law_below(&chance, count), &chance, excluded);
        list_ranks(a, &retry, said, clients, shares);
        answers_fit(a, &retry, 400, shares);
        answers_close(a);
    }
}

/* The score of the first node, against two that work all the time and have no queue. */
static void assert_score(answers *a, uint64_t score) {
    answers_report(a, 1, score - 1, score - 1, 0);
    answers_report(a, 2, score + 1, score + 1, 0);
    assert_true(answers_prefer(a, 1, 0));
    assert_true(answers_prefer(a, 0, 2));
}

/* The published case: one client, two under way, three waiting: q = 6, cost 216 S. */
static void two_under_way_and_three_waiting_cost_216(void **state) {
    (void)state;
    answers *a = answers_open("c3", 4, 2);
    answers_report(a, 0, 1000, 1000, 3);
    a->inflight[0] = 2;
    assert_score(a, 216000);
    answers_report(a, 3, 216000, 216000, 0);
    const double equals[] = {1, 0, 0, 1};
    law_set_only(a->set, 9);
    answers_fit(a, NULL, 4000, equals);
    answers_close(a);
}

/* Five clients: each of two under way here stands for five, so q = 11 and the cost 1331 S. */
static void each_client_counts(void **state) {
    (void)state;
    answers *a = answers_open("c3 clients=5", 3, 3);
    answers_report(a, 0, 1000, 1000, 0);
    a->inflight[0] = 2;
    assert_score(a, 1331000);
    answers_close(a);
}

/* A node that reports nothing worked all the time and had no queue. */
static void silence_means_work_and_no_queue(void **state) {
    (void)state;
    answers *a = answers_open("c3", 3, 4);
    answers_good(a, 0, 1000);
    a->inflight[0] = 1;
    assert_score(a, 8000);
    answers_close(a);
}

/* The means of all three, newest share alpha: against nodes that say their means outright. q of the queue's mean is a
   fraction, of which the ranking keeps 1/256. */
static void takes_the_newest_by_alpha(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        double alpha;
    } cases[] = {{"c3", 0.3}, {"c3 alpha=1", 1}, {"c3 alpha=0.001", 0.001}, {"c3 alpha=0.9", 0.9}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        uint64_t chance = 5;
        double latency = 0, service = 0, queue = 0;
        answers *a = answers_open(cases[c].spec, 1 + 2 * 50, 5);
        for (uint32_t k = 0; k < 50; k++) {
            uint64_t work = 1000000 + law_below(&chance, 1000000), whole = work + law_below(&chance, 1000000);
            uint32_t queued = law_below(&chance, 6);
            double share = k == 0 ? 1 : cases[c].alpha;
            latency += ((double)whole - latency) * share;
            service += ((double)work - service) * share;
            queue += (queued - queue) * share;
            answers_report(a, 0, whole, work, queued);
            double q = 1 + queue, score = latency - service + q * q * q * service;
            answers_between(a, 1 + 2 * k, score, score * 0.03);
        }
        answers_close(a);
    }
}

/* The latency alone is kept to a millionth. */
static void keeps_the_mean_latency_exactly(void **state) {
    (void)state;
    uint64_t chance = 6;
    double mean = 0;
    answers *a = answers_open("c3", 1 + 2 * 100, 6);
    for (uint32_t k = 0; k < 100; k++) {
        uint64_t latency = ANSWERS_MS + law_below(&chance, 100 * ANSWERS_MS);
        mean += ((double)latency - mean) * (k == 0 ? 1 : 0.3);
        answers_good(a, 0, latency);
        answers_between(a, 1 + 2 * k, mean, mean * 1e-6);
    }
    answers_close(a);
}

/* The slow node is asked again when enough is under way at the best, the sooner the longer it was silent. Both answer
   once: 1 ms and 1 + 2^k ms. After h decays the slow one is 2^(k-h) over the best; two under way there cost 27. */
static void idle_nodes_drift_to_the_best(void **state) {
    (void)state;
    answers *a = answers_open("c3 decay=1", 3, 7);
    answers_good(a, 0, ANSWERS_MS);
    answers_good(a, 1, 1025 * ANSWERS_MS);
    a->inflight[0] = 2;
    for (uint32_t seconds = 0; seconds < 12; seconds++, a->now += ANSWERS_SECOND) {
        bool slow_wins = 1 + (1024 >> seconds) < 27; /* from the sixth second on */
        assert_true(slow_wins ? answers_prefer(a, 1, 0) : answers_prefer(a, 0, 1));
    }
    a->inflight[0] = 0;
    assert_true(answers_prefer(a, 0, 1)); /* nearly as good is not as good */
    a->now += 60 * ANSWERS_SECOND;
    const double equals[] = {1, 1, 0};
    law_set_only(a->set, 3);
    answers_fit(a, NULL, 4000, equals);
    answers_close(a);
}

/* The queue drifts as well, and so does the service. */
static void everything_that_was_said_drifts(void **state) {
    (void)state;
    answers *a = answers_open("c3 decay=1", 2, 8);
    answers_report(a, 0, 1000, 1000, 0);
    answers_report(a, 1, 1000, 1000, 6); /* q = 7 against 4: 343 to 64 */
    a->inflight[0] = 3;
    assert_true(answers_prefer(a, 0, 1));
    a->now += ANSWERS_SECOND; /* q = 4 against 4 */
    const double equals[] = {1, 1};
    answers_fit(a, NULL, 4000, equals);
    a->now += ANSWERS_SECOND;
    assert_true(answers_prefer(a, 1, 0));
    answers_close(a);
}

/* One that has not answered yet is as good as the best, and then the requests under way decide. */
static void newcomers_are_as_good_as_the_best(void **state) {
    (void)state;
    answers *a = answers_open("c3", 3, 9);
    answers_good(a, 0, 10 * ANSWERS_MS);
    answers_good(a, 1, 20 * ANSWERS_MS);
    const double equals[] = {1, 0, 1};
    answers_fit(a, NULL, 4000, equals);
    a->inflight[2] = 1; /* the first requests to it are under way: no flood */
    assert_int_equal(answers_pick(a, NULL), 0);
    a->inflight[0] = 2;
    a->inflight[1] = 1;
    assert_int_equal(answers_pick(a, NULL), 2);
    answers_close(a);
    a = answers_open("c3", 3, 10); /* nobody has answered: the least under way */
    a->inflight[0] = 2;
    a->inflight[1] = a->inflight[2] = 1;
    const double least[] = {0, 1, 1};
    answers_fit(a, NULL, 4000, least);
    answers_close(a);
}

/* An answer after a silence of one decay: 0.7 / 2 of the old mean. */
static void c3_believes_an_answer_more_after_a_silence(void **state) {
    (void)state;
    answers *a = answers_open("c3", 3, 11);
    answers_good(a, 0, 100 * ANSWERS_MS);
    a->now += 10 * ANSWERS_SECOND;
    answers_good(a, 0, 200 * ANSWERS_MS);
    answers_between(a, 1, 165e6, 1000);
    answers_close(a);
}

static void failures_make_nobody_better(void **state) {
    (void)state;
    answers *a = answers_open("c3", 2, 12);
    answers_good(a, 0, 100 * ANSWERS_MS);
    answers_good(a, 1, 300 * ANSWERS_MS);
    a->inflight[0] = 1; /* 800 against 300 */
    assert_true(answers_prefer(a, 1, 0));
    a->inflight[0] = 0;
    for (uint32_t outcome = LW_OUTCOME_FAILURE; outcome <= LW_OUTCOME_CANCELLED; outcome++) {
        answers_bad(a, 1, outcome, 1);
        assert_true(answers_prefer(a, 0, 1));
    }
    a->now += 200 * ANSWERS_SECOND;
    answers_good(a, 0, 30 * ANSWERS_MS);
    a->inflight[0] = 1; /* 240 ms: more than what is left of 300, less than 300 */
    assert_true(answers_prefer(a, 1, 0));
    answers_bad(a, 1, LW_OUTCOME_TIMEOUT, 1); /* a sign of life, so there was no silence */
    assert_true(answers_prefer(a, 0, 1));
    answers_close(a);
}

/* After k failures in a row q is (4/3)^k times as long. */
static void failures_make_the_queue_longer(void **state) {
    (void)state;
    answers *a = answers_open("c3", 60, 17);
    answers_good(a, 0, ANSWERS_MS);
    for (uint32_t k = 1; k <= 8; k++) {
        answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
        double cost = 1e6 * pow(4.0 / 3, 3 * k);
        answers_between(a, 2 * k, cost, cost * 0.02);
    }
    answers_close(a);
}

static void c3_shuns_what_refuses(void **state) {
    (void)state;
    answers_shun_refusing("c3");
}

static void c3_learns_nothing_from_the_callers_part(void **state) {
    (void)state;
    answers *a = answers_open("c3", 2, 13);
    answers_bad(a, 0, LW_OUTCOME_CANCELLED, 1);
    answers_bad(a, 0, LW_OUTCOME_CALLER_FAULT, 1);
    answers_report(a, 0, 0, 5, 3);
    answers_good(a, 1, ANSWERS_MS);
    const double equals[] = {1, 1}; /* the one is still unknown */
    answers_fit(a, NULL, 4000, equals);
    answers_close(a);
}

/* The ends of every number at once. */
static void ranks_the_largest_numbers(void **state) {
    (void)state;
    answers *a = answers_open("c3 clients=1000000", 3, 14);
    for (uint32_t i = 0; i < 3; i++) {
        answers_report(a, i, UINT64_MAX, i == 2 ? UINT64_MAX / 2 : UINT64_MAX, UINT32_MAX);
        a->inflight[i] = UINT32_MAX;
    }
    const double equals[] = {1, 1, 1};
    answers_fit(a, NULL, 4000, equals);
    answers_report(a, 0, 1, 1, 0);
    assert_true(answers_prefer(a, 0, 1));
    answers_close(a);
}

/* Weights are not looked at, nor is the column needed. */
static void needs_what_is_under_way_and_no_weight(void **state) {
    (void)state;
    answers_corners("c3");
    answers *a = answers_open("c3", 2, 15);
    law_set_weights(a->set, (const uint32_t[]){0, UINT32_MAX});
    const double equals[] = {1, 1};
    answers_fit(a, NULL, 4000, equals);
    a->set->nodes.present &= ~LW_HAS(inflight);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_NO_COLUMN);
    answers_close(a);
}

static void ranks_ten_thousand(void **state) {
    (void)state;
    answers_of_many("c3", 50 * ANSWERS_MS, 51 * ANSWERS_MS);
}

static void c3_holds_its_parameters_in_range(void **state) {
    (void)state;
    static const char *const good[] = {"clients=1", "clients=1000000", "alpha=0.001",
                                       "alpha=1",   "decay=0.001",     "decay=86400"};
    static const char *const bad[] = {"clients=0",    "clients=1000001", "alpha=0.0009",
                                      "alpha=1.0001", "decay=0.0009",    "decay=86401"};
    LAW_RANGES("c3", good, bad);
}

static void c3_repeats_itself(void **state) {
    (void)state;
    answers_repeat("c3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_the_best_of_the_list),
        cmocka_unit_test(two_under_way_and_three_waiting_cost_216),
        cmocka_unit_test(each_client_counts),
        cmocka_unit_test(silence_means_work_and_no_queue),
        cmocka_unit_test(takes_the_newest_by_alpha),
        cmocka_unit_test(keeps_the_mean_latency_exactly),
        cmocka_unit_test(idle_nodes_drift_to_the_best),
        cmocka_unit_test(everything_that_was_said_drifts),
        cmocka_unit_test(newcomers_are_as_good_as_the_best),
        cmocka_unit_test(c3_believes_an_answer_more_after_a_silence),
        cmocka_unit_test(failures_make_nobody_better),
        cmocka_unit_test(failures_make_the_queue_longer),
        cmocka_unit_test(c3_shuns_what_refuses),
        cmocka_unit_test(c3_learns_nothing_from_the_callers_part),
        cmocka_unit_test(ranks_the_largest_numbers),
        cmocka_unit_test(needs_what_is_under_way_and_no_weight),
        cmocka_unit_test(ranks_ten_thousand),
        cmocka_unit_test(c3_holds_its_parameters_in_range),
        cmocka_unit_test(c3_repeats_itself),
    };
    return cmocka_run_group_tests_name("c3", tests, NULL, NULL);
}
