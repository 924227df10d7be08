/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The simulator against queueing theory, which knows nothing of it: where mean latencies have a formula, the formula
 * lies within the 99.9 % interval of 20 runs. Times are in ms, rates in requests per ms, mean service 1 ms.
 */
#include "sim_stage.h"

static struct stage stage;

/* ---- one node ---- */

static void m_m_1(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        double rho = (double[]){0.3, 0.6, 0.8}[i];
        stage_open(&stage, 1, 1);
        stage_offer(&stage, rho * 1000, 20000);
        stage_expect_one(&stage, "random", stage_mean_ms, 1 / (1 - rho), 0.08);
    }
}

/* The share of requests that wait, by Erlang. */
static double erlang_c(double offered, int slots) {
    double term = 1, sum = 0;
    for (int k = 0; k < slots; k++) {
        sum += term;
        term *= offered / (k + 1);
    }
    double all_busy = term * slots / (slots - offered);
    return all_busy / (sum + all_busy);
}

static double waited_share(const struct sim_result *result) { return (double)result->waited / (double)result->tries; }

static void m_m_c(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        int slots = (int[]){2, 4, 16}[i];
        double offered = 0.85 * slots, waits = erlang_c(offered, slots);
        stage_open(&stage, 1, (uint32_t)slots);
        stage_offer(&stage, offered * 1000, 30000);
        const struct stage_claim claims[] = {{stage_mean_ms, 1 + waits / (slots - offered), 0.08},
                                             {waited_share, waits, 0.08}};
        stage_expect(&stage, "random", claims, LAW_COUNT(claims));
    }
}

/* Pollaczek and Khinchine: only the mean and the mean square of the service matter. */
static void m_g_1(void **state) {
    (void)state;
    static const struct {
        struct sim_distribution time;
        double square;
    } services[] = {
        {{.shape = SIM_FIXED, .mean = 1e6}, 1},
        {{.shape = SIM_UNIFORM, .mean = 1e6}, 4.0 / 3},
        {{.shape = SIM_LOGNORMAL, .mean = 1e6, .spread = 0.6}, 1.4333294145603401}, /* e^0.36 */
        {{.shape = SIM_PARETO, .mean = 1e6, .spread = 6}, 1.0416666666666667},      /* (1 - 1/a)^2 a / (a - 2) */
    };
    double rho = 0.7;
    for (size_t i = 0; i < LAW_COUNT(services); i++) {
        stage_open(&stage, 1, 1);
        stage_offer(&stage, rho * 1000, 20000);
        stage.scenario.service.time = services[i].time;
        stage_expect_one(&stage, "random", stage_mean_ms, 1 + rho * services[i].square / (2 * (1 - rho)), 0.08);
    }
}

/* G/M/1: the wait follows from the s in (0, 1) that solves s = A(1 - s), A being the transform of the time between two
   requests; they take 1 / (1 - s). Here: `stages` exponential stages of 1/(stages*rho) each; infinitely many: paced. */
static double wait_of_stages(double rho, int stages) {
    double s = 0.5;
    for (int i = 0; i < 1000; i++) {
        s = stages == 0 ? exp(-(1 - s) / rho) : pow(stages * rho / (stages * rho + 1 - s), stages);
    }
    return 1 / (1 - s);
}

static void d_m_1(void **state) {
    (void)state;
    stage_open(&stage, 1, 1);
    stage_offer(&stage, 800, 20000);
    stage.scenario.arrivals.process = SIM_PACED;
    stage_expect_one(&stage, "random", stage_mean_ms, wait_of_stages(0.8, 0), 0.08);
}

/* ---- losses ---- */

static double failed_share(const struct sim_result *result) {
    return (double)result->failed / (double)result->requests;
}

/* Slots and no place to wait, by Erlang; places to wait: the share of the fullest state. */
static void losses(void **state) {
    (void)state;
    double offered = 3, blocked = 1;
    for (int k = 1; k <= 4; k++) {
        blocked = offered * blocked / (k + offered * blocked);
    }
    stage_open(&stage, 1, 4);
    stage_forgive(&stage);
    stage_offer(&stage, offered * 1000, 20000);
    stage.nodes[0].queue = 0;
    stage_expect_one(&stage, "random", failed_share, blocked, 0.08);

    double rho = 0.9;
    stage_open(&stage, 1, 1);
    stage_forgive(&stage);
    stage_offer(&stage, rho * 1000, 20000);
    stage.nodes[0].queue = 4;
    stage_expect_one(&stage, "random", failed_share, (1 - rho) * pow(rho, 5) / (1 - pow(rho, 6)), 0.08);
}

/* ---- many nodes ---- */

/* Split at random, every node is an M/M/1 of its own, and no node is preferred. */
static void split_at_random(void **state) {
    (void)state;
    enum { NODES = 10 };
    uint64_t counts[NODES];
    double shares[NODES];
    stage_open(&stage, NODES, 1);
    stage_offer(&stage, 7000, 40000);
    stage_expect_one(&stage, "random", stage_mean_ms, 1 / (1 - 0.7), 0.08);
    struct sim_result result = stage_play(&stage, "random", 99);
    for (int i = 0; i < NODES; i++) {
        counts[i] = result.nodes[i].served;
        shares[i] = 1;
    }
    assert_true(law_fits(counts, shares, NODES));
    sim_result_free(&result);
}

/* Dealt in turn, every node gets each tenth request: ten exponential stages between two of them. */
static void dealt_in_turn(void **state) {
    (void)state;
    stage_open(&stage, 10, 1);
    stage_offer(&stage, 8000, 40000);
    stage_expect_one(&stage, "round_robin", stage_mean_ms, wait_of_stages(0.8, 10), 0.08);
}

/* Speeds count: a node twice as fast serves an M/M/1 of half the service time. */
static void speeds(void **state) {
    (void)state;
    stage_open(&stage, 2, 1);
    stage.nodes[1].speed = 2;
    stage.nodes[1].weight = 2;
    stage_offer(&stage, 2100, 30000);
    stage_expect_one(&stage, "weighted_random", stage_mean_ms, (1 + 2 * 0.5) / 3 / (1 - 0.7), 0.08);
}

/* ---- the power of choices: Mitzenmacher, Vvedenskaya and others ---- */

/* With very many nodes, the share of them with at least i requests. */
static double share_with(double rho, int choices, int i) { return pow(rho, (pow(choices, i) - 1) / (choices - 1)); }

static double choices_mean(double rho, int choices) {
    double sum = 0;
    for (int i = 1; i < 60; i++) {
        sum += share_with(rho, choices, i);
    }
    return sum / rho;
}

static void power_of_choices(void **state) {
    (void)state;
    enum { NODES = 200 };
    double rho = 0.9;
    stage_open(&stage, NODES, 1);
    stage_offer(&stage, rho * NODES * 1000, 60000);
    stage.scenario.warmup = stage.scenario.duration / 10;
    /* A request waits when all that were drawn are busy. */
    const struct stage_claim two[] = {{stage_mean_ms, choices_mean(rho, 2), 0.03}, {waited_share, rho * rho, 0.03}};
    const struct stage_claim four[] = {{stage_mean_ms, choices_mean(rho, 4), 0.03}, {waited_share, pow(rho, 4), 0.03}};
    stage_expect(&stage, "p2c", two, LAW_COUNT(two));
    stage_expect(&stage, "p2c choices=4", four, LAW_COUNT(four));
}

/* Of requests that find at least k before them on the node they get, the share: all drawn have k. The latency of one
   that finds k is that of k + 1 services, one after another. */
static double slower_than(double rho, double ms) {
    double slower = 0;
    for (int k = 0; k < 40; k++) {
        double finds = pow(k == 0 ? 1 : share_with(rho, 2, k), 2) - pow(share_with(rho, 2, k + 1), 2), term = exp(-ms);
        double rest = 0; /* that k + 1 services take longer */
        for (int j = 0; j <= k; j++) {
            rest += term;
            term *= ms / (j + 1);
        }
        slower += finds * rest;
    }
    return slower;
}

static void choices_tail(void **state) {
    (void)state;
    enum { NODES = 500 };
    double rho = 0.9;
    stage_open(&stage, NODES, 1);
    stage_offer(&stage, rho * NODES * 1000, 1000000);
    struct sim_result result = stage_play(&stage, "p2c", 5);
    for (int i = 0; i < 4; i++) {
        double q = (double[]){0.5, 0.9, 0.99, 0.999}[i];
        double ms = sim_histogram_quantile(&result.latency, q) / 1e6, share = 1 - slower_than(rho, ms);
        print_message("    p%g: %.4g ms, where theory has the share %.5f\n", 100 * q, ms, share);
        assert_true(fabs(share - q) < 0.1 * (1 - q));
    }
    sim_result_free(&result);
}

/* ---- Little's law without edges ---- */

/* All requests end before the measured time does, and none begins before it: then not a nanosecond is missing. */
static void little_to_the_end(void **state) {
    (void)state;
    static const char *const strategies[] = {"random", "round_robin", "least_load", "p2c", "jiq"};
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        stage_open(&stage, 7, 2);
        stage.scenario.duration = 4 * STAGE_SECOND;
        stage.scenario.arrivals.process = SIM_BURSTY; /* two seconds of requests, and two without any */
        stage.scenario.arrivals.rate = 6000;
        stage.scenario.arrivals.burst_for = 2 * STAGE_SECOND;
        stage.scenario.arrivals.burst_every = 4 * STAGE_SECOND;
        struct sim_result result = stage_play(&stage, strategies[i], i + 1);
        assert_int_equal(result.in_time, result.requests);
        assert_true(fabs((double)result.in_time - 24000) < LAW_NORMAL_LIMIT * sqrt(24000));
        assert_true(fabs(result.latency.sum / 1e9 - stage_work(&result)) < 1e-9 * stage_work(&result));
        sim_result_free(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m_m_1),
        cmocka_unit_test(m_m_c),
        cmocka_unit_test(m_g_1),
        cmocka_unit_test(d_m_1),
        cmocka_unit_test(losses),
        cmocka_unit_test(split_at_random),
        cmocka_unit_test(dealt_in_turn),
        cmocka_unit_test(speeds),
        cmocka_unit_test(power_of_choices),
        cmocka_unit_test(choices_tail),
        cmocka_unit_test(little_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
