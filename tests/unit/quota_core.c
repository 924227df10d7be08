/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The core of quotas at moments that a test from outside cannot bring about: another thread has done half of something.
 * The core keeps only words; what such a thread would have written is written here.
 */
#include "quota/quota.h"

#include "quota_desk.h"

#include <stdlib.h>

enum { FIRST, SECOND_ONE, THIRD, LAST };

/* Words of a sliding count: limit, told, used, epoch, ... */
enum { WORD_USED = 2, WORD_EPOCH = 3 };

static lw_env env;
static struct lw__quota_plan plan;
static struct lw__quota_node *node;

static int core_open(void **state) {
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimensions[] = {
        desk_dimension("first", LW_QUOTA_SLIDING, MINUTE), desk_dimension("second", LW_QUOTA_GCRA, MINUTE),
        desk_dimension("third", LW_QUOTA_CONCURRENCY, 0), desk_dimension("last", LW_QUOTA_SLIDING, MINUTE)};
    lw_quota_limit limits[] = {desk_limit(FIRST, 100, 0), desk_limit(SECOND_ONE, 60, 60), desk_limit(THIRD, 100, 0),
                               desk_limit(LAST, 5, 0)};
    (void)state;
    options.dimensions = dimensions;
    options.dimension_count = 4;
    assert_int_equal(lw__env_init(&env, NULL), LW_OK);
    assert_int_equal(lw__quota_plan_init(&plan, &env, &options), LW_OK);
    node = lw__alloc(&env, plan.node_size);
    assert_non_null(node);
    lw__quota_limits(&plan, node, limits, 4, false);
    return 0;
}

static int core_close(void **state) {
    (void)state;
    lw__release(&env, node);
    lw__quota_plan_free(&plan, &env);
    return 0;
}

static uint64_t *words_of(uint32_t dimension) { return (uint64_t *)lw__quota_count_of(&plan, node, dimension); }

static uint64_t used_of(uint32_t dimension, uint64_t now) {
    lw_quota_reading reading;
    lw__quota_reading_of(&plan, node, dimension, now, &reading);
    return reading.used;
}

static bool charge_all(const uint64_t amounts[4], uint64_t now) {
    struct lw__quota_charge charges[4];
    uint32_t charged;
    return lw__quota_charge(&plan, node, amounts, 15, now, charges, &charged);
}

static bool charge(uint64_t first, uint64_t last, uint64_t now) {
    uint64_t amounts[4] = {first, first > 60 ? 60 : first, first, last};
    return charge_all(amounts, now);
}

/* Every dimension agreed, and then another thread took what the last one had. */
static void a_charge_that_comes_too_late_is_rolled_back(void **state) {
    (void)state;
    assert_false(charge(50, 6, 0));
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(used_of(i, 0), 0);
    }
    assert_true(charge(50, 5, 0));
    assert_false(charge(10, 1, 0));
    assert_int_equal(used_of(FIRST, 0), 50);
    assert_int_equal(used_of(SECOND_ONE, 0), 50);
    assert_int_equal(used_of(THIRD, 0), 50);
}

/* The epoch has been raised by a thread that has not come to expire anything yet. */
static void a_roll_left_half_done(void **state) {
    uint64_t sixty[4] = {60, 0, 0, 0}, forty[4] = {40, 0, 0, 0};
    (void)state;
    assert_true(charge_all(sixty, 0));
    words_of(FIRST)[WORD_EPOCH] += 32; /* the ring is back at the cell of the charge */
    assert_true(charge_all(forty, 96 * SECOND));
    assert_int_equal(words_of(FIRST)[WORD_USED], 40);
    words_of(FIRST)[WORD_EPOCH] += 25; /* another cell: a take that would be refused looks for what has expired */
    assert_true(charge_all(sixty, 171 * SECOND));
    assert_int_equal(words_of(FIRST)[WORD_USED], 100);
    assert_true(charge_all(forty, 171 * SECOND));
    assert_int_equal(words_of(FIRST)[WORD_USED], 100);
}

/* In the gate, and not in a cell yet: refused, with a time that has come, and nothing is lost. */
static void an_amount_between_gate_and_cell(void **state) {
    uint64_t amounts[4] = {50, 0, 0, 0};
    lw_quota_refusal refusal;
    (void)state;
    words_of(FIRST)[WORD_USED] += 60;
    assert_false(lw__quota_fits(&plan, node, amounts, 15, 7 * SECOND, &refusal));
    assert_int_equal(refusal.dimension, FIRST);
    assert_int_equal(refusal.retry, LW_RETRY_AT);
    assert_int_equal(refusal.retry_at, 7 * SECOND);
    words_of(FIRST)[WORD_USED] -= 60;
    assert_true(lw__quota_fits(&plan, node, amounts, 15, 7 * SECOND, &refusal));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_charge_that_comes_too_late_is_rolled_back, core_open, core_close),
        cmocka_unit_test_setup_teardown(a_roll_left_half_done, core_open, core_close),
        cmocka_unit_test_setup_teardown(an_amount_between_gate_and_cell, core_open, core_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
