/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fixed point against the doubles of libm, over the whole range and at the borders of the pieces. */
#include "base/fixed.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

/* Doubles have 53 bits: against an answer of up to 38 they are as good as true. */
static void assert_off_by_less_than_one(uint64_t got, double expected, uint64_t x) {
    if (fabs((double)got - expected) >= 1) {
        fail_msg("at %#llx: %#llx, not %.3f", (unsigned long long)x, (unsigned long long)got, expected);
    }
}

static void check_power(uint64_t x) {
    assert_off_by_less_than_one(lw__exp2_neg(x), exp2(-(double)x / 0x1p32) * 0x1p32, x);
}

static void check_logarithm(uint64_t x) { assert_off_by_less_than_one(lw__log2(x), log2((double)x) * 0x1p32, x); }

static void test_powers(void **state) {
    (void)state;
    for (uint64_t x = 0; x < 34 * LW__ONE; x += 300007) {
        check_power(x);
    }
    for (uint64_t border = 1 << 27; border < 34 * LW__ONE; border += 1 << 27) {
        check_power(border - 1);
        check_power(border);
        check_power(border + 1);
    }
}

static void test_ends_of_the_powers(void **state) {
    (void)state;
    assert_true(lw__exp2_neg(0) == LW__ONE);
    assert_true(lw__exp2_neg(LW__ONE) == LW__ONE / 2);
    assert_true(lw__exp2_neg(32 * LW__ONE) == 1);
    assert_true(lw__exp2_neg(33 * LW__ONE) == 0);
    assert_true(lw__exp2_neg(UINT64_MAX) == 0);
}

static void test_powers_never_rise(void **state) {
    (void)state;
    for (uint64_t border = 1 << 27; border < 34 * LW__ONE; border += 1 << 27) {
        uint64_t before = lw__exp2_neg(border - 100);
        for (uint64_t x = border - 99; x < border + 100; x++) {
            uint64_t here = lw__exp2_neg(x);
            assert_true(here <= before);
            before = here;
        }
    }
}

static void test_logarithms(void **state) {
    (void)state;
    for (uint64_t x = 1; x < 100000; x++) {
        check_logarithm(x);
    }
    for (uint64_t x = 100000; x < UINT64_MAX / 2; x += x / 1000) {
        check_logarithm(x);
    }
    check_logarithm(UINT64_MAX);
}

static void test_logarithms_of_powers_are_exact(void **state) {
    (void)state;
    for (uint64_t k = 0; k < 64; k++) {
        assert_true(lw__log2(UINT64_C(1) << k) == k << 32);
    }
}

static void test_shares(void **state) {
    (void)state;
    const uint64_t most = (UINT64_C(1) << 63) - 1;
    assert_true(lw__share_of(most, LW__ONE) == most);
    assert_true(lw__share_of(most, 0) == 0);
    assert_true(lw__share_of(most, LW__ONE / 2) == most / 2 + 1); /* half a unit goes up */
    assert_true(lw__share_of(1000, LW__ONE / 10) == 100);
    assert_true(lw__share_of(3, LW__ONE / 2) == 2);
}

static void test_between(void **state) {
    (void)state;
    const uint64_t most = (UINT64_C(1) << 63) - 1;
    assert_true(lw__between(100, 200, LW__ONE / 4) == 125);
    assert_true(lw__between(200, 100, LW__ONE / 4) == 175);
    assert_true(lw__between(0, most, LW__ONE) == most);
    assert_true(lw__between(most, 0, LW__ONE) == 0);
    assert_true(lw__between(most, 0, 0) == most);
    assert_true(lw__between(5, 5, LW__ONE / 3) == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers),
        cmocka_unit_test(test_ends_of_the_powers),
        cmocka_unit_test(test_powers_never_rise),
        cmocka_unit_test(test_logarithms),
        cmocka_unit_test(test_logarithms_of_powers_are_exact),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
