/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies of the user's own: what they are asked, what they may decide, and what the built-in rules still do. */
#include "health_ward.h"

static ward w;

/* What the functions below were asked, and what they answer. */
static struct script {
    int successes, failures, outcomes, probes;
    lw_health_state seen;
    uint32_t outcome;
    uint64_t now;
    uint32_t answer;
    bool may_probe;
} script;

static void play_success(const void *user, lw_health_state *state, uint64_t now) {
    assert_ptr_equal(user, &script);
    script.successes++;
    script.seen = *state;
    script.now = now;
    state->status = script.answer;
}

static void play_failure(const void *user, lw_health_state *state, uint64_t now) {
    play_success(user, state, now);
    script.successes--;
    script.failures++;
}

static void play_outcome(const void *user, lw_health_state *state, uint32_t outcome, uint64_t now) {
    play_success(user, state, now);
    script.successes--;
    script.outcomes++;
    script.outcome = outcome;
}

static bool play_probe(const void *user, const lw_health_state *state, uint64_t now) {
    assert_ptr_equal(user, &script);
    script.probes++;
    script.seen = *state;
    script.now = now;
    return script.may_probe;
}

static lw_health_policy_ops ops;

static int open_ward(void **state) {
    (void)state;
    ward_open(&w);
    memset(&script, 0, sizeof script);
    ops = (lw_health_policy_ops){.size = sizeof ops, .user = &script};
    w.options.policy_ops = &ops;
    return 0;
}

static int close_ward(void **state) {
    (void)state;
    ward_close(&w);
    return 0;
}

static void found(void) {
    ward_found(&w);
    memset(&ops, 0xee, sizeof ops); /* it was copied */
}

static void test_no_function_at_all(void **state) {
    (void)state;
    found();
    ward_fail_times(&w, 3);
    ward_succeed(&w);
    ward_succeed(&w);
    assert_diary(&w, "H>Dr D>Ur U>Rr R>Hr ");
}

/* The counters and times hold the report already. */
static void test_on_failure(void **state) {
    (void)state;
    ops.on_failure = play_failure;
    found();
    w.now = 5;
    ward_succeed(&w);
    script.answer = LW_UNHEALTHY;
    w.now = 9;
    ward_fail_times(&w, 1);
    assert_int_equal(script.failures, 1);
    assert_int_equal(script.successes, 0);
    assert_int_equal(script.now, 9);
    assert_int_equal(script.seen.status, LW_HEALTHY);
    assert_int_equal(script.seen.consecutive_failures, 1);
    assert_int_equal(script.seen.consecutive_successes, 0);
    assert_int_equal(script.seen.last_failure, 9);
    assert_int_equal(script.seen.last_success, 5);
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(ward_info(&w).state.ejections, 1);
    ward_succeed(&w); /* by the built-in rule */
    assert_diary(&w, "H>Ur U>Rr ");
}

static void test_on_success(void **state) {
    (void)state;
    ops.on_success = play_success;
    found();
    ward_fail_times(&w, 3);
    script.answer = LW_HEALTHY; /* at once */
    w.now = 12;
    ward_succeed(&w);
    assert_int_equal(script.successes, 1);
    assert_int_equal(script.seen.status, LW_UNHEALTHY);
    assert_int_equal(script.seen.consecutive_successes, 1);
    assert_int_equal(script.seen.last_success, 12);
    assert_int_equal(script.seen.ejections, 1);
    assert_int_equal(ward_info(&w).state.ejections, 0);
    assert_diary(&w, "H>Dr D>Ur U>Hr ");
}

/* In place of the other two, with every outcome; those without an effect move no counter. */
static void test_on_outcome(void **state) {
    (void)state;
    ops.on_success = play_success;
    ops.on_failure = play_failure;
    ops.on_outcome = play_outcome;
    found();
    for (uint32_t outcome = 0; outcome < 8; outcome++) {
        w.now = 100 + outcome;
        script.answer = outcome == LW_OUTCOME_RATE_LIMITED ? LW_DEGRADED : LW_HEALTHY;
        assert_int_equal(ward_report(&w, outcome), 1);
        assert_int_equal(script.outcome, outcome);
        assert_int_equal(script.now, 100 + outcome);
    }
    assert_int_equal(script.outcomes, 8);
    assert_int_equal(script.successes + script.failures, 0);
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.state.consecutive_failures, 4);
    assert_int_equal(info.state.last_failure, 100 + LW_OUTCOME_OVERLOAD);
    assert_int_equal(info.state.last_success, 100 + LW_OUTCOME_OK);
    assert_diary(&w, "H>Dr D>Hr ");
}

/* Only the status counts of what a policy writes, and only if it is one. */
static void scribble(const void *user, lw_health_state *state, uint64_t now) {
    (void)user, (void)now;
    memset(state, 0xff, sizeof *state);
}

static void test_scribbling(void **state) {
    (void)state;
    ops.on_failure = scribble;
    found();
    w.now = 3;
    ward_fail_times(&w, 2);
    lw_health_info info = ward_info(&w);
    assert_int_equal(info.status, LW_HEALTHY);
    assert_int_equal(info.state.consecutive_failures, 2);
    assert_int_equal(info.state.consecutive_successes, 0);
    assert_int_equal(info.state.ejections, 0);
    assert_int_equal(info.state.last_failure, 3);
    assert_int_equal(info.probes_out, 0);
}

static void test_should_probe(void **state) {
    (void)state;
    lw_health_permit permit, other;
    ops.should_probe = play_probe;
    found();
    ward_fail_times(&w, 3);
    w.now = SECONDS(500);
    assert_false(ward_admits(&w, &permit));
    assert_int_equal(script.probes, 1);
    assert_int_equal(script.now, SECONDS(500));
    assert_int_equal(script.seen.status, LW_UNHEALTHY);
    assert_int_equal(script.seen.consecutive_failures, 3);
    script.may_probe = true;
    w.now = 1; /* long before the built-in rule would */
    assert_true(ward_opens(&w, w.now));
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(permit.flags & LW_PERMIT_PROBE, LW_PERMIT_PROBE);
    assert_false(ward_admits(&w, &other));
    /* It is not asked about those that serve or recover. */
    ward_return(&w, &permit, LW_OUTCOME_OK);
    script.may_probe = false;
    int asked = script.probes;
    assert_true(ward_admits(&w, &permit));
    ward_return(&w, &permit, LW_OUTCOME_OK);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(script.probes, asked);
}

/* Nobody can foretell what it will say. */
static void test_nothing_is_due(void **state) {
    (void)state;
    ops.should_probe = play_probe;
    found();
    ward_fail_times(&w, 3);
    assert_int_equal(lw_health_next_due(w.health, 0), UINT64_MAX);
    assert_int_equal(ward_info(&w).probe_at, 0);
    assert_int_equal(script.probes, 0);
}

/* A policy that judges by the window. */
static void half_of_four(const void *user, lw_health_state *state, uint64_t now) {
    (void)user, (void)now;
    if (state->window_total >= 4 && state->window_failures * 2 >= state->window_total) {
        state->status = LW_UNHEALTHY;
    }
}

static void test_window_in_own_hands(void **state) {
    (void)state;
    ops.on_failure = half_of_four;
    w.options.window = SECONDS(10);
    found();
    ward_fail_times(&w, 3);
    assert_int_equal(ward_status(&w), 'H');
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
}

/* An older program's table: what lies behind its end is not looked at. */
static void test_shorter_table(void **state) {
    (void)state;
    ops.on_success = play_success;
    ops.on_failure = play_failure;
    ops.size = offsetof(lw_health_policy_ops, on_failure);
    found();
    ward_fail_times(&w, 3);
    assert_int_equal(script.failures, 0);
    assert_int_equal(ward_status(&w), 'U');
    ward_succeed(&w);
    assert_int_equal(script.successes, 1);
}

/* Late and void reports reach no policy. */
static void test_late_reports(void **state) {
    (void)state;
    lw_health_permit early;
    ops.on_outcome = play_outcome;
    found();
    assert_true(ward_admits(&w, &early));
    script.answer = LW_UNHEALTHY;
    ward_fail_times(&w, 1);
    script.answer = LW_HEALTHY;
    assert_int_equal(ward_return(&w, &early, LW_OUTCOME_OK), 0);
    assert_int_equal(script.outcomes, 1);
    assert_int_equal(ward_status(&w), 'U');
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_no_function_at_all), IN_WARD(test_on_failure),          IN_WARD(test_on_success),
        IN_WARD(test_on_outcome),         IN_WARD(test_scribbling),          IN_WARD(test_should_probe),
        IN_WARD(test_nothing_is_due),     IN_WARD(test_window_in_own_hands), IN_WARD(test_shorter_table),
        IN_WARD(test_late_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
