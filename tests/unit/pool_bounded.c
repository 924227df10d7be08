/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bounded in a pool: what it counts is what is under way, whatever becomes of picks, tickets and nodes. Its caps follow
 * from that count, so it is read off the caps themselves: with n equal nodes and everything ended, the first n requests
 * for one key must go to n nodes with factor=1.
 */
#include "pool_stand.h"

static stand s;

enum { NODES = 6, HELD = 64 };

static lw_ticket held[HELD];
static uint32_t holding;

static int open_bounded(void **state) {
    (void)state;
    holding = 0;
    stand_open(&s, 12);
    return 0;
}

static int close_bounded(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void hold(uint64_t key) {
    lw_request request = stand_keyed(key);
    assert_true(holding < HELD);
    held[holding++] = stand_pick(&s, &request);
}

static void release_all(void) {
    while (holding > 0) {
        stand_done(&s, &held[--holding], LW_OUTCOME_OK);
    }
}

/* One hot key, held 2 n times, is on every node twice: not so if a count or the total were off by one. */
static void assert_even(void) {
    uint32_t count[STAND_MOST] = {0};
    assert_int_equal(holding, 0);
    for (uint32_t i = 0; i < 2 * s.count; i++) {
        hold(7);
        uint32_t node = stand_index(&s, held[i].node);
        assert_true(++count[node] <= i / s.count + 1);
    }
    release_all();
}

static void test_ends(void **state) {
    (void)state;
    s.options.ticket_ttl = 10 * SECOND;
    stand_found(&s, "bounded(ring, factor=1)", NODES);
    assert_even();
    for (uint32_t i = 0; i < 20; i++) { /* done, cancelled, lost */
        hold(7);
    }
    for (uint32_t i = 0; i < 5; i++) {
        stand_done(&s, &held[i], LW_OUTCOME_TIMEOUT);
        stand_cancel(&s, &held[i + 5]);
        assert_int_equal(lw_cancel(s.pool, &held[i]), LW_ALREADY);
    }
    s.book.now += 10 * SECOND;
    stand_tick(&s);
    holding = 0;
    assert_even();
}

/* Picks that cannot be charged begin and end at once. */
static void test_uncharged(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        s.spec[i].max_inflight = 3;
    }
    stand_found(&s, "bounded(ring, factor=2)", NODES);
    lw_request request = stand_keyed(7);
    for (uint32_t i = 0; i < 3 * NODES; i++) {
        hold(7);
    }
    for (uint32_t i = 0; i < 10; i++) {
        stand_refused(&s, &request, LW_SATURATED);
    }
    release_all();
    assert_int_equal(lw_pool_route(s.pool, "even", "bounded(ring, factor=1)", NULL, &s.route), LW_OK);
    assert_even();
}

static void test_dry_runs(void **state) {
    (void)state;
    stand_found(&s, "bounded(ring, factor=1)", NODES);
    lw_request request = stand_keyed(7);
    for (uint32_t i = 0; i < 10; i++) {
        lw_explanation why = LW_EXPLANATION_INIT;
        assert_int_equal(lw_explain(s.pool, s.route, &request, s.book.now, NULL, &why), LW_OK);
    }
    assert_even();
}

/* Nodes leave with requests under way, and come back; what they had added is gone with them. */
static void test_nodes_come_and_go(void **state) {
    (void)state;
    stand_found(&s, "bounded(ring, factor=1)", NODES);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 30; i++) {
            hold(7 + i % 3);
        }
        stand_update(&s, 2 + round % 3);
        release_all();
        stand_update(&s, NODES);
    }
    for (uint32_t i = 0; i < 4; i++) { /* until nobody remembers the versions before */
        s.spec[0].weight = i % 2 + 1;
        stand_update(&s, NODES);
    }
    s.spec[0].weight = 1;
    stand_update(&s, NODES);
    assert_even();
}

/* Ill nodes are no part of the whole: the others take all of it, and as evenly. */
static void test_ill_nodes(void **state) {
    (void)state;
    stand_found(&s, "bounded(ring, factor=1)", NODES);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    stand_verdict(&s, 4, LW_VERDICT_DOWN);
    uint32_t count[STAND_MOST] = {0};
    for (uint32_t i = 0; i < 20; i++) {
        hold(7);
        assert_true(++count[stand_index(&s, held[i].node)] <= i / (NODES - 2) + 1);
    }
    assert_int_equal(count[1] + count[4], 0);
    release_all();
}

/* Each level counts for itself. */
static void test_levels(void **state) {
    (void)state;
    for (uint32_t i = 3; i < NODES; i++) {
        s.spec[i].priority = 1;
    }
    stand_found(&s, "bounded(ring, factor=1)", NODES);
    for (uint32_t i = 0; i < 9; i++) {
        hold(7);
        assert_true(stand_index(&s, held[i].node) < 3);
    }
    for (uint32_t i = 0; i < 3; i++) {
        stand_verdict(&s, i, LW_VERDICT_DOWN);
    }
    uint32_t count[STAND_MOST] = {0};
    for (uint32_t i = 0; i < 9; i++) {
        hold(7);
        assert_true(++count[stand_index(&s, held[9 + i].node)] <= i / 3 + 1);
    }
    release_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ends, open_bounded, close_bounded),
        cmocka_unit_test_setup_teardown(test_uncharged, open_bounded, close_bounded),
        cmocka_unit_test_setup_teardown(test_dry_runs, open_bounded, close_bounded),
        cmocka_unit_test_setup_teardown(test_nodes_come_and_go, open_bounded, close_bounded),
        cmocka_unit_test_setup_teardown(test_ill_nodes, open_bounded, close_bounded),
        cmocka_unit_test_setup_teardown(test_levels, open_bounded, close_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
