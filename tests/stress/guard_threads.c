/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads share one guard: each change of state is told once, so that what was told adds up to a walk through the
 * states; and while it is half open one call at a time goes through.
 */
#include "../unit/ledger.h"
#include "../unit/moody_store.h"
#include "crew.h"

#include <loadwise/guard.h>

enum { HANDS = 4, CALLS = 20000 };

#define MILLISECOND UINT64_C(1000000)

static moody_store moody;
static ledger book;
static lw_store *guard;
static crew hands;
static uint64_t told[3];

static void note_change(void *user, uint32_t state, uint64_t until) {
    (void)user, (void)until;
    __atomic_add_fetch(&told[state], 1, __ATOMIC_RELAXED);
}

static int set_up(void **state) {
    (void)state;
    lw_guard_options options = LW_GUARD_OPTIONS_INIT;
    ledger_open(&book);
    moody_open(&moody);
    memset(told, 0, sizeof told);
    options.pause = MILLISECOND;
    options.max_pause = 4 * MILLISECOND;
    options.changed = note_change;
    lw_env env = ledger_env(&book, 1);
    return lw_store_guard_new(&guard, &env, &moody.store, &options);
}

static int tear_down(void **state) {
    (void)state;
    lw_store_free(guard);
    ledger_close(&book);
    return 0;
}

static void call_often(crew_hand *hand) {
    for (uint32_t i = 0; i < CALLS * crew_factor(); i++) {
        int answer = lw_store_put(guard, "k", "v", 1, 0, 0);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_UNAVAILABLE);
        __atomic_add_fetch(&book.now, crew_random(hand) % (MILLISECOND / 4), __ATOMIC_RELAXED);
    }
}

static void test_a_store_that_stays_away(void **state) {
    (void)state;
    moody.answer = LW_UNAVAILABLE;
    crew_run(&hands, HANDS, call_often);
    uint64_t half = told[LW_GUARD_HALF_OPEN];
    assert_true(half > 10);
    assert_int_equal(told[LW_GUARD_CLOSED], 0);
    assert_int_equal(told[LW_GUARD_OPEN], half + 1);
    assert_int_equal(lw_store_guard_state(guard), LW_GUARD_OPEN);
    assert_in_range(moody.calls - half, 3, 3 + HANDS - 1); /* one call each time that it was half open */
}

/* The store comes and goes with time. */
static void come_and_go(crew_hand *hand) {
    for (uint32_t i = 0; i < CALLS * crew_factor(); i++) {
        bool away = __atomic_load_n(&book.now, __ATOMIC_RELAXED) / (20 * MILLISECOND) % 2 == 1;
        __atomic_store_n(&moody.answer, away ? LW_UNAVAILABLE : LW_OK, __ATOMIC_RELAXED);
        lw_store_put(guard, "k", "v", 1, 0, 0);
        int now = lw_store_guard_state(guard);
        CREW_EXPECT(hand, now >= LW_GUARD_CLOSED && now <= LW_GUARD_HALF_OPEN);
        __atomic_add_fetch(&book.now, crew_random(hand) % (MILLISECOND / 4), __ATOMIC_RELAXED);
    }
}

static void test_what_is_told_is_a_walk(void **state) {
    (void)state;
    crew_run(&hands, HANDS, come_and_go);
    int last = lw_store_guard_state(guard);
    uint64_t opened = told[LW_GUARD_OPEN], half = told[LW_GUARD_HALF_OPEN], closed = told[LW_GUARD_CLOSED];
    assert_true(opened > 10 && closed > 10);
    assert_int_equal(opened, half + (last == LW_GUARD_OPEN)); /* every opening ends in a half open one */
    assert_true(closed + (last == LW_GUARD_HALF_OPEN) <= half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_store_that_stays_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_told_is_a_walk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
