/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is known of the nodes, as a whole: listing, restoring, forgetting. */
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

static lw_health_info info_of(uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get_at(w.health, node, w.now, &info), LW_OK);
    return info;
}

static bool is_known(uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    int error = lw_health_get_at(w.health, node, w.now, &info);
    assert_true(error == LW_OK || error == LW_UNKNOWN);
    return error == LW_OK;
}

struct tour {
    uint64_t nodes, failures;
    int count, stop_at;
};

static int take_part(void *user, const lw_health_info *info) {
    struct tour *tour = user;
    assert_int_equal(info->size, sizeof *info);
    tour->nodes += info->node;
    tour->failures += info->state.consecutive_failures;
    return ++tour->count == tour->stop_at ? -77 : 0;
}

static void test_each(void **state) {
    (void)state;
    struct tour tour = {0};
    ward_found(&w);
    assert_int_equal(lw_health_each(w.health, take_part, &tour), 0);
    assert_int_equal(tour.count, 0);
    for (uint64_t node = 1; node <= 100; node++) {
        lw_health_report_at(w.health, node, node % 2 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK, NULL, 5);
    }
    assert_int_equal(lw_health_each(w.health, take_part, &tour), 0);
    assert_int_equal(tour.count, 100);
    assert_int_equal(tour.nodes, 5050);
    assert_int_equal(tour.failures, 50);
    tour = (struct tour){.stop_at = 3};
    assert_int_equal(lw_health_each_at(w.health, 6, take_part, &tour), -77);
    assert_int_equal(tour.count, 3);
}

static int window_of(void *user, const lw_health_info *info) {
    *(uint32_t *)user += info->state.window_total;
    return 0;
}

static void test_each_at_a_time(void **state) {
    (void)state;
    uint32_t total = 0;
    w.options.window = SECONDS(10);
    ward_found(&w);
    w.now = SECONDS(100);
    ward_fail_times(&w, 1);
    w.book.now = SECONDS(105);
    lw_health_each(w.health, window_of, &total);
    assert_int_equal(total, 1);
    lw_health_each_at(w.health, SECONDS(110), window_of, &total);
    assert_int_equal(total, 1);
}

/* Whoever lists may change: here each unhealthy node is forgotten, and a new one reported. */
static int relieve(void *user, const lw_health_info *info) {
    (void)user;
    if (info->status == LW_UNHEALTHY) {
        assert_int_equal(lw_health_forget(w.health, info->node), 1);
        assert_int_equal(lw_health_report_at(w.health, info->node + 1000, LW_OUTCOME_OK, NULL, 1), 1);
    }
    return 0;
}

static void test_each_changes(void **state) {
    (void)state;
    w.options.failure_threshold = 1;
    ward_found(&w);
    for (uint64_t node = 0; node < 60; node++) {
        lw_health_report_at(w.health, node, node % 2 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK, NULL, 1);
    }
    assert_int_equal(lw_health_each(w.health, relieve, NULL), 0);
    for (uint64_t node = 0; node < 60; node++) {
        assert_int_equal(is_known(node), node % 2 == 0);
        assert_int_equal(is_known(node + 1000), node % 2 == 1);
    }
}

static void test_get_checks_the_size(void **state) {
    (void)state;
    lw_health_info info = {.size = sizeof info - 1};
    ward_found(&w);
    ward_succeed(&w);
    assert_int_equal(lw_health_get(w.health, NODE, &info), LW_INVALID);
    assert_told(&w.book, LW_INVALID, "info: size=");
    info.size = 0;
    assert_int_equal(lw_health_restore(w.health, &info), LW_INVALID);
    assert_int_equal(w.book.told, 2);
}

/* What was got from one tracker continues in another, with the same waits and counts. */
static void test_restore(void **state) {
    (void)state;
    lw_health *second;
    w.options.failure_threshold = 2;
    w.options.backoff_percent = 200;
    lw_health_options options = w.options;
    options.observer = NULL;
    assert_int_equal(lw_health_new(&second, &w.env, &options), LW_OK);
    ward_found(&w);
    w.now = SECONDS(40);
    ward_fail_times(&w, 2);
    ward_succeed(&w);
    w.now = SECONDS(50);
    ward_fail_times(&w, 1);
    w.diary[0] = '\0';
    lw_health_info info = info_of(NODE), copy = {.size = sizeof copy};
    assert_int_equal(lw_health_restore_at(second, &info, w.now), LW_OK);
    assert_int_equal(lw_health_get_at(second, NODE, w.now, &copy), LW_OK);
    assert_memory_equal(&copy.state, &info.state, sizeof copy.state);
    assert_int_equal(copy.status, LW_UNHEALTHY);
    assert_int_equal(copy.probe_at, SECONDS(70));
    lw_health_free(second);

    info.verdict_down = 1;
    assert_int_equal(lw_health_restore_at(w.health, &info, w.now), LW_OK);
    assert_diary(&w, ""); /* unhealthy before and after */
    info.state = (lw_health_state){.status = LW_RECOVERING, .consecutive_successes = 1};
    info.verdict_down = 0;
    assert_int_equal(lw_health_restore_at(w.health, &info, w.now), LW_OK);
    assert_diary(&w, "U>Rs ");
    assert_int_equal(info_of(NODE).state.last_failure, SECONDS(50)); /* what it has seen is later than never */
}

static void test_restore_starts_an_epoch(void **state) {
    (void)state;
    lw_health_permit early, probe, other;
    ward_found(&w);
    ward_fail_times(&w, 3);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &probe));
    lw_health_info info = info_of(NODE);
    assert_int_equal(lw_health_restore_at(w.health, &info, w.now), LW_OK);
    assert_int_equal(info_of(NODE).probes_out, 1);
    assert_false(ward_admits(&w, &other));
    assert_int_equal(ward_return(&w, &probe, LW_OUTCOME_OK), 0);
    assert_true(ward_admits(&w, &early));
}

/* Times of another machine's clock, far ahead of ours, must not hold a node back. */
static void test_restore_clamps_times(void **state) {
    (void)state;
    ward_found(&w);
    lw_health_info info = {.size = sizeof info, .node = NODE};
    info.state = (lw_health_state){.status = LW_UNHEALTHY, .ejections = 1, .last_failure = SECONDS(99999)};
    info.state.last_success = UINT64_MAX;
    assert_int_equal(lw_health_restore_at(w.health, &info, SECONDS(20)), LW_OK);
    info = info_of(NODE);
    assert_int_equal(info.state.last_failure, SECONDS(20));
    assert_int_equal(info.state.last_success, SECONDS(20));
    assert_int_equal(info.probe_at, SECONDS(30));
    w.book.now = SECONDS(25);
    info.state.last_failure = SECONDS(28);
    assert_int_equal(lw_health_restore(w.health, &info), LW_OK);
    assert_int_equal(info_of(NODE).state.last_failure, SECONDS(25));
}

static void test_restore_checks(void **state) {
    (void)state;
    ward_found(&w);
    static const struct {
        lw_health_state state;
        const char *words;
    } faults[] = {
        {{.status = 4}, "state.status=4 must be from 0 to 3"},
        {{.consecutive_failures = 4096}, "state.consecutive_failures=4096 must be from 0 to 4095"},
        {{.consecutive_successes = 4096}, "state.consecutive_successes=4096 must be from 0 to 4095"},
        {{.ejections = 256}, "state.ejections=256 must be from 0 to 255"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        lw_health_info info = {.size = sizeof info, .node = NODE, .state = faults[i].state};
        assert_int_equal(lw_health_restore(w.health, &info), LW_RANGE);
        assert_told(&w.book, LW_RANGE, faults[i].words);
        assert_false(is_known(NODE));
    }
    lw_health_info most = {.size = sizeof most, .node = NODE, .state = {3, 4095, 4095, 255, 0, 0, 9, 9}};
    assert_int_equal(lw_health_restore(w.health, &most), LW_OK);
    lw_health_state restored = info_of(NODE).state;
    assert_int_equal(restored.consecutive_failures, 4095);
    assert_int_equal(restored.consecutive_successes, 0); /* a row is of one kind */
    assert_int_equal(restored.ejections, 255);
    assert_int_equal(restored.window_total, 0);
    most.state.consecutive_failures = 0;
    assert_int_equal(lw_health_restore(w.health, &most), LW_OK);
    assert_int_equal(info_of(NODE).state.consecutive_successes, 4095);
}

/* ---- forgetting ---- */

static void test_forget(void **state) {
    (void)state;
    ward_found(&w);
    ward_fail_times(&w, 3);
    lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN);
    w.diary[0] = '\0';
    assert_int_equal(lw_health_forget(w.health, NODE), 1);
    assert_diary(&w, "gone ");
    assert_int_equal(ward_status(&w), 'H');
    assert_int_equal(lw_health_forget(w.health, NODE), 0);
    assert_diary(&w, "");
    ward_fail_times(&w, 1);
    assert_int_equal(info_of(NODE).state.consecutive_failures, 1);
}

/* What a request of an earlier life reports says nothing about the next, and gives no permit of it back. */
static void test_earlier_lives(void **state) {
    (void)state;
    lw_health_permit plain[40], probe[40], now_out, other;
    w.options.failure_threshold = 1;
    ward_found(&w);
    for (int life = 0; life < 40; life++) {
        ward_succeed(&w);
        assert_true(ward_admits(&w, &plain[life]));
        ward_fail_times(&w, 1);
        w.now += SECONDS(10);
        assert_true(ward_admits(&w, &probe[life]));
        assert_int_equal(lw_health_forget(w.health, NODE), 1);
    }
    ward_fail_times(&w, 1);
    w.now += SECONDS(10);
    assert_true(ward_admits(&w, &now_out));
    uint32_t out = 0;
    for (int life = 0; life < 40; life++) {
        assert_int_equal(ward_return(&w, &plain[life], LW_OUTCOME_OK), 0);
        assert_int_equal(ward_return(&w, &probe[life], LW_OUTCOME_OK), 0);
        out += info_of(NODE).probes_out;
        w.diary[0] = '\0';
    }
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(out, 40);
    assert_false(ward_admits(&w, &other));
    assert_int_equal(ward_return(&w, &now_out, LW_OUTCOME_OK), 1);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_each),
        IN_WARD(test_each_at_a_time),
        IN_WARD(test_each_changes),
        IN_WARD(test_get_checks_the_size),
        IN_WARD(test_restore),
        IN_WARD(test_restore_starts_an_epoch),
        IN_WARD(test_restore_clamps_times),
        IN_WARD(test_restore_checks),
        IN_WARD(test_forget),
        IN_WARD(test_earlier_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
