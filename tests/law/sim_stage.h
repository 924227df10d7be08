/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stage for the simulator: scenarios written in a line or two, played by tools/sim, with what holds in every run
 * checked in every run; and what statistics take.
 */
#ifndef LOADWISE_TESTS_SIM_STAGE_H
#define LOADWISE_TESTS_SIM_STAGE_H

#include "laws.h"

#include "sim/run.h"

#include <string.h>

#define STAGE_SECOND UINT64_C(1000000000)
#define STAGE_MS UINT64_C(1000000)

enum { STAGE_SEEDS = 20, STAGE_MOST = 512 };

/* Student's quantile for 99.9 %, two-sided, with STAGE_SEEDS - 1 degrees of freedom. */
#define STAGE_STUDENT 3.8834

struct stage {
    struct sim_scenario scenario;
    struct sim_node nodes[STAGE_MOST];
    char names[STAGE_MOST][16];
};

/* Equal nodes n-0, n-1, ... with so many slots and a line without an end; requests of 1 ms, exponential. */
static inline void stage_open(struct stage *stage, uint32_t count, uint32_t slots) {
    assert_true(count <= STAGE_MOST);
    sim_scenario_init(&stage->scenario);
    stage->scenario.nodes = stage->nodes;
    stage->scenario.node_count = count;
    stage->scenario.service.time.mean = 1e6;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(stage->names[i], sizeof stage->names[i], "n-%u", i);
        stage->nodes[i] =
            (struct sim_node){.name = stage->names[i], .weight = 1, .slots = slots, .queue = UINT32_MAX, .speed = 1};
    }
}

/* So many requests at this rate, a twentieth of the time not measured. */
static inline void stage_offer(struct stage *stage, double rate, double requests) {
    stage->scenario.arrivals.rate = rate;
    stage->scenario.duration = (uint64_t)(requests / rate * 1e9);
    stage->scenario.warmup = stage->scenario.duration / 20;
}

/* Failures do not count against a node: for laws about what requests meet, not about who is chosen. */
static inline void stage_forgive(struct stage *stage) {
    memset(stage->scenario.pool.health.effects, LW_EFFECT_NONE, sizeof stage->scenario.pool.health.effects);
    stage->scenario.pool.options.health = &stage->scenario.pool.health;
}

/* So many nodes with room for everybody, each request taking so long to the ns, at 1200 a second for 12 s: a slice is
   100 ms. Nothing is left out. */
static inline void stage_plain(struct stage *stage, uint32_t count, double service_ms) {
    stage_open(stage, count, 0);
    stage->scenario.service.time = (struct sim_distribution){.shape = SIM_FIXED, .mean = service_ms * 1e6};
    stage->scenario.duration = 12 * STAGE_SECOND;
    stage->scenario.arrivals.rate = 1200;
}

static inline void stage_events(struct stage *stage, const struct sim_event *events, size_t count) {
    stage->scenario.events = events;
    stage->scenario.event_count = count;
}

static inline uint64_t stage_sum_peaks(const struct sim_result *result) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < result->node_count; i++) {
        sum += result->nodes[i].peak;
    }
    return sum;
}

static inline double stage_work(const struct sim_result *result) {
    double sum = 0;
    for (uint32_t i = 0; i < result->node_count; i++) {
        sum += result->nodes[i].busy + result->nodes[i].queued;
    }
    return sum;
}

/*
 * Little's law: the time that requests spent is the number that was there, over time. Those there when the measured
 * time begins or ends count with one side alone: at most `peak` of them, none for longer than the longest. Only without
 * network and tries that fail, whose time counts on one side.
 */
static inline void stage_check_little(const struct sim_result *result) {
    double spent = result->latency.sum / 1e9, there = stage_work(result);
    double edges = 2.0 * (double)stage_sum_peaks(result) * (double)result->latency.most / 1e9;
    if (fabs(spent - there) > edges + 1e-9 * spent) {
        fail_msg("requests spent %.9g s; %.9g were there; the edges explain %.3g", spent, there, edges);
    }
}

/* Plays it. Nothing gets lost. */
static inline struct sim_result stage_play(const struct stage *stage, const char *strategy, uint64_t seed) {
    struct sim_run_options options = {.strategy = strategy, .seed = seed};
    struct sim_result result;
    int error = sim_run(&stage->scenario, &options, &result);
    if (error != LW_OK) {
        fail_msg("%s: %s %s", strategy, lw_error_name(error), result.why);
    }
    assert_true(result.requests == result.well + result.failed + result.refused);
    assert_true(result.latency.total == result.well);
    if (stage->scenario.clients.network.mean <= 0 && result.failed == 0 && result.retries == 0) {
        stage_check_little(&result);
    }
    return result;
}

/* ---- estimates over seeds ---- */

typedef double stage_figure(const struct sim_result *result);

static inline double stage_mean_ms(const struct sim_result *result) {
    return sim_histogram_mean(&result->latency) / 1e6;
}

/* What theory says of a figure; the interval shall be at most `narrow` of it wide on either side, so that the agreement
   means something. */
struct stage_claim {
    stage_figure *figure;
    double theory, narrow;
};

static inline void stage_check_claim(const struct stage_claim *claim, const double *values, const char *strategy) {
    double sum = 0, squares = 0;
    for (int i = 0; i < STAGE_SEEDS; i++) {
        sum += values[i];
    }
    double mean = sum / STAGE_SEEDS;
    for (int i = 0; i < STAGE_SEEDS; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    double half = STAGE_STUDENT * sqrt(squares / (STAGE_SEEDS - 1) / STAGE_SEEDS);
    print_message("    %s: %.5g +-%.2g, theory %.5g\n", strategy, mean, half, claim->theory);
    assert_true(half <= claim->narrow * claim->theory);
    assert_true(fabs(mean - claim->theory) <= half);
}

enum { STAGE_CLAIMS = 4 };

/* Plays all seeds; theory lies in the 99.9 % interval of each figure's mean. */
static inline void stage_expect(const struct stage *stage, const char *strategy, const struct stage_claim *claims,
                                size_t count) {
    double values[STAGE_CLAIMS][STAGE_SEEDS];
    assert_true(count <= STAGE_CLAIMS);
    for (uint64_t seed = 0; seed < STAGE_SEEDS; seed++) {
        struct sim_result result = stage_play(stage, strategy, seed + 1);
        for (size_t i = 0; i < count; i++) {
            values[i][seed] = claims[i].figure(&result);
        }
        sim_result_free(&result);
    }
    for (size_t i = 0; i < count; i++) {
        stage_check_claim(&claims[i], values[i], strategy);
    }
}

/* The same of one figure. */
static inline void stage_expect_one(const struct stage *stage, const char *strategy, stage_figure *figure,
                                    double theory, double narrow) {
    struct stage_claim claim = {figure, theory, narrow};
    stage_expect(stage, strategy, &claim, 1);
}

#endif
