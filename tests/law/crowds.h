/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Crowds: a set of nodes with requests in flight, and what the laws of strategies that count those have in common.
 */
#ifndef LOADWISE_TESTS_CROWDS_H
#define LOADWISE_TESTS_CROWDS_H

#include "laws.h"

typedef struct crowds {
    law_set *set;
    uint32_t *inflight; /* of the set */
} crowds;

/* Nobody in flight; weights NULL: 1 each. */
static inline crowds *crowds_new(const uint32_t *weights, uint32_t count) {
    crowds *c = law_room(1, sizeof *c);
    c->set = law_set_new(count);
    c->inflight = c->set->inflight;
    if (weights != NULL) {
        law_set_weights(c->set, weights);
    }
    return c;
}

static inline void crowds_free(crowds *c) {
    free(c->set);
    free(c);
}

static inline void crowds_set(crowds *c, const uint32_t *inflight) {
    for (uint32_t i = 0; i < c->set->nodes.count; i++) {
        c->inflight[i] = inflight[i];
    }
}

/* Up to `most` requests in flight each, weights from 0 to `heaviest` but for the first, which has some. */
static inline crowds *crowds_random(uint32_t count, uint32_t heaviest, uint32_t most, uint64_t *chance) {
    crowds *c = crowds_new(NULL, count);
    for (uint32_t i = 0; i < count; i++) {
        c->set->weight[i] = i == 0 ? 1 + law_below(chance, heaviest) : law_below(chance, heaviest + 1);
        c->inflight[i] = law_below(chance, most + 1);
    }
    c->set->nodes.version++;
    return c;
}

/* Picks of a strategy made anew must fit these shares. */
static inline void crowds_assert_shares(const char *spec, const crowds *c, const lw_request *request,
                                        const double *shares, uint64_t seed) {
    uint64_t counts[LAW_MOST] = {0};
    lw_strategy *strategy = law_strategy(spec, seed);
    law_tally(strategy, &c->set->nodes, request, 40000, counts);
    if (!law_fits(counts, shares, c->set->nodes.count)) {
        fail_msg("%s over %u nodes, seed %u", spec, (unsigned)c->set->nodes.count, (unsigned)seed);
    }
    lw_strategy_free(strategy);
}

static inline void crowds_assert_always(const char *spec, const crowds *c, uint32_t expected, uint64_t seed) {
    lw_strategy *strategy = law_strategy(spec, seed);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(law_pick(strategy, &c->set->nodes, NULL), expected);
    }
    lw_strategy_free(strategy);
}

/* The refusals that all of them share; with weights, those of weight 0 as well. */
static inline void crowds_assert_refusals(const char *spec, bool weighs) {
    static const uint64_t excluded[] = {0, 1, 2};
    lw_request retry = law_excluding(excluded, 3);
    crowds *c = crowds_new(NULL, 3);
    lw_strategy *strategy = law_strategy(spec, 9);
    assert_int_equal(lw_select(strategy, &c->set->nodes, &retry), LW_EXCLUDED);
    law_set_only(c->set, 0);
    assert_int_equal(lw_select(strategy, &c->set->nodes, NULL), LW_FILTERED);
    law_set_only(c->set, 5);
    law_set_weights(c->set, (const uint32_t[]){0, 7, 0});
    assert_true(weighs ? lw_select(strategy, &c->set->nodes, NULL) == LW_NO_WEIGHT
                       : lw_select(strategy, &c->set->nodes, NULL) >= 0);
    c->set->nodes.eligible = NULL;
    law_set_weights(c->set, (const uint32_t[]){0, 0, 0});
    assert_true(weighs ? lw_select(strategy, &c->set->nodes, NULL) == LW_NO_WEIGHT
                       : lw_select(strategy, &c->set->nodes, NULL) >= 0);
    c->set->nodes.present &= ~LW_HAS(inflight);
    assert_int_equal(lw_select(strategy, &c->set->nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* ---- courses of picks over moving crowds ---- */

enum { CROWDS_NODES = 60, CROWDS_COURSE = 3000 };

/* Request number i of a fixed and varied course: the crowds move, some may not be chosen, some are excluded. */
static inline lw_request crowds_move(crowds *c, uint32_t i, uint64_t *excluded, size_t count) {
    uint64_t chance = 5000 + i;
    c->inflight[law_below(&chance, CROWDS_NODES)] = law_below(&chance, 4);
    lw_request request = law_excluding(excluded, law_below(&chance, 4) == 0 ? count : 0);
    for (size_t e = 0; e < count; e++) {
        excluded[e] = law_below(&chance, CROWDS_NODES);
    }
    law_set_only(c->set, law_bits(&chance, 6));
    c->set->nodes.eligible = i % 3 == 0 ? NULL : c->set->words;
    return request;
}

/* A request chosen for a node begins there, and one ended there. */
static inline void crowds_finish(lw_strategy *strategy, crowds *c, uint32_t index, uint32_t i) {
    lw_sample sample = LW_SAMPLE_INIT;
    if (i % 3 != 0) {
        c->inflight[index]++;
    }
    assert_int_equal(lw_feedback(strategy, &c->set->nodes, index, &sample), LW_OK);
}

/* One seed, one course; and a trial tells the very next pick, and leaves no trace: the twin that never tried agrees. */
static inline void crowds_assert_repeatable(const char *spec) {
    uint64_t chance = 77, excluded[4];
    lw_strategy *tried = law_strategy(spec, 7), *twin = law_strategy(spec, 7), *other = law_strategy(spec, 8);
    crowds *c = crowds_random(CROWDS_NODES, 5, 3, &chance);
    uint32_t apart = 0;
    for (uint32_t i = 0; i < CROWDS_COURSE; i++) {
        lw_request request = crowds_move(c, i, excluded, LAW_COUNT(excluded)), trial = request;
        trial.flags |= LW_REQUEST_TRIAL;
        ptrdiff_t told = lw_select_at(tried, &c->set->nodes, &trial, 1);
        assert_int_equal(lw_select_at(tried, &c->set->nodes, &trial, 1), told);
        uint32_t picked = law_pick(tried, &c->set->nodes, &request);
        assert_int_equal(told, picked);
        assert_int_equal(law_pick(twin, &c->set->nodes, &request), picked);
        apart += law_pick(other, &c->set->nodes, &request) != picked;
        crowds_finish(tried, c, picked, i);
        crowds_finish(twin, c, picked, 0);
        crowds_finish(other, c, picked, 0);
    }
    assert_true(apart > CROWDS_COURSE / 10);
    lw_strategy_free(tried);
    lw_strategy_free(twin);
    lw_strategy_free(other);
    crowds_free(c);
}

/* A set larger than a law_set holds: one idle node among ten thousand busy ones. */
enum { CROWDS_MANY = 10000 };

static inline void crowds_assert_found_among_many(const char *spec, uint32_t picks) {
    uint32_t *inflight = law_room(CROWDS_MANY, sizeof *inflight), *weight = law_room(CROWDS_MANY, sizeof *weight);
    lw_nodes nodes;
    lw_nodes_init(&nodes, CROWDS_MANY);
    nodes.set = 1;
    LW_SET_VALUES(nodes, inflight, inflight);
    LW_SET_VALUES(nodes, weight, weight);
    for (uint32_t i = 0; i < CROWDS_MANY; i++) {
        weight[i] = 1;
        inflight[i] = i != 7777;
    }
    lw_strategy *strategy = law_strategy(spec, 3);
    for (uint32_t i = 0; i < picks; i++) {
        lw_sample sample = LW_SAMPLE_INIT;
        assert_int_equal(lw_select(strategy, &nodes, NULL), 7777);
        assert_int_equal(lw_feedback(strategy, &nodes, 7777, &sample), LW_OK);
    }
    lw_strategy_free(strategy);
    free(inflight);
    free(weight);
}

#endif
