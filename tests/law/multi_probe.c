/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* multi_probe: how full the fullest node is, which keys move, and that absent nodes are as if they were not there. */
#include "key_laws.h"

enum { PROBED_KEYS = 20000 };

static law_set *probed_set(uint32_t count, uint64_t seed) {
    law_set *set = law_set_new(count);
    for (uint32_t i = 0; i < count; i++) {
        set->id[i] = law_random(&seed);
    }
    return set;
}

/* The ids of the owners; free them. */
static uint64_t *probed_owners(const char *spec, const law_set *set, uint64_t seed) {
    lw_strategy *strategy = law_strategy(spec, seed);
    uint32_t *owners = key_owners(strategy, set, PROBED_KEYS);
    uint64_t *ids = law_room(PROBED_KEYS, sizeof *ids);
    for (uint32_t i = 0; i < PROBED_KEYS; i++) {
        ids[i] = set->id[owners[i]];
    }
    lw_strategy_free(strategy);
    free(owners);
    return ids;
}

/* Keys that moved, all of them from or all of them to one node. */
static uint32_t moved_with(const uint64_t *before, const uint64_t *after, uint64_t id, bool came) {
    uint32_t moved = 0;
    for (uint32_t i = 0; i < PROBED_KEYS; i++) {
        if (before[i] != after[i]) {
            assert_true((came ? after[i] : before[i]) == id);
            moved++;
        }
    }
    return moved;
}

/* The paper: with 1 + 1/e probes the fullest has 1 + e times the mean. Sampling adds its part. */
static void fills_no_node_much_beyond_the_mean(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        double most;
    } claims[] = {{"multi_probe", 0.05}, {"multi_probe probes=6", 0.2}, {"multi_probe probes=101", 0.01}};
    enum { NODES = 100, KEYS = 300000, SETS = 6 };
    for (size_t c = 0; c < LAW_COUNT(claims); c++) {
        double sum = 0;
        for (uint64_t s = 0; s < SETS; s++) {
            law_set *set = probed_set(NODES, 100 + s);
            lw_strategy *strategy = law_strategy(claims[c].spec, 1);
            uint32_t counts[NODES] = {0}, most = 0;
            for (uint64_t key = 0; key < KEYS; key++) {
                uint32_t owner = key_owner(strategy, set, key);
                most = ++counts[owner] > most ? counts[owner] : most;
            }
            sum += (double)most * NODES / KEYS - 1;
            lw_strategy_free(strategy);
            free(set);
        }
        double noise = sqrt((double)NODES / KEYS); /* of a node; the fullest of many is two or three above */
        assert_true(sum / SETS < claims[c].most * 1.25 + 2.5 * noise);
        assert_true(sum / SETS > claims[c].most * 0.5);
    }
}

static void moves_only_the_keys_of_one_node(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 3, 10, 300};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = probed_set(sizes[s], 5 + s);
        uint64_t *full = probed_owners("multi_probe", set, 1), gone = set->id[sizes[s] / 2];
        set->id[sizes[s] / 2] = set->id[sizes[s] - 1];
        set->nodes.count--;
        uint64_t *less = probed_owners("multi_probe", set, 1);
        uint32_t owned = 0;
        for (uint32_t i = 0; i < PROBED_KEYS; i++) {
            owned += full[i] == gone;
        }
        assert_true(owned > 0);
        assert_int_equal(moved_with(full, less, gone, false), owned);
        assert_true(owned < PROBED_KEYS * 1.15 / sizes[s] + 4 * sqrt((double)PROBED_KEYS / sizes[s]));
        free(full);
        free(less);
        free(set);
    }
}

/* Heavier takes keys and gives none; lighter gives some and takes none; and shares follow the weights. */
static void follows_weights(void **state) {
    (void)state;
    law_set *set = probed_set(40, 9);
    uint64_t *before = probed_owners("multi_probe", set, 1);
    static const uint32_t weights[] = {2, 10, 50};
    for (size_t w = 0; w < LAW_COUNT(weights); w++) {
        set->weight[7] = weights[w];
        uint64_t *after = probed_owners("multi_probe", set, 1);
        moved_with(before, after, set->id[7], true);
        double owned = 0, expected = PROBED_KEYS * (double)weights[w] / (39 + weights[w]);
        for (uint32_t i = 0; i < PROBED_KEYS; i++) {
            owned += after[i] == set->id[7];
        }
        assert_true(owned > 0.75 * expected && owned < 1.1 * expected);
        free(before);
        before = after;
    }
    free(before);
    free(set);
}

/* Key by key, the choice among those that may be chosen is that of a set of these alone; for bitmaps and exclusions. */
static void is_blind_to_the_absent(void **state) {
    (void)state;
    static const char *const specs[] = {"multi_probe", "multi_probe probes=1", "multi_probe probes=4"};
    uint64_t chance = 10;
    for (uint32_t round = 0; round < 60; round++) {
        law_set *all = probed_set(60, 11 + round), *some = law_set_new(60);
        uint32_t at[60], few = round % 4 == 3 ? 10 : 1;
        law_set_none(all);
        some->nodes.count = 0;
        for (uint32_t i = 0; i < 60; i++) {
            all->weight[i] = law_below(&chance, 4);
            if (law_below(&chance, 2 * few) == 0 || i == 30) {
                at[some->nodes.count] = i;
                some->id[some->nodes.count] = all->id[i];
                some->weight[some->nodes.count++] = all->weight[i] += i == 30;
                lw_bitmap_set(all->words, i);
            }
        }
        uint64_t out[60];
        size_t out_count = 0;
        for (uint64_t i = 0; i < 60; i++) {
            if (!lw_bitmap_get(all->words, (uint32_t)i)) {
                out[out_count++] = i;
            }
        }
        lw_strategy *strategy = law_strategy(specs[round % 3], 1);
        for (uint32_t i = 0; i < 400; i++) {
            lw_request plain = law_keyed(law_random(&chance)), narrow = law_excluding(out, out_count);
            narrow.flags = LW_REQUEST_KEYED;
            narrow.key = plain.key;
            uint32_t expected = at[law_pick(strategy, &some->nodes, &plain)];
            all->nodes.eligible = all->words;
            assert_int_equal(law_pick(strategy, &all->nodes, &plain), expected);
            all->nodes.eligible = NULL;
            assert_int_equal(law_pick(strategy, &all->nodes, &narrow), expected);
        }
        lw_strategy_free(strategy);
        free(all);
        free(some);
    }
}

/* The same nodes in reverse order, by another seed. */
static void heeds_neither_order_nor_seed(void **state) {
    (void)state;
    law_set *set = probed_set(500, 12), *back = law_set_new(500);
    for (uint32_t i = 0; i < 500; i++) {
        set->weight[i] = 1 + i % 3;
        back->id[499 - i] = set->id[i];
        back->weight[499 - i] = set->weight[i];
    }
    uint64_t *first = probed_owners("multi_probe", set, 1), *second = probed_owners("multi_probe", back, 2);
    assert_memory_equal(first, second, PROBED_KEYS * sizeof *first);
    free(first);
    free(second);
    free(set);
    free(back);
}

static void takes_parameters_within_their_ranges(void **state) {
    (void)state;
    static const char *const good[] = {"probes=1", "probes=1024", "max_points=1", "max_points=134217728"};
    static const char *const bad[] = {"probes=0", "probes=1025", "max_points=0", "max_points=134217729"};
    LAW_RANGES("multi_probe", good, bad);
    law_set *set = law_set_new(3);
    lw_strategy *strategy = law_strategy("multi_probe max_points=3 probes=1024", 1);
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    law_set_weights(set, (const uint32_t[]){1, 1, 2});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    law_set_weights(set, (const uint32_t[]){1, UINT32_MAX, 2});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    set->id[1] = set->id[0];
    law_set_weights(set, (const uint32_t[]){1, 1, 1});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_DUPLICATE);
    lw_strategy_free(strategy);
    free(set);
}

static void takes_sets_of_any_size(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, KEY_LAW_CROWD};
    lw_strategy *strategy = law_strategy("multi_probe", 1);
    for (uint64_t s = 0; s < LAW_COUNT(sizes); s++) {
        lw_nodes nodes;
        uint64_t chance = 13;
        bool seen[KEY_LAW_CROWD] = {false};
        uint32_t different = 0;
        lw_nodes_init(&nodes, sizes[s]);
        nodes.set = 1 + s;
        for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
            lw_request request = law_keyed(law_random(&chance));
            uint32_t owner = law_pick(strategy, &nodes, &request);
            different += !seen[owner];
            seen[owner] = true;
        }
        assert_true(different >= (sizes[s] <= 2 ? sizes[s] : KEY_LAW_CROWD * 3 / 4));
    }
    lw_strategy_free(strategy);
}

static void keeps_the_laws_of_keys(void **state) {
    (void)state;
    key_law_of_orders("multi_probe");
    key_law_of_orders("multi_probe probes=2");
    key_law_of_refusals("multi_probe");
    key_law_of_absent_keys("multi_probe");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_no_node_much_beyond_the_mean),
        cmocka_unit_test(moves_only_the_keys_of_one_node),
        cmocka_unit_test(follows_weights),
        cmocka_unit_test(is_blind_to_the_absent),
        cmocka_unit_test(heeds_neither_order_nor_seed),
        cmocka_unit_test(takes_parameters_within_their_ranges),
        cmocka_unit_test(takes_sets_of_any_size),
        cmocka_unit_test(keeps_the_laws_of_keys),
    };
    return cmocka_run_group_tests_name("multi_probe", tests, NULL, NULL);
}
