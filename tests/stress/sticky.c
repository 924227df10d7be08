/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sticky with threads. Where the table has room and each key belongs to one thread, a pin that was written is found
 * again, whoever writes beside it: a key that strays is one whose pin two writers met over, and those are counted. It
 * strays to the node that it moves to; or, where that could not be written, there and back. In a table that is too
 * small no pin is ever half of one key's and half of another's: there each key has a node of its own that it may be on,
 * and a wrong node would show.
 */
#include "../law/counted.h"
#include "crew.h"
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>

enum { NODES = 64, THREADS = 4, KEYS = 500, ROUNDS = 200 };

static lw_strategy *strategy;
static lw_nodes nodes;
static uint64_t ids[NODES];
static uint32_t strayed;

static uint64_t reading(const char *name) { return counted(strategy, "sticky", name); }

static ptrdiff_t send_key(uint64_t key, uint64_t now) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    return lw_select_at(strategy, &nodes, &request, now);
}

/* Where a key is put by the strategy of the test: a pin for any other node is torn. */
static ptrdiff_t by_key_pick(const lw_view *view) {
    return (ptrdiff_t)(view->request->key * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

static const lw_strategy_ops by_key = {
    .size = sizeof by_key, .name = "by_key", .help = "A node for each key.", .pick = by_key_pick};

static void open_strategy(const char *spec) {
    static const lw_strategy_ops *const own[] = {&by_key};
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    lw_nodes_init(&nodes, NODES);
    LW_SET_VALUES(nodes, id, ids);
    nodes.set = 1;
    assert_int_equal(lw_prepare(strategy, &nodes), LW_OK);
}

/* Each with keys of its own, that go back and forth in time of use. */
static void hold_own_keys(crew_hand *hand) {
    ptrdiff_t first[KEYS];
    for (uint32_t key = 0; key < KEYS; key++) {
        first[key] = send_key(hand->number * KEYS + key, 1);
    }
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        for (uint32_t key = 0; key < KEYS; key++) {
            ptrdiff_t index = send_key(hand->number * KEYS + key, 2 + i);
            if (index != first[key]) {
                __atomic_fetch_add(&strayed, 1, __ATOMIC_RELAXED);
                first[key] = index;
                sched_yield(); /* let a writer that was interrupted go on, or all keys beside its own stray for long */
            }
        }
    }
}

static void test_keeps(void **state) {
    (void)state;
    static crew c;
    open_strategy("sticky(random, max=100000, ttl=0)");
    crew_run(&c, THREADS, hold_own_keys);
    uint64_t all = (uint64_t)THREADS * KEYS * (1 + ROUNDS * crew_factor());
    assert_int_equal(reading("hits") + reading("misses") + reading("moves"), all);
    assert_int_equal(reading("pins"), THREADS * KEYS);
    assert_int_equal(reading("evictions"), 0);
    assert_true(strayed <= 2 * reading("lost") + reading("moves"));
    assert_true(strayed < all / 1000);
    lw_strategy_free(strategy);
}

/* All over few places, evicting each other. */
static void push_each_other_out(crew_hand *hand) {
    for (uint32_t i = 0; i < 100000 * crew_factor(); i++) {
        uint64_t key = crew_random(hand) % 40;
        CREW_EXPECT(hand, send_key(key, i + 1) == (ptrdiff_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 58));
    }
}

static void test_tears_nothing(void **state) {
    (void)state;
    static crew c;
    open_strategy("sticky(by_key, max=14, ttl=0)");
    crew_run(&c, THREADS, push_each_other_out);
    assert_int_equal(reading("pins"), 14);
    assert_true(reading("hits") > 1000 && reading("evictions") > 1000);
    assert_int_equal(reading("moves"), 0);
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keeps), cmocka_unit_test(test_tears_nothing)};
    for (uint32_t i = 0; i < NODES; i++) {
        ids[i] = 100 + i;
    }
    return cmocka_run_group_tests_name("sticky with threads", tests, NULL, NULL);
}
