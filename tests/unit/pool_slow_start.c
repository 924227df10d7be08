/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Slow start: the factors of the published oracles, the shares that follow from them, and whom it leaves alone. */
#include "pool_stand.h"

static stand s;

static int open_slow_start(void **state) {
    (void)state;
    stand_open(&s, 43);
    s.options.slow_start = 100 * SECOND;
    return 0;
}

static int close_slow_start(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void assert_ramp(uint32_t node, double expected) {
    double ramp = stand_info(&s, node).ramp;
    if (!(fabs(ramp - expected) < 1e-6)) {
        fail_msg("ramp %.9f in place of %.9f", ramp, expected);
    }
}

/* ---- factors ---- */

/* A quarter, a half, three quarters and all of the way, at this aggression. */
static void assert_factors(uint32_t aggression, double quarter, double half, double most) {
    stand_close(&s);
    open_slow_start(NULL);
    s.options.slow_start_aggression = aggression;
    stand_found(&s, "random", 1);
    assert_ramp(0, 0.10);
    s.book.now += 25 * SECOND;
    assert_ramp(0, quarter);
    s.book.now += 25 * SECOND;
    assert_ramp(0, half);
    s.book.now += 25 * SECOND;
    assert_ramp(0, most);
    s.book.now += 25 * SECOND;
    assert_ramp(0, 1);
    s.book.now += 25 * SECOND;
    assert_ramp(0, 1);
}

static void test_aggressions(void **state) {
    (void)state;
    assert_factors(0, 0.25, 0.5, 0.75);
    assert_factors(100, 0.25, 0.5, 0.75);
    assert_factors(200, 0.5, sqrt(0.5), sqrt(0.75));
    assert_factors(50, 0.10, 0.25, 0.5625); /* the floor, not 0.0625 */
    assert_factors(1000, pow(0.25, 0.1), pow(0.5, 0.1), pow(0.75, 0.1));
    assert_factors(10, 0.10, 0.10, 0.10);
}

static void test_floor(void **state) {
    (void)state;
    s.options.slow_start_floor = 60;
    stand_found(&s, "random", 1);
    assert_ramp(0, 0.60);
    s.book.now += 60 * SECOND - 1;
    assert_ramp(0, 0.60);
    s.book.now += 10 * SECOND + 1;
    assert_ramp(0, 0.70);
}

static void test_off(void **state) {
    (void)state;
    s.options.slow_start = 0;
    stand_found(&s, "random", 1);
    assert_ramp(0, 1);
    stand_update(&s, 2);
    assert_ramp(1, 1);
}

/* ---- shares ---- */

static const char *const thinned[] = {"random", "round_robin", "least_load", "p2c", "weighted_random", "smooth_wrr"};

/* Three that have served long, and one that joins. */
static void found_newcomer(const char *spec) {
    stand_close(&s);
    open_slow_start(NULL);
    stand_found(&s, spec, 3);
    s.book.now += 100 * SECOND;
    stand_update(&s, 4);
}

/* Its part of the picks is f of an even one, whatever the strategy. */
static void test_newcomer(void **state) {
    (void)state;
    static const double factors[] = {0.1, 0.25, 0.5, 0.75, 1};
    for (size_t i = 0; i < STAND_COUNT(thinned); i++) {
        found_newcomer(thinned[i]);
        uint64_t joined = s.book.now;
        for (size_t f = 0; f < STAND_COUNT(factors); f++) {
            uint64_t counts[STAND_MOST] = {0}, shares[2];
            s.book.now = joined + (uint64_t)(factors[f] * 100) * SECOND;
            stand_tally(&s, NULL, 8000, counts);
            shares[0] = counts[3];
            shares[1] = counts[0] + counts[1] + counts[2];
            assert_shares(shares, (const double[]){factors[f] / 4, 1 - factors[f] / 4}, 2);
        }
    }
}

/* Where all began together nobody is held back. */
static void test_all_together(void **state) {
    (void)state;
    static const double even[] = {1, 1, 1, 1};
    for (size_t i = 0; i < STAND_COUNT(thinned); i++) {
        uint64_t counts[STAND_MOST] = {0};
        stand_close(&s);
        open_slow_start(NULL);
        stand_found(&s, thinned[i], 4);
        s.book.now += 5 * SECOND;
        assert_ramp(0, 0.1);
        stand_tally(&s, NULL, 4000, counts);
        assert_shares(counts, even, 4);
    }
}

/* Of two that ramp the factors count beside each other: a tenth and a half make a fifth. */
static void test_relative(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    stand_found(&s, "random", 1);
    s.book.now += 50 * SECOND;
    stand_update(&s, 2);
    stand_tally(&s, NULL, 8000, counts);
    assert_shares(counts, (const double[]){0.9, 0.1}, 2);
}

/* An older node that may not be picked is no measure for them. */
static void test_relative_to_the_well(void **state) {
    (void)state;
    uint64_t counts[STAND_MOST] = {0};
    stand_found(&s, "random", 1);
    s.book.now += 1000 * SECOND;
    stand_update(&s, 2);
    s.book.now += 50 * SECOND;
    stand_update(&s, 3);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_tally(&s, NULL, 8000, counts);
    assert_shares(counts, (const double[]){0, 0.9, 0.1}, 3);
}

/* When only nodes that ramp may be chosen, one of them is. */
static void test_never_refuses(void **state) {
    (void)state;
    uint64_t exclude[3];
    lw_request request = LW_REQUEST_INIT;
    found_newcomer("random");
    for (uint32_t i = 0; i < 3; i++) {
        exclude[i] = stand_id(&s, i);
    }
    request.exclude = exclude;
    request.exclude_count = 3;
    for (int i = 0; i < 500; i++) {
        lw_ticket ticket = stand_pick(&s, &request);
        assert_int_equal(stand_index(&s, ticket.node), 3);
        stand_cancel(&s, &ticket);
    }
}

/* No key moves for a ramp. */
static void test_keys_stay(void **state) {
    (void)state;
    uint64_t before[500];
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    found_newcomer("ring");
    uint32_t newcomer = 0;
    for (int round = 0; round < 2; round++) {
        for (uint64_t key = 0; key < 500; key++) {
            request.key = key;
            lw_ticket ticket = stand_pick(&s, &request);
            stand_cancel(&s, &ticket);
            assert_true(round == 0 || before[key] == ticket.node);
            before[key] = ticket.node;
            newcomer += stand_index(&s, ticket.node) == 3;
        }
        s.book.now += 1000 * SECOND;
    }
    assert_in_range(newcomer, 150, 350); /* a quarter of 1000, and not a tenth of it */
}

/* ---- when ---- */

static void test_recovery(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    s.book.now += 1000 * SECOND;
    assert_ramp(1, 1);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    stand_verdict(&s, 1, LW_VERDICT_UP);
    assert_ramp(1, 0.1);
    s.book.now += 1000 * SECOND;
    stand_serve_times(&s, 2, LW_OUTCOME_FAILURE, 3);
    s.book.now += 1000 * SECOND;
    stand_serve(&s, 2, LW_OUTCOME_OK, 0);
    assert_ramp(2, 1); /* recovering is not recovered */
    stand_serve(&s, 2, LW_OUTCOME_OK, 0);
    assert_ramp(2, 0.1);
    assert_ramp(0, 1);
}

static void test_ejection(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    health.failure_threshold = 100;
    s.options.outlier = &outlier;
    s.options.health = &health;
    stand_found(&s, "random", 3);
    s.book.now += 1000 * SECOND;
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 5);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_EJECTED);
    s.book.now += 30 * SECOND;
    stand_tick(&s);
    assert_ramp(1, 0.1);
    s.book.now += 50 * SECOND;
    assert_ramp(1, 0.5);
}

/* What does not make a node new does not make it ramp: draining, cool-downs, caps, updates. */
static void test_no_reason_to_ramp(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    s.book.now += 1000 * SECOND;
    stand_admin(&s, 0, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 0, LW_ADMIN_ACTIVE, 0);
    assert_int_equal(lw_pool_cool(s.pool, stand_id(&s, 0), s.book.now + 1, s.book.now), LW_OK);
    stand_serve_times(&s, 0 + 1, LW_OUTCOME_FAILURE, 2);
    s.book.now += 2;
    s.spec[0].weight = 5;
    s.spec[0].max_inflight = 3;
    stand_update(&s, 2);
    assert_ramp(0, 1);
    assert_ramp(1, 1);
    stand_verdict(&s, 0, LW_VERDICT_UP);
    assert_ramp(0, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_aggressions, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_floor, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_off, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_newcomer, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_all_together, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_relative, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_relative_to_the_well, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_never_refuses, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_keys_stay, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_recovery, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_ejection, open_slow_start, close_slow_start),
        cmocka_unit_test_setup_teardown(test_no_reason_to_ramp, open_slow_start, close_slow_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
