/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A cost and its stamp in one word: what survives, what is rounded, and which of two stamps is the later. */
#include "latency/word.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#define STAMPS (UINT64_C(1) << LW__WORD_STAMP)

static uint64_t through(uint64_t cost) { return lw__word_cost(lw__word(cost, 12345)); }

static void test_small_costs_are_exact(void **state) {
    (void)state;
    for (uint64_t cost = 0; cost < 100000; cost++) {
        assert_true(through(cost) == cost);
    }
    for (uint64_t cost = (UINT64_C(1) << 29) - 1000; cost <= UINT64_C(1) << 29; cost++) {
        assert_true(through(cost) == cost);
    }
}

static void test_29_bits_are_kept(void **state) {
    (void)state;
    for (uint32_t shift = 1; shift <= 34; shift++) {
        uint64_t odd = UINT64_C(0x15555555), all = UINT64_C(0x1fffffff);
        assert_true(through(odd << shift) == odd << shift);
        assert_true(through(all << shift) == all << shift);
    }
    assert_true(through(UINT64_C(1) << 63) == UINT64_C(1) << 63);
}

static void test_rounding_is_to_the_nearest(void **state) {
    (void)state;
    const uint64_t even = UINT64_C(0x15555554) << 4;
    assert_true(through(even + 7) == even);
    assert_true(through(even + 8) == even + 16); /* half a unit goes up */
    assert_true(through(even + 9) == even + 16);
    assert_true(through((UINT64_C(1) << 40) - 1) == UINT64_C(1) << 40); /* the carry reaches the exponent */
}

static void test_codes_grow_with_costs(void **state) {
    (void)state;
    uint64_t before = 0;
    for (uint64_t cost = 1; cost < UINT64_C(1) << 62; cost += 1 + cost / 100) {
        uint64_t word = lw__word(cost, 0), back = lw__word_cost(word);
        uint64_t error = back > cost ? back - cost : cost - back;
        assert_true(word > before);
        assert_true(error <= cost >> 29);
        before = word;
    }
}

static void test_ages(void **state) {
    (void)state;
    static const uint64_t ticks[] = {0, 1, 1000, STAMPS / 2, STAMPS - 1, STAMPS, 7 * STAMPS + 3, UINT64_MAX / 2};
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        uint64_t word = lw__word(UINT64_C(1) << 50, ticks[i]);
        assert_int_equal(lw__word_age(word, ticks[i]), 0);
        assert_int_equal(lw__word_age(word, ticks[i] + 1), 1);
        assert_int_equal(lw__word_age(word, ticks[i] - 1), -1);
        assert_int_equal(lw__word_age(word, ticks[i] + STAMPS / 2 - 1), STAMPS / 2 - 1);
        assert_int_equal(lw__word_age(word, ticks[i] - STAMPS / 2), -(int64_t)(STAMPS / 2));
        assert_true(lw__word_cost(word) == UINT64_C(1) << 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_costs_are_exact),
        cmocka_unit_test(test_29_bits_are_kept),
        cmocka_unit_test(test_rounding_is_to_the_nearest),
        cmocka_unit_test(test_codes_grow_with_costs),
        cmocka_unit_test(test_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
