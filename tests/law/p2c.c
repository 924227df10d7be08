/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2c: draws distinct nodes, the lowest load wins. For small sets the chance of each node to win follows from listing
 * every order in which nodes can be drawn; the picks must fit it.
 */
#include "laws.h"
#include "pool_yard.h"

enum { P2C_MOST = 16 };

/* One way of asking: what is drawn from, how many, and whether draws and scores go by weight. */
struct listing {
    const law_set *set;
    const lw_request *request;
    uint32_t choices;
    bool weighted;
    const double *loads;
    uint32_t drawn[P2C_MOST];
    double shares[P2C_MOST];
};

static double listed_weight(const struct listing *listing, uint32_t index) {
    return listing->weighted ? listing->set->weight[index] : 1;
}

static double listed_score(const struct listing *listing, uint32_t index) {
    return listing->loads[index] / listed_weight(listing, index);
}

/* The first drawn of those with the lowest score; a number before any NaN. */
static uint32_t winner_of(const struct listing *listing, uint32_t drawn) {
    uint32_t best = listing->drawn[0];
    for (uint32_t i = 1; i < drawn; i++) {
        double score = listed_score(listing, listing->drawn[i]), least = listed_score(listing, best);
        if (score < least || (isnan(least) && !isnan(score))) {
            best = listing->drawn[i];
        }
    }
    return best;
}

static bool can_follow(const struct listing *listing, uint32_t drawn, uint32_t index) {
    for (uint32_t i = 0; i < drawn; i++) {
        if (listing->drawn[i] == index) {
            return false;
        }
    }
    return law_may(&listing->set->nodes, listing->request, index) && listed_weight(listing, index) > 0;
}

/* Adds to the shares what follows from the draws so far, which have this probability. */
static void list_draws(struct listing *listing, uint32_t drawn, double probability) {
    double left = 0;
    for (uint32_t i = 0; i < listing->set->nodes.count; i++) {
        left += can_follow(listing, drawn, i) ? listed_weight(listing, i) : 0;
    }
    if (drawn == listing->choices || left <= 0) {
        listing->shares[winner_of(listing, drawn)] += probability;
        return;
    }
    for (uint32_t i = 0; i < listing->set->nodes.count; i++) {
        if (can_follow(listing, drawn, i)) {
            listing->drawn[drawn] = i;
            list_draws(listing, drawn + 1, probability * listed_weight(listing, i) / left);
        }
    }
}

static void assert_picks_fit(struct listing *listing, const char *metric, uint64_t seed) {
    uint64_t counts[P2C_MOST] = {0};
    char spec[64];
    assert_true(listing->set->nodes.count <= P2C_MOST);
    snprintf(spec, sizeof spec, "p2c choices=%u weighted=%s metric=%s", (unsigned)listing->choices,
             listing->weighted ? "true" : "false", metric);
    lw_strategy *strategy = law_strategy(spec, seed);
    list_draws(listing, 0, 1);
    law_tally(strategy, &listing->set->nodes, listing->request, 50000, counts);
    if (!law_fits(counts, listing->shares, listing->set->nodes.count)) {
        fail_msg("%s over %u nodes", spec, (unsigned)listing->set->nodes.count);
    }
    lw_strategy_free(strategy);
}

static void assert_as_listed(const law_set *set, const lw_request *request, uint32_t choices, bool weighted,
                             uint64_t seed) {
    struct listing listing = {
        .set = set, .request = request, .choices = choices, .weighted = weighted, .loads = set->load};
    assert_picks_fit(&listing, "load", seed);
}

static void picks_as_the_list_of_draws_says(void **state) {
    (void)state;
    uint64_t chance = 12;
    for (uint64_t round = 0; round < 60; round++) {
        law_set *set = law_set_new(1 + law_below(&chance, 8));
        for (uint32_t i = 0; i < set->nodes.count; i++) {
            set->load[i] = round % 2 == 0 ? (double)law_random(&chance) : (double)law_below(&chance, 3);
        }
        assert_as_listed(set, NULL, 2 + (uint32_t)round % 3, false, 100 + round);
        free(set);
    }
}

static void picks_as_listed_over_a_part_of_the_nodes(void **state) {
    (void)state;
    uint64_t chance = 13, excluded[2];
    for (uint64_t round = 0; round < 60; round++) {
        law_set *set = law_set_new(3 + law_below(&chance, 9));
        for (uint32_t i = 0; i < set->nodes.count; i++) {
            set->load[i] = law_below(&chance, 6);
        }
        law_set_only(set, law_random(&chance) | 1);
        excluded[0] = 1 + law_below(&chance, 11);
        excluded[1] = 1 + law_below(&chance, 11);
        lw_request retry = law_excluding(excluded, law_below(&chance, 3));
        assert_as_listed(set, &retry, 2 + (uint32_t)round % 3, false, 200 + round);
        free(set);
    }
}

static void takes_the_lower_of_two_always(void **state) {
    (void)state;
    law_set *set = law_set_new(2);
    set->load[0] = 1.5;
    set->load[1] = 1.25;
    lw_strategy *strategy = law_strategy("p2c", 14);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), 1);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Three of a thousand are eligible, and one of those is excluded: still the lower of the two that are left, always. */
static void takes_the_lower_of_the_two_that_are_left(void **state) {
    (void)state;
    static const uint64_t excluded[] = {123};
    lw_request retry = law_excluding(excluded, 1);
    law_set *set = law_set_new(1000);
    law_set_none(set);
    lw_bitmap_set(set->words, 7);
    lw_bitmap_set(set->words, 123);
    lw_bitmap_set(set->words, 998);
    set->load[7] = 2;
    set->load[998] = 1;
    lw_strategy *strategy = law_strategy("p2c", 15);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, &retry), 998);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* As many choices as nodes, or more, are a scan. */
static void finds_the_lowest_when_all_are_drawn(void **state) {
    (void)state;
    law_set *set = law_set_new(5);
    for (uint32_t i = 0; i < 5; i++) {
        set->load[i] = i == 3 ? 0 : 1 + i;
    }
    static const char *const specs[] = {"p2c choices=5", "p2c choices=16"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        lw_strategy *strategy = law_strategy(specs[s], 16);
        for (int i = 0; i < 5000; i++) {
            assert_int_equal(law_pick(strategy, &set->nodes, NULL), 3);
        }
        lw_strategy_free(strategy);
    }
    free(set);
}

static void lets_a_nan_win_over_no_number(void **state) {
    (void)state;
    static const double loads[] = {NAN, INFINITY, NAN, 2, NAN, -NAN};
    law_set *set = law_set_new(6);
    for (uint32_t i = 0; i < 6; i++) {
        set->load[i] = loads[i];
    }
    assert_as_listed(set, NULL, 2, false, 17);
    assert_as_listed(set, NULL, 3, false, 18);
    set->load[1] = set->load[3] = NAN; /* nothing known at all: an even draw */
    assert_as_listed(set, NULL, 2, false, 19);
    free(set);
}

/* Idle nodes share by weight, busy ones are compared by load over weight, weight 0 is not drawn. */
static void draws_and_compares_by_weight_when_told(void **state) {
    (void)state;
    static const uint32_t weights[] = {4, 1, 2, 0, 3, 2};
    uint64_t chance = 20;
    law_set *set = law_set_weighted(weights, 6);
    for (uint32_t choices = 2; choices <= 4; choices++) {
        for (uint32_t i = 0; i < 6; i++) {
            set->load[i] = 0;
        }
        assert_as_listed(set, NULL, choices, true, 300 + choices);
        for (uint32_t i = 0; i < 6; i++) {
            set->load[i] = law_below(&chance, 5);
        }
        assert_as_listed(set, NULL, choices, true, 310 + choices);
        law_set_only(set, 0x2d);
        assert_as_listed(set, NULL, choices, true, 320 + choices);
        set->nodes.eligible = NULL;
    }
    free(set);
}

/* Every signal there is, each with loads of its own, and a load column that says otherwise. */
static void chooses_by_any_signal_with_and_without_weights(void **state) {
    (void)state;
    static const char *const metrics[] = {"load", "inflight", "inflight_cost", "ewma", "peak_ewma", "external", "user"};
    static const uint32_t weights[] = {4, 1, 2, 0, 3, 2};
    double loads[LW_SIGNALS][6];
    lw_f64_column signals[LW_SIGNALS];
    uint64_t chance = 27;
    assert_int_equal(LAW_COUNT(metrics), LW_SIGNALS);
    for (uint32_t round = 0; round < 4 * LW_SIGNALS; round++) {
        uint32_t signal = round % LW_SIGNALS;
        law_set *set = law_set_weighted(weights, 6);
        for (uint32_t s = 0; s < LW_SIGNALS; s++) {
            for (uint32_t i = 0; i < 6; i++) {
                loads[s][i] = law_below(&chance, 7) == 0 ? (double)NAN : (double)law_below(&chance, 5);
            }
            signals[s] = (lw_f64_column){.at = lw_layout_strided(loads[s], sizeof(double), 0)};
        }
        LW_SET_VALUES(set->nodes, load, loads[LW_SIGNAL_LOAD]);
        set->nodes.signals = signals;
        set->nodes.present |= LW_HAS_SIGNALS;
        struct listing listing = {
            .set = set, .choices = 2 + round % 3, .weighted = round / LW_SIGNALS % 2 == 0, .loads = loads[signal]};
        assert_picks_fit(&listing, metrics[signal], 330 + round);
        free(set);
    }
}

/* Where comparisons fall out by chance a node wins half of the pairs that it is in, and it is in more of them than its
   weight says: of weights 2, 2, 1 the last has 0.61 of the others' shares, not 0.5. */
static void drifts_from_the_weights_as_the_page_says(void **state) {
    (void)state;
    static const double shares[] = {23, 23, 14}; /* 23/60, the chance to be drawn 2/5 + 4/15 + 1/10, halved; 14/60 */
    static const uint32_t weights[] = {2, 2, 1};
    uint64_t counts[3] = {0}, chance = 28;
    law_set *set = law_set_weighted(weights, 3);
    lw_strategy *strategy = law_strategy("p2c weighted=true", 28);
    for (uint32_t i = 0; i < 200000; i++) {
        for (uint32_t node = 0; node < 3; node++) {
            set->load[node] = (double)(law_random(&chance) >> 11) * weights[node];
        }
        counts[law_pick(strategy, &set->nodes, NULL)]++;
    }
    assert_true(law_fits(counts, shares, 3));
    lw_strategy_free(strategy);
    free(set);
}

/* A pool counts the request itself in: idle nodes are not equal there, the heavier one is faster. */
static void takes_the_faster_of_two_idle_nodes_in_a_pool(void **state) {
    (void)state;
    uint64_t counts[2] = {0};
    yard y;
    yard_found(&y, NULL, 29);
    yard_strategy(&y, "p2c weighted=true metric=inflight");
    y.count = 2;
    y.spec[1].weight = 3;
    yard_update(&y);
    yard_tally(&y, NULL, 1000, counts);
    assert_int_equal(counts[1], 1000);
    yard_close(&y);
}

/* However lopsided the weights, two nodes that may be chosen are both looked at. */
static void relieves_a_heavy_node_that_is_overloaded(void **state) {
    (void)state;
    static const uint32_t weights[] = {1000000, 1};
    law_set *set = law_set_weighted(weights, 2);
    set->load[0] = 1e9; /* 1000 a unit of weight, against 5 */
    set->load[1] = 5;
    lw_strategy *strategy = law_strategy("p2c weighted=true", 21);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), 1);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* The same when a heavy node that is away would catch nearly every draw. */
static void compares_what_is_left_beside_an_absent_heavy_node(void **state) {
    (void)state;
    static const uint32_t weights[] = {1000000, 2, 1, 1};
    static const double loads[] = {0, 8, 3, 5};
    law_set *set = law_set_weighted(weights, 4);
    law_set_only(set, 0xe);
    for (uint32_t i = 0; i < 4; i++) {
        set->load[i] = loads[i];
    }
    assert_as_listed(set, NULL, 2, true, 22);
    free(set);
}

/* Balls into bins, the reason for p2c: the fullest of 4096 bins holds about 4 where blind draws make 7 or more. */
static void keeps_the_fullest_bin_low(void **state) {
    (void)state;
    static const char *const specs[] = {"random", "p2c"};
    double fullest[2] = {0, 0};
    law_set *set = law_set_new(4096);
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        lw_strategy *strategy = law_strategy(specs[s], 23);
        for (uint32_t i = 0; i < 4096; i++) {
            set->load[i] = 0;
        }
        for (uint32_t ball = 0; ball < 4096; ball++) {
            double *bin = &set->load[law_pick(strategy, &set->nodes, NULL)];
            *bin += 1;
            fullest[s] = *bin > fullest[s] ? *bin : fullest[s];
        }
        lw_strategy_free(strategy);
    }
    assert_true(fullest[0] >= 5);
    assert_true(fullest[1] <= 4);
    free(set);
}

static void p2c_refuses_when_nobody_may_be_chosen(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 1, 2};
    lw_request retry = law_excluding(excluded, 3);
    static const char *const specs[] = {"p2c", "p2c choices=4", "p2c weighted=true"};
    law_set *set = law_set_new(3);
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        lw_strategy *strategy = law_strategy(specs[s], 24);
        assert_int_equal(lw_select(strategy, &set->nodes, &retry), LW_EXCLUDED);
        law_set_only(set, 0);
        assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
        set->nodes.eligible = NULL;
        lw_strategy_free(strategy);
    }
    law_set_weights(set, (const uint32_t[]){0, 0, 0});
    lw_strategy *strategy = law_strategy("p2c weighted=true", 25);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
    law_set_weights(set, (const uint32_t[]){0, 9, 0});
    law_set_only(set, 5);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_as_the_list_of_draws_says),
        cmocka_unit_test(picks_as_listed_over_a_part_of_the_nodes),
        cmocka_unit_test(takes_the_lower_of_two_always),
        cmocka_unit_test(takes_the_lower_of_the_two_that_are_left),
        cmocka_unit_test(finds_the_lowest_when_all_are_drawn),
        cmocka_unit_test(lets_a_nan_win_over_no_number),
        cmocka_unit_test(draws_and_compares_by_weight_when_told),
        cmocka_unit_test(chooses_by_any_signal_with_and_without_weights),
        cmocka_unit_test(drifts_from_the_weights_as_the_page_says),
        cmocka_unit_test(takes_the_faster_of_two_idle_nodes_in_a_pool),
        cmocka_unit_test(relieves_a_heavy_node_that_is_overloaded),
        cmocka_unit_test(compares_what_is_left_beside_an_absent_heavy_node),
        cmocka_unit_test(keeps_the_fullest_bin_low),
        cmocka_unit_test(p2c_refuses_when_nobody_may_be_chosen),
    };
    return cmocka_run_group_tests_name("p2c", tests, NULL, NULL);
}
