/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What counts as load: every metric, as lw_explain shows what the strategy saw of each node. */
#include "pool_stand.h"

enum { NODES = 3 };

static stand s;

static int open_loads(void **state) {
    (void)state;
    stand_open(&s, 29);
    s.options.explore = 10001;
    return 0;
}

static int close_loads(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Exclusions keep the strategy from asking who has the least: it looks at the node that is left. */
static void found_by(const char *metric) {
    char spec[64];
    snprintf(spec, sizeof spec, "least_load metric=%s", metric);
    stand_found(&s, spec, NODES);
}

/* The load of a node as the strategy sees it now. */
static double load_of(uint32_t node) {
    lw_considered considered[STAND_MOST];
    lw_explanation why = LW_EXPLANATION_INIT;
    why.considered = considered;
    why.considered_room = STAND_MOST;
    uint64_t others[STAND_MOST];
    lw_request only = stand_only(&s, node, others);
    assert_int_equal(lw_explain(s.pool, s.route, &only, s.book.now, NULL, &why), LW_OK);
    for (uint32_t i = 0; i < why.considered_count; i++) {
        if (considered[i].node == stand_id(&s, node)) {
            return considered[i].load;
        }
    }
    fail_msg("nobody looked at node %u", (unsigned)node);
    return 0;
}

static void assert_load(uint32_t node, double expected) {
    double load = load_of(node);
    if (!(fabs(load - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("load %.12g in place of %.12g", load, expected);
    }
}

/* ---- under way ---- */

static void test_inflight(void **state) {
    (void)state;
    static const char *const metrics[] = {"load", "inflight"};
    for (size_t m = 0; m < STAND_COUNT(metrics); m++) {
        stand_close(&s);
        stand_open(&s, 29);
        found_by(metrics[m]);
        lw_ticket ticket = stand_pick_node(&s, 1);
        stand_pick_node(&s, 1);
        stand_pick_node(&s, 2);
        assert_load(0, 1);
        assert_load(1, 3);
        assert_load(2, 2);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
        assert_load(1, 2);
    }
}

static void test_cost(void **state) {
    (void)state;
    static const uint64_t costs[] = {0, 1, 7, 100};
    lw_ticket held[4];
    found_by("inflight_cost");
    for (int i = 0; i < 4; i++) {
        uint64_t others[STAND_MOST];
        lw_request request = stand_only(&s, 1, others);
        request.cost = costs[i];
        held[i] = stand_pick(&s, &request);
    }
    assert_load(0, 1);
    assert_load(1, 1 + 1 + 1 + 7 + 100);
    assert_int_equal(stand_info(&s, 1).cost, 109);
    stand_done(&s, &held[3], LW_OUTCOME_OK);
    assert_load(1, 10);
    stand_cancel(&s, &held[2]);
    assert_load(1, 3);
}

/* ---- latencies ---- */

/* One sample weighs fully where one is enough; the estimate x (under way + 1), in its own unit. */
static void test_latencies(void **state) {
    (void)state;
    static const char *const metrics[] = {"ewma", "peak_ewma"};
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    latency.min_samples = 1;
    for (size_t m = 0; m < STAND_COUNT(metrics); m++) {
        stand_close(&s);
        stand_open(&s, 29);
        s.options.explore = 10001;
        s.options.latency = &latency;
        found_by(metrics[m]);
        stand_serve(&s, 0, LW_OUTCOME_OK, 10 * MS);
        double alone = load_of(0);
        s.book.now += SECOND;
        stand_serve(&s, 1, LW_OUTCOME_OK, 30 * MS);
        double thrice = load_of(1);
        assert_true(fabs(thrice / alone - 3) < 0.01);
        assert_true(fabs((double)stand_info(&s, 1).peak / (double)(30 * MS) - 1) < 0.01);
        assert_true(load_of(0) > alone && load_of(0) < thrice); /* it leans on the others */
        stand_pick_node(&s, 1);
        stand_pick_node(&s, 1);
        assert_load(1, 3 * thrice);
        assert_true(load_of(2) > alone && load_of(2) < thrice); /* a new one is an average one */
    }
}

/* The two differ: the peak jumps to what is higher, the mean goes by and by. */
static void test_peak_jumps(void **state) {
    (void)state;
    found_by("peak_ewma");
    for (int i = 0; i < 50; i++) {
        s.book.now += 100 * MS;
        stand_serve(&s, 0, LW_OUTCOME_OK, 10 * MS);
    }
    stand_serve(&s, 0, LW_OUTCOME_OK, SECOND);
    lw_node_info info = stand_info(&s, 0);
    assert_true(info.peak > 900 * MS);
    assert_true(info.mean < 300 * MS);
}

/* A sample that does not say how long it took: since the pick. One that does is believed. */
static void test_own_latency(void **state) {
    (void)state;
    found_by("peak_ewma");
    for (int i = 0; i < 30; i++) {
        lw_ticket silent = stand_pick_node(&s, 0);
        s.book.now += 40 * MS;
        stand_done(&s, &silent, LW_OUTCOME_OK);
        stand_serve(&s, 1, LW_OUTCOME_OK, 7 * MS);
    }
    assert_in_range(stand_info(&s, 0).mean, 39 * MS, 41 * MS);
    assert_in_range(stand_info(&s, 1).mean, 7 * MS, 8 * MS);
}

/* While something is under way, no answer counts as an answer that takes as long already. */
static void test_stall(void **state) {
    (void)state;
    found_by("peak_ewma");
    for (uint32_t i = 0; i < NODES; i++) {
        for (int j = 0; j < 20; j++) {
            stand_serve(&s, i, LW_OUTCOME_OK, 10 * MS);
        }
    }
    double idle = load_of(1) / (double)(10 * MS);
    lw_ticket stalled = stand_pick_node(&s, 0);
    s.book.now += 5 * MS;
    assert_load(0, 2 * load_of(1)); /* not longer than it takes anyway */
    s.book.now += SECOND - 5 * MS;
    assert_true(fabs(load_of(0) / (2 * idle * (double)SECOND) - 1) < 0.01);
    s.book.now += SECOND;
    assert_true(fabs(load_of(0) / (4 * idle * (double)SECOND) - 1) < 0.01);
    assert_true(load_of(1) / idle < 20.0 * (double)MS); /* idle nodes do not stall */
    s.book.now += SECOND;
    stand_cancel(&s, &stalled);
    assert_true(load_of(0) / idle < 20.0 * (double)MS);
}

/* Every end shows that it works, also of another request. */
static void test_progress(void **state) {
    (void)state;
    found_by("peak_ewma");
    for (int j = 0; j < 20; j++) {
        stand_serve(&s, 0, LW_OUTCOME_OK, 10 * MS);
    }
    double unit = load_of(0) / (double)(10 * MS);
    lw_ticket slow = stand_pick_node(&s, 0);
    s.book.now += SECOND;
    stand_serve(&s, 0, LW_OUTCOME_OK, 10 * MS);
    s.book.now += 100 * MS;
    assert_true(fabs(load_of(0) / (2 * unit * (double)(100 * MS)) - 1) < 0.05);
    stand_done(&s, &slow, LW_OUTCOME_OK);
}

/* ---- exploring ---- */

/* A node that looks terrible still gets its part of what is drawn: explore / nodes, and hardly more. */
static void test_explore(void **state) {
    (void)state;
    enum { PICKS = 40000 };
    uint64_t counts[STAND_MOST] = {0}, explored = 0;
    s.options.explore = 300;
    found_by("peak_ewma");
    for (int i = 0; i < 20; i++) {
        stand_serve(&s, 0, LW_OUTCOME_OK, 10 * MS);
        stand_serve(&s, 1, LW_OUTCOME_OK, 10 * MS);
        stand_serve(&s, 2, LW_OUTCOME_OK, 1000 * SECOND);
    }
    for (int i = 0; i < PICKS; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        uint32_t node = stand_index(&s, ticket.node);
        counts[node]++;
        explored += ticket.flags == LW_TICKET_EXPLORED;
        assert_true(node != 2 || ticket.flags == LW_TICKET_EXPLORED);
        stand_cancel(&s, &ticket);
    }
    /* 3 % of 40,000 are 1200, a third of them 400: within 4.4 deviations */
    assert_in_range(explored, 1200 - 152, 1200 + 152);
    assert_in_range(counts[2], 400 - 88, 400 + 88);
}

static void test_explore_nothing(void **state) {
    (void)state;
    static const char *const unlearnt[] = {"load", "inflight", "inflight_cost"};
    for (size_t m = 0; m < STAND_COUNT(unlearnt) + 1; m++) {
        stand_close(&s);
        stand_open(&s, 29);
        s.options.explore = m < STAND_COUNT(unlearnt) ? 10000 : 10001;
        found_by(m < STAND_COUNT(unlearnt) ? unlearnt[m] : "ewma");
        for (int i = 0; i < 1000; i++) {
            lw_ticket ticket = stand_pick(&s, NULL);
            assert_int_equal(ticket.flags, 0);
            stand_cancel(&s, &ticket);
        }
    }
}

/* Who may not be picked is not explored either, and nobody of weight 0. */
static void test_explore_eligible(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0}, exclude = 0;
    static const double shares[] = {0, 1, 0, 1, 0, 0};
    lw_request request = LW_REQUEST_INIT;
    s.options.explore = 10000;
    s.spec[2].weight = 0;
    stand_found(&s, "p2c metric=ewma", 6);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_admin(&s, 4, LW_ADMIN_DRAINING, 0);
    exclude = stand_id(&s, 5);
    request.exclude = &exclude;
    request.exclude_count = 1;
    stand_tally(&s, &request, 2000, counts);
    assert_int_equal(counts[0] + counts[4] + counts[5], 0);
    assert_true(counts[2] < 40); /* p2c itself does not look at weights, where the draw finds nobody */
    counts[2] = 0;
    assert_shares(counts, shares, 6);
}

/* ---- reported ---- */

static void report(uint32_t node, double load, uint64_t at) {
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, node), load, at), LW_OK);
}

/* What was reported, and what came and went here since. */
static void test_external(void **state) {
    (void)state;
    s.options.external_unit = 0.5;
    found_by("external");
    lw_ticket before = stand_pick_node(&s, 0), also = stand_pick_node(&s, 0);
    report(0, 8, s.book.now);
    report(1, -3, s.book.now);
    assert_load(0, 8);
    assert_load(1, -3);
    assert_true(stand_info(&s, 0).external == 8);
    lw_ticket after = stand_pick_node(&s, 0);
    assert_load(0, 8.5);
    stand_pick_node(&s, 0);
    assert_load(0, 9);
    stand_done(&s, &before, LW_OUTCOME_OK);
    stand_done(&s, &also, LW_OUTCOME_OK);
    stand_done(&s, &after, LW_OUTCOME_OK);
    assert_load(0, 7.5);
    report(0, 7, s.book.now + 1);
    assert_load(0, 7);
}

static void test_old_reports(void **state) {
    (void)state;
    found_by("external");
    report(0, 5, s.book.now);
    report(0, 9, s.book.now - 1);
    assert_load(0, 5);
    report(0, 6, s.book.now);
    assert_load(0, 6);
    report(0, 9, 0);
    assert_load(0, 6);
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 0), NAN, s.book.now), LW_RANGE);
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 0), INFINITY, s.book.now), LW_RANGE);
    assert_int_equal(lw_pool_report_load(s.pool, 5, 1, s.book.now), LW_UNKNOWN);
    assert_load(0, 6);
}

/* A pool with one node that reported 40 and has two under way since before; 10 s later that is stale. */
static void found_stale(uint32_t policy) {
    s.options.external_stale = policy;
    found_by("external");
    stand_pick_node(&s, 0);
    stand_pick_node(&s, 0);
    report(0, 40, s.book.now);
    s.book.now += 10 * SECOND;
    assert_load(0, 40);
    s.book.now++;
}

static void test_stale_is_ignored(void **state) {
    (void)state;
    found_stale(LW_STALE_IGNORE);
    assert_load(0, 3);
    assert_load(1, 1);
    report(0, 20, s.book.now);
    assert_load(0, 20);
}

static void test_stale_decays(void **state) {
    (void)state;
    found_stale(LW_STALE_DECAY);
    s.book.now += 5 * SECOND - 1;
    assert_load(0, 40 + (3 - 40) * 0.5);
    s.book.now += 2 * SECOND;
    assert_load(0, 40 + (3 - 40) * 0.7);
    s.book.now += 3 * SECOND;
    assert_load(0, 3);
    s.book.now += 5 * SECOND;
    assert_load(0, 3);
    s.book.now += 100 * SECOND;
    assert_load(0, 3);
    assert_load(1, 1);
}

/* Chosen after all others; where all are stale, any may come. */
static void test_stale_is_saturated(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    static const double any[] = {1, 1, 1}, others[] = {0, 1, 1};
    s.options.external_unit = 2;
    found_stale(LW_STALE_SATURATED);
    assert_true(isnan(load_of(0)));
    assert_true(isnan(load_of(1)));
    stand_tally(&s, NULL, 3000, counts);
    assert_shares(counts, any, NODES);
    report(1, 1e6, s.book.now);
    report(2, 1e6, s.book.now);
    memset(counts, 0, sizeof counts);
    stand_tally(&s, NULL, 3000, counts);
    assert_shares(counts, others, NODES);
}

static void test_ttl(void **state) {
    (void)state;
    s.options.external_ttl = 7;
    found_by("external");
    report(0, 40, s.book.now);
    s.book.now += 7;
    assert_load(0, 40);
    s.book.now++;
    assert_load(0, 1);
}

/* ---- the user's ---- */

static double user_load(void *user, void *node_user, uint64_t now) {
    assert_ptr_equal(user, &s);
    assert_int_equal(now, s.book.now);
    return node_user != NULL ? *(const double *)node_user : 5;
}

static void test_user(void **state) {
    (void)state;
    double loads[] = {3, NAN};
    uint64_t counts[STAND_MOST] = {0};
    s.options.load = user_load;
    s.options.load_user = &s;
    s.spec[0].user = &loads[0];
    s.spec[1].user = &loads[1];
    found_by("user");
    assert_load(0, 3);
    assert_true(isnan(load_of(1)));
    assert_load(2, 5);
    stand_tally(&s, NULL, 50, counts);
    assert_int_equal(counts[0], 50);
    loads[0] = 6;
    stand_tally(&s, NULL, 50, counts);
    assert_int_equal(counts[2], 50);
}

/* Without the function nothing is known. */
static void test_no_user(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    static const double any[] = {1, 1, 1};
    found_by("user");
    assert_true(isnan(load_of(0)));
    stand_tally(&s, NULL, 3000, counts);
    assert_shares(counts, any, NODES);
}

/* ---- weights ---- */

/* Of two idle nodes the one of the larger weight, until it has as much for its weight. */
static void test_weighted(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    s.spec[0].weight = 1;
    s.spec[1].weight = 10;
    stand_found(&s, "least_load metric=inflight weighted=true", 2);
    for (int i = 0; i < 22; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        counts[stand_index(&s, ticket.node)]++;
        assert_true(i > 0 || counts[1] == 1);
    }
    assert_in_range(counts[0], 1, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inflight, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_cost, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_latencies, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_peak_jumps, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_own_latency, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_stall, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_progress, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_explore, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_explore_nothing, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_explore_eligible, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_external, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_old_reports, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_stale_is_ignored, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_stale_decays, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_stale_is_saturated, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_ttl, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_user, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_no_user, open_loads, close_loads),
        cmocka_unit_test_setup_teardown(test_weighted, open_loads, close_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
