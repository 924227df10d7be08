/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * weighted_random live=true: shares by the weights of now, which change while the version of the set stays. A change is
 * noticed within n picks; weight 0 is obeyed at once.
 */
#include "laws.h"

enum { LIVE_PICKS = 100000 };

/* The weights of a set may change from here on, and no version tells. */
static law_set *live_set(const uint32_t *weights, uint32_t count) {
    law_set *set = law_set_weighted(weights, count);
    set->nodes.weight.at.atomic = 1;
    return set;
}

static law_set *live_set_of(uint32_t count, uint32_t weight) {
    law_set *set = law_set_new(count);
    set->nodes.weight.at.atomic = 1;
    for (uint32_t i = 0; i < count; i++) {
        set->weight[i] = weight;
    }
    return set;
}

/* As many picks as there are nodes: enough to notice whatever has changed. */
static void look_around(lw_strategy *strategy, const law_set *set) {
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        lw_select(strategy, &set->nodes, NULL);
    }
}

static void assert_by_weights_of_now(lw_strategy *strategy, const law_set *set, const lw_request *request) {
    uint64_t counts[LAW_MOST] = {0};
    double shares[LAW_MOST];
    law_tally(strategy, &set->nodes, request, LIVE_PICKS, counts);
    law_weighted_shares(set, request, shares);
    assert_true(law_fits(counts, shares, set->nodes.count));
}

static void follows_weights_that_stay(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 63, 64, 65, 200};
    uint64_t chance = 21;
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = live_set_of(sizes[s], 1);
        lw_strategy *strategy = law_strategy("weighted_random live=true", 20 + s);
        for (uint32_t i = 1; i < sizes[s]; i++) {
            set->weight[i] = law_below(&chance, 5) == 0 ? 0 : law_below(&chance, 100);
        }
        assert_by_weights_of_now(strategy, set, NULL);
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Any number of weights change at once, again and again, up, down, to 0 and back. */
static void follows_weights_that_change(void **state) {
    (void)state;
    uint64_t chance = 22;
    for (uint32_t round = 0; round < 30; round++) {
        law_set *set = live_set_of(1 + law_below(&chance, 100), 7);
        lw_strategy *strategy = law_strategy("weighted_random live=true", 40 + round);
        for (uint32_t change = 0; change < 3; change++) {
            uint32_t one_in = 1 + law_below(&chance, 8);
            for (uint32_t i = 0; i < set->nodes.count; i++) {
                if (law_below(&chance, one_in) == 0) {
                    set->weight[i] = law_below(&chance, 4) == 0 ? 0 : 1 + law_below(&chance, 1000);
                }
            }
            set->weight[law_below(&chance, set->nodes.count)] |= 1;
            look_around(strategy, set);
            assert_by_weights_of_now(strategy, set, NULL);
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* A node that had no weight is never drawn before somebody looks; when n picks are over it has nearly all of them. */
static void notices_each_change_within_n_picks(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 3, 50, 64, 129};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = live_set_of(sizes[s], 1);
        lw_strategy *strategy = law_strategy("weighted_random live=true", 60 + s);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->weight[i] = 0;
            look_around(strategy, set);
            set->weight[i] = 4000000000;
            look_around(strategy, set);
            for (uint32_t pick = 0; pick < 3; pick++) { /* by chance another one once in 10 million */
                assert_int_equal(law_pick(strategy, &set->nodes, NULL), i);
            }
            set->weight[i] = 1;
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Two sets that take turns, as two routes do: each has a cursor of its own. */
static void notices_changes_in_sets_that_take_turns(void **state) {
    (void)state;
    enum { NODES = 40, SMALL = 4 };
    law_set *large = live_set_of(NODES, 1), *small = live_set_of(SMALL, 1);
    lw_strategy *strategy = law_strategy("weighted_random live=true", 70);
    large->weight[NODES - 1] = 0; /* so that no draw finds it by chance */
    look_around(strategy, large);
    large->weight[NODES - 1] = 4000000000;
    for (uint32_t i = 0; i < NODES; i++) {
        law_pick(strategy, &large->nodes, NULL);
        law_pick(strategy, &small->nodes, NULL);
    }
    for (uint32_t pick = 0; pick < 3; pick++) {
        assert_int_equal(law_pick(strategy, &large->nodes, NULL), NODES - 1);
    }
    lw_strategy_free(strategy);
    free(large);
    free(small);
}

/* The heaviest of all by far: the very next pick after its weight became 0 is another, though the tree does not know
   yet. And so with trials. */
static void obeys_weight_0_at_once(void **state) {
    (void)state;
    enum { NODES = 30 };
    law_set *set = live_set_of(NODES, 1);
    lw_strategy *strategy = law_strategy("weighted_random live=true", 71);
    lw_request trial = LW_REQUEST_INIT;
    trial.flags = LW_REQUEST_TRIAL;
    for (uint32_t i = 0; i < 1000; i++) {
        set->weight[i % NODES] = 1000000000;
        look_around(strategy, set);
        set->weight[i % NODES] = 0;
        if (i % 2 == 0) {
            assert_int_not_equal(law_pick(strategy, &set->nodes, &trial), i % NODES);
        }
        assert_int_not_equal(law_pick(strategy, &set->nodes, NULL), i % NODES);
        set->weight[i % NODES] = 1;
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Whoever is drawn by a weight that it no longer has is drawn again. */
static void looks_at_whom_it_draws(void **state) {
    (void)state;
    enum { NODES = 100, ROUNDS = 300 };
    law_set *set = live_set_of(NODES, 1);
    lw_strategy *strategy = law_strategy("weighted_random live=true", 73);
    uint32_t hits = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t heavy = i * 7 % NODES; /* not the one that is looked at in turn */
        set->weight[heavy] = 1000000000;
        look_around(strategy, set);
        set->weight[heavy] = 1;
        hits += law_pick(strategy, &set->nodes, NULL) == heavy;
    }
    assert_true(hits < 20); /* 3 expected; 20 once in 100 million runs */
    lw_strategy_free(strategy);
    free(set);
}

static void refuses_while_all_weights_are_0_and_comes_back(void **state) {
    (void)state;
    static const uint32_t none[] = {0, 0, 0, 0, 0}, some[] = {0, 3, 0, 1, 0};
    const uint32_t *const courses[] = {none, some};
    for (size_t c = 0; c < LAW_COUNT(courses); c++) {
        law_set *set = live_set(courses[c], 5);
        lw_strategy *strategy = law_strategy("weighted_random live=true", 72);
        assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
        for (uint32_t round = 0; round < 3; round++) {
            memset(set->weight, 0, sizeof none);
            for (uint32_t i = 0; i < 12; i++) {
                assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_WEIGHT);
            }
            set->weight[round] = 5;
            assert_int_equal(law_pick(strategy, &set->nodes, NULL), round);
            set->weight[4] = 5;
            look_around(strategy, set);
            assert_by_weights_of_now(strategy, set, NULL);
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Sums far above 32 bits, and differences that wrap there. */
static void takes_weights_of_any_size(void **state) {
    (void)state;
    static const uint32_t sizes[] = {4095, 4096};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = live_set_of(sizes[s], UINT32_MAX);
        lw_strategy *strategy = law_strategy("weighted_random live=true", 80 + s);
        assert_by_weights_of_now(strategy, set, NULL);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->weight[i] = i < sizes[s] / 2 ? 0 : UINT32_MAX / 2;
        }
        look_around(strategy, set);
        assert_by_weights_of_now(strategy, set, NULL);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->weight[i] = i % 2 == 0 ? UINT32_MAX : i % 3 == 0;
        }
        look_around(strategy, set);
        uint64_t counts[2] = {0};
        static const double shares[] = {1, 0};
        for (uint32_t i = 0; i < 20000; i++) {
            counts[law_pick(strategy, &set->nodes, NULL) % 2]++;
        }
        assert_true(law_fits(counts, shares, 2)); /* the others have less than one in 2^32 together */
        lw_strategy_free(strategy);
        free(set);
    }
}

static void keeps_to_those_that_may_be_chosen(void **state) {
    (void)state;
    static const uint32_t weights[] = {1000000, 1, 2, 500000, 3, 4, 0, 9};
    static const uint64_t excluded[] = {1, 4, 4, 99};
    lw_request request = law_excluding(excluded, LAW_COUNT(excluded));
    law_set *set = live_set(weights, LAW_COUNT(weights));
    lw_strategy *strategy = law_strategy("weighted_random live=true", 90);
    for (uint32_t round = 0; round < 3; round++) {
        law_set_only(set, round == 1 ? 0xf6 : 0x7f);
        look_around(strategy, set);
        assert_by_weights_of_now(strategy, set, NULL);
        assert_by_weights_of_now(strategy, set, &request);
        set->weight[2] = 50;
        set->weight[6] = 70;
        set->weight[0] = 8;
    }
    lw_strategy_free(strategy);
    free(set);
}

/* The plan is built once, whatever changes. */
static uint64_t live_allocations;

static void *count_allocation(void *user, size_t size) {
    (void)user;
    live_allocations++;
    return malloc(size);
}

static void count_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static void builds_nothing_for_a_change(void **state) {
    (void)state;
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    law_set *set = live_set_of(100, 1);
    env.seed = 91;
    env.alloc = count_allocation;
    env.release = count_release;
    assert_int_equal(lw_strategy_new(&strategy, &env, "weighted_random live=true"), LW_OK);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    uint64_t before = live_allocations;
    for (uint32_t i = 0; i < 1000; i++) {
        set->weight[i % 100] = i;
        law_pick(strategy, &set->nodes, NULL);
    }
    assert_int_equal(live_allocations, before);
    lw_strategy_free(strategy);
    free(set);
}

/* A new version has weights of its own, and what changed in the old one is forgotten with it. */
static void begins_anew_with_a_version(void **state) {
    (void)state;
    law_set *set = live_set_of(20, 1);
    lw_strategy *strategy = law_strategy("weighted_random live=true", 92);
    for (uint32_t version = 0; version < 4; version++) {
        for (uint32_t i = 0; i < 20; i++) {
            set->weight[i] = (i + version) % 5;
        }
        look_around(strategy, set);
        set->nodes.version++;
        assert_by_weights_of_now(strategy, set, NULL);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Without live, a version is what it was when it was prepared. */
static void follows_nothing_unless_told(void **state) {
    (void)state;
    static const char *const specs[] = {"weighted_random", "weighted_random live=false"};
    static const double before[] = {1, 3};
    static const uint32_t weights[] = {1, 3};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        uint64_t counts[2] = {0};
        law_set *set = live_set(weights, 2);
        lw_strategy *strategy = law_strategy(specs[s], 93);
        law_tally(strategy, &set->nodes, NULL, 10, counts);
        set->weight[0] = 100;
        memset(counts, 0, sizeof counts);
        law_tally(strategy, &set->nodes, NULL, LIVE_PICKS, counts);
        assert_true(law_fits(counts, before, 2));
        lw_strategy_free(strategy);
        free(set);
    }
}

static void refuses_for_the_right_reason(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 0, 1};
    static const uint64_t excluded[] = {0, 2}, all[] = {0, 1, 2};
    lw_request some = law_excluding(excluded, 2), none = law_excluding(all, 3);
    law_set *set = live_set(weights, 3);
    lw_strategy *strategy = law_strategy("weighted_random live=true", 94), *wrong = NULL;
    assert_int_equal(lw_select(strategy, &set->nodes, &some), LW_NO_WEIGHT);
    assert_int_equal(lw_select(strategy, &set->nodes, &none), LW_EXCLUDED);
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_FILTERED);
    set->nodes.present &= ~LW_HAS(weight);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_COLUMN);
    assert_int_equal(lw_strategy_new(&wrong, NULL, "weighted_random live=maybe"), LW_RANGE);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_weights_that_stay),
        cmocka_unit_test(follows_weights_that_change),
        cmocka_unit_test(notices_each_change_within_n_picks),
        cmocka_unit_test(notices_changes_in_sets_that_take_turns),
        cmocka_unit_test(obeys_weight_0_at_once),
        cmocka_unit_test(looks_at_whom_it_draws),
        cmocka_unit_test(refuses_while_all_weights_are_0_and_comes_back),
        cmocka_unit_test(takes_weights_of_any_size),
        cmocka_unit_test(keeps_to_those_that_may_be_chosen),
        cmocka_unit_test(builds_nothing_for_a_change),
        cmocka_unit_test(begins_anew_with_a_version),
        cmocka_unit_test(follows_nothing_unless_told),
        cmocka_unit_test(refuses_for_the_right_reason),
    };
    return cmocka_run_group_tests_name("weighted_live", tests, NULL, NULL);
}
