/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * smooth_wrr: the smooth sequence of nginx, its shares and its evenness.
 *
 * The rule, written here a second time and as plainly as it goes: every node gains its weight, the first of the richest
 * is chosen and pays the sum of all weights. From it follows that after k picks a node was chosen at most
 * k * share + 1 - 1/n times: the richest owns at least the mean, so it never pays below -(1 - 1/n) of the sum.
 */
#include "weight_laws.h"

enum { NAIVE_MOST = 64 };

struct naive {
    int64_t current[NAIVE_MOST];
};

static uint32_t naive_pick(struct naive *naive, const uint32_t *weights, uint32_t count) {
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        naive->current[i] += weights[i];
        if (weights[i] > 0 && (best == count || naive->current[i] > naive->current[best])) {
            best = i;
        }
    }
    naive->current[best] -= (int64_t)weight_sum(weights, count);
    return best;
}

/* Weights of which at least one is above 0. */
static void draw_weights(uint64_t *chance, uint32_t *weights, uint32_t count, uint32_t most) {
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = law_below(chance, 6) == 0 ? 0 : 1 + law_below(chance, most);
    }
    weights[law_below(chance, count)] |= 1;
}

static void plays_the_published_sequences(void **state) {
    (void)state;
    static const char *const spec = "smooth_wrr phase=0 lanes=1";
    weight_law_of_sequence(spec, (const uint32_t[]){5, 1, 1}, 3, 3, "aabacaa");
    weight_law_of_sequence(spec, (const uint32_t[]){4, 2, 1}, 3, 3, "abacaba");
    weight_law_of_sequence(spec, (const uint32_t[]){10, 2, 2}, 3, 3, "aabacaa");
    weight_law_of_sequence(spec, (const uint32_t[]){3, 3, 3, 3}, 4, 3, "abcd");
    weight_law_of_sequence(spec, (const uint32_t[]){0, 5, 0, 1, 1}, 5, 3, "bbdbebb");
    weight_law_of_sequence(spec, (const uint32_t[]){7}, 1, 3, "a");
}

static void equals_the_naive_rule(void **state) {
    (void)state;
    uint64_t chance = 6;
    for (int round = 0; round < 300; round++) {
        uint32_t weights[NAIVE_MOST], count = 1 + law_below(&chance, 40);
        static const uint32_t mosts[] = {1, 3, 10, 100, 1500};
        struct naive naive = {{0}};
        draw_weights(&chance, weights, count, mosts[round % 5]);
        law_set *set = law_set_weighted(weights, count);
        lw_strategy *strategy = law_strategy("smooth_wrr phase=0 lanes=1", 1 + (uint64_t)round);
        uint64_t picks = 2 * weight_sum(weights, count);
        for (uint64_t i = 0; i < picks && i < 20000; i++) {
            assert_int_equal(law_pick(strategy, &set->nodes, NULL), naive_pick(&naive, weights, count));
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Any whole cycle, wherever it begins, holds each node as often as its weight says, and so when all weights are
   multiplied: the cycle stays as long. */
static void assert_exact_cycles(const char *spec, const uint32_t *weights, uint32_t count, uint64_t seed) {
    law_set *set = law_set_weighted(weights, count);
    lw_strategy *strategy = law_strategy(spec, seed);
    for (uint32_t cycle = 0; cycle < 4; cycle++) {
        uint64_t counts[NAIVE_MOST] = {0};
        law_tally(strategy, &set->nodes, NULL, weight_sum(weights, count), counts);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(counts[i], weights[i]);
            set->weight[i] = weights[i] * (cycle == 0 ? 60 : 1);
        }
        set->nodes.version += cycle == 0 || cycle == 1;
    }
    lw_strategy_free(strategy);
    free(set);
}

static void gives_exact_shares_over_a_cycle(void **state) {
    (void)state;
    uint64_t chance = 7;
    for (uint64_t round = 0; round < 50; round++) {
        uint32_t weights[NAIVE_MOST], count = 1 + law_below(&chance, 40);
        draw_weights(&chance, weights, count, 200);
        assert_exact_cycles("smooth_wrr", weights, count, 1 + round);
    }
}

static void gives_exact_shares_beyond_the_longest_period(void **state) {
    (void)state;
    uint64_t chance = 8;
    static const uint32_t large[] = {60000, 9973, 1, 0, 70001};
    for (uint64_t round = 0; round < 50; round++) {
        uint32_t weights[NAIVE_MOST], count = 2 + law_below(&chance, 40);
        draw_weights(&chance, weights, count, 500);
        assert_exact_cycles("smooth_wrr max_period=1", weights, count, 1 + round);
    }
    assert_exact_cycles("smooth_wrr", large, LAW_COUNT(large), 60);
}

/* The period counts after division by the greatest common divisor. */
static void reduces_weights_before_it_measures_the_period(void **state) {
    (void)state;
    static const uint32_t weights[] = {500000000, 100000000, 100000000};
    weight_law_of_sequence("smooth_wrr phase=0 lanes=1 max_period=7", weights, 3, 2, "aabacaa");
}

/* No bursts: from the head of the cycle nobody runs ahead of the share by a whole request. */
static void never_runs_ahead_of_a_share_by_one(void **state) {
    (void)state;
    uint64_t chance = 9;
    for (uint64_t round = 0; round < 50; round++) {
        uint32_t weights[NAIVE_MOST], count = 2 + law_below(&chance, 30);
        uint64_t counts[NAIVE_MOST] = {0};
        draw_weights(&chance, weights, count, 100);
        law_set *set = law_set_weighted(weights, count);
        lw_strategy *strategy = law_strategy("smooth_wrr phase=0 lanes=1", 1 + round);
        uint64_t sum = weight_sum(weights, count);
        for (uint64_t k = 1; k <= sum; k++) {
            uint32_t i = law_pick(strategy, &set->nodes, NULL);
            counts[i]++; /* counts <= k * w / sum + 1 - 1 / n, in whole numbers */
            assert_true(counts[i] * sum * count <= k * weights[i] * count + sum * (count - 1));
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Beyond the longest period the walk is still even: golden-ratio steps are longer than a third of the cycle, so a node
   with a third is never picked twice running, and a tenth of the cycle holds it within a few picks of its share. */
static void spreads_picks_beyond_the_longest_period(void **state) {
    (void)state;
    static const uint32_t weights[] = {30011, 20011, 10007, 17011, 13001}; /* sum 90041 */
    uint64_t counts[5] = {0};
    law_set *set = law_set_weighted(weights, 5);
    lw_strategy *strategy = law_strategy("smooth_wrr", 14);
    uint32_t before = 5;
    for (int i = 1; i <= 90000; i++) {
        uint32_t now = law_pick(strategy, &set->nodes, NULL);
        assert_true(now != before);
        counts[now]++;
        before = now;
        if (i % 9000 == 0) {
            for (uint32_t n = 0; n < 5; n++) {
                double expected = 9000.0 * weights[n] / 90041;
                assert_true(fabs((double)counts[n] - expected) < 8);
                counts[n] = 0;
            }
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

static void assert_partial_shares(const char *spec, uint64_t *chance, uint64_t seed) {
    uint32_t weights[NAIVE_MOST], count = 2 + law_below(chance, 38);
    uint64_t counts[NAIVE_MOST] = {0}, mask = law_random(chance), sum = 0;
    draw_weights(chance, weights, count, 20);
    uint32_t sure = law_below(chance, count);
    weights[sure] |= 1;
    law_set *set = law_set_weighted(weights, count);
    law_set_only(set, mask | UINT64_C(1) << sure);
    for (uint32_t i = 0; i < count; i++) {
        sum += law_may(&set->nodes, NULL, i) ? weights[i] : 0;
    }
    lw_strategy *strategy = law_strategy(spec, seed);
    enum { CYCLES = 400 };
    law_tally(strategy, &set->nodes, NULL, sum * CYCLES, counts);
    for (uint32_t i = 0; i < count; i++) {
        double expected = law_may(&set->nodes, NULL, i) ? (double)weights[i] * CYCLES : 0;
        assert_true(fabs((double)counts[i] - expected) <= expected * 0.02 + 5 * sqrt(expected) / 10);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Half of the nodes away: the others keep their shares, far closer than chance would. */
static void keeps_shares_over_a_part_of_the_nodes(void **state) {
    (void)state;
    uint64_t chance = 10;
    for (uint64_t round = 0; round < 60; round++) {
        assert_partial_shares(round % 2 == 0 ? "smooth_wrr" : "smooth_wrr max_period=1", &chance, 1 + round);
    }
}

/* Nearly all of the weight is away: what is left is still shared by weight. */
static void keeps_shares_when_the_heavy_nodes_are_away(void **state) {
    (void)state;
    static const uint32_t weights[] = {50000, 1, 2, 15000, 3, 0};
    static const double shares[] = {0, 1, 2, 0, 3, 0};
    static const char *const specs[] = {"smooth_wrr", "smooth_wrr max_period=1"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        uint64_t counts[6] = {0};
        law_set *set = law_set_weighted(weights, 6);
        law_set_only(set, 0x36);
        lw_strategy *strategy = law_strategy(specs[s], 15);
        law_tally(strategy, &set->nodes, NULL, 60000, counts);
        assert_true(law_fits(counts, shares, 6));
        lw_strategy_free(strategy);
        free(set);
    }
}

static void plays_on_between_excluding_picks(void **state) {
    (void)state;
    weight_law_of_retries("smooth_wrr phase=0 lanes=1");
    weight_law_of_retries("smooth_wrr phase=0 lanes=1 max_period=1");
}

static void begins_anywhere_in_the_cycle_by_default(void **state) {
    (void)state;
    static const uint32_t weights[] = {5, 1, 0, 3, 11};
    static const char *const specs[] = {"smooth_wrr", "smooth_wrr max_period=1"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        uint64_t counts[5] = {0};
        double shares[5];
        law_set *set = law_set_weighted(weights, 5);
        weight_tally_seeds(specs[s], set, counts);
        law_weighted_shares(set, NULL, shares);
        assert_true(law_fits(counts, shares, 5));
        free(set);
    }
}

/* Sums beyond 32 bits, next to weights that hardly count. */
static void takes_weights_of_any_size(void **state) {
    (void)state;
    static const uint32_t weights[] = {UINT32_MAX, 1, UINT32_MAX / 2, 0, UINT32_MAX};
    uint64_t counts[5] = {0};
    law_set *set = law_set_weighted(weights, 5);
    lw_strategy *strategy = law_strategy("smooth_wrr", 17);
    law_tally(strategy, &set->nodes, NULL, 100000, counts);
    assert_true(counts[0] >= 39900 && counts[0] <= 40100);
    assert_true(counts[2] >= 19900 && counts[2] <= 20100);
    assert_true(counts[4] >= 39900 && counts[4] <= 40100);
    assert_true(counts[1] <= 1);
    assert_int_equal(counts[3], 0);
    lw_strategy_free(strategy);
    free(set);
}

static void refuses_when_nobody_eligible_has_weight(void **state) {
    (void)state;
    weight_law_of_refusals("smooth_wrr");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_the_published_sequences),
        cmocka_unit_test(equals_the_naive_rule),
        cmocka_unit_test(gives_exact_shares_over_a_cycle),
        cmocka_unit_test(gives_exact_shares_beyond_the_longest_period),
        cmocka_unit_test(reduces_weights_before_it_measures_the_period),
        cmocka_unit_test(never_runs_ahead_of_a_share_by_one),
        cmocka_unit_test(spreads_picks_beyond_the_longest_period),
        cmocka_unit_test(keeps_shares_over_a_part_of_the_nodes),
        cmocka_unit_test(keeps_shares_when_the_heavy_nodes_are_away),
        cmocka_unit_test(plays_on_between_excluding_picks),
        cmocka_unit_test(begins_anywhere_in_the_cycle_by_default),
        cmocka_unit_test(takes_weights_of_any_size),
        cmocka_unit_test(refuses_when_nobody_eligible_has_weight),
    };
    return cmocka_run_group_tests_name("smooth_wrr", tests, NULL, NULL);
}
