/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Long orders of a key: as far as they go, each node is the one that a pick takes when those before it are out. Most of
 * such an order is beyond what look-ups find.
 */
#include "laws.h"

enum { MOST = 300, ROUNDS = 6 };

static const char *const specs[] = {
    "ring",       "maglev table=65537", "anchor capacity=512",  "jump",
    "rendezvous", "multi_probe",        "multi_probe probes=1", "multi_probe probes=1024"};

/* Of `room` places all are filled that can be; the longer order begins as the shorter one. */
static void follow_order(lw_strategy *strategy, law_set *set, uint64_t key, uint32_t room) {
    uint32_t order[MOST], start[7], available = 0;
    lw_request request = law_keyed(key);
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        available += set->weight[i] > 0 && lw_bitmap_get(set->words, i);
    }
    uint32_t count = available < room ? available : room;
    assert_int_equal(lw_replicas(strategy, &set->nodes, key, order, room), count);
    assert_int_equal(lw_replicas(strategy, &set->nodes, key, start, 7), 7);
    assert_memory_equal(order, start, sizeof start);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, &request), order[i]);
        lw_bitmap_clear(set->words, order[i]);
    }
    if (count == available) {
        assert_true(lw_is_refusal(lw_select(strategy, &set->nodes, &request)));
    }
}

static void is_what_picks_take_without_those_before(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 3, 0, 2, 50};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        law_set *set = law_set_new(MOST);
        uint64_t chance = s;
        lw_strategy *strategy = law_strategy(specs[s], 1);
        for (uint32_t round = 0; round < ROUNDS; round++) {
            for (uint32_t i = 0; i < MOST; i++) {
                set->weight[i] = round < 3 ? 1 : weights[law_below(&chance, 5)];
            }
            set->nodes.version++;
            law_set_none(set);
            for (uint32_t i = 0; i < MOST; i++) {
                if (law_below(&chance, 4) < 1 + round) {
                    lw_bitmap_set(set->words, i);
                }
            }
            follow_order(strategy, set, law_random(&chance), round % 2 == 0 ? MOST : 100);
        }
        lw_strategy_free(strategy);
        free(set);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_what_picks_take_without_those_before)};
    return cmocka_run_group_tests_name("long orders", tests, NULL, NULL);
}
