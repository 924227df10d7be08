/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The gcra kind, with literal times: 10 a second, so one each T = 100 ms, and a burst of 3 unless said otherwise. */
#include "quota_desk.h"

static lw_quota_dimension per_second(void) { return desk_dimension("rps", LW_QUOTA_GCRA, SECOND); }

static lw_quota *ten_a_second(void) { return desk_open(per_second(), 10, 3); }

static void the_published_oracle(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_reserve(quota, 1, 0);
    desk_reserve(quota, 1, 0);
    desk_reserve(quota, 1, 0);
    assert_int_equal(desk_refused(quota, 1, 0), 100 * MS);
    assert_int_equal(desk_refused(quota, 1, 100 * MS - 1), 100 * MS);
    desk_reserve(quota, 1, 100 * MS);
    assert_int_equal(desk_refused(quota, 1, 100 * MS), 200 * MS);
    lw_quota_free(quota);
}

static void amounts_cost_their_number(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_reserve(quota, 2, 0);
    assert_int_equal(desk_refused(quota, 2, 0), 100 * MS);
    assert_int_equal(desk_refused(quota, 3, 0), 200 * MS);
    assert_int_equal(desk_refused(quota, 4, 0), LW_QUOTA_NEVER);
    desk_reserve(quota, 3, 200 * MS);
    lw_quota_free(quota);
}

static void an_idle_node_has_its_burst_and_no_more(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_reserve(quota, 3, 0);
    desk_reserve(quota, 3, 3600 * SECOND);
    assert_int_equal(desk_refused(quota, 1, 3600 * SECOND), 3600 * SECOND + 100 * MS);
    desk_reserve(quota, 3, UINT64_C(1) << 61); /* so long that tat has gone round many times */
    assert_int_equal(desk_remaining(quota, 0, UINT64_C(1) << 61), 0);
    for (uint64_t bits = 20; bits < 62; bits++) {
        assert_int_equal(desk_remaining(quota, 0, (UINT64_C(1) << 61) + SECOND + (UINT64_C(1) << bits)), 3);
    }
    lw_quota_free(quota);
}

static void all_comes_back_when_nothing_was_charged_since(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    lw_reservation first = desk_reserve(quota, 1, 0), second = desk_reserve(quota, 2, 0);
    desk_cancel(quota, &second, 50 * MS);
    assert_int_equal(desk_refused(quota, 3, 50 * MS), 100 * MS);
    desk_cancel(quota, &first, 60 * MS);
    desk_reserve(quota, 3, 60 * MS);
    lw_quota_free(quota);
}

static void a_node_that_is_in_use_refunds_all(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_second(), 10, 30);
    lw_reservation reservation = desk_reserve(quota, 10, 0);
    desk_reserve(quota, 10, 0);
    desk_reserve(quota, 10, 100 * MS);
    desk_commit(quota, &reservation, 4, 200 * MS); /* backlog 2.8 s - 0.6 s */
    assert_int_equal(desk_remaining(quota, 0, 200 * MS), 8);
    lw_quota_free(quota);
}

/* The node filled up while the reservation was under way: what overflowed then cannot be given again. */
static void a_refund_never_gives_more_than_the_bound(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    lw_reservation first = desk_reserve(quota, 3, 0);
    desk_reserve(quota, 3, 300 * MS);
    desk_cancel(quota, &first, 300 * MS);
    assert_int_equal(desk_refused(quota, 1, 300 * MS), 400 * MS);
    lw_quota_free(quota);
}

/* Two charges, the first refunded: the second one now stands earlier, and has filled up too. */
static void refunds_count_against_later_refunds(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_second(), 10, 10);
    lw_reservation first = desk_reserve(quota, 5, 0), second = desk_reserve(quota, 5, 0);
    desk_cancel(quota, &first, 0);
    desk_reserve(quota, 10, 500 * MS);
    desk_cancel(quota, &second, 500 * MS);
    assert_int_equal(desk_remaining(quota, 0, 500 * MS), 0);
    lw_quota_free(quota);
}

static void a_debt_delays_later_grants(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    lw_reservation reservation = desk_reserve(quota, 1, 0);
    desk_commit(quota, &reservation, 11, 100 * MS); /* 10 more at 100 ms: empty until 1.1 s, 3 free at 1.1 s */
    assert_int_equal(desk_used(quota, 0, 100 * MS), 10);
    assert_int_equal(desk_remaining(quota, 0, 100 * MS), 0);
    assert_int_equal(desk_refused(quota, 1, 100 * MS), 900 * MS);
    desk_reserve(quota, 3, 1100 * MS);
    lw_quota_free(quota);
}

static void a_debt_has_an_end(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_record(quota, UINT64_MAX, 0);
    desk_record(quota, UINT64_MAX, 0);
    assert_int_equal(desk_remaining(quota, 0, UINT64_C(1) << 40), 0);
    assert_int_equal(desk_remaining(quota, 0, UINT64_C(1) << 60), 3);
    lw_quota_free(quota);
}

/* Seven a minute do not divide it: the burst is whole all the same, and the rate never over 7 a minute. */
static void a_rate_that_does_not_divide_the_window(void **state) {
    (void)state;
    lw_quota *quota = desk_open(desk_dimension("rpm", LW_QUOTA_GCRA, MINUTE), 7, 3);
    desk_reserve(quota, 3, 0);
    assert_int_equal(desk_refused(quota, 1, 0), UINT64_C(8571428572));
    desk_reserve(quota, 3, UINT64_C(25714285715));
    lw_quota_free(quota);
}

static void fast_rates_keep_their_precision(void **state) {
    (void)state;
    lw_quota *quota = desk_open(desk_dimension("bytes", LW_QUOTA_GCRA, MINUTE), 90000000, 1000000);
    uint64_t granted = 0;
    for (uint64_t now = 0; now < MINUTE; now += 500 * MS) {
        lw_reservation reservation;
        lw_amount one = {0, desk_remaining(quota, 0, now)};
        granted += lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, NULL) == LW_OK ? one.amount : 0;
    }
    assert_in_range(granted, 90200000, 90250000); /* 59.5 s at 1.5 million, and the burst */
    lw_quota_free(quota);
}

static void time_that_steps_back_stands_still(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_reserve(quota, 2, 10 * SECOND);
    desk_reserve(quota, 1, 0);
    assert_int_equal(desk_refused(quota, 1, 0), 10 * SECOND + 100 * MS);
    assert_int_equal(desk_remaining(quota, 0, 10 * SECOND + 200 * MS), 2);
    lw_quota_free(quota);
}

static void a_reading(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    desk_reserve(quota, 2, SECOND);
    lw_quota_reading reading = desk_read(quota, 0, SECOND + 50 * MS);
    assert_int_equal(reading.limit, 10);
    assert_int_equal(reading.burst, 3);
    assert_int_equal(reading.used, 2);
    assert_int_equal(reading.reserved, 2);
    assert_int_equal(reading.remaining, 1);
    assert_int_equal(reading.more_at, SECOND + 100 * MS);
    assert_int_equal(reading.reset_at, SECOND + 200 * MS);
    reading = desk_read(quota, 0, 2 * SECOND);
    assert_int_equal(reading.remaining, 3);
    assert_int_equal(reading.more_at, LW_QUOTA_NEVER);
    lw_quota_free(quota);
}

static void new_limits_with_and_without_history(void **state) {
    (void)state;
    lw_quota *quota = ten_a_second();
    lw_quota_limit twice = desk_limit(0, 20, 3);
    lw_reservation reservation = desk_reserve(quota, 3, 0);
    assert_int_equal(lw_quota_register(quota, NODE, &twice, 1, 1), LW_OK); /* 300 ms to work off, at 50 ms each */
    assert_int_equal(desk_refused(quota, 1, 0), 200 * MS);
    assert_int_equal(lw_quota_register(quota, NODE, &twice, 1, 0), LW_OK);
    desk_reserve(quota, 3, 0);
    desk_cancel(quota, &reservation, 0); /* refunds nothing */
    assert_int_equal(desk_refused(quota, 1, 0), 50 * MS);
    lw_quota_free(quota);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_oracle),
        cmocka_unit_test(amounts_cost_their_number),
        cmocka_unit_test(an_idle_node_has_its_burst_and_no_more),
        cmocka_unit_test(all_comes_back_when_nothing_was_charged_since),
        cmocka_unit_test(a_node_that_is_in_use_refunds_all),
        cmocka_unit_test(a_refund_never_gives_more_than_the_bound),
        cmocka_unit_test(refunds_count_against_later_refunds),
        cmocka_unit_test(a_debt_delays_later_grants),
        cmocka_unit_test(a_debt_has_an_end),
        cmocka_unit_test(a_rate_that_does_not_divide_the_window),
        cmocka_unit_test(fast_rates_keep_their_precision),
        cmocka_unit_test(time_that_steps_back_stands_still),
        cmocka_unit_test(a_reading),
        cmocka_unit_test(new_limits_with_and_without_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
