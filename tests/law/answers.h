/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * For laws of strategies that learn from answers: a set with requests under way, a clock that stands until a test moves
 * it, and answers.
 */
#ifndef LOADWISE_TESTS_ANSWERS_H
#define LOADWISE_TESTS_ANSWERS_H

#include "laws.h"

#define ANSWERS_MS UINT64_C(1000000)
#define ANSWERS_SECOND (UINT64_C(1000) * ANSWERS_MS)

typedef struct answers {
    law_set *set;
    lw_strategy *strategy;
    uint32_t *inflight; /* of the set */
    uint64_t now;
} answers;

static inline answers *answers_open(const char *spec, uint32_t count, uint64_t seed) {
    answers *a = law_room(1, sizeof *a);
    a->set = law_set_new(count);
    a->now = UINT64_C(1000000) * ANSWERS_SECOND;
    a->inflight = a->set->inflight;
    a->strategy = law_strategy(spec, seed);
    return a;
}

static inline void answers_close(answers *a) {
    lw_strategy_free(a->strategy);
    free(a->set);
    free(a);
}

/* What a node said of itself, beside the latency. */
static inline void answers_report(answers *a, uint32_t index, uint64_t latency, uint64_t service, uint32_t queued) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = latency;
    sample.service = service;
    sample.queued = queued;
    sample.now = a->now;
    assert_int_equal(lw_feedback(a->strategy, &a->set->nodes, index, &sample), LW_OK);
}

static inline void answers_good(answers *a, uint32_t index, uint64_t latency) {
    answers_report(a, index, latency, 0, 0);
}

static inline void answers_bad(answers *a, uint32_t index, uint32_t outcome, uint64_t latency) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.latency = latency;
    sample.now = a->now;
    assert_int_equal(lw_feedback(a->strategy, &a->set->nodes, index, &sample), LW_OK);
}

static inline uint32_t answers_pick(answers *a, const lw_request *request) {
    ptrdiff_t index = lw_select_at(a->strategy, &a->set->nodes, request, a->now);
    if (index < 0) {
        fail_msg("refused: %s", lw_error_name((int)index));
    }
    assert_true(law_may(&a->set->nodes, request, (uint32_t)index));
    return (uint32_t)index;
}

/* Do so many picks fall on the nodes by these shares? */
static inline void answers_fit(answers *a, const lw_request *request, size_t picks, const double *shares) {
    uint64_t *counts = law_room(a->set->nodes.count, sizeof *counts);
    for (size_t i = 0; i < picks; i++) {
        counts[answers_pick(a, request)]++;
    }
    assert_true(law_fits(counts, shares, a->set->nodes.count));
    free(counts);
}

/* Which of two is better; the other nodes stand aside. Ten picks, so that a tie does not pass for an order. */
static inline bool answers_prefer(answers *a, uint32_t better, uint32_t worse) {
    law_set_none(a->set);
    lw_bitmap_set(a->set->words, better);
    lw_bitmap_set(a->set->words, worse);
    bool always = true;
    for (int i = 0; i < 10; i++) {
        always &= answers_pick(a, NULL) == better;
    }
    a->set->nodes.eligible = NULL;
    return always;
}

/* Holds the first node against fresh ones, `next` and the one after, whose one answer lies beside the value. */
static inline void answers_between(answers *a, uint32_t next, double value, double room) {
    answers_good(a, next, (uint64_t)(value + room));
    answers_good(a, next + 1, (uint64_t)(value - room));
    assert_true(answers_prefer(a, 0, next));
    assert_true(answers_prefer(a, next + 1, 0));
}

/* Who may be chosen in a round of many: every other time a part, every fifth time all but two; always the one that is
   sure. */
static inline lw_request answers_part(answers *a, uint32_t round, uint32_t sure, uint64_t *chance, uint64_t *excluded) {
    law_set_only(a->set, law_random(chance) | UINT64_C(1) << sure);
    a->set->nodes.eligible = round % 2 == 0 ? a->set->words : NULL;
    excluded[0] = sure + 1;
    excluded[1] = sure + 2;
    return law_excluding(excluded, round % 5 == 0 ? 2 : 0);
}

/* Ten thousand nodes, the best of them last. */
static inline void answers_of_many(const char *spec, uint64_t best, uint64_t others) {
    enum { MANY = 10000 };
    uint32_t *inflight = law_room(MANY, sizeof *inflight);
    lw_nodes nodes;
    lw_sample sample = LW_SAMPLE_INIT;
    lw_nodes_init(&nodes, MANY);
    LW_SET_VALUES(nodes, inflight, inflight);
    nodes.set = nodes.version = 1;
    lw_strategy *strategy = law_strategy(spec, 16);
    for (uint32_t i = 0; i < MANY; i++) {
        sample.latency = i == MANY - 1 ? best : others;
        sample.now = ANSWERS_SECOND;
        assert_int_equal(lw_feedback(strategy, &nodes, i, &sample), LW_OK);
    }
    assert_int_equal(lw_select_at(strategy, &nodes, NULL, ANSWERS_SECOND), MANY - 1);
    lw_strategy_free(strategy);
    free(inflight);
}

/* Ten nodes, a request each millisecond, whose answer takes 50. The first node refuses at once, all the time
   or for the first half of it: its share of the requests, then of those of the last quarter, in 1/1000. */
static inline uint32_t answers_share_of_refusing(const char *spec, bool recovers) {
    enum { NODES = 10, TAKES = 50, REQUESTS = 40000 };
    answers *a = answers_open(spec, NODES, 45);
    uint32_t at[TAKES], count = 0, begun = 0;
    for (uint32_t i = 0; i < REQUESTS; i++, a->now += ANSWERS_MS) {
        uint32_t slot = i % TAKES;
        if (i >= TAKES && at[slot] < NODES) {
            a->inflight[at[slot]]--;
            answers_good(a, at[slot], TAKES * ANSWERS_MS);
        }
        uint32_t index = answers_pick(a, NULL);
        bool refuses = index == 0 && !(recovers && i >= REQUESTS / 2);
        bool counts = !recovers || i >= REQUESTS * 3 / 4;
        begun += counts;
        count += counts && index == 0;
        at[slot] = refuses ? NODES : index;
        if (refuses) {
            answers_bad(a, 0, LW_OUTCOME_CONNECT_FAILURE, 1);
        } else {
            a->inflight[index]++;
        }
    }
    answers_close(a);
    return (uint32_t)(UINT64_C(1000) * count / begun);
}

/* A node that refuses at once has nothing under way and never a slow answer: it gets next to nothing all the same, and
   its share again when it answers. */
static inline void answers_shun_refusing(const char *spec) {
    assert_in_range(answers_share_of_refusing(spec, false), 0, 20);
    assert_in_range(answers_share_of_refusing(spec, true), 70, 130);
}

/* What every strategy that learns answers when nobody may be chosen, with one node, and with two of one id. */
static inline void answers_corners(const char *spec) {
    static const uint64_t excluded[] = {0, 1, 2};
    lw_request retry = law_excluding(excluded, 3);
    answers *a = answers_open(spec, 3, 40);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, &retry), LW_EXCLUDED);
    law_set_only(a->set, 0);
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_FILTERED);
    a->set->nodes.eligible = NULL;
    a->set->id[2] = a->set->id[0];
    a->set->nodes.version++;
    assert_int_equal(lw_select(a->strategy, &a->set->nodes, NULL), LW_DUPLICATE);
    answers_close(a);
    a = answers_open(spec, 1, 41);
    assert_int_equal(answers_pick(a, NULL), 0);
    answers_good(a, 0, ANSWERS_SECOND);
    a->inflight[0] = UINT32_MAX;
    assert_int_equal(answers_pick(a, NULL), 0);
    answers_close(a);
}

/* A varied course of picks and answers: the picks, and whether a trial told each of them. One thread. */
static inline void answers_course(const char *spec, uint64_t seed, bool tried, uint32_t *picks, uint32_t count) {
    uint64_t chance = 42;
    answers *a = answers_open(spec, 12, seed);
    for (uint32_t i = 0; i < count; i++) {
        static const uint64_t excluded[] = {3, 7};
        lw_request request = law_excluding(excluded, i % 7 == 0 ? 2 : 0), trial = request;
        law_set_only(a->set, law_random(&chance) | 16);
        a->set->nodes.eligible = i % 3 == 0 ? a->set->words : NULL;
        a->inflight[law_below(&chance, 12)] = law_below(&chance, 3);
        a->now += law_below(&chance, 200) * ANSWERS_MS;
        trial.flags |= LW_REQUEST_TRIAL;
        ptrdiff_t told = tried ? lw_select_at(a->strategy, &a->set->nodes, &trial, a->now) : -1;
        picks[i] = answers_pick(a, &request);
        assert_true(!tried || told == (ptrdiff_t)picks[i]);
        if (law_below(&chance, 8) == 0) {
            answers_bad(a, picks[i], 1 + law_below(&chance, 7), 1 + law_below(&chance, 1000));
        } else {
            answers_report(a, picks[i], (10 + 10 * picks[i] + law_below(&chance, 80)) * ANSWERS_MS, 0,
                           law_below(&chance, 3));
        }
    }
    answers_close(a);
}

/* One seed, one course, looked at before each pick or not; another seed, another course. */
static inline void answers_repeat(const char *spec) {
    enum { COURSE = 2000 };
    static uint32_t first[COURSE], second[COURSE];
    answers_course(spec, 43, false, first, COURSE);
    answers_course(spec, 43, true, second, COURSE);
    assert_memory_equal(first, second, sizeof first);
    answers_course(spec, 44, false, second, COURSE);
    assert_memory_not_equal(first, second, sizeof first);
}

#endif
