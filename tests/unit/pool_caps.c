/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Caps of what is under way, and what a request excludes: a full node is left out, and is back the moment one ends. */
#include "pool_stand.h"

static stand s;

static int open_caps(void **state) {
    (void)state;
    stand_open(&s, 13);
    return 0;
}

static int close_caps(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Fills the pool; how many there were by node. Returns the number of tickets, all written to held. */
static uint32_t fill(lw_ticket *held, uint32_t room, uint32_t *counts) {
    uint32_t count = 0;
    while (stand_try(&s, NULL, &held[count]) == LW_OK) {
        counts[stand_index(&s, held[count].node)]++;
        assert_true(++count < room);
    }
    return count;
}

static const char *const every_strategy[] = {"round_robin",
                                             "smooth_wrr",
                                             "random",
                                             "weighted_random",
                                             "least_load",
                                             "p2c metric=peak_ewma",
                                             "ring absent_key=random",
                                             "most_available",
                                             "chain(ring absent_key=next, p2c)"};

static void test_filled_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < STAND_COUNT(every_strategy); i++) {
        lw_ticket held[32];
        uint32_t counts[STAND_MOST] = {0};
        stand_close(&s);
        stand_open(&s, 13 + i);
        s.spec[0].max_inflight = 1;
        s.spec[1].max_inflight = 4;
        s.spec[2].max_inflight = 7;
        stand_found(&s, every_strategy[i], 3);
        for (int round = 0; round < 3; round++) {
            memset(counts, 0, sizeof counts);
            uint32_t count = fill(held, 32, counts);
            assert_int_equal(counts[0], 1);
            assert_int_equal(counts[1], 4);
            assert_int_equal(counts[2], 7);
            assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_SATURATED);
            assert_int_equal(stand_stats(&s).eligible, 0);
            for (uint32_t t = 0; t < count; t++) {
                stand_done(&s, &held[t], LW_OUTCOME_OK);
            }
            assert_int_equal(stand_stats(&s).eligible, 3);
        }
    }
}

static void test_saturated(void **state) {
    (void)state;
    lw_ticket held[8];
    uint32_t counts[STAND_MOST] = {0};
    s.spec[0].max_inflight = s.spec[1].max_inflight = 2;
    stand_found(&s, "p2c", 2);
    assert_int_equal(fill(held, 8, counts), 4);
    lw_ticket refused = stand_refused(&s, NULL, LW_SATURATED);
    assert_int_equal(refused.retry, LW_RETRY_ON_COMPLETION);
    assert_true(refused.retry_at == UINT64_MAX);
    stand_cancel(&s, &held[1]);
    lw_ticket again = stand_pick(&s, NULL);
    assert_int_equal(again.node, held[1].node);
    stand_refused(&s, NULL, LW_SATURATED);
    assert_int_equal(stand_stats(&s).refusals, 3);
}

/* Where another node comes back by time, that time is told beside. */
static void test_saturated_and_cooling(void **state) {
    (void)state;
    s.spec[0].max_inflight = 1;
    stand_found(&s, "random", 2);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 1), s.book.now + 7, s.book.now), LW_OK);
    lw_ticket held = stand_pick(&s, NULL);
    lw_ticket refused = stand_refused(&s, NULL, LW_SATURATED);
    assert_int_equal(refused.retry, LW_RETRY_ON_COMPLETION);
    assert_int_equal(refused.retry_at, s.book.now + 7);
    stand_done(&s, &held, LW_OUTCOME_OK);
}

/* Caps that change while requests are under way hold from then on. */
static void test_changed_caps(void **state) {
    (void)state;
    lw_ticket held[3];
    stand_found(&s, "random", 1);
    for (int i = 0; i < 3; i++) {
        held[i] = stand_pick(&s, NULL);
    }
    s.spec[0].max_inflight = 2;
    stand_update(&s, 1);
    stand_refused(&s, NULL, LW_SATURATED);
    stand_done(&s, &held[0], LW_OUTCOME_OK);
    stand_refused(&s, NULL, LW_SATURATED);
    stand_done(&s, &held[1], LW_OUTCOME_OK);
    held[0] = stand_pick(&s, NULL);
    stand_refused(&s, NULL, LW_SATURATED);
    s.spec[0].max_inflight = 3;
    stand_update(&s, 1);
    held[1] = stand_pick(&s, NULL);
    stand_refused(&s, NULL, LW_SATURATED);
    s.spec[0].max_inflight = 0;
    stand_update(&s, 1);
    stand_pick(&s, NULL);
    stand_pick(&s, NULL);
}

/* A cap for all instances together: each takes its part, rounded up. */
static void test_instances(void **state) {
    (void)state;
    lw_ticket held[32];
    uint32_t counts[STAND_MOST] = {0};
    s.options.instances = 4;
    s.spec[0].max_inflight = 1;
    s.spec[1].max_inflight = 8;
    s.spec[2].max_inflight = 9;
    stand_found(&s, "random", 3);
    assert_int_equal(fill(held, 32, counts), 6);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[2], 3);
    assert_int_equal(stand_info(&s, 2).max_inflight, 3);
}

/* ---- exclusions ---- */

/* Retries that exclude what was tried go round all nodes, whatever the strategy. */
static void test_exclusions(void **state) {
    (void)state;
    enum { NODES = 9 };
    s.options.reuse = LW_REUSE_NEVER;
    for (size_t i = 0; i < STAND_COUNT(every_strategy); i++) {
        uint64_t tried[NODES];
        uint32_t met = 0;
        lw_request request = LW_REQUEST_INIT;
        stand_close(&s);
        stand_open(&s, 3 * i + 1);
        s.options.reuse = LW_REUSE_NEVER;
        stand_found(&s, every_strategy[i], NODES);
        request.exclude = tried;
        for (request.exclude_count = 0; request.exclude_count < NODES;) {
            lw_ticket ticket = stand_pick(&s, &request);
            met |= 1U << stand_index(&s, ticket.node);
            tried[request.exclude_count++] = ticket.node;
            assert_int_equal(__builtin_popcount(met), request.exclude_count);
            stand_done(&s, &ticket, LW_OUTCOME_FAILURE);
        }
        assert_int_equal(stand_refused(&s, &request, LW_EXCLUDED).retry, LW_RETRY_NEVER);
    }
}

/* Ids that no node has, and the same one twice, exclude nobody else. */
static void test_strange_exclusions(void **state) {
    (void)state;
    uint64_t exclude[] = {1, 2, 3, 0, 0, 0};
    uint64_t counts[STAND_MOST] = {0};
    static const double shares[] = {1, 0, 1};
    lw_request request = LW_REQUEST_INIT;
    stand_found(&s, "random", 3);
    exclude[3] = exclude[4] = stand_id(&s, 1);
    request.exclude = exclude;
    request.exclude_count = STAND_COUNT(exclude);
    stand_tally(&s, &request, 2000, counts);
    assert_shares(counts, shares, 3);
}

/* The only eligible one may be used again, if the options do not forbid it; one of two excluded ones may not. */
static void test_reuse(void **state) {
    (void)state;
    uint64_t exclude[2];
    lw_request request = LW_REQUEST_INIT;
    stand_found(&s, "round_robin", 2);
    exclude[0] = stand_id(&s, 0);
    exclude[1] = stand_id(&s, 1);
    request.exclude = exclude;
    request.exclude_count = 2;
    stand_refused(&s, &request, LW_EXCLUDED);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    lw_ticket ticket = stand_pick(&s, &request);
    assert_int_equal(stand_index(&s, ticket.node), 1);
    assert_int_equal(ticket.flags, LW_TICKET_REUSED);
    request.exclude_count = 1; /* not excluded: not flagged */
    ticket = stand_pick(&s, &request);
    assert_int_equal(ticket.flags, 0);
}

static void test_no_reuse(void **state) {
    (void)state;
    uint64_t exclude;
    lw_request request = LW_REQUEST_INIT;
    s.options.reuse = LW_REUSE_NEVER;
    stand_found(&s, "round_robin", 1);
    exclude = stand_id(&s, 0);
    request.exclude = &exclude;
    request.exclude_count = 1;
    stand_refused(&s, &request, LW_EXCLUDED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_filled_exactly, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_saturated, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_saturated_and_cooling, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_changed_caps, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_instances, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_exclusions, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_strange_exclusions, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_reuse, open_caps, close_caps),
        cmocka_unit_test_setup_teardown(test_no_reuse, open_caps, close_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
