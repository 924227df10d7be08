/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Small pools in trouble, in full: of 1 to 6 nodes, how many are ejected under each cap; and whether a pool panics, for
 * each number of nodes that are well, each threshold and each policy, on the way down and on the way up.
 */
#include "pool_yard.h"

enum { SMALL = 6, ROW = 5 };

/* ---- ejection ---- */

static lw_health_options patient(void) {
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    health.failure_threshold = 4095;
    return health;
}

static void fail_in_a_row(yard *y, uint32_t index) {
    for (uint32_t i = 0; i < ROW; i++) {
        lw_ticket ticket = yard_pick_node(y, index);
        yard_done(y, &ticket, LW_OUTCOME_FAILURE, MS);
    }
}

static uint32_t count_ejected(yard *y, uint32_t nodes) {
    uint32_t ejected = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        ejected += (yard_info(y, i).reasons & LW_REASON_EJECTED) != 0;
    }
    return ejected;
}

static uint32_t least_of(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* What the header promises, in words of numbers. */
static uint32_t cap_on(uint32_t nodes, uint32_t percent, uint32_t always_one) {
    uint32_t share = nodes * percent / 100;
    return least_of(share == 0 && always_one ? 1 : share, nodes - 1);
}

static void one_cap(uint32_t nodes, uint32_t percent, uint32_t always_one) {
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_health_options health = patient();
    outlier.max_percent = percent;
    outlier.always_one = always_one;
    options.outlier = &outlier;
    options.health = &health;
    yard_open(&y, &options, "round_robin", nodes, 1);
    for (uint32_t i = 0; i < nodes; i++) {
        fail_in_a_row(&y, i);
        assert_int_equal(count_ejected(&y, nodes), least_of(i + 1, cap_on(nodes, percent, always_one)));
        lw_ticket ticket = yard_pick(&y, NULL); /* whoever is left serves, and not in a panic */
        assert_int_equal(ticket.flags & LW_TICKET_PANIC, 0);
        yard_cancel(&y, &ticket);
    }
    assert_int_equal(yard_stats(&y).ejections, cap_on(nodes, percent, always_one));
    yard_close(&y);
}

static void test_caps(void **state) {
    (void)state;
    static const uint32_t percents[] = {0, 10, 16, 17, 33, 34, 50, 51, 67, 99, 100};
    for (uint32_t nodes = 1; nodes <= SMALL; nodes++) {
        for (size_t p = 0; p < LAW_COUNT(percents); p++) {
            one_cap(nodes, percents[p], 0);
            one_cap(nodes, percents[p], 1);
        }
    }
}

/* The n-th ejection lasts n times the base, at most the longest; each interval in the rotation forgives one. */
static void test_durations(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_health_options health = patient();
    outlier.interval = 1000 * SECOND; /* so that none is forgiven on the way */
    outlier.max_ejection = 100 * SECOND;
    options.outlier = &outlier;
    options.health = &health;
    yard_open(&y, &options, "round_robin", 4, 1);
    for (uint32_t n = 1; n <= 5; n++) {
        lw_ticket ticket = yard_pick_node(&y, 2);
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
        fail_in_a_row(&y, 2);
        lw_node_info info = yard_info(&y, 2);
        assert_int_equal(info.reasons, LW_REASON_EJECTED);
        assert_int_equal(info.retry_at, y.now + (n <= 3 ? n * 30 : 100) * SECOND);
        assert_int_equal(info.ejections, n);
        y.now = info.retry_at - 1;
        assert_int_equal(yard_info(&y, 2).reasons, LW_REASON_EJECTED);
        y.now++;
        assert_int_equal(yard_info(&y, 2).reasons, 0);
    }
    for (uint32_t n = 5; n > 0; n--) {
        y.now += outlier.interval;
        assert_int_equal(lw_pool_tick(y.pool, y.now, NULL), LW_OK);
        assert_int_equal(yard_info(&y, 2).ejections, n - 1);
    }
    yard_close(&y);
}

/* Each node has so many good and bad requests in an interval; whose are ejected? */
static uint64_t ejected_after(const uint32_t *good, const uint32_t *bad, uint32_t nodes,
                              const lw_outlier_options *outlier) {
    yard y;
    uint64_t ejected = 0;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_health_options health = patient();
    options.outlier = outlier;
    options.health = &health;
    yard_open(&y, &options, "round_robin", nodes, 1);
    assert_int_equal(lw_pool_tick(y.pool, y.now, NULL), LW_OK);
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t k = 0; k < good[i] + bad[i]; k++) {
            lw_ticket ticket = yard_pick_node(&y, i);
            yard_done(&y, &ticket, k % 2 == 0 && k / 2 < bad[i] ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK, MS);
        }
    }
    y.now += outlier->interval;
    assert_int_equal(lw_pool_tick(y.pool, y.now, NULL), LW_OK);
    for (uint32_t i = 0; i < nodes; i++) {
        ejected |= (uint64_t)((yard_info(&y, i).reasons & LW_REASON_EJECTED) != 0) << i;
    }
    yard_close(&y);
    return ejected;
}

static void test_success_rates(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    const uint32_t good[] = {100, 100, 100, 100, 100, 60}, bad[] = {0, 0, 0, 0, 0, 40};
    assert_int_equal(ejected_after(good, bad, 6, &outlier), 1 << 5);
    assert_int_equal(ejected_after(good + 2, bad + 2, 4, &outlier), 0); /* too few to compare */
    const uint32_t few[] = {100, 100, 100, 100, 100, 50}, too[] = {0, 0, 0, 0, 0, 40};
    assert_int_equal(ejected_after(few, too, 6, &outlier), 0); /* too few requests to judge it */
    const uint32_t half[] = {60, 60, 60, 60, 60, 60}, ill[] = {40, 40, 40, 40, 40, 40};
    assert_int_equal(ejected_after(half, ill, 6, &outlier), 0); /* nobody is worse than the others */
    outlier.success_rate = 0;
    assert_int_equal(ejected_after(good, bad, 6, &outlier), 0);
}

static void test_failure_percentage(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    const uint32_t good[] = {100, 100, 100, 100, 51}, bad[] = {0, 0, 0, 0, 49};
    const uint32_t half[] = {100, 100, 100, 100, 50}, worse[] = {0, 0, 0, 0, 50};
    outlier.success_rate = 0;
    outlier.failure_percentage = 50;
    assert_int_equal(ejected_after(good, bad, 5, &outlier), 0);
    assert_int_equal(ejected_after(half, worse, 5, &outlier), 1 << 4);
    assert_int_equal(ejected_after(half + 1, worse + 1, 4, &outlier), 0);
}

/* ---- panic ---- */

struct alarm {
    uint32_t nodes, enter, policy;
    bool on;
};

/* The same rule, written down once more: with hysteresis, and never without any node that counts. */
static void hear(struct alarm *alarm, uint32_t well) {
    uint32_t leave = least_of(alarm->enter + 10, 100), bound = alarm->on ? leave : alarm->enter;
    alarm->on = well == 0 || well * 100 < bound * alarm->nodes;
}

/* Who may be picked: a set of nodes. LAST_RESORT: node number `nodes`. */
static void check_panic(yard *y, const struct alarm *alarm, uint32_t well) {
    uint64_t seen = 0, all = (UINT64_C(1) << alarm->nodes) - 1, wells = (UINT64_C(1) << well) - 1;
    bool closed = alarm->on && alarm->policy == LW_PANIC_FAIL_CLOSED;
    for (uint32_t i = 0; i < 16 * alarm->nodes; i++) {
        lw_ticket ticket;
        if (closed) {
            yard_refused(y, NULL, LW_ALL_UNHEALTHY);
            continue;
        }
        ticket = yard_pick(y, NULL);
        assert_int_equal((ticket.flags & LW_TICKET_PANIC) != 0, alarm->on);
        seen |= UINT64_C(1) << yard_index(y, ticket.node);
        yard_cancel(y, &ticket);
    }
    uint64_t in_panic = alarm->policy == LW_PANIC_LAST_RESORT ? UINT64_C(1) << alarm->nodes : all;
    assert_int_equal(seen, closed ? 0 : alarm->on ? in_panic : wells);
}

static void one_alarm(struct alarm alarm) {
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.panic = alarm.policy;
    options.panic_enter = alarm.enter;
    options.overprovision = 100; /* any loss may count */
    yard_found(&y, &options, 1);
    yard_strategy(&y, "round_robin lanes=1");
    y.spec[alarm.nodes].flags = LW_NODE_LAST_RESORT;
    y.count = alarm.nodes + 1;
    yard_update(&y);
    for (uint32_t step = 0; step <= 2 * alarm.nodes; step++) {
        uint32_t well = step <= alarm.nodes ? alarm.nodes - step : step - alarm.nodes;
        for (uint32_t i = 0; i < alarm.nodes; i++) {
            uint32_t verdict = i < well ? LW_VERDICT_UP : LW_VERDICT_DOWN;
            assert_int_equal(lw_pool_verdict(y.pool, yard_id(&y, i), verdict, y.now), LW_OK);
        }
        hear(&alarm, well);
        check_panic(&y, &alarm, well);
    }
    yard_close(&y);
}

static void test_panics(void **state) {
    (void)state;
    static const uint32_t enters[] = {0, 17, 34, 50, 67, 100};
    for (uint32_t nodes = 1; nodes <= SMALL; nodes++) {
        for (size_t e = 0; e < LAW_COUNT(enters); e++) {
            for (uint32_t policy = LW_PANIC_FAIL_OPEN; policy <= LW_PANIC_LAST_RESORT; policy++) {
                one_alarm((struct alarm){nodes, enters[e], policy, false});
            }
        }
    }
}

/* Nodes that drain or are disabled do not count, on either side. */
static void test_absent_nodes(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.panic_enter = 50;
    yard_open(&y, &options, "round_robin", 4, 1);
    assert_int_equal(lw_pool_verdict(y.pool, yard_id(&y, 0), LW_VERDICT_DOWN, y.now), LW_OK);
    assert_int_equal(lw_pool_verdict(y.pool, yard_id(&y, 1), LW_VERDICT_DOWN, y.now), LW_OK);
    lw_ticket ticket = yard_pick(&y, NULL); /* 2 of 4 are well */
    assert_int_equal(ticket.flags, 0);
    assert_int_equal(lw_pool_admin(y.pool, yard_id(&y, 2), LW_ADMIN_DRAINING, 0), LW_OK);
    ticket = yard_pick(&y, NULL); /* 1 of 3 */
    assert_int_equal(ticket.flags, LW_TICKET_PANIC);
    assert_true(ticket.node != yard_id(&y, 2));
    assert_int_equal(lw_pool_admin(y.pool, yard_id(&y, 0), LW_ADMIN_DISABLED, 0), LW_OK);
    assert_int_equal(lw_pool_admin(y.pool, yard_id(&y, 1), LW_ADMIN_DISABLED, 0), LW_OK);
    ticket = yard_pick(&y, NULL); /* 1 of 1 */
    assert_int_equal(ticket.flags, 0);
    yard_close(&y);
}

/* In a panic that does not open, those that are ill are still tried out, so that it ends by itself. */
static void recover_by_probes(uint32_t policy) {
    yard y;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.panic = policy;
    yard_found(&y, &options, 1);
    yard_strategy(&y, "round_robin");
    y.spec[2].flags = LW_NODE_LAST_RESORT;
    y.count = 3;
    yard_update(&y);
    for (uint32_t i = 0; i < 6; i++) {
        lw_ticket ticket = yard_pick_node(&y, i / 3);
        yard_done(&y, &ticket, LW_OUTCOME_FAILURE, MS);
    }
    y.now += 10 * SECOND;
    uint32_t probes = 0;
    for (uint32_t i = 0; i < 20; i++) {
        lw_ticket ticket = yard_pick(&y, NULL);
        bool resort = yard_index(&y, ticket.node) == 2;
        assert_int_equal(ticket.flags & LW_TICKET_PANIC, resort ? LW_TICKET_PANIC : 0);
        assert_true(!resort || policy == LW_PANIC_LAST_RESORT);
        probes += (ticket.flags & LW_TICKET_PROBE) != 0;
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
    }
    assert_in_range(probes, 2, 4);
    assert_true(yard_info(&y, 0).status == LW_HEALTHY || yard_info(&y, 1).status == LW_HEALTHY);
    yard_close(&y);
}

static void test_panics_end(void **state) {
    (void)state;
    recover_by_probes(LW_PANIC_FAIL_CLOSED);
    recover_by_probes(LW_PANIC_LAST_RESORT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),          cmocka_unit_test(test_durations),
        cmocka_unit_test(test_success_rates), cmocka_unit_test(test_failure_percentage),
        cmocka_unit_test(test_panics),        cmocka_unit_test(test_absent_nodes),
        cmocka_unit_test(test_panics_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
