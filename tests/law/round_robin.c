/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* round_robin: everyone once a cycle, whoever is away and whatever retries come in between. */
#include "laws.h"

static void begins_at_node_0_when_told(void **state) {
    (void)state;
    law_set *set = law_set_new(5);
    lw_strategy *strategy = law_strategy("round_robin lanes=1 phase=0", 7);
    for (uint32_t i = 0; i < 23; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), i % 5);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Every stretch of as many picks as there are eligible nodes holds each of them once. */
static void assert_exact(lw_strategy *strategy, const lw_nodes *nodes, uint32_t eligible, uint32_t cycles) {
    uint64_t *last = law_room(nodes->count, sizeof *last);
    for (uint64_t pick = 1; pick <= (uint64_t)eligible * cycles; pick++) {
        uint32_t index = law_pick(strategy, nodes, NULL);
        assert_int_equal(last[index], pick <= eligible ? 0 : pick - eligible);
        last[index] = pick;
    }
    free(last);
}

static void visits_everyone_once_a_cycle(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 7, 16, 63, 64, 65, 130, 1000, 4096};
    for (size_t i = 0; i < LAW_COUNT(sizes); i++) {
        law_set *set = law_set_new(sizes[i]);
        lw_strategy *strategy = law_strategy("round_robin", 100 + i);
        assert_exact(strategy, &set->nodes, sizes[i], 5);
        lw_strategy_free(strategy);
        free(set);
    }
}

static uint32_t draw_bitmap(law_set *set, uint64_t *chance, uint32_t one_in) {
    uint32_t eligible = 0;
    law_set_none(set);
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        if (law_below(chance, one_in) == 0) {
            lw_bitmap_set(set->words, i);
            eligible++;
        }
    }
    return eligible;
}

static void visits_everyone_eligible_once_a_cycle(void **state) {
    (void)state;
    uint64_t chance = 2;
    for (int round = 0; round < 60; round++) {
        law_set *set = law_set_new(1 + law_below(&chance, 1500));
        uint32_t eligible = draw_bitmap(set, &chance, 1 + law_below(&chance, 5));
        if (round % 2 == 1) {
            law_set_blocks(set);
        }
        lw_strategy *strategy = law_strategy("round_robin", 1 + (uint64_t)round);
        if (eligible > 0) {
            assert_exact(strategy, &set->nodes, eligible, 4);
        } else {
            assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

static void gives_no_double_share_to_the_successor_of_a_down_node(void **state) {
    (void)state;
    law_set *set = law_set_new(10);
    law_set_only(set, 0x3ff & ~(UINT64_C(1) << 3));
    lw_strategy *strategy = law_strategy("round_robin", 5);
    uint64_t counts[10] = {0};
    law_tally(strategy, &set->nodes, NULL, (size_t)9 * 1000, counts);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(counts[i], i == 3 ? 0 : 1000);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Retries draw from what remains; first tries stay exactly fair, however the two alternate. */
static void stays_fair_between_excluding_picks(void **state) {
    (void)state;
    static const uint64_t excluded[] = {2, 6};
    lw_request retry = law_excluding(excluded, LAW_COUNT(excluded));
    uint64_t chance = 3, retries[8] = {0}, last[8] = {0}, plain = 0;
    double shares[8];
    law_set *set = law_set_new(8);
    lw_strategy *strategy = law_strategy("round_robin", 11);
    while (plain < (uint64_t)8 * 3000) {
        if (law_below(&chance, 4) > 0) {
            law_tally(strategy, &set->nodes, &retry, 1, retries);
            continue;
        }
        uint32_t index = law_pick(strategy, &set->nodes, NULL);
        plain++;
        assert_int_equal(last[index], plain <= 8 ? 0 : plain - 8);
        last[index] = plain;
    }
    law_even_shares(&set->nodes, &retry, shares);
    assert_true(law_fits(retries, shares, 8));
    lw_strategy_free(strategy);
    free(set);
}

/* One plain pick, then a retry that excludes its choice, again and again: both stay even. */
static void stays_fair_when_each_pick_is_retried(void **state) {
    (void)state;
    uint64_t first[6] = {0}, second[6] = {0};
    static const double even[6] = {1, 1, 1, 1, 1, 1};
    law_set *set = law_set_new(6);
    lw_strategy *strategy = law_strategy("round_robin", 12);
    for (uint32_t i = 0; i < 6 * 5000; i++) {
        uint64_t choice = law_pick(strategy, &set->nodes, NULL);
        lw_request retry = law_excluding(&choice, 1);
        first[choice]++;
        second[law_pick(strategy, &set->nodes, &retry)]++;
    }
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(first[i], 5000);
    }
    assert_true(law_fits(second, even, 6));
    lw_strategy_free(strategy);
    free(set);
}

static void begins_anywhere_by_default(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 7, 100};
    for (size_t i = 0; i < LAW_COUNT(sizes); i++) {
        uint64_t counts[100] = {0};
        double shares[100];
        law_set *set = law_set_new(sizes[i]);
        for (uint64_t seed = 1; seed <= 20000; seed++) {
            lw_strategy *strategy = law_strategy("round_robin", seed);
            law_tally(strategy, &set->nodes, NULL, 1, counts);
            lw_strategy_free(strategy);
        }
        law_even_shares(&set->nodes, NULL, shares);
        assert_true(law_fits(counts, shares, sizes[i]));
        free(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_at_node_0_when_told),
        cmocka_unit_test(visits_everyone_once_a_cycle),
        cmocka_unit_test(visits_everyone_eligible_once_a_cycle),
        cmocka_unit_test(gives_no_double_share_to_the_successor_of_a_down_node),
        cmocka_unit_test(stays_fair_between_excluding_picks),
        cmocka_unit_test(stays_fair_when_each_pick_is_retried),
        cmocka_unit_test(begins_anywhere_by_default),
    };
    return cmocka_run_group_tests_name("round_robin", tests, NULL, NULL);
}
