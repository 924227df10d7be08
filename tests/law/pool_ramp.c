/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slow start: the share of a node that ramps grows with time, is never 0, and ends at the whole; where all ramp, nobody
 * does; another node that ramps takes nothing from the old ones to give it to one that ramps already; no key moves.
 */
#include "pool_yard.h"

enum { OLD = 3, PICKS = 60000, STEPS = 10, SPAN = 100 /* seconds */ };

static const char *const strategies[] = {"random", "weighted_random", "round_robin lanes=1", "smooth_wrr lanes=1",
                                         "p2c",    "least_load",      "p2c metric=ewma"};

static lw_pool_options slow_start(uint32_t floor, uint32_t aggression) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    options.slow_start = SPAN * SECOND;
    options.slow_start_floor = floor;
    options.slow_start_aggression = aggression;
    return options;
}

/* A yard of OLD nodes that have all of their share; the next ones would ramp. */
static void open_old(yard *y, const lw_pool_options *options, const char *strategy) {
    yard_open(y, options, strategy, OLD, 11);
    y->now += 10 * SPAN * SECOND;
}

static double share_of_node(yard *y, uint32_t index, uint64_t picks) {
    uint64_t counts[YARD_MOST] = {0};
    yard_tally(y, NULL, picks, counts);
    return (double)counts[index] / (double)picks;
}

/* Two shares, of so many picks each, differ by no more than chance does once in 100,000 times. */
static double noise(double share, uint64_t picks) {
    return LAW_NORMAL_LIMIT * sqrt(2 * share * (1 - share) / (double)picks);
}

static void test_factor(void **state) {
    (void)state;
    static const uint32_t aggressions[] = {50, 100, 200}, floors[] = {1, 10, 30};
    for (size_t a = 0; a < LAW_COUNT(aggressions); a++) {
        for (size_t f = 0; f < LAW_COUNT(floors); f++) {
            yard y;
            lw_pool_options options = slow_start(floors[f], aggressions[a]);
            open_old(&y, &options, "random");
            y.count = OLD + 1;
            yard_update(&y);
            uint64_t begun = y.now;
            for (uint32_t percent = 0; percent <= 120; percent++) {
                y.now = begun + percent * SECOND;
                double part = percent < SPAN ? percent / (double)SPAN : 1, least = floors[f] / 100.0;
                double expected = pow(part, 100.0 / aggressions[a]), found = yard_info(&y, OLD).ramp;
                expected = expected < least ? least : expected;
                assert_true(fabs(found - expected) < 1e-5);
                assert_true(yard_info(&y, 0).ramp == 1);
            }
            yard_close(&y);
        }
    }
}

/* Shares of one ramping node at random: f / n, and what it is denied goes to the others evenly. */
static void test_share_at_random(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = slow_start(10, 100);
    open_old(&y, &options, "random");
    y.count = OLD + 1;
    yard_update(&y);
    uint64_t begun = y.now;
    for (uint32_t step = 0; step <= STEPS; step++) {
        uint64_t counts[OLD + 1] = {0};
        double shares[OLD + 1];
        y.now = begun + step * SPAN / STEPS * SECOND;
        double own = yard_info(&y, OLD).ramp / (OLD + 1);
        for (uint32_t i = 0; i <= OLD; i++) {
            shares[i] = i == OLD ? own : (1 - own) / OLD;
        }
        yard_tally(&y, NULL, PICKS, counts);
        assert_true(law_fits(counts, shares, OLD + 1));
    }
    yard_close(&y);
}

static void test_share_grows(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        yard y;
        lw_pool_options options = slow_start(1, 100);
        open_old(&y, &options, strategies[s]);
        y.count = OLD + 1;
        yard_update(&y);
        uint64_t begun = y.now;
        double before = 0;
        for (uint32_t step = 0; step <= STEPS; step++) {
            y.now = begun + step * SPAN / STEPS * SECOND;
            double share = share_of_node(&y, OLD, PICKS);
            assert_true(share > 0);
            if (share < before - noise(before, PICKS)) {
                fail_msg("%s: from %.4f to %.4f", strategies[s], before, share);
            }
            before = share;
        }
        assert_true(fabs(before - 1.0 / (OLD + 1)) < noise(0.25, PICKS));
        yard_close(&y);
    }
}

/* The second one has come half way when a third one comes, and more and more of them. */
static void test_others_that_ramp(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(strategies); s++) {
        yard y;
        lw_pool_options options = slow_start(10, 100);
        open_old(&y, &options, strategies[s]);
        y.count = OLD + 1;
        yard_update(&y);
        y.now += SPAN / 2 * SECOND;
        double before = share_of_node(&y, OLD, 4 * PICKS);
        for (uint32_t more = 1; more <= 5; more++) {
            y.count = OLD + 1 + more;
            yard_update(&y);
            double share = share_of_node(&y, OLD, 4 * PICKS);
            if (share > before + noise(before, 4 * PICKS)) {
                fail_msg("%s: with %u more that ramp its share rose from %.4f to %.4f", strategies[s], more, before,
                         share);
            }
            before = share;
        }
        yard_close(&y);
    }
}

/* A pool that begins as a whole does not ramp: there is nobody who could take more. */
static void test_all_ramp(void **state) {
    (void)state;
    yard y;
    uint64_t counts[OLD] = {0};
    double shares[OLD] = {1, 1, 1};
    lw_pool_options options = slow_start(1, 100);
    yard_open(&y, &options, "random", OLD, 5);
    yard_tally(&y, NULL, PICKS, counts);
    assert_true(law_fits(counts, shares, OLD));
    y.now += SPAN / 4 * SECOND; /* and with the eldest out of the way, the rest are the eldest */
    y.count = OLD + 2;
    yard_update(&y);
    for (uint32_t i = 0; i < OLD; i++) {
        assert_int_equal(lw_pool_admin(y.pool, yard_id(&y, i), LW_ADMIN_DISABLED, 0), LW_OK);
    }
    uint64_t rest[OLD + 2] = {0};
    yard_tally(&y, NULL, PICKS, rest);
    assert_true(law_fits(rest + OLD, shares, 2));
    yard_close(&y);
}

/* The only node that may be chosen is chosen, ramping or not. */
static void test_never_refuses(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = slow_start(1, 100);
    open_old(&y, &options, "p2c");
    y.count = OLD + 1;
    yard_update(&y);
    for (uint32_t i = 0; i < 1000; i++) {
        lw_ticket ticket = yard_pick_node(&y, OLD);
        yard_cancel(&y, &ticket);
    }
    yard_close(&y);
}

static void test_recovery_ramps(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = slow_start(10, 100);
    open_old(&y, &options, "random");
    for (uint32_t i = 0; i < 3; i++) {
        lw_ticket ticket = yard_pick_node(&y, 1);
        yard_done(&y, &ticket, LW_OUTCOME_TIMEOUT, SECOND);
    }
    y.now += 10 * SECOND;
    for (uint32_t i = 0; i < 2; i++) {
        lw_ticket ticket = yard_pick_node(&y, 1);
        yard_done(&y, &ticket, LW_OUTCOME_OK, MS);
    }
    assert_int_equal(yard_info(&y, 1).status, LW_HEALTHY);
    assert_true(fabs(yard_info(&y, 1).ramp - 0.1) < 1e-5);
    assert_true(fabs(share_of_node(&y, 1, PICKS) - 0.1 / OLD) < noise(0.1 / OLD, PICKS));
    assert_int_equal(lw_pool_verdict(y.pool, yard_id(&y, 2), LW_VERDICT_DOWN, y.now), LW_OK);
    assert_int_equal(lw_pool_verdict(y.pool, yard_id(&y, 2), LW_VERDICT_UP, y.now), LW_OK);
    assert_true(fabs(yard_info(&y, 2).ramp - 0.1) < 1e-5);
    yard_close(&y);
}

/* What updates do to others does not begin a ramp, nor end one. */
static void test_updates_keep_ramps(void **state) {
    (void)state;
    yard y;
    lw_pool_options options = slow_start(10, 100);
    open_old(&y, &options, "random");
    y.count = OLD + 1;
    yard_update(&y);
    y.now += SPAN / 2 * SECOND;
    y.spec[OLD].weight = 5;
    y.spec[0].tags = "a=b";
    yard_update(&y);
    yard_strategy(&y, "p2c");
    assert_true(fabs(yard_info(&y, OLD).ramp - 0.5) < 1e-5);
    assert_true(yard_info(&y, 0).ramp == 1);
    yard_close(&y);
}

static void test_keys_stay(void **state) {
    (void)state;
    enum { KEYS = 2000 };
    yard y;
    uint64_t home[KEYS];
    lw_pool_options options = slow_start(1, 100);
    open_old(&y, &options, "ring vnodes=50");
    y.count = OLD + 1;
    yard_update(&y);
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint64_t key = 0; key < KEYS; key++) {
            lw_request request = law_keyed(key);
            lw_ticket ticket = yard_pick(&y, &request);
            assert_true(turn == 0 || ticket.node == home[key]);
            home[key] = ticket.node;
            yard_cancel(&y, &ticket);
        }
        y.now += SPAN * SECOND;
    }
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor),         cmocka_unit_test(test_share_at_random),
        cmocka_unit_test(test_share_grows),    cmocka_unit_test(test_others_that_ramp),
        cmocka_unit_test(test_all_ramp),       cmocka_unit_test(test_never_refuses),
        cmocka_unit_test(test_recovery_ramps), cmocka_unit_test(test_updates_keep_ramps),
        cmocka_unit_test(test_keys_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
