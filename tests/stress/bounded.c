/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bounded with threads: each holds a few requests for hot keys, places and ends them in turn. With T threads a cap is
 * exceeded by T - 1 at most; and when all is over, nothing is under way.
 *
 * A node's count here goes up after the pick and down before the end, so it is never above the strategy's own.
 */
#include "../law/counted.h"
#include "crew.h"
#include <loadwise/loadwise.h>

enum { NODES = 16, THREADS = 4, HELD = 24, ROUNDS = 100000 };

static lw_strategy *strategy;
static lw_nodes nodes[2]; /* two versions of one set */
static uint64_t ids[NODES];
static uint32_t versions;
static uint32_t counts[NODES];

/* Never more under way than THREADS * HELD: ceil(1.25 * 96 / 16) of them on a node, and T - 1. */
static const uint32_t limit = (THREADS * HELD * 5 / 4 + NODES - 1) / NODES + THREADS - 1;

static void place(crew_hand *hand, const lw_nodes *set, uint32_t *held) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = crew_random(hand) % 3;
    ptrdiff_t index = lw_select(strategy, set, &request);
    CREW_EXPECT(hand, index >= 0 && index < NODES);
    uint32_t count = __atomic_add_fetch(&counts[index], 1, __ATOMIC_RELAXED);
    CREW_EXPECT(hand, count <= limit);
    *held = (uint32_t)index;
}

static void end(crew_hand *hand, const lw_nodes *set, uint32_t held) {
    static const lw_sample sample = LW_SAMPLE_INIT;
    __atomic_fetch_sub(&counts[held], 1, __ATOMIC_RELAXED);
    CREW_EXPECT(hand, lw_feedback(strategy, set, held, &sample) == LW_OK);
}

static void hold_and_release(crew_hand *hand) {
    uint32_t held[HELD], holding = 0;
    uint32_t rounds = ROUNDS * crew_factor();
    for (uint32_t i = 0; i < rounds; i++) {
        const lw_nodes *set = &nodes[crew_random(hand) % versions];
        if (holding < HELD && (holding == 0 || crew_random(hand) % 8 < 5)) {
            place(hand, set, &held[holding++]);
        } else {
            uint32_t which = (uint32_t)(crew_random(hand) % holding);
            end(hand, set, held[which]);
            held[which] = held[--holding];
        }
    }
    while (holding > 0) {
        end(hand, &nodes[0], held[--holding]);
    }
}

static uint64_t reading(const char *name) { return counted(strategy, "bounded", name); }

static void work_with(const char *spec, uint32_t version_count) {
    static crew c;
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    versions = version_count;
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    for (uint32_t v = 0; v < 2; v++) {
        lw_nodes_init(&nodes[v], NODES);
        LW_SET_VALUES(nodes[v], id, ids);
        nodes[v].set = 1;
        nodes[v].version = v + 1;
        assert_int_equal(lw_prepare(strategy, &nodes[v]), LW_OK);
    }
    crew_run(&c, THREADS, hold_and_release);
    assert_int_equal(reading("under_way"), 0);
    assert_true(reading("overflows") > 1000);
    lw_strategy_free(strategy);
}

static void test_caps(void **state) {
    (void)state;
    work_with("bounded(ring)", 1);
    work_with("bounded(ring, overflow=next)", 1);
}

/* Both versions of the set count together. */
static void test_versions(void **state) {
    (void)state;
    work_with("bounded(ring)", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_caps), cmocka_unit_test(test_versions)};
    for (uint32_t i = 0; i < NODES; i++) {
        ids[i] = 100 + i;
    }
    return cmocka_run_group_tests_name("bounded with threads", tests, NULL, NULL);
}
