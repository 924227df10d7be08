/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * stride: gRPC's sequence, exact over K = 65535 generations, and nobody's weight above max_ratio times the mean.
 *
 * The rule is written here a second time, node by node and in 64 bits, with weights scaled in floating point.
 */
#include "weight_laws.h"

enum { SCALE = 65535, STRIDE_MOST = 64 };

static int heavier_first(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left < right) - (left > right);
}

/* The cap: with the k heaviest at it, it is ratio times the mean; k is the first for which it is above the next. */
static double cap_of(const uint32_t *weights, uint32_t count, double ratio, double *mean) {
    uint32_t *sorted = law_room(count, sizeof *sorted), k = 0, some = 0;
    double rest = 0;
    memcpy(sorted, weights, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, heavier_first);
    for (uint32_t i = 0; i < count; i++) {
        rest += sorted[i];
        some += sorted[i] > 0;
    }
    double cap = sorted[0];
    *mean = rest / some;
    if (cap > ratio * *mean) {
        do {
            rest -= sorted[k++];
            cap = ratio * rest / (some - ratio * k);
        } while (cap < sorted[k]);
        *mean = cap / ratio;
    }
    free(sorted);
    return cap;
}

/* The scaled weights, by the letter of the rule; 0 stays 0. */
static void scale(const uint32_t *weights, uint32_t count, double ratio, uint64_t *scaled) {
    double mean, most = cap_of(weights, count, ratio, &mean);
    double least = fmax(1, floor(0.01 * mean * SCALE / most + 0.5));
    for (uint32_t i = 0; i < count; i++) {
        double share = fmin(SCALE, floor((double)weights[i] * SCALE / most + 0.5));
        scaled[i] = weights[i] == 0 ? 0 : (uint64_t)fmax(share, least);
    }
}

/* The next node of the plain rule, for sets in which every node has weight. */
static uint32_t naive_turn(uint64_t *sequence, const uint64_t *scaled, uint32_t count) {
    for (;;) {
        uint64_t s = (*sequence)++, i = s % count;
        if ((scaled[i] * (s / count) + 32767 * i) % SCALE >= SCALE - scaled[i]) {
            return (uint32_t)i;
        }
    }
}

static void plays_the_published_sequences(void **state) {
    (void)state;
    static const char *const spec = "stride phase=0 lanes=1";
    weight_law_of_sequence(spec, (const uint32_t[]){5, 1, 1}, 3, 1, "acaabaaacaabaa");
    weight_law_of_sequence(spec, (const uint32_t[]){4, 2, 1}, 3, 1, "abcaabacabaaba");
    weight_law_of_sequence(spec, (const uint32_t[]){500000000, 100000000, 100000000}, 3, 1, "acaabaaacaabaa");
    weight_law_of_sequence(spec, (const uint32_t[]){0, 4, 0, 2, 1, 0}, 6, 1, "bdebbdbebdbbdb");
    weight_law_of_sequence(spec, (const uint32_t[]){9}, 1, 1, "aaaaaa");
    weight_law_of_sequence(spec, (const uint32_t[]){0, UINT32_MAX}, 2, 1, "bbbbb");
    weight_law_of_sequence(spec, (const uint32_t[]){3, 3}, 2, 1, "ababab"); /* both have a turn in generation 0 */
}

static void equals_the_naive_rule(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        double ratio;
    } kinds[] = {{"stride phase=0 lanes=1", 10},
                 {"stride phase=0 lanes=1 max_ratio=1", 1},
                 {"stride phase=0 lanes=1 max_ratio=2", 2},
                 {"stride phase=0 lanes=1 max_ratio=1000", 1000}};
    uint64_t chance = 31;
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t weights[STRIDE_MOST], count = 1 + law_below(&chance, STRIDE_MOST);
        uint64_t scaled[STRIDE_MOST], sequence = 0;
        for (uint32_t i = 0; i < count; i++) {
            weights[i] = 1 + law_below(&chance, law_below(&chance, 20) == 0 ? 100000 : 10);
        }
        scale(weights, count, kinds[round % 4].ratio, scaled);
        law_set *set = law_set_weighted(weights, count);
        lw_strategy *strategy = law_strategy(kinds[round % 4].spec, 1);
        for (int i = 0; i < 5000; i++) {
            assert_int_equal(law_pick(strategy, &set->nodes, NULL), naive_turn(&sequence, scaled, count));
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Any K generations, wherever they begin, hold each node as often as its scaled weight says. */
static void assert_exact_cycles(const uint32_t *weights, uint32_t count, uint64_t seed, double ratio,
                                const char *spec) {
    uint64_t scaled[STRIDE_MOST], cycle = 0;
    scale(weights, count, ratio, scaled);
    law_set *set = law_set_weighted(weights, count);
    lw_strategy *strategy = law_strategy(spec, seed);
    for (uint32_t i = 0; i < count; i++) {
        cycle += scaled[i];
    }
    for (int i = 0; i < 1000; i++) { /* away from where the seed began */
        law_pick(strategy, &set->nodes, NULL);
    }
    for (int round = 0; round < 2; round++) {
        uint64_t counts[STRIDE_MOST] = {0};
        law_tally(strategy, &set->nodes, NULL, cycle, counts);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(counts[i], scaled[i]);
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

static void gives_exact_shares_over_a_cycle(void **state) {
    (void)state;
    static const uint32_t some[] = {5, 1, 1, 0, 30, 7, 13}, one[] = {UINT32_MAX, 1, 2};
    assert_exact_cycles(some, 7, 4, 10, "stride");
    assert_exact_cycles(some, 7, 5, 2, "stride max_ratio=2");
    assert_exact_cycles(one, 3, 6, 10, "stride");
}

/* One node of a hundred has nearly all the weight: it gets ten times the mean and no more. */
static void caps_at_so_many_times_the_mean(void **state) {
    (void)state;
    uint64_t counts[100] = {0};
    law_set *set = law_set_new(100);
    lw_strategy *strategy = law_strategy("stride", 7);
    set->weight[40] = 1000000000;
    law_tally(strategy, &set->nodes, NULL, 110000, counts);
    for (uint32_t i = 0; i < 100; i++) {
        assert_in_range(counts[i], i == 40 ? 10990 : 990, i == 40 ? 11010 : 1010);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* A node of next to no weight gets a hundredth of the mean. */
static void gives_at_least_a_hundredth_of_the_mean(void **state) {
    (void)state;
    uint64_t counts[100] = {0};
    law_set *set = law_set_new(100);
    lw_strategy *strategy = law_strategy("stride", 7);
    for (uint32_t i = 0; i < 100; i++) {
        set->weight[i] = i == 40 ? 1 : 1000000;
    }
    law_tally(strategy, &set->nodes, NULL, 990100, counts);
    assert_in_range(counts[40], 98, 102);
    lw_strategy_free(strategy);
    free(set);
}

/* The heaviest node takes each of its turns, one in n tickets; so its picks count the tickets of all. */
static void assert_tickets_bounded(const char *spec, const uint32_t *weights, uint32_t count, uint32_t heaviest,
                                   double ratio) {
    enum { PICKS = 400000 };
    uint64_t *counts = law_room(count, sizeof *counts);
    lw_nodes nodes;
    lw_nodes_init(&nodes, count);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    lw_strategy *strategy = law_strategy(spec, 3);
    law_tally(strategy, &nodes, NULL, PICKS, counts);
    double tickets = (double)counts[heaviest] * count / PICKS;
    if (tickets > ratio * 1.01 + (double)count / PICKS) {
        fail_msg("%s: %.1f tickets a pick over %u nodes", spec, tickets, (unsigned)count);
    }
    lw_strategy_free(strategy);
    free(counts);
}

static void asks_at_most_max_ratio_tickets_a_pick(void **state) {
    (void)state;
    enum { MANY = 10000 };
    static const uint32_t heavy[] = {1000, 100000, UINT32_MAX}, sizes[] = {20, 100, MANY};
    uint32_t *weights = law_room(MANY, sizeof *weights);
    for (uint32_t round = 0; round < 9; round++) {
        uint32_t count = sizes[round / 3];
        for (uint32_t i = 0; i < count; i++) { /* light ones, or ever lighter ones behind the heaviest */
            weights[i] = round % 2 == 0 || i > 31 ? 1 : UINT32_MAX >> i;
        }
        weights[0] = round % 2 == 0 ? heavy[round % 3] : weights[0];
        assert_tickets_bounded("stride", weights, count, 0, 10);
        assert_tickets_bounded("stride max_ratio=1", weights, count, 0, 1);
        assert_tickets_bounded("stride max_ratio=1000", weights, count, 0, 1000);
    }
    free(weights);
}

/* The others keep the shares that they have among themselves, far closer than chance would. */
static void keeps_shares_over_a_part_of_the_nodes(void **state) {
    (void)state;
    weight_law_of_a_part("stride", 10000, 19);
}

/* Nearly every turn is a node's that is away: the rest is drawn, by weight. */
static void draws_by_weight_when_the_heavy_nodes_are_away(void **state) {
    (void)state;
    uint64_t counts[203] = {0};
    double shares[203];
    law_set *set = law_set_new(203);
    law_set_none(set);
    for (uint32_t i = 0; i < 203; i++) {
        set->weight[i] = i % 100 == 2 ? 20 + i / 10 : 1000;
    }
    for (uint32_t i = 2; i < 203; i += 100) {
        lw_bitmap_set(set->words, i);
    }
    lw_strategy *strategy = law_strategy("stride", 15);
    law_tally(strategy, &set->nodes, NULL, 60000, counts);
    law_weighted_shares(set, NULL, shares);
    assert_true(law_fits(counts, shares, 203));
    lw_strategy_free(strategy);
    free(set);
}

static void plays_on_between_excluding_picks(void **state) {
    (void)state;
    weight_law_of_retries("stride phase=0 lanes=1");
}

/* 10,000 nodes, one heavy among light ones, most of weight 0: every one has its share, and none of the others any. */
static void takes_ten_thousand_nodes(void **state) {
    (void)state;
    enum { MANY = 10000 };
    uint32_t *weights = law_room(MANY, sizeof *weights);
    uint64_t *counts = law_room(MANY, sizeof *counts);
    lw_nodes nodes;
    for (uint32_t i = 0; i < MANY; i++) {
        weights[i] = i % 4;
    }
    lw_nodes_init(&nodes, MANY);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    lw_strategy *strategy = law_strategy("stride", 9);
    law_tally(strategy, &nodes, NULL, 15000 * 100, counts);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_in_range(counts[i] + 2, 100 * weights[i], 100 * weights[i] + (weights[i] > 0 ? 4 : 2));
    }
    lw_strategy_free(strategy);
    free(weights);
    free(counts);
}

static void begins_anywhere_by_default(void **state) {
    (void)state;
    static const uint32_t weights[] = {5, 1, 0, 3, 11};
    uint64_t counts[5] = {0};
    law_set *set = law_set_weighted(weights, 5);
    weight_tally_seeds("stride", set, counts);
    for (uint32_t i = 0; i < 5; i++) { /* the first pick is by weight only roughly: light turns come in clusters */
        assert_in_range(counts[i], 250 * weights[i], 4000 * weights[i]);
    }
    free(set);
}

static void refuses_what_it_cannot_choose_from(void **state) {
    (void)state;
    weight_law_of_refusals("stride");
}

static void keeps_to_the_range_of_its_parameters(void **state) {
    (void)state;
    static const char *const good[] = {"max_ratio=1", "max_ratio=1000"};
    static const char *const bad[] = {"max_ratio=0", "max_ratio=1001", "lanes=0", "lanes=32"};
    LAW_RANGES("stride", good, bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_the_published_sequences),
        cmocka_unit_test(equals_the_naive_rule),
        cmocka_unit_test(gives_exact_shares_over_a_cycle),
        cmocka_unit_test(caps_at_so_many_times_the_mean),
        cmocka_unit_test(gives_at_least_a_hundredth_of_the_mean),
        cmocka_unit_test(asks_at_most_max_ratio_tickets_a_pick),
        cmocka_unit_test(keeps_shares_over_a_part_of_the_nodes),
        cmocka_unit_test(draws_by_weight_when_the_heavy_nodes_are_away),
        cmocka_unit_test(plays_on_between_excluding_picks),
        cmocka_unit_test(takes_ten_thousand_nodes),
        cmocka_unit_test(begins_anywhere_by_default),
        cmocka_unit_test(refuses_what_it_cannot_choose_from),
        cmocka_unit_test(keeps_to_the_range_of_its_parameters),
    };
    return cmocka_run_group_tests_name("stride", tests, NULL, NULL);
}
