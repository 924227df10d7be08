/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Health, saved by one process and loaded by the next. */
#include "persist_shelf.h"

enum { NODES = 5 };

static lw_health *ward(void) {
    lw_health *health;
    assert_int_equal(lw_health_new(&health, NULL, NULL), LW_OK);
    return health;
}

static void report(lw_health *health, uint64_t node, uint32_t outcome, int times, uint64_t now) {
    for (int i = 0; i < times; i++) {
        assert_int_equal(lw_health_report_at(health, node, outcome, NULL, now), 1);
    }
}

/* One node in each state: never reported, healthy, degraded, unhealthy, recovering and judged down. */
static lw_health *populated(void) {
    lw_health *health = ward();
    assert_int_equal(lw_health_add(health, 0), LW_OK);
    report(health, 1, LW_OUTCOME_OK, 7, SHELF_NOW - 4 * SHELF_SECOND);
    report(health, 2, LW_OUTCOME_OK, 1, SHELF_NOW - 9 * SHELF_SECOND);
    report(health, 2, LW_OUTCOME_FAILURE, 2, SHELF_NOW - 8 * SHELF_SECOND);
    report(health, 3, LW_OUTCOME_FAILURE, 3, SHELF_NOW - 2 * SHELF_SECOND);
    report(health, 4, LW_OUTCOME_TIMEOUT, 3, SHELF_NOW - 6 * SHELF_SECOND);
    report(health, 4, LW_OUTCOME_OK, 1, SHELF_NOW - 5 * SHELF_SECOND);
    assert_int_equal(lw_health_verdict(health, 4, LW_VERDICT_DOWN), LW_OK);
    return health;
}

static lw_health_info know(lw_health *health, uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get_at(health, node, SHELF_NOW, &info), LW_OK);
    return info;
}

/* A time of the first process as the second one must tell it. */
static uint64_t moved(uint64_t time, uint64_t later, uint64_t now) {
    uint64_t age = SHELF_NOW - time + later;
    return time == 0 ? 0 : age < now ? now - age : 1;
}

static void assert_moved(lw_health *from, lw_health *to, uint64_t later, uint64_t now) {
    for (uint64_t node = 0; node < NODES; node++) {
        lw_health_info before = know(from, node), after = know(to, node);
        assert_int_equal(after.state.status, before.state.status);
        assert_int_equal(after.state.consecutive_failures, before.state.consecutive_failures);
        assert_int_equal(after.state.consecutive_successes, before.state.consecutive_successes);
        assert_int_equal(after.state.ejections, before.state.ejections);
        assert_int_equal(after.verdict_down, before.verdict_down);
        assert_int_equal(after.status, before.status);
        assert_int_equal(after.state.last_failure, moved(before.state.last_failure, later, now));
        assert_int_equal(after.state.last_success, moved(before.state.last_success, later, now));
    }
}

static void round_trip(uint64_t later, uint64_t now) {
    shelf own;
    lw_health *before = populated(), *after = ward();
    shelf_open(&own);
    assert_int_equal(lw_persist_save_health(&own.where, before), NODES);
    shelf_wake(&own, later, now);
    assert_int_equal(lw_persist_load_health(&own.where, after), NODES);
    assert_int_equal(own.refused, 0);
    assert_moved(before, after, later, now);
    lw_health_free(before);
    lw_health_free(after);
    shelf_close(&own);
}

static void test_states_and_ages_come_back(void **state) {
    (void)state;
    round_trip(0, SHELF_NOW);
    round_trip(0, SHELF_THEN);
    round_trip(SHELF_LATER, SHELF_THEN);
    round_trip(SHELF_LATER, UINT64_MAX);
}

static void test_clocks_that_began_just_now(void **state) {
    (void)state;
    round_trip(SHELF_LATER, 0);
    round_trip(SHELF_LATER, 1);
    round_trip(SHELF_LATER, 8 * SHELF_SECOND); /* younger than some of the times */
}

static void test_wall_clocks_unknown_or_stepped_back(void **state) {
    (void)state;
    for (int unknown = 0; unknown < 3; unknown++) {
        shelf own;
        lw_health *before = populated(), *after = ward();
        shelf_open(&own);
        own.where.wall = unknown == 0 ? 0 : SHELF_WALL;
        assert_int_equal(lw_persist_save_health(&own.where, before), NODES);
        own.where.now = SHELF_THEN;
        own.where.wall = unknown == 0 ? SHELF_WALL : unknown == 1 ? 0 : SHELF_WALL - SHELF_LATER;
        assert_int_equal(lw_persist_load_health(&own.where, after), NODES);
        assert_moved(before, after, 0, SHELF_THEN);
        lw_health_free(before);
        lw_health_free(after);
        shelf_close(&own);
    }
}

/* The probe of a node that failed 2 s ago comes 10 s after the failure, in whichever process that is. */
static void test_probes_come_when_they_would_have(void **state) {
    (void)state;
    shelf own;
    lw_health_permit permit;
    lw_health *before = populated(), *after = ward();
    shelf_open(&own);
    lw_persist_save_health(&own.where, before);
    shelf_wake(&own, SHELF_LATER, SHELF_THEN);
    lw_persist_load_health(&own.where, after);
    assert_int_equal(lw_health_admit_at(after, 3, SHELF_THEN + 5 * SHELF_SECOND - 1, &permit), 0);
    assert_int_equal(lw_health_admit_at(after, 3, SHELF_THEN + 5 * SHELF_SECOND, &permit), 1);
    lw_health_free(before);
    lw_health_free(after);
    shelf_close(&own);
}

/* A report between reading the clock and saving is of the future, by that clock: it has just been. */
static void test_times_after_now_have_just_been(void **state) {
    (void)state;
    shelf own;
    lw_health *before = ward(), *after = ward();
    shelf_open(&own);
    report(before, 1, LW_OUTCOME_FAILURE, 3, SHELF_NOW + 1);
    lw_persist_save_health(&own.where, before);
    shelf_wake(&own, 0, SHELF_THEN);
    assert_int_equal(lw_persist_load_health(&own.where, after), 1);
    assert_int_equal(know(after, 1).state.last_failure, SHELF_THEN);
    lw_health_free(before);
    lw_health_free(after);
    shelf_close(&own);
}

/* What the tracker does not take goes to the hook with the tracker's reason; the others are taken. */
static void test_a_full_tracker_refuses(void **state) {
    (void)state;
    shelf own;
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_health *before = populated(), *after;
    options.max_nodes = 2;
    assert_int_equal(lw_health_new(&after, NULL, &options), LW_OK);
    shelf_open(&own);
    lw_persist_save_health(&own.where, before);
    assert_int_equal(lw_persist_load_health(&own.where, after), 2);
    assert_int_equal(own.refused, NODES - 2);
    assert_int_equal(own.why, LW_FULL);
    lw_health_free(before);
    lw_health_free(after);
    shelf_close(&own);
}

static void test_states_that_cannot_be_are_refused(void **state) {
    (void)state;
    shelf own;
    unsigned char bytes[SHELF_RECORD];
    lw_health *before = populated(), *after = ward();
    shelf_open(&own);
    lw_persist_save_health(&own.where, before);
    size_t size = shelf_take(&own, "t/health/0000000000000001", bytes);
    bytes[24] = 9; /* the status */
    shelf_seal(bytes, size);
    shelf_lay(&own, "t/health/0000000000000001", bytes, size);
    assert_int_equal(lw_persist_load_health(&own.where, after), NODES - 1);
    assert_int_equal(own.why, LW_RANGE);
    assert_string_equal(own.key, "t/health/0000000000000001");
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get(after, 1, &info), LW_UNKNOWN);
    lw_health_free(before);
    lw_health_free(after);
    shelf_close(&own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_and_ages_come_back),
        cmocka_unit_test(test_clocks_that_began_just_now),
        cmocka_unit_test(test_wall_clocks_unknown_or_stepped_back),
        cmocka_unit_test(test_probes_come_when_they_would_have),
        cmocka_unit_test(test_times_after_now_have_just_been),
        cmocka_unit_test(test_a_full_tracker_refuses),
        cmocka_unit_test(test_states_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
