/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* rendezvous: exact shares by weight, and that no key moves but to or from the node that changed. */
#include "key_laws.h"

enum { CLUSTER = 300 };

static void check_shares(uint32_t count, const uint32_t *weights, size_t cycle) {
    law_set *set = law_set_new(count);
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    uint64_t counts[LAW_MOST] = {0};
    double shares[LAW_MOST];
    for (uint32_t i = 0; i < count; i++) {
        set->weight[i] = weights[i % cycle];
    }
    for (uint64_t key = 0; key < 200000; key++) {
        counts[key_owner(strategy, set, key)]++;
    }
    law_weighted_shares(set, NULL, shares);
    assert_true(law_fits(counts, shares, count));
    lw_strategy_free(strategy);
    free(set);
}

static void shares_keys_by_weight(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 8, 63, 64, 65, 200, 1000};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        check_shares(sizes[s], (const uint32_t[]){1}, 1);
        check_shares(sizes[s], (const uint32_t[]){7}, 1);
        check_shares(sizes[s], (const uint32_t[]){1, 2}, 2);
        check_shares(sizes[s], (const uint32_t[]){5, 0, 1, 3, 9}, 5);
        check_shares(sizes[s], (const uint32_t[]){UINT32_MAX, UINT32_MAX / 2, UINT32_MAX / 5}, 3);
    }
    uint32_t all_different[50];
    for (uint32_t i = 0; i < 50; i++) {
        all_different[i] = 1 + i;
    }
    check_shares(50, all_different, 50);
}

/* Also the second is drawn by weight among the others: the pairs of 4 nodes against exact probabilities. */
static void shares_second_places_by_weight(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 2, 3, 6};
    law_set *set = law_set_weighted(weights, 4);
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    uint64_t counts[16] = {0};
    double shares[16] = {0};
    for (uint64_t key = 0; key < 100000; key++) {
        uint32_t order[2];
        assert_int_equal(lw_replicas(strategy, &set->nodes, key, order, 2), 2);
        counts[order[0] * 4 + order[1]]++;
    }
    for (uint32_t a = 0; a < 4; a++) {
        for (uint32_t b = 0; b < 4; b++) {
            shares[a * 4 + b] = a == b ? 0 : weights[a] / 12.0 * weights[b] / (12.0 - weights[a]);
        }
    }
    assert_true(law_fits(counts, shares, 16));
    lw_strategy_free(strategy);
    free(set);
}

/* Between two sets that differ in the weight of one node (0: it is not there): keys move to it or from it only. */
static void check_change(uint32_t count, uint32_t at, uint32_t from, uint32_t to) {
    law_set *set = law_set_new(count);
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    uint64_t moved[2] = {0};
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        set->weight[i] = 1 + i % 5;
        sum += i == at ? 0 : set->weight[i];
    }
    set->weight[at] = from;
    uint32_t *before = key_owners(strategy, set, KEY_LAW_KEYS);
    set->weight[at] = to;
    set->nodes.version++;
    uint32_t *after = key_owners(strategy, set, KEY_LAW_KEYS);
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        assert_true(before[i] == after[i] || (to > from ? after[i] : before[i]) == at);
        moved[before[i] != after[i]]++;
    }
    double share = fabs(to / (sum + to) - from / (sum + from));
    assert_true(law_fits(moved, (const double[]){1 - share, share}, 2));
    lw_strategy_free(strategy);
    free(before);
    free(after);
    free(set);
}

static void moves_no_key_needlessly(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 10, CLUSTER};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        for (uint32_t at = 0; at < sizes[s]; at += 1 + sizes[s] / 3) {
            check_change(sizes[s], at, 0, 3);
            check_change(sizes[s], at, 4, 0);
            check_change(sizes[s], at, 2, 100);
            check_change(sizes[s], at, 5, 4);
            check_change(sizes[s], at, UINT32_MAX, 1);
        }
    }
}

/* A node that is out and a node that is gone leave the same owners: nothing else matters. */
static void is_where_it_would_be_without(void **state) {
    (void)state;
    law_set *all = law_set_new(CLUSTER), *rest = law_set_new(CLUSTER - 2);
    lw_strategy *strategy = law_strategy("rendezvous", 1), *other = law_strategy("rendezvous", 2);
    law_set_none(all);
    for (uint32_t i = 0; i < CLUSTER; i++) {
        all->weight[i] = 1 + i % 3;
        if (i != 7 && i != 200) {
            lw_bitmap_set(all->words, i);
        }
    }
    for (uint32_t i = 0, one = CLUSTER - 1; i < CLUSTER - 2; i++, one--) { /* turned round */
        one -= one == 7 || one == 200 ? 1 : 0;
        rest->id[i] = all->id[one];
        rest->weight[i] = all->weight[one];
    }
    uint32_t *some = key_owners(strategy, all, KEY_LAW_KEYS), *few = key_owners(other, rest, KEY_LAW_KEYS);
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        assert_int_equal(all->id[some[i]], rest->id[few[i]]);
    }
    lw_strategy_free(strategy);
    lw_strategy_free(other);
    free(some);
    free(few);
    free(all);
    free(rest);
}

/* One in a thousand may be chosen: found all the same, by weight. */
static void finds_the_few_that_may(void **state) {
    (void)state;
    law_set *set = law_set_new(LAW_MOST);
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    uint64_t chance = 72, counts[LAW_MOST] = {0};
    double shares[LAW_MOST];
    law_set_none(set);
    for (uint32_t i = 0; i < 4; i++) {
        lw_bitmap_set(set->words, 7 + i * 1000);
        set->weight[7 + i * 1000] = 1 + i;
    }
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        counts[key_owner(strategy, set, law_random(&chance))]++;
    }
    law_weighted_shares(set, NULL, shares);
    assert_true(law_fits(counts, shares, LAW_MOST));
    lw_strategy_free(strategy);
    free(set);
}

static void takes_lists_of_any_length(void **state) {
    (void)state;
    uint64_t chance = 74, *ids = law_room(KEY_LAW_CROWD, sizeof *ids);
    uint32_t *order = law_room(KEY_LAW_CROWD, sizeof *order);
    bool *seen = law_room(KEY_LAW_CROWD, sizeof *seen);
    lw_nodes nodes;
    lw_nodes_init(&nodes, KEY_LAW_CROWD);
    for (uint32_t i = 0; i < KEY_LAW_CROWD; i++) {
        ids[i] = law_random(&chance);
    }
    LW_SET_VALUES(nodes, id, ids);
    nodes.set = 1;
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    key_law_of_crowds(strategy, &nodes, 5000);
    assert_int_equal(lw_replicas(strategy, &nodes, 5, order, KEY_LAW_CROWD), KEY_LAW_CROWD);
    for (uint32_t i = 0; i < KEY_LAW_CROWD; i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
    }
    lw_strategy_free(strategy);
    free(ids);
    free(order);
    free(seen);
}

static void refuses_one_identity_twice(void **state) {
    (void)state;
    key_law_of_twins("rendezvous");
}

static void keeps_the_laws_of_keys(void **state) {
    (void)state;
    key_law_of_absence("rendezvous", false);
    key_law_of_absence("rendezvous", true);
    key_law_of_orders("rendezvous");
    key_law_of_refusals("rendezvous");
    key_law_of_absent_keys("rendezvous");
}

/* The order of a key where weights differ: each is the owner once those before it are out. */
static void orders_by_weight_as_picks_go(void **state) {
    (void)state;
    law_set *set = law_set_new(KEY_LAW_NODES);
    lw_strategy *strategy = law_strategy("rendezvous", 1);
    uint64_t gone[KEY_LAW_NODES];
    for (uint32_t i = 0; i < KEY_LAW_NODES; i++) {
        set->weight[i] = 1 + i * i % 7;
    }
    for (uint64_t key = 0; key < 300; key++) {
        uint32_t order[KEY_LAW_NODES];
        assert_int_equal(lw_replicas(strategy, &set->nodes, key, order, KEY_LAW_NODES), KEY_LAW_NODES);
        for (uint32_t i = 0; i < KEY_LAW_NODES; i++) {
            lw_request request = law_excluding(gone, i);
            request.flags = LW_REQUEST_KEYED;
            request.key = key;
            assert_int_equal(law_pick(strategy, &set->nodes, &request), order[i]);
            gone[i] = order[i];
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_keys_by_weight),      cmocka_unit_test(shares_second_places_by_weight),
        cmocka_unit_test(moves_no_key_needlessly),    cmocka_unit_test(is_where_it_would_be_without),
        cmocka_unit_test(finds_the_few_that_may),     cmocka_unit_test(takes_lists_of_any_length),
        cmocka_unit_test(refuses_one_identity_twice), cmocka_unit_test(orders_by_weight_as_picks_go),
        cmocka_unit_test(keeps_the_laws_of_keys),
    };
    return cmocka_run_group_tests_name("rendezvous", tests, NULL, NULL);
}
