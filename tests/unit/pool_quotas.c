/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas of a pool: chosen and charged in one step, all dimensions or none, settled by what was really used.
 *
 * rpm: 1 for each request, ten in a second one after the other. tpm: what the request names, 1000 in a window so long
 * that nothing comes back within a test. slots: under way. bps: what the request names, and it flows back.
 */
#include "pool_stand.h"

enum { RPM, TPM, SLOTS, BPS, DIMENSIONS };

static stand s;
static lw_quota_limit limits[STAND_MOST][DIMENSIONS];

static int open_quotas(void **state) {
    static const lw_quota_dimension dimensions[DIMENSIONS] = {
        {.size = sizeof dimensions[0],
         .name = "rpm",
         .kind = LW_QUOTA_GCRA,
         .estimate = LW_QUOTA_FIXED,
         .window = SECOND,
         .fixed = 1},
        {.size = sizeof dimensions[0], .name = "tpm", .kind = LW_QUOTA_SLIDING, .window = 3600 * SECOND},
        {.size = sizeof dimensions[0], .name = "slots", .kind = LW_QUOTA_CONCURRENCY},
        {.size = sizeof dimensions[0], .name = "bps", .kind = LW_QUOTA_GCRA, .window = SECOND}};
    (void)state;
    stand_open(&s, 17);
    s.options.dimensions = dimensions;
    s.options.dimension_count = DIMENSIONS;
    return 0;
}

static int close_quotas(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Adds a limit to a node's spec. */
static void limit_node(uint32_t node, uint32_t dimension, uint64_t limit, uint64_t burst) {
    lw_node_spec *spec = &s.spec[node];
    limits[node][spec->limit_count] = (lw_quota_limit){.dimension = dimension, .limit = limit, .burst = burst};
    spec->limits = limits[node];
    spec->limit_count++;
}

static lw_amount amount;

static lw_request asking(uint32_t dimension, uint64_t much) {
    lw_request request = LW_REQUEST_INIT;
    amount = (lw_amount){dimension, much};
    request.amounts = &amount;
    request.amount_count = 1;
    return request;
}

/* So much and no more of tpm is left at the only node. */
static void assert_left(uint64_t tokens) {
    lw_request all = asking(TPM, tokens);
    lw_ticket ticket = stand_pick(&s, &all);
    lw_request more = asking(TPM, 1);
    stand_refused(&s, &more, LW_OVER_QUOTA);
    stand_cancel(&s, &ticket);
}

static void done_with(const lw_ticket *ticket, uint32_t outcome, uint64_t tokens) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_amount used = {TPM, tokens};
    sample.outcome = outcome;
    sample.now = s.book.now;
    sample.amounts = &used;
    sample.amount_count = 1;
    assert_int_equal(lw_done(s.pool, ticket, &sample), LW_OK);
}

/* ---- when again ---- */

static void test_retry_at(void **state) {
    (void)state;
    limit_node(0, RPM, 10, 1);
    stand_found(&s, "random", 1);
    for (int i = 0; i < 5; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
        lw_ticket refused = stand_refused(&s, NULL, LW_OVER_QUOTA);
        assert_int_equal(refused.retry, LW_RETRY_AT);
        assert_int_equal(refused.retry_at, s.book.now + 100 * MS);
        s.book.now += 100 * MS - 1;
        assert_int_equal(stand_refused(&s, NULL, LW_OVER_QUOTA).retry_at, s.book.now + 1);
        assert_int_equal(stand_info(&s, 0).reasons, LW_REASON_OVER_QUOTA);
        s.book.now++;
    }
    stand_pick(&s, NULL);
}

/* Of several nodes the soonest counts. */
static void test_soonest(void **state) {
    (void)state;
    limit_node(0, RPM, 10, 1);
    limit_node(1, RPM, 50, 1);
    limit_node(2, RPM, 5, 1);
    stand_found(&s, "round_robin", 3);
    for (int i = 0; i < 3; i++) {
        stand_pick(&s, NULL);
    }
    assert_int_equal(stand_refused(&s, NULL, LW_OVER_QUOTA).retry_at, s.book.now + 20 * MS);
    s.book.now += 20 * MS;
    assert_int_equal(stand_index(&s, stand_pick(&s, NULL).node), 1);
}

/* The same where the amounts of the request are what is too much; the node that never has so much does not count. */
static void test_soonest_amount(void **state) {
    (void)state;
    lw_request request = asking(BPS, 100);
    limit_node(0, BPS, 1000, 1000);
    limit_node(1, BPS, 2000, 2000);
    limit_node(2, BPS, 100, 100);
    limit_node(3, BPS, 500, 1000);
    stand_found(&s, "round_robin", 4);
    for (int i = 0; i < 41; i++) { /* all that there is */
        stand_pick(&s, &request);
    }
    amount.amount = 500;
    lw_ticket refused = stand_refused(&s, &request, LW_OVER_QUOTA);
    assert_int_equal(refused.retry, LW_RETRY_AT);
    assert_int_equal(refused.retry_at, s.book.now + 250 * MS);
    s.book.now += 250 * MS - 1;
    stand_refused(&s, &request, LW_OVER_QUOTA);
    s.book.now++;
    assert_int_equal(stand_index(&s, stand_pick(&s, &request).node), 1);
}

static void test_concurrency(void **state) {
    (void)state;
    limit_node(0, SLOTS, 3, 0);
    stand_found(&s, "random", 1);
    lw_request two = asking(SLOTS, 2), one = asking(SLOTS, 1);
    amount.amount = 2;
    lw_ticket first = stand_pick(&s, &two);
    stand_refused(&s, &two, LW_OVER_QUOTA);
    assert_int_equal(stand_refused(&s, &two, LW_OVER_QUOTA).retry, LW_RETRY_ON_COMPLETION);
    amount.amount = 1;
    lw_ticket second = stand_pick(&s, &one);
    stand_refused(&s, &one, LW_OVER_QUOTA);
    stand_done(&s, &first, LW_OUTCOME_OK);
    amount.amount = 2;
    stand_pick(&s, &two);
    stand_cancel(&s, &second);
}

static void test_never(void **state) {
    (void)state;
    limit_node(0, TPM, 1000, 0);
    stand_found(&s, "random", 1);
    lw_request request = asking(TPM, 1001);
    lw_ticket refused = stand_refused(&s, &request, LW_OVER_QUOTA);
    assert_int_equal(refused.retry, LW_RETRY_NEVER);
    assert_true(refused.retry_at == UINT64_MAX);
    assert_left(1000);
}

/* ---- all or nothing ---- */

static void test_all_or_nothing(void **state) {
    (void)state;
    limit_node(0, TPM, 1000, 0);
    limit_node(0, SLOTS, 5, 0);
    limit_node(0, RPM, 1000, 1000);
    s.spec[0].max_inflight = 5;
    s.options.max_tickets = 2;
    stand_found(&s, "random", 1);
    lw_amount both[] = {{SLOTS, 2}, {TPM, 600}};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = both;
    request.amount_count = 2;
    lw_ticket ticket = stand_pick(&s, &request);
    for (int i = 0; i < 2000; i++) { /* neither slots, nor rpm, nor places, nor tickets are lost by what tpm forbids */
        stand_refused(&s, &request, LW_OVER_QUOTA);
    }
    assert_int_equal(stand_info(&s, 0).inflight, 1);
    both[0].amount = 3;
    both[1].amount = 400;
    lw_ticket rest = stand_pick(&s, &request);
    stand_cancel(&s, &rest);
    stand_cancel(&s, &ticket);
    assert_left(1000);
}

/* The node that has room is found, and nothing is left behind at the others. */
static void test_next_node(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        limit_node(i, TPM, i == 2 ? 5000 : 1000, 0);
    }
    stand_found(&s, "p2c", 4);
    lw_request request = asking(TPM, 1001);
    lw_ticket held[4];
    for (int i = 0; i < 4; i++) {
        held[i] = stand_pick(&s, &request);
        assert_int_equal(stand_index(&s, held[i].node), 2);
    }
    stand_refused(&s, &request, LW_OVER_QUOTA);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(stand_info(&s, i).inflight, i == 2 ? 4 : 0);
    }
    for (uint32_t i = 0; i < 4; i++) {
        stand_cancel(&s, &held[i]);
    }
    amount.amount = 1000;
    for (int i = 0; i < 3 + 5; i++) { /* the others have all that they had */
        stand_pick(&s, &request);
    }
}

static void test_tries(void **state) {
    (void)state;
    s.options.tries = 2;
    for (uint32_t i = 0; i < 8; i++) {
        limit_node(i, TPM, 10, 0);
    }
    stand_found(&s, "round_robin", 8);
    lw_request request = asking(TPM, 11);
    stand_refused(&s, &request, LW_OVER_QUOTA);
    assert_int_equal(stand_stats(&s).repicks, 3);
}

/* ---- what was really used ---- */

static void test_actual_amounts(void **state) {
    (void)state;
    limit_node(0, TPM, 1000, 0);
    stand_found(&s, "random", 1);
    lw_request request = asking(TPM, 600);
    lw_ticket ticket = stand_pick(&s, &request);
    done_with(&ticket, LW_OUTCOME_OK, 100);
    assert_left(900);
    amount.amount = 200;
    ticket = stand_pick(&s, &request);
    done_with(&ticket, LW_OUTCOME_TIMEOUT, 500); /* more than was reserved */
    assert_left(400);
    amount.amount = 100;
    ticket = stand_pick(&s, &request);
    stand_done(&s, &ticket, LW_OUTCOME_OK); /* says nothing: what was reserved */
    assert_left(300);
    ticket = stand_pick(&s, NULL);
    done_with(&ticket, LW_OUTCOME_OK, 50); /* what nobody had thought of */
    assert_left(250);
    amount.amount = 100;
    ticket = stand_pick(&s, &request);
    stand_done(&s, &ticket, LW_OUTCOME_CANCELLED); /* keeps what was charged */
    assert_left(150);
}

static void test_cancel_gives_back(void **state) {
    (void)state;
    limit_node(0, TPM, 1000, 0);
    limit_node(0, RPM, 10, 1);
    limit_node(0, SLOTS, 1, 0);
    stand_found(&s, "random", 1);
    lw_amount both[] = {{SLOTS, 1}, {TPM, 1000}};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = both;
    request.amount_count = 2;
    for (int i = 0; i < 20; i++) {
        lw_ticket ticket = stand_pick(&s, &request);
        stand_cancel(&s, &ticket);
        assert_int_equal(stand_info(&s, 0).reasons, 0);
    }
    assert_true(stand_info(&s, 0).remaining == 1);
}

/* ---- limits ---- */

static void test_instances(void **state) {
    (void)state;
    s.options.instances = 4;
    limit_node(0, TPM, 1001, 0);
    stand_found(&s, "random", 1);
    assert_left(251);
}

/* A limit that changes keeps what was used; other changes do not touch it. */
static void test_changed_limits(void **state) {
    (void)state;
    limit_node(0, TPM, 1000, 0);
    stand_found(&s, "random", 1);
    lw_request request = asking(TPM, 600);
    lw_ticket ticket = stand_pick(&s, &request);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    s.spec[0].weight = 3;
    stand_update(&s, 1);
    assert_left(400);
    limits[0][0].limit = 2000;
    stand_update(&s, 1);
    assert_left(1400);
    limits[0][0].limit = 700;
    stand_update(&s, 1);
    assert_left(100);
}

static void test_wrong_amounts(void **state) {
    (void)state;
    lw_amount twice[] = {{TPM, 1}, {TPM, 1}}, unknown = {DIMENSIONS, 1};
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    stand_found(&s, "random", 1);
    request.amounts = twice;
    request.amount_count = 2;
    assert_int_equal(stand_try(&s, &request, &ticket), LW_INVALID);
    request.amounts = &unknown;
    request.amount_count = 1;
    assert_int_equal(stand_try(&s, &request, &ticket), LW_UNKNOWN);
    assert_int_equal(ticket.reason, LW_UNKNOWN);
    assert_int_equal(stand_stats(&s).tickets, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_retry_at, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_soonest, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_soonest_amount, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_concurrency, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_never, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_next_node, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_tries, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_actual_amounts, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_cancel_gives_back, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_instances, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_changed_limits, open_quotas, close_quotas),
        cmocka_unit_test_setup_teardown(test_wrong_amounts, open_quotas, close_quotas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
