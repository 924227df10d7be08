/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Laws that strategies keep which share requests by weight alone: sequences, parts of a set, retries, refusals. */
#ifndef LOADWISE_TESTS_WEIGHT_LAWS_H
#define LOADWISE_TESTS_WEIGHT_LAWS_H

#include "laws.h"

static inline uint64_t weight_sum(const uint32_t *weights, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += weights[i];
    }
    return sum;
}

/* The nodes are called a, b, c and so on; the sequence comes so many times running. */
static inline void weight_law_of_sequence(const char *spec, const uint32_t *weights, uint32_t count, int times,
                                          const char *expected) {
    law_set *set = law_set_weighted(weights, count);
    lw_strategy *strategy = law_strategy(spec, 3);
    for (int i = 0; i < times; i++) {
        for (const char *letter = expected; *letter != '\0'; letter++) {
            assert_int_equal('a' + law_pick(strategy, &set->nodes, NULL), *letter);
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Four of seven nodes may be chosen, one of them of weight 0: off by no more than this, in so many cycles of theirs. */
static inline void weight_law_of_a_part(const char *spec, uint32_t cycles, double off) {
    static const uint32_t weights[] = {5, 1, 3, 0, 2, 4, 6}, shares[] = {0, 1, 3, 0, 0, 4, 0};
    uint64_t counts[7] = {0};
    law_set *set = law_set_weighted(weights, 7);
    law_set_only(set, 0x2e); /* b, c, d, f */
    lw_strategy *strategy = law_strategy(spec, 8);
    law_tally(strategy, &set->nodes, NULL, weight_sum(shares, 7) * cycles, counts);
    for (uint32_t i = 0; i < 7; i++) {
        assert_true(fabs((double)counts[i] - (double)shares[i] * cycles) <= off);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Retries draw by weight from what remains; the sequence of first tries does not notice them. */
static inline void weight_law_of_retries(const char *spec) {
    static const uint32_t weights[] = {5, 1, 3, 2};
    static const uint64_t excluded[] = {0};
    lw_request retry = law_excluding(excluded, 1);
    uint64_t retries[4] = {0};
    double shares[4];
    law_set *set = law_set_weighted(weights, 4);
    lw_strategy *mixed = law_strategy(spec, 16), *plain = law_strategy(spec, 16);
    for (int i = 0; i < 30000; i++) {
        law_tally(mixed, &set->nodes, &retry, (size_t)(i % 3), retries);
        assert_int_equal(law_pick(mixed, &set->nodes, NULL), law_pick(plain, &set->nodes, NULL));
    }
    law_weighted_shares(set, &retry, shares);
    assert_true(law_fits(retries, shares, 4));
    lw_strategy_free(mixed);
    lw_strategy_free(plain);
    free(set);
}

/* Adds the first picks of 20,000 seeds to counts. */
static inline void weight_tally_seeds(const char *spec, const law_set *set, uint64_t *counts) {
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        lw_strategy *strategy = law_strategy(spec, seed);
        law_tally(strategy, &set->nodes, NULL, 1, counts);
        lw_strategy_free(strategy);
    }
}

static inline void weight_law_of_refusals(const char *spec) {
    static const uint32_t some[] = {0, 3, 0}, none[] = {0, 0, 0};
    static const uint64_t excluded[] = {1}, everyone[] = {0, 1, 2};
    lw_request retry = law_excluding(excluded, 1), nobody = law_excluding(everyone, 3);
    law_set *set = law_set_weighted(some, 3);
    lw_strategy *strategy = law_strategy(spec, 18);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), 1);
    }
    assert_int_equal(lw_select(strategy, &set->nodes, &retry), LW_NO_WEIGHT);
    assert_int_equal(lw_select(strategy, &set->nodes, &nobody), LW_EXCLUDED);
    law_set_only(set, 5);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
    set->nodes.eligible = NULL;
    law_set_weights(set, none);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
    set->nodes.present &= ~LW_HAS(weight);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_NO_COLUMN);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
    free(set);
}

#endif
