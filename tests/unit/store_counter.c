/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counters as text: one text for each number, and nothing else is one. */
#include "store/counter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static void check_number(int64_t value) {
    char text[LW__COUNTER_ROOM], expected[32];
    int64_t back;
    size_t size = lw__counter_write(text, value);
    assert_int_equal(size, snprintf(expected, sizeof expected, "%" PRId64, value));
    assert_memory_equal(text, expected, size);
    assert_true(lw__counter_read(text, size, &back));
    assert_true(back == value);
}

static void test_there_and_back(void **state) {
    (void)state;
    for (int64_t value = -2000; value <= 2000; value++) {
        check_number(value);
    }
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        check_number(power);
        check_number(power - 1);
        check_number(-power);
        check_number(1 - power);
    }
    check_number(INT64_MAX);
    check_number(INT64_MAX - 1);
    check_number(INT64_MIN);
    check_number(INT64_MIN + 1);
}

static void test_what_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "-0",
                                        "00",
                                        "01",
                                        "-01",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "a",
                                        "1a",
                                        "1.0",
                                        "\xff",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "92233720368547758070"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t value = 77;
        assert_false(lw__counter_read(texts[i], strlen(texts[i]), &value));
        assert_int_equal(value, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
