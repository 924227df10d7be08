/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ring: the order of nodes behind a key. Whoever may not be chosen is passed over and nothing else changes, so that
 * exclusions, the bitmap and lw_replicas all tell the same story. And what happens without a key.
 */
#include "laws.h"

enum { ORDER_NODES = 24 };

static law_set *weighted_ring(uint64_t seed) {
    law_set *set = law_set_new(ORDER_NODES);
    for (uint32_t i = 0; i < ORDER_NODES; i++) {
        set->id[i] = law_random(&seed);
        set->weight[i] = i % 4; /* some of weight 0 */
    }
    return set;
}

static ptrdiff_t replicas_of(lw_strategy *strategy, const law_set *set, uint64_t key, uint32_t *order) {
    ptrdiff_t found = lw_replicas(strategy, &set->nodes, key, order, ORDER_NODES);
    for (ptrdiff_t i = 0; i < found; i++) {
        assert_true(law_may(&set->nodes, NULL, order[i]));
        assert_true(set->weight[order[i]] > 0);
        for (ptrdiff_t j = 0; j < i; j++) {
            assert_int_not_equal(order[i], order[j]);
        }
    }
    return found;
}

/* Exclude the choice, pick again, and so on: this walks the order that lw_replicas tells, to its end. */
static void exclusions_walk_the_replicas(void **state) {
    (void)state;
    uint64_t chance = 31;
    law_set *set = weighted_ring(32);
    lw_strategy *strategy = law_strategy("ring", 1);
    for (int round = 0; round < 300; round++) {
        uint64_t key = law_random(&chance), excluded[ORDER_NODES];
        uint32_t order[ORDER_NODES];
        lw_request request = law_keyed(key);
        request.exclude = excluded;
        assert_int_equal(replicas_of(strategy, set, key, order), 18);
        for (uint32_t i = 0; i < 18; i++) {
            request.exclude_count = i;
            uint32_t index = law_pick(strategy, &set->nodes, &request);
            assert_int_equal(index, order[i]);
            excluded[i] = index;
        }
        request.exclude_count = 18; /* six are left, of weight 0 */
        assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_NO_WEIGHT);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* The order over a part of the nodes is the order over all, less those that are away. */
static void the_bitmap_only_strikes_names_from_the_order(void **state) {
    (void)state;
    uint64_t chance = 33;
    law_set *set = weighted_ring(34);
    lw_strategy *strategy = law_strategy("ring", 1);
    for (int round = 0; round < 1000; round++) {
        uint64_t key = law_random(&chance);
        uint32_t order[ORDER_NODES], part[ORDER_NODES];
        set->nodes.eligible = NULL;
        ptrdiff_t all = replicas_of(strategy, set, key, order);
        law_set_only(set, law_random(&chance) | 2);
        ptrdiff_t some = replicas_of(strategy, set, key, part), next = 0;
        for (ptrdiff_t i = 0; i < all; i++) {
            if (law_may(&set->nodes, NULL, order[i])) {
                assert_int_equal(part[next++], order[i]);
            }
        }
        assert_int_equal(next, some);
        lw_request request = law_keyed(key);
        assert_int_equal(law_pick(strategy, &set->nodes, &request), part[0]);
    }
    lw_strategy_free(strategy);
    free(set);
}

static void fewer_replicas_are_the_head_of_more(void **state) {
    (void)state;
    uint64_t chance = 35;
    law_set *set = weighted_ring(36);
    lw_strategy *strategy = law_strategy("ring vnodes=40", 1);
    for (int round = 0; round < 200; round++) {
        uint64_t key = law_random(&chance);
        uint32_t all[ORDER_NODES], head[ORDER_NODES];
        replicas_of(strategy, set, key, all);
        for (uint32_t room = 1; room <= 18; room++) {
            assert_int_equal(lw_replicas(strategy, &set->nodes, key, head, room), room);
            assert_memory_equal(head, all, room * sizeof *head);
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

/* A removed node is the same as an excluded one: its keys go to the same heir. */
static void a_lost_node_leaves_its_keys_to_the_next_in_order(void **state) {
    (void)state;
    uint64_t chance = 37;
    law_set *set = weighted_ring(38), *rest = law_set_new(ORDER_NODES - 1);
    for (uint32_t i = 1; i < ORDER_NODES; i++) {
        rest->id[i - 1] = set->id[i == 7 ? 0 : i]; /* node 7 is gone, node 0 stands in its place */
        rest->weight[i - 1] = set->weight[i == 7 ? 0 : i];
    }
    lw_strategy *strategy = law_strategy("ring", 1);
    for (int round = 0; round < 20000; round++) {
        static const uint64_t excluded[] = {7};
        lw_request plain = law_keyed(law_random(&chance)), retry = plain;
        retry.exclude = excluded;
        retry.exclude_count = 1;
        uint64_t heir = set->id[law_pick(strategy, &set->nodes, &retry)];
        assert_int_equal(rest->id[law_pick(strategy, &rest->nodes, &plain)], heir);
    }
    lw_strategy_free(strategy);
    free(set);
    free(rest);
}

/* Without a key a request gets one at random, so it lands as keys land; never all on one node. */
static void draws_a_key_where_there_is_none(void **state) {
    (void)state;
    uint64_t chance = 39, keyed[ORDER_NODES] = {0}, unkeyed[ORDER_NODES] = {0};
    law_set *set = weighted_ring(40);
    law_set_only(set, 0xabcdef);
    lw_strategy *strategy = law_strategy("ring", 41);
    for (int i = 0; i < 60000; i++) {
        lw_request request = law_keyed(law_random(&chance));
        keyed[law_pick(strategy, &set->nodes, &request)]++;
        request.flags = 0; /* the key is there but not set */
        request.key = 5;
        unkeyed[law_pick(strategy, &set->nodes, i % 2 == 0 ? NULL : &request)]++;
    }
    assert_true(law_alike(keyed, unkeyed, ORDER_NODES));
    lw_strategy_free(strategy);
    free(set);
}

static void may_insist_on_a_key(void **state) {
    (void)state;
    lw_request keyed = law_keyed(0);
    law_set *set = weighted_ring(42);
    lw_strategy *strict = law_strategy("ring absent_key=error", 1), *passing = law_strategy("ring absent_key=next", 1);
    assert_int_equal(lw_select(strict, &set->nodes, NULL), LW_KEY_REQUIRED);
    assert_false(lw_is_refusal(LW_KEY_REQUIRED));
    assert_int_equal(lw_select(passing, &set->nodes, NULL), LW_NO_KEY);
    assert_true(lw_is_refusal(LW_NO_KEY));
    assert_int_equal(law_pick(strict, &set->nodes, &keyed), law_pick(passing, &set->nodes, &keyed));
    lw_strategy_free(strict);
    lw_strategy_free(passing);
    free(set);
}

static void refuses_with_the_reason(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 1, 2};
    lw_request keyed = law_keyed(9), retry = keyed;
    uint32_t order[3];
    retry.exclude = excluded;
    retry.exclude_count = 3;
    law_set *set = law_set_new(3);
    lw_strategy *strategy = law_strategy("ring", 1);
    assert_int_equal(lw_select(strategy, &set->nodes, &retry), LW_EXCLUDED);
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, &keyed), LW_FILTERED);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 9, order, 3), LW_FILTERED);
    law_set_only(set, 5);
    law_set_weights(set, (const uint32_t[]){0, 8, 0});
    assert_int_equal(lw_select(strategy, &set->nodes, &keyed), LW_NO_WEIGHT);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 9, order, 3), LW_NO_WEIGHT);
    set->nodes.eligible = NULL;
    law_set_weights(set, (const uint32_t[]){0, 0, 0});
    assert_int_equal(lw_select(strategy, &set->nodes, &keyed), LW_NO_WEIGHT);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 9, order, 3), LW_NO_WEIGHT);
    lw_strategy_free(strategy);
    free(set);
}

/* The bound on points is a promise both ways: at it the table is whole, beyond it there is none. */
static void refuses_more_points_than_allowed(void **state) {
    (void)state;
    law_set *set = law_set_new(4);
    lw_strategy *strategy = law_strategy("ring vnodes=10 max_points=100", 1);
    law_set_weights(set, (const uint32_t[]){1, 2, 3, 4});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    law_set_weights(set, (const uint32_t[]){1, 2, 3, 5});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    law_set_weights(set, (const uint32_t[]){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX});
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_TOO_LARGE);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exclusions_walk_the_replicas),
        cmocka_unit_test(the_bitmap_only_strikes_names_from_the_order),
        cmocka_unit_test(fewer_replicas_are_the_head_of_more),
        cmocka_unit_test(a_lost_node_leaves_its_keys_to_the_next_in_order),
        cmocka_unit_test(draws_a_key_where_there_is_none),
        cmocka_unit_test(may_insist_on_a_key),
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(refuses_more_points_than_allowed),
    };
    return cmocka_run_group_tests_name("ring order", tests, NULL, NULL);
}
