/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sed and nq: the least (a + 1) / w, compared here as fractions of whole numbers; and before that, for nq, any node
 * that is idle, by weight.
 */
#include "crowds.h"

#include "pool_yard.h"

static uint64_t weight_of(const crowds *c, const lw_request *request, uint32_t index) {
    return law_may(&c->set->nodes, request, index) ? c->set->weight[index] : 0;
}

/* Is a's delay shorter than b's? Both have weight. */
static bool is_shorter(const crowds *c, uint32_t a, uint32_t b) {
    return ((uint64_t)c->inflight[a] + 1) * c->set->weight[b] < ((uint64_t)c->inflight[b] + 1) * c->set->weight[a];
}

static void list_sed(const crowds *c, const lw_request *request, double *shares) {
    for (uint32_t i = 0; i < c->set->nodes.count; i++) {
        shares[i] = weight_of(c, request, i) > 0;
        for (uint32_t other = 0; other < c->set->nodes.count; other++) {
            if (shares[i] > 0 && weight_of(c, request, other) > 0 && is_shorter(c, other, i)) {
                shares[i] = 0;
            }
        }
    }
}

static void list_nq(const crowds *c, const lw_request *request, double *shares) {
    bool idle = false;
    for (uint32_t i = 0; i < c->set->nodes.count; i++) {
        shares[i] = c->inflight[i] == 0 ? (double)weight_of(c, request, i) : 0;
        idle |= shares[i] > 0;
    }
    if (!idle) {
        list_sed(c, request, shares);
    }
}

static void assert_sed_and_nq(const crowds *c, const lw_request *request, uint64_t seed) {
    double shares[LAW_MOST];
    list_sed(c, request, shares);
    crowds_assert_shares("sed", c, request, shares, seed);
    list_nq(c, request, shares);
    crowds_assert_shares("nq", c, request, shares, seed);
}

static void take_the_least_delay_or_an_idle_node(void **state) {
    (void)state;
    uint64_t chance = 41;
    for (uint32_t round = 0; round < 60; round++) {
        crowds *c = crowds_random(1 + law_below(&chance, 12), 4, 1 + round % 9, &chance);
        assert_sed_and_nq(c, NULL, 100 + round);
        crowds_free(c);
    }
}

static void take_them_over_a_part_of_the_nodes(void **state) {
    (void)state;
    uint64_t chance = 42, excluded[2];
    for (uint32_t round = 0; round < 40; round++) {
        crowds *c = crowds_random(3 + law_below(&chance, 20), 4, 1 + round % 4, &chance);
        law_set_only(c->set, law_random(&chance) | 1);
        excluded[0] = 1 + law_below(&chance, 20);
        excluded[1] = 1 + law_below(&chance, 20);
        lw_request retry = law_excluding(excluded, law_below(&chance, 3));
        assert_sed_and_nq(c, &retry, 200 + round);
        crowds_free(c);
    }
}

/* From 65 nodes on there is more than one word to look through. */
static void take_them_in_sets_of_any_size(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 128, 129, 500};
    uint64_t chance = 43;
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        crowds *c = crowds_random(sizes[s], 4, 12, &chance);
        assert_sed_and_nq(c, NULL, 300 + s);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            c->inflight[i]++; /* nobody idle */
        }
        assert_sed_and_nq(c, NULL, 320 + s);
        crowds_free(c);
    }
}

/* Requests that never end: sed gives nodes as many as they weigh. */
static void sed_fills_by_speed(void **state) {
    (void)state;
    crowds *c = crowds_new((const uint32_t[]){5, 3, 1}, 3);
    lw_strategy *strategy = law_strategy("sed", 4);
    uint32_t total[3] = {0};
    for (uint32_t i = 0; i < 9; i++) {
        uint32_t index = law_pick(strategy, &c->set->nodes, NULL);
        total[index]++;
        c->inflight[index]++;
    }
    assert_int_equal(total[0], 5);
    assert_int_equal(total[1], 3);
    assert_int_equal(total[2], 1);
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* The case that gave nq its name: a fast node with one request beats a slow idle one for sed, not for nq. */
static void nq_leaves_nobody_idle(void **state) {
    (void)state;
    crowds *c = crowds_new((const uint32_t[]){10, 1, 0}, 3);
    crowds_set(c, (const uint32_t[]){1, 0, 0});
    crowds_assert_always("sed", c, 0, 5);
    crowds_assert_always("nq", c, 1, 5);
    c->inflight[1] = 1;
    crowds_assert_always("nq", c, 0, 6);
    crowds_free(c);
}

static void hold_at_the_ends_of_the_ranges(void **state) {
    (void)state;
    crowds *c = crowds_new((const uint32_t[]){UINT32_MAX, 1, UINT32_MAX, UINT32_MAX}, 4);
    crowds_set(c, (const uint32_t[]){UINT32_MAX, 0, UINT32_MAX, UINT32_MAX});
    assert_sed_and_nq(c, NULL, 7); /* 2^32 / (2^32 - 1) against 1 */
    crowds_set(c, (const uint32_t[]){0, 0, 0, UINT32_MAX});
    assert_sed_and_nq(c, NULL, 8);
    c->set->nodes.present &= ~LW_HAS(weight);
    crowds_set(c, (const uint32_t[]){UINT32_MAX, 7, 9, 8});
    crowds_assert_always("sed", c, 1, 9);
    crowds_assert_always("nq", c, 1, 9);
    crowds_free(c);
}

static void sed_and_nq_refuse_as_all_do(void **state) {
    (void)state;
    crowds_assert_refusals("sed", true);
    crowds_assert_refusals("nq", true);
    static const law_answer unknown[] = {{"sed weighted=true", LW_UNKNOWN}, {"nq tie=first", LW_UNKNOWN}};
    law_answers(unknown, LAW_COUNT(unknown));
}

static void sed_and_nq_repeat_and_tell(void **state) {
    (void)state;
    crowds_assert_repeatable("sed");
    crowds_assert_repeatable("nq");
}

static void find_one_among_many(void **state) {
    (void)state;
    crowds_assert_found_among_many("sed", 50);
    crowds_assert_found_among_many("nq", 50);
}

/* In a pool, whose counts are its own. Weights 4 and 1: sed has 4 to 1 under way, nq nobody idle beside. */
static void share_by_speed_in_a_pool(void **state) {
    (void)state;
    static const char *const specs[] = {"sed", "nq"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        yard y;
        uint32_t held[10] = {0};
        yard_found(&y, NULL, 3);
        yard_strategy(&y, specs[s]);
        y.count = 10;
        for (uint32_t i = 0; i < 10; i++) {
            y.spec[i].weight = i < 5 ? 4 : 1;
        }
        yard_update(&y);
        for (uint32_t i = 0; i < 10 + 15 * s; i++) { /* nq: 10 that find nobody busy, then on to 25 as sed */
            held[yard_index(&y, yard_pick(&y, NULL).node)]++;
        }
        for (uint32_t i = 0; i < 10; i++) {
            assert_int_equal(held[i], s == 1 ? (i < 5 ? 4 : 1) : (i < 5 ? 2 : 0));
        }
        yard_close(&y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_the_least_delay_or_an_idle_node),
        cmocka_unit_test(take_them_over_a_part_of_the_nodes),
        cmocka_unit_test(take_them_in_sets_of_any_size),
        cmocka_unit_test(sed_fills_by_speed),
        cmocka_unit_test(nq_leaves_nobody_idle),
        cmocka_unit_test(hold_at_the_ends_of_the_ranges),
        cmocka_unit_test(sed_and_nq_refuse_as_all_do),
        cmocka_unit_test(sed_and_nq_repeat_and_tell),
        cmocka_unit_test(find_one_among_many),
        cmocka_unit_test(share_by_speed_in_a_pool),
    };
    return cmocka_run_group_tests_name("sed and nq", tests, NULL, NULL);
}
