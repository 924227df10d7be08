/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out in the life of a ledger: allocation 1, 2, 3 ... fails until it gets through. Every failure is
 * LW_NOMEM and leaves nothing behind, and the same call succeeds once there is memory again; nothing is charged by a
 * failure.
 */
#include "../unit/ledger_yard.h"

enum { LIFE_NODES = 20 };

static yard y;
static uint32_t shortages;

static bool is_short(int answer) {
    assert_true(answer == LW_OK || answer == LW_NOMEM);
    shortages += answer == LW_NOMEM;
    return answer == LW_NOMEM;
}

static void live(void) {
    uint64_t live_before = y.book.live;
    while (is_short(lw_ledger_new(&y.ledger[0], &y.env, &y.fickle.store, &y.options))) {
        assert_null(y.ledger[0]);
        assert_int_equal(y.book.live, live_before);
    }
    lw_quota_limit limits[2] = {{0, 0, 10, 0}, {1, 0, 60, 10}};
    lw_amount amounts[2] = {{0, 10}, {1, 1}};
    for (uint64_t node = 0; node < LIFE_NODES; node++) {
        lw_reservation reservation;
        while (is_short(lw_ledger_limits(y.ledger[0], node, limits, 2))) {
            assert_int_equal(lw_ledger_reserve(y.ledger[0], node, amounts, 2, 0, &reservation, NULL), LW_UNKNOWN);
        }
        while (is_short(lw_ledger_reserve(y.ledger[0], node, amounts, 2, 0, &reservation, NULL))) {
            assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_ALREADY);
        }
        assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
        assert_int_equal(lw_ledger_reserve(y.ledger[0], node, amounts, 2, 0, &reservation, NULL), LW_OVER_QUOTA);
    }
}

/* A sign of life that finds no memory is left out, and nobody minds; so the end is when all got through. */
static void every_allocation_may_fail(void **state) {
    uint64_t number = 1;
    bool failed = true;
    (void)state;
    shortages = 0;
    for (; failed; number++) {
        yard_open(&y, 2);
        y.book.fail_at = y.book.asked + number;
        live();
        failed = y.book.asked >= y.book.fail_at;
        yard_close(&y);
    }
    assert_in_range(shortages, LIFE_NODES, number);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
