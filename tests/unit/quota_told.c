/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a tracker is told (marks, reports, limits) and what it tells (readings, walks, hooks, the filter). */
#include "quota_desk.h"

#include "ledger.h"

enum { TPM, SPEND, PARALLEL };

/* ---- hooks ---- */

struct heard {
    uint32_t exhausted, released, forgotten;
    uint64_t node, until;
    char dimension[16];
};

static void hear_exhausted(void *user, uint64_t node, const char *dimension, uint64_t until) {
    struct heard *heard = user;
    heard->exhausted++;
    heard->node = node;
    heard->until = until;
    snprintf(heard->dimension, sizeof heard->dimension, "%s", dimension);
}

static void hear_released(void *user, uint64_t node, const char *dimension) {
    struct heard *heard = user;
    heard->released++;
    heard->node = node;
    snprintf(heard->dimension, sizeof heard->dimension, "%s", dimension);
}

static void hear_forgotten(void *user, uint64_t node) {
    struct heard *heard = user;
    heard->forgotten++;
    heard->node = node;
}

static ledger book;
static struct heard heard;

static void three_dimensions(lw_quota_dimension dimensions[3]) {
    dimensions[TPM] = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    dimensions[SPEND] = desk_dimension("spend", LW_QUOTA_GCRA, MINUTE);
    dimensions[PARALLEL] = desk_dimension("parallel", LW_QUOTA_CONCURRENCY, 0);
}

static lw_quota *three_open(void) {
    lw_observer observer = LW_OBSERVER_INIT;
    lw_quota_dimension dimensions[3];
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_limit limits[] = {desk_limit(TPM, 100, 0), desk_limit(SPEND, 60, 10), desk_limit(PARALLEL, 2, 0)};
    lw_env env = ledger_env(&book, 1);
    lw_quota *quota = NULL;
    three_dimensions(dimensions);
    observer.user = &heard;
    observer.quota_exhausted = hear_exhausted;
    observer.quota_released = hear_released;
    observer.forgotten = hear_forgotten;
    options.dimensions = dimensions;
    options.dimension_count = 3;
    options.max_exhausted = 3600 * SECOND;
    options.observer = &observer;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_OK);
    assert_int_equal(lw_quota_register(quota, NODE, limits, 3, 0), LW_OK);
    return quota;
}

static lw_reservation take(lw_quota *quota, uint32_t dimension, uint64_t amount, uint64_t now) {
    lw_amount one = {dimension, amount};
    lw_reservation reservation;
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, NULL), LW_OK);
    return reservation;
}

static void be_refused(lw_quota *quota, uint32_t dimension, uint64_t amount, uint64_t now) {
    lw_amount one = {dimension, amount};
    lw_reservation reservation;
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &one, 1, now, &reservation, NULL), LW_OVER_QUOTA);
}

static void assert_exhausted(uint32_t times, const char *dimension, uint64_t until) {
    assert_int_equal(heard.exhausted, times);
    assert_string_equal(heard.dimension, dimension);
    assert_int_equal(heard.until, until);
    assert_int_equal(heard.node, NODE);
}

static void assert_released(uint32_t times, const char *dimension) {
    assert_int_equal(heard.released, times);
    assert_string_equal(heard.dimension, dimension);
}

static void exhaustion_is_told_once_each_way(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, TPM, 99, 0);
    assert_int_equal(heard.exhausted, 0);
    take(quota, TPM, 1, 0);
    assert_exhausted(1, "tpm", 63 * SECOND);
    be_refused(quota, TPM, 1, SECOND);
    be_refused(quota, TPM, 50, 2 * SECOND);
    assert_int_equal(heard.exhausted, 1);
    desk_remaining(quota, TPM, 63 * SECOND - 1);
    assert_int_equal(heard.released, 0);
    desk_remaining(quota, TPM, 63 * SECOND);
    assert_released(1, "tpm");
    lw_quota_free(quota);
}

/* A large request is refused, small ones go on: no flicker until the time that the refusal named. */
static void a_refusal_is_told_too(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, TPM, 90, 0);
    be_refused(quota, TPM, 20, 0);
    assert_exhausted(1, "tpm", 63 * SECOND);
    take(quota, TPM, 5, SECOND);
    be_refused(quota, TPM, 20, SECOND);
    be_refused(quota, TPM, 101, SECOND); /* never possible: says nothing about the node */
    assert_int_equal(heard.exhausted, 1);
    assert_int_equal(heard.released, 0);
    take(quota, TPM, 1, 63 * SECOND);
    assert_released(1, "tpm");
    lw_quota_free(quota);
}

static void exhaustion_of_the_other_kinds_is_told(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, SPEND, 10, 0);
    assert_exhausted(1, "spend", SECOND);
    desk_remaining(quota, SPEND, SECOND);
    assert_released(1, "spend");
    lw_reservation reservation = take(quota, PARALLEL, 1, SECOND);
    take(quota, PARALLEL, 1, SECOND);
    assert_exhausted(2, "parallel", LW_QUOTA_NEVER);
    desk_cancel(quota, &reservation, SECOND);
    assert_released(2, "parallel");
    lw_quota_free(quota);
}

static void marks_and_forgetting_are_told(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    lw_quota_mark_exhausted_at(quota, NODE, 5 * SECOND, 0);
    assert_exhausted(1, "all", 5 * SECOND);
    lw_quota_mark_exhausted_at(quota, NODE, 9 * SECOND, 0);
    desk_remaining(quota, TPM, 9 * SECOND - 1);
    assert_int_equal(heard.exhausted, 1);
    assert_int_equal(heard.released, 0);
    desk_remaining(quota, TPM, 9 * SECOND);
    assert_released(1, "all");
    lw_quota_forget(quota, NODE);
    assert_int_equal(heard.forgotten, 1);
    lw_quota_forget(quota, NODE);
    assert_int_equal(heard.forgotten, 1);
    lw_quota_free(quota);
}

/* ---- marks ---- */

static uint64_t marked_until(lw_quota *quota, uint64_t now) {
    uint64_t until = 77;
    assert_int_equal(lw_quota_exhausted_until_at(quota, NODE, now, &until), LW_OK);
    return until;
}

static void the_later_mark_wins_and_long_ones_are_cut(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    assert_int_equal(marked_until(quota, 0), 0);
    lw_quota_mark_exhausted_at(quota, NODE, 30 * SECOND, 10 * SECOND);
    lw_quota_mark_exhausted_at(quota, NODE, 5 * SECOND, 12 * SECOND);
    assert_int_equal(marked_until(quota, 12 * SECOND), 40 * SECOND);
    assert_int_equal(desk_remaining(quota, TPM, 12 * SECOND), 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 12 * SECOND) == 0);
    be_refused(quota, TPM, 1, 40 * SECOND - 1);
    take(quota, TPM, 1, 40 * SECOND);
    assert_int_equal(marked_until(quota, 40 * SECOND), 0);
    lw_quota_mark_exhausted_at(quota, NODE, UINT64_MAX, 50 * SECOND);
    assert_int_equal(marked_until(quota, 50 * SECOND), 3650 * SECOND);
    assert_int_equal(desk_read(quota, TPM, 50 * SECOND).remaining, 99);
    lw_quota_mark_exhausted_at(quota, NODE, SECOND, UINT64_MAX);
    assert_true(marked_until(quota, UINT64_MAX - 1) == UINT64_MAX);
    lw_quota_free(quota);
}

/* ---- reports of a provider ---- */

static void a_report_of_less_counts_until_its_reset(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, TPM, 10, 0);
    assert_int_equal(lw_quota_observe_at(quota, NODE, TPM, 30, 20 * SECOND, 1 * SECOND), LW_OK);
    assert_int_equal(desk_used(quota, TPM, SECOND), 70);
    take(quota, TPM, 30, SECOND);
    be_refused(quota, TPM, 1, 20 * SECOND);
    assert_true(lw_quota_ratio_at(quota, NODE, 20 * SECOND) == 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 21 * SECOND) == 0.6);
    assert_int_equal(desk_used(quota, TPM, 21 * SECOND), 40); /* 21 s is a border of buckets */
    lw_quota_free(quota);
}

static void a_report_of_more_changes_nothing(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, TPM, 60, 0);
    lw_quota_observe_at(quota, NODE, TPM, 90, 20 * SECOND, SECOND);
    assert_int_equal(desk_used(quota, TPM, SECOND), 60);
    lw_quota_observe_at(quota, NODE, TPM, UINT64_MAX, 20 * SECOND, SECOND);
    assert_int_equal(desk_used(quota, TPM, SECOND), 60);
    lw_quota_free(quota);
}

static void the_latest_report_holds(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    take(quota, TPM, 10, 0);
    lw_quota_observe_at(quota, NODE, TPM, 0, 3600 * SECOND, SECOND); /* at most a window */
    assert_int_equal(desk_remaining(quota, TPM, SECOND), 0);
    assert_int_equal(desk_read(quota, TPM, SECOND).reset_at, 63 * SECOND);
    lw_quota_observe_at(quota, NODE, TPM, 50, 10 * SECOND, 2 * SECOND);
    assert_int_equal(desk_remaining(quota, TPM, 2 * SECOND), 50);
    lw_quota_observe_at(quota, NODE, TPM, 95, 10 * SECOND, 2 * SECOND);
    assert_int_equal(desk_remaining(quota, TPM, 2 * SECOND), 90);
    lw_quota_observe_at(quota, NODE, TPM, 20, 0, 3 * SECOND); /* to the end of this bucket */
    assert_int_equal(desk_remaining(quota, TPM, 3 * SECOND), 20);
    lw_quota_observe_at(quota, NODE, TPM, 20, 1, 4 * SECOND);
    assert_int_equal(desk_remaining(quota, TPM, 6 * SECOND - 1), 20);
    assert_int_equal(desk_remaining(quota, TPM, 6 * SECOND), 90);
    lw_quota_free(quota);
}

static void a_report_to_gcra_drains_at_its_rate(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    lw_quota_observe_at(quota, NODE, SPEND, 4, 0, SECOND);
    assert_int_equal(desk_remaining(quota, SPEND, SECOND), 4);
    lw_quota_observe_at(quota, NODE, SPEND, 9, 0, SECOND);
    assert_int_equal(desk_remaining(quota, SPEND, 3 * SECOND), 6);
    lw_quota_free(quota);
}

/* ---- reading ---- */

static void the_ratio_is_the_least_of_all(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    assert_true(lw_quota_ratio_at(quota, NODE, 0) == 1);
    take(quota, TPM, 25, 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 0) == 0.75);
    take(quota, PARALLEL, 1, 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 0) == 0.5);
    take(quota, SPEND, 8, 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 0) > 0.199 && lw_quota_ratio_at(quota, NODE, 0) < 0.201);
    desk_record(quota, 500, 0);
    assert_true(lw_quota_ratio_at(quota, NODE, 0) == 0);
    assert_true(lw_quota_ratio_at(quota, 1, 0) != lw_quota_ratio_at(quota, 1, 0)); /* NaN */
    lw_quota_free(quota);
}

static int gather(void *user, const lw_quota_snapshot *snapshot) {
    lw_quota_snapshot *all = user;
    assert_int_equal(snapshot->count, 3);
    all[snapshot->node - NODE] = *snapshot;
    all[snapshot->node - NODE].exhausted_until += snapshot->readings[TPM].used; /* readings live for the call */
    return 0;
}

static int stop(void *user, const lw_quota_snapshot *snapshot) {
    (void)user, (void)snapshot;
    return 42;
}

static void a_walk_sees_every_node(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    lw_quota_snapshot all[2] = {{0}, {0}};
    lw_quota_limit limit = desk_limit(TPM, 10, 0);
    assert_int_equal(lw_quota_register(quota, NODE + 1, &limit, 1, 0), LW_OK);
    take(quota, TPM, 30, 0);
    lw_quota_mark_exhausted_at(quota, NODE + 1, 1000, 0);
    assert_int_equal(lw_quota_each_at(quota, 10, gather, all), 0);
    assert_int_equal(all[0].node, NODE);
    assert_int_equal(all[0].exhausted_until, 0 + 30);
    assert_true(all[0].ratio == 0.7);
    assert_int_equal(all[1].exhausted_until, 1000 + 0);
    assert_true(all[1].ratio == 0);
    assert_int_equal(lw_quota_each_at(quota, 10, stop, NULL), 42);
    lw_quota_free(quota);
}

static void what_is_next_due(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    assert_true(lw_quota_next_due(quota, 0) == LW_QUOTA_NEVER);
    desk_record(quota, 5, 10 * SECOND);
    assert_int_equal(lw_quota_next_due(quota, 10 * SECOND), 72 * SECOND);
    lw_quota_mark_exhausted_at(quota, NODE, 20 * SECOND, 10 * SECOND);
    assert_int_equal(lw_quota_next_due(quota, 10 * SECOND), 30 * SECOND);
    assert_int_equal(lw_quota_next_due(quota, 30 * SECOND), 72 * SECOND);
    assert_true(lw_quota_next_due(quota, 72 * SECOND) == LW_QUOTA_NEVER);
    lw_quota_free(quota);
}

static void history_of_the_other_kinds(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    lw_quota_use uses[2];
    take(quota, SPEND, 7, 0);
    take(quota, PARALLEL, 1, 0);
    assert_int_equal(lw_quota_history(quota, NODE, SPEND, 2 * SECOND, uses, 2), 1);
    assert_int_equal(uses[0].at, 2 * SECOND);
    assert_int_equal(uses[0].amount, 5);
    assert_int_equal(lw_quota_history(quota, NODE, PARALLEL, 0, uses, 2), 0);
    assert_int_equal(lw_quota_history(quota, NODE, 9, 0, uses, 2), LW_UNKNOWN);
    desk_record(quota, 1, 0);
    desk_record(quota, 1, 30 * SECOND);
    assert_int_equal(lw_quota_history(quota, NODE, TPM, 30 * SECOND, uses, 1), 2); /* how many there are */
    assert_int_equal(uses[0].at, 3 * SECOND - 1);                                  /* as late as its bucket allows */
    lw_quota_free(quota);
}

/* ---- the filter ---- */

static void the_filter(void **state) {
    (void)state;
    lw_quota *quota = three_open();
    lw_quota_limit limit = desk_limit(TPM, 10, 0);
    uint64_t ids[] = {NODE, NODE + 1, 999}, words[1];
    lw_nodes nodes;
    lw_request request = LW_REQUEST_INIT;
    lw_amount amount = {TPM, 20};
    lw_quota_filter half = lw_filter_quota(quota, 0.5), any = lw_filter_quota(quota, 0);
    lw_nodes_init(&nodes, 3);
    LW_SET_VALUES(nodes, id, ids);
    lw_quota_register(quota, NODE + 1, &limit, 1, 0);
    assert_int_equal(lw_filter_apply(&half.filter, &nodes, NULL, SECOND, words), 2);
    take(quota, TPM, 51, SECOND);
    assert_int_equal(lw_filter_apply(&half.filter, &nodes, NULL, SECOND, words), 1);
    assert_int_equal(words[0], 2);
    request.amounts = &amount;
    request.amount_count = 1;
    assert_int_equal(lw_filter_apply(&any.filter, &nodes, &request, SECOND, words), 1);
    assert_int_equal(words[0], 1);
    amount.dimension = 9;
    assert_int_equal(lw_filter_apply(&any.filter, &nodes, &request, SECOND, words), 0);
    book.now = SECOND + 2 * MINUTE; /* 0 reads the clock */
    assert_int_equal(lw_filter_apply(&half.filter, &nodes, NULL, 0, words), 2);
    lw_quota_free(quota);
}

static int before_each(void **state) {
    (void)state;
    memset(&heard, 0, sizeof heard);
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
        DESK_TEST(exhaustion_is_told_once_each_way),
        DESK_TEST(a_refusal_is_told_too),
        DESK_TEST(exhaustion_of_the_other_kinds_is_told),
        DESK_TEST(marks_and_forgetting_are_told),
        DESK_TEST(the_later_mark_wins_and_long_ones_are_cut),
        DESK_TEST(a_report_of_less_counts_until_its_reset),
        DESK_TEST(a_report_of_more_changes_nothing),
        DESK_TEST(the_latest_report_holds),
        DESK_TEST(a_report_to_gcra_drains_at_its_rate),
        DESK_TEST(the_ratio_is_the_least_of_all),
        DESK_TEST(a_walk_sees_every_node),
        DESK_TEST(what_is_next_due),
        DESK_TEST(history_of_the_other_kinds),
        DESK_TEST(the_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
