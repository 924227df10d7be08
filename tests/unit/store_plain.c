/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Batches on a store that has none: the same contract, one call after the other. */
#include "ledger.h"

#include "../account_contract.h"
#include "../store_contract.h"
#include "plain_store.h"

static plain_store plain;

static int open_plain(void **state) {
    (void)state;
    lw_store *inner;
    assert_int_equal(lw_store_memory_new(&inner, NULL, NULL), LW_OK);
    plain_open(&plain, inner);
    return 0;
}

static int close_plain(void **state) {
    (void)state;
    lw_store_free(plain.inner);
    return 0;
}

static void test_the_contract(void **state) {
    (void)state;
    store_contract(&plain.store, NULL, NULL);
}

static void test_where_accounts_and_meetings_are(void **state) {
    (void)state;
    lw_charge charge = account_sliding("rpm", BATCH_HOUR, 6, 10, 1);
    assert_int_equal(account_post(&plain.store, "{7}/quota", &charge, LW_POSTING_ALL, 0), LW_OK);
    assert_int_equal(batch_meet(&plain.store, "fleet", "me", BATCH_HOUR, 1).answer, 1);
    assert_true(lw_store_get(plain.inner, "account/{7}/quota", NULL, 0, 0) > 0);
    assert_true(lw_store_get(plain.inner, "meeting/fleet", NULL, 0, 0) > 0);
    assert_int_equal(batch_count(plain.inner, ""), 2);
}

/* Larger than the first room that is tried. */
static void test_a_large_account(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 500; i++) {
        lw_charge charge = account_sliding("rpm", BATCH_HOUR, 1000, 10000, 2);
        assert_int_equal(account_post(&plain.store, "a", &charge, LW_POSTING_ALL, i * 4 * BATCH_SECOND), LW_OK);
        assert_int_equal(charge.used, 2 * (i + 1));
    }
}

static void test_others_are_faster(void **state) {
    (void)state;
    lw_charge charge = account_sliding("rpm", BATCH_HOUR, 6, 10, 3);
    plain.lost_swaps = 20;
    assert_int_equal(account_post(&plain.store, "a", &charge, LW_POSTING_ALL, 0), LW_OK);
    ACCOUNT_EXPECT(charge, 3, 3, 0);
    plain.lost_swaps = 1000000;
    lw_store_step step = batch_step(LW_STORE_CHARGE, "a"), other = batch_put("b", "x");
    lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    step.posting = &posting;
    lw_store_step steps[] = {step, other};
    assert_int_equal(lw_store_batch(&plain.store, steps, 2, 0), LW_UNAVAILABLE); /* it does not try for ever */
    assert_int_equal(steps[0].answer, LW_UNAVAILABLE);
    assert_int_equal(steps[1].answer, LW_UNAVAILABLE);
    assert_int_equal(charge.granted, 0);
    plain.lost_swaps = 0;
    assert_int_equal(account_post(&plain.store, "a", &charge, LW_POSTING_ALL, 0), LW_OK);
    ACCOUNT_EXPECT(charge, 3, 6, 0);
}

static void test_a_store_that_goes_away(void **state) {
    (void)state;
    lw_store_step steps[] = {batch_put("a", "1"), batch_put("b", "2"), batch_put("c", "3"), batch_get("a", NULL, 0)};
    plain.away_after = 3;
    assert_int_equal(lw_store_batch(&plain.store, steps, 4, 0), LW_UNAVAILABLE);
    assert_int_equal(steps[0].answer, LW_OK);
    assert_int_equal(steps[1].answer, LW_OK);
    assert_int_equal(steps[2].answer, LW_UNAVAILABLE);
    assert_int_equal(steps[3].answer, LW_UNAVAILABLE);
    assert_int_equal(plain.calls, 3); /* nobody waits for a second time */
}

static void test_what_somebody_else_wrote_there(void **state) {
    (void)state;
    lw_charge charge = account_sliding("rpm", BATCH_HOUR, 6, 10, 3);
    assert_int_equal(lw_store_put(plain.inner, "account/a", "rubbish", 7, 0, 0), LW_OK);
    assert_int_equal(lw_store_put(plain.inner, "meeting/a", "rubbish", 7, 0, 0), LW_OK);
    lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    assert_int_equal(account_post_all(&plain.store, "a", &posting), LW_CORRUPT);
    assert_int_equal(charge.granted, 0);
    assert_int_equal(batch_meet(&plain.store, "a", "me", BATCH_HOUR, 1).answer, LW_CORRUPT);
    assert_int_equal(lw_store_get(plain.inner, "account/a", NULL, 0, 0), 7);
    assert_int_equal(lw_store_put(plain.inner, "account/a", "", 0, 0, 0), LW_OK);
    assert_int_equal(account_post_all(&plain.store, "a", &posting), LW_CORRUPT);
    assert_int_equal(lw_store_get(plain.inner, "account/a", NULL, 0, 0), 0);
}

#define PLAIN_TEST(test) cmocka_unit_test_setup_teardown(test, open_plain, close_plain)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAIN_TEST(test_the_contract),           PLAIN_TEST(test_where_accounts_and_meetings_are),
        PLAIN_TEST(test_a_large_account),        PLAIN_TEST(test_others_are_faster),
        PLAIN_TEST(test_a_store_that_goes_away), PLAIN_TEST(test_what_somebody_else_wrote_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
