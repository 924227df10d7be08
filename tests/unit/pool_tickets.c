/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tickets: each ends exactly once, whoever holds a copy; there are no more than were asked for; lost ones come back. */
#include "pool_stand.h"

_Static_assert(sizeof(lw_ticket) == 64, "a ticket is 64 bytes");

static stand s;

static int open_tickets(void **state) {
    (void)state;
    stand_open(&s, 7);
    return 0;
}

static int close_tickets(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static int end_again(const lw_ticket *ticket, int way) {
    switch (way) {
    case 0: return lw_done(s.pool, ticket, NULL);
    case 1: return lw_cancel(s.pool, ticket);
    default: return lw_cancel_at(s.pool, ticket, s.book.now);
    }
}

/* ---- once ---- */

static void test_what_a_ticket_says(void **state) {
    (void)state;
    int mark;
    s.spec[0].user = &mark;
    stand_found(&s, "random", 1);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(ticket.node, lw_id("n0", 2));
    assert_ptr_equal(ticket.user, &mark);
    assert_int_equal(ticket.flags, 0);
    assert_int_equal(ticket.generation & 1, 1);
    assert_int_equal(stand_info(&s, 0).inflight, 1);
    assert_int_equal(stand_info(&s, 0).started, 1);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_int_equal(stand_info(&s, 0).inflight, 0);
    assert_int_equal(stand_info(&s, 0).started, 1);
    ticket = stand_pick(&s, NULL);
    stand_cancel(&s, &ticket); /* as if it had not been, but that it was placed */
    assert_int_equal(stand_info(&s, 0).inflight, 0);
    assert_int_equal(stand_info(&s, 0).started, 2);
}

/* However it ends first, every other end of any copy changes nothing. */
static void test_ends_once(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    for (int first = 0; first < 3; first++) {
        lw_ticket ticket = stand_pick(&s, NULL), copy = ticket, other = stand_pick(&s, NULL);
        uint64_t already = stand_stats(&s).already;
        assert_int_equal(end_again(&copy, first), LW_OK);
        for (int way = 0; way < 3; way++) {
            assert_int_equal(end_again(&ticket, way), LW_ALREADY);
            assert_int_equal(end_again(&copy, way), LW_ALREADY);
        }
        assert_int_equal(stand_info(&s, 0).inflight, 1);
        assert_int_equal(stand_stats(&s).already, already + 6);
        assert_int_equal(end_again(&other, 0), LW_OK);
    }
    assert_int_equal(stand_stats(&s).picks, 6);
    assert_int_equal(stand_stats(&s).ended, 6);
}

/* A slot is used again; the ticket that it held before stays ended, however often. */
static void test_old_ticket_of_a_used_slot(void **state) {
    (void)state;
    s.options.max_tickets = 1;
    stand_found(&s, "random", 1);
    lw_ticket first = stand_pick(&s, NULL);
    stand_done(&s, &first, LW_OUTCOME_OK);
    for (int i = 0; i < 100; i++) {
        lw_ticket later = stand_pick(&s, NULL);
        assert_int_equal(later.slot, first.slot);
        assert_int_not_equal(later.generation, first.generation);
        assert_int_equal(lw_done(s.pool, &first, NULL), LW_ALREADY);
        assert_int_equal(stand_info(&s, 0).inflight, 1);
        stand_done(&s, &later, LW_OUTCOME_OK);
    }
}

/* ---- mistakes ---- */

static void refuse_end(const lw_ticket *ticket, const lw_sample *sample, int error) {
    s.book.told = 0;
    assert_int_equal(lw_done(s.pool, ticket, sample), error);
    assert_true(s.book.told > 0);
    assert_int_equal(s.book.code, error);
    assert_int_equal(stand_stats(&s).tickets, 1);
}

static void test_not_a_ticket(void **state) {
    (void)state;
    lw_ticket nothing = {0};
    stand_found(&s, "random", 1);
    lw_ticket ticket = stand_pick(&s, NULL), far = ticket;
    far.slot = UINT32_MAX;
    refuse_end(&nothing, NULL, LW_INVALID);
    refuse_end(&far, NULL, LW_INVALID);
    refuse_end(NULL, NULL, LW_INVALID);
    assert_int_equal(lw_cancel(s.pool, &nothing), LW_INVALID);
    assert_int_equal(lw_cancel_at(s.pool, &far, s.book.now), LW_INVALID);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
}

/* After a mistake in the sample the ticket goes on. */
static void test_wrong_samples(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "rpm", .window = SECOND};
    lw_amount amounts[2] = {{0, 1}, {0, 1}}, unknown = {1, 1};
    lw_sample outcome = LW_SAMPLE_INIT, size = LW_SAMPLE_INIT, twice = LW_SAMPLE_INIT, strange = LW_SAMPLE_INIT;
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    stand_found(&s, "random", 1);
    lw_ticket ticket = stand_pick(&s, NULL);
    outcome.outcome = LW_OUTCOME_CANCELLED + 1;
    size.size = 4;
    twice.amounts = amounts;
    twice.amount_count = 2;
    strange.amounts = &unknown;
    strange.amount_count = 1;
    refuse_end(&ticket, &outcome, LW_INVALID);
    refuse_end(&ticket, &size, LW_INVALID);
    refuse_end(&ticket, &twice, LW_INVALID);
    refuse_end(&ticket, &strange, LW_UNKNOWN);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
}

/* A ticket of another pool is not taken for one of this, though the slot is the same. */
static void test_foreign_ticket(void **state) {
    (void)state;
    stand other;
    stand_found(&s, "random", 1);
    stand_open(&other, 8);
    stand_found(&other, "random", 1);
    lw_ticket own = stand_pick(&s, NULL), foreign = stand_pick(&other, NULL);
    assert_int_equal(own.slot, foreign.slot);
    assert_int_equal(lw_done(s.pool, &foreign, NULL), LW_ALREADY);
    assert_int_equal(stand_info(&s, 0).inflight, 1);
    stand_done(&s, &own, LW_OUTCOME_OK);
    stand_done(&other, &foreign, LW_OUTCOME_OK);
    stand_close(&other);
}

static void test_wrong_requests(void **state) {
    (void)state;
    uint64_t exclude[LW_POOL_EXCLUDE + 1] = {0};
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    stand_found(&s, "random", 1);
    request.size = 4;
    assert_int_equal(stand_try(&s, &request, &ticket), LW_INVALID);
    assert_int_equal(ticket.reason, LW_INVALID);
    request.size = sizeof request;
    request.exclude = exclude;
    request.exclude_count = LW_POOL_EXCLUDE + 1;
    assert_int_equal(stand_try(&s, &request, &ticket), LW_RANGE);
    assert_int_equal(ticket.reason, LW_RANGE);
    request.exclude_count = LW_POOL_EXCLUDE;
    assert_int_equal(stand_try(&s, &request, &ticket), LW_OK);
    assert_int_equal(lw_pick_at(s.pool, s.route + 1, NULL, s.book.now, &ticket), LW_UNKNOWN);
    assert_int_equal(ticket.reason, LW_UNKNOWN);
    assert_int_equal(ticket.node, 0);
    assert_int_equal(stand_stats(&s).tickets, 1);
}

/* ---- how many ---- */

/* Few tickets are counted exactly, and each that ends makes room for one. */
static void test_out_of_slots(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 17, 127};
    lw_ticket held[128];
    for (size_t i = 0; i < STAND_COUNT(sizes); i++) {
        stand_close(&s);
        stand_open(&s, 7);
        s.options.max_tickets = sizes[i];
        stand_found(&s, "random", 3);
        for (int round = 0; round < 3; round++) {
            for (uint32_t t = 0; t < sizes[i]; t++) {
                held[t] = stand_pick(&s, NULL);
            }
            lw_ticket refused = stand_refused(&s, NULL, LW_NO_SLOTS);
            assert_int_equal(refused.retry, LW_RETRY_ON_COMPLETION);
            assert_true(refused.retry_at == UINT64_MAX);
            stand_done(&s, &held[sizes[i] / 2], LW_OUTCOME_OK);
            held[sizes[i] / 2] = stand_pick(&s, NULL);
            stand_refused(&s, NULL, LW_NO_SLOTS);
            assert_int_equal(stand_stats(&s).tickets, sizes[i]);
            for (uint32_t t = 0; t < sizes[i]; t++) {
                stand_done(&s, &held[t], LW_OUTCOME_OK);
            }
        }
        assert_int_equal(stand_stats(&s).tickets, 0);
        for (uint32_t n = 0; n < 3; n++) {
            assert_int_equal(stand_info(&s, n).inflight, 0);
        }
    }
}

/* Many: at least so many, all different, and again after they have ended. */
static void test_many(void **state) {
    (void)state;
    enum { MANY = 5000 };
    lw_ticket *held = calloc(MANY, sizeof *held);
    unsigned char *used = calloc(MANY * 4, 1);
    assert_non_null(held);
    assert_non_null(used);
    s.options.max_tickets = MANY;
    stand_found(&s, "random", 3);
    for (int round = 0; round < 2; round++) {
        memset(used, 0, MANY * 4);
        for (uint32_t t = 0; t < MANY; t++) {
            held[t] = stand_pick(&s, NULL);
            assert_true(held[t].slot < MANY * 4);
            assert_int_equal(used[held[t].slot]++, 0);
        }
        assert_int_equal(stand_stats(&s).tickets, MANY);
        for (uint32_t t = 0; t < MANY; t++) {
            stand_done(&s, &held[t], LW_OUTCOME_OK);
        }
    }
    free(held);
    free(used);
}

/* ---- lost ---- */

static void test_lost(void **state) {
    (void)state;
    s.options.ticket_ttl = 10 * SECOND;
    stand_found(&s, "round_robin lanes=1 phase=0", 3);
    lw_ticket early = stand_pick(&s, NULL);
    s.book.now += 4 * SECOND;
    lw_ticket late = stand_pick(&s, NULL), well = stand_pick(&s, NULL);
    assert_int_equal(stand_tick(&s), STAND_START + 10 * SECOND);
    assert_int_equal(stand_stats(&s).oldest, 4 * SECOND);
    s.book.now = STAND_START + 10 * SECOND - 1;
    stand_tick(&s);
    assert_diary(&s, "");
    s.book.now++;
    assert_int_equal(stand_tick(&s), STAND_START + 14 * SECOND);
    assert_diary(&s, "lost:0@10000000000 ");
    assert_int_equal(stand_stats(&s).lost, 1);
    assert_int_equal(stand_stats(&s).tickets, 2);
    assert_int_equal(stand_info(&s, 0).inflight, 0);
    assert_int_equal(lw_done(s.pool, &early, NULL), LW_ALREADY);
    stand_done(&s, &well, LW_OUTCOME_OK);
    s.book.now += 5 * SECOND;
    assert_true(stand_tick(&s) == UINT64_MAX);
    assert_diary(&s, "lost:1@11000000000 ");
    assert_int_equal(lw_cancel(s.pool, &late), LW_ALREADY);
    assert_int_equal(stand_stats(&s).tickets, 0);
}

/* What was charged comes back with it: the place, the quota, and the health is not blamed. */
static void test_lost_gives_back(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "rpm", .window = 3600 * SECOND};
    lw_quota_limit limit = {.limit = 1};
    lw_amount amount = {0, 1};
    lw_request request = LW_REQUEST_INIT;
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    s.options.ticket_ttl = SECOND;
    s.spec[0].limits = &limit;
    s.spec[0].limit_count = 1;
    s.spec[0].max_inflight = 1;
    request.amounts = &amount;
    request.amount_count = 1;
    stand_found(&s, "random", 1);
    for (int i = 0; i < 5; i++) {
        stand_pick(&s, &request);
        stand_refused(&s, &request, LW_SATURATED);
        s.book.now += SECOND;
        stand_tick(&s);
    }
    assert_int_equal(stand_info(&s, 0).status, LW_HEALTHY);
    assert_true(stand_info(&s, 0).remaining == 1);
}

static void test_never_lost_by_default(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    lw_ticket ticket = stand_pick(&s, NULL);
    s.book.now += 1000000 * SECOND;
    stand_tick(&s);
    assert_diary(&s, "");
    assert_int_equal(stand_stats(&s).oldest, 1000000 * SECOND);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_ticket_says, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_ends_once, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_old_ticket_of_a_used_slot, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_not_a_ticket, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_wrong_samples, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_foreign_ticket, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_wrong_requests, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_out_of_slots, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_many, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_lost, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_lost_gives_back, open_tickets, close_tickets),
        cmocka_unit_test_setup_teardown(test_never_lost_by_default, open_tickets, close_tickets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
