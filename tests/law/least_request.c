/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * least_request: for small sets the chance of each node follows from listing every course that the draws can take; the
 * picks must fit it, for either mode, any number of choices, any bias, and over any part of the nodes.
 */
#include "crowds.h"

#include "pool_yard.h"

enum { LISTED_MOST = 16 };

/* One way of asking, and what must come of it. */
struct listed {
    const crowds *c;
    const lw_request *request;
    uint32_t choices;
    double bias;
    uint32_t drawn[LISTED_MOST];
    double shares[LISTED_MOST];
};

static double weight_in(const struct listed *listed, uint32_t index) {
    bool may = law_may(&listed->c->set->nodes, listed->request, index);
    return may ? (double)listed->c->set->weight[index] : 0;
}

static double strength_in(const struct listed *listed, uint32_t index) {
    return weight_in(listed, index) * pow((double)listed->c->inflight[index] + 1, -listed->bias);
}

static bool alike_in(const struct listed *listed) {
    double seen = 0;
    for (uint32_t i = 0; i < listed->c->set->nodes.count; i++) {
        double weight = weight_in(listed, i);
        seen = seen > 0 ? seen : weight;
        if (weight > 0 && weight != seen) {
            return false;
        }
    }
    return true;
}

/* ---- weights alike: every order in which nodes can be drawn ---- */

static bool was_drawn(const struct listed *listed, uint32_t drawn, uint32_t index) {
    for (uint32_t i = 0; i < drawn; i++) {
        if (listed->drawn[i] == index) {
            return true;
        }
    }
    return false;
}

static void list_orders(struct listed *listed, uint32_t drawn, double chance) {
    uint32_t left = 0, count = listed->c->set->nodes.count, best = listed->drawn[0];
    for (uint32_t i = 0; i < count; i++) {
        left += weight_in(listed, i) > 0 && !was_drawn(listed, drawn, i);
    }
    if (drawn == listed->choices || left == 0) {
        for (uint32_t i = 1; i < drawn; i++) {
            best = listed->c->inflight[listed->drawn[i]] < listed->c->inflight[best] ? listed->drawn[i] : best;
        }
        listed->shares[best] += chance;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (weight_in(listed, i) > 0 && !was_drawn(listed, drawn, i)) {
            listed->drawn[drawn] = i;
            list_orders(listed, drawn + 1, chance / left);
        }
    }
}

/* ---- weights that differ: where the walk can be after each step ---- */

static void list_step(struct listed *listed, double weights) {
    double next[LISTED_MOST] = {0};
    uint32_t count = listed->c->set->nodes.count;
    for (uint32_t from = 0; from < count; from++) {
        for (uint32_t to = 0; to < count; to++) {
            double here = (double)listed->c->inflight[from] + 1, there = (double)listed->c->inflight[to] + 1;
            double moves = there <= here ? 1 : pow(here / there, listed->bias);
            double chance = listed->shares[from] * weight_in(listed, to) / weights;
            next[to] += chance * moves;
            next[from] += chance * (1 - moves);
        }
    }
    memcpy(listed->shares, next, sizeof next);
}

static void list_walk(struct listed *listed) {
    double weights = 0;
    for (uint32_t i = 0; i < listed->c->set->nodes.count; i++) {
        weights += weight_in(listed, i);
    }
    for (uint32_t i = 0; i < listed->c->set->nodes.count; i++) {
        listed->shares[i] = weight_in(listed, i) / weights;
    }
    for (uint32_t step = 1; step < listed->choices; step++) {
        list_step(listed, weights);
    }
}

/* ---- either ---- */

static struct listed list_sample(const crowds *c, const lw_request *request, uint32_t choices, double bias) {
    struct listed listed = {.c = c, .request = request, .choices = choices, .bias = bias};
    assert_true(c->set->nodes.count <= LISTED_MOST);
    if (alike_in(&listed)) {
        list_orders(&listed, 0, 1);
    } else {
        list_walk(&listed);
    }
    return listed;
}

static struct listed list_scan(const crowds *c, const lw_request *request, double bias) {
    struct listed listed = {.c = c, .request = request, .bias = bias};
    uint32_t count = c->set->nodes.count, least = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        least = weight_in(&listed, i) > 0 && c->inflight[i] < least ? c->inflight[i] : least;
    }
    bool alike = alike_in(&listed);
    for (uint32_t i = 0; i < count; i++) {
        bool among = weight_in(&listed, i) > 0 && c->inflight[i] == least;
        listed.shares[i] = alike ? (among ? 1 : 0) : strength_in(&listed, i);
    }
    return listed;
}

static void assert_both_as_listed(const crowds *c, const lw_request *request, uint32_t choices, double bias,
                                  uint64_t seed) {
    char spec[80];
    struct listed sample = list_sample(c, request, choices, bias), scan = list_scan(c, request, bias);
    snprintf(spec, sizeof spec, "least_request choices=%u bias=%g", (unsigned)choices, bias);
    crowds_assert_shares(spec, c, request, sample.shares, seed);
    snprintf(spec, sizeof spec, "least_request mode=scan bias=%g", bias);
    crowds_assert_shares(spec, c, request, scan.shares, seed);
}

static const double biases[] = {1, 0, 0.5, 2, 1.375, 10};

static void picks_as_listed_where_weights_differ(void **state) {
    (void)state;
    uint64_t chance = 21;
    for (uint32_t round = 0; round < 48; round++) {
        crowds *c = crowds_random(2 + law_below(&chance, 7), 6, round % 2 == 0 ? 3 : 40, &chance);
        assert_both_as_listed(c, NULL, 2 + round % 4, biases[round % LAW_COUNT(biases)], 100 + round);
        crowds_free(c);
    }
}

static void picks_as_listed_where_weights_are_alike(void **state) {
    (void)state;
    uint64_t chance = 22;
    for (uint32_t round = 0; round < 30; round++) {
        crowds *c = crowds_new(NULL, 1 + law_below(&chance, 8));
        for (uint32_t i = 0; i < c->set->nodes.count; i++) {
            c->set->weight[i] = round % 3 != 2 || law_below(&chance, 3) > 0 || i == 0 ? 7 : 0;
            c->inflight[i] = law_below(&chance, 3 + round);
        }
        assert_both_as_listed(c, NULL, 2 + round % 3, biases[round % LAW_COUNT(biases)], 200 + round);
        crowds_free(c);
    }
}

/* Weights of those that are away say nothing, not even whether weights are alike. */
static void picks_as_listed_over_a_part_of_the_nodes(void **state) {
    (void)state;
    uint64_t chance = 23, excluded[2];
    for (uint32_t round = 0; round < 60; round++) {
        crowds *c = crowds_random(3 + law_below(&chance, 9), round % 2 == 0 ? 2 : 9, 6, &chance);
        law_set_only(c->set, law_random(&chance) | 1);
        excluded[0] = 1 + law_below(&chance, 11);
        excluded[1] = 1 + law_below(&chance, 11);
        lw_request retry = law_excluding(excluded, law_below(&chance, 3));
        if (round % 5 == 0) {
            c->set->nodes.eligible = NULL;
        }
        assert_both_as_listed(c, &retry, 2 + round % 3, biases[round % 3], 300 + round);
        crowds_free(c);
    }
}

/* One heavy node away among many, so that redraws do not find who is left. */
static void picks_as_listed_beside_an_absent_heavy_node(void **state) {
    (void)state;
    static const uint32_t weights[] = {4000000000, 2, 1, 1, 2}, same[] = {4000000000, 3, 3, 3, 3};
    crowds *c = crowds_new(weights, 5);
    crowds_set(c, (const uint32_t[]){0, 5, 2, 1, 0});
    law_set_only(c->set, 0x1e);
    assert_both_as_listed(c, NULL, 2, 1, 31);
    law_set_weights(c->set, same);
    assert_both_as_listed(c, NULL, 3, 1, 32);
    crowds_free(c);
}

/* However many are in flight, while it is the same number everywhere the weights alone decide. */
static void shares_are_by_weight_while_crowds_are_equal(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 2, 3, 10, 0, 4}, crowd[] = {0, 1, 17, 4000000000, UINT32_MAX};
    static const double shares[] = {1, 2, 3, 10, 0, 4};
    static const char *const specs[] = {"least_request", "least_request choices=16", "least_request bias=10",
                                        "least_request mode=scan", "least_request mode=scan bias=0.3"};
    crowds *c = crowds_new(weights, 6);
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        for (uint32_t i = 0; i < 6; i++) {
            c->inflight[i] = crowd[s];
        }
        crowds_assert_shares(specs[s], c, NULL, shares, 400 + s);
    }
    crowds_free(c);
}

/* More choices come nearer to w / (a + 1)^bias at every step; 16 are close. */
static void more_choices_come_nearer_to_the_effective_weights(void **state) {
    (void)state;
    uint64_t chance = 24;
    for (uint32_t round = 0; round < 40; round++) {
        crowds *c = crowds_random(6, 9, 8, &chance);
        c->set->weight[1] = c->set->weight[0] + 1;
        struct listed aim = list_scan(c, NULL, 1);
        double sum = 0, before = 2;
        for (uint32_t i = 0; i < 6; i++) {
            sum += aim.shares[i];
        }
        for (uint32_t choices = 2; choices <= 16; choices++) {
            struct listed got = list_sample(c, NULL, choices, 1);
            double off = 0;
            for (uint32_t i = 0; i < 6; i++) {
                off += fabs(got.shares[i] - aim.shares[i] / sum);
            }
            assert_true(off <= before + 1e-12);
            before = off;
        }
        assert_true(before < 0.1);
        crowds_free(c);
    }
}

/* Of two nodes of one weight the busier is never taken, whatever the bias. */
static void takes_the_idler_of_two_alike(void **state) {
    (void)state;
    crowds *c = crowds_new((const uint32_t[]){UINT32_MAX, UINT32_MAX}, 2);
    crowds_set(c, (const uint32_t[]){3, 2});
    crowds_assert_always("least_request", c, 1, 5);
    crowds_assert_always("least_request bias=0 choices=16", c, 1, 6);
    crowds_assert_always("least_request mode=scan bias=0", c, 1, 7);
    crowds_set(c, (const uint32_t[]){UINT32_MAX - 1, UINT32_MAX});
    crowds_assert_always("least_request", c, 0, 8);
    crowds_free(c);
}

/* The greatest numbers there are: weights whose sum passes 2^32, counts whose a + 1 would. */
static void holds_at_the_ends_of_the_ranges(void **state) {
    (void)state;
    static const uint32_t weights[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX / 2, 1};
    crowds *c = crowds_new(weights, 4);
    crowds_set(c, (const uint32_t[]){1, 0, 2, 0});
    for (uint32_t i = 0; i < LAW_COUNT(biases); i++) {
        assert_both_as_listed(c, NULL, 2 + i, biases[i], 500 + i);
    }
    crowds_set(c, (const uint32_t[]){UINT32_MAX, UINT32_MAX, 0, 0});
    crowds_assert_always("least_request choices=2 mode=scan bias=10", c, 2, 510);
    crowds_set(c, (const uint32_t[]){UINT32_MAX, UINT32_MAX - 1, UINT32_MAX / 2, UINT32_MAX});
    struct listed scan = list_scan(c, NULL, 1);
    crowds_assert_shares("least_request mode=scan", c, NULL, scan.shares, 511);
    crowds_free(c);
    c = crowds_new((const uint32_t[]){9}, 1);
    crowds_assert_always("least_request", c, 0, 512);
    crowds_free(c);
}

/* Without a weight column all weigh 1. */
static void nodes_without_weights_are_alike(void **state) {
    (void)state;
    crowds *c = crowds_new((const uint32_t[]){0, 9, 2}, 3);
    crowds_set(c, (const uint32_t[]){0, 1, 1});
    c->set->nodes.present &= ~LW_HAS(weight);
    crowds_assert_always("least_request choices=3", c, 0, 9);
    crowds_assert_always("least_request mode=scan", c, 0, 9);
    crowds_free(c);
}

static void parameters_have_their_ranges(void **state) {
    (void)state;
    static const char *const good[] = {"choices=2 bias=0 mode=sample", "choices=16 bias=10 mode=scan"};
    static const char *const bad[] = {"choices=1", "choices=17", "bias=10.1", "mode=all"};
    LAW_RANGES("least_request", good, bad);
}

static void least_request_refuses_as_all_do(void **state) {
    (void)state;
    crowds_assert_refusals("least_request", true);
    crowds_assert_refusals("least_request mode=scan", true);
}

static void least_request_repeats_and_tells(void **state) {
    (void)state;
    crowds_assert_repeatable("least_request");
    crowds_assert_repeatable("least_request mode=scan bias=0.7");
}

static void finds_one_among_many(void **state) {
    (void)state;
    crowds_assert_found_among_many("least_request mode=scan", 50);
}

/* In a pool, where the counts are the pool's own: an even spread, by its tally and past it. */
static void spreads_evenly_in_a_pool(void **state) {
    (void)state;
    static const char *const specs[] = {"least_request mode=scan", "least_request choices=16"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        yard y;
        uint32_t held[16] = {0};
        yard_open(&y, NULL, specs[s], 16, 3);
        for (uint32_t i = 0; i < 16 * 5; i++) {
            lw_ticket ticket = yard_pick(&y, NULL);
            held[yard_index(&y, ticket.node)]++;
        }
        for (uint32_t i = 0; i < 16; i++) {
            assert_int_equal(held[i], 5);
        }
        yard_close(&y);
    }
}

/* The tally of a pool does not know of weights: a node of weight 0 has the fewest in flight, and is not for picking. */
static void leaves_weight_0_alone_in_a_pool(void **state) {
    (void)state;
    yard y;
    yard_found(&y, NULL, 4);
    yard_strategy(&y, "least_request mode=scan");
    y.count = 4;
    y.spec[2].weight = 0;
    yard_update(&y);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_not_equal(yard_index(&y, yard_pick(&y, NULL).node), 2);
    }
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_as_listed_where_weights_differ),
        cmocka_unit_test(picks_as_listed_where_weights_are_alike),
        cmocka_unit_test(picks_as_listed_over_a_part_of_the_nodes),
        cmocka_unit_test(picks_as_listed_beside_an_absent_heavy_node),
        cmocka_unit_test(shares_are_by_weight_while_crowds_are_equal),
        cmocka_unit_test(more_choices_come_nearer_to_the_effective_weights),
        cmocka_unit_test(takes_the_idler_of_two_alike),
        cmocka_unit_test(holds_at_the_ends_of_the_ranges),
        cmocka_unit_test(nodes_without_weights_are_alike),
        cmocka_unit_test(parameters_have_their_ranges),
        cmocka_unit_test(least_request_refuses_as_all_do),
        cmocka_unit_test(least_request_repeats_and_tells),
        cmocka_unit_test(finds_one_among_many),
        cmocka_unit_test(spreads_evenly_in_a_pool),
        cmocka_unit_test(leaves_weight_0_alone_in_a_pool),
    };
    return cmocka_run_group_tests_name("least_request", tests, NULL, NULL);
}
