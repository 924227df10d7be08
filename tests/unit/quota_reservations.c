/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reservations over several dimensions: all or nothing, ended once, returned when lost. */
#include "quota_desk.h"

#include "ledger.h"

enum { RPM, TPM, PARALLEL, SPEND };

enum { LIMIT_RPM = 60, LIMIT_TPM = 1000, LIMIT_PARALLEL = 4, LIMIT_SPEND = 600 };

static ledger book;

static void four_dimensions(lw_quota_dimension dimensions[4]) {
    dimensions[RPM] = desk_dimension("rpm", LW_QUOTA_SLIDING, MINUTE);
    dimensions[RPM].estimate = LW_QUOTA_FIXED;
    dimensions[RPM].fixed = 1;
    dimensions[TPM] = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    dimensions[PARALLEL] = desk_dimension("parallel", LW_QUOTA_CONCURRENCY, 0);
    dimensions[PARALLEL].estimate = LW_QUOTA_FIXED;
    dimensions[PARALLEL].fixed = 1;
    dimensions[SPEND] = desk_dimension("spend", LW_QUOTA_GCRA, MINUTE);
}

static void four_limits(lw_quota *quota, uint64_t node) {
    lw_quota_limit limits[] = {desk_limit(RPM, LIMIT_RPM, 0), desk_limit(TPM, LIMIT_TPM, 0),
                               desk_limit(PARALLEL, LIMIT_PARALLEL, 0), desk_limit(SPEND, LIMIT_SPEND, 100)};
    assert_int_equal(lw_quota_register(quota, node, limits, 4, 0), LW_OK);
}

static lw_quota *four_open(uint32_t slots, uint64_t ttl) {
    lw_quota_dimension dimensions[4];
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota = NULL;
    lw_env env = ledger_env(&book, 1);
    four_dimensions(dimensions);
    options.dimensions = dimensions;
    options.dimension_count = 4;
    options.max_reservations = slots;
    options.ttl = ttl;
    assert_int_equal(lw_quota_new(&quota, &env, &options), LW_OK);
    four_limits(quota, NODE);
    return quota;
}

static int ask(lw_quota *quota, uint64_t tokens, uint64_t spend, uint64_t now, lw_reservation *reservation,
               lw_quota_refusal *refusal) {
    lw_amount amounts[] = {{TPM, tokens}, {SPEND, spend}};
    *refusal = (lw_quota_refusal)LW_QUOTA_REFUSAL_INIT;
    return lw_quota_reserve_at(quota, NODE, amounts, 2, now, reservation, refusal);
}

static lw_reservation get(lw_quota *quota, uint64_t tokens, uint64_t spend, uint64_t now) {
    lw_reservation reservation;
    lw_quota_refusal refusal;
    assert_int_equal(ask(quota, tokens, spend, now, &reservation, &refusal), LW_OK);
    return reservation;
}

/* Asks, is refused, and all four dimensions are as they were. */
static lw_quota_refusal be_refused(lw_quota *quota, uint64_t tokens, uint64_t spend, uint64_t now) {
    lw_reservation reservation;
    lw_quota_refusal refusal;
    lw_quota_reading before[4];
    for (uint32_t i = 0; i < 4; i++) {
        before[i] = desk_read(quota, i, now);
    }
    assert_int_equal(ask(quota, tokens, spend, now, &reservation, &refusal), LW_OVER_QUOTA);
    for (uint32_t i = 0; i < 4; i++) {
        lw_quota_reading after = desk_read(quota, i, now);
        assert_memory_equal(&before[i], &after, sizeof after);
    }
    assert_int_equal(lw_quota_cancel_at(quota, &reservation, now), LW_ALREADY);
    return refusal;
}

static void assert_refusal(lw_quota_refusal refusal, uint32_t dimension, uint32_t retry, uint64_t retry_at) {
    assert_int_equal(refusal.dimension, dimension);
    assert_int_equal(refusal.retry, retry);
    assert_int_equal(refusal.retry_at, retry_at);
}

static void assert_used(lw_quota *quota, uint64_t now, uint64_t rpm, uint64_t tpm, uint64_t parallel, uint64_t spend) {
    assert_int_equal(desk_used(quota, RPM, now), rpm);
    assert_int_equal(desk_used(quota, TPM, now), tpm);
    assert_int_equal(desk_used(quota, PARALLEL, now), parallel);
    assert_int_equal(desk_used(quota, SPEND, now), spend);
}

static void all_dimensions_are_charged_and_settled(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_amount actual[] = {{SPEND, 10}, {TPM, 250}};
    lw_reservation reservation = get(quota, 400, 50, 0);
    assert_used(quota, 0, 1, 400, 1, 50);
    assert_int_equal(desk_read(quota, TPM, 0).reserved, 400);
    assert_int_equal(desk_read(quota, PARALLEL, 0).reserved, 1);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, actual, 2, 0), LW_OK);
    assert_used(quota, 0, 1, 250, 0, 10);
    assert_int_equal(desk_read(quota, TPM, 0).reserved, 0);
    get(quota, 0, 0, 0); /* in the same slot, which has held tokens before */
    assert_int_equal(desk_read(quota, TPM, 0).reserved, 0);
    assert_int_equal(desk_read(quota, PARALLEL, 0).reserved, 1);
    lw_quota_free(quota);
}

static void cancelling_leaves_nothing(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation reservation = get(quota, 400, 50, 0);
    desk_cancel(quota, &reservation, SECOND);
    assert_used(quota, SECOND, 0, 0, 0, 0);
    lw_quota_free(quota);
}

static void a_refusal_names_the_dimension_that_limits_longest(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation held[LIMIT_PARALLEL];
    held[0] = get(quota, 900, 100, 0); /* tokens are back at 63 s, 100 of spend at 10 s */
    assert_refusal(be_refused(quota, 50, 50, 0), SPEND, LW_RETRY_AT, 5 * SECOND);
    assert_refusal(be_refused(quota, 200, 50, 0), TPM, LW_RETRY_AT, 63 * SECOND);
    assert_refusal(be_refused(quota, 200, 101, 0), SPEND, LW_RETRY_NEVER, LW_QUOTA_NEVER);
    assert_refusal(be_refused(quota, 1001, 50, 0), TPM, LW_RETRY_NEVER, LW_QUOTA_NEVER);
    for (int i = 1; i < LIMIT_PARALLEL; i++) {
        held[i] = get(quota, 0, 0, 0);
    }
    assert_refusal(be_refused(quota, 0, 0, 0), PARALLEL, LW_RETRY_ON_COMPLETION, 0);
    assert_refusal(be_refused(quota, 200, 0, 0), PARALLEL, LW_RETRY_ON_COMPLETION, 63 * SECOND);
    desk_cancel(quota, &held[1], 0);
    assert_refusal(be_refused(quota, 200, 0, 0), TPM, LW_RETRY_AT, 63 * SECOND);
    assert_int_equal(lw_quota_mark_exhausted_at(quota, NODE, 40 * SECOND, 0), LW_OK);
    assert_refusal(be_refused(quota, 0, 0, 0), LW_QUOTA_ALL, LW_RETRY_AT, 40 * SECOND);
    assert_refusal(be_refused(quota, 200, 0, 0), TPM, LW_RETRY_AT, 63 * SECOND);
    lw_quota_free(quota);
}

/* Just before the time that was named it is refused again, at that time it is granted. */
static void the_time_named_is_exact(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation reservation;
    get(quota, 900, 100, 17 * SECOND);
    lw_quota_refusal refusal = be_refused(quota, 800, 90, 18 * SECOND);
    be_refused(quota, 800, 90, refusal.retry_at - 1);
    assert_int_equal(ask(quota, 800, 90, refusal.retry_at, &reservation, &refusal), LW_OK);
    lw_quota_free(quota);
}

static void a_reservation_ends_once(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation reservation = get(quota, 400, 50, 0), copy = reservation, empty = {0}, wild = {0};
    lw_amount actual = {TPM, 100}, unknown = {9, 1}, twice[] = {{TPM, 1}, {TPM, 1}};
    assert_int_equal(lw_quota_commit_at(quota, &reservation, &unknown, 1, 0), LW_UNKNOWN);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, twice, 2, 0), LW_INVALID);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, &actual, 1, 0), LW_OK);
    assert_int_equal(lw_quota_commit_at(quota, &reservation, &actual, 1, 0), LW_ALREADY);
    assert_int_equal(lw_quota_cancel_at(quota, &copy, 0), LW_ALREADY);
    assert_used(quota, 0, 1, 100, 0, 50);
    lw_reservation next = get(quota, 400, 0, 0); /* in the same slot, most likely */
    assert_int_equal(lw_quota_cancel_at(quota, &copy, 0), LW_ALREADY);
    assert_int_equal(lw_quota_cancel_at(quota, &empty, 0), LW_ALREADY);
    wild.slot = UINT32_MAX;
    assert_int_equal(lw_quota_cancel_at(quota, &wild, 0), LW_INVALID);
    desk_cancel(quota, &next, 0);
    lw_quota_free(quota);
}

static void a_lost_reservation_comes_back_in_time(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 30 * SECOND);
    lw_reservation lost = get(quota, 900, 100, 0), late = get(quota, 50, 0, 10 * SECOND);
    assert_int_equal(lost.expires, 30 * SECOND);
    assert_int_equal(lw_quota_next_due(quota, 0), 100 * MS); /* a unit of spend */
    assert_int_equal(lw_quota_next_due(quota, 11 * SECOND), 30 * SECOND);
    be_refused(quota, 900, 0, 30 * SECOND - 1);
    get(quota, 900, 0, 30 * SECOND); /* the call that would be refused returns it first */
    assert_used(quota, 30 * SECOND, 2, 950, 2, 0);
    assert_int_equal(lw_quota_cancel_at(quota, &lost, 30 * SECOND), LW_ALREADY);
    desk_cancel(quota, &late, 50 * SECOND); /* late, but nobody had returned it yet */
    assert_used(quota, 50 * SECOND, 1, 900, 1, 0);
    assert_used(quota, 60 * SECOND, 0, 0, 0, 0);
    lw_quota_free(quota);
}

/* The one that expires first is returned, and the other one is not forgotten over it. */
static void two_lost_reservations(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 30 * SECOND);
    get(quota, 0, 0, 0);
    get(quota, 0, 0, 10 * SECOND);
    assert_int_equal(desk_used(quota, PARALLEL, 30 * SECOND), 1);
    assert_int_equal(desk_used(quota, PARALLEL, 40 * SECOND), 0);
    lw_quota_free(quota);
}

static void slots_are_bounded_and_come_back(void **state) {
    (void)state;
    lw_quota *quota = four_open(2, 30 * SECOND);
    lw_quota_refusal refusal;
    lw_reservation first = get(quota, 1, 1, 0), third;
    get(quota, 1, 1, 10 * SECOND);
    assert_int_equal(ask(quota, 1, 1, 10 * SECOND, &third, &refusal), LW_NO_SLOTS);
    assert_true(lw_is_refusal(LW_NO_SLOTS));
    assert_used(quota, 10 * SECOND, 2, 2, 2, 1);
    desk_cancel(quota, &first, 10 * SECOND);
    get(quota, 1, 1, 10 * SECOND);
    assert_int_equal(ask(quota, 1, 1, 10 * SECOND, &third, &refusal), LW_NO_SLOTS);
    get(quota, 1, 1, 40 * SECOND);
    lw_quota_free(quota);
}

static void without_a_ttl_nothing_expires(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, LW_QUOTA_NEVER);
    lw_reservation reservation = get(quota, 1, 0, 0);
    assert_true(reservation.expires == LW_QUOTA_NEVER);
    assert_int_equal(desk_used(quota, PARALLEL, UINT64_MAX), 1);
    desk_cancel(quota, &reservation, UINT64_MAX);
    assert_int_equal(desk_used(quota, PARALLEL, UINT64_MAX), 0);
    lw_quota_free(quota);
}

static void a_node_that_is_forgotten_takes_its_reservations_along(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation before = get(quota, 400, 50, 0), gone = get(quota, 400, 50, 0);
    assert_int_equal(lw_quota_forget(quota, NODE), 1);
    assert_int_equal(lw_quota_forget(quota, NODE), 0);
    desk_cancel(quota, &gone, 0);
    four_limits(quota, NODE);
    get(quota, 300, 30, 0);
    desk_cancel(quota, &before, 0); /* of the node that is no more: changes nothing here */
    assert_used(quota, 0, 1, 300, 1, 30);
    lw_quota_free(quota);
}

static void estimates(void **state) {
    lw_quota_dimension dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    (void)state;
    dimension.estimate = LW_QUOTA_CLAMP; /* more than the limit goes through when the window is empty */
    lw_quota *quota = desk_open(dimension, 100, 0);
    lw_reservation reservation = desk_reserve(quota, 5000, 0);
    assert_int_equal(desk_used(quota, 0, 0), 100);
    desk_commit(quota, &reservation, 130, 0);
    assert_int_equal(desk_used(quota, 0, 0), 130);
    assert_int_equal(desk_refused(quota, 5000, 0), 63 * SECOND);
    lw_quota_free(quota);

    dimension = desk_dimension("tpm", LW_QUOTA_GCRA, SECOND);
    dimension.estimate = LW_QUOTA_CLAMP;
    quota = desk_open(dimension, 10, 3);
    desk_reserve(quota, 5000, 0);
    assert_int_equal(desk_refused(quota, 5000, 0), 300 * MS);
    lw_quota_free(quota);

    dimension = desk_dimension("tpm", LW_QUOTA_SLIDING, MINUTE);
    dimension.estimate = LW_QUOTA_FIXED;
    dimension.fixed = 30;
    quota = desk_open(dimension, 100, 0);
    reservation = desk_reserve(quota, 5000, 0); /* whatever is named */
    assert_int_equal(desk_used(quota, 0, 0), 30);
    desk_commit(quota, &reservation, 7, 0);
    assert_int_equal(desk_used(quota, 0, 0), 7);
    lw_quota_free(quota);
}

static void a_dimension_without_a_limit_costs_nothing(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_quota_limit only = desk_limit(RPM, 1, 0);
    assert_int_equal(lw_quota_register(quota, NODE, &only, 1, 0), LW_OK);
    lw_reservation reservation = get(quota, 1000000, 1000000, 0);
    assert_used(quota, 0, 1, 0, 0, 0);
    assert_refusal(be_refused(quota, 0, 0, 0), RPM, LW_RETRY_AT, 63 * SECOND);
    lw_amount tokens = {TPM, 700};
    assert_int_equal(lw_quota_commit_at(quota, &reservation, &tokens, 1, 0), LW_OK);
    lw_quota_limit both[] = {desk_limit(RPM, 1, 0), desk_limit(TPM, LIMIT_TPM, 0)};
    assert_int_equal(lw_quota_register(quota, NODE, both, 2, 1), LW_OK);
    assert_used(quota, 0, 1, 0, 0, 0); /* nobody counted while there was no limit */
    lw_quota_free(quota);
}

static void mistakes_are_errors(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation reservation;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    lw_amount unknown = {4, 1}, twice[] = {{TPM, 1}, {RPM, 1}, {TPM, 1}};
    assert_int_equal(lw_quota_reserve_at(quota, 1, NULL, 0, 0, &reservation, &refusal), LW_UNKNOWN);
    assert_told(&book, LW_UNKNOWN, "node 0000000000000001");
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &unknown, 1, 0, &reservation, &refusal), LW_UNKNOWN);
    assert_told(&book, LW_UNKNOWN, "dimension 4");
    assert_int_equal(lw_quota_reserve_at(quota, NODE, twice, 3, 0, &reservation, &refusal), LW_INVALID);
    assert_told(&book, LW_INVALID, "'tpm' is named twice");
    assert_int_equal(refusal.retry_at, 0);
    assert_used(quota, 0, 0, 0, 0, 0);
    lw_quota_free(quota);
}

/* A caller built with a shorter struct: nothing is written past its end. */
static void a_shorter_refusal_is_respected(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_amount much = {TPM, 1001};
    lw_reservation reservation;
    lw_quota_refusal refusal = {.size = offsetof(lw_quota_refusal, retry_at), .retry_at = 77};
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &much, 1, 0, &reservation, &refusal), LW_OVER_QUOTA);
    assert_int_equal(refusal.retry, LW_RETRY_NEVER);
    assert_int_equal(refusal.retry_at, 77);
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &much, 1, 0, &reservation, NULL), LW_OVER_QUOTA);
    assert_int_equal(sizeof reservation, 32);
    lw_quota_free(quota);
}

/* The short forms look at the clock once, the others never. */
static void one_look_at_the_clock(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    lw_reservation reservation;
    lw_amount one = {TPM, 10};
    uint64_t looks = book.clock_reads;
    book.now = 5 * SECOND;
    assert_int_equal(lw_quota_reserve(quota, NODE, &one, 1, &reservation, NULL), LW_OK);
    assert_int_equal(reservation.expires, 605 * SECOND);
    assert_int_equal(lw_quota_commit(quota, &reservation, &one, 1), LW_OK);
    assert_int_equal(lw_quota_cancel(quota, &reservation), LW_ALREADY);
    assert_int_equal(lw_quota_record(quota, NODE, &one, 1), 1);
    assert_int_equal(book.clock_reads, looks + 4);
    get(quota, 1, 1, 6 * SECOND);
    assert_int_equal(book.clock_reads, looks + 4);
    assert_int_equal(desk_read(quota, TPM, 6 * SECOND).more_at, 66 * SECOND);
    lw_quota_free(quota);
}

/* Reserving and settling asks for no memory. */
static void nothing_is_allocated(void **state) {
    (void)state;
    lw_quota *quota = four_open(0, 0);
    uint64_t asked = book.asked;
    for (uint64_t i = 0; i < 1000; i++) {
        lw_reservation reservation = get(quota, 10, 1, i * SECOND);
        desk_cancel(quota, &reservation, i * SECOND);
        be_refused(quota, 2000, 0, i * SECOND);
    }
    assert_int_equal(book.asked, asked);
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
        DESK_TEST(all_dimensions_are_charged_and_settled),
        DESK_TEST(cancelling_leaves_nothing),
        DESK_TEST(a_refusal_names_the_dimension_that_limits_longest),
        DESK_TEST(the_time_named_is_exact),
        DESK_TEST(a_reservation_ends_once),
        DESK_TEST(a_lost_reservation_comes_back_in_time),
        DESK_TEST(two_lost_reservations),
        DESK_TEST(slots_are_bounded_and_come_back),
        DESK_TEST(without_a_ttl_nothing_expires),
        DESK_TEST(a_node_that_is_forgotten_takes_its_reservations_along),
        DESK_TEST(estimates),
        DESK_TEST(a_dimension_without_a_limit_costs_nothing),
        DESK_TEST(mistakes_are_errors),
        DESK_TEST(a_shorter_refusal_is_respected),
        DESK_TEST(one_look_at_the_clock),
        DESK_TEST(nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
