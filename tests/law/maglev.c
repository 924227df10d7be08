/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* maglev: slots by weight within their bound, loads, how few keys move, and what a table refuses. */
#include "key_laws.h"

enum { SMALL = 1009, MANY_KEYS = 200000 };

static void check_shares(const char *spec, uint32_t count, double slots, const uint32_t *weights, double sum) {
    law_set *set = law_set_new(count);
    lw_strategy *strategy = law_strategy(spec, 1);
    uint64_t counts[LAW_MOST] = {0};
    for (uint32_t i = 0; i < count; i++) {
        set->weight[i] = weights == NULL ? 1 : weights[i % 3];
    }
    /* Evenly spaced mixed keys cannot be had from outside; so many keys that their chance is below half a slot. */
    for (uint64_t key = 0; key < 4000000; key++) {
        counts[key_owner(strategy, set, key)]++;
    }
    for (uint32_t i = 0; i < count; i++) {
        double share = set->weight[i] / sum, expected = share * 4e6;
        double off = (1 + count * share) / slots * 4e6, chance = LAW_NORMAL_LIMIT * sqrt(expected);
        assert_true(fabs((double)counts[i] - expected) <= off + chance);
    }
    lw_strategy_free(strategy);
    free(set);
}

static void shares_slots_by_weight(void **state) {
    (void)state;
    check_shares("maglev", 100, 65537, NULL, 100);
    check_shares("maglev table=1009", 3, SMALL, (const uint32_t[]){1, 2, 5}, 8);
    check_shares("maglev table=1009", 30, SMALL, (const uint32_t[]){1, 2, 5}, 80);
    check_shares("maglev", 99, 65537, (const uint32_t[]){1, 100, 1000}, 33 * 1101);
}

/* The share of the busiest of 100 nodes is within 1 % of the mean: exactly 655 or 656 slots of 65537. */
static void spreads_within_one_percent(void **state) {
    (void)state;
    law_set *set = law_set_new(100);
    lw_strategy *strategy = law_strategy("maglev", 1);
    uint64_t counts[100] = {0}, chance = 5, most = 0;
    for (uint32_t i = 0; i < 20000000; i++) {
        counts[key_owner(strategy, set, law_random(&chance))]++;
    }
    for (uint32_t i = 0; i < 100; i++) {
        most = counts[i] > most ? counts[i] : most;
    }
    assert_true((double)most / 200000 < 1.01);
    lw_strategy_free(strategy);
    free(set);
}

/* Keys whose owner is still there but which moved all the same, when the node at `gone` leaves. */
static double needless_moves(const char *spec, uint32_t count, uint32_t gone) {
    law_set *all = law_set_new(count), *rest = law_set_new(count - 1);
    lw_strategy *strategy = law_strategy(spec, 1);
    for (uint32_t i = gone; i + 1 < count; i++) {
        rest->id[i] = all->id[i + 1];
    }
    uint32_t *before = key_owners(strategy, all, MANY_KEYS), *after = key_owners(strategy, rest, MANY_KEYS);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        moved += before[i] != gone && all->id[before[i]] != rest->id[after[i]];
    }
    lw_strategy_free(strategy);
    free(before);
    free(after);
    free(all);
    free(rest);
    return (double)moved / MANY_KEYS;
}

/* The bounds that its page states. */
static void moves_few_keys_needlessly(void **state) {
    (void)state;
    double worst[2] = {0, 0};
    for (uint32_t gone = 0; gone < 100; gone += 9) {
        double ten = needless_moves("maglev", 10, gone / 10), hundred = needless_moves("maglev", 100, gone);
        worst[0] = ten > worst[0] ? ten : worst[0];
        worst[1] = hundred > worst[1] ? hundred : worst[1];
    }
    print_message("needless moves: %.4f of all keys at 10 nodes, %.4f at 100\n", worst[0], worst[1]);
    assert_true(worst[0] > 0 && worst[0] < 0.02 && worst[1] > 0 && worst[1] < 0.02);
}

static void knows_no_order_of_nodes_and_no_seed(void **state) {
    (void)state;
    law_set *set = law_set_new(300), *turned = law_set_new(300);
    lw_strategy *strategy = law_strategy("maglev", 1), *other = law_strategy("maglev", 2);
    for (uint32_t i = 0; i < 300; i++) {
        set->weight[i] = i % 4;
        set->id[i] = i < 150 ? i : (uint64_t)i << 40; /* ids that differ in either half only */
        turned->weight[299 - i] = set->weight[i];
        turned->id[299 - i] = set->id[i];
    }
    uint32_t *one = key_owners(strategy, set, KEY_LAW_KEYS), *two = key_owners(other, turned, KEY_LAW_KEYS);
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        assert_int_equal(one[i], 299 - two[i]);
        assert_true(set->weight[one[i]] > 0);
    }
    lw_strategy_free(strategy);
    lw_strategy_free(other);
    free(one);
    free(two);
    free(set);
    free(turned);
}

/* As many nodes as slots: each has one. One more is refused, unless it weighs nothing. */
static void holds_as_many_nodes_as_slots(void **state) {
    (void)state;
    law_set *set = law_set_new(SMALL + 1);
    lw_strategy *strategy = law_strategy("maglev table=1009", 1);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    set->weight[4] = 0;
    uint64_t counts[SMALL + 1] = {0};
    for (uint64_t key = 0; key < 40000; key++) {
        counts[key_owner(strategy, set, key)]++;
    }
    for (uint32_t i = 0; i <= SMALL; i++) {
        assert_int_equal(counts[i] > 0, i != 4);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* The heaviest gets what the first turns of the others leave; and it is built at once. */
static void takes_the_heaviest_beside_many(void **state) {
    (void)state;
    law_set *set = law_set_new(LAW_MOST);
    lw_strategy *strategy = law_strategy("maglev", 1);
    uint64_t heavy = 0;
    set->weight[77] = UINT32_MAX;
    for (uint64_t key = 0; key < 100000; key++) {
        heavy += key_owner(strategy, set, key) == 77;
    }
    assert_true(heavy > 93000 && heavy < 94500); /* 1 - 4095 / 65537 */
    lw_strategy_free(strategy);
    free(set);
}

/* More nodes than two bytes can name. */
static void takes_lists_of_any_length(void **state) {
    (void)state;
    enum { CROWD = 70000 };
    uint64_t *ids = law_room(CROWD, sizeof *ids);
    lw_nodes nodes;
    lw_nodes_init(&nodes, CROWD);
    for (uint32_t i = 0; i < CROWD; i++) {
        ids[i] = i;
    }
    LW_SET_VALUES(nodes, id, ids);
    nodes.set = 1;
    lw_strategy *narrow = law_strategy("maglev", 1), *strategy = law_strategy("maglev table=1000003", 1);
    assert_int_equal(lw_prepare(narrow, &nodes), LW_TOO_LARGE);
    key_law_of_crowds(strategy, &nodes, KEY_LAW_KEYS);
    lw_strategy_free(narrow);
    lw_strategy_free(strategy);
    free(ids);
}

static void names_the_nearest_primes(void **state) {
    (void)state;
    static const char *const good[] = {"table=2", "table=3", "table=65537", "table=5000011"};
    static const char *const bad[] = {"table=0",       "table=1",       "table=4",       "table=65536",
                                      "table=5000012", "table=5000023", "table=5000010", "table=x"};
    LAW_RANGES("maglev", good, bad);
    lw_strategy *strategy = NULL;
    assert_int_equal(law_strategy_heard(&strategy, "maglev table=65536"), LW_RANGE);
    assert_non_null(strstr(law_said, "65521"));
    assert_non_null(strstr(law_said, "65537"));
    assert_int_equal(law_strategy_heard(&strategy, "maglev table=5000012"), LW_RANGE);
    assert_non_null(strstr(law_said, "a prime from 2 to 5000011"));
}

static void refuses_one_identity_twice(void **state) {
    (void)state;
    key_law_of_twins("maglev");
}

/* Of a node that is out, the keys go to the others by weight. */
static void passes_keys_on_by_weight(void **state) {
    (void)state;
    law_set *set = law_set_new(6);
    lw_strategy *strategy = law_strategy("maglev", 1);
    law_set_weights(set, (const uint32_t[]){5, 1, 2, 4, 0, 3});
    uint32_t *before = key_owners(strategy, set, KEY_LAW_KEYS);
    law_set_only(set, 0x3e);
    key_law_of_heirs(strategy, set, before, 0);
    lw_strategy_free(strategy);
    free(before);
    free(set);
}

static void keeps_the_laws_of_keys(void **state) {
    (void)state;
    key_law_of_absence("maglev", false);
    key_law_of_absence("maglev", true);
    key_law_of_orders("maglev");
    key_law_of_orders("maglev table=31");
    key_law_of_refusals("maglev");
    key_law_of_absent_keys("maglev");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_slots_by_weight),       cmocka_unit_test(spreads_within_one_percent),
        cmocka_unit_test(moves_few_keys_needlessly),    cmocka_unit_test(knows_no_order_of_nodes_and_no_seed),
        cmocka_unit_test(holds_as_many_nodes_as_slots), cmocka_unit_test(takes_the_heaviest_beside_many),
        cmocka_unit_test(takes_lists_of_any_length),    cmocka_unit_test(names_the_nearest_primes),
        cmocka_unit_test(refuses_one_identity_twice),   cmocka_unit_test(passes_keys_on_by_weight),
        cmocka_unit_test(keeps_the_laws_of_keys),
    };
    return cmocka_run_group_tests_name("maglev", tests, NULL, NULL);
}
