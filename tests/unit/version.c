/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The version of header and library: one number, one text, and they agree. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <loadwise/version.h>
#include <stdio.h>

#if LW_VERSION < LW_VERSION_NUMBER(0, 1, 0) || LW_VERSION >= LW_VERSION_NUMBER(999, 0, 0)
#error "LW_VERSION must be comparable by the preprocessor"
#endif

static void test_number_orders_versions(void **state) {
    (void)state;
    assert_int_equal(LW_VERSION_NUMBER(0, 1, 0), 1000);
    assert_int_equal(LW_VERSION_NUMBER(1, 2, 3), 1002003);
    assert_true(LW_VERSION_NUMBER(1, 0, 0) > LW_VERSION_NUMBER(0, 999, 999));
    assert_true(LW_VERSION_NUMBER(0, 2, 0) > LW_VERSION_NUMBER(0, 1, 999));
}

static void test_library_is_of_this_header(void **state) {
    (void)state;
    assert_int_equal(lw_version(), LW_VERSION);
}

static void test_text_says_the_same(void **state) {
    (void)state;
    char text[32];
    uint32_t version = lw_version();
    snprintf(text, sizeof text, "%u.%u.%u", version / 1000000, version / 1000 % 1000, version % 1000);
    assert_string_equal(lw_version_string(), text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_orders_versions),
        cmocka_unit_test(test_library_is_of_this_header),
        cmocka_unit_test(test_text_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
