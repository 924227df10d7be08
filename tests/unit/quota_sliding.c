/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The sliding kind, with literal times: a window of 60 s in 20 buckets of 3 s unless said otherwise. */
#include "quota_desk.h"

static lw_quota_dimension per_minute(void) { return desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE); }

static void what_is_used_counts_for_a_window_and_a_bucket(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    desk_record(quota, 1, 0);
    assert_int_equal(desk_remaining(quota, 0, 0), 99);
    assert_int_equal(desk_remaining(quota, 0, 63 * SECOND - 1), 99);
    assert_int_equal(desk_remaining(quota, 0, 63 * SECOND), 100);
    lw_quota_free(quota);
}

static void the_limit_is_granted_and_not_one_more(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 10, 0);
    for (int i = 0; i < 10; i++) {
        desk_reserve(quota, 1, 5 * SECOND);
    }
    assert_int_equal(desk_refused(quota, 1, 5 * SECOND), 66 * SECOND);
    assert_int_equal(desk_used(quota, 0, 5 * SECOND), 10);
    lw_quota_free(quota);
}

/* The wait is until enough has come back, not until some has. */
static void the_wait_is_exact(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 10, 0);
    desk_reserve(quota, 2, 1 * SECOND);  /* back at 63 s */
    desk_reserve(quota, 3, 10 * SECOND); /* bucket 3: back at 72 s */
    desk_reserve(quota, 5, 20 * SECOND); /* bucket 6: back at 81 s */
    assert_int_equal(desk_refused(quota, 1, 30 * SECOND), 63 * SECOND);
    assert_int_equal(desk_refused(quota, 2, 30 * SECOND), 63 * SECOND);
    assert_int_equal(desk_refused(quota, 3, 30 * SECOND), 72 * SECOND);
    assert_int_equal(desk_refused(quota, 6, 30 * SECOND), 81 * SECOND);
    assert_int_equal(desk_refused(quota, 11, 30 * SECOND), LW_QUOTA_NEVER);
    assert_int_equal(desk_refused(quota, 3, 72 * SECOND - 1), 72 * SECOND);
    desk_reserve(quota, 5, 72 * SECOND);
    lw_quota_free(quota);
}

static void a_refund_goes_where_it_was_charged(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_reservation early = desk_reserve(quota, 60, 0), late = desk_reserve(quota, 40, 30 * SECOND);
    desk_commit(quota, &early, 10, 31 * SECOND);
    assert_int_equal(desk_used(quota, 0, 31 * SECOND), 50);
    desk_cancel(quota, &late, 32 * SECOND);
    assert_int_equal(desk_used(quota, 0, 32 * SECOND), 10);
    assert_int_equal(desk_used(quota, 0, 63 * SECOND), 0);
    lw_quota_free(quota);
}

static void a_refund_after_the_window_is_nothing(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_reservation early = desk_reserve(quota, 60, 0);
    desk_reserve(quota, 100, 63 * SECOND);
    desk_commit(quota, &early, 10, 64 * SECOND);
    assert_int_equal(desk_used(quota, 0, 64 * SECOND), 100);
    lw_quota_free(quota);
}

/* 96 = 32 x 3 s further on, the ring is back at the same cell. */
static void a_refund_does_not_take_from_a_later_bucket_of_the_cell(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_reservation early = desk_reserve(quota, 60, 0);
    desk_reserve(quota, 100, 96 * SECOND);
    desk_cancel(quota, &early, 97 * SECOND);
    assert_int_equal(desk_used(quota, 0, 97 * SECOND), 100);
    lw_quota_free(quota);
}

/* The cell holds 24 bits of the number of a bucket; the reservation knows all of it. */
static void a_refund_does_not_take_from_a_bucket_with_the_same_low_bits(void **state) {
    (void)state;
    uint64_t later = (UINT64_C(1) << 24) * 3 * SECOND;
    lw_quota_dimension dimension = per_minute();
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_limit limit = desk_limit(0, 100, 0);
    lw_quota *quota = NULL;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    options.ttl = LW_QUOTA_NEVER;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, NODE, &limit, 1, 0), LW_OK);
    lw_reservation early = desk_reserve(quota, 60, 0);
    assert_int_equal(desk_used(quota, 0, later - 5 * MINUTE), 0);
    desk_reserve(quota, 100, later);
    desk_cancel(quota, &early, later);
    assert_int_equal(desk_used(quota, 0, later), 100);
    lw_quota_free(quota);
}

static void a_debt_delays_later_grants(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_reservation reservation = desk_reserve(quota, 50, 0);
    desk_commit(quota, &reservation, 180, 9 * SECOND); /* 130 more, in bucket 3 */
    assert_int_equal(desk_used(quota, 0, 9 * SECOND), 180);
    assert_int_equal(desk_remaining(quota, 0, 9 * SECOND), 0);
    assert_int_equal(desk_refused(quota, 1, 10 * SECOND), 72 * SECOND);
    assert_int_equal(desk_remaining(quota, 0, 63 * SECOND), 0);
    assert_int_equal(desk_remaining(quota, 0, 72 * SECOND), 100);
    lw_quota_free(quota);
}

static void a_dimension_that_is_not_named_stays_as_charged(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_reservation reservation = desk_reserve(quota, 50, 0);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, NULL, 0, SECOND), LW_OK);
    assert_int_equal(desk_used(quota, 0, SECOND), 50);
    lw_quota_free(quota);
}

static void time_that_stands_still_or_steps_back(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 10, 0);
    desk_reserve(quota, 5, 100 * SECOND); /* bucket 33 */
    lw_reservation old = desk_reserve(quota, 5, 10 * SECOND);
    desk_cancel(quota, &old, 10 * SECOND);
    assert_int_equal(desk_used(quota, 0, 10 * SECOND), 5);
    desk_reserve(quota, 5, 10 * SECOND); /* counts as of bucket 33 too */
    assert_int_equal(desk_refused(quota, 1, 0), 162 * SECOND);
    assert_int_equal(desk_used(quota, 0, 161 * SECOND), 10);
    assert_int_equal(desk_used(quota, 0, 162 * SECOND), 0);
    lw_quota_free(quota);
}

static void time_that_leaps(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 10, 0);
    desk_reserve(quota, 10, 0);
    desk_reserve(quota, 10, UINT64_C(1) << 62);
    assert_int_equal(desk_used(quota, 0, (UINT64_C(1) << 62) + SECOND), 10);
    desk_reserve(quota, 10, UINT64_MAX - SECOND); /* when it would come back is past the end of time */
    assert_true(desk_refused(quota, 1, UINT64_MAX - SECOND) > UINT64_MAX - SECOND);
    assert_int_equal(desk_used(quota, 0, UINT64_MAX), 10);
    lw_quota_free(quota);
}

static void a_window_that_its_buckets_do_not_divide(void **state) {
    (void)state;
    lw_quota_dimension dimension = desk_dimension("odd", LW_QUOTA_SLIDING, SECOND);
    dimension.resolution = 3; /* buckets of 333 333 334 ns */
    lw_quota *quota = desk_open(dimension, 4, 0);
    desk_reserve(quota, 4, 0);
    assert_int_equal(desk_refused(quota, 1, SECOND), UINT64_C(4) * 333333334);
    lw_quota_free(quota);
}

/* The seed forgets a bucket early: a burst at the end of one bucket, and a second one within the same window. */
static void cover_of_the_seed_grants_twice_the_limit(void **state) {
    (void)state;
    lw_quota_dimension dimension = per_minute();
    dimension.resolution = 6;
    dimension.cover = LW_QUOTA_COVER_SEED;
    lw_quota *quota = desk_open(dimension, 100, 0);
    desk_reserve(quota, 100, 10 * SECOND - 1);
    assert_int_equal(desk_refused(quota, 1, 60 * SECOND - 1), 60 * SECOND);
    desk_reserve(quota, 100, 60 * SECOND);
    lw_quota_free(quota);
}

static void the_largest_limit_and_what_is_beyond(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), LW_QUOTA_LIMIT_MAX, 0);
    assert_int_equal(desk_refused(quota, UINT64_MAX, 0), LW_QUOTA_NEVER);
    desk_reserve(quota, LW_QUOTA_LIMIT_MAX, 0);
    desk_record(quota, UINT64_MAX, 0); /* counters stay at their largest */
    desk_record(quota, UINT64_MAX, 0);
    assert_int_equal(desk_remaining(quota, 0, 0), 0);
    assert_int_equal(desk_used(quota, 0, 0), LW_QUOTA_LIMIT_MAX);
    assert_int_equal(desk_used(quota, 0, 63 * SECOND), 0);
    lw_quota_free(quota);
}

static void a_reading_says_when_quota_comes_back(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_quota_reading reading = desk_read(quota, 0, 0);
    assert_int_equal(reading.more_at, LW_QUOTA_NEVER);
    assert_int_equal(reading.reset_at, LW_QUOTA_NEVER);
    desk_record(quota, 5, 0);
    lw_reservation reservation = desk_reserve(quota, 20, 30 * SECOND);
    reading = desk_read(quota, 0, 40 * SECOND);
    assert_int_equal(reading.limit, 100);
    assert_int_equal(reading.used, 25);
    assert_int_equal(reading.reserved, 20);
    assert_int_equal(reading.remaining, 75);
    assert_int_equal(reading.more_at, 63 * SECOND);
    assert_int_equal(reading.reset_at, 93 * SECOND);
    desk_commit(quota, &reservation, 20, 41 * SECOND);
    assert_int_equal(desk_read(quota, 0, 41 * SECOND).reserved, 0);
    lw_quota_free(quota);
}

static void new_limits_with_and_without_history(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    lw_quota_limit lower = desk_limit(0, 40, 0);
    lw_reservation reservation = desk_reserve(quota, 60, 0);
    assert_int_equal(lw_quota_register(quota, NODE, &lower, 1, 1), LW_OK);
    assert_int_equal(desk_used(quota, 0, SECOND), 60);
    assert_int_equal(desk_remaining(quota, 0, SECOND), 0);
    assert_int_equal(lw_quota_register(quota, NODE, &lower, 1, 0), LW_OK);
    assert_int_equal(desk_remaining(quota, 0, SECOND), 40);
    desk_reserve(quota, 40, SECOND);
    desk_cancel(quota, &reservation, SECOND); /* refunds nothing */
    assert_int_equal(desk_refused(quota, 1, SECOND), 63 * SECOND);
    lw_quota_free(quota);
}

static void a_limit_that_goes_and_comes_back(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 10, 0);
    lw_quota_limit limit = desk_limit(0, 10, 0);
    lw_reservation reservation = desk_reserve(quota, 10, 0);
    assert_int_equal(lw_quota_register(quota, NODE, NULL, 0, 1), LW_OK);
    desk_reserve(quota, 1000000, 0);
    assert_true(desk_remaining(quota, 0, 0) == LW_QUOTA_UNLIMITED);
    assert_true(desk_read(quota, 0, 0).limit == LW_QUOTA_UNLIMITED);
    desk_commit(quota, &reservation, 4, 0);
    assert_int_equal(lw_quota_register(quota, NODE, &limit, 1, 1), LW_OK);
    assert_int_equal(desk_used(quota, 0, 0), 4);
    lw_quota_free(quota);
}

/* Steady use at every chance reaches resolution / (resolution + 1) of the limit: 20 windows hold 20 x 20/21. */
static void steady_use(void **state) {
    (void)state;
    lw_quota *quota = desk_open(per_minute(), 100, 0);
    uint64_t granted = 0;
    for (uint64_t now = 0; now < 21 * MINUTE; now += 100 * MS) {
        lw_reservation reservation;
        lw_amount one = {0, 1};
        granted += lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, NULL) == LW_OK;
        lw_quota_commit_at(quota, &reservation, NULL, 0, now);
    }
    assert_int_equal(granted, 2000);
    lw_quota_free(quota);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_used_counts_for_a_window_and_a_bucket),
        cmocka_unit_test(the_limit_is_granted_and_not_one_more),
        cmocka_unit_test(the_wait_is_exact),
        cmocka_unit_test(a_refund_goes_where_it_was_charged),
        cmocka_unit_test(a_refund_after_the_window_is_nothing),
        cmocka_unit_test(a_refund_does_not_take_from_a_later_bucket_of_the_cell),
        cmocka_unit_test(a_refund_does_not_take_from_a_bucket_with_the_same_low_bits),
        cmocka_unit_test(a_debt_delays_later_grants),
        cmocka_unit_test(a_dimension_that_is_not_named_stays_as_charged),
        cmocka_unit_test(time_that_stands_still_or_steps_back),
        cmocka_unit_test(time_that_leaps),
        cmocka_unit_test(a_window_that_its_buckets_do_not_divide),
        cmocka_unit_test(cover_of_the_seed_grants_twice_the_limit),
        cmocka_unit_test(the_largest_limit_and_what_is_beyond),
        cmocka_unit_test(a_reading_says_when_quota_comes_back),
        cmocka_unit_test(new_limits_with_and_without_history),
        cmocka_unit_test(a_limit_that_goes_and_comes_back),
        cmocka_unit_test(steady_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
