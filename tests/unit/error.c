/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Error codes: the values are pinned for ever, so each is written out here a second time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <limits.h>
#include <loadwise/error.h>
#include <string.h>

static const struct {
    int code, value;
    const char *name, *message;
} pinned[] = {
    {LW_NOMEM, -1, "LW_NOMEM", "out of memory"},
    {LW_INVALID, -2, "LW_INVALID", "invalid argument"},
    {LW_SYNTAX, -3, "LW_SYNTAX", "the specification cannot be read"},
    {LW_UNKNOWN, -4, "LW_UNKNOWN", "no such name"},
    {LW_RANGE, -5, "LW_RANGE", "value outside the allowed range"},
    {LW_DUPLICATE, -6, "LW_DUPLICATE", "two nodes have the same id"},
    {LW_NO_COLUMN, -7, "LW_NO_COLUMN", "the nodes lack a column that this needs"},
    {LW_NOT_PREPARED, -8, "LW_NOT_PREPARED", "the node set is not prepared and the request forbids preparing it now"},
    {LW_UNSUPPORTED, -9, "LW_UNSUPPORTED", "this strategy does not offer the operation"},
    {LW_KEY_REQUIRED, -10, "LW_KEY_REQUIRED", "the request has no key and the strategy insists on one"},
    {LW_TOO_LARGE, -11, "LW_TOO_LARGE", "the plan would exceed its stated bound"},
    {LW_FULL, -12, "LW_FULL", "the bound on entries is reached"},
    {LW_UNAVAILABLE, -13, "LW_UNAVAILABLE", "the store could not be asked in time"},
    {LW_CORRUPT, -14, "LW_CORRUPT", "the record is damaged or of a newer version"},
    {LW_ALREADY, -15, "LW_ALREADY", "this has ended before"},
    {LW_BUSY, -16, "LW_BUSY", "not allowed inside a hook"},
    {LW_FORKED, -17, "LW_FORKED", "the process has forked: lw_pool_after_fork comes first"},
    {LW_DENIED, -18, "LW_DENIED", "the store does not let us: wrong password, no permission, or it only reads"},
    {LW_NO_NODES, -32, "LW_NO_NODES", "there are no nodes"},
    {LW_ALL_UNHEALTHY, -33, "LW_ALL_UNHEALTHY", "every node is unhealthy"},
    {LW_EXCLUDED, -34, "LW_EXCLUDED", "the request excludes every node that is eligible"},
    {LW_FILTERED, -35, "LW_FILTERED", "the eligibility bitmap leaves no node"},
    {LW_SATURATED, -36, "LW_SATURATED", "every node is at its in-flight cap"},
    {LW_OVER_QUOTA, -37, "LW_OVER_QUOTA", "every node is over its quota"},
    {LW_DRAINING, -38, "LW_DRAINING", "every node is draining"},
    {LW_NO_WEIGHT, -39, "LW_NO_WEIGHT", "every eligible node has weight 0"},
    {LW_NO_KEY, -40, "LW_NO_KEY", "the request has no key"},
    {LW_NO_SLOTS, -41, "LW_NO_SLOTS", "every ticket slot is in use"},
    {LW_SHED, -42, "LW_SHED", "refused to spare what is overloaded"},
};

enum { PINNED = sizeof pinned / sizeof *pinned };

static void test_values_are_pinned(void **state) {
    (void)state;
    assert_int_equal(LW_OK, 0);
    for (size_t i = 0; i < PINNED; i++) {
        assert_int_equal(pinned[i].code, pinned[i].value);
        assert_string_equal(lw_error_name(pinned[i].value), pinned[i].name);
        assert_string_equal(lw_error_message(pinned[i].value), pinned[i].message);
    }
}

static void test_every_listed_code_is_pinned(void **state) {
    (void)state;
    size_t listed = 0;
#define COUNT_ONE(name, value, message) listed++;
    LW_ERROR_LIST(COUNT_ONE)
#undef COUNT_ONE
    assert_int_equal(listed, PINNED);
}

static void test_success_is_ok(void **state) {
    (void)state;
    static const int good[] = {0, 1, 17, INT_MAX};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_string_equal(lw_error_name(good[i]), "LW_OK");
        assert_string_equal(lw_error_message(good[i]), lw_error_message(0));
    }
    assert_true(strlen(lw_error_message(0)) > 0);
}

static void test_numbers_outside_the_list(void **state) {
    (void)state;
    static const int foreign[] = {-19, -31, -43, -1000, INT_MIN};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        assert_string_equal(lw_error_name(foreign[i]), "LW_?");
        assert_true(strlen(lw_error_message(foreign[i])) > 0);
        assert_string_not_equal(lw_error_message(foreign[i]), lw_error_message(0));
    }
}

static void test_border_between_errors_and_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < PINNED; i++) {
        assert_int_equal(lw_is_refusal(pinned[i].value), pinned[i].value <= -32);
    }
    assert_false(lw_is_refusal(0));
    assert_false(lw_is_refusal(-31));
    assert_true(lw_is_refusal(-32));
    assert_false(lw_is_refusal(LONG_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_pinned),
        cmocka_unit_test(test_every_listed_code_is_pinned),
        cmocka_unit_test(test_success_is_ok),
        cmocka_unit_test(test_numbers_outside_the_list),
        cmocka_unit_test(test_border_between_errors_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
