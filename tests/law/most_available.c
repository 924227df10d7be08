/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* most_available: an even draw among all whose remaining share is within epsilon of the best, the border included. */
#include "laws.h"

static law_set *remaining_of(const double *remaining, uint32_t count) {
    law_set *set = law_set_new(count);
    for (uint32_t i = 0; i < count; i++) {
        set->remaining[i] = remaining[i];
    }
    return set;
}

static void assert_even_among(const char *spec, const double *remaining, uint32_t count, const double *shares,
                              uint64_t seed) {
    uint64_t counts[64] = {0};
    law_set *set = remaining_of(remaining, count);
    lw_strategy *strategy = law_strategy(spec, seed);
    law_tally(strategy, &set->nodes, NULL, 40000, counts);
    assert_true(law_fits(counts, shares, count));
    lw_strategy_free(strategy);
    free(set);
}

static void draws_evenly_among_the_best(void **state) {
    (void)state;
    assert_even_among("most_available", (const double[]){0.1, 0.97, 0.5, 1.0, 0.96, 0.94}, 6,
                      (const double[]){0, 1, 0, 1, 1, 0}, 1);
    assert_even_among("most_available", (const double[]){0.3, 0.3, 0.3}, 3, (const double[]){1, 1, 1}, 2);
    assert_even_among("most_available", (const double[]){0, 0.04, 0.2}, 3, (const double[]){0, 0, 1}, 3);
    assert_even_among("most_available", (const double[]){0.5}, 1, (const double[]){1}, 4);
}

/* Quarters are exact in binary, so the neighbours of the border are one step of a double away from it. */
static void counts_the_border_in(void **state) {
    (void)state;
    double inside = 0.5, outside = nextafter(0.5, 0), above = nextafter(0.5, 1);
    assert_even_among("most_available epsilon=0.25", (const double[]){0.75, inside, outside, above}, 4,
                      (const double[]){1, 1, 0, 1}, 5);
    assert_even_among("most_available", (const double[]){0.05, 0, -0.0, -0.001}, 4, (const double[]){1, 1, 1, 0}, 6);
}

static void takes_epsilon_from_0_to_1(void **state) {
    (void)state;
    assert_even_among("most_available epsilon=0", (const double[]){0.5, nextafter(0.5, 0), 0.5, 0.25}, 4,
                      (const double[]){1, 0, 1, 0}, 7);
    assert_even_among("most_available epsilon=1", (const double[]){0, 1, 0.3, 0.7}, 4, (const double[]){1, 1, 1, 1}, 8);
}

static void lets_a_nan_win_over_no_number(void **state) {
    (void)state;
    assert_even_among("most_available", (const double[]){NAN, 0, NAN, 0.01}, 4, (const double[]){0, 1, 0, 1}, 9);
    assert_even_among("most_available", (const double[]){NAN, -INFINITY}, 2, (const double[]){0, 1}, 10);
    assert_even_among("most_available epsilon=1", (const double[]){0.5, NAN, 0.5}, 3, (const double[]){1, 0, 1}, 11);
    assert_even_among("most_available", (const double[]){NAN, NAN, -NAN}, 3, (const double[]){1, 1, 1}, 12);
    assert_even_among("most_available", (const double[]){INFINITY, 1, INFINITY}, 3, (const double[]){1, 0, 1}, 13);
}

/* The best of those that may be chosen sets the bar, not the best of all. */
static void measures_from_the_best_that_may_be_chosen(void **state) {
    (void)state;
    static const double remaining[] = {1, 0.5, 0.48, 0.3, 0.9, 0.47}, shares[] = {0, 1, 1, 0, 0, 1};
    static const uint64_t excluded[] = {4};
    lw_request retry = law_excluding(excluded, 1);
    uint64_t counts[6] = {0};
    law_set *set = remaining_of(remaining, 6);
    law_set_only(set, 0x3e);
    lw_strategy *strategy = law_strategy("most_available", 14);
    law_tally(strategy, &set->nodes, &retry, 40000, counts);
    assert_true(law_fits(counts, shares, 6));
    lw_strategy_free(strategy);
    free(set);
}

static void finds_the_best_in_sets_of_any_size(void **state) {
    (void)state;
    uint64_t chance = 15;
    static const uint32_t sizes[] = {2, 7, 8, 9, 31, 64, 65, 128, 1000, 4096};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = law_set_new(sizes[s]);
        double best = -1;
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->remaining[i] = (double)law_below(&chance, 1 << 20) / (1 << 20);
            best = set->remaining[i] > best ? set->remaining[i] : best;
        }
        lw_strategy *strategy = law_strategy("most_available epsilon=0.125", 16 + s);
        for (int i = 0; i < 200; i++) {
            assert_true(set->remaining[law_pick(strategy, &set->nodes, NULL)] >= best - 0.125);
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

static void insists_on_an_epsilon_from_0_to_1(void **state) {
    (void)state;
    static const char *const good[] = {"epsilon=0", "epsilon=1"};
    static const char *const bad[] = {"epsilon=1.01", "epsilon=-0.1", "epsilon=nan", "epsilon=inf", "epsilon=five"};
    LAW_RANGES("most_available", good, bad);
}

static void most_available_refuses_when_nobody_may_be_chosen(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 1};
    lw_request retry = law_excluding(excluded, 2);
    law_set *set = law_set_new(2);
    lw_strategy *strategy = law_strategy("most_available", 30);
    assert_int_equal(lw_select(strategy, &set->nodes, &retry), LW_EXCLUDED);
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
    set->nodes.eligible = NULL;
    set->nodes.present &= ~LW_HAS(remaining);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_evenly_among_the_best),
        cmocka_unit_test(counts_the_border_in),
        cmocka_unit_test(takes_epsilon_from_0_to_1),
        cmocka_unit_test(lets_a_nan_win_over_no_number),
        cmocka_unit_test(measures_from_the_best_that_may_be_chosen),
        cmocka_unit_test(finds_the_best_in_sets_of_any_size),
        cmocka_unit_test(insists_on_an_epsilon_from_0_to_1),
        cmocka_unit_test(most_available_refuses_when_nobody_may_be_chosen),
    };
    return cmocka_run_group_tests_name("most_available", tests, NULL, NULL);
}
