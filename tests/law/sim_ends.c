/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every run ends, and every request with it: also those that a node never answers. Timeouts are exact. */
#include "sim/contest.h"
#include "sim_stage.h"

static struct stage stage;

static const struct sim_event frozen[] = {
    {.at = 2 * STAGE_SECOND, .length = SIM_NEVER, .action = SIM_FREEZE, .first = 0, .count = 3}};

/* Three nodes of four are frozen to the end, so that what they hold is lost; the fourth answers all of its own. */
static void frozen_to_the_end(void **state) {
    (void)state;
    stage_plain(&stage, 4, 1);
    stage_events(&stage, frozen, 1);
    struct sim_result result = stage_play(&stage, "round_robin", 1);
    assert_true(result.requests > 1000);
    assert_true(result.failed > 0);
    assert_true(result.failed >= result.requests / 2);
    assert_true(result.well >= result.requests / 4);
    assert_int_equal(result.refused, 0);
    sim_result_free(&result);
}

/* With retries those are saved in the end, since one node still works. */
static void saved_by_retries(void **state) {
    (void)state;
    stage_plain(&stage, 4, 1);
    stage_events(&stage, frozen, 1);
    stage_forgive(&stage);
    stage.scenario.clients.retries = 3;
    struct sim_result result = stage_play(&stage, "round_robin", 1);
    assert_int_equal(result.well, result.requests);
    assert_true(result.retries >= result.requests / 2);
    sim_result_free(&result);
}

/* Nobody waits longer than the timeout, to the ns, and who waits so long has failed; nodes do not notice. */
static void timeouts_end_tries(void **state) {
    (void)state;
    stage_plain(&stage, 2, 1);
    stage_forgive(&stage);
    stage.scenario.service.time = (struct sim_distribution){.shape = SIM_UNIFORM, .mean = 1e6};
    stage.scenario.arrivals.rate = 10;
    stage.scenario.clients.timeout = STAGE_MS;
    struct sim_result result = stage_play(&stage, "round_robin", 1);
    double half = (double)result.requests / 2;
    assert_true(fabs((double)result.well - half) < LAW_NORMAL_LIMIT * sqrt(half / 2) + 0.02 * half);
    assert_true(result.latency.most < STAGE_MS);
    assert_true(result.latency.most > STAGE_MS * 9 / 10);
    assert_int_equal(result.nodes[0].served + result.nodes[1].served, result.requests);
    sim_result_free(&result);
}

/* A timeout for each try: with so many retries a request takes as many timeouts and one, and nothing answers. */
static void timeouts_add_up(void **state) {
    (void)state;
    static const struct sim_event all[] = {
        {.at = 0, .length = SIM_NEVER, .action = SIM_FREEZE, .first = 0, .count = 4}};
    stage_plain(&stage, 4, 1);
    stage_events(&stage, all, 1);
    stage_forgive(&stage);
    stage.scenario.clients.retries = 2;
    stage.scenario.clients.timeout = 50 * STAGE_MS;
    struct sim_result result = stage_play(&stage, "p2c", 1);
    assert_int_equal(result.failed, result.requests);
    assert_int_equal(result.retries, 2 * result.requests);
    assert_int_equal(result.limited + result.refused, 0);
    sim_result_free(&result);
}

/* One slot that does 100 a second is asked for 200: half of all are done in time, the others after the end. */
static void the_backlog_is_not_throughput(void **state) {
    (void)state;
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    stage_plain(&stage, 1, 10);
    stage.nodes[0].slots = 1;
    stage.scenario.arrivals.process = SIM_PACED;
    stage.scenario.arrivals.rate = 200;
    struct sim_result result = stage_play(&stage, "random", 1);
    sim_figures_of(&stage.scenario, &result, figures);
    assert_int_equal(result.well, result.requests);
    assert_true(result.requests > 2390);
    assert_true(fabs(figures[SIM_FIGURE_throughput].mean - 100) < 0.2);
    sim_result_free(&result);
}

/* All fail after a second and are tried once more: a slice has the tries that were sent in it, the last one too, and
   those sent after the end are in none. */
static void slices_end_with_the_time(void **state) {
    (void)state;
    static const struct sim_event slow = {.at = 1, .length = SIM_NEVER, .action = SIM_SLOW, .count = 1, .factor = 1};
    uint64_t retries = 0;
    stage_plain(&stage, 2, 1000);
    stage_forgive(&stage);
    stage_events(&stage, &slow, 1);
    stage.scenario.arrivals.process = SIM_PACED;
    stage.scenario.arrivals.rate = 100;
    stage.scenario.clients.retries = 1;
    stage.nodes[0].error_share = stage.nodes[1].error_share = 1;
    struct sim_result result = stage_play(&stage, "round_robin", 1);
    for (int i = 0; i < SIM_SLICES; i++) {
        uint64_t sent = result.nodes[0].sent[i] + result.nodes[1].sent[i];
        assert_true(result.slices[i].retries <= 11);
        assert_true(sent == result.slices[i].ended + result.slices[i].retries);
        retries += result.slices[i].retries;
    }
    assert_int_equal(result.retries, result.requests);
    assert_in_range(result.retries - retries, 98, 102);
    sim_result_free(&result);
}

/* Of what was played, not of what might have been: two of three nodes work, the third would have joined later. */
static void idle_until_the_bound(void **state) {
    (void)state;
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    stage_plain(&stage, 3, 1);
    stage.scenario.max_requests = 3600; /* 3 s of 12 s */
    stage.nodes[2].joins = 4 * STAGE_SECOND;
    struct sim_result result = stage_play(&stage, "random", 1);
    sim_figures_of(&stage.scenario, &result, figures);
    assert_true(fabs(figures[SIM_FIGURE_idle].mean - 1) < 1e-9);
    sim_result_free(&result);
}

/* A bound on requests ends the measured time; one that falls into the warm-up leaves none. */
static void bounds_end_the_time(void **state) {
    (void)state;
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    stage_plain(&stage, 1, 1);
    stage.scenario.arrivals.process = SIM_PACED;
    stage.scenario.warmup = 2 * STAGE_SECOND;
    stage.scenario.max_requests = 6000;
    struct sim_result five = stage_play(&stage, "random", 1);
    assert_true(fabs(five.seconds - 3) < 0.01);
    assert_true(fabs((double)five.end / 1e9 - 5) < 0.01);
    sim_figures_of(&stage.scenario, &five, figures);
    assert_true(fabs(figures[SIM_FIGURE_throughput].mean - 1200) < 2);
    stage.scenario.max_requests = 1200;
    struct sim_result one = stage_play(&stage, "random", 1);
    sim_figures_of(&stage.scenario, &one, figures);
    assert_int_equal(one.requests, 0);
    assert_true(one.seconds <= 0);
    for (int f = 0; f < SIM_FIGURE_idle; f++) {
        assert_false(figures[f].known && figures[f].mean != 0);
    }
    assert_false(figures[SIM_FIGURE_throughput].known || figures[SIM_FIGURE_failed].known);
    sim_result_free(&five);
    sim_result_free(&one);
}

struct patience {
    double share; /* when it ends */
    int asked;
};

static bool lose_patience(void *user, double share) {
    struct patience *patience = user;
    patience->asked++;
    return share >= patience->share;
}

static struct sim_result play_until(struct patience *patience) {
    struct sim_run_options options = {.strategy = "p2c", .seed = 1, .progress = lose_patience, .user = patience};
    struct sim_result result;
    assert_int_equal(sim_run(&stage.scenario, &options, &result), LW_OK);
    return result;
}

/* Few events, each a lot of work, since there are many nodes and clients: whoever wants to stop does not wait for
   thousands of them, be it before the first or on the way. */
static void stops_where_the_work_is(void **state) {
    (void)state;
    struct patience none = {0, 0}, half = {0.5, 0}, endless = {2, 0};
    stage_plain(&stage, STAGE_MOST, 1);
    stage.scenario.arrivals.rate = 100;
    stage.scenario.duration = STAGE_SECOND;
    stage.scenario.clients.count = 64;
    stage.scenario.clients.report_every = 10 * STAGE_MS;
    struct sim_result result = play_until(&none);
    assert_true(result.stopped && result.requests == 0);
    assert_int_equal(none.asked, 1);
    sim_result_free(&result);
    result = play_until(&half);
    assert_true(result.stopped);
    assert_in_range(result.requests, 20, 80);
    sim_result_free(&result);
    result = play_until(&endless);
    assert_false(result.stopped);
    assert_true(endless.asked >= 100); /* once a report */
    sim_result_free(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_to_the_end),
        cmocka_unit_test(saved_by_retries),
        cmocka_unit_test(timeouts_end_tries),
        cmocka_unit_test(timeouts_add_up),
        cmocka_unit_test(the_backlog_is_not_throughput),
        cmocka_unit_test(slices_end_with_the_time),
        cmocka_unit_test(bounds_end_the_time),
        cmocka_unit_test(idle_until_the_bound),
        cmocka_unit_test(stops_where_the_work_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
