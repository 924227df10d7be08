/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes keep their limits, whoever asks, and say truly when to come again. */
#include "sim_stage.h"

static struct stage stage;

/* One node that takes so much in a window, and clients that each believe it is all for them. */
static void limit_one_node(uint32_t clients, const char *dimension, uint64_t window, double limit) {
    stage_plain(&stage, 1, 1);
    stage.scenario.arrivals.rate = 400;
    stage.scenario.duration = 60 * STAGE_SECOND;
    stage.scenario.clients.count = clients;
    stage.scenario.pool.dimensions[0] =
        (lw_quota_dimension){.size = sizeof(lw_quota_dimension), .name = dimension, .window = window};
    stage.scenario.pool.options.dimensions = stage.scenario.pool.dimensions;
    stage.scenario.pool.options.dimension_count = 1;
    stage.nodes[0].quota[0] = limit;
}

/* Several clients together ask for more than there is. In ten windows each of them is told "later" now and then, never
   in vain: when it asks again there is room, unless another was faster. */
static void told_when_there_is_room(void **state) {
    (void)state;
    limit_one_node(2, "requests", 6 * STAGE_SECOND, 60);
    struct sim_result result = stage_play(&stage, "random", 1);
    assert_true(result.well <= 660);
    assert_true(result.well >= 540);
    assert_in_range(result.limited, 2, 100);
    assert_true(result.overshoot > 0);
    sim_result_free(&result);
}

/* A client alone that pays for what it takes in whole tokens never asks for too much. */
static void tokens_alone_never_overshoot(void **state) {
    (void)state;
    limit_one_node(1, "tokens", STAGE_SECOND, 4000);
    stage.scenario.service.work = SIM_WORK_LLM;
    stage.scenario.service.context = (struct sim_distribution){.shape = SIM_UNIFORM, .mean = 50};
    stage.scenario.service.output = (struct sim_distribution){.shape = SIM_FIXED, .mean = 5};
    stage.scenario.service.prefill = stage.scenario.service.decode = 1000;
    struct sim_result result = stage_play(&stage, "random", 1);
    assert_true(result.well > 3000);
    assert_int_equal(result.limited, 0);
    assert_true(result.overshoot <= 0);
    sim_result_free(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_when_there_is_room),
        cmocka_unit_test(tokens_alone_never_overshoot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
