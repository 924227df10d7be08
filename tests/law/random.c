/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* random: uniform over exactly the nodes that may be chosen, dense or sparse, with exclusions or without. */
#include "laws.h"

static void assert_uniform(const law_set *set, const lw_request *request, size_t picks, uint64_t seed) {
    uint32_t count = set->nodes.count;
    uint64_t *counts = law_room(count, sizeof *counts);
    double *shares = law_room(count, sizeof *shares);
    lw_strategy *strategy = law_strategy("random", seed);
    law_tally(strategy, &set->nodes, request, picks, counts);
    law_even_shares(&set->nodes, request, shares);
    assert_true(law_fits(counts, shares, count));
    lw_strategy_free(strategy);
    free(shares);
    free(counts);
}

static void is_uniform_over_everyone(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 10, 64, 100, 1000, 4096};
    for (size_t i = 0; i < LAW_COUNT(sizes); i++) {
        law_set *set = law_set_new(sizes[i]);
        assert_uniform(set, NULL, 40000 + (size_t)sizes[i] * 50, 1 + i);
        free(set);
    }
}

static void is_uniform_over_any_subset(void **state) {
    (void)state;
    uint64_t chance = 4;
    for (uint64_t round = 0; round < 40; round++) {
        law_set *set = law_set_new(2 + law_below(&chance, 200));
        law_set_none(set);
        lw_bitmap_set(set->words, law_below(&chance, set->nodes.count));
        uint32_t one_in = 1 + law_below(&chance, 8);
        for (uint32_t i = 0; i < set->nodes.count; i++) {
            if (law_below(&chance, one_in) == 0) {
                lw_bitmap_set(set->words, i);
            }
        }
        assert_uniform(set, NULL, 40000, 100 + round);
        free(set);
    }
}

/* So few of so many that redraws hardly ever hit: what comes then must be as uniform, with an index of blocks or not.
 */
static void is_uniform_over_a_sparse_subset(void **state) {
    (void)state;
    static const uint32_t few[] = {0, 63, 64, 511, 512, 2047, 3000, 4000};
    law_set *set = law_set_new(4001);
    law_set_none(set);
    for (size_t i = 0; i < LAW_COUNT(few); i++) {
        lw_bitmap_set(set->words, few[i]);
    }
    assert_uniform(set, NULL, 80000, 21);
    law_set_blocks(set);
    assert_uniform(set, NULL, 80000, 22);
    static const uint64_t excluded[] = {64, 4000, 512};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    assert_uniform(set, &request, 80000, 23);
    free(set);
}

static void is_uniform_over_what_exclusions_leave(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 5, 9};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = law_set_new(10);
    assert_uniform(set, &request, 80000, 31);
    law_set_only(set, 0x2b7);
    assert_uniform(set, &request, 80000, 32);
    free(set);
}

/* An exclusion may come twice, name an ineligible node or one that is not there: it excludes nobody else. */
static void takes_careless_exclusions_as_meant(void **state) {
    (void)state;
    static const uint64_t excluded[] = {3, 3, 7, 99, UINT64_MAX, 3};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = law_set_new(12);
    law_set_only(set, 0xf7f); /* without node 7 */
    assert_uniform(set, &request, 80000, 41);
    law_set_only(set, 0x00c); /* nodes 2 and 3: only 2 is left */
    assert_uniform(set, &request, 1000, 42);
    free(set);
}

static void names_the_reason_when_nobody_is_left(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 1, 2};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = law_set_new(3);
    lw_strategy *strategy = law_strategy("random", 51);
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_EXCLUDED);
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_FILTERED);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
    lw_nodes nobody;
    lw_nodes_init(&nobody, 0);
    assert_int_equal(lw_select(strategy, &nobody, NULL), LW_NO_NODES);
    lw_strategy_free(strategy);
    free(set);
}

/* Each pick is independent of the one before: the pairs of neighbours are uniform too. */
static void draws_independently(void **state) {
    (void)state;
    uint64_t pairs[49] = {0};
    double shares[49];
    law_set *set = law_set_new(7);
    lw_strategy *strategy = law_strategy("random", 61);
    uint32_t before = law_pick(strategy, &set->nodes, NULL);
    for (int i = 0; i < 200000; i++) {
        uint32_t now = law_pick(strategy, &set->nodes, NULL);
        pairs[before * 7 + now]++;
        before = now;
    }
    for (size_t i = 0; i < 49; i++) {
        shares[i] = 1;
    }
    assert_true(law_fits(pairs, shares, 49));
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_uniform_over_everyone),
        cmocka_unit_test(is_uniform_over_any_subset),
        cmocka_unit_test(is_uniform_over_a_sparse_subset),
        cmocka_unit_test(is_uniform_over_what_exclusions_leave),
        cmocka_unit_test(takes_careless_exclusions_as_meant),
        cmocka_unit_test(names_the_reason_when_nobody_is_left),
        cmocka_unit_test(draws_independently),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
