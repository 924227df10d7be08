/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A desk: a quota tracker with one line for each thing a test does with it. Node NODE unless said otherwise. */
#ifndef LOADWISE_TESTS_QUOTA_DESK_H
#define LOADWISE_TESTS_QUOTA_DESK_H

#include <loadwise/quota.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)
#define MINUTE (UINT64_C(60) * SECOND)

enum { NODE = 7 };

static inline lw_quota_dimension desk_dimension(const char *name, uint32_t kind, uint64_t window) {
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = name, .kind = kind, .window = window};
    return dimension;
}

static inline lw_quota_limit desk_limit(uint32_t dimension, uint64_t limit, uint64_t burst) {
    lw_quota_limit one = {.dimension = dimension, .limit = limit, .burst = burst};
    return one;
}

static inline lw_quota *desk_tracker(const lw_quota_dimension *dimensions, uint32_t count) {
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = NULL;
    options.dimensions = dimensions;
    options.dimension_count = count;
    options.max_reservations = 512;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    return quota;
}

/* A tracker with one dimension and NODE limited in it. */
static inline lw_quota *desk_open(lw_quota_dimension dimension, uint64_t limit, uint64_t burst) {
    lw_quota *quota = desk_tracker(&dimension, 1);
    lw_quota_limit one = desk_limit(0, limit, burst);
    assert_int_equal(lw_quota_register(quota, NODE, &one, 1, 0), LW_OK);
    return quota;
}

static inline lw_reservation desk_reserve(lw_quota *quota, uint64_t amount, uint64_t now) {
    lw_amount one = {0, amount};
    lw_reservation reservation;
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, NULL), LW_OK);
    return reservation;
}

/* Refused in dimension 0; when to ask again, LW_QUOTA_NEVER for not at all. */
static inline uint64_t desk_refused(lw_quota *quota, uint64_t amount, uint64_t now) {
    lw_amount one = {0, amount};
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.dimension, 0);
    assert_int_equal(refusal.retry, refusal.retry_at == LW_QUOTA_NEVER ? LW_RETRY_NEVER : LW_RETRY_AT);
    assert_int_equal(lw_quota_cancel_at(quota, &reservation, now), LW_ALREADY);
    return refusal.retry_at;
}

static inline void desk_commit(lw_quota *quota, const lw_reservation *reservation, uint64_t actual, uint64_t now) {
    lw_amount one = {0, actual};
    assert_int_equal(lw_quota_commit_at(quota, reservation, &one, 1, now), LW_OK);
}

static inline void desk_cancel(lw_quota *quota, const lw_reservation *reservation, uint64_t now) {
    assert_int_equal(lw_quota_cancel_at(quota, reservation, now), LW_OK);
}

static inline void desk_record(lw_quota *quota, uint64_t amount, uint64_t now) {
    lw_amount one = {0, amount};
    assert_int_equal(lw_quota_record_at(quota, NODE, &one, 1, now), 1);
}

static inline uint64_t desk_remaining(lw_quota *quota, uint32_t dimension, uint64_t now) {
    uint64_t remaining = 0;
    assert_int_equal(lw_quota_remaining_at(quota, NODE, dimension, now, &remaining), LW_OK);
    return remaining;
}

static inline lw_quota_reading desk_read(lw_quota *quota, uint32_t dimension, uint64_t now) {
    lw_quota_reading reading = LW_QUOTA_READING_INIT;
    assert_int_equal(lw_quota_read_at(quota, NODE, dimension, now, &reading), LW_OK);
    return reading;
}

static inline uint64_t desk_used(lw_quota *quota, uint32_t dimension, uint64_t now) {
    return desk_read(quota, dimension, now).used;
}

#endif
