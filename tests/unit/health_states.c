/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The statuses as the outcomes of requests move them, without permits: the machine of loadwise 0.1.0 and its corners.
 */
#include "health_ward.h"

static ward w;

static int open_ward(void **state) {
    (void)state;
    ward_open(&w);
    return 0;
}

static int close_ward(void **state) {
    (void)state;
    ward_close(&w);
    return 0;
}

/* The statuses after 1, 2, 3, ... failures in a row. */
static void test_thresholds(void **state) {
    (void)state;
    static const char *const after[] = {"UUUUUUU", "DUUUUUU", "HDUUUUU", "HDDUUUU", "HHDDUUU"};
    ward_found(&w);
    for (uint32_t threshold = 1; threshold <= 5; threshold++) {
        lw_health *health;
        lw_health_options options = LW_HEALTH_OPTIONS_INIT;
        options.failure_threshold = threshold;
        assert_int_equal(lw_health_new(&health, &w.env, &options), LW_OK);
        for (int i = 0; i < 7; i++) {
            assert_int_equal(lw_health_report_at(health, NODE, LW_OUTCOME_FAILURE, NULL, 1), 1);
            assert_int_equal("HDUR"[lw_health_status(health, NODE)], after[threshold - 1][i]);
        }
        lw_health_free(health);
    }
}

/* The largest that is allowed is also reached. */
static void test_largest_numbers(void **state) {
    (void)state;
    w.options.failure_threshold = w.options.recovery_successes = 4095;
    ward_found(&w);
    ward_fail_times(&w, 2047);
    assert_int_equal(ward_status(&w), 'H');
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'D');
    ward_fail_times(&w, 4095 - 2049);
    assert_int_equal(ward_status(&w), 'D');
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
    for (int i = 0; i < 4094; i++) {
        ward_succeed(&w);
    }
    assert_int_equal(ward_status(&w), 'R');
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'H');
}

/* The example in the documentation of loadwise 0.1.0. */
static void test_seed_example(void **state) {
    (void)state;
    ward_found(&w);
    assert_int_equal(ward_status(&w), 'H');
    ward_fail_times(&w, 3);
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(ward_succeed(&w), 1);
    assert_int_equal(ward_status(&w), 'R');
    assert_int_equal(ward_succeed(&w), 1);
    assert_int_equal(ward_status(&w), 'H');
    assert_diary(&w, "H>Dr D>Ur U>Rr R>Hr ");
}

static void test_a_success_ends_the_row(void **state) {
    (void)state;
    ward_found(&w);
    for (int i = 0; i < 5; i++) {
        ward_fail_times(&w, 2);
        assert_int_equal(ward_status(&w), 'D');
        ward_succeed(&w);
        assert_int_equal(ward_status(&w), 'H');
    }
    assert_diary(&w, "H>Dr D>Hr H>Dr D>Hr H>Dr D>Hr H>Dr D>Hr H>Dr D>Hr ");
}

static void test_failure_while_recovering(void **state) {
    (void)state;
    w.options.recovery_successes = 3;
    ward_found(&w);
    w.now = 100;
    ward_fail_times(&w, 3);
    ward_succeed(&w);
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'R');
    w.now = 250;
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.state.last_failure, 250);
    assert_int_equal(info.probe_at, 250 + SECONDS(10));
    assert_int_equal(info.state.ejections, 2);
    /* And the way back begins anew. */
    ward_succeed(&w);
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'R');
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'H');
    assert_int_equal(ward_info(&w).state.ejections, 0);
    assert_diary(&w, "H>Dr D>Ur U>Rr R>Ur U>Rr R>Hr ");
}

static void test_failure_while_unhealthy_restarts_the_timer(void **state) {
    (void)state;
    ward_found(&w);
    ward_fail_times(&w, 3);
    uint32_t epoch = ward_info(&w).epoch;
    w.now = SECONDS(9);
    ward_fail_times(&w, 1);
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.probe_at, SECONDS(19));
    assert_int_equal(info.state.ejections, 1);
    assert_int_equal(info.epoch, epoch);
    assert_diary(&w, "H>Dr D>Ur ");
}

static void test_one_success_is_enough(void **state) {
    (void)state;
    w.options.recovery_successes = 1;
    ward_found(&w);
    ward_fail_times(&w, 3);
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'H');
    assert_diary(&w, "H>Dr D>Ur U>Hr ");
}

static void test_counters(void **state) {
    (void)state;
    ward_found(&w);
    w.now = 11;
    ward_succeed(&w);
    w.now = 12;
    ward_succeed(&w);
    w.now = 13;
    ward_fail_times(&w, 2);
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.size, sizeof info);
    assert_int_equal(info.node, NODE);
    assert_int_equal(info.state.consecutive_failures, 2);
    assert_int_equal(info.state.consecutive_successes, 0);
    assert_int_equal(info.state.last_success, 12);
    assert_int_equal(info.state.last_failure, 13);
    assert_int_equal(info.state.window_total, 0);
    assert_int_equal(info.status, LW_DEGRADED);
    assert_int_equal(info.state.status, LW_DEGRADED);
    assert_int_equal(info.verdict_down, 0);
    assert_int_equal(info.probes_out, 0);
    assert_int_equal(info.probe_at, 0);
    w.now = 14;
    ward_succeed(&w);
    info = ward_info(&w);
    assert_int_equal(info.state.consecutive_failures, 0);
    assert_int_equal(info.state.consecutive_successes, 1);
}

/* Counters stay at their largest value: a row of successes, of failures, ejections. */
static void test_saturation(void **state) {
    (void)state;
    w.options.failure_threshold = 1;
    ward_found(&w);
    for (int i = 0; i < 5000; i++) {
        ward_succeed(&w);
    }
    assert_int_equal(ward_info(&w).state.consecutive_successes, 4095);
    for (int i = 0; i < 300; i++) {
        ward_fail_times(&w, 1);
        ward_succeed(&w);
    }
    assert_int_equal(ward_info(&w).state.ejections, 255);
    ward_fail_times(&w, 5000);
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.state.consecutive_failures, 4095);
    assert_int_equal(info.state.consecutive_successes, 0);
    assert_int_equal(info.state.ejections, 255);
    assert_int_equal(info.status, LW_UNHEALTHY);
    ward_succeed(&w);
    ward_succeed(&w);
    assert_int_equal(ward_info(&w).state.ejections, 0);
}

/* Once its counters are at their end, a healthy node's success still moves its time. */
static void test_time_of_a_saturated_node(void **state) {
    (void)state;
    ward_found(&w);
    for (w.now = 0; w.now < 6000; w.now++) {
        assert_int_equal(ward_succeed(&w), 1);
    }
    assert_int_equal(ward_info(&w).state.last_success, 5999);
}

static void test_effects(void **state) {
    (void)state;
    ward_found(&w);
    ward_fail_times(&w, 2);
    static const uint32_t silent[] = {LW_OUTCOME_RATE_LIMITED, LW_OUTCOME_CALLER_FAULT, LW_OUTCOME_CANCELLED};
    for (int i = 0; i < 30; i++) {
        assert_int_equal(ward_report(&w, silent[i % 3]), 0);
    }
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.status, LW_DEGRADED);
    assert_int_equal(info.state.consecutive_failures, 2);
    assert_int_equal(ward_succeed(&w), 1);
    assert_int_equal(ward_report(&w, LW_OUTCOME_CONNECT_FAILURE), 1);
    assert_int_equal(ward_report(&w, LW_OUTCOME_TIMEOUT), 1);
    assert_int_equal(ward_status(&w), 'D');
    assert_int_equal(ward_report(&w, LW_OUTCOME_OVERLOAD), 1);
    assert_int_equal(ward_status(&w), 'U');
}

static void test_effects_changed(void **state) {
    (void)state;
    w.options.effects[LW_OUTCOME_CANCELLED] = LW_EFFECT_FAILURE;
    w.options.effects[LW_OUTCOME_OVERLOAD] = LW_EFFECT_NONE;
    w.options.effects[LW_OUTCOME_CALLER_FAULT] = LW_EFFECT_SUCCESS;
    w.options.effects[LW_OUTCOME_OK] = LW_EFFECT_NONE;
    ward_found(&w);
    assert_int_equal(ward_report(&w, LW_OUTCOME_OVERLOAD), 0);
    assert_int_equal(ward_report(&w, LW_OUTCOME_CANCELLED), 1);
    assert_int_equal(ward_report(&w, LW_OUTCOME_CANCELLED), 1);
    assert_int_equal(ward_status(&w), 'D');
    assert_int_equal(ward_report(&w, LW_OUTCOME_OK), 0);
    assert_int_equal(ward_status(&w), 'D');
    assert_int_equal(ward_report(&w, LW_OUTCOME_CALLER_FAULT), 1);
    assert_int_equal(ward_status(&w), 'H');
}

static void test_no_such_outcome(void **state) {
    (void)state;
    ward_found(&w);
    assert_int_equal(ward_report(&w, 8), LW_INVALID);
    assert_told(&w.book, LW_INVALID, "outcome 8");
    assert_int_equal(ward_report(&w, UINT32_MAX), LW_INVALID);
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get(w.health, NODE, &info), LW_UNKNOWN);
}

/* The calls without a time read the clock once. */
static void test_clock_reads(void **state) {
    (void)state;
    lw_health_permit permit;
    lw_health_info info = {.size = sizeof info};
    ward_found(&w);
    w.book.now = 77;
    assert_int_equal(lw_health_report(w.health, NODE, LW_OUTCOME_FAILURE, NULL), 1);
    assert_int_equal(w.book.clock_reads, 1);
    assert_int_equal(lw_health_get(w.health, NODE, &info), LW_OK);
    assert_int_equal(w.book.clock_reads, 2);
    assert_int_equal(info.state.last_failure, 77);
    assert_int_equal(lw_health_admit(w.health, NODE, &permit), 1);
    assert_int_equal(w.book.clock_reads, 3);
    assert_int_equal(lw_health_restore(w.health, &info), LW_OK);
    assert_int_equal(w.book.clock_reads, 4);
    w.now = 78;
    ward_fail_times(&w, 3);
    ward_admits(&w, &permit);
    ward_info(&w);
    lw_health_verdict(w.health, NODE, LW_VERDICT_UP);
    lw_health_next_due(w.health, 5);
    lw_health_status(w.health, NODE);
    lw_health_forget(w.health, NODE);
    assert_int_equal(w.book.clock_reads, 4);
}

/* After its first report, a node costs no memory. */
static void test_allocations(void **state) {
    (void)state;
    lw_health_permit permit;
    ward_found(&w);
    ward_succeed(&w);
    uint64_t asked = w.book.asked;
    for (int i = 0; i < 100; i++, w.now += SECONDS(4)) {
        ward_report(&w, (uint32_t)i % 8);
        if (ward_admits(&w, &permit)) {
            ward_return(&w, &permit, (uint32_t)i % 3);
        }
        ward_info(&w);
        ward_opens(&w, w.now);
        w.diary[0] = '\0';
    }
    lw_health_next_due(w.health, w.now);
    assert_int_equal(w.book.asked, asked);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_thresholds),
        IN_WARD(test_largest_numbers),
        IN_WARD(test_seed_example),
        IN_WARD(test_a_success_ends_the_row),
        IN_WARD(test_failure_while_recovering),
        IN_WARD(test_failure_while_unhealthy_restarts_the_timer),
        IN_WARD(test_one_success_is_enough),
        IN_WARD(test_counters),
        IN_WARD(test_saturation),
        IN_WARD(test_time_of_a_saturated_node),
        IN_WARD(test_effects),
        IN_WARD(test_effects_changed),
        IN_WARD(test_no_such_outcome),
        IN_WARD(test_clock_reads),
        IN_WARD(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
