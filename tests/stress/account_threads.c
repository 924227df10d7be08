/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads share the accounts and meetings of one store in memory: no window exceeds its limit, sums are exact, refunds
 * come back once, and everybody who is at a meeting is counted.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/store.h>

enum { HANDS = 4, POSTINGS = 3000, BUCKETS = 1 << 20, MEETINGS = 1000 };

#define SECOND UINT64_C(1000000000)
#define WINDOW SECOND
#define LIMIT 1000

static lw_store *store;
static ledger book;
static crew hands;
static uint64_t granted[BUCKETS]; /* in each hundredth of a second */

static int set_up(void **state) {
    (void)state;
    ledger_open(&book);
    book.now = 100 * SECOND;
    lw_env env = ledger_env(&book, 1);
    memset(granted, 0, sizeof granted);
    return lw_store_memory_new(&store, &env, NULL);
}

static int tear_down(void **state) {
    (void)state;
    lw_store_free(store);
    ledger_close(&book);
    return 0;
}

static ptrdiff_t post(lw_charge *charges, uint32_t count, uint32_t mode, uint64_t *time) {
    lw_posting posting = LW_POSTING_INIT;
    posting.charges = charges;
    posting.count = count;
    posting.mode = mode;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "node", .posting = &posting};
    int answer = lw_store_batch(store, &step, 1, 0);
    *time = posting.time;
    return answer != LW_OK ? answer : step.answer;
}

static lw_charge charge_of(const char *name, uint64_t limit, int64_t amount) {
    lw_charge charge = LW_CHARGE_INIT;
    charge.name = name;
    charge.window = WINDOW;
    charge.resolution = 100;
    charge.limit = limit;
    charge.amount = amount;
    return charge;
}

/* Reserves, and gives back some; what is kept is noted where the store counts it. */
static void reserve_and_settle(crew_hand *hand) {
    for (uint32_t i = 0; i < POSTINGS * crew_factor(); i++) {
        uint64_t time, later, kept;
        lw_charge charges[2] = {charge_of("requests", LW_QUOTA_UNLIMITED, 1),
                                charge_of("tokens", LIMIT, 1 + (int64_t)(crew_random(hand) % 50))};
        ptrdiff_t answer = post(charges, 2, crew_random(hand) % 4 == 0 ? LW_POSTING_PART : LW_POSTING_ALL, &time);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_OVER_QUOTA);
        CREW_EXPECT(hand, charges[1].used <= LIMIT);
        kept = charges[1].granted;
        if (kept > 1 && crew_random(hand) % 2 == 0) {
            charges[1].amount = -(int64_t)(kept / 2);
            CREW_EXPECT(hand, post(&charges[1], 1, LW_POSTING_FORCE, &later) == LW_OK);
            /* all of it, unless a second has passed here meanwhile */
            CREW_EXPECT(hand, charges[1].granted == kept / 2 || later - time > WINDOW);
            kept -= kept / 2;
        }
        __atomic_add_fetch(&granted[(time / (WINDOW / 100)) % BUCKETS], kept, __ATOMIC_RELAXED);
        __atomic_add_fetch(&book.now, crew_random(hand) % (SECOND / 100), __ATOMIC_RELAXED);
    }
}

static void test_no_window_exceeds_the_limit(void **state) {
    (void)state;
    uint64_t most = 0, sum = 0;
    crew_run(&hands, HANDS, reserve_and_settle);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        sum += granted[i] - (i > 100 ? granted[i - 101] : 0); /* the buckets that a window can touch */
        most = sum > most ? sum : most;
    }
    assert_in_range(most, LIMIT / 2, LIMIT);
}

/* Time stands still: nothing is forgotten, and each posting either counts or says that it does not. */
static void add_up(crew_hand *hand) {
    for (uint32_t i = 0; i < POSTINGS * crew_factor(); i++) {
        uint64_t time;
        lw_charge charge = charge_of("sum", LW_QUOTA_UNLIMITED, 3);
        CREW_EXPECT(hand, post(&charge, 1, LW_POSTING_ALL, &time) == LW_OK && charge.granted == 3);
        charge.amount = -1;
        CREW_EXPECT(hand, post(&charge, 1, LW_POSTING_FORCE, &time) == LW_OK && charge.granted == 1);
    }
}

static void test_sums_are_exact(void **state) {
    (void)state;
    uint64_t time;
    lw_charge look = charge_of("sum", LW_QUOTA_UNLIMITED, 0);
    crew_run(&hands, HANDS, add_up);
    assert_int_equal(post(&look, 1, LW_POSTING_ALL, &time), LW_OK);
    assert_int_equal(look.used, (uint64_t)HANDS * POSTINGS * crew_factor() * 2);
}

static void meet_often(crew_hand *hand) {
    char name[16];
    snprintf(name, sizeof name, "%u", hand->number);
    for (uint32_t i = 0; i < MEETINGS * crew_factor(); i++) {
        lw_store_step steps[2] = {{.op = LW_STORE_MEET, .key = "fleet", .value = name, .value_size = strlen(name)},
                                  {.op = LW_STORE_MEET, .key = "fleet", .value = name, .value_size = strlen(name)}};
        steps[1].ttl = SECOND;
        steps[1].amount = 10;
        CREW_EXPECT(hand, lw_store_batch(store, steps, 2, 0) == LW_OK);
        CREW_EXPECT(hand, steps[0].answer >= 0 && steps[0].answer < HANDS);
        CREW_EXPECT(hand, steps[1].answer >= 1 && steps[1].answer <= HANDS);
        CREW_EXPECT(hand, steps[1].sum == 10 * steps[1].answer);
    }
}

static void test_meetings_count_everybody(void **state) {
    (void)state;
    lw_store_step look = {.op = LW_STORE_MEET, .key = "fleet"};
    crew_run(&hands, HANDS, meet_often);
    assert_int_equal(lw_store_batch(store, &look, 1, 0), LW_OK);
    assert_int_equal(look.answer, HANDS);
    assert_int_equal(look.sum, 10 * HANDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_window_exceeds_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_meetings_count_everybody, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
