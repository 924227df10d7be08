/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Strategies with bounds, parts and sessions of their own, in a pool: what it answers when they refuse, and that it
 * neither explores past a session nor moves one for a request that came to nothing.
 */
#include "pool_stand.h"

static struct stand s;

static int open_bounds(void **state) {
    (void)state;
    stand_open(&s, 11);
    return 0;
}

static int close_bounds(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Nobody is full by the pool's reckoning, and nothing but an end will help. */
static void test_full_by_its_own_limit(void **state) {
    (void)state;
    stand_found(&s, "fill_first limit=1", 2);
    lw_ticket first = stand_pick(&s, NULL);
    stand_pick(&s, NULL);
    assert_int_equal(stand_refused(&s, NULL, LW_SATURATED).retry, LW_RETRY_ON_COMPLETION);
    stand_done(&s, &first, LW_OUTCOME_OK);
    assert_int_equal(stand_pick(&s, NULL).node, first.node);
}

/* The one node of the subset is out; the others are none of its business. */
static void test_subset_is_out(void **state) {
    (void)state;
    stand_found(&s, "subset(p2c, size=1, spill=none)", 3);
    lw_ticket ticket = stand_pick(&s, NULL);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_int_equal(lw_pool_admin(s.pool, ticket.node, LW_ADMIN_DISABLED, 0), LW_OK);
    assert_int_equal(stand_refused(&s, NULL, LW_FILTERED).retry, LW_RETRY_ON_COMPLETION);
    assert_int_equal(lw_pool_admin(s.pool, ticket.node, LW_ADMIN_ACTIVE, 0), LW_OK);
    assert_int_equal(stand_pick(&s, NULL).node, ticket.node);
}

static void test_sessions_are_not_explored(void **state) {
    (void)state;
    lw_request request = stand_keyed(7);
    s.options.explore = 5000;
    stand_found(&s, "sticky(p2c metric=peak_ewma)", 4);
    lw_ticket first = stand_pick(&s, &request);
    stand_done(&s, &first, LW_OUTCOME_OK);
    for (int i = 0; i < 1000; i++) {
        lw_ticket ticket = stand_pick(&s, &request);
        assert_int_equal(ticket.node, first.node);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
    }
}

/* More than any node takes: refused, and the session stays. */
static void test_refused_requests_move_no_session(void **state) {
    (void)state;
    lw_amount amount = {0, 2000000};
    lw_request request = stand_keyed(7), large = request;
    stand_limit(&s, 4, 1000000);
    large.amounts = &amount;
    large.amount_count = 1;
    stand_found(&s, "sticky(p2c)", 4);
    uint64_t node = stand_pick(&s, &request).node;
    for (int i = 0; i < 10; i++) {
        stand_refused(&s, &large, LW_OVER_QUOTA);
        assert_int_equal(stand_pick(&s, &request).node, node);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full_by_its_own_limit, open_bounds, close_bounds),
        cmocka_unit_test_setup_teardown(test_subset_is_out, open_bounds, close_bounds),
        cmocka_unit_test_setup_teardown(test_sessions_are_not_explored, open_bounds, close_bounds),
        cmocka_unit_test_setup_teardown(test_refused_requests_move_no_session, open_bounds, close_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
