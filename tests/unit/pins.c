/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pins after a fork: where a thread of the parent was writing they are taken up anew, all others stay. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "strategy/pins.h"
#include "strategy/unit.h"
#include <loadwise/loadwise.h>

enum { NODES = 50, KEYS = 300 };

static ptrdiff_t send_key(lw_strategy *strategy, const lw_nodes *nodes, uint64_t key) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    return lw_select_at(strategy, nodes, &request, 1);
}

static void test_a_child_writes_where_the_parent_did(void **state) {
    (void)state;
    lw_strategy *strategy;
    lw_nodes nodes;
    ptrdiff_t held[KEYS];
    uint32_t moved = 0;
    lw_env env = LW_ENV_INIT;
    env.seed = 3;
    assert_int_equal(lw_strategy_new(&strategy, &env, "sticky(random, max=2100)"), LW_OK);
    lw_nodes_init(&nodes, NODES);
    nodes.set = 1;
    for (uint64_t key = 0; key < KEYS; key++) {
        held[key] = send_key(strategy, &nodes, key);
    }
    struct lw__pin_set *sets = strategy->units[0]->memory.state;
    for (uint32_t i = 0; i < 300; i += 2) {
        sets[i].version++; /* somebody writes */
    }
    lw__strategy_after_fork(strategy, 4);
    for (uint64_t key = 0; key < KEYS; key++) {
        ptrdiff_t now = send_key(strategy, &nodes, key);
        moved += now != held[key];
        held[key] = now;
    }
    assert_in_range(moved, 100, 200); /* half of the sets were written to */
    for (uint64_t key = 0; key < KEYS; key++) {
        assert_int_equal(send_key(strategy, &nodes, key), held[key]);
    }
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_child_writes_where_the_parent_did)};
    return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
