/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What pools promise, seen from outside: as scenarios, in which requests meet nodes that fail, drain, freeze, join. */
#include "sim_stage.h"

static struct stage stage;

/* What a node had to do in these slices, in services. */
static double work_in(const struct sim_result *result, uint32_t node, int from, int to, double service_ms) {
    double sum = 0;
    for (int i = from; i < to; i++) {
        sum += (double)result->nodes[node].load[i];
    }
    return sum * 100 / service_ms;
}

/* ---- nodes that fail ---- */

/* Three failures, and it gets nothing more but a probe a second; the others fail nobody. Back again, it is found by the
   next probe. */
static void failing_loses_its_traffic(void **state) {
    (void)state;
    static const struct sim_event fails = {
        .at = 4 * STAGE_SECOND, .length = 4 * STAGE_SECOND, .action = SIM_FAIL, .first = 2, .count = 1};
    static const char *const strategies[] = {"round_robin", "random", "p2c", "least_load", "smooth_wrr"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_plain(&stage, 4, 1);
        stage_events(&stage, &fails, 1);
        stage.scenario.pool.health.probe_interval = STAGE_SECOND;
        stage.scenario.pool.options.health = &stage.scenario.pool.health;
        struct sim_result result = stage_play(&stage, strategies[i], i + 1);
        /* Three in a row, three or four probes, and what it had when it fell. */
        assert_in_range(result.failed, 5, 12);
        assert_int_equal(result.refused, 0);
        assert_true(work_in(&result, 2, 0, 40, 1) > 1000);
        assert_true(work_in(&result, 2, 41, 80, 1) == 0);
        assert_true(work_in(&result, 2, 92, 119, 1) > 600);
        sim_result_free(&result);
    }
}

/* Half of its answers are errors: those are counted at it, and nobody else fails. */
static void errors_are_its_own(void **state) {
    (void)state;
    stage_plain(&stage, 3, 1);
    stage_forgive(&stage);
    stage.nodes[1].error_share = 0.5;
    struct sim_result result = stage_play(&stage, "round_robin", 2);
    double served = (double)result.nodes[1].served;
    assert_true(fabs((double)result.nodes[1].failed - served / 2) < LAW_NORMAL_LIMIT * sqrt(served) / 2);
    assert_int_equal(result.failed, result.nodes[1].failed);
    assert_int_equal(result.nodes[0].failed + result.nodes[2].failed, 0);
    sim_result_free(&result);
}

/* ---- draining, restarting ---- */

static void draining_gets_none(void **state) {
    (void)state;
    static const struct sim_event drains = {
        .at = 4 * STAGE_SECOND, .length = 4 * STAGE_SECOND, .action = SIM_DRAIN, .first = 1, .count = 2};
    static const char *const strategies[] = {"round_robin", "random", "p2c", "least_load", "ring", "jiq"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_plain(&stage, 5, 1);
        stage_events(&stage, &drains, 1);
        stage.scenario.arrivals.keys = 10000;
        struct sim_result result = stage_play(&stage, strategies[i], i + 1);
        assert_int_equal(result.well, result.requests);
        for (uint32_t node = 0; node < 5; node++) {
            bool drained = node == 1 || node == 2;
            assert_true(work_in(&result, node, 1, 39, 1) > 200);
            assert_true((work_in(&result, node, 41, 79, 1) > 300) == !drained);
            assert_true(!drained || work_in(&result, node, 41, 79, 1) == 0);
            assert_true(work_in(&result, node, 82, 118, 1) > 200);
        }
        sim_result_free(&result);
    }
}

/* Every node drains, is gone, and comes back, one after another; requests need less than the drain. */
static void rolling_restart_loses_nothing(void **state) {
    (void)state;
    static const struct sim_event restarts = {.at = 2 * STAGE_SECOND,
                                              .length = 400 * STAGE_MS,
                                              .action = SIM_RESTART,
                                              .first = 0,
                                              .count = 4,
                                              .every = 2 * STAGE_SECOND,
                                              .wait = 300 * STAGE_MS};
    static const char *const strategies[] = {"round_robin", "p2c", "ring", "least_load", "p2c metric=peak_ewma", "jiq"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_plain(&stage, 4, 20);
        stage_events(&stage, &restarts, 1);
        stage.scenario.arrivals.keys = 10000;
        stage.scenario.clients.count = 3;
        stage.scenario.clients.network = (struct sim_distribution){.shape = SIM_EXPONENTIAL, .mean = 5e6};
        struct sim_result result = stage_play(&stage, strategies[i], i + 1);
        assert_int_equal(result.well, result.requests);
        for (uint32_t node = 0; node < 4; node++) {
            int gone = 20 + 20 * (int)node + 3;
            assert_true(work_in(&result, node, gone, gone + 4, 20) == 0);
            assert_true(work_in(&result, node, gone + 6, gone + 10, 20) > 10);
        }
        sim_result_free(&result);
    }
}

/* One that leaves the list ends what it has; another joins. */
static void leaving_and_joining(void **state) {
    (void)state;
    static const struct sim_event leaves = {
        .at = 6 * STAGE_SECOND, .length = SIM_NEVER, .action = SIM_LEAVE, .first = 0, .count = 1};
    stage_plain(&stage, 3, 30);
    stage_events(&stage, &leaves, 1);
    stage.nodes[2].joins = 3 * STAGE_SECOND;
    struct sim_result result = stage_play(&stage, "random", 1);
    assert_int_equal(result.well, result.requests);
    assert_true(work_in(&result, 2, 0, 30, 30) == 0 && work_in(&result, 2, 31, 118, 30) > 1000);
    assert_true(work_in(&result, 0, 0, 60, 30) > 1000 && work_in(&result, 0, 61, 120, 30) == 0);
    sim_result_free(&result);
}

/* ---- slow start ---- */

/* The share of a ramp of length 1 that starts at 0, at least a tenth, on average between two times. */
static double ramp_between(double from, double to) {
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        double at = from + (to - from) * (i + 0.5) / 1000;
        sum += at < 0.1 ? 0.1 : at < 1 ? at : 1;
    }
    return sum / 1000;
}

/* A node that joins begins with a tenth of its share, and has all of it four seconds later. */
static void slow_start_ramps(void **state) {
    (void)state;
    enum { NODES = 4, JOINS = 60, RAMP = 40, STEP = 8 };
    static const char *const strategies[] = {"random", "round_robin", "weighted_random"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_plain(&stage, NODES, 1);
        stage.scenario.arrivals.rate = 20000;
        stage.nodes[3].joins = JOINS * 100 * STAGE_MS;
        stage.scenario.pool.options.slow_start = RAMP * 100 * STAGE_MS;
        struct sim_result result = stage_play(&stage, strategies[i], 3);
        for (int from = JOINS; from < JOINS + RAMP + STEP; from += STEP) {
            double begin = (double)(from - JOINS) / RAMP, wanted = ramp_between(begin, begin + (double)STEP / RAMP);
            double all = 0, own = work_in(&result, 3, from, from + STEP, 1);
            for (uint32_t node = 0; node < NODES; node++) {
                all += work_in(&result, node, from, from + STEP, 1) / NODES;
            }
            print_message("    %s: %.3f of a share, %.3f by the ramp\n", strategies[i], own / all, wanted);
            assert_true(fabs(own / all - wanted) < 0.05);
        }
        sim_result_free(&result);
    }
}

/* ---- quotas ---- */

/* One client knows all that its nodes get: none is ever sent more than its quota, none answers 429, and little of the
   quotas is left unused when there is three times as much to do. */
static void quotas_hold(void **state) {
    (void)state;
    static const double limits[] = {200, 100, 50};
    static const char *const strategies[] = {"round_robin", "p2c", "most_available", "least_load"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_plain(&stage, 3, 1);
        stage.scenario.arrivals.rate = 1050;
        stage.scenario.pool.dimensions[0] =
            (lw_quota_dimension){.size = sizeof(lw_quota_dimension), .name = "requests", .window = STAGE_SECOND};
        stage.scenario.pool.options.dimensions = stage.scenario.pool.dimensions;
        stage.scenario.pool.options.dimension_count = 1;
        for (int n = 0; n < 3; n++) {
            stage.nodes[n].quota[0] = limits[n];
        }
        struct sim_result result = stage_play(&stage, strategies[i], 3);
        assert_true(result.overshoot <= 0);
        assert_int_equal(result.limited, 0);
        assert_int_equal(result.failed, 0);
        assert_true(result.refused > result.requests / 2);
        for (int n = 0; n < 3; n++) {
            assert_true((double)result.nodes[n].served <= limits[n] * 13);
            assert_true((double)result.nodes[n].served >= limits[n] * 11);
        }
        sim_result_free(&result);
    }
}

/* ---- zones ---- */

/* Where the clients stand they are served; when that zone falls, elsewhere; and at home again afterwards. */
static void zones(void **state) {
    (void)state;
    static const struct sim_event falls = {
        .at = 4 * STAGE_SECOND, .length = 4 * STAGE_SECOND, .action = SIM_FAIL, .first = 0, .count = 3};
    stage_plain(&stage, 6, 1);
    stage_events(&stage, &falls, 1);
    for (int i = 0; i < 6; i++) {
        stage.nodes[i].zone = i < 3 ? "east" : "west";
    }
    stage.scenario.clients.zone = stage.scenario.pool.options.zone = "east";
    stage.scenario.clients.retries = 3;
    stage.scenario.pool.health.probe_interval = 500 * STAGE_MS;
    stage.scenario.pool.options.health = &stage.scenario.pool.health;
    stage.scenario.pool.options.zone_skew = 1000;
    struct sim_result result = stage_play(&stage, "p2c", 1);
    assert_int_equal(result.well, result.requests);
    assert_true(result.retries < 40);
    for (uint32_t node = 0; node < 6; node++) {
        bool home = node < 3;
        assert_true((work_in(&result, node, 0, 40, 1) > 1000) == home);
        assert_true((work_in(&result, node, 41, 80, 1) > 1000) == !home);
        assert_true(work_in(&result, node, 41, 80, 1) == 0 || !home);
        assert_true((work_in(&result, node, 90, 118, 1) > 600) == home);
    }
    sim_result_free(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_loses_its_traffic),
        cmocka_unit_test(errors_are_its_own),
        cmocka_unit_test(draining_gets_none),
        cmocka_unit_test(rolling_restart_loses_nothing),
        cmocka_unit_test(leaving_and_joining),
        cmocka_unit_test(slow_start_ramps),
        cmocka_unit_test(quotas_hold),
        cmocka_unit_test(zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
