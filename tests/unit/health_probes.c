/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The way back: when an unhealthy node may be tried out, by how many at a time, and what late results do. */
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

static uint64_t due(uint64_t now) { return lw_health_next_due(w.health, now); }

/* Not just before, but at `when`; every way of asking agrees. */
static void assert_opens_at(uint64_t when) {
    assert_false(ward_opens(&w, when - 1));
    assert_true(ward_opens(&w, when));
    assert_int_equal(due(when - 1), when);
    assert_int_equal(due(when), UINT64_MAX);
    lw_health_permit permit;
    assert_int_equal(lw_health_admit_at(w.health, NODE, when - 1, &permit), 0);
}

static void test_interval(void **state) {
    (void)state;
    open_ejected(SECONDS(5));
    assert_int_equal(ward_info(&w).probe_at, SECONDS(15));
    assert_opens_at(SECONDS(15));
    assert_int_equal(due(0), SECONDS(15));
}

static void test_interval_zero(void **state) {
    (void)state;
    w.options.probe_interval = 0;
    open_ejected(500);
    assert_true(ward_opens(&w, 500));
    assert_false(ward_opens(&w, 499));
}

/* A failure at time 0, which is also how "never" is written, is a failure. */
static void test_failure_at_time_zero(void **state) {
    (void)state;
    open_ejected(0);
    assert_opens_at(SECONDS(10));
}

static void test_one_at_a_time(void **state) {
    (void)state;
    lw_health_permit first, second;
    open_ejected(0);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &first));
    assert_int_equal(first.flags & LW_PERMIT_PROBE, LW_PERMIT_PROBE);
    assert_int_equal(ward_info(&w).probes_out, 1);
    assert_false(ward_opens(&w, w.now));
    assert_false(ward_admits(&w, &second));
    assert_int_equal(ward_return(&w, &first, LW_OUTCOME_OK), 1);
    assert_int_equal(ward_status(&w), 'R');
    assert_int_equal(ward_info(&w).probes_out, 0);
    assert_true(ward_admits(&w, &first));
    assert_int_equal(first.flags & LW_PERMIT_PROBE, LW_PERMIT_PROBE);
    assert_false(ward_admits(&w, &second));
    assert_int_equal(ward_return(&w, &first, LW_OUTCOME_OK), 1);
    assert_int_equal(ward_status(&w), 'H');
    for (int i = 0; i < 5; i++) {
        assert_true(ward_admits(&w, &first));
        assert_int_equal(first.flags & LW_PERMIT_PROBE, 0);
    }
    assert_diary(&w, "p+ p- U>Rr p+ p- R>Hr ");
}

static void test_three_at_a_time(void **state) {
    (void)state;
    lw_health_permit permits[4];
    w.options.probes = 3;
    open_ejected(0);
    w.now = SECONDS(10);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ward_admits(&w, &permits[i]), i < 3);
        assert_int_equal(ward_info(&w).probes_out, i < 3 ? i + 1 : 3);
    }
    assert_int_equal(ward_return(&w, &permits[1], LW_OUTCOME_OK), 1);
    assert_true(ward_admits(&w, &permits[1]));
    assert_false(ward_admits(&w, &permits[3]));
    assert_int_equal(ward_status(&w), 'R');
    assert_diary(&w, "p+ p+ p+ p- U>Rr p+ ");
}

/* The first of three fails: a new epoch. What the others say, good or bad, comes late; but their permits are back. */
static void test_late_results(void **state) {
    (void)state;
    lw_health_permit permits[3], again;
    w.options.probes = 3;
    open_ejected(0);
    w.now = SECONDS(10);
    for (int i = 0; i < 3; i++) {
        assert_true(ward_admits(&w, &permits[i]));
    }
    uint32_t epoch = ward_info(&w).epoch;
    assert_int_equal(ward_return(&w, &permits[0], LW_OUTCOME_TIMEOUT), 1);
    lw_health_info after = ward_info(&w);
    assert_int_equal(after.epoch, epoch + 1);
    assert_int_equal(after.state.ejections, 2);
    assert_int_equal(after.probe_at, SECONDS(20));
    w.now = SECONDS(11);
    assert_int_equal(ward_return(&w, &permits[1], LW_OUTCOME_OK), 0);
    assert_int_equal(ward_return(&w, &permits[2], LW_OUTCOME_FAILURE), 0);
    lw_health_info later = ward_info(&w);
    assert_int_equal(later.probes_out, 0);
    later.probes_out = after.probes_out;
    assert_memory_equal(&later, &after, sizeof after);
    w.now = SECONDS(20);
    assert_true(ward_admits(&w, &again));
}

/* A request from before the ejection ends after it: nothing, not even a longer wait. */
static void test_late_requests(void **state) {
    (void)state;
    lw_health_permit early, other;
    w.options.failure_threshold = 1;
    ward_found(&w);
    assert_true(ward_admits(&w, &early)); /* not known yet */
    ward_succeed(&w);
    assert_true(ward_admits(&w, &other));
    assert_int_equal(early.epoch, other.epoch);
    w.now = SECONDS(1);
    ward_fail_times(&w, 1);
    w.now = SECONDS(8);
    assert_int_equal(ward_return(&w, &early, LW_OUTCOME_OK), 0);
    assert_int_equal(ward_return(&w, &other, LW_OUTCOME_FAILURE), 0);
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(ward_info(&w).probe_at, SECONDS(11));
    assert_int_equal(ward_info(&w).state.last_success, 0);
}

/* A permit keeps counting as long as the epoch lasts, also through degraded and back. */
static void test_results_in_time(void **state) {
    (void)state;
    lw_health_permit permits[3];
    ward_found(&w);
    for (int i = 0; i < 3; i++) {
        assert_true(ward_admits(&w, &permits[i]));
    }
    assert_int_equal(ward_return(&w, &permits[0], LW_OUTCOME_FAILURE), 1);
    assert_int_equal(ward_return(&w, &permits[1], LW_OUTCOME_FAILURE), 1);
    assert_int_equal(ward_status(&w), 'D');
    assert_int_equal(ward_return(&w, &permits[2], LW_OUTCOME_FAILURE), 1);
    assert_int_equal(ward_status(&w), 'U');
}

/* Recovered by plain reports while a probe is out: its permit counts until it is back, and only as a permit. */
static void test_probe_outlives_the_recovery(void **state) {
    (void)state;
    lw_health_permit probe, second;
    open_ejected(0);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &probe));
    ward_succeed(&w);
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'H');
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
    w.now = SECONDS(20);
    assert_false(ward_admits(&w, &second));
    assert_int_equal(ward_return(&w, &probe, LW_OUTCOME_OK), 0);
    assert_int_equal(ward_status(&w), 'U');
    assert_true(ward_admits(&w, &second));
}

/* What says nothing about the node still brings the permit back. */
static void test_permit_back_without_a_word(void **state) {
    (void)state;
    lw_health_permit permit;
    open_ejected(0);
    w.now = SECONDS(10);
    for (int i = 0; i < 40; i++) {
        assert_true(ward_admits(&w, &permit));
        assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_CANCELLED), 0);
        assert_int_equal(ward_info(&w).probes_out, 0);
    }
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(ward_info(&w).state.ejections, 1);
}

/* A caller's mistake, a permit reported twice, leaves no count below zero. */
static void test_permit_back_twice(void **state) {
    (void)state;
    lw_health_permit permit, other;
    open_ejected(0);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &permit));
    for (int i = 0; i < 5; i++) {
        ward_return(&w, &permit, LW_OUTCOME_CANCELLED);
        assert_int_equal(ward_info(&w).probes_out, 0);
    }
    assert_true(ward_admits(&w, &permit));
    assert_false(ward_admits(&w, &other));
}

static void test_lost_permit(void **state) {
    (void)state;
    lw_health_permit lost, permit, other;
    w.options.probe_timeout = SECONDS(30);
    open_ejected(0);
    w.now = SECONDS(12);
    assert_true(ward_admits(&w, &lost));
    assert_opens_at(SECONDS(42));
    w.now = SECONDS(42);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(ward_info(&w).probes_out, 1);
    assert_false(ward_admits(&w, &other));
    /* The lost one turns up: void, in what it says and as a permit. */
    assert_int_equal(ward_return(&w, &lost, LW_OUTCOME_OK), 0);
    assert_int_equal(ward_info(&w).probes_out, 1);
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(ward_return(&w, &lost, LW_OUTCOME_FAILURE), 0);
    assert_int_equal(ward_info(&w).probe_at, SECONDS(10));
    assert_false(ward_admits(&w, &other));
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_OK), 1);
    assert_int_equal(ward_status(&w), 'R');
    assert_diary(&w, "p+ p+ p- U>Rr ");
}

/* Lost again and again: every time a new one after the timeout, and none of the old ones counts. */
static void test_many_lost_permits(void **state) {
    (void)state;
    lw_health_permit permits[15];
    open_ejected(0);
    w.now = SECONDS(10);
    for (int i = 0; i < 15; i++, w.now += SECONDS(60)) {
        assert_true(ward_admits(&w, &permits[i]));
        assert_false(ward_opens(&w, w.now + SECONDS(60) - 1));
    }
    for (int i = 0; i < 14; i++) {
        assert_int_equal(ward_return(&w, &permits[i], LW_OUTCOME_OK), 0);
        assert_int_equal(ward_info(&w).probes_out, 1);
    }
    assert_int_equal(ward_return(&w, &permits[14], LW_OUTCOME_OK), 1);
}

/* The timeout runs from the latest permit, and voids all that are out. */
static void test_timeout_of_several(void **state) {
    (void)state;
    lw_health_permit permits[3];
    w.options.probes = 2;
    open_ejected(0);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &permits[0]));
    w.now = SECONDS(50);
    assert_true(ward_admits(&w, &permits[1]));
    assert_opens_at(SECONDS(110));
    w.now = SECONDS(110);
    assert_true(ward_admits(&w, &permits[2]));
    assert_int_equal(ward_info(&w).probes_out, 1);
    assert_int_equal(ward_return(&w, &permits[0], LW_OUTCOME_OK), 0);
    assert_int_equal(ward_return(&w, &permits[1], LW_OUTCOME_OK), 0);
    assert_int_equal(ward_info(&w).probes_out, 1);
}

/* A failed probe, a plain failure while recovering, a permit that is out: each moves what is due. */
static void test_next_due_of_one(void **state) {
    (void)state;
    lw_health_permit permit;
    ward_found(&w);
    assert_int_equal(due(0), UINT64_MAX);
    ward_fail_times(&w, 2);
    assert_int_equal(due(0), UINT64_MAX); /* degraded: no time will change that */
    ward_fail_times(&w, 1);
    assert_int_equal(due(0), SECONDS(10));
    w.now = SECONDS(11);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(due(w.now), SECONDS(71));
    ward_return(&w, &permit, LW_OUTCOME_FAILURE);
    assert_int_equal(due(w.now), SECONDS(21));
    w.now = SECONDS(30);
    assert_int_equal(due(w.now), UINT64_MAX);
    ward_succeed(&w);
    assert_int_equal(due(w.now), UINT64_MAX); /* recovering: open */
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(due(w.now), SECONDS(90));
    lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN);
    assert_int_equal(due(w.now), UINT64_MAX); /* never, by time alone */
}

static void test_next_due_of_many(void **state) {
    (void)state;
    w.options.failure_threshold = 1;
    ward_found(&w);
    for (uint64_t node = 0; node < 50; node++) {
        lw_health_report_at(w.health, node, node % 2 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK, NULL, SECONDS(50 - node));
    }
    assert_int_equal(due(0), SECONDS(11));
    assert_int_equal(due(SECONDS(11)), SECONDS(13));
    assert_int_equal(due(SECONDS(13) - 1), SECONDS(13));
    assert_int_equal(due(SECONDS(59)), UINT64_MAX);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_interval),
        IN_WARD(test_interval_zero),
        IN_WARD(test_failure_at_time_zero),
        IN_WARD(test_one_at_a_time),
        IN_WARD(test_three_at_a_time),
        IN_WARD(test_late_results),
        IN_WARD(test_late_requests),
        IN_WARD(test_results_in_time),
        IN_WARD(test_probe_outlives_the_recovery),
        IN_WARD(test_permit_back_without_a_word),
        IN_WARD(test_permit_back_twice),
        IN_WARD(test_lost_permit),
        IN_WARD(test_many_lost_permits),
        IN_WARD(test_timeout_of_several),
        IN_WARD(test_next_due_of_one),
        IN_WARD(test_next_due_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
