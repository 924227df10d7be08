/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* jump: the published buckets, exact balance, and which keys move when the list grows at the end. */
#include "key_laws.h"

/* The factors of the finaliser's inverse, modulo 2^64. */
static uint64_t unshift(uint64_t value, unsigned by) {
    uint64_t result = value;
    for (unsigned i = 0; i < 64 / by + 1; i++) {
        result = value ^ result >> by;
    }
    return result;
}

static uint64_t inverse_of(uint64_t odd) {
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++) {
        inverse *= 2 - odd * inverse;
    }
    return inverse;
}

/* The key that the strategy mixes into this one. */
static uint64_t unmixed(uint64_t z) {
    z = unshift(z, 31) * inverse_of(UINT64_C(0x94d049bb133111eb));
    z = unshift(z, 27) * inverse_of(UINT64_C(0xbf58476d1ce4e5b9));
    return unshift(z, 30);
}

static void answers_the_published_buckets(void **state) {
    (void)state;
    static const struct {
        uint64_t key;
        uint32_t buckets, bucket;
    } known[] = {{1, 1, 0}, {42, 57, 43}, {0xDEAD10CC, 1, 0}, {0xDEAD10CC, 666, 361}, {256, 1024, 520}};
    lw_strategy *strategy = law_strategy("jump", 1);
    for (size_t i = 0; i < LAW_COUNT(known); i++) {
        law_set *set = law_set_new(known[i].buckets);
        assert_int_equal(key_owner(strategy, set, unmixed(known[i].key)), known[i].bucket);
        free(set);
    }
    lw_strategy_free(strategy);
}

/* As it is published: each place is cut to a whole number before it is compared. */
static uint32_t published_bucket(uint64_t key, uint32_t buckets) {
    int64_t bucket = -1, next = 0;
    while (next < buckets) {
        bucket = next;
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(bucket + 1) * ((double)(INT64_C(1) << 31) / (double)((key >> 33) + 1)));
    }
    return (uint32_t)bucket;
}

/* Both forms: that of a pick, and that of the order past an owner. */
static void answers_as_published_at_any_size(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 57, 1000, 65537, 1000000007, INT32_MAX};
    lw_strategy *strategy = law_strategy("jump", 1);
    uint64_t chance = 9;
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        lw_nodes nodes;
        lw_nodes_init(&nodes, sizes[s]);
        nodes.set = 1 + s;
        for (uint32_t i = 0; i < 100000; i++) {
            uint64_t mixed = i < 64 ? UINT64_C(1) << i : i < 128 ? UINT64_MAX >> (i - 64) : law_random(&chance);
            uint32_t first, expected = published_bucket(mixed, sizes[s]);
            lw_request request = law_keyed(unmixed(mixed));
            assert_int_equal(lw_select(strategy, &nodes, &request), expected);
            assert_int_equal(lw_replicas(strategy, &nodes, unmixed(mixed), &first, 1), 1);
            assert_int_equal(first, expected);
        }
    }
    lw_strategy_free(strategy);
}

/* Keys whose first step ends on the very size of the list, and those beside them. */
static void answers_as_published_at_the_end_of_the_list(void **state) {
    (void)state;
    lw_strategy *strategy = law_strategy("jump", 1);
    for (uint32_t power = 1; power < 31; power++) {
        uint64_t end = UINT64_C(1) << (31 - power); /* 2^31 / end is the size */
        lw_nodes nodes;
        lw_nodes_init(&nodes, UINT32_C(1) << power);
        for (uint64_t high = end - 1; high <= end + 1; high++) {
            uint64_t stepped = (high - 1) << 33;
            uint64_t key = (stepped - 1) * inverse_of(UINT64_C(2862933555777941757));
            lw_request request = law_keyed(unmixed(key));
            uint32_t bucket = published_bucket(key, nodes.count);
            assert_true(high != end || bucket == 0);
            assert_int_equal(lw_select(strategy, &nodes, &request), bucket);
        }
    }
    lw_strategy_free(strategy);
}

/* A longer list takes keys for its new nodes and moves none between the others. */
static void moves_keys_only_to_the_tail(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 10, 64, 1000, LAW_MOST - 1};
    lw_strategy *strategy = law_strategy("jump", 1);
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *less = law_set_new(sizes[s]), *more = law_set_new(sizes[s] + 1);
        uint32_t *before = key_owners(strategy, less, KEY_LAW_KEYS);
        uint32_t *after = key_owners(strategy, more, KEY_LAW_KEYS);
        uint64_t counts[2] = {0};
        const double shares[2] = {sizes[s], 1};
        for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
            assert_true(after[i] == before[i] || after[i] == sizes[s]);
            counts[after[i] != before[i]]++;
        }
        assert_true(law_fits(counts, shares, 2));
        free(before);
        free(after);
        free(less);
        free(more);
    }
    lw_strategy_free(strategy);
}

/* Stated plainly on its page: in the middle of the list, all nodes behind it are other nodes. */
static void moves_most_keys_when_the_middle_goes(void **state) {
    (void)state;
    law_set *all = law_set_new(20), *rest = law_set_new(19);
    for (uint32_t i = 10; i < 19; i++) {
        rest->id[i] = all->id[i + 1];
    }
    lw_strategy *strategy = law_strategy("jump", 1);
    uint32_t *before = key_owners(strategy, all, KEY_LAW_KEYS), *after = key_owners(strategy, rest, KEY_LAW_KEYS);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        moved += all->id[before[i]] != rest->id[after[i]];
    }
    assert_true(moved > KEY_LAW_KEYS * 4 / 10 && moved < KEY_LAW_KEYS * 6 / 10);
    lw_strategy_free(strategy);
    free(before);
    free(after);
    free(all);
    free(rest);
}

static void spreads_keys_evenly_whatever_ids_weights_and_seed(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 7, 100, 1000};
    lw_strategy *strategy = law_strategy("jump", 1), *other = law_strategy("jump", 2);
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        law_set *set = law_set_new(sizes[s]);
        uint64_t counts[LAW_MOST] = {0};
        double shares[LAW_MOST];
        for (uint32_t i = 0; i < sizes[s]; i++) {
            set->weight[i] = i % 3 == 2 ? UINT32_MAX : 1 + i;
            set->id[i] = 5; /* the same for all: only the place in the list counts */
        }
        for (uint64_t key = 0; key < 100000; key++) { /* as plain as keys can be: they are mixed */
            uint32_t owner = key_owner(strategy, set, key);
            counts[owner]++;
            if (key < 1000) {
                assert_int_equal(key_owner(other, set, key), owner);
            }
        }
        law_even_shares(&set->nodes, NULL, shares);
        assert_true(law_fits(counts, shares, sizes[s]));
        free(set);
    }
    lw_strategy_free(strategy);
    lw_strategy_free(other);
}

/* Without any column, as a list of numbered shards is. */
static void takes_lists_of_any_length(void **state) {
    (void)state;
    lw_nodes nodes;
    lw_nodes_init(&nodes, KEY_LAW_CROWD);
    lw_strategy *strategy = law_strategy("jump", 1);
    key_law_of_crowds(strategy, &nodes, KEY_LAW_KEYS);
    lw_strategy_free(strategy);
}

static void passes_over_weight_zero(void **state) {
    (void)state;
    law_set *set = law_set_new(KEY_LAW_NODES);
    lw_strategy *strategy = law_strategy("jump", 1);
    uint32_t *before = key_owners(strategy, set, KEY_LAW_KEYS);
    set->weight[3] = 0;
    set->nodes.version++;
    key_law_of_heirs(strategy, set, before, 3);
    lw_strategy_free(strategy);
    free(before);
    free(set);
}

static void keeps_the_laws_of_keys(void **state) {
    (void)state;
    key_law_of_absence("jump", false);
    key_law_of_absence("jump", true);
    key_law_of_few("jump");
    key_law_of_orders("jump");
    key_law_of_refusals("jump");
    key_law_of_absent_keys("jump");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_published_buckets),
        cmocka_unit_test(answers_as_published_at_any_size),
        cmocka_unit_test(answers_as_published_at_the_end_of_the_list),
        cmocka_unit_test(moves_keys_only_to_the_tail),
        cmocka_unit_test(moves_most_keys_when_the_middle_goes),
        cmocka_unit_test(spreads_keys_evenly_whatever_ids_weights_and_seed),
        cmocka_unit_test(takes_lists_of_any_length),
        cmocka_unit_test(passes_over_weight_zero),
        cmocka_unit_test(keeps_the_laws_of_keys),
    };
    return cmocka_run_group_tests_name("jump", tests, NULL, NULL);
}
