/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* least_load: the lowest load wins, a tie goes to chance, NaN goes last and never spoils an answer. */
#include "laws.h"

static void set_loads(law_set *set, const double *loads) {
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        set->load[i] = loads[i];
    }
}

static void assert_always(const char *spec, const double *loads, uint32_t count, uint32_t expected) {
    law_set *set = law_set_new(count);
    set_loads(set, loads);
    lw_strategy *strategy = law_strategy(spec, 1);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), expected);
    }
    lw_strategy_free(strategy);
    free(set);
}

static void takes_the_lowest(void **state) {
    (void)state;
    assert_always("least_load", (const double[]){3, 1, 2}, 3, 1);
    assert_always("least_load", (const double[]){0.5}, 1, 0);
    assert_always("least_load", (const double[]){5, 4, 3, 2, 1, 0, -1}, 7, 6);
    assert_always("least_load", (const double[]){-INFINITY, -1e308, 0}, 3, 0);
    assert_always("least_load", (const double[]){INFINITY, 1e308, INFINITY}, 3, 1);
    assert_always("least_load", (const double[]){1e-320, 2e-320, 3e-320}, 3, 0);
    assert_always("least_load", (const double[]){1, 0.9999999999999999}, 2, 1);
}

static void lets_a_nan_win_over_no_number(void **state) {
    (void)state;
    static const char *const specs[] = {"least_load", "least_load tie=first", "least_load weighted=true"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        assert_always(specs[s], (const double[]){NAN, 7, NAN}, 3, 1);
        assert_always(specs[s], (const double[]){NAN, NAN, NAN, INFINITY}, 4, 3);
        assert_always(specs[s], (const double[]){INFINITY, NAN}, 2, 0);
        assert_always(specs[s], (const double[]){NAN, 3, -2, NAN, 1, NAN, NAN, NAN, NAN}, 9, 2);
        assert_always(specs[s], (const double[]){-NAN, 1e300}, 2, 1);
    }
}

/* Counts over the nodes of the lowest load must be even, and nobody else may appear. */
static void assert_even_ties(const char *spec, const law_set *set, const lw_request *request, const double *shares,
                             uint64_t seed) {
    uint64_t counts[512] = {0};
    assert_true(set->nodes.count <= 512);
    lw_strategy *strategy = law_strategy(spec, seed);
    law_tally(strategy, &set->nodes, request, 60000, counts);
    assert_true(law_fits(counts, shares, set->nodes.count));
    lw_strategy_free(strategy);
}

static void breaks_ties_evenly(void **state) {
    (void)state;
    static const double loads[] = {2, 1, 1, 5, 1, 1, NAN, 3}, shares[] = {0, 1, 1, 0, 1, 1, 0, 0};
    static const double zeros[] = {0.0, -0.0, 1, -0.0, 0.0}, zero_shares[] = {1, 1, 0, 1, 1};
    static const double unknown[] = {NAN, NAN, -NAN, NAN}, unknown_shares[] = {1, 1, 1, 1};
    static const double endless[] = {INFINITY, NAN, INFINITY}, endless_shares[] = {1, 0, 1};
    law_set *set = law_set_new(8);
    set_loads(set, loads);
    assert_even_ties("least_load", set, NULL, shares, 2);
    law_set_init(set, 5);
    set_loads(set, zeros);
    assert_even_ties("least_load", set, NULL, zero_shares, 3);
    law_set_init(set, 4);
    set_loads(set, unknown);
    assert_even_ties("least_load", set, NULL, unknown_shares, 4);
    law_set_init(set, 3);
    set_loads(set, endless);
    assert_even_ties("least_load", set, NULL, endless_shares, 5);
    free(set);
}

static void breaks_ties_evenly_in_sets_of_any_size(void **state) {
    (void)state;
    uint64_t chance = 11;
    static const uint32_t sizes[] = {2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, 128, 129, 500};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        double shares[512];
        law_set *set = law_set_new(sizes[s]);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->load[i] = law_below(&chance, 3) == 0 ? 0.25 : 0.5 + law_below(&chance, 3);
        }
        set->load[law_below(&chance, sizes[s])] = 0.25;
        for (uint32_t i = 0; i < sizes[s]; i++) {
            shares[i] = set->load[i] == 0.25 ? 1 : 0;
        }
        assert_even_ties("least_load", set, NULL, shares, 6 + s);
        free(set);
    }
}

static void takes_the_first_of_a_tie_when_told(void **state) {
    (void)state;
    assert_always("least_load tie=first", (const double[]){2, 1, 3, 1, 1}, 5, 1);
    assert_always("least_load tie=first", (const double[]){NAN, NAN, NAN}, 3, 0);
    assert_always("least_load tie=first", (const double[]){1, -0.0, 0.0}, 3, 1);
    assert_always("least_load tie=first", (const double[]){1, 0.0, -0.0}, 3, 1);
    assert_always("least_load tie=first weighted=true", (const double[]){4, 4, 4}, 3, 0);
}

static void leaves_out_who_may_not_be_chosen(void **state) {
    (void)state;
    static const double loads[] = {1, 2, 3, 3, 3, 9}, shares[] = {0, 0, 0, 1, 1, 0};
    static const uint64_t excluded[] = {2, 0};
    lw_request retry = law_excluding(excluded, 2);
    law_set *set = law_set_new(6);
    set_loads(set, loads);
    law_set_only(set, 0x3d);
    assert_even_ties("least_load", set, &retry, shares, 31);
    free(set);
}

/* An answer for every set in which someone may be chosen, however little is known. */
static void answers_when_only_nan_is_left(void **state) {
    (void)state;
    static const double loads[] = {1, NAN, 2, NAN}, shares[] = {0, 1, 0, 1};
    static const uint64_t excluded[] = {0};
    lw_request retry = law_excluding(excluded, 1);
    law_set *set = law_set_new(4);
    set_loads(set, loads);
    law_set_only(set, 0xb);
    assert_even_ties("least_load", set, &retry, shares, 32);
    free(set);
}

static void compares_load_by_weight_when_told(void **state) {
    (void)state;
    static const double loads[] = {6, 2, 9, NAN, 4, 0.5}, shares[] = {1, 0, 1, 0, 1, 0};
    static const uint32_t weights[] = {6, 1, 9, 1000, 4, 0}; /* 1, 2, 1, unknown, 1, never */
    law_set *set = law_set_weighted(weights, 6);
    set_loads(set, loads);
    assert_even_ties("least_load weighted=true", set, NULL, shares, 33);
    static const double alone[] = {0, 0, 0, 0, 0, 1};
    set->load[5] = 0.25; /* and without weights, the lowest load is the lowest load */
    assert_even_ties("least_load", set, NULL, alone, 34);
    free(set);
}

static void refuses_when_nobody_may_be_chosen(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 1};
    lw_request retry = law_excluding(excluded, 2);
    law_set *set = law_set_new(2);
    static const char *const specs[] = {"least_load", "least_load tie=first", "least_load weighted=true"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        lw_strategy *strategy = law_strategy(specs[s], 35);
        assert_int_equal(lw_select(strategy, &set->nodes, &retry), LW_EXCLUDED);
        law_set_only(set, 0);
        assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
        set->nodes.eligible = NULL;
        lw_strategy_free(strategy);
    }
    law_set_weights(set, (const uint32_t[]){0, 0});
    lw_strategy *strategy = law_strategy("least_load weighted=true", 36);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
    set->nodes.present &= ~LW_HAS(load);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_lowest),
        cmocka_unit_test(lets_a_nan_win_over_no_number),
        cmocka_unit_test(breaks_ties_evenly),
        cmocka_unit_test(breaks_ties_evenly_in_sets_of_any_size),
        cmocka_unit_test(takes_the_first_of_a_tie_when_told),
        cmocka_unit_test(leaves_out_who_may_not_be_chosen),
        cmocka_unit_test(answers_when_only_nan_is_left),
        cmocka_unit_test(compares_load_by_weight_when_told),
        cmocka_unit_test(refuses_when_nobody_may_be_chosen),
    };
    return cmocka_run_group_tests_name("least_load", tests, NULL, NULL);
}
