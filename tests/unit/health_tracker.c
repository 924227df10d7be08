/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tracker around the machine: which nodes it knows, verdicts, the filter. */
#include "health_ward.h"

#include <loadwise/strategy.h>

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

/* ---- which nodes are known ---- */

static void test_unknown_nodes_are_healthy(void **state) {
    (void)state;
    lw_health_permit permit = {99, 99};
    ward_found(&w);
    assert_int_equal(lw_health_status(w.health, 12345), LW_HEALTHY);
    assert_int_equal(lw_health_admit_at(w.health, 12345, 0, &permit), 1);
    assert_int_equal(permit.flags & LW_PERMIT_PROBE, 0);
    assert_int_equal(lw_health_forget(w.health, 12345), 0);
    assert_int_equal(lw_health_next_due(w.health, 0), UINT64_MAX);
    assert_false(is_known(12345)); /* asking makes nobody known */
    assert_int_equal(lw_health_report_at(w.health, 12345, LW_OUTCOME_OK, &permit, 0), 1);
    assert_true(is_known(12345));
    assert_diary(&w, "");
}

static void test_without_auto_create(void **state) {
    (void)state;
    w.options.auto_create = 0;
    ward_found(&w);
    assert_int_equal(ward_fail(&w), LW_UNKNOWN);
    assert_told(&w.book, LW_UNKNOWN, "node 0000000000000007");
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_UNKNOWN);
    assert_int_equal(w.book.told, 2);
    assert_false(is_known(NODE));
    assert_int_equal(lw_health_add(w.health, NODE), LW_OK);
    assert_true(is_known(NODE));
    ward_fail_times(&w, 3);
    assert_int_equal(lw_health_add(w.health, NODE), LW_OK); /* changes nothing */
    assert_int_equal(ward_status(&w), 'U');
    lw_health_info info = info_of(NODE);
    info.node = 8;
    assert_int_equal(lw_health_restore_at(w.health, &info, 0), LW_OK);
    assert_int_equal(lw_health_status(w.health, 8), LW_UNHEALTHY);
    assert_int_equal(lw_health_forget(w.health, NODE), 1);
    assert_int_equal(ward_fail(&w), LW_UNKNOWN);
}

static void test_max_nodes(void **state) {
    (void)state;
    lw_health_permit permit;
    w.options.max_nodes = 2;
    ward_found(&w);
    assert_int_equal(lw_health_report_at(w.health, 1, LW_OUTCOME_OK, NULL, 0), 1);
    assert_int_equal(lw_health_verdict(w.health, 2, LW_VERDICT_NONE), LW_OK);
    assert_int_equal(lw_health_report_at(w.health, 3, LW_OUTCOME_OK, NULL, 0), LW_FULL);
    assert_told(&w.book, LW_FULL, "max_nodes=2");
    assert_told(&w.book, LW_FULL, "node 0000000000000003");
    assert_int_equal(lw_health_verdict(w.health, 3, LW_VERDICT_UP), LW_FULL);
    assert_int_equal(lw_health_add(w.health, 3), LW_FULL);
    lw_health_info info = {.size = sizeof info, .node = 3};
    assert_int_equal(lw_health_restore_at(w.health, &info, 0), LW_FULL);
    assert_int_equal(w.book.told, 4);
    assert_int_equal(lw_health_admit_at(w.health, 3, 0, &permit), 1);
    assert_int_equal(lw_health_report_at(w.health, 1, LW_OUTCOME_OK, NULL, 0), 1);
    assert_int_equal(lw_health_forget(w.health, 1), 1);
    assert_int_equal(lw_health_report_at(w.health, 3, LW_OUTCOME_OK, NULL, 0), 1);
}

/* Nodes do not touch each other. */
static void test_many_nodes(void **state) {
    (void)state;
    ward_found(&w);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t node = 0; node < 5000; node++) {
            uint32_t outcome = node % 3 >= round ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK;
            assert_int_equal(lw_health_report_at(w.health, node << 40, outcome, NULL, node), 1);
            w.diary[0] = '\0';
        }
    }
    for (uint64_t node = 0; node < 5000; node++) {
        static const uint32_t statuses[] = {LW_HEALTHY, LW_HEALTHY, LW_UNHEALTHY};
        assert_int_equal(lw_health_status(w.health, node << 40), statuses[node % 3]);
        assert_int_equal(info_of(node << 40).state.consecutive_failures, node % 3 == 2 ? 3 : 0);
    }
}

/* ---- verdicts ---- */

static void test_down(void **state) {
    (void)state;
    lw_health_permit permit;
    ward_found(&w);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_OK);
    assert_int_equal(ward_status(&w), 'U');
    lw_health_info info = info_of(NODE);
    assert_int_equal(info.status, LW_UNHEALTHY);
    assert_int_equal(info.state.status, LW_HEALTHY);
    assert_int_equal(info.verdict_down, 1);
    assert_int_equal(info.probe_at, 0);
    for (w.now = 0; w.now < SECONDS(1000000); w.now += SECONDS(99999)) {
        assert_false(ward_admits(&w, &permit));
        assert_false(ward_opens(&w, w.now));
        assert_int_equal(ward_succeed(&w), 1);
    }
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_NONE), LW_OK);
    assert_int_equal(ward_status(&w), 'H');
    assert_true(ward_admits(&w, &permit));
    assert_diary(&w, "H>Ux U>Hx ");
}

/* What is learnt while it is down shows afterwards. */
static void test_learning_while_down(void **state) {
    (void)state;
    ward_found(&w);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_OK);
    ward_fail_times(&w, 2);
    assert_diary(&w, "H>Ux ");
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_NONE), LW_OK);
    assert_int_equal(ward_status(&w), 'D');
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_OK);
    w.now = 50;
    ward_fail_times(&w, 1);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_NONE), LW_OK);
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(info_of(NODE).probe_at, 50 + SECONDS(10));
    assert_diary(&w, "U>Dx D>Ux "); /* down to unhealthy is no change */
}

static void test_up(void **state) {
    (void)state;
    ward_found(&w);
    w.now = 7;
    ward_fail_times(&w, 5);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_UP), LW_OK);
    assert_int_equal(ward_status(&w), 'H');
    lw_health_info info = info_of(NODE);
    assert_int_equal(info.state.consecutive_failures, 0);
    assert_int_equal(info.state.ejections, 0);
    assert_int_equal(info.state.last_failure, 7);
    assert_int_equal(info.verdict_down, 0);
    ward_fail_times(&w, 3); /* count as ever */
    assert_int_equal(ward_status(&w), 'U');
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN), LW_OK);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_UP), LW_OK);
    assert_int_equal(ward_status(&w), 'H');
    assert_diary(&w, "H>Dr D>Ur U>Hx H>Dr D>Ur U>Hx ");
}

/* "No opinion" leaves what was learnt alone. */
static void test_none(void **state) {
    (void)state;
    ward_found(&w);
    ward_fail_times(&w, 3);
    lw_health_info before = info_of(NODE);
    assert_int_equal(lw_health_verdict(w.health, NODE, LW_VERDICT_NONE), LW_OK);
    lw_health_info after = info_of(NODE);
    assert_memory_equal(&after, &before, sizeof after);
}

/* A request from before a verdict comes late; one from before the same verdict again does not. */
static void test_verdicts_and_epochs(void **state) {
    (void)state;
    lw_health_permit permit;
    ward_found(&w);
    static const struct {
        uint32_t first, second;
        bool late;
    } turns[] = {
        {LW_VERDICT_NONE, LW_VERDICT_DOWN, true},  {LW_VERDICT_NONE, LW_VERDICT_UP, true},
        {LW_VERDICT_UP, LW_VERDICT_UP, true},      {LW_VERDICT_UP, LW_VERDICT_NONE, false},
        {LW_VERDICT_NONE, LW_VERDICT_NONE, false},
    };
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        lw_health_verdict(w.health, NODE, LW_VERDICT_UP);
        lw_health_verdict(w.health, NODE, turns[i].first);
        assert_true(ward_admits(&w, &permit));
        lw_health_verdict(w.health, NODE, turns[i].second);
        assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_OK), turns[i].late ? 0 : 1);
    }
    uint32_t epoch = info_of(NODE).epoch;
    lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN);
    lw_health_verdict(w.health, NODE, LW_VERDICT_DOWN);
    assert_int_equal(info_of(NODE).epoch, epoch + 1);
}

/* A probe that is out when a verdict comes is still out. */
static void test_verdicts_and_permits(void **state) {
    (void)state;
    lw_health_permit permit, other;
    ward_found(&w);
    ward_fail_times(&w, 3);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &permit));
    lw_health_verdict(w.health, NODE, LW_VERDICT_UP);
    ward_fail_times(&w, 3);
    w.now = SECONDS(20);
    assert_false(ward_admits(&w, &other));
    assert_int_equal(ward_return(&w, &permit, LW_OUTCOME_OK), 0);
    assert_true(ward_admits(&w, &other));
}

static void test_no_such_verdict(void **state) {
    (void)state;
    ward_found(&w);
    assert_int_equal(lw_health_verdict(w.health, NODE, 3), LW_INVALID);
    assert_told(&w.book, LW_INVALID, "verdict 3");
    assert_false(is_known(NODE));
}

/* ---- as a filter ---- */

enum { FLEET = 6 };

static void test_filter(void **state) {
    (void)state;
    static const char *const names[FLEET] = {"healthy", "degraded", "unhealthy", "due", "recovering", "stranger"};
    static const int failures[FLEET] = {0, 2, 3, 3, 3, 0};
    uint64_t words[1];
    lw_health_permit permit;
    lw_nodes nodes;
    lw_nodes_init(&nodes, FLEET);
    LW_SET_VALUES(nodes, name, names);
    ward_found(&w);
    for (uint32_t i = 0; i < FLEET - 1; i++) {
        uint64_t id = lw_nodes_id(&nodes, i), when = i == 3 ? 0 : SECONDS(5);
        lw_health_report_at(w.health, id, LW_OUTCOME_OK, NULL, when);
        for (int f = 0; f < failures[i]; f++) {
            lw_health_report_at(w.health, id, LW_OUTCOME_FAILURE, NULL, when);
        }
    }
    lw_health_report_at(w.health, lw_nodes_id(&nodes, 4), LW_OUTCOME_OK, NULL, SECONDS(5));

    static const struct {
        uint32_t statuses;
        uint64_t expected;
    } cases[] = {
        {LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED), 0x3b},
        {LW_STATUS_BIT(LW_HEALTHY), 0x39},
        {LW_STATUS_BIT(LW_DEGRADED), 0x1a},
        {LW_STATUS_BIT(LW_UNHEALTHY), 0x1c},
        {0, 0x18},
        {0xf, 0x3f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lw_health_tracker_filter filter = lw_filter_health_tracker(w.health, cases[i].statuses);
        int passed = lw_filter_apply(&filter.filter, &nodes, NULL, SECONDS(10), words);
        assert_int_equal(words[0], cases[i].expected);
        assert_int_equal(passed, __builtin_popcountll(cases[i].expected));
    }
    /* Once their permits are taken, the two that are tried out do not pass. */
    assert_int_equal(lw_health_admit_at(w.health, lw_nodes_id(&nodes, 3), SECONDS(10), &permit), 1);
    assert_int_equal(lw_health_admit_at(w.health, lw_nodes_id(&nodes, 4), SECONDS(10), &permit), 1);
    lw_health_tracker_filter filter = lw_filter_health_tracker(w.health, 0);
    assert_int_equal(lw_filter_apply(&filter.filter, &nodes, NULL, SECONDS(10), words), 0);
    w.diary[0] = '\0';
}

/* The whole way: filter, pick, admit, report. One node always fails; it gets three requests, then one a probe. */
static void test_with_a_strategy(void **state) {
    (void)state;
    uint64_t ids[3] = {7, 8, 9}, words[1], requests[3] = {0};
    lw_strategy *strategy;
    lw_nodes nodes;
    lw_nodes_init(&nodes, 3);
    LW_SET_VALUES(nodes, id, ids);
    nodes.eligible = words;
    assert_int_equal(lw_strategy_new(&strategy, &w.env, "round_robin lanes=1 phase=0"), LW_OK);
    ward_found(&w);
    lw_health_tracker_filter filter =
        lw_filter_health_tracker(w.health, LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED));
    for (int i = 0; i < 1200; i++, w.now += SECONDS(1) / 10) {
        lw_health_permit permit;
        assert_true(lw_filter_apply(&filter.filter, &nodes, NULL, w.now, words) >= 2);
        ptrdiff_t at = lw_select_at(strategy, &nodes, NULL, w.now);
        assert_in_range(at, 0, 2);
        assert_int_equal(lw_health_admit_at(w.health, ids[at], w.now, &permit), 1);
        requests[at]++;
        lw_health_report_at(w.health, ids[at], at == 0 ? LW_OUTCOME_TIMEOUT : LW_OUTCOME_OK, &permit, w.now);
    }
    /* 120 s: three failures within the first second, then a probe about every 10 s. */
    assert_in_range(requests[0], 3 + 10, 3 + 12);
    assert_in_range(requests[1], 580, 600);
    assert_in_range(requests[2], 580, 600);
    lw_strategy_free(strategy);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_unknown_nodes_are_healthy),
        IN_WARD(test_without_auto_create),
        IN_WARD(test_max_nodes),
        IN_WARD(test_many_nodes),
        IN_WARD(test_down),
        IN_WARD(test_learning_while_down),
        IN_WARD(test_up),
        IN_WARD(test_none),
        IN_WARD(test_verdicts_and_epochs),
        IN_WARD(test_verdicts_and_permits),
        IN_WARD(test_no_such_verdict),
        IN_WARD(test_filter),
        IN_WARD(test_with_a_strategy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
