/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Laws that every strategy keeps which places by key: who may own a key, orders, refusals, requests without a key. */
#ifndef LOADWISE_TESTS_KEY_LAWS_H
#define LOADWISE_TESTS_KEY_LAWS_H

#include "laws.h"

enum { KEY_LAW_KEYS = 20000, KEY_LAW_NODES = 24, KEY_LAW_CROWD = 10000 };

static inline uint32_t key_owner(lw_strategy *strategy, const law_set *set, uint64_t key) {
    lw_request request = law_keyed(key);
    return law_pick(strategy, &set->nodes, &request);
}

/* The owners of so many drawn keys, by index in the set; free them. */
static inline uint32_t *key_owners(lw_strategy *strategy, const law_set *set, uint32_t keys) {
    uint32_t *owners = law_room(keys, sizeof *owners);
    uint64_t chance = 71;
    for (uint32_t i = 0; i < keys; i++) {
        owners[i] = key_owner(strategy, set, law_random(&chance));
    }
    return owners;
}

/* A spec with one more parameter. */
static inline lw_strategy *key_strategy(const char *spec, const char *parameter) {
    char text[128];
    snprintf(text, sizeof text, "%s %s", spec, parameter);
    return law_strategy(text, 1);
}

/* Of an owner that is out, the keys spread evenly over the others; the keys of the others stay. */
static inline void key_law_of_absence(const char *spec, bool excluded) {
    law_set *set = law_set_new(KEY_LAW_NODES);
    lw_strategy *strategy = law_strategy(spec, 1);
    uint32_t *before = key_owners(strategy, set, KEY_LAW_KEYS);
    const uint64_t out[] = {0, 5, KEY_LAW_NODES - 1};
    uint64_t chance = 71, heirs[KEY_LAW_NODES] = {0};
    double shares[KEY_LAW_NODES];
    lw_request request = law_keyed(0);
    if (excluded) {
        request = law_excluding(out, LAW_COUNT(out));
        request.flags = LW_REQUEST_KEYED;
    } else {
        law_set_only(set, ~(UINT64_C(1) | UINT64_C(1) << 5 | UINT64_C(1) << (KEY_LAW_NODES - 1)));
    }
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        request.key = law_random(&chance);
        uint32_t owner = law_pick(strategy, &set->nodes, &request);
        if (law_may(&set->nodes, &request, before[i])) {
            assert_int_equal(owner, before[i]);
        } else {
            heirs[owner]++;
        }
    }
    law_even_shares(&set->nodes, &request, shares);
    assert_true(law_fits(heirs, shares, KEY_LAW_NODES));
    lw_strategy_free(strategy);
    free(before);
    free(set);
}

/* A node has gone, and these were the owners before: its keys go to the others by weight, and theirs stay. */
static inline void key_law_of_heirs(lw_strategy *strategy, const law_set *set, const uint32_t *before, uint32_t gone) {
    uint32_t *after = key_owners(strategy, set, KEY_LAW_KEYS);
    uint64_t heirs[KEY_LAW_NODES] = {0};
    double shares[KEY_LAW_NODES];
    assert_true(set->nodes.count <= KEY_LAW_NODES);
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        if (before[i] == gone) {
            heirs[after[i]]++;
        } else {
            assert_int_equal(after[i], before[i]);
        }
    }
    law_weighted_shares(set, NULL, shares);
    assert_true(law_fits(heirs, shares, set->nodes.count));
    free(after);
}

/* More nodes than a set holds: either half of the list has as many keys, and so have odd and even places. */
static inline void key_law_of_crowds(lw_strategy *strategy, const lw_nodes *nodes, uint32_t keys) {
    uint64_t quarters[4] = {0}, chance = 74;
    static const double shares[4] = {1, 1, 1, 1};
    for (uint32_t i = 0; i < keys; i++) {
        lw_request request = law_keyed(law_random(&chance));
        uint32_t owner = law_pick(strategy, nodes, &request);
        quarters[(owner >= nodes->count / 2 ? 2 : 0) + owner % 2]++;
    }
    assert_true(law_fits(quarters, shares, 4));
}

static inline void key_law_of_twins(const char *spec) {
    law_set *set = law_set_new(5);
    lw_strategy *strategy = law_strategy(spec, 1);
    set->id[4] = set->id[1];
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_DUPLICATE);
    lw_strategy_free(strategy);
    free(set);
}

/* One in a thousand may be chosen: found all the same, and evenly, whatever the weights, which do not count. */
static inline void key_law_of_few(const char *spec) {
    law_set *set = law_set_new(LAW_MOST);
    lw_strategy *strategy = law_strategy(spec, 1);
    uint64_t chance = 72, counts[LAW_MOST] = {0};
    double shares[LAW_MOST];
    law_set_none(set);
    for (uint32_t i = 0; i < 4; i++) {
        lw_bitmap_set(set->words, 7 + i * 1000);
        set->weight[7 + i * 1000] = 1 + i * 50;
    }
    for (uint32_t i = 0; i < KEY_LAW_KEYS; i++) {
        counts[key_owner(strategy, set, law_random(&chance))]++;
    }
    law_even_shares(&set->nodes, NULL, shares);
    assert_true(law_fits(counts, shares, LAW_MOST));
    lw_strategy_free(strategy);
    free(set);
}

/* The order of a key begins with its owner, goes on with the owner were the first ones out, and holds all. */
static inline void key_law_of_orders(const char *spec) {
    law_set *set = law_set_new(KEY_LAW_NODES);
    lw_strategy *strategy = law_strategy(spec, 1);
    uint64_t chance = 73;
    for (uint32_t round = 0; round < 500; round++) {
        uint64_t gone[KEY_LAW_NODES];
        uint32_t order[KEY_LAW_NODES + 1];
        lw_request request = law_keyed(law_random(&chance));
        law_set_only(set, law_random(&chance) | 1);
        set->nodes.eligible = round % 2 == 0 ? set->words : NULL;
        uint32_t count = round % 2 == 0 ? lw_bitmap_count(set->words, KEY_LAW_NODES) : KEY_LAW_NODES;
        ptrdiff_t found = lw_replicas(strategy, &set->nodes, request.key, order, KEY_LAW_NODES + 1);
        assert_int_equal(found, count);
        request.exclude = gone;
        for (uint32_t i = 0; i < count; i++) {
            request.exclude_count = i;
            assert_int_equal(law_pick(strategy, &set->nodes, &request), order[i]);
            gone[i] = order[i];
        }
        uint32_t first[3];
        assert_int_equal(lw_replicas(strategy, &set->nodes, request.key, first, 3), count < 3 ? count : 3);
        assert_memory_equal(first, order, (count < 3 ? count : 3) * sizeof *first);
    }
    lw_strategy_free(strategy);
    free(set);
}

static inline void key_law_of_refusals(const char *spec) {
    law_set *set = law_set_new(3);
    lw_strategy *strategy = law_strategy(spec, 1);
    const uint64_t all[] = {2, 1, 0};
    uint32_t order[3];
    lw_request request = law_excluding(all, 3);
    request.flags = LW_REQUEST_KEYED;
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_EXCLUDED);
    request.exclude_count = 0;
    law_set_only(set, 0);
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_FILTERED);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 1, order, 3), LW_FILTERED);
    set->nodes.eligible = NULL;
    law_set_weights(set, (const uint32_t[]){0, 0, 0});
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_NO_WEIGHT);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 1, order, 3), LW_NO_WEIGHT);
    law_set_weights(set, (const uint32_t[]){0, UINT32_MAX / 64, 0});
    if (strstr(spec, "multi_probe") != NULL) {
        set->weight[1] = 3;
    }
    for (request.key = 0; request.key < 100; request.key++) {
        assert_int_equal(lw_select(strategy, &set->nodes, &request), 1);
        assert_int_equal(lw_replicas(strategy, &set->nodes, request.key, order, 3), 1);
    }
    law_set_only(set, 5); /* those of weight 0 only */
    assert_int_equal(lw_select(strategy, &set->nodes, &request), LW_NO_WEIGHT);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 0, order, 0), LW_INVALID);
    lw_strategy_free(strategy);
    free(set);
}

static inline void key_law_of_absent_keys(const char *spec) {
    law_set *set = law_set_new(KEY_LAW_NODES);
    uint64_t counts[KEY_LAW_NODES] = {0}, none[KEY_LAW_NODES] = {0};
    lw_strategy *drawing = key_strategy(spec, "absent_key=random"), *failing = key_strategy(spec, "absent_key=error"),
                *passing = key_strategy(spec, "absent_key=next"), *unknown = NULL;
    char wrong[128];
    law_tally(drawing, &set->nodes, NULL, KEY_LAW_KEYS, counts);
    for (uint32_t i = 0; i < KEY_LAW_NODES; i++) {
        none[i] = counts[i] == 0;
        assert_int_equal(none[i], 0);
    }
    assert_int_equal(lw_select(failing, &set->nodes, NULL), LW_KEY_REQUIRED);
    assert_int_equal(lw_select(passing, &set->nodes, NULL), LW_NO_KEY);
    for (uint64_t key = 0; key < 50; key++) { /* 0 is a key like any other */
        assert_int_equal(key_owner(failing, set, key), key_owner(drawing, set, key));
        assert_int_equal(key_owner(passing, set, key), key_owner(drawing, set, key));
    }
    snprintf(wrong, sizeof wrong, "%s absent_key=never", spec);
    assert_int_equal(lw_strategy_new(&unknown, NULL, wrong), LW_RANGE);
    lw_strategy_free(drawing);
    lw_strategy_free(failing);
    lw_strategy_free(passing);
    free(set);
}

#endif
