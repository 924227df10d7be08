/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long an unhealthy node waits: back-off, cap, jitter, and clocks that stand, step back or leap. */
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

/* An unhealthy node, ejected at time `now`. */
static void open_ejected(uint64_t now) {
    w.options.failure_threshold = 1;
    ward_found(&w);
    w.now = now;
    ward_fail_times(&w, 1);
    w.diary[0] = '\0';
}

/* The waits after so many failed probes in a row. */
static void assert_waits(const uint64_t *waits, size_t count) {
    lw_health_permit permit;
    open_ejected(1000);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ward_info(&w).state.ejections, i + 1);
        assert_int_equal(ward_info(&w).probe_at - w.now, waits[i]);
        w.now += waits[i];
        assert_true(ward_admits(&w, &permit));
        assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_FAILURE), 1);
    }
}

static void test_no_back_off(void **state) {
    (void)state;
    static const uint64_t waits[] = {SECONDS(10), SECONDS(10), SECONDS(10), SECONDS(10)};
    assert_waits(waits, 4);
}

static void test_doubling(void **state) {
    (void)state;
    static const uint64_t waits[] = {SECONDS(5),   SECONDS(10),  SECONDS(20),  SECONDS(40), SECONDS(80),
                                     SECONDS(160), SECONDS(300), SECONDS(300), SECONDS(300)};
    w.options.probe_interval = SECONDS(5);
    w.options.backoff_percent = 200;
    assert_waits(waits, 9);
}

static void test_half_more(void **state) {
    (void)state;
    static const uint64_t waits[] = {10, 15, 22, 33, 49, 73, 100, 100};
    w.options.probe_interval = 10;
    w.options.probe_interval_max = 100;
    w.options.backoff_percent = 150;
    assert_waits(waits, 8);
}

static void test_cap_from_the_start(void **state) {
    (void)state;
    static const uint64_t waits[] = {SECONDS(7), SECONDS(7), SECONDS(7)};
    w.options.probe_interval = w.options.probe_interval_max = SECONDS(7);
    w.options.backoff_percent = 1000;
    assert_waits(waits, 3);
}

/* Recovery, not a single good probe, ends the back-off. */
static void test_back_off_ends_with_recovery(void **state) {
    (void)state;
    w.options.backoff_percent = 200;
    open_ejected(0);
    ward_succeed(&w);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_info(&w).probe_at, SECONDS(20));
    ward_succeed(&w);
    ward_succeed(&w);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_info(&w).probe_at, SECONDS(10));
}

/* The end of time: nothing wraps. */
static void test_huge_intervals(void **state) {
    (void)state;
    w.options.probe_interval = UINT64_MAX / 4;
    w.options.probe_interval_max = UINT64_MAX;
    w.options.backoff_percent = 1000;
    w.options.jitter_percent = 100;
    open_ejected(UINT64_MAX / 2);
    ward_succeed(&w);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_info(&w).probe_at, UINT64_MAX);
    assert_false(ward_opens(&w, UINT64_MAX - 1));
    assert_true(ward_opens(&w, UINT64_MAX));
    assert_int_equal(lw_health_next_due(w.health, 0), UINT64_MAX);
}

static void test_huge_steps(void **state) {
    (void)state;
    w.options.probe_interval = UINT64_C(1) << 62;
    w.options.probe_interval_max = UINT64_MAX;
    w.options.backoff_percent = 1000;
    open_ejected(0);
    assert_int_equal(ward_info(&w).probe_at, UINT64_C(1) << 62);
    ward_succeed(&w);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_info(&w).probe_at, UINT64_MAX);
}

static uint64_t wait_of(lw_health *health, uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get_at(health, node, 0, &info), LW_OK);
    return info.probe_at;
}

static lw_health *jittered(uint64_t seed, uint32_t percent) {
    lw_health *health;
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_env env = ledger_env(&w.book, seed);
    options.failure_threshold = 1;
    options.jitter_percent = percent;
    assert_int_equal(lw_health_new(&health, &env, &options), LW_OK);
    for (uint64_t node = 0; node < 1000; node++) {
        lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, 0);
    }
    return health;
}

/* Within its bound, over all of it, the same for the same seed, another for another node, seed and epoch. */
static void test_jitter(void **state) {
    (void)state;
    lw_health *health = jittered(8, 50), *same = jittered(8, 50), *other = jittered(9, 50);
    uint64_t least = UINT64_MAX, most = 0, sum = 0, alike = 0, repeated = 0;
    for (uint64_t node = 0; node < 1000; node++) {
        uint64_t wait = wait_of(health, node);
        assert_in_range(wait, SECONDS(10), SECONDS(15) - 1);
        assert_int_equal(wait_of(same, node), wait);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        sum += wait;
        alike += wait_of(other, node) == wait;
        lw_health_report_at(health, node, LW_OUTCOME_OK, NULL, 0);
        lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, 0);
        repeated += wait_of(health, node) == wait;
    }
    assert_in_range(least, SECONDS(10), SECONDS(10) + SECONDS(5) / 100);
    assert_in_range(most, SECONDS(15) - SECONDS(5) / 100, SECONDS(15));
    assert_in_range(sum / 1000, SECONDS(12) + SECONDS(1) / 4, SECONDS(13) - SECONDS(1) / 4);
    assert_int_equal(alike, 0);
    assert_int_equal(repeated, 0);
    lw_health_free(health);
    lw_health_free(same);
    lw_health_free(other);
    ward_found(&w);
}

/* ---- time ---- */

static void test_time_stands_still(void **state) {
    (void)state;
    lw_health_permit permit;
    w.options.probe_interval = 0;
    open_ejected(SECONDS(3));
    for (int i = 0; i < 3; i++) {
        assert_true(ward_admits(&w, &permit));
        assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_FAILURE), 1);
    }
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_OK), 1);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_OK), 1);
    assert_int_equal(ward_status(&w), 'H');
}

/* A clock that steps back neither opens the gate nor moves a time of the node. */
static void test_time_steps_back(void **state) {
    (void)state;
    lw_health_permit permit;
    open_ejected(SECONDS(100));
    w.now = SECONDS(20);
    assert_false(ward_opens(&w, w.now));
    ward_fail_times(&w, 1);
    assert_int_equal(ward_info(&w).state.last_failure, SECONDS(100));
    assert_int_equal(ward_info(&w).probe_at, SECONDS(110));
    w.now = SECONDS(110);
    assert_true(ward_admits(&w, &permit));
    w.now = 0;
    assert_false(ward_opens(&w, w.now));
    assert_false(ward_admits(&w, &permit));
    assert_int_equal(lw_health_next_due(w.health, 0), SECONDS(170));
    ward_succeed(&w);
    assert_int_equal(ward_info(&w).state.last_success, SECONDS(100));
}

static void test_time_leaps(void **state) {
    (void)state;
    lw_health_permit permit;
    open_ejected(0);
    w.now = UINT64_MAX;
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_FAILURE), 1);
    assert_int_equal(ward_info(&w).probe_at, UINT64_MAX);
    assert_int_equal(lw_health_next_due(w.health, 0), UINT64_MAX);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_no_back_off),
        IN_WARD(test_doubling),
        IN_WARD(test_half_more),
        IN_WARD(test_cap_from_the_start),
        IN_WARD(test_back_off_ends_with_recovery),
        IN_WARD(test_huge_intervals),
        IN_WARD(test_huge_steps),
        IN_WARD(test_jitter),
        IN_WARD(test_time_stands_still),
        IN_WARD(test_time_steps_back),
        IN_WARD(test_time_leaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
