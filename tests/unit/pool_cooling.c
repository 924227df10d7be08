/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes that say "later": for how long they are left alone, to the nanosecond. */
#include "pool_stand.h"

static stand s;

static int open_cooling(void **state) {
    (void)state;
    stand_open(&s, 19);
    return 0;
}

static int close_cooling(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void end_told(const lw_ticket *ticket, uint32_t outcome, uint64_t retry_after) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.retry_after = retry_after;
    sample.now = s.book.now;
    assert_int_equal(lw_done(s.pool, ticket, &sample), LW_OK);
}

static void tell(uint32_t outcome, uint64_t retry_after) {
    lw_ticket ticket = stand_pick(&s, NULL);
    end_told(&ticket, outcome, retry_after);
}

/* The only node is left alone for so long, and no longer. */
static void assert_cools(uint64_t span) {
    uint64_t end = s.book.now + span;
    lw_ticket refused = stand_refused(&s, NULL, LW_OVER_QUOTA);
    assert_int_equal(refused.retry, LW_RETRY_AT);
    assert_int_equal(refused.retry_at, end);
    assert_int_equal(stand_info(&s, 0).reasons, LW_REASON_COOLING);
    assert_int_equal(stand_info(&s, 0).retry_at, end);
    s.book.now = end - 1;
    stand_refused(&s, NULL, LW_OVER_QUOTA);
    s.book.now = end;
    assert_int_equal(stand_info(&s, 0).reasons, 0);
    lw_ticket ticket = stand_pick(&s, NULL);
    stand_cancel(&s, &ticket);
}

static void test_rate_limited(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    tell(LW_OUTCOME_RATE_LIMITED, 0);
    assert_cools(SECOND);
    tell(LW_OUTCOME_RATE_LIMITED, 1);
    assert_cools(1);
    tell(LW_OUTCOME_RATE_LIMITED, 60 * SECOND);
    assert_cools(60 * SECOND);
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
}

static void test_options(void **state) {
    (void)state;
    s.options.cooldown = 3 * SECOND;
    s.options.max_cooldown = 20 * SECOND;
    stand_found(&s, "random", 1);
    tell(LW_OUTCOME_RATE_LIMITED, 0);
    assert_cools(3 * SECOND);
    tell(LW_OUTCOME_RATE_LIMITED, 20 * SECOND + 1);
    assert_cools(20 * SECOND);
    tell(LW_OUTCOME_RATE_LIMITED, UINT64_MAX);
    assert_cools(20 * SECOND);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), UINT64_MAX, s.book.now), LW_OK);
    assert_cools(20 * SECOND);
}

static void test_a_day_at_most(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    tell(LW_OUTCOME_RATE_LIMITED, UINT64_MAX);
    assert_cools(24 * 3600 * SECOND);
}

/* An overloaded node cools down only when it says so; nobody else does, whatever stands there. */
static void test_other_outcomes(void **state) {
    (void)state;
    static const uint32_t others[] = {LW_OUTCOME_OK,      LW_OUTCOME_CALLER_FAULT, LW_OUTCOME_CANCELLED,
                                      LW_OUTCOME_FAILURE, LW_OUTCOME_OK,           LW_OUTCOME_TIMEOUT};
    stand_found(&s, "random", 1);
    tell(LW_OUTCOME_OVERLOAD, 0);
    assert_int_equal(stand_info(&s, 0).reasons, 0);
    tell(LW_OUTCOME_OK, 0);
    tell(LW_OUTCOME_OVERLOAD, 5 * SECOND);
    assert_cools(5 * SECOND);
    tell(LW_OUTCOME_OK, 0);
    for (size_t i = 0; i < STAND_COUNT(others); i++) {
        tell(others[i], 5 * SECOND);
        assert_int_equal(stand_info(&s, 0).reasons, 0);
    }
}

/* Of several times the latest counts, in whatever order they come. */
static void test_later_wins(void **state) {
    (void)state;
    lw_ticket held[4];
    static const uint64_t spans[] = {4, 9, 2, 7};
    stand_found(&s, "random", 1);
    for (int i = 0; i < 4; i++) {
        held[i] = stand_pick(&s, NULL);
    }
    for (int i = 0; i < 4; i++) {
        end_told(&held[i], LW_OUTCOME_RATE_LIMITED, spans[i] * SECOND);
    }
    assert_cools(9 * SECOND);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 5, s.book.now), LW_OK);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 3, s.book.now), LW_OK);
    assert_cools(5);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 5, s.book.now), LW_OK);
    stand_refused(&s, NULL, LW_OVER_QUOTA); /* what a refusal remembers does not outlive the change */
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 8, s.book.now), LW_OK);
    assert_cools(8);
}

/* The others go on, and the tick says when it ends. */
static void test_others_go_on(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    static const double shares[] = {1, 0, 1};
    stand_found(&s, "random", 3);
    lw_ticket ticket = stand_pick_node(&s, 1);
    end_told(&ticket, LW_OUTCOME_RATE_LIMITED, 5 * SECOND);
    assert_int_equal(stand_tick(&s), s.book.now + 5 * SECOND);
    stand_tally(&s, NULL, 2000, counts);
    assert_shares(counts, shares, 3);
    assert_int_equal(stand_stats(&s).eligible, 2);
    s.book.now += 5 * SECOND;
    assert_true(stand_tick(&s) == UINT64_MAX);
    assert_int_equal(stand_stats(&s).eligible, 3);
}

static void test_unknown_node(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    assert_int_equal(lw_pool_cool(s.pool, 1, s.book.now + 5, s.book.now), LW_UNKNOWN);
    assert_told(&s.book, LW_UNKNOWN, "0000000000000001");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rate_limited, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_options, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_a_day_at_most, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_other_outcomes, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_later_wins, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_others_go_on, open_cooling, close_cooling),
        cmocka_unit_test_setup_teardown(test_unknown_node, open_cooling, close_cooling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
