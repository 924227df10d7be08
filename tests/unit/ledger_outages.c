/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ledger whose store is away, loses its answers or lies: what is granted then, who is told, and what is made good. */
#include "ledger_yard.h"

static yard y;

static void each_process_has_its_share(void **state) {
    (void)state;
    yard_fleet(&y, 3, LW_OUTAGE_LOCAL_SHARE, 100);
    assert_int_equal(yard_take(&y, 0, 10), 10);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 100), 24); /* 34 less what it used before */
    assert_int_equal(yard_take(&y, 1, 100), 34);
    assert_int_equal(yard_take(&y, 2, 100), 34);
    lw_ledger_stats stats = yard_stats(&y, 0);
    assert_int_equal(stats.unasked, 24);
    assert_int_equal(stats.owed, 24);
    assert_int_equal(stats.away, 1);
    assert_int_equal(y.outages, 1);
    assert_int_equal(y.ends, 0);

    /* A window later the share is whole again, and no more than that. */
    y.book.now += MINUTE + 3 * SECOND;
    assert_int_equal(yard_take(&y, 1, 100), 34);
    yard_close(&y);
}

static void a_larger_amount_than_the_share_waits_for_the_store(void **state) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_LOCAL_SHARE, 100);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 51, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.retry, LW_RETRY_AT);
    assert_int_equal(refusal.retry_at, y.book.now + SECOND);
    assert_int_equal(yard_reserve(&y, 0, 50, 0, &reservation, &refusal), LW_OK);
    yard_close(&y);
}

/* What was granted meanwhile is told before the first question, once. */
static void what_is_owed_is_told_first(void **state) {
    lw_reservation kept, reservation;
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_LOCAL_SHARE, 100);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 20), 20);
    assert_int_equal(yard_reserve(&y, 0, 30, 0, &kept, NULL), LW_OK);
    assert_int_equal(yard_take(&y, 1, 50), 50);
    assert_int_equal(yard_used(&y, 0, 100, 0), 0);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, NULL), LW_OK); /* the store knows of 50 */
    assert_int_equal(yard_used(&y, 0, 100, 0), 51);
    assert_int_equal(yard_reserve(&y, 1, 1, 0, &reservation, NULL), LW_OVER_QUOTA);
    assert_int_equal(yard_used(&y, 0, 100, 0), 101);
    for (uint32_t i = 0; i < 2; i++) {
        lw_ledger_stats stats = yard_stats(&y, i);
        assert_int_equal(stats.owed, 0);
        assert_int_equal(stats.away, 0);
        assert_int_equal(lw_ledger_beat(y.ledger[i], 0), LW_OK);
    }
    assert_int_equal(yard_used(&y, 0, 100, 0), 101);
    assert_int_equal(y.outages, 1);
    assert_int_equal(y.ends, 1);
    /* Told is told: the sum has no stamp of single reservations, and what the next outage owes is not theirs. */
    y.book.now += MINUTE + 3 * SECOND;
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 40, 0, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &kept, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 40);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 0);
    yard_close(&y);
}

static void what_was_not_used_is_not_owed(void **state) {
    lw_reservation reservation;
    lw_amount less = {0, 5}, more = {0, 90};
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_LOCAL_SHARE, 100);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 40, 0, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, &less, 1, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 5);
    assert_int_equal(yard_reserve(&y, 0, 45, 0, &reservation, NULL), LW_OK); /* here it came back too */
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, &more, 1, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 95);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_used(&y, 0, 100, 0), 95);
    assert_int_equal(yard_stats(&y, 0).owed, 0);
    yard_close(&y);
}

static void open_grants_and_closed_does_not(void **state) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_OPEN, 10);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 1000), 1000);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(yard_take(&y, 0, 1), 0);
    assert_int_equal(yard_used(&y, 0, 10, 0), 1000);
    yard_close(&y);

    yard_fleet(&y, 2, LW_OUTAGE_CLOSED, 10);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.dimension, LW_QUOTA_ALL);
    assert_int_equal(refusal.retry, LW_RETRY_AT);
    assert_int_equal(refusal.retry_at, y.book.now + SECOND);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(yard_take(&y, 0, 100), 10);
    yard_close(&y);
}

static void stale_goes_on_at_its_pace_for_a_while(void **state) {
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_STALE, 100);
    assert_int_equal(yard_take(&y, 0, 30), 30);
    y.book.now += 61 * SECOND + 3 * SECOND;
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 20), 20);
    assert_int_equal(yard_take(&y, 1, 100), 0); /* never had anything */
    y.book.now += 10 * SECOND - 1;
    assert_int_equal(yard_take(&y, 0, 5), 5);
    y.book.now += 1;
    assert_int_equal(yard_take(&y, 0, 1), 0); /* 5 more would be its pace, but it is over */
    yard_close(&y);

    yard_fleet(&y, 1, LW_OUTAGE_STALE, 100);
    assert_int_equal(yard_take(&y, 0, 30), 30);
    y.book.now += 61 * SECOND + 3 * SECOND;
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 100), 30); /* as in the window before */
    yard_close(&y);
}

static void a_bucket_drains_at_the_rate_of_the_share(void **state) {
    lw_reservation reservation;
    (void)state;
    yard_open(&y, 2);
    y.options.instances = 4;
    yard_join(&y, 0);
    yard_limit(&y, 0, 10000, 240, 40); /* 4 a second; a share of 1 a second, 10 at once */
    y.fickle.mood = FICKLE_AWAY;
    uint64_t granted = 0;
    for (uint32_t second = 0; second < 120; second++) {
        while (yard_reserve(&y, 0, 0, 1, &reservation, NULL) == LW_OK) {
            assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
            granted++;
        }
        assert_int_equal(granted, 10 + second);
        y.book.now += SECOND;
    }
    yard_close(&y);
}

/* An answer that is lost: the store may have counted it, and what it counted nobody gets twice. */
static void lost_answers_never_grant_twice(void **state) {
    lw_reservation reservation, kept;
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_LOCAL_SHARE, 100);
    assert_int_equal(yard_reserve(&y, 0, 10, 0, &kept, NULL), LW_OK);
    y.fickle.mood = FICKLE_MUTE;
    assert_int_equal(yard_reserve(&y, 0, 20, 0, &reservation, NULL), LW_OK); /* by the share of one: all */
    assert_int_equal(yard_used(&y, 0, 100, 0), 30);
    assert_int_equal(yard_stats(&y, 0).owed, 20);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_UNAVAILABLE); /* debts wait until a sign of life is answered */
    assert_int_equal(yard_used(&y, 0, 100, 0), 30);
    assert_int_equal(yard_stats(&y, 0).owed, 20);
    /* Given back with no answer: at most once. */
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &kept, 0), LW_OK);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    uint64_t used = yard_used(&y, 0, 100, 0);
    assert_in_range(used, 20, 20 + 20 + 10); /* 20 in use; the rest is missed for a window */
    y.book.now += MINUTE + 3 * SECOND;
    assert_int_equal(yard_take(&y, 0, 200), 100);
    yard_close(&y);
}

static void a_liar_is_believed_and_does_no_harm(void **state) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_LOCAL_SHARE, 100);
    y.fickle.mood = FICKLE_LIAR;
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.retry, LW_RETRY_AT);
    assert_int_equal(refusal.retry_at, UINT64_MAX);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).instances, 1);
    yard_close(&y);
}

/* Signs of life go along with reserves; who gives none for three heartbeats is gone. */
static void the_living_are_counted(void **state) {
    (void)state;
    yard_fleet(&y, 3, LW_OUTAGE_LOCAL_SHARE, 1000000);
    uint64_t batches = y.fickle.batches, steps = y.fickle.steps;
    assert_int_equal(yard_take(&y, 0, 10), 10);
    assert_int_equal(y.fickle.steps - steps, 10);
    for (uint32_t i = 0; i < 4; i++) {
        y.book.now += 5 * SECOND;
        assert_int_equal(yard_take(&y, 0, 10), 10);
        assert_int_equal(yard_take(&y, 1, 10), 10);
    }
    assert_int_equal(y.fickle.batches - batches, 90);
    assert_int_equal(y.fickle.steps - steps, 90 + 8);
    assert_int_equal(yard_stats(&y, 0).instances, 2);
    assert_int_equal(yard_stats(&y, 1).instances, 2);
    yard_close(&y);
}

/* Of many nodes, too: each is told once. */
static void many_nodes_make_good(void **state) {
    lw_quota_limit limit = {0, 0, 1000, 0};
    lw_amount one = {0, 3};
    lw_reservation reservation;
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_OPEN, 1000);
    y.fickle.mood = FICKLE_AWAY;
    for (uint64_t node = 100; node < 129; node++) {
        assert_int_equal(lw_ledger_limits(y.ledger[0], node, &limit, 1), LW_OK);
        assert_int_equal(lw_ledger_reserve(y.ledger[0], node, &one, 1, 0, &reservation, NULL), LW_OK);
    }
    assert_int_equal(yard_stats(&y, 0).owed, 29 * 3);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_UNAVAILABLE);
    assert_int_equal(yard_stats(&y, 0).owed, 29 * 3);
    y.fickle.mood = FICKLE_WELL;
    uint64_t steps = y.fickle.steps, batches = y.fickle.batches;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(y.fickle.steps - steps, 1 + 29 + 29); /* each is looked at, and then told */
    assert_in_range(y.fickle.batches - batches, 1, 8);
    assert_int_equal(yard_stats(&y, 0).owed, 0);
    yard_close(&y);
}

/* The server of the meeting is lost: nodes that are with others go on, exactly. */
static void nodes_go_on_without_the_meeting(void **state) {
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_LOCAL_SHARE, 100);
    assert_int_equal(yard_take(&y, 0, 10), 10);
    y.fickle.mood = FICKLE_PART;
    for (int i = 0; i < 3; i++) { /* signs of life are due, and lost */
        y.book.now += 5 * SECOND;
        assert_int_equal(yard_take(&y, 0, 20), 20);
    }
    assert_int_equal(y.outages, 0);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_UNAVAILABLE);
    assert_int_equal(yard_take(&y, 0, 100), 30);
    assert_int_equal(yard_take(&y, 1, 100), 0);
    assert_int_equal(yard_stats(&y, 0).unasked, 0);
    assert_int_equal(yard_stats(&y, 0).away, 0);
    yard_close(&y);
}

static void forget_all(void *user) {
    if (y.fickle.batches == *(uint64_t *)user) {
        return; /* it only looks */
    }
    for (uint64_t node = 100; node < 103; node++) {
        lw_ledger_forget(y.ledger[0], node);
    }
}

/* Another thread may forget a node while a beat tells what it owes. */
static void a_beat_outlives_its_nodes(void **state) {
    lw_quota_limit limit = {0, 0, 1000, 0};
    lw_amount one = {0, 3};
    lw_reservation reservation;
    (void)state;
    yard_fleet(&y, 2, LW_OUTAGE_OPEN, 1000);
    y.fickle.mood = FICKLE_AWAY;
    for (uint64_t node = 100; node < 103; node++) {
        assert_int_equal(lw_ledger_limits(y.ledger[0], node, &limit, 1), LW_OK);
        assert_int_equal(lw_ledger_reserve(y.ledger[0], node, &one, 1, 0, &reservation, NULL), LW_OK);
    }
    y.fickle.mood = FICKLE_WELL;
    uint64_t first = y.fickle.batches + 1;
    y.fickle.meanwhile = forget_all;
    y.fickle.user = &first;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK); /* all in one batch, under their own keys */
    y.fickle.meanwhile = NULL;
    assert_int_equal(yard_stats(&y, 0).away, 0);
    for (uint64_t node = 100; node < 103; node++) {
        assert_int_equal(lw_ledger_limits(y.ledger[1], node, &limit, 1), LW_OK);
        lw_amount rest = {0, 998};
        assert_int_equal(lw_ledger_reserve(y.ledger[1], node, &rest, 1, 0, &reservation, NULL), LW_OVER_QUOTA);
    }
    yard_close(&y);
}

/* The store is back, but for the meeting, which it refuses: what is owed is told, or still owed. */
static void what_is_owed_does_not_wait_for_the_meeting(void **state) {
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_OPEN, 1000);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 20), 20);
    y.fickle.mood = FICKLE_LONELY;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_DENIED);
    assert_int_equal(yard_used(&y, 0, 1000, 0), 20);
    assert_int_equal(yard_stats(&y, 0).owed, 0);
    yard_close(&y);
}

/* Nodes whose accounts are not to be had do not keep the others. */
static void others_are_told_of_too(void **state) {
    lw_quota_limit possible[2] = {{0, 0, 1000, 0}, {1, 0, 1000, 1000}};
    lw_quota_limit impossible[2] = {{0, 0, 1000, 0}, {1, 0, 1, 100000}}; /* too large a burst for an account */
    lw_amount amounts[2] = {{0, 3}, {1, 3}};
    lw_reservation reservation;
    (void)state;
    yard_open(&y, 2);
    y.options.outage = LW_OUTAGE_OPEN;
    yard_join(&y, 0);
    y.fickle.mood = FICKLE_AWAY;
    for (uint64_t node = 0; node < 30; node++) {
        assert_int_equal(lw_ledger_limits(y.ledger[0], node, node % 2 != 0 ? possible : impossible, 2), LW_OK);
        assert_int_equal(lw_ledger_reserve(y.ledger[0], node, amounts, 2, 0, &reservation, NULL), LW_OK);
    }
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_RANGE);
    assert_int_equal(yard_stats(&y, 0).owed, 15 * 6);
    yard_close(&y);
}

/* What was granted beyond the limit is counted here once, and comes back. */
static void more_than_the_limit_is_counted_once(void **state) {
    lw_reservation kept, reservation;
    lw_amount same[2] = {{0, 1}, {1, 60}};
    (void)state;
    yard_open(&y, 2);
    y.options.outage = LW_OUTAGE_OPEN;
    yard_join(&y, 0);
    yard_limit(&y, 0, 1000, 100, 100);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 1, 60, &kept, NULL), LW_OK);
    assert_int_equal(yard_reserve(&y, 0, 1, 60, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, same, 2, 0), LW_OK);
    assert_int_equal(yard_reserve(&y, 0, 1, 50, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_OK);
    y.fickle.mood = FICKLE_WELL;
    y.book.now += 48 * SECOND; /* 120 less 80 */
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    y.book.now += 72 * SECOND;
    assert_int_equal(yard_reserve(&y, 0, 1, 100, &reservation, NULL), LW_OK);
    assert_int_equal(yard_stats(&y, 0).here, 0);
    yard_close(&y);
}

/* No memory for a question says nothing about the store. */
static void a_shortage_is_no_answer(void **state) {
    (void)state;
    yard_fleet(&y, 1, LW_OUTAGE_OPEN, 1000);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_take(&y, 0, 20), 20);
    y.fickle.mood = FICKLE_SHORT;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_NOMEM);
    assert_int_equal(yard_stats(&y, 0).away, 1);
    assert_int_equal(yard_stats(&y, 0).owed, 20);
    assert_int_equal(y.ends, 0);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_used(&y, 0, 1000, 0), 20);
    assert_int_equal(y.ends, 1);
    yard_close(&y);
}

/* After an outage of ten windows the store is told of the last one. */
static void what_no_longer_counts_is_not_told(void **state) {
    lw_reservation reservation, old;
    (void)state;
    yard_open(&y, 2);
    yard_join(&y, 0);
    yard_limit(&y, 0, 100, 240, 40); /* 4 a second */
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 50, 1, &old, NULL), LW_OK);
    for (uint32_t second = 0; second < 630; second++) {
        y.book.now += SECOND;
        assert_int_equal(yard_reserve(&y, 0, second % 63 == 62 ? 100 : 0, 4, &reservation, NULL), LW_OK);
    }
    assert_int_equal(yard_stats(&y, 0).owed, 100 + 4);
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    assert_int_equal(yard_used(&y, 0, 100, 0), 100);
    assert_int_equal(yard_used(&y, 1, 240, 40), 4);
    assert_int_equal(yard_stats(&y, 0).owed, 0);

    y.book.now +=
        2 * MINUTE; /* nothing of an outage counts: what is given back of it takes nothing from the next one */
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 60, 1, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &old, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 60 + 1);
    y.book.now += 2 * MINUTE;
    y.fickle.mood = FICKLE_WELL;
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    y.fickle.mood = FICKLE_AWAY;
    assert_int_equal(yard_reserve(&y, 0, 70, 1, &old, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_OK);
    assert_int_equal(yard_stats(&y, 0).owed, 70 + 1);
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_has_its_share),
        cmocka_unit_test(a_larger_amount_than_the_share_waits_for_the_store),
        cmocka_unit_test(what_is_owed_is_told_first),
        cmocka_unit_test(what_was_not_used_is_not_owed),
        cmocka_unit_test(open_grants_and_closed_does_not),
        cmocka_unit_test(stale_goes_on_at_its_pace_for_a_while),
        cmocka_unit_test(a_bucket_drains_at_the_rate_of_the_share),
        cmocka_unit_test(lost_answers_never_grant_twice),
        cmocka_unit_test(a_liar_is_believed_and_does_no_harm),
        cmocka_unit_test(the_living_are_counted),
        cmocka_unit_test(many_nodes_make_good),
        cmocka_unit_test(what_no_longer_counts_is_not_told),
        cmocka_unit_test(nodes_go_on_without_the_meeting),
        cmocka_unit_test(a_beat_outlives_its_nodes),
        cmocka_unit_test(what_is_owed_does_not_wait_for_the_meeting),
        cmocka_unit_test(others_are_told_of_too),
        cmocka_unit_test(more_than_the_limit_is_counted_once),
        cmocka_unit_test(a_shortage_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
