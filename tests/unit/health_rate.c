/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rate policy: shares of failures in a window that moves on by tenths. */
#include "health_ward.h"

static ward w;

/* 20 % of at least 5 reports within 30 s: the defaults of the policy. */
static int open_ward(void **state) {
    (void)state;
    ward_open(&w);
    w.options.policy = LW_HEALTH_RATE;
    w.now = SECONDS(300); /* the beginning of a tenth */
    return 0;
}

static int close_ward(void **state) {
    (void)state;
    ward_close(&w);
    return 0;
}

/* Reports one after another: "." for a success, "x" for a failure; the statuses that followed, in *after. */
static void report_all(const char *reports, char *after) {
    for (; *reports != '\0'; reports++) {
        assert_int_equal(*reports == 'x' ? ward_fail(&w) : ward_succeed(&w), 1);
        *after++ = ward_status(&w);
    }
    *after = '\0';
}

static void assert_statuses(const char *reports, const char *statuses) {
    char after[64];
    assert_true(strlen(reports) < sizeof after);
    report_all(reports, after);
    assert_string_equal(after, statuses);
}

static void assert_window(uint32_t total, uint32_t failures) {
    lw_health_state state = ward_info(&w).state;
    assert_int_equal(state.window_total, total);
    assert_int_equal(state.window_failures, failures);
}

static void test_volume(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxxx", "HHHHU");
    assert_window(5, 5);
}

static void test_share(void **state) {
    (void)state;
    ward_found(&w);
    /* 1 of 9 is 11 %: degraded; 1 of 11 is 9 %: healthy; 2 of 12 is 17 %: degraded; 3 of 13 is 23 %: unhealthy. */
    assert_statuses("........x..xx", "HHHHHHHHDDHDU");
    assert_diary(&w, "H>Dr D>Hr H>Dr D>Ur ");
}

/* Just the share, and just half of it, count. */
static void test_borders(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("....x", "HHHHU"); /* 1 of 5 */
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_UP), LW_OK);
    assert_statuses(".........x.", "HHHHHHHHHDH"); /* 1 of 10; 1 of 11 */
}

/* The volume can be reached by a success, but a success does not eject: the next failure does. */
static void test_a_success_never_ejects(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxx.x", "HHHHDU");
}

static void test_every_share(void **state) {
    (void)state;
    w.options.rate_percent = 100;
    w.options.rate_volume = 1;
    ward_found(&w);
    assert_statuses("x", "U");
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_UP), LW_OK);
    assert_statuses(".xxx", "HDDD"); /* 50 %, 67 %, 75 %: never all */
}

static void test_one_percent(void **state) {
    (void)state;
    w.options.rate_percent = 1;
    w.options.rate_volume = 100;
    ward_found(&w);
    for (int i = 0; i < 120; i++) {
        ward_succeed(&w);
    }
    assert_statuses("xx", "DU"); /* 1 of 121, 2 of 122 */
}

/* A tenth of the window, here 3 s, drops out ten tenths after it began. */
static void test_window_moves_on(void **state) {
    (void)state;
    w.options.rate_volume = 1000;
    ward_found(&w);
    assert_statuses("xx", "HH"); /* at 300 s, in the tenth from 300 to 303 */
    w.now = SECONDS(315);
    assert_statuses("x..", "HHH");
    assert_window(5, 3);
    w.now = SECONDS(330) - 1;
    assert_window(5, 3);
    w.now = SECONDS(330);
    assert_window(3, 1);
    w.now = SECONDS(345) - 1;
    assert_window(3, 1);
    w.now = SECONDS(345);
    assert_window(0, 0);
}

/* The bucket of a tenth that is over is used again, from nothing. */
static void test_window_comes_round(void **state) {
    (void)state;
    w.options.rate_volume = 1000;
    ward_found(&w);
    for (int round = 0; round < 25; round++, w.now += SECONDS(3)) {
        assert_statuses("x.", "HH");
        uint32_t tenths = round < 9 ? (uint32_t)round + 1 : 10;
        assert_window(2 * tenths, tenths);
    }
    w.now += SECONDS(30) * 1000;
    assert_statuses("x", "H");
    assert_window(1, 1);
}

/* Old failures do not eject a node later; and the status follows at the next report, not by itself. */
static void test_failures_grow_old(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxx.", "HHHHD");
    w.now += SECONDS(40);
    assert_int_equal(ward_status(&w), 'D');
    assert_statuses("x", "H");
    assert_window(1, 1);
}

/* Well again means that the window starts empty: one more failure is one of one, not the sixth of seven. */
static void test_recovery_clears(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxxx..", "HHHHURH");
    assert_window(0, 0);
    assert_statuses("xxxxx", "HHHHU");
}

static void test_recovery_in_one_step_clears(void **state) {
    (void)state;
    w.options.recovery_successes = 1;
    ward_found(&w);
    assert_statuses("xxxxx.", "HHHHUH");
    assert_window(0, 0);
    assert_statuses("x", "H");
}

static void test_verdict_and_restoring_clear(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxx", "HHHH");
    lw_health_info info = ward_info(&w);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_UP), LW_OK);
    assert_window(0, 0);
    assert_statuses("xxxx", "HHHH");
    assert_int_equal(lw_health_restore_at(w.health, &info, w.now), LW_OK);
    assert_window(0, 0);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_OK);
    assert_statuses("x", "U");
    assert_window(1, 1);
}

static void test_recovering(void **state) {
    (void)state;
    ward_found(&w);
    assert_statuses("xxxxx.x.x..", "HHHHURURURH");
    assert_diary(&w, "H>Ur U>Rr R>Ur U>Rr R>Ur U>Rr R>Hr ");
}

/* What comes late or says nothing is not in the window. */
static void test_what_does_not_count(void **state) {
    (void)state;
    lw_health_permit permit;
    ward_found(&w);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(ward_report(&w, LW_OUTCOME_RATE_LIMITED), 0);
    assert_window(0, 0);
    assert_statuses("xxxxx", "HHHHU");
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_FAILURE), 0);
    assert_window(5, 5);
}

/* A clock that is behind what the node has seen counts where the node stands, and wipes nothing out. */
static void test_time_steps_back(void **state) {
    (void)state;
    w.options.rate_volume = 1000;
    ward_found(&w);
    assert_statuses("x.", "HH");
    w.now = SECONDS(270); /* ten tenths before, the same bucket */
    assert_statuses("x.", "HH");
    assert_window(4, 2);
    w.now = 0;
    assert_statuses("x", "H");
    assert_window(5, 3);
    w.now = SECONDS(300);
    assert_window(5, 3);
}

/* A window may be kept for its counts alone, beside failures in a row. */
static void test_window_beside_rows(void **state) {
    (void)state;
    w.options.policy = LW_HEALTH_CONSECUTIVE;
    w.options.window = SECONDS(10);
    ward_found(&w);
    assert_statuses("xx.xx.xxx", "HDHHDHHDU");
    assert_window(9, 7);
    w.now += SECONDS(10);
    assert_window(0, 0);
}

static void test_smallest_window(void **state) {
    (void)state;
    w.options.window = 10;
    w.options.rate_volume = 2;
    w.now = 1000;
    ward_found(&w);
    ward_fail(&w);
    w.now = 1009;
    assert_window(1, 1);
    w.now = 1010;
    assert_window(0, 0);
    ward_fail(&w);
    assert_int_equal(ward_status(&w), 'H');
    w.now = 1019;
    ward_fail(&w);
    assert_int_equal(ward_status(&w), 'U');
}

static void test_longest_window(void **state) {
    (void)state;
    w.options.window = UINT64_MAX;
    ward_found(&w);
    w.now = 0;
    assert_statuses("xx", "HH");
    w.now = UINT64_MAX - 10;
    assert_statuses("xxx", "HHU");
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_volume),
        IN_WARD(test_share),
        IN_WARD(test_borders),
        IN_WARD(test_a_success_never_ejects),
        IN_WARD(test_every_share),
        IN_WARD(test_one_percent),
        IN_WARD(test_window_moves_on),
        IN_WARD(test_window_comes_round),
        IN_WARD(test_failures_grow_old),
        IN_WARD(test_recovery_clears),
        IN_WARD(test_recovery_in_one_step_clears),
        IN_WARD(test_verdict_and_restoring_clear),
        IN_WARD(test_recovering),
        IN_WARD(test_what_does_not_count),
        IN_WARD(test_time_steps_back),
        IN_WARD(test_window_beside_rows),
        IN_WARD(test_smallest_window),
        IN_WARD(test_longest_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
