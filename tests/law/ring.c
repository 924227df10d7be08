/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ring: which keys move when nodes come, go or change weight, and how evenly keys spread. */
#include "laws.h"

enum { RING_KEYS = 40000, RING_MOST = 4096 };

/* The ids that own the keys 1 to RING_KEYS, mixed, in this set. */
static uint64_t *owners_of(const char *spec, const law_set *set, uint64_t seed) {
    uint64_t *owners = law_room(RING_KEYS, sizeof *owners), chance = 1;
    lw_strategy *strategy = law_strategy(spec, seed);
    for (uint32_t i = 0; i < RING_KEYS; i++) {
        lw_request request = law_keyed(law_random(&chance));
        owners[i] = set->id[law_pick(strategy, &set->nodes, &request)];
    }
    lw_strategy_free(strategy);
    return owners;
}

/* How many keys have another owner; each such key must have left `from` or gone to `to` (0: no such condition). */
static uint32_t moves(const uint64_t *before, const uint64_t *after, uint64_t from, uint64_t to) {
    uint32_t moved = 0;
    for (uint32_t i = 0; i < RING_KEYS; i++) {
        if (before[i] != after[i]) {
            assert_true(from == 0 || before[i] == from);
            assert_true(to == 0 || after[i] == to);
            moved++;
        }
    }
    return moved;
}

static uint32_t keys_of(const uint64_t *owners, uint64_t id) {
    uint32_t keys = 0;
    for (uint32_t i = 0; i < RING_KEYS; i++) {
        keys += owners[i] == id;
    }
    return keys;
}

static law_set *drawn_ids(uint32_t count, uint64_t seed) {
    law_set *set = law_set_new(count);
    for (uint32_t i = 0; i < count; i++) {
        set->id[i] = law_random(&seed);
    }
    return set;
}

/* A set without node `gone`. */
static law_set *without(const law_set *set, uint32_t gone) {
    law_set *rest = law_set_new(set->nodes.count - 1);
    for (uint32_t i = 0; i < rest->nodes.count; i++) {
        rest->id[i] = set->id[i < gone ? i : i + 1];
        rest->weight[i] = set->weight[i < gone ? i : i + 1];
    }
    return rest;
}

/* Removing one of n moves its keys and no others. Read backwards: a new node takes keys from the others, moves none
   between them, and takes at most its share and a little. */
static void moves_only_the_keys_of_one_node(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 3, 10, 50, 200};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *all = drawn_ids(sizes[s], 2 + s);
        uint64_t *full = owners_of("ring", all, 1);
        for (uint32_t gone = 0; gone < sizes[s]; gone += 1 + sizes[s] / 4) {
            law_set *rest = without(all, gone);
            uint64_t *less = owners_of("ring", rest, 1);
            uint32_t moved = moves(full, less, all->id[gone], 0);
            assert_int_equal(moved, keys_of(full, all->id[gone]));
            assert_int_equal(keys_of(less, all->id[gone]), 0);
            double share = 1.0 / sizes[s]; /* 4 deviations of 1/sqrt(150), and the sampling of keys */
            assert_true(moved <= RING_KEYS * share * (1 + 4 / sqrt(150)) + 4 * sqrt(RING_KEYS * share));
            free(less);
            free(rest);
        }
        free(full);
        free(all);
    }
}

static void spreads_the_keys_of_a_lost_node(void **state) {
    (void)state;
    law_set *all = drawn_ids(10, 20), *rest = without(all, 4);
    uint64_t *full = owners_of("ring", all, 1), *less = owners_of("ring", rest, 1);
    for (uint32_t i = 0; i < 9; i++) {
        uint32_t gained = keys_of(less, rest->id[i]) - keys_of(full, rest->id[i]);
        assert_true(gained > 0); /* nobody takes it all */
        assert_true(gained < keys_of(full, all->id[4]) / 3);
    }
    free(full);
    free(less);
    free(all);
    free(rest);
}

/* Of two sets put together, every key belongs to the owner it had in one of them. */
static void places_points_without_regard_to_other_nodes(void **state) {
    (void)state;
    law_set *all = drawn_ids(30, 21), *one = law_set_new(12), *other = law_set_new(18);
    for (uint32_t i = 0; i < 30; i++) {
        all->weight[i] = 1 + i % 4;
        law_set *part = i < 12 ? one : other;
        part->id[i < 12 ? i : i - 12] = all->id[i];
        part->weight[i < 12 ? i : i - 12] = all->weight[i];
    }
    uint64_t *of_all = owners_of("ring", all, 1), *of_one = owners_of("ring", one, 1),
             *of_other = owners_of("ring", other, 1);
    for (uint32_t i = 0; i < RING_KEYS; i++) {
        assert_true(of_all[i] == of_one[i] || of_all[i] == of_other[i]);
    }
    free(of_all);
    free(of_one);
    free(of_other);
    free(all);
    free(one);
    free(other);
}

static void moves_only_the_difference_of_a_reweight(void **state) {
    (void)state;
    law_set *set = drawn_ids(8, 22);
    law_set_weights(set, (const uint32_t[]){2, 2, 2, 2, 2, 2, 2, 2});
    uint64_t *at_two = owners_of("ring", set, 1);
    law_set_weights(set, (const uint32_t[]){2, 2, 2, 4, 2, 2, 2, 2});
    uint64_t *at_four = owners_of("ring", set, 1);
    law_set_weights(set, (const uint32_t[]){2, 2, 2, 1, 2, 2, 2, 2});
    uint64_t *at_one = owners_of("ring", set, 1);
    law_set_weights(set, (const uint32_t[]){2, 2, 2, 0, 2, 2, 2, 2});
    uint64_t *at_none = owners_of("ring", set, 1);
    uint32_t up = moves(at_two, at_four, 0, set->id[3]), down = moves(at_two, at_one, set->id[3], 0);
    assert_int_equal(up, keys_of(at_four, set->id[3]) - keys_of(at_two, set->id[3]));
    assert_int_equal(down, keys_of(at_two, set->id[3]) - keys_of(at_one, set->id[3]));
    assert_true(fabs(up / (double)RING_KEYS - (4.0 / 18 - 2.0 / 16)) < 0.03);
    assert_true(fabs(down / (double)RING_KEYS - (2.0 / 16 - 1.0 / 15)) < 0.03);
    assert_int_equal(keys_of(at_none, set->id[3]), 0);
    moves(at_two, at_none, set->id[3], 0);
    free(at_two);
    free(at_four);
    free(at_one);
    free(at_none);
    free(set);
}

static void shuffle(law_set *set, uint64_t *chance) {
    for (uint32_t i = set->nodes.count - 1; i > 0; i--) {
        uint32_t other = law_below(chance, i + 1), weight = set->weight[i];
        uint64_t id = set->id[i];
        set->id[i] = set->id[other];
        set->weight[i] = set->weight[other];
        set->id[other] = id;
        set->weight[other] = weight;
    }
    set->nodes.version++;
}

/* The owner of a key is a matter of ids and weights: not of the order of the nodes, and not of the seed. With a million
   and a half of points some hundreds share their place, and some of the keys below meet such places. */
static void heeds_neither_order_nor_seed(void **state) {
    (void)state;
    static const char *const specs[] = {"ring", "ring vnodes=366"};
    static const uint32_t sizes[] = {7, RING_MOST};
    uint64_t chance = 23;
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        law_set *set = drawn_ids(sizes[s], 24 + s);
        set->weight[1] = s == 0 ? 3 : 1;
        uint64_t *first = owners_of(specs[s], set, 1);
        shuffle(set, &chance);
        uint64_t *second = owners_of(specs[s], set, 99);
        assert_int_equal(moves(first, second, 0, 0), 0);
        free(first);
        free(second);
        free(set);
    }
}

/* The load of a node deviates by about 1/sqrt(points) of it: not much more, and not suspiciously less. */
static void spreads_keys_as_the_points_promise(void **state) {
    (void)state;
    static const uint32_t points[] = {20, 150, 1000};
    enum { NODES = 100, KEYS = 400000 };
    for (size_t p = 0; p < LAW_COUNT(points); p++) {
        char spec[32];
        uint64_t counts[NODES] = {0}, chance = 26;
        double squares = 0, most = 0;
        law_set *set = drawn_ids(NODES, 27);
        snprintf(spec, sizeof spec, "ring vnodes=%u", (unsigned)points[p]);
        lw_strategy *strategy = law_strategy(spec, 1);
        for (uint32_t i = 0; i < KEYS; i++) {
            lw_request request = law_keyed(law_random(&chance));
            counts[law_pick(strategy, &set->nodes, &request)]++;
        }
        for (uint32_t i = 0; i < NODES; i++) {
            double off = (double)counts[i] * NODES / KEYS - 1;
            squares += off * off;
            most = off > most ? off : most;
        }
        double deviation = sqrt(squares / NODES), expected = sqrt(1.0 / points[p] + (double)NODES / KEYS);
        assert_true(deviation > 0.75 * expected && deviation < 1.25 * expected);
        assert_true(most < 4 * expected);
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Keys are mixed again, so their own pattern does not matter; ids may be small numbers too. */
static void takes_keys_and_ids_of_any_pattern(void **state) {
    (void)state;
    uint64_t counts[4][16] = {{0}};
    law_set *set = law_set_new(16);
    for (uint32_t i = 0; i < 16; i++) {
        set->id[i] = i;
    }
    lw_strategy *strategy = law_strategy("ring vnodes=2000", 1);
    for (uint64_t i = 0; i < 40000; i++) {
        const uint64_t keys[4] = {i, i << 40, i * 4096, ~i};
        for (size_t k = 0; k < 4; k++) {
            lw_request request = law_keyed(keys[k]);
            counts[k][law_pick(strategy, &set->nodes, &request)]++;
        }
    }
    for (size_t k = 0; k < 4; k++) {
        for (uint32_t i = 0; i < 16; i++) { /* 2500 each, by 1/sqrt(2000) and 1/sqrt(2500), times 4.5 */
            assert_true(counts[k][i] > 2163 && counts[k][i] < 2837);
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_only_the_keys_of_one_node),
        cmocka_unit_test(spreads_the_keys_of_a_lost_node),
        cmocka_unit_test(places_points_without_regard_to_other_nodes),
        cmocka_unit_test(moves_only_the_difference_of_a_reweight),
        cmocka_unit_test(heeds_neither_order_nor_seed),
        cmocka_unit_test(spreads_keys_as_the_points_promise),
        cmocka_unit_test(takes_keys_and_ids_of_any_pattern),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
