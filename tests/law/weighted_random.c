/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* weighted_random: shares by weight, over everyone or any eligible part; weight 0 never. */
#include "weight_laws.h"

static void assert_by_weight(const law_set *set, const lw_request *request, size_t picks, uint64_t seed) {
    uint64_t counts[256] = {0};
    double shares[256];
    assert_true(set->nodes.count <= 256);
    lw_strategy *strategy = law_strategy("weighted_random", seed);
    law_tally(strategy, &set->nodes, request, picks, counts);
    law_weighted_shares(set, request, shares);
    assert_true(law_fits(counts, shares, set->nodes.count));
    lw_strategy_free(strategy);
}

static void follows_the_weights(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 2, 3, 4, 5, 0, 85, 0};
    law_set *set = law_set_weighted(weights, LAW_COUNT(weights));
    assert_by_weight(set, NULL, 400000, 1);
    free(set);
}

static void is_uniform_when_weights_are_equal(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 64, 250};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = law_set_new(sizes[s]);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->weight[i] = 12345 * (1 + (uint32_t)s);
        }
        assert_by_weight(set, NULL, 200000, 10 + s);
        free(set);
    }
}

/* A bitmap that leaves at least one node of weight above 0. */
static void draw_eligible(law_set *set, uint64_t *chance) {
    uint32_t sure = law_below(chance, set->nodes.count), one_in = 1 + law_below(chance, 6);
    law_set_none(set);
    lw_bitmap_set(set->words, sure);
    set->weight[sure] |= 1;
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        if (law_below(chance, one_in) == 0) {
            lw_bitmap_set(set->words, i);
        }
    }
}

static void follows_any_weights_over_any_subset(void **state) {
    (void)state;
    uint64_t chance = 5;
    for (uint64_t round = 0; round < 40; round++) {
        law_set *set = law_set_new(1 + law_below(&chance, 60));
        for (uint32_t i = 0; i < set->nodes.count; i++) {
            set->weight[i] = law_below(&chance, 5) == 0 ? 0 : 1 + law_below(&chance, 1000);
        }
        if (round % 4 != 0) {
            draw_eligible(set, &chance);
        }
        set->weight[0] |= round % 4 == 0;
        assert_by_weight(set, NULL, 60000, 100 + round);
        free(set);
    }
}

/* The whole range of a weight counts: next to the largest, a quarter is a quarter, and 1 is all but nothing. */
static void takes_weights_of_any_size(void **state) {
    (void)state;
    static const uint32_t weights[] = {UINT32_MAX, UINT32_MAX / 4, UINT32_MAX / 2, 0, 1};
    uint64_t counts[5] = {0};
    static const double shares[] = {4, 1, 2};
    law_set *set = law_set_weighted(weights, LAW_COUNT(weights));
    lw_strategy *strategy = law_strategy("weighted_random", 2);
    law_tally(strategy, &set->nodes, NULL, 200000, counts);
    assert_true(law_fits(counts, shares, 3));
    assert_int_equal(counts[3], 0);
    assert_true(counts[4] <= 1); /* expected: 200000 / 2^33 */
    lw_strategy_free(strategy);
    free(set);
}

/* The heavy nodes are away: what is left is shared by the light ones, though nearly every draw falls elsewhere. */
static void follows_the_weights_of_a_light_remainder(void **state) {
    (void)state;
    static const uint32_t weights[] = {1000000000, 1, 2, 2000000000, 3, 4, 0};
    static const uint64_t excluded[] = {0, 4};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = law_set_weighted(weights, LAW_COUNT(weights));
    law_set_only(set, 0x76);
    assert_by_weight(set, NULL, 100000, 3);
    assert_by_weight(set, &request, 100000, 4);
    free(set);
}

static void follows_the_weights_of_what_exclusions_leave(void **state) {
    (void)state;
    static const uint32_t weights[] = {7, 1, 4, 2, 9, 3};
    static const uint64_t excluded[] = {4, 4, 1, 77};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = law_set_weighted(weights, LAW_COUNT(weights));
    assert_by_weight(set, &request, 100000, 5);
    free(set);
}

/* Raising the version makes new weights count. */
static void follows_weights_that_changed(void **state) {
    (void)state;
    static const uint32_t before[] = {1, 9, 1}, after[] = {6, 0, 2};
    uint64_t counts[3] = {0};
    double shares[3];
    law_set *set = law_set_weighted(before, 3);
    lw_strategy *strategy = law_strategy("weighted_random", 6);
    law_tally(strategy, &set->nodes, NULL, 1000, counts);
    law_set_weights(set, after);
    for (size_t i = 0; i < 3; i++) {
        counts[i] = 0;
    }
    law_tally(strategy, &set->nodes, NULL, 100000, counts);
    law_weighted_shares(set, NULL, shares);
    assert_true(law_fits(counts, shares, 3));
    lw_strategy_free(strategy);
    free(set);
}

/* Nodes without weights are not nodes of weight 1: the strategy says what it misses. */
static void insists_on_weights(void **state) {
    (void)state;
    law_set *set = law_set_new(9);
    set->nodes.present &= ~LW_HAS(weight);
    lw_strategy *strategy = law_strategy("weighted_random", 7);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_NO_COLUMN);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
    free(set);
}

static void refuses_when_nobody_eligible_has_weight(void **state) {
    (void)state;
    weight_law_of_refusals("weighted_random");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_weights),
        cmocka_unit_test(is_uniform_when_weights_are_equal),
        cmocka_unit_test(follows_any_weights_over_any_subset),
        cmocka_unit_test(takes_weights_of_any_size),
        cmocka_unit_test(follows_the_weights_of_a_light_remainder),
        cmocka_unit_test(follows_the_weights_of_what_exclusions_leave),
        cmocka_unit_test(follows_weights_that_changed),
        cmocka_unit_test(insists_on_weights),
        cmocka_unit_test(refuses_when_nobody_eligible_has_weight),
    };
    return cmocka_run_group_tests_name("weighted_random", tests, NULL, NULL);
}
