/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The window from inside: ten buckets of a nanosecond each, threads that are behind, counts that are full. */
#include "health/health.h"
#include "ledger.h"

enum { WINDOW = 10, FULL = 1048575 };

static uint64_t buckets[LW__HEALTH_BUCKETS];

static int clear(void **state) {
    (void)state;
    lw__health_window_clear(buckets);
    return 0;
}

static void add(bool failed, uint64_t now) { lw__health_window_add(buckets, WINDOW, failed, now); }

static void assert_sum(uint64_t now, uint32_t total, uint32_t failures) {
    lw_health_state state = {0};
    lw__health_window_sum(buckets, WINDOW, now, &state);
    assert_int_equal(state.window_total, total);
    assert_int_equal(state.window_failures, failures);
}

static void test_ten_turns(void **state) {
    (void)state;
    add(true, 100);
    add(false, 109);
    assert_sum(109, 2, 1);
    assert_sum(110, 1, 0);
    assert_sum(118, 1, 0);
    assert_sum(119, 0, 0);
}

/* Another thread has begun bucket 110; who still holds 100 for the time counts there and takes nothing away. */
static void test_a_thread_behind(void **state) {
    (void)state;
    add(false, 110);
    add(true, 100);
    assert_sum(110, 2, 1);
    assert_sum(100, 2, 1); /* and sees what the other counted */
    assert_sum(119, 2, 1);
    assert_sum(120, 0, 0);
}

/* Stamps come round after 2^24 turns; only a silence of just that length is taken for none. */
static void test_stamps_come_round(void **state) {
    (void)state;
    uint64_t round = UINT64_C(1) << 24;
    add(true, 100);
    assert_sum(100 + round / 2, 0, 0);
    assert_sum(100 + round - 11, 0, 0);
    assert_sum(100 + round + 10, 0, 0);
    add(false, 100 + round / 2 * 5);
    assert_sum(100 + round / 2 * 5, 1, 0);
}

static void test_full_counts(void **state) {
    (void)state;
    for (uint32_t i = 0; i < FULL + 10; i++) {
        add(i % 2 == 0, 50);
    }
    assert_sum(50, FULL, FULL / 2 + 1);
    clear(NULL);
    for (uint32_t i = 0; i < FULL + 10; i++) {
        add(true, 50);
    }
    assert_sum(50, FULL, FULL);
    add(true, 51);
    assert_sum(51, FULL + 1, FULL + 1);
}

static void test_clear(void **state) {
    (void)state;
    for (uint64_t now = 100; now < 110; now++) {
        add(true, now);
    }
    assert_sum(109, 10, 10);
    lw__health_window_clear(buckets);
    assert_sum(109, 0, 0);
}

#define ON_BUCKETS(test) cmocka_unit_test_setup(test, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BUCKETS(test_ten_turns),   ON_BUCKETS(test_a_thread_behind), ON_BUCKETS(test_stamps_come_round),
        ON_BUCKETS(test_full_counts), ON_BUCKETS(test_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
