/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Updates change what they say and nothing else: what is known of the nodes that stay is, bit for bit, what it was,
 * also under load; what changes nothing builds nothing; the traffic goes on where it was and does not begin at index 0;
 * and who comes back in time finds everything in its place.
 */
#include "pool_yard.h"

enum { NODES = 8, HELD = 24 };

static const char *const strategies[] = {
    "round_robin", "smooth_wrr",     "random",         "weighted_random", "p2c",
    "least_load",  "most_available", "ring vnodes=20", "p2c metric=ewma", "least_load metric=peak_ewma"};

/* ---- a pool with a history ---- */

static const lw_quota_dimension rpm = {.size = sizeof rpm,
                                       .name = "rpm",
                                       .kind = LW_QUOTA_SLIDING,
                                       .estimate = LW_QUOTA_FIXED,
                                       .window = 60 * SECOND,
                                       .fixed = 1};

static lw_pool_options lively(void) {
    static const lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    static const lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.latency = &latency; /* learns, whatever the strategy */
    options.outlier = &outlier;
    options.dimensions = &rpm;
    options.dimension_count = 1;
    options.slow_start = 1000 * SECOND;
    return options;
}

static void fail_now(yard *y, uint32_t index, uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        lw_ticket ticket = yard_pick_node(y, index);
        yard_done(y, &ticket, LW_OUTCOME_FAILURE, 7 * MS);
    }
}

/* Something of everything: requests under way, latencies, ill health, waits, admin states, reports, quotas, a ramp. */
static void live_a_while(yard *y, lw_ticket *held) {
    static const lw_quota_limit limit = {.limit = 500};
    uint64_t chance = 99;
    for (uint32_t i = 0; i < YARD_MOST; i++) {
        y->spec[i].weight = 1 + i % 3;
        y->spec[i].limits = &limit;
        y->spec[i].limit_count = 1;
        y->spec[i].max_inflight = 40;
        y->spec[i].user = &y->spec[i];
    }
    y->count = NODES;
    yard_update(y);
    for (uint32_t i = 0; i < 500; i++) {
        lw_request request = law_keyed(law_random(&chance));
        lw_ticket ticket = yard_pick(y, &request);
        y->now += 1 + law_below(&chance, 10) * MS;
        yard_done(y, &ticket, LW_OUTCOME_OK, (1 + law_below(&chance, 50)) * MS);
    }
    fail_now(y, 1, 3); /* unhealthy */
    fail_now(y, 2, 2); /* degraded */
    assert_int_equal(lw_pool_cool(y->pool, yard_id(y, 3), y->now + 3600 * SECOND, y->now), LW_OK);
    assert_int_equal(lw_pool_admin(y->pool, yard_id(y, 4), LW_ADMIN_DRAINING, 0), LW_OK);
    assert_int_equal(lw_pool_report_load(y->pool, yard_id(y, 5), 0.75, y->now), LW_OK);
    assert_int_equal(lw_pool_verdict(y->pool, yard_id(y, 6), LW_VERDICT_DOWN, y->now), LW_OK);
    for (uint32_t i = 0; i < HELD; i++) {
        lw_request request = law_keyed(i);
        request.cost = 1 + i % 5;
        held[i] = yard_pick(y, &request);
    }
}

static void let_go(yard *y, const lw_ticket *held) {
    for (uint32_t i = 0; i < HELD; i++) {
        yard_done(y, &held[i], LW_OUTCOME_OK, MS);
    }
    for (uint32_t i = 0; i < y->count; i++) {
        assert_int_equal(yard_info(y, i).inflight, 0);
        assert_int_equal(yard_info(y, i).cost, 0);
    }
    assert_int_equal(yard_stats(y).tickets, 0);
}

/* ---- equal states ---- */

static bool same_number(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* All but what a spec says. */
static void assert_same_life(const lw_node_info *a, const lw_node_info *b) {
    assert_int_equal(a->node, b->node);
    assert_int_equal(a->admin, b->admin);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->reasons, b->reasons);
    assert_int_equal(a->inflight, b->inflight);
    assert_int_equal(a->ejections, b->ejections);
    assert_int_equal(a->cost, b->cost);
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->retry_at, b->retry_at);
    assert_int_equal(a->mean, b->mean);
    assert_int_equal(a->peak, b->peak);
    assert_true(same_number(a->external, b->external));
    assert_true(a->ramp == b->ramp);
    assert_true(a->remaining == b->remaining);
}

static void remember(yard *y, lw_node_info *infos) {
    for (uint32_t i = 0; i < NODES; i++) {
        infos[i] = yard_info(y, i);
    }
}

static void assert_all_alive(yard *y, const lw_node_info *before) {
    for (uint32_t i = 0; i < y->count && i < NODES; i++) {
        lw_node_info now = yard_info(y, i);
        assert_same_life(&before[i], &now);
    }
    assert_int_equal(yard_stats(y).tickets, HELD);
}

static void assert_report(const lw_update_report *report, uint32_t added, uint32_t removed, uint32_t changed,
                          uint32_t kept) {
    assert_int_equal(report->added, added);
    assert_int_equal(report->removed, removed);
    assert_int_equal(report->changed, changed);
    assert_int_equal(report->kept, kept);
}

static void change_this_and_that(yard *y, const lw_node_info *before) {
    lw_update_report report = yard_update(y);
    assert_report(&report, 0, 0, 0, NODES);
    assert_all_alive(y, before);
    y->count = NODES + 2;
    report = yard_update(y);
    assert_report(&report, 2, 0, 0, NODES);
    assert_all_alive(y, before);
    y->count = NODES;
    report = yard_update(y);
    assert_report(&report, 0, 2, 0, NODES);
    assert_all_alive(y, before);
    for (uint32_t i = 0; i < NODES; i++) {
        y->spec[i].weight += 1 + i;
    }
    report = yard_update(y);
    assert_report(&report, 0, 0, NODES, 0);
    assert_all_alive(y, before);
    y->spec[0].tags = "gpu=no";
    y->spec[1].zone = "east";
    y->spec[2].user = y;
    report = yard_update(y);
    assert_report(&report, 0, 0, 3, NODES - 3);
    assert_all_alive(y, before);
    assert_ptr_equal(yard_info(y, 2).user, y);
    y->spec[3].priority = 1;
    report = yard_update(y);
    assert_report(&report, 0, 0, 1, NODES - 1);
    assert_all_alive(y, before);
}

static void test_updates_under_load(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        yard y;
        lw_ticket held[HELD];
        lw_node_info before[NODES];
        lw_pool_options options = lively();
        yard_found(&y, &options, s + 1);
        yard_strategy(&y, strategies[s]);
        live_a_while(&y, held);
        remember(&y, before);
        change_this_and_that(&y, before);
        for (size_t other = 0; other < LAW_COUNT(strategies); other++) {
            yard_strategy(&y, strategies[other]);
            assert_all_alive(&y, before);
        }
        y.count = 5; /* some of those that go have requests under way */
        yard_update(&y);
        assert_all_alive(&y, before);
        assert_true(yard_stats(&y).leaving > 0);
        let_go(&y, held);
        assert_int_equal(yard_stats(&y).leaving, 0);
        yard_close(&y);
    }
}

/* Specs in another order are another order of the nodes, and that is all. */
static void test_order(void **state) {
    (void)state;
    yard y;
    lw_ticket held[HELD];
    lw_node_info before[NODES];
    lw_pool_options options = lively();
    yard_found(&y, &options, 4);
    yard_strategy(&y, "p2c");
    live_a_while(&y, held);
    remember(&y, before);
    lw_node_spec first = y.spec[0];
    y.spec[0] = y.spec[NODES - 1];
    y.spec[NODES - 1] = first;
    lw_update_report report = yard_update(&y);
    assert_report(&report, 0, 0, 0, NODES);
    assert_all_alive(&y, before);
    let_go(&y, held);
    yard_close(&y);
}

/* ---- what changes nothing ---- */

static void test_no_change_builds_nothing(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        yard y;
        lw_ticket held[HELD];
        lw_pool_options options = lively();
        yard_found(&y, &options, s + 1);
        yard_strategy(&y, strategies[s]);
        live_a_while(&y, held);
        lw_pool_stats before = yard_stats(&y);
        for (uint32_t i = 0; i < 20; i++) {
            yard_update(&y);
        }
        assert_int_equal(lw_pool_update(y.pool, NULL, 0, LW_UPDATE_KEEP_LAST, NULL), LW_OK);
        lw_pool_stats after = yard_stats(&y);
        assert_int_equal(after.plans, before.plans);
        assert_int_equal(after.updates, before.updates);
        assert_int_equal(after.waiting, before.waiting);
        assert_int_equal(after.bytes, before.bytes);
        let_go(&y, held);
        yard_close(&y);
    }
}

/* Two pools of one seed, one of them told the same nodes again and again: they pick alike for ever. */
static void test_no_change_changes_no_pick(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        yard quiet, told;
        yard_open(&quiet, NULL, strategies[s], NODES, 6);
        yard_open(&told, NULL, strategies[s], NODES, 6);
        for (uint32_t i = 0; i < 1000; i++) {
            lw_request request = law_keyed(i);
            yard_update(&told);
            lw_ticket one = yard_pick(&quiet, &request), two = yard_pick(&told, &request);
            assert_int_equal(one.node, two.node);
            if (i % 3 != 0) {
                yard_done(&quiet, &one, LW_OUTCOME_OK, (1 + i % 7) * MS);
                yard_done(&told, &two, LW_OUTCOME_OK, (1 + i % 7) * MS);
            }
        }
        yard_close(&quiet);
        yard_close(&told);
    }
}

/* A change builds the plans of the routes that see it, and of no other. */
static void test_only_what_changed_is_built(void **state) {
    (void)state;
    yard y;
    uint32_t red;
    lw_tag_filter is_red = lw_filter_tag("color", "red");
    yard_found(&y, NULL, 1);
    yard_strategy(&y, "ring vnodes=10");
    assert_int_equal(lw_pool_route(y.pool, "red", "smooth_wrr", &is_red.filter, &red), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        y.spec[i].tags = i < 3 ? "color=red" : "color=blue";
    }
    y.count = NODES;
    yard_update(&y);
    uint64_t plans = yard_stats(&y).plans;
    y.spec[NODES - 1].weight = 9;
    yard_update(&y);
    assert_int_equal(yard_stats(&y).plans, plans + 1);
    y.spec[0].weight = 9;
    yard_update(&y);
    assert_int_equal(yard_stats(&y).plans, plans + 3);
    yard_strategy(&y, "random");
    assert_int_equal(yard_stats(&y).plans, plans + 4);
    assert_int_equal(yard_stats(&y).updates, 3);
    yard_close(&y);
}

/* ---- no burst ---- */

/* The picks right after each of many updates: index 0 is not favoured, nor is any other node that stays. */
static void test_no_burst_after_updates(void **state) {
    (void)state;
    enum { UPDATES = 4000 };
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        for (uint32_t kind = 0; kind < 2; kind++) {
            yard y;
            uint64_t counts[NODES + 1] = {0}, between[NODES + 1] = {0}, sum = 0, chance = s;
            yard_open(&y, NULL, strategies[s], NODES, s + 3);
            for (uint32_t i = 0; i < UPDATES; i++) {
                lw_request request = law_keyed(i);
                if (kind == 0) {
                    y.count = NODES + i % 2; /* one comes, one goes */
                } else {
                    y.spec[NODES - 1].weight = 1 + i % 2;
                }
                yard_update(&y);
                lw_ticket ticket = yard_pick(&y, &request);
                counts[yard_index(&y, ticket.node)]++;
                yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
                yard_tally(&y, &request, law_below(&chance, 5), between);
            }
            for (uint32_t i = 0; i + 1 < NODES; i++) {
                sum += counts[i];
            }
            double fair = (double)sum / (NODES - 1), most = fair + LAW_NORMAL_LIMIT * sqrt(fair);
            bool by_key = strstr(strategies[s], "ring") != NULL;
            if ((double)counts[0] > most * (by_key ? 2 : 1)) { /* a ring's arcs differ */
                fail_msg("%s: %u of %u picks after an update for the first node", strategies[s], (unsigned)counts[0],
                         (unsigned)sum);
            }
            yard_close(&y);
        }
    }
}

/* The same for a pool of which all nodes are new each time. */
static void test_no_burst_on_a_new_pool(void **state) {
    (void)state;
    enum { POOLS = 2000 };
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        uint64_t counts[NODES] = {0};
        double shares[NODES];
        for (uint64_t seed = 1; seed <= POOLS; seed++) {
            yard y;
            uint64_t chance = seed;
            lw_request request = law_keyed(law_random(&chance));
            lw_pool_options options = LW_POOL_OPTIONS_INIT;
            options.max_tickets = 64;
            yard_open(&y, &options, strategies[s], NODES, seed);
            lw_ticket ticket = yard_pick(&y, &request);
            counts[yard_index(&y, ticket.node)]++;
            yard_close(&y);
        }
        for (uint32_t i = 0; i < NODES; i++) {
            shares[i] = 1;
        }
        assert_true(strstr(strategies[s], "ring") != NULL || law_fits(counts, shares, NODES));
    }
}

/* ---- coming back ---- */

static void test_grace(void **state) {
    (void)state;
    for (uint64_t late = 0; late < 2; late++) {
        yard y;
        lw_ticket held[HELD];
        lw_node_info before[NODES];
        lw_pool_options options = lively();
        options.grace = 30 * SECOND;
        yard_found(&y, &options, 8);
        yard_strategy(&y, "p2c metric=peak_ewma");
        live_a_while(&y, held);
        y.count = 1;
        lw_update_report report = yard_update(&y);
        assert_report(&report, 0, NODES - 1, 0, 1);
        assert_int_equal(yard_stats(&y).resting, NODES - 1);
        y.now += options.grace - 1 + late;
        assert_int_equal(lw_pool_tick(y.pool, y.now, NULL), LW_OK);
        y.count = NODES;
        report = yard_update(&y);
        assert_int_equal(report.added, NODES - 1);
        assert_int_equal(report.resumed, late ? 0 : NODES - 1);
        assert_int_equal(yard_stats(&y).resting, 0);
        remember(&y, before);
        assert_int_equal(before[1].status, late ? LW_HEALTHY : LW_UNHEALTHY);
        assert_int_equal(before[2].status, late ? LW_HEALTHY : LW_DEGRADED);
        assert_int_equal(before[3].reasons, late ? 0 : LW_REASON_COOLING);
        assert_int_equal(before[4].admin, late ? LW_ADMIN_ACTIVE : LW_ADMIN_DRAINING);
        assert_true(late ? isnan(before[5].external) : before[5].external == 0.75);
        assert_int_equal(before[6].status, late ? LW_HEALTHY : LW_UNHEALTHY);
        assert_int_equal(before[7].started == 0, late);
        let_go(&y, held); /* those of the nodes that were forgotten end as well */
        yard_close(&y);
    }
}

/* Going and coming back at the same moment leaves no trace at all. */
static void test_return_at_once(void **state) {
    (void)state;
    yard y;
    lw_ticket held[HELD];
    lw_node_info before[NODES];
    lw_pool_options options = lively();
    options.grace = 1;
    yard_found(&y, &options, 8);
    yard_strategy(&y, "least_load metric=inflight");
    live_a_while(&y, held);
    remember(&y, before);
    for (uint32_t i = 0; i < 10; i++) {
        y.count = 0;
        yard_update(&y);
        yard_refused(&y, NULL, LW_NO_NODES);
        assert_int_equal(yard_stats(&y).leaving + yard_stats(&y).resting > 0, 1);
        y.count = NODES;
        lw_update_report report = yard_update(&y);
        assert_int_equal(report.resumed, NODES);
        assert_all_alive(&y, before);
    }
    let_go(&y, held);
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_under_load),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_no_change_builds_nothing),
        cmocka_unit_test(test_no_change_changes_no_pick),
        cmocka_unit_test(test_only_what_changed_is_built),
        cmocka_unit_test(test_no_burst_after_updates),
        cmocka_unit_test(test_no_burst_on_a_new_pool),
        cmocka_unit_test(test_grace),
        cmocka_unit_test(test_return_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
