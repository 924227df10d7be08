/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ledger while its store is there: charges, refusals, refunds and debts of several processes are those of one. */
#include "ledger_yard.h"

static yard y;

static void processes_share_one_limit(void **state) {
    (void)state;
    yard_open(&y, 1);
    for (uint32_t i = 0; i < 3; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, 10, 0, 0);
    }
    assert_int_equal(yard_take(&y, 0, 4), 4);
    assert_int_equal(yard_take(&y, 1, 4), 4);
    assert_int_equal(yard_take(&y, 2, 4), 2);
    assert_int_equal(yard_take(&y, 0, 1), 0);
    assert_int_equal(yard_used(&y, 0, 10, 0), 10);
    lw_ledger_stats stats = yard_stats(&y, 0);
    assert_int_equal(stats.reserves, 4);
    assert_int_equal(stats.refusals, 1);
    assert_int_equal(stats.here + stats.unasked + stats.owed + stats.away, 0);
    yard_close(&y);
}

static void a_refusal_says_when_and_keeps_its_word(void **state) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    (void)state;
    yard_open(&y, 1);
    for (uint32_t i = 0; i < 2; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, 10, 0, 0);
    }
    assert_int_equal(yard_take(&y, 1, 9), 9);
    y.book.now += 7 * SECOND + 1234;
    assert_int_equal(yard_take(&y, 0, 1), 1);
    assert_int_equal(yard_reserve(&y, 0, 2, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.dimension, 0);
    assert_int_equal(refusal.retry, LW_RETRY_AT);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_ALREADY);
    assert_int_equal(y.exhausted, 1);
    assert_int_equal(y.until, refusal.retry_at);
    y.book.now = refusal.retry_at - 1000;
    assert_int_equal(yard_reserve(&y, 0, 2, 0, &reservation, NULL), LW_OVER_QUOTA);
    y.book.now = refusal.retry_at;
    assert_int_equal(yard_reserve(&y, 0, 2, 0, &reservation, NULL), LW_OK);
    assert_int_equal(y.exhausted, 1);
    assert_int_equal(y.released, 1);
    assert_int_equal(yard_reserve(&y, 0, 11, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.retry, LW_RETRY_NEVER);
    yard_close(&y);
}

static void all_of_the_amounts_or_none(void **state) {
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    (void)state;
    yard_open(&y, 2);
    for (uint32_t i = 0; i < 2; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, 10, 60, 20);
    }
    assert_int_equal(yard_reserve(&y, 1, 3, 20, &reservation, NULL), LW_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(yard_reserve(&y, 0, 2, 5, &reservation, &refusal), LW_OVER_QUOTA);
        assert_int_equal(refusal.dimension, 1);
        assert_int_equal(refusal.retry_at, y.book.now + 5 * SECOND);
    }
    assert_int_equal(yard_used(&y, 0, 10, 0), 3);
    assert_int_equal(yard_used(&y, 1, 60, 20), 20);
    assert_int_equal(yard_reserve(&y, 0, 7, 0, &reservation, NULL), LW_OK);
    yard_close(&y);
}

static void less_comes_back_and_more_is_a_debt(void **state) {
    lw_reservation reservation, copy;
    lw_amount less[2] = {{0, 2}, {1, 1}}, more[2] = {{0, 9}, {1, 30}};
    (void)state;
    yard_open(&y, 2);
    yard_join(&y, 0);
    yard_limit(&y, 0, 10, 60, 20);
    assert_int_equal(yard_reserve(&y, 0, 8, 15, &reservation, NULL), LW_OK);
    uint64_t batches = y.fickle.batches;
    copy = reservation;
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, less, 2, 0), LW_OK);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &copy, less, 2, 0), LW_ALREADY);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &copy, 0), LW_ALREADY);
    assert_int_equal(y.fickle.batches, batches + 1);
    assert_int_equal(yard_used(&y, 0, 10, 0), 2);
    assert_int_equal(yard_used(&y, 1, 60, 20), 1);

    assert_int_equal(yard_reserve(&y, 0, 8, 19, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_OK);
    assert_int_equal(yard_used(&y, 0, 10, 0), 2);
    assert_int_equal(yard_used(&y, 1, 60, 20), 1);

    assert_int_equal(yard_reserve(&y, 0, 8, 19, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, more, 2, 0), LW_OK);
    assert_int_equal(yard_used(&y, 0, 10, 0), 11);
    assert_int_equal(yard_used(&y, 1, 60, 20), 31);
    assert_int_equal(yard_stats(&y, 0).owed, 0);

    /* Nothing differs: nothing is asked. */
    y.book.now += 5 * MINUTE;
    assert_int_equal(yard_reserve(&y, 0, 1, 1, &reservation, NULL), LW_OK);
    batches = y.fickle.batches;
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
    assert_int_equal(y.fickle.batches, batches);
    yard_close(&y);
}

static void estimates_are_those_of_quotas(void **state) {
    lw_reservation reservation;
    lw_amount much = {1, 500};
    (void)state;
    yard_open(&y, 2);
    y.dimensions[0].estimate = LW_QUOTA_FIXED;
    y.dimensions[0].fixed = 1;
    y.dimensions[1].estimate = LW_QUOTA_CLAMP;
    yard_join(&y, 0);
    yard_limit(&y, 0, 3, 60, 20);
    assert_int_equal(lw_ledger_reserve(y.ledger[0], YARD_NODE, &much, 1, 0, &reservation, NULL), LW_OK);
    assert_int_equal(yard_used(&y, 0, 3, 0), 1);
    assert_int_equal(yard_used(&y, 1, 60, 20), 20);
    assert_int_equal(lw_ledger_reserve(y.ledger[0], YARD_NODE, NULL, 0, 0, &reservation, NULL), LW_OK);
    assert_int_equal(yard_used(&y, 0, 3, 0), 2);
    yard_close(&y);
}

/* What this process alone has used up needs no question; what another used up does. */
static void own_use_is_refused_here(void **state) {
    (void)state;
    yard_open(&y, 1);
    for (uint32_t i = 0; i < 2; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, 5, 0, 0);
    }
    assert_int_equal(yard_take(&y, 0, 5), 5);
    uint64_t batches = y.fickle.batches;
    assert_int_equal(yard_take(&y, 0, 1), 0);
    assert_int_equal(y.fickle.batches, batches);
    assert_int_equal(yard_stats(&y, 0).here, 1);
    assert_int_equal(yard_take(&y, 1, 1), 0);
    assert_int_equal(y.fickle.batches, batches + 1);
    yard_close(&y);
}

static void limits_change_and_what_was_used_still_counts(void **state) {
    lw_quota_limit none = {0, 0, 0, 0};
    (void)state;
    yard_open(&y, 1);
    yard_join(&y, 0);
    yard_limit(&y, 0, 5, 0, 0);
    assert_int_equal(yard_take(&y, 0, 9), 5);
    yard_limit(&y, 0, 7, 0, 0);
    assert_int_equal(yard_take(&y, 0, 9), 2);
    assert_int_equal(lw_ledger_limits(y.ledger[0], YARD_NODE, &none, 0), LW_OK);
    assert_int_equal(yard_take(&y, 0, 100), 100);
    assert_int_equal(yard_used(&y, 0, 7, 0), 7);
    assert_int_equal(lw_ledger_forget(y.ledger[0], YARD_NODE), 1);
    assert_int_equal(lw_ledger_forget(y.ledger[0], YARD_NODE), 0);
    lw_reservation reservation;
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, NULL), LW_UNKNOWN);
    yard_limit(&y, 0, 8, 0, 0);
    assert_int_equal(yard_take(&y, 0, 9), 1);
    yard_close(&y);
}

/* A node that went and came has nothing to do with reservations of before. */
static void what_was_forgotten_is_not_settled(void **state) {
    lw_reservation reservation;
    lw_amount more = {0, 9};
    (void)state;
    yard_open(&y, 1);
    yard_join(&y, 0);
    yard_limit(&y, 0, 10, 0, 0);
    assert_int_equal(yard_reserve(&y, 0, 4, 0, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_forget(y.ledger[0], YARD_NODE), 1);
    yard_limit(&y, 0, 10, 0, 0);
    uint64_t batches = y.fickle.batches;
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, &more, 1, 0), LW_OK);
    assert_int_equal(y.fickle.batches, batches);
    assert_int_equal(yard_used(&y, 0, 10, 0), 4);
    yard_close(&y);
}

static void reservations_that_nobody_ends_give_their_slot_back(void **state) {
    lw_reservation reservation, first;
    (void)state;
    yard_open(&y, 1);
    y.options.max_reservations = 2;
    y.options.ttl = 10 * SECOND;
    yard_join(&y, 0);
    yard_limit(&y, 0, 100, 0, 0);
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &first, NULL), LW_OK);
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, NULL), LW_OK);
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, NULL), LW_NO_SLOTS);
    y.book.now += 10 * SECOND;
    assert_int_equal(yard_reserve(&y, 0, 1, 0, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &first, 0), LW_ALREADY);
    assert_int_equal(yard_used(&y, 0, 100, 0), 3);
    yard_close(&y);
}

static void mistakes_are_named(void **state) {
    lw_reservation reservation, foreign = {.slot = 1 << 20};
    lw_amount twice[2] = {{0, 1}, {0, 1}}, strange = {9, 1};
    (void)state;
    yard_open(&y, 2);
    yard_join(&y, 0);
    yard_limit(&y, 0, 10, 60, 20);
    assert_int_equal(lw_ledger_reserve(y.ledger[0], YARD_NODE, twice, 2, 0, &reservation, NULL), LW_INVALID);
    assert_int_equal(lw_ledger_reserve(y.ledger[0], YARD_NODE, &strange, 1, 0, &reservation, NULL), LW_UNKNOWN);
    assert_int_equal(lw_ledger_reserve(y.ledger[0], 8, NULL, 0, 0, &reservation, NULL), LW_UNKNOWN);
    assert_non_null(strstr(y.book.message, "0000000000000008"));
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &foreign, 0), LW_INVALID);
    assert_int_equal(yard_reserve(&y, 0, 1, 1, &reservation, NULL), LW_OK);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, &strange, 1, 0), LW_UNKNOWN);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, twice, 2, 0), LW_INVALID);
    assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
    y.fickle.mood = FICKLE_SHUT;
    assert_int_equal(yard_reserve(&y, 0, 1, 1, &reservation, NULL), LW_DENIED);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_ALREADY);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_DENIED);
    assert_int_equal(y.outages, 0);
    yard_close(&y);
}

static void expect_unmade(lw_ledger_options options, int error, const char *word) {
    lw_ledger *made = (void *)&y;
    assert_int_equal(lw_ledger_new(&made, &y.env, &y.fickle.store, &options), error);
    assert_null(made);
    if (strstr(y.book.message, word) == NULL) {
        fail_msg("\"%s\" does not say: %s", y.book.message, word);
    }
}

static void options_are_judged(void **state) {
    lw_ledger_options options;
    char name[80];
    (void)state;
    yard_open(&y, 2);
    memset(name, 'x', sizeof name);
    name[65] = 0;
    options = y.options, options.outage = 4, expect_unmade(options, LW_INVALID, "outage=4");
    options = y.options, options.heartbeat = 5, expect_unmade(options, LW_RANGE, "heartbeat=5");
    options = y.options, options.prefix = "a{b", expect_unmade(options, LW_INVALID, "prefix='a{b'");
    options = y.options, options.instance = "", expect_unmade(options, LW_INVALID, "instance=''");
    options = y.options, options.instance = name, expect_unmade(options, LW_RANGE, "instance has 65 bytes");
    options = y.options, options.dimension_count = 0, expect_unmade(options, LW_RANGE, "0 dimensions");
    y.dimensions[1].name = "a:b", expect_unmade(y.options, LW_INVALID, "dimension 'a:b'");
    y.dimensions[1].name = name, expect_unmade(y.options, LW_INVALID, "at most 64 bytes");
    y.dimensions[1].name = "busy";
    y.dimensions[1].kind = LW_QUOTA_CONCURRENCY, expect_unmade(y.options, LW_RANGE, "dimension 'busy'");
    y.dimensions[1].kind = LW_QUOTA_SLIDING;
    y.dimensions[1].cover = LW_QUOTA_COVER_SEED, expect_unmade(y.options, LW_RANGE, "dimension 'busy'");
    y.dimensions[1].cover = 0;
    lw_ledger *made;
    assert_int_equal(lw_ledger_new(&made, &y.env, NULL, &y.options), LW_INVALID);
    lw_ledger_free(NULL);
    yard_join(&y, 0);
    lw_quota_limit twice[2] = {{0, 0, 5, 0}, {0, 0, 5, 0}}, wide = {0, 0, 0, 0};
    assert_int_equal(lw_ledger_limits(y.ledger[0], 1, twice, 2), LW_INVALID);
    assert_int_equal(lw_ledger_limits(y.ledger[0], 1, &wide, 1), LW_RANGE);
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_share_one_limit),
        cmocka_unit_test(a_refusal_says_when_and_keeps_its_word),
        cmocka_unit_test(all_of_the_amounts_or_none),
        cmocka_unit_test(less_comes_back_and_more_is_a_debt),
        cmocka_unit_test(estimates_are_those_of_quotas),
        cmocka_unit_test(own_use_is_refused_here),
        cmocka_unit_test(limits_change_and_what_was_used_still_counts),
        cmocka_unit_test(what_was_forgotten_is_not_settled),
        cmocka_unit_test(reservations_that_nobody_ends_give_their_slot_back),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(options_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
