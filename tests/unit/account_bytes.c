/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Accounts and meetings as bytes: every value that was cut or changed anywhere is refused and leaves all as it was,
 * also when its checksum is right; sizes stay within what was announced; the largest numbers stay numbers.
 */
#include "ledger.h"

#include "../account_contract.h"
#include "store/account.h"
#include "store/meeting.h"
#include "store/words.h"

#include <loadwise/id.h>

enum { ROOM = 65536, BEYOND = 64 };

static unsigned char value[ROOM], fresh[ROOM + BEYOND];
static size_t size;

static uint64_t chance = 1;

static uint64_t draw(uint64_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (chance >> 33) % below;
}

static int post(lw_posting *posting) {
    struct lw__rewrite rewrite;
    size_t room = lw__account_room(size, posting);
    memset(fresh, 0xa5, room + BEYOND);
    assert_in_range(room, 1, ROOM);
    assert_int_equal(lw__posting_check(&(lw_env)LW_ENV_INIT, posting), LW_OK);
    int answer = lw__account_post(value, size, posting, 0, fresh, &rewrite);
    for (size_t i = room; i < room + BEYOND; i++) {
        assert_int_equal(fresh[i], 0xa5);
    }
    if (answer != LW_CORRUPT && rewrite.changed) {
        assert_in_range(rewrite.size, 1, room);
        size = rewrite.lasts > 0 ? rewrite.size : 0;
        memcpy(value, fresh, size);
    }
    return answer;
}

/* An account with something of everything in it. */
static void fill(lw_charge charges[3]) {
    size = 0;
    charges[0] = account_sliding("requests_each_minute", 60 * BATCH_SECOND, 6, 10, 2);
    charges[1] = account_gcra("g", BATCH_SECOND, 10, 10, 2);
    charges[2] = account_sliding("12345678", 7 * BATCH_SECOND, 1000, LW_QUOTA_UNLIMITED, 7);
    lw_posting posting = account_posting(charges, 3, LW_POSTING_ALL, ACCOUNT_EPOCH);
    for (int i = 0; i < 3; i++, posting.now += BATCH_SECOND) {
        assert_int_equal(post(&posting), LW_OK);
    }
}

static void test_any_change_of_a_bit_shows(void **state) {
    (void)state;
    lw_charge charges[3];
    fill(charges);
    lw_posting posting = account_posting(charges, 3, LW_POSTING_PART, ACCOUNT_EPOCH + 3 * BATCH_SECOND);
    for (size_t bit = 0; bit < size * 8; bit++) {
        value[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_int_equal(post(&posting), LW_CORRUPT);
        value[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    size_t whole = size;
    for (size_t cut = 1; cut < whole; cut++) {
        size = cut;
        assert_int_equal(post(&posting), LW_CORRUPT);
    }
}

/* A hostile writer knows how to make a checksum: words are replaced by others that are likely to mean something. */
static void test_what_is_sound_by_its_checksum_only(void **state) {
    (void)state;
    static const uint64_t words[] = {0,        1, 2, 255, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 52, UINT64_C(1) << 53,
                                     INT64_MAX};
    lw_charge charges[3];
    uint32_t refused = 0, taken = 0;
    for (int i = 0; i < 20000; i++) {
        fill(charges);
        for (uint64_t changes = 1 + draw(3); changes > 0; changes--) {
            size_t at = draw(size / 8 - 1) * 8;
            uint64_t word = draw(4) == 0 ? lw__word_at(value + at) + draw(3) - 1 : words[draw(9)];
            lw__word_put(value + at, draw(8) == 0 ? lw__word_at(value + at) ^ word : word);
        }
        if (draw(4) == 0) {
            size -= 8 * draw(size / 8 - 2);
        }
        lw__words_seal(value, value + size - 8);
        lw_posting posting = account_posting(charges, 3, draw(2) == 0 ? LW_POSTING_PART : LW_POSTING_FORCE,
                                             ACCOUNT_EPOCH + draw(100) * BATCH_SECOND);
        charges[draw(3)].amount = posting.mode == LW_POSTING_FORCE ? -5 : INT64_MAX;
        int answer = post(&posting);
        refused += answer == LW_CORRUPT;
        taken += answer == LW_OK;
        assert_true(answer == LW_CORRUPT || answer == LW_OK);
        assert_true(answer == LW_CORRUPT || posting.time >= posting.now || posting.time % 1000 == 0);
        posting.mode = LW_POSTING_PART;
        for (int k = 0; k < 3; k++) {
            charges[k].amount = 1;
        }
        assert_true(answer == LW_CORRUPT || post(&posting) == LW_OK); /* what it wrote it can read */
    }
    assert_true(refused > 1000 && taken > 100);
}

static void test_the_largest_numbers(void **state) {
    (void)state;
    const uint64_t end = (UINT64_C(1) << 52) * 1000;
    lw_charge charges[2] = {account_sliding("a", UINT64_C(366) * 86400 * BATCH_SECOND, 1000, 1, INT64_MAX),
                            account_gcra("b", UINT64_C(366) * 86400 * BATCH_SECOND, 1000, 30000, INT64_MAX)};
    lw_posting posting = account_posting(charges, 2, LW_POSTING_FORCE, end);
    posting.hold = charges[0].window;
    size = 0;
    for (uint64_t i = 1; i <= 5000; i++) {
        assert_int_equal(post(&posting), LW_OK);
        assert_true(charges[0].used == (i < 4096 ? i << 40 : UINT64_C(1) << 52));
        assert_true(charges[0].granted == (i <= 4096 ? UINT64_C(1) << 40 : 0));
    }
    assert_int_equal(posting.time, end);
    charges[0].amount = INT64_MIN;
    charges[1].amount = INT64_MIN;
    for (uint64_t i = 4096; i > 0; i--) {
        assert_int_equal(post(&posting), LW_OK);
        assert_true(charges[0].used == (i - 1) << 40);
    }
    assert_int_equal(charges[1].used, 0);
    assert_int_equal(size, 0);
}

/* Two buckets that are small enough, and too large together. */
static void test_sums_that_would_overflow(void **state) {
    (void)state;
    enum { FIRST = 48, SECOND_ONE = 64 }; /* where their amounts are */
    lw_charge charge = account_sliding("a", 60 * BATCH_SECOND, 6, 10, 1);
    lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    size = 0;
    for (int i = 0; i < 2; i++, posting.now += 10 * BATCH_SECOND) {
        assert_int_equal(post(&posting), LW_OK);
    }
    charge.amount = 0;
    for (uint64_t more = 0; more < 2; more++) {
        lw__word_put(value + FIRST, (UINT64_C(1) << 52) - 7);
        lw__word_put(value + SECOND_ONE, 7 + more);
        lw__words_seal(value, value + size - 8);
        assert_int_equal(post(&posting), more == 0 ? LW_OK : LW_CORRUPT);
    }
}

/* Each line is sound; but what is charged would count in both, and give back more than there is. */
static void test_the_same_dimension_twice(void **state) {
    (void)state;
    enum { HEAD = 16 };
    lw_charge charges[2] = {account_sliding("a", 6 * BATCH_SECOND, 6, 10, 1),
                            account_gcra("g", BATCH_SECOND, 10, 10, 2)};
    for (int i = 0; i < 2; i++) {
        lw_posting posting = account_posting(&charges[i], 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
        size = 0;
        assert_int_equal(post(&posting), LW_OK);
        size_t line = size - HEAD - 8;
        memcpy(value + HEAD + line, value + HEAD, line);
        size += line;
        lw__words_seal(value, value + size - 8);
        assert_int_equal(post(&posting), LW_CORRUPT);
    }
}

/* A caller that read the clock before another one changed the account: the bytes are kept for as long as they count. */
static void test_a_clock_that_is_behind(void **state) {
    (void)state;
    lw_charge charge = account_sliding("a", 6 * BATCH_SECOND, 6, 10, 1);
    lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, 0);
    struct lw__rewrite rewrite;
    assert_int_equal(lw__account_post(NULL, 0, &posting, 100 * BATCH_SECOND + 500, value, &rewrite), LW_OK);
    assert_true(rewrite.lasts == 7 * BATCH_SECOND - 500);
    assert_int_equal(lw__account_post(value, rewrite.size, &posting, 98 * BATCH_SECOND, fresh, &rewrite), LW_OK);
    assert_int_equal(posting.time, 100 * BATCH_SECOND);
    assert_true(rewrite.lasts == 9 * BATCH_SECOND);
    posting.now = 100 * BATCH_SECOND; /* by a time that is not the store's: a window and a second more */
    assert_int_equal(lw__account_post(value, 0, &posting, 1, fresh, &rewrite), LW_OK);
    assert_true(rewrite.lasts == (7 + 6 + 1) * BATCH_SECOND);
}

/* ---- gcra: what a refund goes by ---- */

/* Charged at one price and given back at another: never more than was charged, and never more than is due. */
static void test_a_limit_that_changes_between_charge_and_refund(void **state) {
    (void)state;
    size = 0;
    for (int dearer = 0; dearer < 2; dearer++) {
        lw_charge slow = account_gcra("g", BATCH_SECOND, 10, 10, 4), fast = account_gcra("g", BATCH_SECOND, 20, 20, 4);
        lw_charge *first = dearer ? &fast : &slow, *other = dearer ? &slow : &fast;
        lw_posting posting = account_posting(first, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
        assert_int_equal(post(&posting), LW_OK);
        first->amount = 1; /* somebody else, who keeps it */
        uint64_t stamp[2] = {first->stamp[0], first->stamp[1]};
        assert_int_equal(post(&posting), LW_OK);
        posting = account_posting(other, 1, LW_POSTING_FORCE, ACCOUNT_EPOCH);
        other->amount = -4;
        memcpy(other->stamp, stamp, sizeof stamp);
        assert_int_equal(post(&posting), LW_OK);
        assert_int_equal(other->granted, 4);
        assert_int_equal(other->used, dearer ? 1 : 6); /* half of one is rounded up; two for one */
        size = 0;
    }
}

/* The sum of refunds begins again before it grows too large; what was charged before then is not given back. */
static void test_more_refunds_than_a_number_holds(void **state) {
    (void)state;
    lw_charge charge = account_gcra("g", BATCH_SECOND, 1000, 1000000, 900000), kept = charge;
    lw_posting posting = account_posting(&charge, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    lw_posting keeping = account_posting(&kept, 1, LW_POSTING_ALL, ACCOUNT_EPOCH);
    uint32_t refused = 0;
    size = 0;
    kept.amount = 5;
    assert_int_equal(post(&keeping), LW_OK);
    for (int i = 0; i < 20; i++) {
        posting.mode = LW_POSTING_ALL;
        charge.amount = 900000;
        assert_int_equal(post(&posting), LW_OK);
        assert_int_equal(charge.used, 900005);
        posting.mode = LW_POSTING_FORCE;
        charge.amount = -900000;
        assert_int_equal(post(&posting), LW_OK);
        refused += charge.granted == 0;
        if (charge.granted == 0) { /* in the µs in which the sum began again; so the level drains by itself */
            posting.now = keeping.now += 900 * BATCH_SECOND;
        } else {
            assert_int_equal(charge.granted, 900000);
        }
    }
    assert_in_range(refused, 1, 10);
}

/* ---- meetings ---- */

static ptrdiff_t meet(const char *name, uint64_t ttl, int64_t amount, uint64_t now) {
    lw_store_step step = batch_meeting("m", name, ttl, amount);
    struct lw__rewrite rewrite;
    size_t room = lw__meeting_room(size, &step);
    memset(fresh, 0xa5, room + BEYOND);
    ptrdiff_t answer = lw__meeting_meet(value, size, &step, now, fresh, &rewrite);
    for (size_t i = room; i < room + BEYOND; i++) {
        assert_int_equal(fresh[i], 0xa5);
    }
    if (answer >= 0 && rewrite.changed) {
        assert_in_range(rewrite.size, 1, room);
        size = rewrite.lasts > 0 ? rewrite.size : 0;
        memcpy(value, fresh, size);
    }
    return answer;
}

static void test_meetings_that_are_damaged(void **state) {
    (void)state;
    size = 0;
    assert_int_equal(meet("somebody", BATCH_HOUR, 1, 0), 1);
    assert_int_equal(meet("me", BATCH_HOUR, -1, 0), 2);
    assert_int_equal(meet("", BATCH_HOUR, -1, 0), 3);
    for (size_t bit = 0; bit < size * 8; bit++) {
        value[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_int_equal(meet("you", BATCH_HOUR, 1, 0), LW_CORRUPT);
        value[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    for (size_t whole = size, cut = 1; cut < whole; cut++) {
        size = cut;
        assert_int_equal(meet("you", BATCH_HOUR, 1, 0), LW_CORRUPT);
        size = whole;
    }
    for (size_t at = 0; at + 8 < size; at += 8) {
        uint64_t word = lw__word_at(value + at);
        lw__word_put(value + at, UINT64_MAX);
        lw__words_seal(value, value + size - 8);
        ptrdiff_t answer = meet("nobody", 0, 1, 0);
        assert_true(answer == LW_CORRUPT || answer == 3);
        lw__word_put(value + at, word);
    }
}

static void test_the_end_of_time(void **state) {
    (void)state;
    size = 0;
    assert_int_equal(meet("a", UINT64_MAX, 1, UINT64_MAX), 1);
    assert_int_equal(meet("b", UINT64_MAX, 1, UINT64_MAX), 2);
    assert_int_equal(meet("b", 1, 1, UINT64_MAX), 2);
    assert_int_equal(meet("c", 0, 1, UINT64_MAX), 2); /* time stands still there */
    assert_int_equal(meet("c", 0, 1, 0), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_change_of_a_bit_shows),
        cmocka_unit_test(test_what_is_sound_by_its_checksum_only),
        cmocka_unit_test(test_the_largest_numbers),
        cmocka_unit_test(test_sums_that_would_overflow),
        cmocka_unit_test(test_the_same_dimension_twice),
        cmocka_unit_test(test_a_clock_that_is_behind),
        cmocka_unit_test(test_a_limit_that_changes_between_charge_and_refund),
        cmocka_unit_test(test_more_refunds_than_a_number_holds),
        cmocka_unit_test(test_meetings_that_are_damaged),
        cmocka_unit_test(test_the_end_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
