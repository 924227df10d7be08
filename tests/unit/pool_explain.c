/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Explanations: a dry run changes nothing and foretells the next pick; stages, reasons and times are what they are. */
#include "pool_stand.h"

static stand s;

static int open_explain(void **state) {
    (void)state;
    stand_open(&s, 53);
    return 0;
}

static int close_explain(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static lw_explanation dry_run(const lw_request *request) {
    lw_explanation why = LW_EXPLANATION_INIT;
    int answer = lw_explain(s.pool, s.route, request, s.book.now, NULL, &why);
    assert_int_equal(why.answer, answer);
    return why;
}

/* ---- a dry run ---- */

/* All that can be read of a pool. */
struct sight {
    lw_pool_stats stats;
    lw_node_info node[STAND_MOST];
};

static void look(struct sight *sight) {
    memset(sight, 0, sizeof *sight);
    sight->stats = stand_stats(&s);
    for (uint32_t i = 0; i < s.count; i++) {
        sight->node[i] = stand_info(&s, i);
    }
}

/* Dry runs, as many as you like, and then the pick that they foretold. */
static lw_ticket foretold(const lw_request *request) {
    static struct sight before, after;
    lw_ticket ticket;
    lw_explanation why = dry_run(request);
    look(&before);
    for (int i = 0; i < 3; i++) {
        lw_explanation again = dry_run(request);
        assert_memory_equal(&again, &why, sizeof why);
    }
    look(&after);
    assert_memory_equal(&before, &after, sizeof before);
    int answer = stand_try(&s, request, &ticket);
    assert_int_equal(answer, why.answer);
    assert_int_equal(ticket.node, why.node);
    assert_int_equal(ticket.flags, why.flags);
    assert_int_equal(ticket.retry, why.retry);
    assert_int_equal(ticket.retry_at, why.retry_at);
    return ticket;
}

static const char *const built_in[] = {"round_robin",
                                       "round_robin lanes=1 phase=0",
                                       "smooth_wrr",
                                       "smooth_wrr max_period=1",
                                       "random",
                                       "weighted_random",
                                       "least_load",
                                       "least_load metric=peak_ewma",
                                       "p2c",
                                       "p2c metric=peak_ewma",
                                       "p2c metric=ewma",
                                       "p2c choices=5 weighted=true",
                                       "ring",
                                       "ring absent_key=random",
                                       "most_available",
                                       "most_available epsilon=1",
                                       "p2c metric=user",
                                       "p2c metric=external",
                                       "chain(ring absent_key=next, p2c metric=inflight_cost)"};

/* Traffic that ends as it likes, each pick of it foretold. Holds up to four tickets. */
static void foretell_traffic(uint32_t picks) {
    lw_ticket held[4];
    uint32_t count = 0;
    for (uint32_t i = 0; i < picks; i++) {
        uint64_t exclude = stand_id(&s, i % s.count);
        lw_request request = LW_REQUEST_INIT;
        request.key = i;
        request.flags = i % 3 != 0 ? LW_REQUEST_KEYED : 0;
        request.exclude = &exclude;
        request.exclude_count = i % 5 == 0;
        lw_ticket ticket = foretold(i % 7 == 0 ? NULL : &request);
        if (ticket.reason == LW_OK) {
            held[count++] = ticket;
        }
        s.book.now += 3 * MS;
        if (count == 4 || (i % 2 == 0 && count > 0)) {
            stand_done(&s, &held[--count], i % 11 == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK);
        }
    }
    while (count > 0) {
        stand_cancel(&s, &held[--count]);
    }
}

static void test_every_strategy(void **state) {
    (void)state;
    for (size_t i = 0; i < STAND_COUNT(built_in); i++) {
        stand_close(&s);
        stand_open(&s, 53 + i);
        s.options.explore = 1000;
        for (uint32_t n = 0; n < 7; n++) {
            s.spec[n].weight = 1 + n % 3;
        }
        stand_found(&s, built_in[i], 7);
        foretell_traffic(300);
        assert_true(stand_stats(&s).picks > 200);
    }
}

/* The same with everything that draws or refuses: levels, zones, caps, drains, slow start. */
static void test_in_a_busy_pool(void **state) {
    (void)state;
    static const char *const zones[] = {"a", "b"};
    for (size_t i = 0; i < STAND_COUNT(built_in); i++) {
        stand_close(&s);
        stand_open(&s, 153 + i);
        s.options.zone = "a";
        s.options.explore = 500;
        s.options.slow_start = SECOND;
        for (uint32_t n = 0; n < 12; n++) {
            s.spec[n].priority = n / 6;
            s.spec[n].zone = zones[n % 2];
            s.spec[n].max_inflight = 1 + n % 2;
        }
        stand_found(&s, built_in[i], 8);
        s.book.now += 2 * SECOND;
        stand_update(&s, 12); /* the last four ramp */
        for (uint32_t n = 0; n < 5; n++) {
            stand_verdict(&s, 2 * n, LW_VERDICT_DOWN);
        }
        stand_admin(&s, 3, LW_ADMIN_DRAINING, 0);
        foretell_traffic(250);
    }
}

static void test_in_a_panic(void **state) {
    (void)state;
    lw_amount amount = {0, 5};
    lw_request request = LW_REQUEST_INIT;
    stand_limit(&s, 1, 10);
    request.amounts = &amount;
    request.amount_count = 1;
    stand_found(&s, "random", 1);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    dry_run(NULL);
    s.diary[0] = '\0';
    dry_run(NULL);
    assert_diary(&s, ""); /* a dry run begins no panic */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(foretold(&request).flags, LW_TICKET_PANIC);
    }
    assert_diary(&s, "panic+0 ");
    assert_int_equal(foretold(&request).reason, LW_OVER_QUOTA);
}

/* Probes are not taken by a dry run. */
static void test_probe(void **state) {
    (void)state;
    stand_found(&s, "random", 1);
    s.options.panic = LW_PANIC_FAIL_CLOSED;
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    s.book.now += 10 * SECOND;
    lw_ticket ticket = foretold(NULL);
    assert_int_equal(ticket.reason, LW_OK);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
}

/* ---- what it says ---- */

/* One node for each stage at which it may be lost, and two that are not. */
static void test_stages(void **state) {
    (void)state;
    lw_tag_filter mine = lw_filter_tag("mine", "1");
    lw_rejected rejected[16];
    lw_explanation why = LW_EXPLANATION_INIT;
    for (uint32_t i = 1; i < 10; i++) {
        s.spec[i].tags = "mine=1";
    }
    s.spec[1].flags = LW_NODE_LAST_RESORT;
    s.spec[6].max_inflight = 1;
    stand_found(&s, "random", 10);
    assert_int_equal(lw_pool_route(s.pool, "default", "random", &mine.filter, &s.route), LW_OK);
    stand_admin(&s, 2, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 3, LW_ADMIN_DISABLED, 0);
    lw_ticket held = stand_pick_node(&s, 6);
    stand_verdict(&s, 4, LW_VERDICT_DOWN);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 5), s.book.now + 77, s.book.now), LW_OK);
    uint64_t exclude = stand_id(&s, 7);
    lw_request request = LW_REQUEST_INIT;
    request.exclude = &exclude;
    request.exclude_count = 1;
    why.rejected = rejected;
    why.rejected_room = 16;
    assert_int_equal(lw_explain(s.pool, s.route, &request, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.pool, 10);
    assert_int_equal(why.route, 9);
    assert_int_equal(why.active, 6);
    assert_int_equal(why.healthy, 5);
    assert_int_equal(why.willing, 4);
    assert_int_equal(why.free, 3);
    assert_int_equal(why.eligible, 2);
    assert_int_equal(why.tries, 1);
    assert_string_equal(why.strategy, "random");
    static const uint32_t reasons[] = {0,
                                       LW_REASON_RESERVED,
                                       LW_REASON_DRAINING,
                                       LW_REASON_DISABLED,
                                       LW_REASON_UNHEALTHY,
                                       LW_REASON_COOLING,
                                       LW_REASON_SATURATED,
                                       LW_REASON_EXCLUDED};
    assert_int_equal(why.rejected_count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        uint32_t node = stand_index(&s, rejected[i].node);
        assert_in_range(node, 1, 7);
        assert_int_equal(rejected[i].reasons, reasons[node]);
        assert_true(rejected[i].retry_at == (node == 5 ? s.book.now + 77 : UINT64_MAX));
    }
    stand_done(&s, &held, LW_OUTCOME_OK);
}

/* Several reasons of one node; the time at which the last of them ends. */
static void test_reasons_together(void **state) {
    (void)state;
    lw_rejected rejected;
    lw_explanation why = LW_EXPLANATION_INIT;
    stand_found(&s, "random", 2);
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 4 * SECOND, s.book.now), LW_OK);
    why.rejected = &rejected;
    why.rejected_room = 1;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(rejected.reasons, LW_REASON_UNHEALTHY | LW_REASON_COOLING);
    assert_int_equal(rejected.retry_at, s.book.now + 10 * SECOND);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 14 * SECOND, s.book.now), LW_OK);
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(rejected.retry_at, s.book.now + 14 * SECOND);
}

static void test_refusal(void **state) {
    (void)state;
    s.spec[0].max_inflight = 1;
    stand_found(&s, "random", 1);
    stand_pick(&s, NULL);
    lw_explanation why = dry_run(NULL);
    assert_int_equal(why.answer, LW_SATURATED);
    assert_int_equal(why.node, 0);
    assert_int_equal(why.tries, 0);
    assert_int_equal(why.retry, LW_RETRY_ON_COMPLETION);
    assert_int_equal(why.willing, 1);
    assert_int_equal(why.free, 0);
    assert_int_equal(stand_stats(&s).refusals, 0);
}

/* What was tried and could not be charged is told, beside those that were never in question. */
static void test_uncharged(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "tpm", .window = 3600 * SECOND};
    lw_quota_limit limit = {.limit = 10};
    lw_amount amount = {0, 11};
    lw_request request = LW_REQUEST_INIT;
    lw_rejected rejected[3];
    lw_explanation why = LW_EXPLANATION_INIT;
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    s.spec[0].limits = s.spec[1].limits = &limit;
    s.spec[0].limit_count = s.spec[1].limit_count = 1;
    request.amounts = &amount;
    request.amount_count = 1;
    why.rejected = rejected;
    why.rejected_room = 3;
    stand_found(&s, "round_robin lanes=1 phase=0", 3);
    assert_int_equal(lw_explain(s.pool, s.route, &request, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.node, stand_id(&s, 2));
    assert_int_equal(why.tries, 1 + why.rejected_count);
    assert_in_range(why.rejected_count, 1, 2);
    assert_int_equal(rejected[0].reasons, LW_REASON_UNCHARGED);
    assert_int_equal(rejected[0].node, stand_id(&s, 0));
}

/* ---- who was compared ---- */

static void test_considered(void **state) {
    (void)state;
    lw_considered considered[8];
    lw_explanation why = LW_EXPLANATION_INIT;
    for (uint32_t i = 0; i < 4; i++) {
        s.spec[i].weight = i + 1;
    }
    s.options.explore = 10001;
    stand_found(&s, "least_load metric=inflight_cost", 4);
    stand_pick_node(&s, 0);
    stand_pick_node(&s, 2);
    stand_pick_node(&s, 2);
    why.considered = considered;
    why.considered_room = 8;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.considered_count, 4);
    static const double loads[] = {2, 1, 3, 1};
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t node = stand_index(&s, considered[i].node);
        assert_true(considered[i].load == loads[node]);
        assert_int_equal(considered[i].weight, node + 1);
        assert_true(considered[i].times >= 1);
    }
    assert_int_equal(why.ties, 1);
    uint32_t choice = stand_index(&s, why.node);
    assert_true(choice == 1 || choice == 3);
}

static void test_two_choices(void **state) {
    (void)state;
    lw_considered considered[8];
    lw_explanation why = LW_EXPLANATION_INIT;
    why.considered = considered;
    why.considered_room = 8;
    stand_found(&s, "p2c", 5);
    for (int i = 0; i < 50; i++) {
        lw_ticket ticket;
        assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, &ticket, &why), LW_OK);
        assert_int_equal(why.considered_count, 2);
        assert_true(why.node == considered[0].node || why.node == considered[1].node);
        uint32_t chosen = why.node == considered[1].node;
        assert_true(considered[chosen].load <= considered[1 - chosen].load);
        assert_int_equal(why.ties, considered[0].load == considered[1].load);
    }
}

/* ---- room ---- */

static void test_no_room(void **state) {
    (void)state;
    lw_considered considered[3];
    lw_rejected rejected[3];
    lw_explanation why = LW_EXPLANATION_INIT;
    s.options.explore = 10001;
    stand_found(&s, "least_load metric=inflight_cost", 6);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_true(why.considered_count >= 4); /* without room, looks are counted, not nodes */
    assert_int_equal(why.rejected_count, 2);
    memset(considered, 0xee, sizeof considered);
    memset(rejected, 0xee, sizeof rejected);
    why.considered = considered;
    why.rejected = rejected;
    why.considered_room = why.rejected_room = 0; /* there is memory, but none to write to */
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_true(considered[0].times == 0xeeeeeeee && rejected[0].reasons == 0xeeeeeeee);
    why.considered_room = why.rejected_room = 1;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(rejected[0].reasons, LW_REASON_DISABLED);
    assert_true(considered[1].times == 0xeeeeeeee && rejected[1].reasons == 0xeeeeeeee);
    assert_int_equal(why.rejected_count, 2);
    assert_int_equal(why.eligible, 4);
    why.considered = NULL;
    why.rejected = NULL;
    why.considered_room = why.rejected_room = 9; /* room, but no memory */
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_int_equal(why.rejected_count, 2);
}

/* ---- a real pick ---- */

static void test_real_pick(void **state) {
    (void)state;
    lw_explanation why = LW_EXPLANATION_INIT;
    lw_ticket ticket;
    stand_found(&s, "round_robin lanes=1 phase=0", 3);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, &ticket, &why), LW_OK);
        assert_int_equal(stand_index(&s, ticket.node), i % 3); /* the cursor moves on */
        assert_int_equal(why.node, ticket.node);
        assert_int_equal(stand_info(&s, i % 3).inflight, 1);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
        assert_int_equal(lw_done(s.pool, &ticket, NULL), LW_ALREADY);
    }
    assert_int_equal(stand_stats(&s).picks, 6);
    /* 0: the clock is read */
    assert_int_equal(lw_explain(s.pool, s.route, NULL, 0, &ticket, &why), LW_OK);
    s.book.now += 5;
    assert_int_equal(stand_stats(&s).oldest, 5);
}

/* An explained pick and a plain one are the same. */
static void test_same_as_plain(void **state) {
    (void)state;
    uint64_t picked[200];
    lw_explanation why = LW_EXPLANATION_INIT;
    for (int round = 0; round < 2; round++) {
        stand_close(&s);
        stand_open(&s, 53);
        stand_found(&s, "p2c metric=peak_ewma", 9);
        for (int i = 0; i < 200; i++) {
            lw_ticket ticket;
            int answer = round == 0 ? stand_try(&s, NULL, &ticket)
                                    : lw_explain(s.pool, s.route, NULL, s.book.now, &ticket, &why);
            assert_int_equal(answer, LW_OK);
            assert_true(round == 0 || ticket.node == picked[i]);
            picked[i] = ticket.node;
            s.book.now += MS;
            if (i % 3 != 0) {
                stand_done(&s, &ticket, LW_OUTCOME_OK);
            }
        }
    }
}

static void test_mistakes(void **state) {
    (void)state;
    lw_explanation why = LW_EXPLANATION_INIT;
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    stand_found(&s, "random", 1);
    why.size = 8;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_INVALID);
    assert_told(&s.book, LW_INVALID, "size=8");
    why.size = sizeof why;
    assert_int_equal(lw_explain(s.pool, 9, NULL, s.book.now, &ticket, &why), LW_UNKNOWN);
    assert_int_equal(why.answer, LW_UNKNOWN);
    assert_int_equal(ticket.reason, LW_UNKNOWN);
    request.size = 1;
    assert_int_equal(lw_explain(s.pool, s.route, &request, s.book.now, NULL, &why), LW_INVALID);
    assert_int_equal(why.answer, LW_INVALID);
    assert_int_equal(stand_stats(&s).tickets, 0);
}

static void test_reason_names(void **state) {
    (void)state;
    for (uint32_t i = 0; i < LW_REASON_COUNT; i++) {
        assert_non_null(lw_reason_name(1U << i));
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(lw_reason_name(1U << i), lw_reason_name(1U << j));
        }
    }
    assert_string_equal(lw_reason_name(LW_REASON_SATURATED), "saturated");
    assert_string_equal(lw_reason_name(LW_REASON_LEFT), "left");
    assert_null(lw_reason_name(0));
    assert_null(lw_reason_name(3));
    assert_null(lw_reason_name(1U << LW_REASON_COUNT));
    assert_null(lw_reason_name(UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_strategy, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_in_a_busy_pool, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_in_a_panic, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_probe, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_stages, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_reasons_together, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_refusal, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_uncharged, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_considered, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_two_choices, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_no_room, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_real_pick, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_same_as_plain, open_explain, close_explain),
        cmocka_unit_test_setup_teardown(test_mistakes, open_explain, close_explain),
        cmocka_unit_test(test_reason_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
