/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * prequal: hot by the quantile of requests under way, then the quickest of the cold; and how answers come, are used,
 * age and go. The rule is listed anew here for pools that are known; what begin does is seen by what is chosen next.
 */
#include "probed.h"

enum { PROBED_MOST = 24 };

struct said {
    uint32_t node;
    uint64_t inflight, latency;
};

/* Draws as far as chance has a say: each round another seed, so that nothing is used up. */
static void assert_chosen(const char *spec, uint32_t count, const struct said *said, uint32_t said_count,
                          const lw_request *request, const uint64_t *words, const double *shares) {
    uint64_t counts[PROBED_MOST] = {0};
    for (uint64_t round = 0; round < 600; round++) {
        answers *a = probed_open(spec, count, 1 + round);
        for (uint32_t i = 0; i < said_count; i++) {
            say(a, said[i].node, (uint32_t)said[i].inflight, said[i].latency);
        }
        a->set->nodes.eligible = words;
        counts[answers_pick(a, request)]++;
        answers_close(a);
    }
    assert_true(law_fits(counts, shares, count));
}

static void chooses_as_published(void **state) {
    (void)state;
    static const struct said said[] = {{0, 1, 40}, {1, 5, 30}, {2, 9, 10}, {3, 20, 5}};
    static const struct {
        const char *spec;
        uint32_t winner;
    } cases[] = {
        {"prequal quantile=0.75", 2}, /* theta = 9, so only 20 is hot */
        {"prequal quantile=0.74", 2}, /* still the third smallest of four */
        {"prequal quantile=0.5", 1},  {"prequal quantile=0.25", 0},
        {"prequal quantile=0.76", 3}, {"prequal quantile=0", 0}, /* all are hot: the fewest under way */
        {"prequal quantile=1", 3},                               /* none is: the quickest */
    };
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        double shares[4] = {0};
        shares[cases[c].winner] = 1;
        assert_chosen(cases[c].spec, 4, said, 4, NULL, NULL, shares);
    }
}

static uint64_t quantile_of(const struct said *said, uint32_t count, uint32_t percent) {
    uint64_t rank = ((uint64_t)percent * count + 99) / 100;
    for (uint32_t i = 0;; i++) { /* one of them has that many at or under it, and fewer under it */
        uint32_t under = 0, at = 0;
        for (uint32_t j = 0; j < count; j++) {
            under += said[j].inflight < said[i].inflight;
            at += said[j].inflight == said[i].inflight;
        }
        if (under < rank && rank <= under + at) {
            return said[i].inflight;
        }
    }
}

/* The shares of the quickest of those under the threshold, among the answers of nodes that may be chosen. */
static void list_choice(const struct said *said, uint32_t count, uint32_t percent, double *shares) {
    uint64_t least = UINT64_MAX, theta = quantile_of(said, count, percent);
    for (uint32_t i = 0; i < count; i++) {
        least = said[i].inflight <= theta && said[i].latency < least ? said[i].latency : least;
    }
    for (uint32_t i = 0; i < count; i++) {
        shares[said[i].node] = said[i].inflight <= theta && said[i].latency == least ? 1 : 0;
    }
}

static void chooses_by_the_rule_among_those_that_may(void **state) {
    (void)state;
    uint64_t chance = 2;
    for (uint32_t round = 0; round < 40; round++) {
        static const uint32_t percents[] = {84, 50, 25, 100};
        static const char *const specs[] = {"prequal", "prequal quantile=0.5", "prequal quantile=0.25",
                                            "prequal quantile=1"};
        struct said said[16], allowed[16];
        double shares[PROBED_MOST] = {0};
        uint64_t words = law_random(&chance) | 3, excluded[] = {2 + law_below(&chance, PROBED_MOST - 2)};
        uint32_t count = 2 + law_below(&chance, 15), allowed_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            said[i] = (struct said){i, law_below(&chance, 6), law_below(&chance, 5)};
            if ((words >> i & 1) != 0 && excluded[0] != i) {
                allowed[allowed_count++] = said[i];
            }
        }
        lw_request retry = law_excluding(excluded, 1);
        list_choice(allowed, allowed_count, percents[round % 4], shares);
        assert_chosen(specs[round % 4], PROBED_MOST, said, count, &retry, &words, shares);
    }
}

/* With fewer than two answers of nodes that may be chosen: any of these, whatever the others say. */
static void draws_evenly_without_answers(void **state) {
    (void)state;
    static const struct said said[] = {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}};
    const uint64_t words = 0x3c; /* 2 to 5 */
    const double all[6] = {1, 1, 1, 1, 1, 1}, some[6] = {0, 0, 1, 1, 1, 1};
    assert_chosen("prequal", 6, said, 0, NULL, NULL, all);
    assert_chosen("prequal", 6, said, 1, NULL, NULL, all);
    assert_chosen("prequal", 6, said, 3, NULL, &words, some);
}

static void the_latest_answer_of_a_node_counts(void **state) {
    (void)state;
    static const struct said said[] = {{0, 0, 10}, {1, 0, 20}, {0, 0, 30}};
    const double second[3] = {0, 1, 0};
    assert_chosen("prequal", 3, said, 3, NULL, NULL, second);
    answers *a = probed_open("prequal", 3, 3); /* but one that was on its way for longer does not */
    say(a, 0, 0, 10);
    say(a, 1, 0, 20);
    a->now -= ANSWERS_MS;
    say(a, 0, 0, 30);
    a->now += ANSWERS_MS;
    assert_int_equal(foretold(a), 0);
    answers_close(a);
}

/* Seventeen answers: the first is gone. */
static void the_oldest_makes_room(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=1", 40, 4);
    for (uint32_t i = 0; i < 17; i++, a->now += ANSWERS_MS) {
        say(a, i, 0, 10 + i);
        assert_true(i == 0 || foretold(a) == (i < 16 ? 0 : 1));
    }
    answers_close(a);
}

static void answers_age(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint64_t age;
    } cases[] = {{"prequal", ANSWERS_SECOND}, {"prequal max_age=0.001", ANSWERS_MS}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        uint64_t counts[30] = {0};
        double even[30];
        for (uint64_t round = 0; round < 3000; round++) {
            answers *a = probed_open(cases[c].spec, 30, 1 + round);
            say(a, 7, 0, 10);
            say(a, 8, 0, 20);
            a->now += cases[c].age;
            assert_int_equal(foretold(a), 7);
            a->now++;
            counts[foretold(a)]++;
            answers_close(a);
        }
        law_even_shares(&(lw_nodes){.count = 30}, NULL, even);
        assert_true(law_fits(counts, even, 30));
    }
}

/* Each request to a node counts there: with equal latencies by quantile 0 the pool is a queue of the fewest. */
static void a_use_adds_what_is_under_way(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=0 probes=0", 2, 5);
    say(a, 0, 0, 10);
    say(a, 1, 3, 10);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(answers_pick(a, NULL), 0);
    }
    uint32_t next = answers_pick(a, NULL); /* three and three */
    assert_int_equal(answers_pick(a, NULL), 1 - next);
    answers_close(a);
}

/* How often the better of two answers is used. Removal leaves two alone; a draw of all nodes may find it once more. */
static double uses_in_the_mean(const char *spec, uint32_t nodes, uint32_t rounds) {
    uint64_t uses = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        answers *a = probed_open(spec, nodes, 1 + round);
        say(a, 0, 0, 10);
        say(a, 1, 0, 1000);
        for (; foretold(a) == 0; uses++) {
            assert_int_equal(answers_pick(a, NULL), 0);
        }
        answers_close(a);
    }
    return (double)uses / rounds - 1.0 / (nodes - 1);
}

/* max(1, 2 / ((1 - 16/n) probes - 1)), rounded at random; at most 100, also where answers never suffice. */
static void answers_wear_out(void **state) {
    (void)state;
    assert_in_range(uses_in_the_mean("prequal quantile=1", 100, 3000) * 1000, 1316 - 50, 1316 + 50);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=16", 100, 300) * 1000, 980, 1020);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=2", 40, 300) * 1000, 9900, 10100);
    assert_in_range(uses_in_the_mean("prequal quantile=1", 16, 20) * 1000, 99900, 100100);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=1.005", 4000, 20) * 1000, 99900, 100100);
}

/* 2 / (1 - 16/n) where nobody is asked, or one at most: with 16 nodes all are in the pool. */
static void answers_that_come_unasked_wear_out_soon(void **state) {
    (void)state;
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=0", 100, 3000) * 1000, 2381 - 50, 2381 + 50);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=0", 32, 300) * 1000, 3950, 4050);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=0", 16, 20) * 1000, 99900, 100100);
    assert_in_range(uses_in_the_mean("prequal quantile=1 probes=1", 4000, 3000) * 1000, 2008 - 50, 2008 + 50);
}

/* An agent reports equal nodes, all of them once in 100 requests or one with each: nobody gets more than a few shares,
   neither in a round nor in the long run. */
static void an_agent_may_report_them_all(void **state) {
    (void)state;
    enum { NODES = 100, ROUNDS = 100 };
    for (int bulk = 0; bulk < 2; bulk++) {
        uint64_t total[NODES] = {0};
        answers *a = probed_open("prequal probes=0", NODES, 19);
        for (uint32_t round = 0; round < ROUNDS; round++, a->now += 100 * ANSWERS_MS) {
            uint64_t counts[NODES] = {0};
            for (uint32_t i = 0; i < NODES; i++) {
                for (uint32_t node = bulk ? 0 : i; node < (!bulk ? i + 1 : i == 0 ? NODES : 0); node++) {
                    say(a, node, 0, ANSWERS_MS);
                }
                counts[answers_pick(a, NULL)]++;
            }
            for (uint32_t i = 0; i < NODES; i++) {
                assert_in_range(counts[i], 0, 9); /* up to 3 uses, and draws of one in the mean */
                total[i] += counts[i];
            }
        }
        for (uint32_t i = 0; i < NODES; i++) {
            assert_in_range(total[i], ROUNDS / 5, 7 * ROUNDS / 2);
        }
        answers_close(a);
    }
}

/* Where they come unasked none is removed. */
static void answers_that_come_unasked_stay(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=1 probes=1", 9, 6);
    for (uint32_t i = 0; i < 6; i++, a->now += ANSWERS_MS) {
        say(a, i, 0, 10 + i);
    }
    for (uint32_t step = 0; step < 20; step++) {
        place_elsewhere(a, 8);
        assert_int_equal(foretold(a), 0);
    }
    answers_close(a);
}

/* Every request removes one answer: the oldest, then the worst, then the oldest; two stay. */
static void each_request_removes_an_answer(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=1 probes=2", 9, 6);
    for (uint32_t i = 0; i < 6; i++, a->now += ANSWERS_MS) {
        say(a, i, 0, 10 + i);
    }
    static const uint32_t best[] = {1, 1, 2, 2, 2, 2}; /* {1..5}, {1..4}, {2..4}, {2, 3}, {2, 3}, {2, 3} */
    for (uint32_t step = 0; step < LAW_COUNT(best); step++) {
        place_elsewhere(a, 8);
        assert_int_equal(foretold(a), best[step]);
    }
    answers_close(a);
}

/* Nobody is asked twice for one request, none that may not be chosen, and each as often as any other. */
static void asks_different_nodes_evenly(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint32_t least, most;
        double mean;
    } cases[] = {{"prequal", 3, 3, 3},
                 {"prequal probes=0.25", 0, 1, 0.25},
                 {"prequal probes=2.5", 2, 3, 2.5},
                 {"prequal probes=16", 9, 9, 9}, /* all there are */
                 {"prequal probes=0", 0, 0, 0}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        enum { REQUESTS = 8000 };
        uint64_t counts[12] = {0};
        double shares[12];
        answers *a = probed_open(cases[c].spec, 12, 7);
        law_set_only(a->set, 0xdf6); /* nine of them */
        law_even_shares(&a->set->nodes, NULL, shares);
        for (uint32_t i = 0, before = 0; i < REQUESTS; i++, before = (uint32_t)wishes.count) {
            answers_pick(a, NULL);
            assert_in_range(wishes.count - before, cases[c].least, cases[c].most);
            for (size_t w = before; w < wishes.count; w++) {
                counts[wishes.id[w] - 1000]++;
                for (size_t v = before; v < w; v++) {
                    assert_true(wishes.id[v] != wishes.id[w]);
                }
            }
        }
        double off = (double)wishes.count - cases[c].mean * REQUESTS;
        assert_true(off * off <= LAW_NORMAL_LIMIT * LAW_NORMAL_LIMIT * 0.25 * REQUESTS);
        assert_true(wishes.count == 0 || law_fits(counts, shares, 12));
        answers_close(a);
    }
}

static void a_trial_asks_nobody(void **state) {
    (void)state;
    answers *a = probed_open("prequal", 12, 8);
    for (int i = 0; i < 100; i++) {
        foretold(a);
    }
    assert_int_equal(wishes.count, 0);
    answers_close(a);
}

static void a_new_version_begins_without_answers(void **state) {
    (void)state;
    uint64_t counts[20] = {0};
    double even[20];
    for (uint64_t round = 0; round < 4000; round++) {
        answers *a = probed_open("prequal", 20, 1 + round);
        say(a, 3, 0, 10);
        say(a, 4, 0, 20);
        assert_int_equal(foretold(a), 3);
        a->set->nodes.version++;
        counts[foretold(a)]++;
        answers_close(a);
    }
    law_even_shares(&(lw_nodes){.count = 20}, NULL, even);
    assert_true(law_fits(counts, even, 20));
}

/* Neither the largest numbers nor a count of nodes far beyond the answers. */
static void compares_the_largest_answers(void **state) {
    (void)state;
    static const char *const specs[] = {"prequal quantile=0 probes=0", "prequal quantile=1 probes=0"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        answers *a = probed_open(specs[s], 3, 13);
        for (int i = 0; i < 40; i++) {
            answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
            answers_bad(a, 1, LW_OUTCOME_FAILURE, 1);
        }
        say(a, 0, UINT32_MAX, UINT64_MAX);
        say(a, 1, UINT32_MAX, UINT64_MAX);
        say(a, 2, UINT32_MAX, UINT64_MAX);
        assert_int_equal(foretold(a), 2);
        answers_close(a);
    }
    lw_nodes nodes;
    lw_probe probe = LW_PROBE_INIT;
    lw_nodes_init(&nodes, 10000);
    nodes.set = nodes.version = 1;
    probe.now = 1;
    lw_strategy *strategy = law_strategy("prequal", 14);
    for (uint32_t i = 0; i < 10000; i++) {
        probe.latency = 20000 - i;
        assert_int_equal(lw_probed(strategy, &nodes, i, &probe), LW_OK);
    }
    assert_int_equal(lw_select_at(strategy, &nodes, NULL, 1), 9999);
    lw_strategy_free(strategy);
}

/* No column is needed, and no callback: then the answers are those that the host sends by itself. */
static void works_with_what_it_gets(void **state) {
    (void)state;
    answers_corners("prequal");
    lw_nodes nodes;
    lw_nodes_init(&nodes, 2);
    nodes.set = nodes.version = 1;
    lw_strategy *strategy = law_strategy("prequal", 15);
    uint64_t counts[2] = {0};
    law_tally(strategy, &nodes, NULL, 4000, counts);
    assert_true(law_fits(counts, (const double[]){1, 1}, 2));
    lw_strategy_free(strategy);
}

/* A course of requests whose probes are answered after the next one. */
static void prequal_course(uint64_t seed, bool tried, uint32_t *picks, uint32_t count) {
    uint64_t chance = 16;
    answers *a = probed_open("prequal probes=2.5", 30, seed);
    for (uint32_t i = 0; i < count; i++) {
        size_t before = wishes.count;
        uint32_t told = tried ? foretold(a) : 0;
        picks[i] = answers_pick(a, NULL);
        assert_true(!tried || told == picks[i]);
        for (size_t w = before > 4 ? before - 4 : 0; w < before; w++) {
            uint32_t node = (uint32_t)(wishes.id[w] - 1000);
            say(a, node, law_below(&chance, 20), 1000 + law_below(&chance, 1000) * node);
        }
        if (law_below(&chance, 9) == 0) {
            answers_bad(a, picks[i], LW_OUTCOME_FAILURE, 1);
        }
        a->now += law_below(&chance, 50) * ANSWERS_MS;
    }
    answers_close(a);
}

static void prequal_repeats_itself(void **state) {
    (void)state;
    enum { COURSE = 3000 };
    static uint32_t first[COURSE], second[COURSE];
    prequal_course(17, false, first, COURSE);
    prequal_course(17, true, second, COURSE);
    assert_memory_equal(first, second, sizeof first);
    prequal_course(18, false, second, COURSE);
    assert_memory_not_equal(first, second, sizeof first);
}

static void prequal_holds_its_parameters_in_range(void **state) {
    (void)state;
    static const char *const good[] = {"probes=0",   "probes=16",     "quantile=0",
                                       "quantile=1", "max_age=0.001", "max_age=3600"};
    static const char *const bad[] = {"probes=16.01", "quantile=1.01", "max_age=0.0009", "max_age=3601"};
    LAW_RANGES("prequal", good, bad);
}

/* What probing is for: twenty nodes, a quarter of them eight times as slow as others use them too. The pool avoids
   most of the slow ones, where a draw would meet one in four. */
static void keeps_away_from_busy_nodes(void **state) {
    (void)state;
    answers *a = probed_open("prequal", 20, 19);
    uint32_t slow = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        size_t before = wishes.count;
        uint32_t node = answers_pick(a, NULL);
        slow += node < 5;
        for (size_t w = before; w < wishes.count; w++) {
            uint32_t asked = (uint32_t)(wishes.id[w] - 1000);
            say(a, asked, asked < 5 ? 8 : 1, (asked < 5 ? 80 : 10) * ANSWERS_MS);
        }
        a->now += ANSWERS_MS;
    }
    assert_true(slow < 40);
    answers_close(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_as_published),
        cmocka_unit_test(chooses_by_the_rule_among_those_that_may),
        cmocka_unit_test(draws_evenly_without_answers),
        cmocka_unit_test(the_latest_answer_of_a_node_counts),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(answers_age),
        cmocka_unit_test(a_use_adds_what_is_under_way),
        cmocka_unit_test(answers_wear_out),
        cmocka_unit_test(answers_that_come_unasked_wear_out_soon),
        cmocka_unit_test(an_agent_may_report_them_all),
        cmocka_unit_test(answers_that_come_unasked_stay),
        cmocka_unit_test(each_request_removes_an_answer),
        cmocka_unit_test(asks_different_nodes_evenly),
        cmocka_unit_test(a_trial_asks_nobody),
        cmocka_unit_test(a_new_version_begins_without_answers),
        cmocka_unit_test(compares_the_largest_answers),
        cmocka_unit_test(works_with_what_it_gets),
        cmocka_unit_test(prequal_repeats_itself),
        cmocka_unit_test(prequal_holds_its_parameters_in_range),
        cmocka_unit_test(keeps_away_from_busy_nodes),
    };
    return cmocka_run_group_tests_name("prequal", tests, NULL, NULL);
}
