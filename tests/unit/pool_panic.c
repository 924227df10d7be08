/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Panic: what happens when too few nodes are well, from when to when, who counts, and what is told of it. */
#include "pool_stand.h"

static stand s;

static int open_panic(void **state) {
    (void)state;
    stand_open(&s, 37);
    s.observer.health_changed = NULL;
    return 0;
}

static int close_panic(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Nodes from `well` on are down, those before it up. */
static void set_well(uint32_t well) {
    for (uint32_t i = 0; i < s.count; i++) {
        stand_verdict(&s, i, i < well ? LW_VERDICT_UP : LW_VERDICT_DOWN);
    }
}

static uint32_t pick_flags(void) {
    lw_ticket ticket = stand_pick(&s, NULL);
    stand_cancel(&s, &ticket);
    return ticket.flags;
}

/* ---- policies ---- */

static void test_fail_open(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    static const double all[] = {1, 1, 1};
    stand_found(&s, "random", 3);
    set_well(0);
    assert_int_equal(pick_flags(), LW_TICKET_PANIC);
    assert_diary(&s, "panic+0 ");
    stand_tally(&s, NULL, 3000, counts);
    assert_shares(counts, all, 3);
    assert_int_equal(stand_stats(&s).panics, 3001);
    set_well(1);
    assert_int_equal(pick_flags(), 0);
    assert_diary(&s, "panic-0 ");
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 200, counts);
    assert_int_equal(counts[0], 200);
    assert_diary(&s, "");
}

static void test_fail_closed(void **state) {
    (void)state;
    s.options.panic = LW_PANIC_FAIL_CLOSED;
    stand_found(&s, "random", 2);
    set_well(0);
    lw_ticket refused = stand_refused(&s, NULL, LW_ALL_UNHEALTHY);
    assert_int_equal(refused.retry, LW_RETRY_ON_COMPLETION);
    assert_int_equal(refused.flags, 0); /* nobody was chosen */
    assert_diary(&s, "panic+0 ");
    set_well(2);
    assert_int_equal(pick_flags(), 0);
    assert_diary(&s, "panic-0 ");
}

/* Where nobody may serve, the time at which the first may be tried out is told, and then it is. */
static void test_closed_until_a_probe(void **state) {
    (void)state;
    s.options.panic = LW_PANIC_FAIL_CLOSED;
    stand_found(&s, "random", 2);
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    s.book.now += SECOND;
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 3);
    uint64_t due = s.book.now + 9 * SECOND;
    lw_ticket refused = stand_refused(&s, NULL, LW_ALL_UNHEALTHY);
    assert_int_equal(refused.retry, LW_RETRY_AT);
    assert_int_equal(refused.retry_at, due);
    s.book.now = due - 1;
    stand_refused(&s, NULL, LW_ALL_UNHEALTHY);
    s.book.now = due;
    lw_ticket probe = stand_pick(&s, NULL);
    assert_int_equal(stand_index(&s, probe.node), 0);
    assert_int_equal(probe.flags, LW_TICKET_PROBE);
    assert_int_equal(stand_refused(&s, NULL, LW_ALL_UNHEALTHY).retry_at, due + SECOND);
    stand_done(&s, &probe, LW_OUTCOME_OK);
    probe = stand_pick(&s, NULL);
    assert_int_equal(probe.flags, LW_TICKET_PROBE);
    stand_done(&s, &probe, LW_OUTCOME_OK);
    assert_int_equal(pick_flags(), 0);
}

static void test_last_resort(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    static const double kept[] = {0, 0, 1, 1};
    s.options.panic = LW_PANIC_LAST_RESORT;
    s.spec[2].flags = s.spec[3].flags = LW_NODE_LAST_RESORT;
    stand_found(&s, "random", 4);
    stand_tally(&s, NULL, 500, counts);
    assert_int_equal(counts[2] + counts[3], 0);
    assert_int_equal(stand_info(&s, 2).reasons, LW_REASON_RESERVED);
    set_well(0);
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 3000, counts); /* whatever their own health */
    assert_shares(counts, kept, 4);
    assert_int_equal(pick_flags(), LW_TICKET_PANIC);
    stand_verdict(&s, 1, LW_VERDICT_UP);
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 500, counts);
    assert_int_equal(counts[1], 500);
}

/* Those that are kept serve, and meanwhile an ill one is tried out when it is due, so that the panic ends by itself. */
static void test_last_resort_and_probes(void **state) {
    (void)state;
    s.options.panic = LW_PANIC_LAST_RESORT;
    s.spec[1].flags = LW_NODE_LAST_RESORT;
    stand_found(&s, "random", 2);
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    s.book.now += 10 * SECOND;
    for (int i = 0; i < 60; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        uint32_t node = stand_index(&s, ticket.node);
        if (stand_info(&s, 0).status != LW_HEALTHY) {
            assert_int_equal(ticket.flags, node == 0 ? LW_TICKET_PROBE : LW_TICKET_PANIC);
        }
        stand_done(&s, &ticket, LW_OUTCOME_OK);
    }
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
    assert_int_equal(pick_flags(), 0);
}

/* Kept nodes are for a panic of that policy alone. */
static void test_last_resort_of_others(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    s.spec[1].flags = LW_NODE_LAST_RESORT;
    stand_found(&s, "random", 2);
    set_well(0);
    stand_tally(&s, NULL, 300, counts);
    assert_int_equal(counts[0], 300);
}

/* ---- when ---- */

/* Of ten nodes: below 50 % it begins, at 70 % it ends, and each is told once. */
static void test_thresholds(void **state) {
    (void)state;
    static const struct {
        uint32_t well;
        bool panics;
        const char *told;
    } steps[] = {{10, false, ""},        {6, false, ""},         {5, false, ""}, {4, true, "panic+0 "},
                 {5, true, ""},          {6, true, ""},          {4, true, ""},  {0, true, ""},
                 {6, true, ""},          {7, false, "panic-0 "}, {5, false, ""}, {0, true, "panic+0 "},
                 {10, false, "panic-0 "}};
    s.options.panic_enter = 50;
    s.options.panic_leave = 70;
    stand_found(&s, "random", 10);
    for (size_t i = 0; i < STAND_COUNT(steps); i++) {
        set_well(steps[i].well);
        for (int j = 0; j < 50; j++) {
            assert_int_equal(pick_flags(), steps[i].panics ? LW_TICKET_PANIC : 0);
        }
        assert_diary(&s, steps[i].told);
    }
}

/* Without thresholds a panic begins when nobody is well, and ends when 10 % are. */
static void test_default_thresholds(void **state) {
    (void)state;
    stand_found(&s, "random", 20);
    set_well(1);
    assert_int_equal(pick_flags(), 0);
    set_well(0);
    assert_int_equal(pick_flags(), LW_TICKET_PANIC);
    set_well(1);
    assert_int_equal(pick_flags(), LW_TICKET_PANIC);
    set_well(2);
    assert_int_equal(pick_flags(), 0);
    assert_diary(&s, "panic+0 panic-0 ");
}

/* A level that still bears all that is asked of it is in no panic, whatever the threshold. */
static void test_overprovisioned(void **state) {
    (void)state;
    s.options.panic_enter = 90;
    stand_found(&s, "random", 10);
    set_well(8); /* 1.4 x 80 % */
    assert_int_equal(pick_flags(), 0);
    set_well(7);
    assert_int_equal(pick_flags(), LW_TICKET_PANIC);
}

/* In a panic the least loaded is the least loaded of all. */
static void test_least_loaded_in_a_panic(void **state) {
    (void)state;
    s.options.panic_enter = 50;
    stand_found(&s, "least_load", 4);
    stand_pick_node(&s, 0);
    stand_pick_node(&s, 1);
    set_well(1);
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 1000, counts);
    assert_shares(counts, (const double[]){0, 0, 1, 1}, 4);
}

/* While other levels can bear all of it, a bad level is no reason for a panic. */
static void test_levels(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        s.spec[i].priority = i / 2;
    }
    stand_found(&s, "random", 4);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 300, counts);
    assert_int_equal(counts[0] + counts[1], 0);
    assert_diary(&s, "");
    stand_verdict(&s, 2, LW_VERDICT_DOWN); /* 70 % of what there should be */
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 300, counts);
    assert_int_equal(counts[3], 300);
    stand_verdict(&s, 3, LW_VERDICT_DOWN);
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 300, counts);
    assert_int_equal(counts[2] + counts[3], 0); /* nobody bears any: the first */
    assert_true(counts[0] > 100 && counts[1] > 100);
}

/* ---- who counts ---- */

static void test_absent_nodes_do_not_count(void **state) {
    (void)state;
    s.options.panic_enter = 50;
    s.spec[5].flags = LW_NODE_LAST_RESORT;
    stand_found(&s, "random", 6);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_admin(&s, 2, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 3, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 4, LW_ADMIN_DISABLED, 0);
    assert_int_equal(pick_flags(), 0); /* one of two is well, and not one of six */
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 500, counts);
    assert_int_equal(counts[0] + counts[1], 500); /* draining and kept ones are no way out */
    assert_true(counts[0] > 150 && counts[1] > 150);
    s.diary[0] = '\0';
}

static void test_excluded_nodes_do_not_count(void **state) {
    (void)state;
    uint64_t exclude[2];
    lw_request request = LW_REQUEST_INIT;
    stand_found(&s, "random", 4);
    stand_verdict(&s, 2, LW_VERDICT_DOWN);
    stand_verdict(&s, 3, LW_VERDICT_DOWN);
    exclude[0] = stand_id(&s, 0);
    exclude[1] = stand_id(&s, 1);
    request.exclude = exclude;
    request.exclude_count = 2;
    stand_refused(&s, &request, LW_EXCLUDED); /* two are well, so ill ones get nothing */
    assert_diary(&s, "");
}

/* Full, cooling and over quota: busy, not ill. */
static void test_busy_nodes_are_well(void **state) {
    (void)state;
    s.spec[0].max_inflight = 1;
    stand_found(&s, "random", 2);
    stand_pick_node(&s, 0);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 1), s.book.now + 1, s.book.now), LW_OK);
    stand_refused(&s, NULL, LW_SATURATED);
    assert_diary(&s, "");
}

/* In a panic caps and cool-downs hold all the same. */
static void test_panic_respects_caps(void **state) {
    (void)state;
    s.spec[0].max_inflight = 1;
    stand_found(&s, "random", 2);
    set_well(0);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 1), s.book.now + 9, s.book.now), LW_OK);
    lw_ticket held = stand_pick(&s, NULL);
    assert_int_equal(stand_index(&s, held.node), 0);
    lw_ticket refused = stand_refused(&s, NULL, LW_SATURATED);
    assert_int_equal(refused.retry, LW_RETRY_ON_COMPLETION);
}

/* What a request in a panic meets counts: that is how a panic ends by itself. */
static void test_outcomes_in_a_panic(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    assert_int_equal(stand_info(&s, 0).status, LW_UNHEALTHY);
    for (int i = 0; i < 2; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        assert_int_equal(ticket.flags, LW_TICKET_PANIC);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
    }
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
    assert_int_equal(pick_flags(), 0);
    assert_diary(&s, "panic+0 panic-0 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fail_open, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_fail_closed, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_closed_until_a_probe, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_last_resort, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_last_resort_and_probes, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_last_resort_of_others, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_thresholds, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_default_thresholds, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_overprovisioned, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_least_loaded_in_a_panic, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_levels, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_absent_nodes_do_not_count, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_excluded_nodes_do_not_count, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_busy_nodes_are_well, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_panic_respects_caps, open_panic, close_panic),
        cmocka_unit_test_setup_teardown(test_outcomes_in_a_panic, open_panic, close_panic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
