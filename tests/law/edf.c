/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * edf: Envoy's order without its drift.
 *
 * The scheduler is written here a second time, as a queue that is searched: deadlines are multiples of 1 / L, where L
 * is a multiple of every weight, and each entry remembers when it was put in.
 */
#include "weight_laws.h"

enum { EDF_MOST = 40, WEIGHT_MOST = 12, MULTIPLE = 27720 /* of 1 to 12 */ };

struct queue {
    uint64_t due[EDF_MOST], entered[EDF_MOST], entries;
};

static uint32_t naive_turn(struct queue *queue, const uint32_t *weights, uint32_t count) {
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        if (weights[i] > 0 && queue->due[i] == 0) {
            queue->due[i] = MULTIPLE / weights[i];
            queue->entered[i] = queue->entries++;
        }
        if (weights[i] > 0 && (best == count || queue->due[i] < queue->due[best] ||
                               (queue->due[i] == queue->due[best] && queue->entered[i] < queue->entered[best]))) {
            best = i;
        }
    }
    queue->due[best] += MULTIPLE / weights[best];
    queue->entered[best] = queue->entries++;
    return best;
}

static void plays_the_same_in_every_cycle(void **state) {
    (void)state;
    static const char *const spec = "edf phase=0 lanes=1";
    weight_law_of_sequence(spec, (const uint32_t[]){5, 1, 1}, 3, 50, "aaaabca");
    weight_law_of_sequence(spec, (const uint32_t[]){500000000, 100000000, 100000000}, 3, 50, "aaaabca");
    weight_law_of_sequence("edf phase=0 lanes=1 max_period=7", (const uint32_t[]){10, 2, 2}, 3, 50, "aaaabca");
    weight_law_of_sequence(spec, (const uint32_t[]){4, 2, 1}, 3, 50, "abaacba");
    weight_law_of_sequence(spec, (const uint32_t[]){3, 3, 3}, 3, 50, "abc");
    weight_law_of_sequence(spec, (const uint32_t[]){0, 5, 0, 1, 1}, 5, 50, "bbbbdeb");
    weight_law_of_sequence(spec, (const uint32_t[]){UINT32_MAX}, 1, 50, "a");
    weight_law_of_sequence(spec, (const uint32_t[]){0, UINT32_MAX, UINT32_MAX}, 3, 50, "bc");
}

static void equals_the_naive_queue(void **state) {
    (void)state;
    uint64_t chance = 41;
    for (uint64_t round = 0; round < 200; round++) {
        uint32_t weights[EDF_MOST], count = 1 + law_below(&chance, EDF_MOST);
        struct queue queue = {{0}, {0}, 0};
        for (uint32_t i = 0; i < count; i++) {
            weights[i] = law_below(&chance, WEIGHT_MOST + 1);
        }
        weights[law_below(&chance, count)] = 1 + law_below(&chance, WEIGHT_MOST);
        law_set *set = law_set_weighted(weights, count);
        lw_strategy *strategy = law_strategy("edf phase=0 lanes=1", 1);
        for (uint64_t i = 0; i < 4 * weight_sum(weights, count); i++) {
            assert_int_equal(law_pick(strategy, &set->nodes, NULL), naive_turn(&queue, weights, count));
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Any whole cycle, wherever it begins, holds each node as often as its weight says; the longest that fits too. */
static void gives_exact_shares_over_a_cycle(void **state) {
    (void)state;
    static const uint32_t weights[] = {60000, 1, 535, 0, 4999, 1};
    law_set *set = law_set_weighted(weights, 6);
    lw_strategy *strategy = law_strategy("edf", 5);
    for (int cycle = 0; cycle < 3; cycle++) {
        uint64_t counts[6] = {0};
        law_tally(strategy, &set->nodes, NULL, 65536, counts);
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(counts[i], weights[i]);
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

static void keeps_shares_over_a_part_of_the_nodes(void **state) {
    (void)state;
    weight_law_of_a_part("edf", 1000, 0);
}

static void plays_on_between_excluding_picks(void **state) {
    (void)state;
    weight_law_of_retries("edf phase=0 lanes=1");
}

/* One turn more than allowed is refused, with the node and its weight; one less is not. */
static void refuses_a_cycle_that_is_too_long(void **state) {
    (void)state;
    static const uint32_t weights[] = {3, 5, 2};
    law_set *set = law_set_weighted(weights, 3);
    lw_strategy *strategy = NULL;
    assert_int_equal(law_strategy_heard(&strategy, "edf max_period=9"), LW_OK);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    assert_non_null(strstr(law_said, "node 2"));
    assert_non_null(strstr(law_said, "weight 2"));
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_TOO_LARGE);
    lw_strategy_free(strategy);
    strategy = law_strategy("edf max_period=10", 1);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    lw_strategy_free(strategy);
    free(set);
}

/* Slots are of 2 bytes: a node of weight past index 65535 cannot be named, one of weight 0 need not be. */
static void names_no_node_that_it_does_not_mean(void **state) {
    (void)state;
    enum { MANY = 65537 };
    uint32_t *weights = law_room(MANY, sizeof *weights);
    lw_nodes nodes;
    lw_nodes_init(&nodes, MANY);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    weights[65535] = 4;
    lw_strategy *strategy = law_strategy("edf", 1);
    assert_int_equal(law_pick(strategy, &nodes, NULL), 65535);
    weights[65536] = 4;
    nodes.version++;
    assert_int_equal(lw_prepare(strategy, &nodes), LW_TOO_LARGE);
    lw_strategy_free(strategy);
    free(weights);
}

static void refuses_what_it_cannot_choose_from(void **state) {
    (void)state;
    weight_law_of_refusals("edf");
}

static void keeps_to_the_range_of_its_parameters(void **state) {
    (void)state;
    static const char *const good[] = {"max_period=1", "max_period=65536"};
    static const char *const bad[] = {"max_period=0", "max_period=65537", "lanes=0", "lanes=32"};
    LAW_RANGES("edf", good, bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_the_same_in_every_cycle),        cmocka_unit_test(equals_the_naive_queue),
        cmocka_unit_test(gives_exact_shares_over_a_cycle),      cmocka_unit_test(keeps_shares_over_a_part_of_the_nodes),
        cmocka_unit_test(plays_on_between_excluding_picks),     cmocka_unit_test(refuses_a_cycle_that_is_too_long),
        cmocka_unit_test(names_no_node_that_it_does_not_mean),  cmocka_unit_test(refuses_what_it_cannot_choose_from),
        cmocka_unit_test(keeps_to_the_range_of_its_parameters),
    };
    return cmocka_run_group_tests_name("edf", tests, NULL, NULL);
}
