/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What operators and active checks say: draining and what is told of it, disabled nodes, verdicts, probes. */
#include "pool_stand.h"

static stand s;

static int open_admin(void **state) {
    (void)state;
    stand_open(&s, 23);
    return 0;
}

static int close_admin(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void assert_never(uint32_t node) {
    for (int i = 0; i < 200; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        assert_int_not_equal(stand_index(&s, ticket.node), node);
        stand_cancel(&s, &ticket);
    }
}

static void assert_comes(uint32_t node) {
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 400, counts);
    assert_true(counts[node] > 0);
}

/* ---- draining ---- */

static void test_drain(void **state) {
    (void)state;
    lw_ticket held[3];
    stand_found(&s, "random", 2);
    for (int i = 0; i < 3; i++) {
        held[i] = stand_pick_node(&s, 1);
    }
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_DRAINING);
    assert_int_equal(stand_info(&s, 1).admin, LW_ADMIN_DRAINING);
    assert_true(stand_info(&s, 1).retry_at == UINT64_MAX);
    assert_never(1);
    stand_done(&s, &held[0], LW_OUTCOME_OK);
    stand_cancel(&s, &held[1]);
    stand_tick(&s);
    assert_diary(&s, "");
    stand_done(&s, &held[2], LW_OUTCOME_OK);
    assert_diary(&s, "drained:1 ");
    for (int i = 0; i < 3; i++) { /* once */
        assert_int_equal(lw_done(s.pool, &held[2], NULL), LW_ALREADY);
        stand_tick(&s);
        stand_update(&s, 2);
    }
    assert_diary(&s, "");
    stand_admin(&s, 1, LW_ADMIN_ACTIVE, 0);
    assert_comes(1);
    assert_diary(&s, "");
}

static void test_drain_of_an_idle_node(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0);
    assert_diary(&s, "drained:1 ");
    stand_tick(&s);
    assert_diary(&s, "");
    stand_admin(&s, 1, LW_ADMIN_ACTIVE, 0);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0); /* another drain */
    assert_diary(&s, "drained:1 ");
}

/* A lost ticket is the last one. */
static void test_drain_of_lost_tickets(void **state) {
    (void)state;
    s.options.ticket_ttl = SECOND;
    stand_found(&s, "random", 2);
    stand_pick_node(&s, 0);
    stand_admin(&s, 0, LW_ADMIN_DRAINING, 0);
    s.book.now += SECOND;
    stand_tick(&s);
    assert_diary(&s, "drained:0 lost:0@1000000000 ");
}

static void test_deadline(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    lw_ticket held = stand_pick_node(&s, 1);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, s.book.now + 10 * SECOND);
    assert_int_equal(stand_tick(&s), s.book.now + 10 * SECOND);
    s.book.now += 10 * SECOND - 1;
    stand_tick(&s);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_DRAINING);
    s.book.now++;
    stand_tick(&s);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_DISABLED);
    assert_never(1);
    stand_done(&s, &held, LW_OUTCOME_OK);
    assert_diary(&s, "drained:1 ");
    stand_admin(&s, 1, LW_ADMIN_ACTIVE, 0);
    assert_comes(1);
}

static void test_disabled(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    lw_ticket held = stand_pick_node(&s, 1);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_DISABLED);
    assert_never(1);
    stand_done(&s, &held, LW_OUTCOME_OK); /* what is under way ends as usual */
    assert_int_equal(stand_info(&s, 1).inflight, 0);
    assert_diary(&s, "");
    stand_admin(&s, 1, LW_ADMIN_ACTIVE, 0);
    assert_comes(1);
}

static void test_nobody_is_active(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    stand_admin(&s, 0, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    lw_ticket refused = stand_refused(&s, NULL, LW_DRAINING);
    assert_int_equal(refused.retry, LW_RETRY_NEVER);
    assert_true(refused.retry_at == UINT64_MAX);
}

static void test_mistakes(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    assert_int_equal(lw_pool_admin(s.pool, stand_id(&s, 0), LW_ADMIN_DISABLED + 1, 0), LW_INVALID);
    assert_told(&s.book, LW_INVALID, "state=3");
    assert_int_equal(lw_pool_admin(s.pool, 5, LW_ADMIN_ACTIVE, 0), LW_UNKNOWN);
    assert_int_equal(lw_pool_verdict(s.pool, stand_id(&s, 0), LW_VERDICT_DOWN + 1, s.book.now), LW_INVALID);
    assert_told(&s.book, LW_INVALID, "3");
    assert_int_equal(lw_pool_verdict(s.pool, 5, LW_VERDICT_DOWN, s.book.now), LW_UNKNOWN);
    assert_int_equal(stand_info(&s, 0).reasons, 0);
}

/* ---- verdicts and probes ---- */

static void test_verdicts(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    assert_diary(&s, "H>U:1x ");
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_UNHEALTHY);
    s.book.now += 3600 * SECOND;
    assert_never(1); /* not even to probe it */
    stand_verdict(&s, 1, LW_VERDICT_UP);
    assert_diary(&s, "U>H:1x ");
    assert_comes(1);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    stand_verdict(&s, 1, LW_VERDICT_NONE);
    assert_diary(&s, "H>U:1x U>H:1x ");
    assert_comes(1);
}

/* Ends the draw for this node: the next ticket of it, others are cancelled. */
static lw_ticket await_node(uint32_t node) {
    for (int i = 0; i < 400; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        if (stand_index(&s, ticket.node) == node) {
            return ticket;
        }
        stand_cancel(&s, &ticket);
    }
    fail_msg("it never comes");
    return (lw_ticket){0};
}

/* Out after three failures, tried out one at a time, back after two good probes. */
static void test_probes(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_CONNECT_FAILURE, 3);
    assert_diary(&s, "H>D:1r D>U:1r ");
    assert_int_equal(stand_info(&s, 1).retry_at, s.book.now + 10 * SECOND);
    s.book.now += 10 * SECOND - 1;
    assert_never(1);
    s.book.now++;
    lw_ticket probe = await_node(1);
    assert_int_equal(probe.flags, LW_TICKET_PROBE);
    assert_never(1);
    stand_done(&s, &probe, LW_OUTCOME_OK);
    assert_diary(&s, "U>R:1r ");
    probe = await_node(1);
    assert_int_equal(probe.flags, LW_TICKET_PROBE);
    assert_never(1);
    stand_cancel(&s, &probe); /* comes to nothing: another one may try */
    probe = await_node(1);
    stand_done(&s, &probe, LW_OUTCOME_OK);
    assert_diary(&s, "R>H:1r ");
    assert_int_equal(await_node(1).flags, 0);
}

static void test_failed_probe(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 3);
    s.book.now += 10 * SECOND;
    lw_ticket probe = await_node(1);
    s.book.now += SECOND;
    stand_done(&s, &probe, LW_OUTCOME_FAILURE);
    assert_int_equal(stand_info(&s, 1).retry_at, s.book.now + 10 * SECOND);
    assert_never(1);
}

/* Results from before the node was found ill and well again count no more. */
static void test_late_results(void **state) {
    (void)state;
    lw_ticket held[5];
    stand_found(&s, "random", 2);
    for (int i = 0; i < 5; i++) {
        held[i] = stand_pick_node(&s, 0);
    }
    stand_verdict(&s, 0, LW_VERDICT_UP);
    for (int i = 0; i < 5; i++) {
        stand_done(&s, &held[i], LW_OUTCOME_FAILURE);
    }
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
    assert_diary(&s, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_drain, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_drain_of_an_idle_node, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_drain_of_lost_tickets, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_deadline, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_disabled, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_nobody_is_active, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_mistakes, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_verdicts, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_probes, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_failed_probe, open_admin, close_admin),
        cmocka_unit_test_setup_teardown(test_late_results, open_admin, close_admin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
