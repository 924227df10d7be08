/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every run ends, and every request with it: also those that a node never answers. Timeouts are exact. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_to_the_end),
        cmocka_unit_test(saved_by_retries),
        cmocka_unit_test(timeouts_end_tries),
        cmocka_unit_test(timeouts_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
