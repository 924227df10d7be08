/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every store must do with accounts: a part of store_contract.h, which runs it.
 *
 * Postings bring times of their own, so accounts are looked at to the µs whatever the store's clock does. By that clock
 * a store forgets what counts no more; so whatever is looked at again counts for ten seconds at least, and a test that
 * is held up between two calls finds it there. Each check ends with an account that is empty, which is to say with
 * none.
 */
#ifndef LOADWISE_TESTS_ACCOUNT_CONTRACT_H
#define LOADWISE_TESTS_ACCOUNT_CONTRACT_H

#include "batch_contract.h"

#define ACCOUNT_EPOCH (UINT64_C(1800000000) * BATCH_SECOND) /* ns since 1970; on a border of all buckets here */

static inline lw_charge account_sliding(const char *name, uint64_t window, uint32_t resolution, uint64_t limit,
                                        int64_t amount) {
    lw_charge charge = LW_CHARGE_INIT;
    charge.name = name;
    charge.window = window;
    charge.resolution = resolution;
    charge.limit = limit;
    charge.amount = amount;
    return charge;
}

static inline lw_charge account_gcra(const char *name, uint64_t window, uint64_t limit, uint64_t burst,
                                     int64_t amount) {
    lw_charge charge = account_sliding(name, window, 0, limit, amount);
    charge.kind = LW_QUOTA_GCRA;
    charge.burst = burst;
    return charge;
}

static inline lw_posting account_posting(lw_charge *charges, uint32_t count, uint32_t mode, uint64_t now) {
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charges;
    posting.count = count;
    posting.mode = mode;
    posting.now = now;
    return posting;
}

static inline ptrdiff_t account_post_all(lw_store *store, const char *key, lw_posting *posting) {
    lw_store_step step = batch_step(LW_STORE_CHARGE, key);
    step.posting = posting;
    batch_run(store, &step, 1);
    return step.answer;
}

/* One charge, at so many ns after the epoch. */
static inline ptrdiff_t account_post(lw_store *store, const char *key, lw_charge *charge, uint32_t mode, uint64_t at) {
    lw_posting posting = account_posting(charge, 1, mode, ACCOUNT_EPOCH + at);
    ptrdiff_t answer = account_post_all(store, key, &posting);
    assert_true(posting.time >= (ACCOUNT_EPOCH + at) / 1000 * 1000 && posting.time % 1000 == 0);
    return answer;
}

/* Long after all that was counted there, a charge is made and given back: the account is empty, and gone. */
static inline void account_forget(lw_store *store, const char *key) {
    const uint64_t late = UINT64_C(1000000000) * BATCH_SECOND;
    lw_charge charge = account_sliding("last", BATCH_HOUR, 1, 1, 1);
    assert_int_equal(account_post(store, key, &charge, LW_POSTING_ALL, late), LW_OK);
    assert_int_equal(charge.used, 1);
    charge.amount = -1;
    assert_int_equal(account_post(store, key, &charge, LW_POSTING_FORCE, late), LW_OK);
    assert_int_equal(charge.granted, 1);
    assert_int_equal(charge.used, 0);
}

#define ACCOUNT_EXPECT(charge, now_granted, now_used, until_fits)                                                      \
    do {                                                                                                               \
        assert_int_equal((charge).granted, now_granted);                                                               \
        assert_int_equal((charge).used, now_used);                                                                     \
        assert_int_equal((charge).retry, until_fits);                                                                  \
    } while (0)

static inline void account_sliding_windows(lw_store *store) {
    static const char key[] = BATCH "{sliding}";
    const uint64_t s = BATCH_SECOND;
    lw_charge five = account_sliding("rpm", 60 * s, 6, 10, 5), six = account_sliding("rpm", 60 * s, 6, 10, 6);
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, 3 * s), LW_OK);
    ACCOUNT_EXPECT(five, 5, 5, 0);
    assert_int_equal(account_post(store, key, &six, LW_POSTING_ALL, 12 * s), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(six, 0, 5, 58 * s); /* the first bucket counts until 70 s */
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, 12 * s), LW_OK);
    ACCOUNT_EXPECT(five, 5, 10, 0);
    assert_int_equal(account_post(store, key, &six, LW_POSTING_ALL, 70 * s - 1), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(six, 0, 10, 10 * s + 1000); /* in whole µs */
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, 70 * s - 1000), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(five, 0, 10, 1000);
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, 70 * s), LW_OK);
    ACCOUNT_EXPECT(five, 5, 10, 0);
    lw_charge eleven = account_sliding("rpm", 60 * s, 6, 10, 11);
    assert_int_equal(account_post(store, key, &eleven, LW_POSTING_ALL, 70 * s), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(eleven, 0, 10, LW_QUOTA_NEVER);
    account_forget(store, key);
}

static inline void account_modes(lw_store *store) {
    static const char key[] = BATCH "{modes}";
    const uint64_t s = BATCH_SECOND;
    lw_charge seven = account_sliding("tpm", 60 * s, 6, 10, 7), none = account_sliding("tpm", 60 * s, 6, 10, 0);
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_PART, 0), LW_OK);
    ACCOUNT_EXPECT(seven, 7, 7, 0);
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_PART, 11 * s), LW_OK);
    ACCOUNT_EXPECT(seven, 3, 10, 59 * s); /* so that all seven fit */
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_PART, 11 * s), LW_OK);
    ACCOUNT_EXPECT(seven, 0, 10, 59 * s);
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_FORCE, 11 * s), LW_OK);
    ACCOUNT_EXPECT(seven, 7, 17, 0);
    assert_int_equal(account_post(store, key, &none, LW_POSTING_ALL, 11 * s), LW_OK); /* looking is always allowed */
    ACCOUNT_EXPECT(none, 0, 17, 0);
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_ALL, 70 * s), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(seven, 0, 10, 10 * s); /* until all of 11 s has left */
    seven.limit = LW_QUOTA_UNLIMITED;
    assert_int_equal(account_post(store, key, &seven, LW_POSTING_ALL, 70 * s), LW_OK);
    ACCOUNT_EXPECT(seven, 7, 17, 0);
    account_forget(store, key);
}

/* Several dimensions: all or nothing, and each tells its own retry. */
static inline void account_together(lw_store *store) {
    static const char key[] = BATCH "{together}";
    const uint64_t s = BATCH_SECOND;
    lw_charge charges[3] = {account_sliding("rpm", 60 * s, 6, 2, 1), account_sliding("tpm", 60 * s, 6, 100, 60),
                            account_gcra("rps", 10 * s, 10, 5, 1)};
    lw_posting posting = account_posting(charges, 3, LW_POSTING_ALL, ACCOUNT_EPOCH);
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(charges[0], 1, 1, 0);
    ACCOUNT_EXPECT(charges[1], 60, 60, 0);
    ACCOUNT_EXPECT(charges[2], 1, 1, 0);
    posting.now += s;
    assert_int_equal(account_post_all(store, key, &posting), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(charges[0], 0, 1, 0);
    ACCOUNT_EXPECT(charges[1], 0, 60, 69 * s);
    ACCOUNT_EXPECT(charges[2], 0, 0, 0);
    posting.mode = LW_POSTING_PART;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(charges[0], 1, 2, 0);
    ACCOUNT_EXPECT(charges[1], 40, 100, 69 * s);
    ACCOUNT_EXPECT(charges[2], 1, 1, 0);
    account_forget(store, key);
}

static inline void account_giving_back(lw_store *store) {
    static const char key[] = BATCH "{back}";
    const uint64_t s = BATCH_SECOND;
    lw_charge first = account_sliding("tpm", 60 * s, 6, 10, 6), second = account_sliding("tpm", 60 * s, 6, 10, 4);
    assert_int_equal(account_post(store, key, &first, LW_POSTING_ALL, 0), LW_OK);
    assert_int_equal(account_post(store, key, &second, LW_POSTING_ALL, 30 * s), LW_OK);
    first.amount = -5;
    assert_int_equal(account_post(store, key, &first, LW_POSTING_FORCE, 30 * s), LW_OK);
    ACCOUNT_EXPECT(first, 5, 5, 0);
    assert_int_equal(account_post(store, key, &first, LW_POSTING_FORCE, 30 * s), LW_OK); /* one was left there */
    ACCOUNT_EXPECT(first, 1, 4, 0);
    second.amount = -1;
    assert_int_equal(account_post(store, key, &second, LW_POSTING_FORCE, 99 * s), LW_OK);
    ACCOUNT_EXPECT(second, 1, 3, 0);
    assert_int_equal(account_post(store, key, &second, LW_POSTING_FORCE, 100 * s), LW_OK); /* too late to matter */
    ACCOUNT_EXPECT(second, 0, 0, 0);
    assert_int_equal(account_post(store, BATCH "{never}", &second, LW_POSTING_FORCE, 0), LW_OK); /* nothing there */
    ACCOUNT_EXPECT(second, 0, 0, 0);
    account_forget(store, key);
}

/* What may be used until 20 s later counts 20 s longer, and from now on. */
static inline void account_holding(lw_store *store) {
    static const char key[] = BATCH "{hold}";
    const uint64_t s = BATCH_SECOND;
    lw_charge slice = account_sliding("tpm", 60 * s, 6, 10, 10);
    lw_posting posting = account_posting(&slice, 1, LW_POSTING_PART, ACCOUNT_EPOCH);
    posting.hold = 20 * s;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(slice, 10, 10, 0);
    posting.now += 85 * s;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(slice, 0, 10, 5 * s);
    slice.amount = -4;
    posting.mode = LW_POSTING_FORCE;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(slice, 4, 6, 0);
    posting.now += 5 * s;
    slice.amount = 0;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK);
    ACCOUNT_EXPECT(slice, 0, 0, 0);
    account_forget(store, key);
}

/* 3 in 100 seconds, a burst of 5; so one comes back each 33 seconds and a third, in whole µs. */
static inline void account_rates(lw_store *store) {
    static const char key[] = BATCH "{rate}";
    const uint64_t s = 100 * BATCH_SECOND;
    lw_charge five = account_gcra("rate", s, 3, 5, 5), two = account_gcra("rate", s, 3, 5, 2);
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, 0), LW_OK);
    ACCOUNT_EXPECT(five, 5, 5, 0);
    assert_int_equal(account_post(store, key, &two, LW_POSTING_ALL, 0), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(two, 0, 5, 66666667000);
    assert_int_equal(account_post(store, key, &two, LW_POSTING_ALL, 66666666999), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(two, 0, 4, 1000);
    assert_int_equal(account_post(store, key, &two, LW_POSTING_ALL, 66666667000), LW_OK);
    ACCOUNT_EXPECT(two, 2, 5, 0);
    assert_int_equal(account_post(store, key, &five, LW_POSTING_PART, s + 1000), LW_OK);
    ACCOUNT_EXPECT(five, 1, 5, 166666666000);
    five.amount = 6;
    assert_int_equal(account_post(store, key, &five, LW_POSTING_ALL, s + 1000), LW_OVER_QUOTA);
    ACCOUNT_EXPECT(five, 0, 5, LW_QUOTA_NEVER);
    assert_int_equal(account_post(store, key, &five, LW_POSTING_FORCE, s + 1000), LW_OK);
    ACCOUNT_EXPECT(five, 6, 11, 0);
    account_forget(store, key);
}

static inline void account_giving_rates_back(lw_store *store) {
    static const char key[] = BATCH "{rate back}";
    const uint64_t s = 100 * BATCH_SECOND;
    lw_charge first = account_gcra("rate", 10 * s, 10, 5, 4), second = account_gcra("rate", 10 * s, 10, 5, 2);
    assert_int_equal(account_post(store, key, &first, LW_POSTING_ALL, 0), LW_OK);
    assert_int_equal(account_post(store, key, &second, LW_POSTING_ALL, s), LW_OK); /* 3 were left, now 5 */
    first.amount = -4;
    assert_int_equal(account_post(store, key, &first, LW_POSTING_FORCE, s), LW_OK); /* one had drained by then */
    ACCOUNT_EXPECT(first, 3, 2, 0);
    second.amount = -1;
    assert_int_equal(account_post(store, key, &second, LW_POSTING_FORCE, s), LW_OK);
    ACCOUNT_EXPECT(second, 1, 1, 0);
    assert_int_equal(account_post(store, key, &second, LW_POSTING_FORCE, 2 * s), LW_OK); /* has drained by now */
    ACCOUNT_EXPECT(second, 0, 0, 0);
    account_forget(store, key);
}

/* A step back in time is a standing still; dimensions are told apart by all that makes one. */
static inline void account_times_and_names(lw_store *store) {
    static const char key[] = BATCH "{time}";
    const uint64_t s = BATCH_SECOND;
    lw_charge one = account_sliding("a", 60 * s, 6, 1, 1), other = one;
    assert_int_equal(account_post(store, key, &one, LW_POSTING_ALL, 65 * s), LW_OK);
    lw_posting back = account_posting(&other, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    assert_int_equal(account_post_all(store, key, &back), LW_OVER_QUOTA);
    assert_true(back.time == ACCOUNT_EPOCH + 65 * s);
    ACCOUNT_EXPECT(other, 0, 1, 65 * s);
    lw_charge kin[] = {account_sliding("b", 60 * s, 6, 1, 1), account_sliding("a", 61 * s, 6, 1, 1),
                       account_sliding("a", 60 * s, 5, 1, 1), account_gcra("a", 60 * s, 1, 1, 1),
                       account_sliding("a", 60 * s, 0, 1, 1)};
    for (size_t i = 0; i < sizeof kin / sizeof *kin; i++) {
        assert_int_equal(account_post(store, key, &kin[i], LW_POSTING_ALL, 65 * s), LW_OK);
        ACCOUNT_EXPECT(kin[i], 1, 1, 0);
    }
    one.resolution = 20; /* which 0 stands for */
    assert_int_equal(account_post(store, key, &one, LW_POSTING_ALL, 65 * s), LW_OVER_QUOTA);
    account_forget(store, key);
}

/* The store's own clock runs, and forward. */
static inline void account_own_time(lw_store *store) {
    static const char key[] = BATCH "{own}";
    lw_charge charge = account_sliding("rpm", 360 * 86400 * BATCH_SECOND, 1, 5, 1);
    uint64_t before = 0;
    for (int i = 1; i <= 3; i++) {
        lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, 0);
        assert_int_equal(account_post_all(store, key, &posting), LW_OK);
        assert_int_equal(charge.used, i);
        assert_true(posting.time >= before && posting.time % 1000 == 0);
        before = posting.time;
    }
    lw_posting back = account_posting(&charge, 1, LW_POSTING_FORCE, 0);
    charge.amount = -3;
    assert_int_equal(account_post_all(store, key, &back), LW_OK);
    ACCOUNT_EXPECT(charge, 3, 0, 0);
}

static inline void account_bad_postings(lw_store *store) {
    static const char key[] = BATCH "{bad}";
    const uint64_t s = BATCH_SECOND;
    static const struct account_fault {
        int answer;
        lw_charge charge;
    } bad[] = {
        {LW_INVALID, {NULL, 0, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_INVALID, {"", 0, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_INVALID, {"a b", 0, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_INVALID, {"a:b", 0, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", LW_QUOTA_CONCURRENCY, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", 0, 1001, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", 0, 0, 999999, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", 0, 0, UINT64_MAX, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", 0, 0, BATCH_SECOND, 0, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", 0, 0, BATCH_SECOND, LW_QUOTA_LIMIT_MAX + 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_INVALID, {"a", 0, 0, BATCH_SECOND, 1, 0, -1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", LW_QUOTA_GCRA, 0, BATCH_SECOND, 1, 0, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", LW_QUOTA_GCRA, 0, BATCH_SECOND, LW_QUOTA_UNLIMITED, 1, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", LW_QUOTA_GCRA, 0, BATCH_SECOND, LW_QUOTA_LIMIT_MAX, 1, 1, {0, 0}, 0, 0, 0}},
        {LW_RANGE, {"a", LW_QUOTA_GCRA, 0, BATCH_SECOND, 1, LW_QUOTA_LIMIT_MAX, 1, {0, 0}, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lw_charge charges[2] = {account_sliding("good", s, 1, 1, 1), bad[i].charge};
        lw_posting posting = account_posting(charges, 2, LW_POSTING_ALL, ACCOUNT_EPOCH);
        assert_int_equal(account_post_all(store, key, &posting), bad[i].answer);
    }
    lw_charge charges[2] = {account_sliding("good", s, 1, 1, 1), account_sliding("good", s, 1, 2, 1)};
    lw_posting posting = account_posting(charges, 2, LW_POSTING_ALL, ACCOUNT_EPOCH);
    assert_int_equal(account_post_all(store, key, &posting), LW_INVALID); /* one dimension twice */
    posting.count = 0;
    assert_int_equal(account_post_all(store, key, &posting), LW_RANGE);
    posting.count = 1;
    posting.mode = 3;
    assert_int_equal(account_post_all(store, key, &posting), LW_RANGE);
    posting.mode = LW_POSTING_ALL;
    posting.hold = s + 1;
    assert_int_equal(account_post_all(store, key, &posting), LW_RANGE);
    posting.hold = 0;
    posting.size = 1;
    assert_int_equal(account_post_all(store, key, &posting), LW_INVALID);
    posting.size = sizeof posting;
    assert_int_equal(account_post_all(store, key, &posting), LW_OK); /* and nothing was charged before */
    account_forget(store, key);
}

/* The same key for an entry, an account and a meeting: none sees the others. */
static inline void account_apart(lw_store *store) {
    static const char key[] = BATCH "{apart}";
    lw_charge charge = account_sliding("rpm", 60 * BATCH_SECOND, 6, 10, 1);
    assert_int_equal(lw_store_put(store, key, "x", 1, 0, 0), LW_OK);
    assert_int_equal(account_post(store, key, &charge, LW_POSTING_ALL, 0), LW_OK);
    assert_int_equal(batch_meet(store, key, "me", BATCH_HOUR, 7).answer, 1);
    assert_int_equal(lw_store_get(store, key, NULL, 0, 0), 1);
    assert_int_equal(lw_store_remove(store, key, 0), 1);
    assert_int_equal(lw_store_get(store, key, NULL, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_store_remove(store, key, 0), 0);
    assert_int_equal(batch_count(store, BATCH), 0);
    assert_int_equal(lw_store_compare_and_set(store, key, NULL, 0, "y", 1, 0, 0), 1);
    assert_int_equal(lw_store_remove(store, key, 0), 1);
    assert_int_equal(account_post(store, key, &charge, LW_POSTING_ALL, 0), LW_OK);
    assert_int_equal(charge.used, 2);
    assert_int_equal(batch_meet(store, key, "me", 0, 0).answer, 0);
    account_forget(store, key);
}

static inline void account_contract(lw_store *store) {
    account_sliding_windows(store);
    account_modes(store);
    account_together(store);
    account_giving_back(store);
    account_holding(store);
    account_rates(store);
    account_giving_rates_back(store);
    account_times_and_names(store);
    account_own_time(store);
    account_bad_postings(store);
    account_apart(store);
}

#endif
