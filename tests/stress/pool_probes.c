/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Picks, ends and answers to probes from many threads, while nodes come and go: no answer harms, those of nodes that
 * have gone are told so, and every wish is for a node that the pool has had.
 */
#include "crew.h"

#include <loadwise/loadwise.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 8, STEADY = 5, UPDATES = 200, PATIENCE = 20 };

static lw_pool *pool;
static uint32_t route;
static char names[NODES][16];
static lw_node_spec specs[NODES];
static uint64_t ids[NODES], served, strange;
static bool closing;
static crew hands;

static void check_wish(void *user, uint64_t id) {
    bool known = false;
    (void)user;
    for (uint32_t i = 0; i < NODES; i++) {
        known |= ids[i] == id;
    }
    __atomic_fetch_add(&strange, !known, __ATOMIC_RELAXED);
}

static void serve_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        uint32_t of = (uint32_t)(crew_random(hand) % NODES);
        lw_probe probe = LW_PROBE_INIT;
        lw_ticket ticket;
        probe.inflight = (uint32_t)(crew_random(hand) % 9);
        probe.latency = crew_random(hand) % 1000;
        int told = lw_pool_probed(pool, ids[of], &probe);
        CREW_EXPECT(hand, told == LW_OK || (told == LW_UNKNOWN && of >= STEADY));
        CREW_EXPECT(hand, lw_pick(pool, route, NULL, &ticket) == LW_OK);
        CREW_EXPECT(hand, lw_done(pool, &ticket, NULL) == LW_OK);
        __atomic_add_fetch(&served, 1, __ATOMIC_RELEASE);
    }
}

static void test_answers_while_nodes_come_and_go(void **state) {
    (void)state;
    lw_env env = LW_ENV_INIT;
    env.seed = 4;
    env.probe = check_wish;
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", (unsigned)i % 100);
        ids[i] = lw_id(names[i], strlen(names[i]));
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
    }
    assert_int_equal(lw_pool_new(&pool, &env, NULL), LW_OK);
    assert_int_equal(lw_pool_route(pool, "default", "chain(prequal, c3, least_time)", NULL, &route), LW_OK);
    assert_int_equal(lw_pool_update(pool, specs, NODES, 0, NULL), LW_OK);
    crew_start(&hands, 4, serve_along);
    for (uint64_t i = 1; i <= UPDATES * crew_factor(); i++) {
        assert_int_equal(lw_pool_update(pool, specs, STEADY + i % (NODES - STEADY + 1), 0, NULL), LW_OK);
        crew_wait(&served, i * PATIENCE);
    }
    __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
    crew_join(&hands);
    assert_int_equal(strange, 0);
    lw_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_while_nodes_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
