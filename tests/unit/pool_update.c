/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Updates: what a wrong list is told, that it changes nothing at all, and what a right one keeps of each node. */
#include "pool_stand.h"

static stand s;

static int open_update(void **state) {
    (void)state;
    stand_open(&s, 5);
    return 0;
}

static int close_update(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* ---- mistakes ---- */

/* A list of three that fails at `fault`, and a pool that is as it was. */
static void refuse_update(int error, uint32_t fault, const char *words) {
    lw_update_report report = LW_UPDATE_REPORT_INIT;
    lw_pool_stats before = stand_stats(&s), after;
    uint64_t live = s.book.live;
    memset(&report.added, 0xee, sizeof report - offsetof(lw_update_report, added));
    s.book.told = 0;
    assert_int_equal(lw_pool_update(s.pool, s.spec, 3, 0, &report), error);
    assert_told(&s.book, error, words);
    assert_int_equal(report.fault, fault);
    assert_int_equal(report.added | report.resumed | report.removed | report.changed | report.kept, 0);
    after = stand_stats(&s);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(stand_info(&s, 0).weight, 1);
    assert_int_equal(s.book.live, live);
}

/* Two nodes; the next list would change the first and add a third one. */
static void found_for_mistakes(void) {
    stand_found(&s, "round_robin", 2);
    s.spec[0].weight = 9;
}

static void test_duplicate(void **state) {
    (void)state;
    found_for_mistakes();
    s.spec[2].name = "n1";
    refuse_update(LW_DUPLICATE, 2, "specs 1 and 2");
}

static void test_names(void **state) {
    (void)state;
    static char longest[LW_NODE_NAME_MAX + 2];
    found_for_mistakes();
    memset(longest, 'x', sizeof longest);
    longest[LW_NODE_NAME_MAX + 1] = '\0';
    s.spec[1].name = longest;
    refuse_update(LW_INVALID, 1, "spec 1: its name must have 1 to 255 bytes");
    s.spec[1].name = "";
    refuse_update(LW_INVALID, 1, "spec 1: its name must have 1 to 255 bytes");
    s.spec[1].name = NULL;
    refuse_update(LW_INVALID, 1, "spec 1: its name must have 1 to 255 bytes");
    longest[LW_NODE_NAME_MAX] = '\0';
    s.spec[1].name = longest;
    stand_update(&s, 3);
}

static void test_sizes_and_flags(void **state) {
    (void)state;
    found_for_mistakes();
    s.spec[2].size += 8;
    refuse_update(LW_INVALID, 2, "spec 2: size=");
    s.spec[2].size -= 8;
    s.spec[0].size = 8;
    refuse_update(LW_INVALID, 0, "size=8");
    s.spec[0].size = s.spec[2].size;
    s.spec[2].flags = 2;
    refuse_update(LW_RANGE, 2, "spec 2 (n2): flags=2");
}

static void test_limits_without_dimensions(void **state) {
    (void)state;
    lw_quota_limit limit = {.limit = 10};
    found_for_mistakes();
    s.spec[1].limits = &limit;
    s.spec[1].limit_count = 1;
    refuse_update(LW_UNKNOWN, 1, "spec 1 (n1): it has limits, the pool has no dimensions");
}

static void test_wrong_limits(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "rpm", .window = SECOND};
    lw_quota_limit limits[2] = {{.limit = 10}, {.limit = 10}};
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    found_for_mistakes();
    s.spec[2].limits = limits;
    s.spec[2].limit_count = 2;
    refuse_update(LW_INVALID, 2, "twice");
    s.spec[2].limit_count = 1;
    limits[0].limit = 0;
    refuse_update(LW_RANGE, 2, "limit");
    limits[0] = (lw_quota_limit){.dimension = 1, .limit = 1};
    refuse_update(LW_UNKNOWN, 2, "dimension");
}

/* Wherever memory ends, the pool is as it was; and once there is enough, the update goes through. */
static void test_out_of_memory(void **state) {
    (void)state;
    uint32_t failures = 0;
    int error = LW_NOMEM;
    stand_found(&s, "ring vnodes=10", 2);
    s.spec[0].weight = 9;
    s.spec[0].zone = "a";
    s.spec[1].tags = "x=y";
    for (uint64_t at = 1; error == LW_NOMEM; at++) {
        uint64_t live = s.book.live;
        s.book.fail_at = s.book.asked + at;
        error = lw_pool_update(s.pool, s.spec, 3, 0, NULL);
        s.book.fail_at = 0;
        if (error == LW_NOMEM) {
            failures++;
            assert_int_equal(s.book.live, live);
            assert_int_equal(stand_info(&s, 0).weight, 1);
            assert_int_equal(stand_stats(&s).nodes, 2);
        }
    }
    assert_int_equal(error, LW_OK);
    assert_true(failures > 8);
    assert_int_equal(stand_stats(&s).nodes, 3);
}

static void test_no_specs(void **state) {
    (void)state;
    lw_update_report report = LW_UPDATE_REPORT_INIT;
    stand_found(&s, "random", 3);
    assert_int_equal(lw_pool_update(s.pool, NULL, 0, 0, &report), LW_NO_NODES);
    assert_told(&s.book, LW_NO_NODES, "no nodes");
    assert_int_equal(stand_stats(&s).nodes, 3);
    assert_int_equal(lw_pool_update(s.pool, NULL, 0, LW_UPDATE_KEEP_LAST, &report), LW_OK);
    assert_int_equal(report.kept, 3);
    assert_int_equal(report.removed, 0);
    assert_int_equal(stand_stats(&s).nodes, 3);
    assert_int_equal(lw_pool_update(s.pool, NULL, 0, LW_UPDATE_ALLOW_EMPTY, &report), LW_OK);
    assert_int_equal(report.removed, 3);
    assert_int_equal(report.kept, 0);
    assert_int_equal(stand_stats(&s).nodes, 0);
    assert_int_equal(stand_refused(&s, NULL, LW_NO_NODES).retry, LW_RETRY_NEVER);
}

/* ---- the report ---- */

static void assert_report(lw_update_report report, uint32_t added, uint32_t resumed, uint32_t removed, uint32_t changed,
                          uint32_t kept) {
    assert_int_equal(report.size, sizeof report);
    assert_int_equal(report.added, added);
    assert_int_equal(report.resumed, resumed);
    assert_int_equal(report.removed, removed);
    assert_int_equal(report.changed, changed);
    assert_int_equal(report.kept, kept);
    assert_int_equal(report.fault, 0);
}

static void test_report(void **state) {
    (void)state;
    s.options.grace = 10 * SECOND;
    stand_found(&s, "random", 0);
    assert_report(stand_update(&s, 5), 5, 0, 0, 0, 0);
    assert_report(stand_update(&s, 5), 0, 0, 0, 0, 5);
    s.spec[1].weight = 3;
    s.spec[2].tags = "a=b";
    assert_report(stand_update(&s, 3), 0, 0, 2, 2, 1);
    s.book.now += 10 * SECOND - 1;
    assert_report(stand_update(&s, 6), 3, 2, 0, 0, 3);
    stand_update(&s, 3);
    s.book.now += 10 * SECOND; /* the grace is over */
    assert_report(stand_update(&s, 6), 3, 0, 0, 0, 3);
}

/* Each member of a spec that can change counts as a change, and shows. */
static void test_every_change_counts(void **state) {
    (void)state;
    int mark;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "rpm", .window = SECOND};
    lw_quota_limit limit = {.limit = 10};
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    stand_found(&s, "random", 3);
    lw_node_spec *spec = &s.spec[1];
    for (int change = 0; change < 8; change++) {
        switch (change) {
        case 0: spec->weight = 2; break;
        case 1: spec->priority = 1; break;
        case 2: spec->zone = "z"; break;
        case 3: spec->tags = "t=1"; break;
        case 4: spec->max_inflight = 5; break;
        case 5: spec->limits = &limit, spec->limit_count = 1; break;
        case 6: spec->flags = LW_NODE_LAST_RESORT; break;
        default: spec->user = &mark; break;
        }
        assert_report(stand_update(&s, 3), 0, 0, 0, 1, 2);
        assert_report(stand_update(&s, 3), 0, 0, 0, 0, 3);
    }
    limit.limit = 20;
    assert_report(stand_update(&s, 3), 0, 0, 0, 1, 2);
    lw_node_info info = stand_info(&s, 1);
    assert_int_equal(info.weight, 2);
    assert_int_equal(info.priority, 1);
    assert_int_equal(info.max_inflight, 5);
    assert_ptr_equal(info.user, &mark);
    assert_int_equal(info.reasons, LW_REASON_RESERVED);
}

/* A report of a program that was built with a shorter header is not overrun. */
static void test_shorter_report(void **state) {
    (void)state;
    lw_update_report report = {.size = offsetof(lw_update_report, removed), .removed = 77, .kept = 78};
    stand_found(&s, "random", 1);
    s.count = 2;
    assert_int_equal(lw_pool_update(s.pool, s.spec, 2, 0, &report), LW_OK);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.removed, 77);
    assert_int_equal(report.kept, 78);
    assert_int_equal(report.size, offsetof(lw_update_report, removed));
}

/* ---- what is kept ---- */

/* An update that changes nothing builds nothing and allocates for the time of the call alone. */
static void test_nothing_changes(void **state) {
    (void)state;
    stand_found(&s, "ring", 8);
    lw_pool_stats before = stand_stats(&s), after;
    uint64_t live = s.book.live;
    for (int i = 0; i < 3; i++) {
        assert_report(stand_update(&s, 8), 0, 0, 0, 0, 8);
    }
    after = stand_stats(&s);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(s.book.live, live);
}

/* A node with a past: two under way, one failure, a reported load, an ordered drain of another. */
static void give_past(lw_ticket *ticket) {
    stand_serve(&s, 0, LW_OUTCOME_FAILURE, 40 * MS);
    stand_serve(&s, 0, LW_OUTCOME_FAILURE, 40 * MS);
    ticket[0] = stand_pick_node(&s, 0);
    ticket[1] = stand_pick_node(&s, 0);
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 0), 5, s.book.now), LW_OK);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0);
}

static void assert_past(void) {
    lw_node_info info = stand_info(&s, 0);
    assert_int_equal(info.inflight, 2);
    assert_int_equal(info.started, 4);
    assert_int_equal(info.status, LW_DEGRADED);
    assert_true(info.peak >= 40 * MS);
    assert_true(info.external == 5);
    assert_int_equal(stand_info(&s, 1).admin, LW_ADMIN_DRAINING);
}

static void test_state_outlives_updates(void **state) {
    (void)state;
    lw_ticket ticket[2];
    stand_found(&s, "p2c metric=peak_ewma", 4);
    give_past(ticket);
    s.spec[0].weight = 7;
    stand_update(&s, 4);
    assert_past();
    s.spec[0].tags = "a=b";
    s.spec[0].priority = 2;
    stand_update(&s, 6);
    assert_past();
    assert_int_equal(lw_pool_route(s.pool, "default", "ring", NULL, &s.route), LW_OK);
    stand_update(&s, 2);
    assert_past();
    stand_done(&s, &ticket[0], LW_OUTCOME_OK);
    stand_cancel(&s, &ticket[1]);
    assert_int_equal(stand_info(&s, 0).inflight, 0);
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
}

static void test_grace(void **state) {
    (void)state;
    lw_ticket ticket[2];
    s.options.grace = 10 * SECOND;
    stand_found(&s, "p2c metric=peak_ewma", 4);
    give_past(ticket);
    lw_node_spec first = s.spec[0], second = s.spec[1];
    s.spec[0] = s.spec[2], s.spec[1] = s.spec[3];
    assert_report(stand_update(&s, 2), 0, 0, 2, 0, 2);
    assert_int_equal(stand_stats(&s).resting, 2);
    assert_int_equal(stand_stats(&s).leaving, 1);
    s.book.now += 10 * SECOND - 1;
    stand_tick(&s);
    s.spec[0] = first, s.spec[1] = second;
    assert_report(stand_update(&s, 4), 2, 2, 0, 0, 2);
    assert_past();
    assert_int_equal(stand_stats(&s).resting, 0);
    stand_done(&s, &ticket[0], LW_OUTCOME_OK);
    stand_done(&s, &ticket[1], LW_OUTCOME_OK);
    assert_int_equal(stand_info(&s, 0).inflight, 0);
}

static void test_no_grace(void **state) {
    (void)state;
    lw_ticket ticket[2];
    stand_found(&s, "p2c metric=peak_ewma", 2);
    give_past(ticket);
    stand_update(&s, 0);
    stand_update(&s, 2);
    lw_node_info info = stand_info(&s, 0);
    assert_int_equal(info.inflight, 0);
    assert_int_equal(info.started, 0);
    assert_int_equal(info.status, LW_HEALTHY);
    assert_true(isnan(info.external));
    assert_int_equal(stand_info(&s, 1).admin, LW_ADMIN_ACTIVE);
    stand_done(&s, &ticket[0], LW_OUTCOME_OK); /* of the one that has gone, not of this one */
    assert_int_equal(stand_info(&s, 0).inflight, 0);
    stand_done(&s, &ticket[1], LW_OUTCOME_OK);
}

/* Memory and user pointer stay until the last ticket ends, and are given back after it. */
static void test_removal_in_flight(void **state) {
    (void)state;
    int mark = 17;
    s.spec[1].user = &mark;
    stand_found(&s, "random", 2);
    lw_ticket ticket = stand_pick_node(&s, 1);
    stand_update(&s, 1);
    assert_int_equal(lw_pool_node(s.pool, stand_id(&s, 1), 0, &(lw_node_info){.size = sizeof(lw_node_info)}),
                     LW_UNKNOWN);
    for (int i = 0; i < 6; i++) {
        stand_tick(&s);
        assert_int_equal(stand_stats(&s).leaving, 1);
        assert_int_equal(stand_index(&s, stand_pick(&s, NULL).node), 0);
    }
    assert_diary(&s, "");
    assert_ptr_equal(ticket.user, &mark);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    for (int i = 0; i < 6; i++) {
        stand_tick(&s);
    }
    assert_diary(&s, "gone:1 ");
    assert_int_equal(stand_stats(&s).leaving, 0);
    assert_int_equal(stand_stats(&s).waiting, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_duplicate, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_names, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_sizes_and_flags, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_limits_without_dimensions, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_wrong_limits, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_out_of_memory, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_no_specs, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_report, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_every_change_counts, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_shorter_report, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_nothing_changes, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_state_outlives_updates, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_grace, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_no_grace, open_update, close_update),
        cmocka_unit_test_setup_teardown(test_removal_in_flight, open_update, close_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
