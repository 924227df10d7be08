/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out in a batch: accounts and meetings of a store in memory, with allocation 1, 2, 3 ... failing until a
 * life gets through. A step that fails is LW_NOMEM and changes nothing; the others have their answers.
 */
#include "../unit/ledger.h"

#include <loadwise/store.h>

#define SECOND UINT64_C(1000000000)

static ledger book;
static uint32_t shortages;
static lw_store *store;

static lw_charge charge_of(int64_t amount) {
    lw_charge charge = LW_CHARGE_INIT;
    charge.name = "rpm";
    charge.window = 60 * SECOND;
    charge.limit = 10;
    charge.amount = amount;
    return charge;
}

/* Charges, looks and meets in one batch, until none of it fails. */
static void live_a_batch(int64_t amount, uint64_t used, ptrdiff_t alive, const char *name) {
    bool charged = false, met = false;
    while (!charged || !met) {
        lw_charge charge = charge_of(charged ? 0 : amount), look = charge_of(0);
        lw_posting postings[2] = {LW_POSTING_INIT, LW_POSTING_INIT};
        postings[0].charges = &charge;
        postings[1].charges = &look;
        postings[0].count = postings[1].count = 1;
        lw_store_step steps[] = {
            {.op = LW_STORE_CHARGE, .key = "a", .posting = &postings[0]},
            {.op = LW_STORE_MEET, .key = "m", .value = name, .value_size = 1, .ttl = SECOND, .amount = 1},
            {.op = LW_STORE_CHARGE, .key = "a", .posting = &postings[1]},
        };
        assert_int_equal(lw_store_batch(store, steps, 3, 0), LW_OK);
        for (int i = 0; i < 3; i++) {
            shortages += steps[i].answer == LW_NOMEM;
            assert_true(steps[i].answer >= 0 || steps[i].answer == LW_NOMEM);
        }
        charged |= steps[0].answer == LW_OK;
        met |= steps[1].answer != LW_NOMEM;
        assert_int_equal(charge.granted, steps[0].answer == LW_OK ? (uint64_t)charge.amount : 0);
        assert_true(steps[1].answer == LW_NOMEM || steps[1].answer == alive);
        assert_true(steps[2].answer == LW_NOMEM || look.used == (charged ? used : used - (uint64_t)amount));
    }
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    uint64_t lives = 0;
    do {
        ledger_open(&book);
        lw_env env = ledger_env(&book, 1);
        assert_int_equal(lw_store_memory_new(&store, &env, NULL), LW_OK);
        book.fail_at = book.asked + ++lives;
        shortages = 0;
        live_a_batch(3, 3, 1, "x");
        live_a_batch(4, 7, 2, "y");
        lw_store_free(store);
        ledger_close(&book);
    } while (shortages != 0);
    assert_int_equal(lives, 7); /* three steps, twice, and a life without want */
}

static void test_there_is_none_at_all(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_store_memory_new(&store, &env, NULL), LW_OK);
    book.fail_at = book.asked + 1;
    book.fail_on = true;
    lw_charge charge = charge_of(1);
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = &charge;
    posting.count = 1;
    lw_store_step steps[] = {{.op = LW_STORE_CHARGE, .key = "a", .posting = &posting},
                             {.op = LW_STORE_PUT, .key = "b"},
                             {.op = LW_STORE_GET, .key = "b"}};
    assert_int_equal(lw_store_batch(store, steps, 3, 0), LW_OK);
    assert_int_equal(steps[0].answer, LW_NOMEM);
    assert_int_equal(steps[1].answer, LW_NOMEM);
    assert_int_equal(steps[2].answer, LW_UNKNOWN);
    assert_int_equal(charge.granted, 0);
    lw_store_free(store);
    ledger_close(&book);
}

/* At the bound of the store a posting is refused as a whole, and the account stays as it was. */
static void test_there_is_no_room(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    const lw_store_memory_options options = {sizeof options, 1, 80};
    assert_int_equal(lw_store_memory_new(&store, &env, &options), LW_OK);
    lw_charge charges[2] = {charge_of(2), charge_of(2)};
    charges[1].name = "tpm";
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charges;
    posting.count = 1;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "a", .posting = &posting};
    for (int i = 0; i < 3; i++) {
        posting.count = i == 1 ? 2 : 1;
        assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
        assert_int_equal(step.answer, i == 1 ? LW_FULL : LW_OK);
        assert_int_equal(charges[0].granted, i == 1 ? 0 : 2);
        assert_int_equal(charges[1].granted, 0);
    }
    assert_int_equal(charges[0].used, 4);
    step.key = "b";
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    assert_int_equal(step.answer, LW_FULL);
    assert_told(&book, LW_FULL, "1 entries or 80 bytes");
    lw_store_free(store);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_there_is_none_at_all),
        cmocka_unit_test(test_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
