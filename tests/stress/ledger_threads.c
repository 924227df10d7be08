/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads of two processes at one ledger each, one store: what they hold together never passes the limit, each
 * reservation ends once whoever tries, and an outage in between leaves nothing owed.
 */
#include "../unit/ledger_yard.h"
#include "crew.h"

enum { HANDS = 6, TURNS = 3000, LIMIT = 500, SHELF = 64 };

static yard y;
static uint64_t granted, ended, already;
static lw_reservation shelf[SHELF];
static pthread_mutex_t shelf_lock = PTHREAD_MUTEX_INITIALIZER;

static lw_ledger *ledger_of(const crew_hand *hand) { return y.ledger[hand->number % 2]; }

/* Time stands still, so the window is the whole run. */
static void take_until_there_is_none(crew_hand *hand) {
    lw_amount one = {0, 1};
    lw_reservation reservation;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        int answer = lw_ledger_reserve(ledger_of(hand), YARD_NODE, &one, 1, 0, &reservation, NULL);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_OVER_QUOTA);
        if (answer == LW_OK) {
            __atomic_add_fetch(&granted, 1, __ATOMIC_RELAXED);
            CREW_EXPECT(hand, lw_ledger_commit(ledger_of(hand), &reservation, NULL, 0, 0) == LW_OK);
        }
    }
}

static void the_limit_is_met_exactly(void **state) {
    crew c;
    (void)state;
    yard_open(&y, 1);
    for (uint32_t i = 0; i < 2; i++) {
        yard_join(&y, i);
        yard_limit(&y, i, LIMIT, 0, 0);
    }
    granted = 0;
    crew_run(&c, HANDS, take_until_there_is_none);
    assert_int_equal(granted, LIMIT);
    assert_int_equal(yard_used(&y, 0, LIMIT, 0), LIMIT);
    yard_close(&y);
}

/* Copies lie on a shelf from which all hands take, without removing them. */
static void end_what_lies_on_the_shelf(crew_hand *hand) {
    lw_amount two = {0, 2};
    lw_amount one = {0, 1};
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        uint32_t place = (uint32_t)(crew_random(hand) % SHELF);
        lw_reservation reservation;
        if (crew_random(hand) % 3 == 0 &&
            lw_ledger_reserve(y.ledger[0], YARD_NODE, &two, 1, 0, &reservation, NULL) == LW_OK) {
            __atomic_add_fetch(&granted, 1, __ATOMIC_RELAXED);
            pthread_mutex_lock(&shelf_lock);
            lw_reservation old = shelf[place];
            shelf[place] = reservation;
            pthread_mutex_unlock(&shelf_lock);
            int answer = lw_ledger_cancel(y.ledger[0], &old, 0);
            __atomic_add_fetch(answer == LW_OK ? &ended : &already, 1, __ATOMIC_RELAXED);
        }
        pthread_mutex_lock(&shelf_lock);
        reservation = shelf[place];
        pthread_mutex_unlock(&shelf_lock);
        int answer = turn % 2 == 0 ? lw_ledger_commit(y.ledger[0], &reservation, &one, 1, 0)
                                   : lw_ledger_cancel(y.ledger[0], &reservation, 0);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_ALREADY);
        __atomic_add_fetch(answer == LW_OK ? &ended : &already, 1, __ATOMIC_RELAXED);
        if (hand->number == 0) {
            __atomic_store_n(&y.fickle.mood, turn % 500 < 100 ? FICKLE_AWAY : FICKLE_WELL, __ATOMIC_RELAXED);
        } else if (hand->number == 1 && turn % 50 == 0) {
            lw_ledger_beat(y.ledger[0], 0);
        }
    }
}

static void each_reservation_ends_once(void **state) {
    crew c;
    (void)state;
    yard_open(&y, 1);
    y.options.outage = LW_OUTAGE_OPEN;
    yard_join(&y, 0);
    yard_limit(&y, 0, 1000000, 0, 0);
    granted = ended = already = 0;
    memset(shelf, 0, sizeof shelf);
    crew_run(&c, HANDS, end_what_lies_on_the_shelf);
    y.fickle.mood = FICKLE_WELL;
    for (uint32_t i = 0; i < SHELF; i++) {
        ended += lw_ledger_cancel(y.ledger[0], &shelf[i], 0) == LW_OK;
    }
    assert_int_equal(ended, granted);
    assert_true(already > 0 && granted > HANDS);
    assert_int_equal(lw_ledger_beat(y.ledger[0], 0), LW_OK);
    lw_ledger_stats stats = yard_stats(&y, 0);
    assert_int_equal(stats.owed, 0);
    assert_int_equal(stats.away, 0);
    assert_int_equal(y.outages, y.ends);
    assert_int_equal(stats.reserves + stats.unasked, granted);
    assert_in_range(yard_used(&y, 0, 1000000, 0), 0, 2 * granted);
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_met_exactly),
        cmocka_unit_test(each_reservation_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
