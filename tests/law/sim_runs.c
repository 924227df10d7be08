/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs are experiments that can be repeated: the same seed gives the same bytes, on any number of threads; strategies
 * meet the same requests; nothing is lost, whatever happens on the way; another seed is another run.
 */
#include "sim/arrivals.h"
#include "sim/contest.h"
#include "sim_stage.h"

static struct stage stage;

/* ---- a day on which everything happens ---- */

static const struct sim_event trouble[] = {
    {.at = 300 * STAGE_MS, .length = 200 * STAGE_MS, .action = SIM_SLOW, .first = 0, .count = 2, .factor = 5},
    {.at = 400 * STAGE_MS, .length = 200 * STAGE_MS, .action = SIM_FAIL, .first = 2, .count = 1},
    {.at = 500 * STAGE_MS, .length = 100 * STAGE_MS, .action = SIM_ERRORS, .first = 3, .count = 1, .factor = 0.5},
    {.at = 600 * STAGE_MS, .length = 50 * STAGE_MS, .action = SIM_FREEZE, .first = 4, .count = 1},
    {.at = 650 * STAGE_MS,
     .length = 100 * STAGE_MS,
     .action = SIM_LIMIT,
     .first = 5,
     .count = 2,
     .factor = 0.7,
     .wait = 20 * STAGE_MS},
    {.at = 700 * STAGE_MS, .length = 100 * STAGE_MS, .action = SIM_DRAIN, .first = 6, .count = 1},
    {.at = 750 * STAGE_MS, .length = 100 * STAGE_MS, .action = SIM_LEAVE, .first = 7, .count = 1},
    {.at = 800 * STAGE_MS,
     .length = 20 * STAGE_MS,
     .action = SIM_RESTART,
     .first = 8,
     .count = 4,
     .wait = 10 * STAGE_MS,
     .every = 25 * STAGE_MS},
};

static void open_trouble(void) {
    stage_open(&stage, 12, 2);
    stage_offer(&stage, 15000, 18000);
    stage.scenario.arrivals.keys = 300;
    stage.scenario.arrivals.skew = 0.9;
    stage.scenario.events = trouble;
    stage.scenario.event_count = LAW_COUNT(trouble);
    stage.scenario.clients = (struct sim_clients){.count = 3,
                                                  .network = {.shape = SIM_EXPONENTIAL, .mean = 2e5},
                                                  .timeout = 20 * STAGE_MS,
                                                  .retries = 2,
                                                  .retry_budget = 0.2,
                                                  .report_every = 10 * STAGE_MS};
    stage.scenario.service.miss = 3;
    stage.scenario.pool.health.probe_interval = 50 * STAGE_MS;
    stage.scenario.pool.options.health = &stage.scenario.pool.health;
    stage.scenario.pool.options.slow_start = 50 * STAGE_MS;
    for (int i = 0; i < 12; i++) {
        stage.nodes[i].queue = 20;
        stage.nodes[i].cache = 40;
        stage.nodes[i].noise = 0.3;
        stage.nodes[i].speed = 1 + i % 3;
        stage.nodes[i].weight = 1 + (uint32_t)i % 3;
    }
    stage.nodes[11].joins = 200 * STAGE_MS;
}

static const char *const strategies[] = {
    "round_robin",
    "smooth_wrr",
    "p2c",
    "p2c metric=peak_ewma",
    "least_load metric=external",
    "ring",
    "jiq",
    "bounded(ring)",
    "prequal",
    "c3",
    "most_available",
    "maglev",
};

/* ---- equal bytes ---- */

/* Everything that a result says, one after the other. */
static uint64_t digest(uint64_t hash, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t digest_histogram(uint64_t hash, const struct sim_histogram *histogram) {
    hash = digest(hash, histogram->counts, histogram->size * sizeof *histogram->counts);
    hash = digest(hash, &histogram->total, sizeof histogram->total);
    hash = digest(hash, &histogram->sum, sizeof histogram->sum);
    return digest(hash, &histogram->most, sizeof histogram->most);
}

static uint64_t digest_of(const struct sim_result *result) {
    const uint64_t counts[] = {result->requests, result->well,  result->failed,      result->refused,
                               result->retries,  result->tries, result->over_budget, result->waited,
                               result->moved,    result->keyed, result->limited,     result->in_time};
    uint64_t hash = digest(UINT64_C(0xcbf29ce484222325), counts, sizeof counts);
    hash = digest_histogram(hash, &result->latency);
    for (int i = 0; i < SIM_SLICES; i++) {
        hash = digest(hash, &result->slices[i].ended, 4 * sizeof(uint64_t));
        hash = digest_histogram(hash, &result->slices[i].latency);
    }
    for (uint32_t i = 0; i < result->node_count; i++) {
        const struct sim_tally *node = &result->nodes[i];
        hash = digest(hash, &node->served, 6 * sizeof(uint64_t));
        hash = digest(hash, &node->busy, 2 * sizeof(double));
        hash = digest(hash, node->load, sizeof node->load);
    }
    return hash;
}

static uint64_t digest_of_run(const char *strategy, uint64_t seed) {
    struct sim_result result = stage_play(&stage, strategy, seed);
    uint64_t hash = digest_of(&result);
    sim_result_free(&result);
    return hash;
}

static void repeats_byte_for_byte(void **state) {
    (void)state;
    open_trouble();
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        assert_true(digest_of_run(strategies[i], 5) == digest_of_run(strategies[i], 5));
    }
}

static void seeds_differ(void **state) {
    (void)state;
    open_trouble();
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        assert_true(digest_of_run(strategies[i], 5) != digest_of_run(strategies[i], 6));
    }
}

/* ---- contests ---- */

enum { SEEDS = 3 };

static uint64_t digest_of_contest(uint32_t threads) {
    struct sim_contest contest;
    struct sim_contest_options options = {.strategies = strategies,
                                          .strategy_count = LAW_COUNT(strategies),
                                          .first_seed = 11,
                                          .seeds = SEEDS,
                                          .threads = threads};
    char why[SIM_WHY] = "";
    uint64_t hash = 1;
    assert_int_equal(sim_contest(&stage.scenario, &options, &contest, why), LW_OK);
    for (size_t i = 0; i < contest.entry_count; i++) {
        for (uint32_t s = 0; s < SEEDS; s++) {
            uint64_t own = digest_of(&contest.entries[i].results[s]);
            hash = digest(hash, &own, sizeof own);
            assert_true(threads > 1 || own == digest_of_run(strategies[i], 11 + s)); /* as if it had been alone */
        }
        for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
            hash = digest(hash, &contest.entries[i].figures[f].mean, 2 * sizeof(double));
        }
    }
    sim_contest_free(&contest);
    return hash;
}

static void threads_change_nothing(void **state) {
    (void)state;
    open_trouble();
    stage.scenario.duration /= 4;
    stage.scenario.warmup = stage.scenario.duration / 10;
    stage.scenario.event_count = 0;
    stage.nodes[11].joins = 0;
    uint64_t one = digest_of_contest(1);
    assert_true(one == digest_of_contest(2));
    assert_true(one == digest_of_contest(4));
}

/* A strategy that cannot be made ends the contest with the library's words; nothing is left to free. */
static void errors_are_told(void **state) {
    (void)state;
    const char *const wrong[] = {"p2c", "p2c choices=99"};
    struct sim_contest contest;
    struct sim_contest_options options = {.strategies = wrong, .strategy_count = 2, .first_seed = 1, .seeds = 2};
    char why[SIM_WHY] = "";
    open_trouble();
    assert_int_equal(sim_contest(&stage.scenario, &options, &contest, why), LW_RANGE);
    assert_non_null(strstr(why, "choices"));
    assert_null(contest.entries);
}

static bool stop_at_once(void *user, double share) {
    (void)share;
    ++*(int *)user;
    return true;
}

static void stops_when_told(void **state) {
    (void)state;
    int asked = 0;
    struct sim_contest contest;
    struct sim_contest_options options = {.strategies = strategies,
                                          .strategy_count = LAW_COUNT(strategies),
                                          .first_seed = 1,
                                          .seeds = 100,
                                          .threads = 1,
                                          .progress = stop_at_once,
                                          .user = &asked};
    char why[SIM_WHY] = "";
    open_trouble();
    assert_int_equal(sim_contest(&stage.scenario, &options, &contest, why), LW_UNAVAILABLE);
    assert_int_equal(asked, 1);
}

/* Student's interval of three known numbers: their deviation times 4.303, over the root of 3. */
static void intervals(void **state) {
    (void)state;
    const char *const one[] = {"random"};
    struct sim_contest contest;
    struct sim_contest_options options = {.strategies = one, .strategy_count = 1, .first_seed = 1, .seeds = 3};
    char why[SIM_WHY] = "";
    open_trouble();
    assert_int_equal(sim_contest(&stage.scenario, &options, &contest, why), LW_OK);
    double values[3], mean = 0, squares = 0;
    for (int i = 0; i < 3; i++) {
        values[i] = stage_mean_ms(&contest.entries[0].results[i]);
        mean += values[i] / 3;
    }
    for (int i = 0; i < 3; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    struct sim_estimate own = contest.entries[0].figures[SIM_FIGURE_mean];
    assert_true(fabs(own.mean - mean) < 1e-9 * mean);
    assert_true(fabs(own.half - 4.303 * sqrt(squares / 2 / 3)) < 1e-9 * mean);
    sim_contest_free(&contest);
}

/* A run in which nothing is answered has no latency, and neither has a contest with one. */
static void no_answer_no_latency(void **state) {
    (void)state;
    const char *const one[] = {"random"};
    struct sim_contest contest;
    struct sim_contest_options options = {.strategies = one, .strategy_count = 1, .first_seed = 1, .seeds = 20};
    char why[SIM_WHY] = "";
    stage_plain(&stage, 1, 1);
    stage.scenario.arrivals.rate = 0.1; /* about one request a run, of which half fail */
    stage.nodes[0].error_share = 0.5;
    assert_int_equal(sim_contest(&stage.scenario, &options, &contest, why), LW_OK);
    uint32_t answered = 0;
    for (uint32_t s = 0; s < 20; s++) {
        struct sim_estimate figures[SIM_FIGURE_COUNT];
        sim_figures_of(&stage.scenario, &contest.entries[0].results[s], figures);
        answered += contest.entries[0].results[s].well > 0;
        assert_int_equal(figures[SIM_FIGURE_mean].known, contest.entries[0].results[s].well > 0);
        assert_int_equal(figures[SIM_FIGURE_p99].known, contest.entries[0].results[s].well > 0);
        assert_int_equal(figures[SIM_FIGURE_failed].known, contest.entries[0].results[s].requests > 0);
    }
    assert_in_range(answered, 1, 19);
    assert_false(contest.entries[0].figures[SIM_FIGURE_mean].known);
    assert_true(contest.entries[0].figures[SIM_FIGURE_throughput].known);
    sim_contest_free(&contest);
}

/* ---- the same requests for all ---- */

/* As many as the source alone makes, in every slice, whoever serves them. */
static void common_random_numbers(void **state) {
    (void)state;
    uint64_t slices[SIM_SLICES] = {0};
    struct sim_source source;
    struct sim_arrival arrival;
    open_trouble();
    stage.scenario.warmup = 0;
    sim_source_init(&source, &stage.scenario, 5);
    for (sim_source_next(&source, &arrival); arrival.at != SIM_NEVER; sim_source_next(&source, &arrival)) {
        slices[arrival.at / (stage.scenario.duration / SIM_SLICES + 1)]++;
    }
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        struct sim_result result = stage_play(&stage, strategies[i], 5);
        for (int slice = 0; slice < SIM_SLICES; slice++) {
            assert_true(result.slices[slice].ended + result.slices[slice].refused == slices[slice]);
        }
        sim_result_free(&result);
    }
}

/* With room for everybody a request takes as long on one node as on any other: no strategy changes anything. */
static void common_services(void **state) {
    (void)state;
    uint64_t first = 0;
    stage_open(&stage, 9, 0);
    stage_offer(&stage, 5000, 20000);
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        struct sim_result result = stage_play(&stage, strategies[i], 3);
        uint64_t hash = digest_histogram(1, &result.latency);
        first = i == 0 ? hash : first;
        assert_true(hash == first);
        assert_int_equal(result.waited, 0);
        sim_result_free(&result);
    }
}

/* ---- nothing is lost ---- */

/* stage_play holds requests = well + failed + refused. Here also: every try ended, so no node has any left. */
static void conservation(void **state) {
    (void)state;
    open_trouble();
    stage.scenario.warmup = 0;
    for (size_t i = 0; i < LAW_COUNT(strategies); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            uint64_t served = 0, turned_away = 0, failed = 0;
            stage.scenario.clients.retries = 3 - (uint32_t)seed;
            struct sim_result result = stage_play(&stage, strategies[i], seed);
            for (uint32_t n = 0; n < result.node_count; n++) {
                served += result.nodes[n].served;
                failed += result.nodes[n].failed;
                turned_away += result.nodes[n].turned_away;
                assert_true(result.nodes[n].cache_hits <= result.nodes[n].cache_asked);
            }
            /* Tries that reached a place: worked off, or lost when their node fell or was restarted. */
            assert_true(served <= result.tries);
            assert_true(result.well <= served - failed);
            assert_true(result.retries + result.requests >= result.tries + result.limited + turned_away);
            assert_true(result.limited > 0);
            assert_true(stage.scenario.clients.retries > 0 ? result.retries > 0 : result.failed > 0);
            assert_true(result.well > result.requests / 2);
            sim_result_free(&result);
        }
    }
}

/* A warm-up changes what is counted, not what happens. */
static void warmup_only_hides(void **state) {
    (void)state;
    open_trouble();
    stage.scenario.warmup = 0;
    struct sim_result all = stage_play(&stage, "p2c", 4);
    stage.scenario.warmup = stage.scenario.duration / 2;
    struct sim_result half = stage_play(&stage, "p2c", 4);
    for (int i = SIM_SLICES / 2 + 1; i < SIM_SLICES; i++) {
        assert_true(all.slices[i].ended == half.slices[i].ended);
        assert_true(digest_histogram(1, &all.slices[i].latency) == digest_histogram(1, &half.slices[i].latency));
    }
    assert_true(half.requests < all.requests && half.requests > all.requests / 3);
    sim_result_free(&all);
    sim_result_free(&half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_byte_for_byte),  cmocka_unit_test(seeds_differ),
        cmocka_unit_test(threads_change_nothing), cmocka_unit_test(errors_are_told),
        cmocka_unit_test(stops_when_told),        cmocka_unit_test(intervals),
        cmocka_unit_test(common_random_numbers),  cmocka_unit_test(common_services),
        cmocka_unit_test(conservation),           cmocka_unit_test(warmup_only_hides),
        cmocka_unit_test(no_answer_no_latency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
