/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mistakes are told with a code and in words, and change nothing; or are overlooked where that was asked for. */
#include "quota_desk.h"

#include "ledger.h"

enum { TPM, SPEND, PARALLEL };

static ledger book;

static lw_quota *three_open(uint32_t flags) {
    lw_quota_dimension dimensions[] = {desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE),
                                       desk_dimension("spend", LW_QUOTA_GCRA, MINUTE),
                                       desk_dimension("parallel", LW_QUOTA_CONCURRENCY, 0)};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_limit limits[] = {desk_limit(TPM, 100, 0), desk_limit(SPEND, 60, 10), desk_limit(PARALLEL, 2, 0)};
    lw_env env = ledger_env(&book, 1);
    lw_quota *quota = NULL;
    options.dimensions = dimensions;
    options.dimension_count = 3;
    options.flags = flags;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, NODE, limits, 3, 0), LW_OK);
    return quota;
}

static void unknown_things_are_errors(void **state) {
    (void)state;
    lw_quota *quota = three_open(0);
    uint64_t value = 77;
    lw_amount amount = {9, 1}, flight = {PARALLEL, 1};
    lw_quota_reading reading = LW_QUOTA_READING_INIT, shorter = {.size = 8};
    assert_int_equal(lw_quota_remaining_at(quota, 1, TPM, 0, &value), LW_UNKNOWN);
    assert_int_equal(value, 0);
    assert_int_equal(lw_quota_remaining_at(quota, NODE, 9, 0, &value), LW_UNKNOWN);
    assert_int_equal(lw_quota_record_at(quota, 1, NULL, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_record_at(quota, NODE, &amount, 1, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_record_at(quota, NODE, &flight, 1, 0), LW_UNSUPPORTED);
    assert_told(&book, LW_UNSUPPORTED, "'parallel'");
    assert_int_equal(lw_quota_observe_at(quota, NODE, PARALLEL, 0, 0, 0), LW_UNSUPPORTED);
    assert_int_equal(lw_quota_observe_at(quota, 1, TPM, 0, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_observe_at(quota, NODE, 9, 0, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_mark_exhausted_at(quota, 1, SECOND, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_exhausted_until_at(quota, 1, 0, &value), LW_UNKNOWN);
    assert_int_equal(lw_quota_read_at(quota, 1, TPM, 0, &reading), LW_UNKNOWN);
    assert_int_equal(lw_quota_read_at(quota, NODE, TPM, 0, &shorter), LW_INVALID);
    assert_int_equal(lw_quota_dimension_number(quota, "tpm"), TPM);
    assert_int_equal(lw_quota_dimension_number(quota, "qps"), LW_UNKNOWN);
    assert_string_equal(lw_quota_dimension_name(quota, SPEND), "spend");
    assert_string_equal(lw_quota_dimension_name(quota, LW_QUOTA_ALL), "all");
    assert_null(lw_quota_dimension_name(quota, 3));
    lw_quota_free(quota);
}

static void leniency_overlooks_them(void **state) {
    (void)state;
    lw_quota *quota = three_open(LW_QUOTA_LENIENT);
    uint64_t value = 77, id = 1, words[1];
    lw_amount amounts[] = {{9, 1}, {TPM, 4}};
    lw_reservation reservation;
    lw_quota_filter filter = lw_filter_quota(quota, 0.5);
    lw_nodes nodes;
    lw_nodes_init(&nodes, 1);
    LW_SET_VALUES(nodes, id, &id);
    assert_int_equal(lw_quota_record_at(quota, NODE, amounts, 2, 0), 1);
    assert_int_equal(desk_used(quota, TPM, 0), 4);
    assert_int_equal(lw_quota_record_at(quota, 1, amounts, 2, 0), 0);
    assert_int_equal(lw_quota_remaining_at(quota, 1, TPM, 0, &value), LW_OK);
    assert_true(value == LW_QUOTA_UNLIMITED);
    assert_true(lw_quota_ratio_at(quota, 1, 0) == 1);
    assert_int_equal(lw_quota_reserve_at(quota, 1, amounts, 2, 0, &reservation, NULL), LW_OK);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, amounts, 2, 0), LW_OK);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, amounts, 2, 0), LW_ALREADY);
    assert_int_equal(lw_filter_apply(&filter.filter, &nodes, NULL, SECOND, words), 1);
    lw_quota_free(quota);
}

static void limits_are_checked_before_they_count(void **state) {
    (void)state;
    lw_quota *quota = three_open(0);
    static const struct {
        lw_quota_limit limit;
        int error;
        const char *words;
    } wrong[] = {
        {{9, 0, 1, 0}, LW_UNKNOWN, "dimension 9"},
        {{TPM, 0, 0, 0}, LW_RANGE, "'tpm'"},
        {{TPM, 0, LW_QUOTA_LIMIT_MAX + 1, 0}, LW_RANGE, "'tpm'"},
        {{TPM, 0, 1, 1}, LW_RANGE, "only gcra has a burst"},
        {{PARALLEL, 0, 1, 1}, LW_RANGE, "only gcra has a burst"},
        {{SPEND, 0, 1, 0}, LW_RANGE, "gcra needs a burst"},
        {{SPEND, 0, UINT64_C(1) << 39, 1}, LW_RANGE, "larger units"},
        {{SPEND, 0, 1, LW_QUOTA_LIMIT_MAX}, LW_RANGE, "too many times the limit"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(lw_quota_register(quota, NODE, &wrong[i].limit, 1, 0), wrong[i].error);
        assert_told(&book, wrong[i].error, wrong[i].words);
    }
    lw_quota_limit twice[] = {desk_limit(TPM, 1, 0), desk_limit(TPM, 2, 0)};
    assert_int_equal(lw_quota_register(quota, NODE, twice, 2, 0), LW_INVALID);
    assert_int_equal(desk_read(quota, TPM, 0).limit, 100);
    lw_quota_free(quota);
}

static void assert_no_tracker(lw_quota_dimension dimension, int error, const char *words) {
    lw_env env = ledger_env(&book, 1);
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = (lw_quota *)&options;
    lw_quota_dimension both[] = {desk_dimension("rpm", LW_QUOTA_SLIDING, MINUTE), dimension};
    options.dimensions = both;
    options.dimension_count = 2;
    assert_int_equal(lw_quota_new(&quota, &env, &options), error);
    assert_null(quota);
    assert_told(&book, error, words);
}

static void dimensions_are_checked(void **state) {
    (void)state;
    lw_quota_dimension wrong = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    assert_no_tracker(desk_dimension("rpm", LW_QUOTA_GCRA, MINUTE), LW_INVALID, "'rpm' is taken");
    assert_no_tracker(desk_dimension("all", LW_QUOTA_GCRA, MINUTE), LW_INVALID, "'all' is taken");
    assert_no_tracker(desk_dimension(NULL, LW_QUOTA_GCRA, MINUTE), LW_INVALID, "no name");
    assert_no_tracker(desk_dimension("", LW_QUOTA_GCRA, MINUTE), LW_INVALID, "no name");
    assert_no_tracker(desk_dimension("tpm", 3, MINUTE), LW_RANGE, "kind");
    assert_no_tracker(desk_dimension("tpm", LW_QUOTA_SLIDING, MS - 1), LW_RANGE, "window");
    assert_no_tracker(desk_dimension("tpm", LW_QUOTA_GCRA, 367 * 1440 * MINUTE), LW_RANGE, "window");
    wrong.resolution = 1001;
    assert_no_tracker(wrong, LW_RANGE, "resolution");
    wrong = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    wrong.cover = 2;
    assert_no_tracker(wrong, LW_RANGE, "cover");
    wrong = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    wrong.estimate = 3;
    assert_no_tracker(wrong, LW_RANGE, "estimate");
    wrong.estimate = LW_QUOTA_FIXED;
    assert_no_tracker(wrong, LW_RANGE, "fixed");
    wrong.size = 8;
    assert_no_tracker(wrong, LW_INVALID, "size");
}

static void trackers_need_dimensions(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = NULL;
    lw_quota_dimension many[33];
    assert_int_equal(lw_quota_new(&quota, &env, NULL), LW_INVALID);
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_INVALID);
    options.dimensions = many;
    for (uint32_t i = 0; i < 33; i++) {
        static char names[33][4];
        snprintf(names[i], sizeof names[i], "d%u", i % 100);
        many[i] = desk_dimension(names[i], i % 3, MINUTE);
    }
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_RANGE);
    options.dimension_count = 33;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_RANGE);
    options.dimension_count = 32;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_OK);
    assert_string_equal(lw_quota_dimension_name(quota, 31), "d31");
    lw_quota_free(quota);
    lw_quota_free(NULL);
}

static void nodes_are_bounded(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = NULL;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    options.max_nodes = 2;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, 1, NULL, 0, 0), LW_OK);
    assert_int_equal(lw_quota_register(quota, 2, NULL, 0, 0), LW_OK);
    assert_int_equal(lw_quota_register(quota, 2, NULL, 0, 0), LW_OK);
    assert_int_equal(lw_quota_register(quota, 3, NULL, 0, 0), LW_FULL);
    assert_int_equal(lw_quota_forget(quota, 1), 1);
    assert_int_equal(lw_quota_register(quota, 3, NULL, 0, 0), LW_OK);
    lw_quota_free(quota);
}

static int before_each(void **state) {
    (void)state;
    ledger_open(&book);
    return 0;
}

static int after_each(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        DESK_TEST(unknown_things_are_errors),
        DESK_TEST(leniency_overlooks_them),
        DESK_TEST(limits_are_checked_before_they_count),
        DESK_TEST(dimensions_are_checked),
        DESK_TEST(trackers_need_dimensions),
        DESK_TEST(nodes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
