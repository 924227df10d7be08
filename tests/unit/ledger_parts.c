/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A store that is away in part, as a cluster is that has lost a master: each node goes by what its own account answers,
 * and whoever looks is told of the whole once, when the first of them is away and when none is any more. */
#include "ledger_yard.h"

static yard y;

static void limit_more(uint32_t process, uint64_t from, uint64_t to, uint64_t limit) {
    lw_quota_limit limits = {0, 0, limit, 0};
    for (uint64_t node = from; node < to; node++) {
        assert_int_equal(lw_ledger_limits(y.ledger[process], node, &limits, 1), LW_OK);
    }
}

/* One; the answer. */
static int take_of(uint32_t process, uint64_t node) {
    lw_amount one = {0, 1};
    lw_reservation reservation;
    int answer = lw_ledger_reserve(y.ledger[process], node, &one, 1, 0, &reservation, NULL);
    return answer == LW_OK ? lw_ledger_commit(y.ledger[process], &reservation, NULL, 0, 0) : answer;
}

/* As many of both nodes as are granted, turn by turn. */
static void take_both(uint64_t odd, uint64_t even, uint64_t taken[2]) {
    taken[0] = taken[1] = 0;
    for (uint32_t i = 0; i < 200; i++) {
        taken[0] += take_of(i % 2, odd) == LW_OK;
        taken[1] += take_of(i % 2, even) == LW_OK;
    }
}

/* One event, however calls of these and of others alternate. */
static void each_node_goes_by_its_own_account(void **state) {
    static const uint64_t closed[2] = {0, 100}, share[2] = {2 * 50, 100}, open[2] = {200, 100};
    static const uint64_t *const expected[] = {share, open, closed};
    uint64_t taken[2];
    (void)state;
    for (uint32_t outage = LW_OUTAGE_LOCAL_SHARE; outage <= LW_OUTAGE_CLOSED; outage++) {
        yard_fleet(&y, 2, outage, 100);
        limit_more(0, 8, 10, 100);
        limit_more(1, 8, 10, 100);
        y.fickle.mood = FICKLE_ODD;
        take_both(7, 8, taken);
        assert_memory_equal(taken, expected[outage], sizeof taken);
        assert_int_equal(yard_stats(&y, 0).away, 1);
        assert_int_equal(yard_stats(&y, 0).refusals, 50); /* of the other one, by the store */
        assert_int_equal(take_of(0, 9), outage == LW_OUTAGE_CLOSED ? LW_OVER_QUOTA : LW_OK);
        assert_int_equal(yard_stats(&y, 0).away, 2);
        assert_int_equal(y.outages, 1);

        /* The whole is back when the last of them is. */
        y.fickle.mood = FICKLE_WELL;
        take_of(0, 7);
        assert_int_equal(yard_stats(&y, 0).away, 1);
        assert_int_equal(y.ends, 0);
        assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
        assert_int_equal(yard_stats(&y, 0).away, 0);
        assert_int_equal(yard_stats(&y, 0).owed, 0);
        assert_int_equal(y.outages, 1);
        assert_int_equal(y.ends, 1);
        yard_close(&y);
    }
}

static void each_node_is_stale_for_a_while_of_its_own(void **state) {
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_STALE, 100);
    limit_more(0, 9, 10, 100);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(take_of(0, 7), LW_OK);
        assert_int_equal(take_of(0, 9), LW_OK);
    }
    y.book.now += 61 * SECOND + 3 * SECOND;
    y.fickle.mood = FICKLE_ODD;
    assert_int_equal(take_of(0, 7), LW_OK);
    y.book.now += 8 * SECOND;
    assert_int_equal(take_of(0, 9), LW_OK);
    y.book.now += 8 * SECOND;
    assert_int_equal(take_of(0, 7), LW_OVER_QUOTA);
    assert_int_equal(take_of(0, 9), LW_OK);
    y.book.now += 2 * SECOND;
    assert_int_equal(take_of(0, 9), LW_OVER_QUOTA);
    yard_close(&y);
}

/* Whoever is forgotten, or has no limits any more, is not away. */
static void what_is_gone_is_not_away(void **state) {
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_OPEN, 100);
    limit_more(0, 9, 10, 100);
    y.fickle.mood = FICKLE_ODD;
    assert_int_equal(take_of(0, 7), LW_OK);
    assert_int_equal(take_of(0, 9), LW_OK);
    assert_int_equal(lw_ledger_forget(y.ledger[0], 9), 1);
    assert_int_equal(lw_ledger_forget(y.ledger[0], 9), 0);
    assert_int_equal(yard_stats(&y, 0).away, 1);
    assert_int_equal(y.ends, 0);
    assert_int_equal(lw_ledger_limits(y.ledger[0], 7, NULL, 0), LW_OK);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).away, 0);
    assert_int_equal(y.ends, 1);

    limit_more(0, 7, 8, 100);
    assert_int_equal(take_of(0, 7), LW_OK);
    assert_int_equal(lw_ledger_limits(y.ledger[0], 7, NULL, 0), LW_OK);
    assert_int_equal(take_of(0, 7), LW_OK); /* there is nothing to ask */
    assert_int_equal(yard_stats(&y, 0).away, 0);
    assert_int_equal(y.outages, 2);
    assert_int_equal(y.ends, 2);
    yard_close(&y);
}

/* A beat does not ask for long where nobody answers, and finds all the same who does. */
static void beats_look_at_all_in_their_turn(void **state) {
    enum { FIRST = 1000, NODES = 80 };
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_OPEN, 100);
    for (uint64_t i = 0; i < NODES; i++) { /* eight even ones among the odd */
        limit_more(0, FIRST + 2 * i + (i % 10 != 0), FIRST + 2 * i + (i % 10 != 0) + 1, 100);
    }
    y.fickle.mood = FICKLE_AWAY;
    for (uint64_t i = 0; i < NODES; i++) {
        assert_int_equal(take_of(0, FIRST + 2 * i + (i % 10 != 0)), LW_OK);
    }
    for (int i = 0; i < 20; i++) {
        uint64_t steps = y.fickle.steps;
        assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_UNAVAILABLE);
        assert_in_range(y.fickle.steps - steps, 1 + 1, 1 + 8);
    }
    assert_int_equal(yard_stats(&y, 0).away, NODES);
    y.fickle.mood = FICKLE_ODD;
    for (int i = 0; i < NODES / 8; i++) {
        assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_UNAVAILABLE);
    }
    assert_int_equal(yard_stats(&y, 0).away, NODES - 8);
    assert_int_equal(yard_stats(&y, 0).owed, NODES - 8);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).away, 0);
    assert_int_equal(y.outages, 1);
    assert_int_equal(y.ends, 1);
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_goes_by_its_own_account),
        cmocka_unit_test(each_node_is_stale_for_a_while_of_its_own),
        cmocka_unit_test(what_is_gone_is_not_away),
        cmocka_unit_test(beats_look_at_all_in_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
