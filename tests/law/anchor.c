/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * anchor: over any history of nodes that come and go, only their keys move and loads stay even; what the order of the
 * list and of the events does to it; the capacity; and the same in a pool, whose versions must hand on the history.
 */
#include "key_laws.h"

#include <string.h>

#include "pool_yard.h"

enum { ANCHOR_KEYS = 6000, ANCHOR_IDS = 60, ANCHOR_STEPS = 120 };

/* A set whose members are told by a mask over ids 1 to ANCHOR_IDS, in an order of this set's own. */
struct roster {
    law_set *set;
    lw_strategy *strategy;
    uint64_t chance, owners[ANCHOR_KEYS];
};

static struct roster *roster_open(const char *spec, uint64_t seed) {
    struct roster *roster = law_room(1, sizeof *roster);
    roster->set = law_set_new(ANCHOR_IDS);
    roster->strategy = law_strategy(spec, seed);
    roster->chance = seed;
    return roster;
}

static void roster_close(struct roster *roster) {
    lw_strategy_free(roster->strategy);
    free(roster->set);
    free(roster);
}

/* Ids as far apart as real ones are, whose order is not that of their numbers. */
static uint64_t roster_id(uint32_t number) { return (number + 1) * UINT64_C(0x9e3779b97f4a7c15); }

static void roster_call(struct roster *roster, uint64_t mask) {
    law_set *set = roster->set;
    set->nodes.count = 0;
    for (uint32_t i = 0; i < ANCHOR_IDS; i++) {
        if (mask >> i & 1) {
            uint32_t other = law_below(&roster->chance, ++set->nodes.count);
            set->id[set->nodes.count - 1] = set->id[other];
            set->id[other] = roster_id(i);
        }
    }
    set->nodes.version++;
    for (uint32_t key = 0; key < ANCHOR_KEYS; key++) {
        roster->owners[key] = set->id[key_owner(roster->strategy, set, key)];
    }
}

/* Keys move only from who left and to who came, if both did; else only one of the two. */
static void assert_least_moves(const uint64_t *before, const uint64_t *after, uint64_t old, uint64_t now) {
    for (uint32_t key = 0; key < ANCHOR_KEYS; key++) {
        bool left = true, came = false;
        for (uint32_t i = 0; i < ANCHOR_IDS; i++) {
            left = left && !(before[key] == roster_id(i) && (now >> i & 1) != 0);
            came = came || (after[key] == roster_id(i) && (old >> i & 1) == 0);
        }
        assert_true(before[key] == after[key] || left || came);
    }
}

static void assert_even(const struct roster *roster, uint64_t mask) {
    uint64_t counts[ANCHOR_IDS] = {0};
    double shares[ANCHOR_IDS];
    for (uint32_t i = 0; i < ANCHOR_IDS; i++) {
        shares[i] = (double)(mask >> i & 1);
        for (uint32_t key = 0; key < ANCHOR_KEYS; key++) {
            counts[i] += roster->owners[key] == roster_id(i);
        }
    }
    assert_true(law_fits(counts, shares, ANCHOR_IDS));
}

static void moves_least_over_any_history(void **state) {
    (void)state;
    static const char *const specs[] = {"anchor", "anchor capacity=60", "anchor capacity=5000"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        struct roster *roster = roster_open(specs[s], 3 + s);
        uint64_t mask = law_random(&roster->chance) >> 4;
        uint64_t *before = law_room(ANCHOR_KEYS, sizeof *before);
        roster_call(roster, mask);
        for (uint32_t step = 0; step < ANCHOR_STEPS; step++) {
            uint64_t flips = UINT64_C(1) << law_below(&roster->chance, ANCHOR_IDS);
            if (step % 3 == 2) { /* many at once */
                flips |= law_bits(&roster->chance, 1);
            }
            uint64_t now = (mask ^ flips) & ((UINT64_C(1) << ANCHOR_IDS) - 1);
            memcpy(before, roster->owners, sizeof roster->owners);
            roster_call(roster, now == 0 ? 1 : now);
            assert_least_moves(before, roster->owners, mask, now == 0 ? 1 : now);
            mask = now == 0 ? 1 : now;
            if (step % 10 == 0) {
                assert_even(roster, mask);
            }
        }
        free(before);
        roster_close(roster);
    }
}

/* Whoever saw the same events agrees: whatever the order of the lists, and the seed. */
static void agrees_by_events_alone(void **state) {
    (void)state;
    struct roster *one = roster_open("anchor", 5), *other = roster_open("anchor", 6), *late = roster_open("anchor", 7);
    uint64_t chance = 8, mask = 0;
    for (uint32_t step = 0; step < 40; step++) {
        mask = law_random(&chance) >> 4;
        roster_call(one, mask);
        roster_call(other, mask);
        assert_memory_equal(one->owners, other->owners, sizeof one->owners);
    }
    roster_call(late, mask);
    assert_memory_not_equal(one->owners, late->owners, sizeof one->owners);
    roster_close(one);
    roster_close(other);
    roster_close(late);
}

/* What leaves together or one by one and comes back in reverse finds all as it was. */
static void restores_who_comes_back(void **state) {
    (void)state;
    struct roster *roster = roster_open("anchor", 9);
    static uint64_t full[ANCHOR_KEYS], less[ANCHOR_KEYS];
    const uint64_t all = (UINT64_C(1) << ANCHOR_IDS) - 1, some = UINT64_C(0x123456789abcde), few = some & 0xffff00;
    roster_call(roster, all);
    memcpy(full, roster->owners, sizeof full);
    roster_call(roster, some);
    memcpy(less, roster->owners, sizeof less);
    roster_call(roster, few);
    roster_call(roster, some);
    assert_memory_equal(less, roster->owners, sizeof less);
    roster_call(roster, all);
    assert_memory_equal(full, roster->owners, sizeof full);
    roster_close(roster);
}

/* The last node may leave too, by its weight, and the table knows the others' places when they come back. */
static void survives_a_set_of_nobody(void **state) {
    (void)state;
    law_set *set = law_set_new(8);
    lw_strategy *strategy = law_strategy("anchor", 1);
    lw_request request = law_keyed(1);
    uint32_t *before = key_owners(strategy, set, ANCHOR_KEYS);
    static const uint32_t courses[][8] = {
        {0, 1, 1, 0, 1, 1, 0, 1}, {0, 0, 0, 0, 1, 0, 0, 0}, {0}, {0, 0, 0, 0, 9}, {0, 1, 7, 0, 1, 1, 0, 1}};
    for (size_t c = 0; c < LAW_COUNT(courses); c++) {
        law_set_weights(set, courses[c]);
        assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
        for (request.key = 0; request.key < 200; request.key++) {
            ptrdiff_t owner = lw_select(strategy, &set->nodes, &request);
            assert_true(c == 2 ? owner == LW_NO_WEIGHT : owner >= 0 && set->weight[owner] > 0);
        }
    }
    law_set_weights(set, (const uint32_t[]){1, 1, 1, 1, 9, 1, 1, UINT32_MAX});
    uint32_t *after = key_owners(strategy, set, ANCHOR_KEYS);
    assert_memory_equal(before, after, ANCHOR_KEYS * sizeof *before);
    lw_strategy_free(strategy);
    free(before);
    free(after);
    free(set);
}

static void refuses_one_node_too_many(void **state) {
    (void)state;
    lw_strategy *strategy = NULL;
    assert_int_equal(law_strategy_heard(&strategy, "anchor capacity=5"), LW_OK);
    law_set *set = law_set_new(5);
    uint32_t *before = key_owners(strategy, set, 500);
    set->nodes.count = 7;
    set->id[5] = 1;
    set->id[6] = 2;
    law_set_weights(set, (const uint32_t[]){1, 1, 1, 0, 1, 1, 1});
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_TOO_LARGE);
    assert_non_null(strstr(law_said, "node 6 "));
    assert_non_null(strstr(law_said, "capacity=5"));
    set->nodes.count = 6; /* five of them */
    set->nodes.version++;
    assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    set->nodes.count = 5;
    set->nodes.version++;
    law_set_weights(set, (const uint32_t[]){1, 1, 1, 1, 1});
    uint32_t *after = key_owners(strategy, set, 500);
    assert_memory_equal(before, after, 500 * sizeof *before);
    lw_strategy_free(strategy);
    free(before);
    free(after);
    free(set);
    static const char *const good[] = {"capacity=1", "capacity=1048576"};
    static const char *const bad[] = {"capacity=0", "capacity=1048577"};
    LAW_RANGES("anchor", good, bad);
}

/* A full table of ten thousand, and one node in it. */
static void takes_sets_of_any_size(void **state) {
    (void)state;
    lw_nodes nodes;
    uint64_t chance = 11;
    lw_strategy *strategy = law_strategy("anchor capacity=10000", 1);
    lw_nodes_init(&nodes, KEY_LAW_CROWD);
    nodes.set = 1;
    key_law_of_crowds(strategy, &nodes, KEY_LAW_KEYS);
    nodes.count = 1;
    nodes.version = 1;
    for (uint32_t i = 0; i < 1000; i++) {
        lw_request request = law_keyed(law_random(&chance));
        assert_int_equal(law_pick(strategy, &nodes, &request), 0);
    }
    lw_strategy_free(strategy);
}

/* Each content of set 0 is a first version. */
static void set_zero_remembers_nothing(void **state) {
    (void)state;
    struct roster *one = roster_open("anchor", 12), *other = roster_open("anchor", 13);
    one->set->nodes.set = other->set->nodes.set = 0;
    uint64_t chance = 14;
    for (uint32_t step = 0; step < 10; step++) {
        uint64_t mask = law_random(&chance) >> 4;
        roster_call(other, mask);
        for (uint32_t detour = 0; detour < 3; detour++) {
            roster_call(one, law_random(&chance) >> 4);
        }
        roster_call(one, mask);
        assert_memory_equal(one->owners, other->owners, sizeof one->owners);
    }
    roster_close(one);
    roster_close(other);
}

static void keeps_the_laws_of_keys(void **state) {
    (void)state;
    key_law_of_absence("anchor", false);
    key_law_of_absence("anchor", true);
    key_law_of_few("anchor capacity=4096");
    key_law_of_orders("anchor");
    key_law_of_refusals("anchor");
    key_law_of_absent_keys("anchor");
}

/* ---- in a pool ---- */

static void yard_owners(yard *y, uint64_t *owners) {
    for (uint64_t key = 0; key < ANCHOR_KEYS; key++) {
        lw_request request = law_keyed(key);
        lw_ticket ticket = yard_pick(y, &request);
        owners[key] = ticket.node;
        yard_cancel(y, &ticket);
    }
}

/* Updates hand the table on: a node that leaves the middle and comes back at the end of the list, again and again. */
static void a_pool_hands_on_the_history(void **state) {
    (void)state;
    static uint64_t full[ANCHOR_KEYS], less[ANCHOR_KEYS], again[ANCHOR_KEYS];
    yard y;
    yard_open(&y, NULL, "anchor", 12, 15);
    yard_owners(&y, full);
    for (uint32_t round = 0; round < 10; round++) {
        lw_node_spec gone = y.spec[round];
        uint64_t id = lw_id(gone.name, strlen(gone.name));
        y.spec[round] = y.spec[11];
        y.count = 11;
        yard_update(&y);
        yard_owners(&y, less);
        for (uint32_t key = 0; key < ANCHOR_KEYS; key++) {
            assert_true(full[key] == id ? less[key] != id : less[key] == full[key]);
        }
        y.spec[11] = y.spec[round];
        y.spec[round] = gone;
        y.count = 12;
        yard_update(&y);
        yard_owners(&y, again);
        assert_memory_equal(again, full, sizeof full);
    }
    yard_close(&y);
}

/* Two leave one after the other and come back in the same order: remembered, so they change places. A table made anew
   for each version would not tell. */
static void a_pool_remembers_the_order_of_events(void **state) {
    (void)state;
    static uint64_t full[ANCHOR_KEYS], later[ANCHOR_KEYS];
    yard y;
    yard_open(&y, NULL, "anchor", 12, 16);
    yard_owners(&y, full);
    lw_node_spec last = y.spec[11], other = y.spec[10];
    uint64_t ids[2] = {lw_id(last.name, strlen(last.name)), lw_id(other.name, strlen(other.name))};
    y.count = 11;
    yard_update(&y);
    y.count = 10;
    yard_update(&y);
    y.spec[10] = last;
    y.count = 11;
    yard_update(&y);
    y.spec[11] = other;
    y.count = 12;
    yard_update(&y);
    yard_owners(&y, later);
    for (uint32_t key = 0; key < ANCHOR_KEYS; key++) {
        uint64_t expected = full[key] == ids[0] ? ids[1] : full[key] == ids[1] ? ids[0] : full[key];
        assert_int_equal(later[key], expected);
    }
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_least_over_any_history), cmocka_unit_test(agrees_by_events_alone),
        cmocka_unit_test(restores_who_comes_back),      cmocka_unit_test(survives_a_set_of_nobody),
        cmocka_unit_test(refuses_one_node_too_many),    cmocka_unit_test(takes_sets_of_any_size),
        cmocka_unit_test(set_zero_remembers_nothing),   cmocka_unit_test(keeps_the_laws_of_keys),
        cmocka_unit_test(a_pool_hands_on_the_history),  cmocka_unit_test(a_pool_remembers_the_order_of_events),
    };
    return cmocka_run_group_tests_name("anchor", tests, NULL, NULL);
}
