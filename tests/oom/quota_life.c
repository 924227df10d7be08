/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out in the life of a quota tracker: allocation 1, 2, 3 ... fails until it gets through. Every failure is
 * LW_NOMEM, leaves nothing behind, and the same call succeeds once there is memory again.
 */
#include "../unit/quota_desk.h"

#include "../unit/ledger.h"

enum { LIFE_NODES = 40 };

static ledger book;
static uint32_t shortages;

/* Was this call short of memory? Any other failure is not for want of it. */
static bool is_short(int answer) {
    assert_true(answer == LW_OK || answer == LW_NOMEM);
    shortages += answer == LW_NOMEM;
    return answer == LW_NOMEM;
}

static lw_quota *be_born(void) {
    lw_quota_dimension dimensions[] = {desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE),
                                       desk_dimension("spend", LW_QUOTA_GCRA, MINUTE)};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_env env = ledger_env(&book, 1);
    lw_quota *quota = NULL;
    options.dimensions = dimensions;
    options.dimension_count = 2;
    while (is_short(lw_quota_new(&quota, &env, &options))) {
        assert_null(quota);
        assert_int_equal(book.live, 0);
    }
    return quota;
}

static void live(lw_quota *quota) {
    lw_quota_limit limits[] = {desk_limit(0, 100, 0), desk_limit(1, 60, 10)};
    for (uint64_t node = 0; node < LIFE_NODES; node++) {
        uint64_t remaining = 77;
        while (is_short(lw_quota_register(quota, node, limits, 2, 0))) {
            assert_int_equal(lw_quota_remaining_at(quota, node, 0, 0, &remaining), LW_UNKNOWN);
        }
        lw_amount one = {0, 10};
        lw_reservation reservation;
        assert_int_equal(lw_quota_reserve_at(quota, node, &one, 1, 0, &reservation, NULL), LW_OK);
        assert_int_equal(lw_quota_remaining_at(quota, node, 0, 0, &remaining), LW_OK);
        assert_int_equal(remaining, 90);
    }
    assert_int_equal(lw_quota_forget(quota, 3), 1);
}

static void every_allocation_may_fail(void **state) {
    uint64_t fail_at = 1;
    (void)state;
    do {
        ledger_open(&book);
        book.fail_at = fail_at++;
        shortages = 0;
        lw_quota *quota = be_born();
        live(quota);
        lw_quota_free(quota);
        ledger_close(&book);
    } while (shortages > 0);
    assert_in_range(fail_at, LIFE_NODES, 100 + LIFE_NODES); /* so many places there are */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
