/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests come as their process says: how many, when, in bursts, by the hour, as a trace tells, and by which key. */
#include "sim/arrivals.h"
#include "sim_stage.h"

enum { PARTS = 24 };

static struct sim_source source;
static struct sim_arrival arrival;

static void begin(const struct sim_scenario *scenario) { sim_source_init(&source, scenario, 42); }

/* The next one; false when there are no more. Times never go back, and numbers go up by one. */
static bool next_one(const struct sim_scenario *scenario) {
    uint64_t before = arrival.number == 0 || source.number == 0 ? 0 : arrival.at;
    uint64_t number = source.number;
    sim_source_next(&source, &arrival);
    assert_int_equal(arrival.number, number + 1);
    assert_true(arrival.at >= before);
    assert_true(arrival.at == SIM_NEVER || arrival.at < scenario->duration);
    return arrival.at != SIM_NEVER;
}

/* A Poisson count of this mean is seldom so far off. */
static void count_is(double count, double mean) { assert_true(fabs(count - mean) <= LAW_NORMAL_LIMIT * sqrt(mean)); }

/* ---- Poisson ---- */

/* Counts of 10 ms are Poisson of mean 5, and independent of those before. */
static void poisson_counts(void **state) {
    (void)state;
    enum { MOST = 16, LENGTH = 10 };
    struct sim_scenario scenario;
    uint64_t counts[MOST] = {0}, pairs[4] = {0}, in = 0, total = 0, windows = 0, before = 2;
    double shares[MOST], term = exp(-5), rest = 1;
    sim_scenario_init(&scenario);
    scenario.arrivals.rate = 500;
    scenario.duration = 600 * STAGE_SECOND;
    begin(&scenario);
    while (next_one(&scenario)) {
        total++;
        for (; windows < arrival.at / (LENGTH * STAGE_MS); windows++, in = 0) {
            counts[in < MOST ? in : MOST - 1]++;
            pairs[before > 1 ? 0 : before * 2 + (in > 5)] += before <= 1;
            before = in > 5;
        }
        in++;
    }
    for (int i = 0; i < MOST; i++) {
        shares[i] = i < MOST - 1 ? term : rest;
        rest -= term;
        term *= 5.0 / (i + 1);
    }
    count_is((double)total, 500 * 600);
    assert_true(law_fits(counts, shares, MOST));
    assert_true(law_alike(pairs, pairs + 2, 2));
}

static void paced_to_the_ns(void **state) {
    (void)state;
    struct sim_scenario scenario;
    uint64_t count = 0;
    sim_scenario_init(&scenario);
    scenario.arrivals.process = SIM_PACED;
    scenario.arrivals.rate = 250;
    scenario.duration = 10 * STAGE_SECOND;
    begin(&scenario);
    while (next_one(&scenario)) {
        count++;
        assert_true(arrival.at == count * 4 * STAGE_MS);
    }
    assert_int_equal(count, 2499);
}

/* ---- rates that change ---- */

/* Counts by the part of a cycle. */
static uint64_t count_by_part(const struct sim_scenario *scenario, uint64_t cycle, uint64_t *counts) {
    uint64_t total = 0;
    memset(counts, 0, PARTS * sizeof *counts);
    begin(scenario);
    while (next_one(scenario)) {
        counts[arrival.at % cycle * PARTS / cycle]++;
        total++;
    }
    return total;
}

/* Three times the rate in a third of the cycle leaves nothing for the rest. */
static void bursts(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sim_scenario scenario;
        uint64_t counts[PARTS];
        double shares[PARTS], burst = (double[]){2, 1, 3}[i], low = (1 - burst / 3) / (1 - 1.0 / 3);
        sim_scenario_init(&scenario);
        scenario.arrivals.process = SIM_BURSTY;
        scenario.arrivals.rate = 1000;
        scenario.arrivals.burst = burst;
        scenario.arrivals.burst_for = 400 * STAGE_MS;
        scenario.arrivals.burst_every = 1200 * STAGE_MS;
        scenario.duration = 300 * STAGE_SECOND;
        count_is((double)count_by_part(&scenario, scenario.arrivals.burst_every, counts), 1000 * 300);
        for (int part = 0; part < PARTS; part++) {
            shares[part] = part < PARTS / 3 ? burst : low > 1e-9 ? low : 0;
        }
        assert_true(law_fits(counts, shares, PARTS));
    }
}

static void days(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sim_scenario scenario;
        uint64_t counts[PARTS];
        double shares[PARTS], swing = (double[]){0, 0.6, 1}[i], turn = 6.283185307179586;
        sim_scenario_init(&scenario);
        scenario.arrivals.process = SIM_DIURNAL;
        scenario.arrivals.rate = 1000;
        scenario.arrivals.swing = swing;
        scenario.arrivals.period = 50 * STAGE_SECOND;
        scenario.duration = 300 * STAGE_SECOND;
        count_is((double)count_by_part(&scenario, scenario.arrivals.period, counts), 1000 * 300);
        for (int part = 0; part < PARTS; part++) {
            double from = turn * part / PARTS, to = turn * (part + 1) / PARTS;
            shares[part] = (to - from) + swing * (cos(from) - cos(to));
        }
        assert_true(law_fits(counts, shares, PARTS));
    }
}

/* ---- traces ---- */

static const struct sim_row rows[] = {
    {0, 11, 100, 1}, {30 * STAGE_MS, 0, 200, 2}, {30 * STAGE_MS, 13, 300, 3}, {90 * STAGE_MS, 14, 400, 4}};

static void open_trace(struct sim_scenario *scenario, double speedup) {
    sim_scenario_init(scenario);
    scenario->arrivals.process = SIM_TRACE;
    scenario->arrivals.trace = rows;
    scenario->arrivals.trace_count = LAW_COUNT(rows);
    scenario->arrivals.speedup = speedup;
    scenario->service.work = SIM_WORK_LLM;
    begin(scenario);
}

/* Every row at its time (time 0 is when the clock starts, 1 ns), with its key and sizes; then all over again, one
   ordinary gap later. */
static void traces_are_replayed(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sim_scenario scenario;
        double speedup = (double[]){1, 2, 0.5}[i];
        open_trace(&scenario, speedup);
        for (uint64_t n = 0; n < 40; n++) {
            const struct sim_row *row = &rows[n % LAW_COUNT(rows)];
            uint64_t at = n / LAW_COUNT(rows) * 120 * STAGE_MS + row->at;
            assert_true(next_one(&scenario));
            assert_true(arrival.at == (at == 0 ? 1 : (uint64_t)((double)at / speedup)));
            assert_true(arrival.key == row->key);
            assert_true(arrival.context == row->context && arrival.output == row->output);
        }
    }
}

static void bounds_end_it(void **state) {
    (void)state;
    struct sim_scenario scenario;
    int count = 0;
    open_trace(&scenario, 1);
    scenario.max_requests = 6;
    begin(&scenario);
    while (next_one(&scenario)) {
        count++;
    }
    assert_int_equal(count, 6);
    scenario.max_requests = 0;
    scenario.duration = 500 * STAGE_MS;
    begin(&scenario);
    for (count = 0; next_one(&scenario); count++) {
    }
    assert_int_equal(count, 17);
}

/* ---- keys and clients ---- */

enum { KEYS = 50, CLIENTS = 7 };

/* As many different keys as there are, by Zipf's law; every client gets its even share. */
static void keys_and_clients(void **state) {
    (void)state;
    struct sim_scenario scenario;
    uint64_t keys[KEYS] = {0}, counts[KEYS] = {0}, clients[CLIENTS] = {0};
    double shares[KEYS], even[CLIENTS] = {1, 1, 1, 1, 1, 1, 1};
    sim_scenario_init(&scenario);
    scenario.arrivals.rate = 100000;
    scenario.arrivals.keys = KEYS;
    scenario.arrivals.skew = 0.9;
    scenario.clients.count = CLIENTS;
    scenario.duration = STAGE_SECOND;
    begin(&scenario);
    while (next_one(&scenario)) {
        int place = 0;
        while (place < KEYS && keys[place] != 0 && keys[place] != arrival.key) {
            place++;
        }
        assert_true(place < KEYS && arrival.key != 0);
        keys[place] = arrival.key;
        counts[place]++;
        clients[arrival.client]++;
    }
    for (int i = 0; i < KEYS; i++) { /* ranks by how often they came; neighbours may swap, far ones cannot */
        for (int j = i + 1; j < KEYS; j++) {
            uint64_t more = counts[j] > counts[i] ? counts[j] : counts[i], less = counts[i] + counts[j] - more;
            counts[i] = more;
            counts[j] = less;
        }
        shares[i] = pow(i + 1, -0.9);
    }
    assert_true(law_fits(counts, shares, KEYS));
    assert_true(law_fits(clients, even, CLIENTS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_counts),
        cmocka_unit_test(paced_to_the_ns),
        cmocka_unit_test(bursts),
        cmocka_unit_test(days),
        cmocka_unit_test(traces_are_replayed),
        cmocka_unit_test(bounds_end_it),
        cmocka_unit_test(keys_and_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
