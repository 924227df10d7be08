/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "scenario.h"

#define MILLISECOND 1000000.0
#define SECOND UINT64_C(1000000000)

void sim_scenario_init(struct sim_scenario *scenario) {
    *scenario = (struct sim_scenario){
        .name = "scenario",
        .title = "A scenario without a title",
        .text = "",
        .duration = 60 * SECOND,
        .arrivals = {.rate = 100,
                     .burst = 2,
                     .burst_for = SECOND,
                     .burst_every = 10 * SECOND,
                     .swing = 0.5,
                     .period = 86400 * SECOND,
                     .speedup = 1},
        .service = {.time = {.shape = SIM_EXPONENTIAL, .mean = 10 * MILLISECOND},
                    .context = {.mean = 1000},
                    .output = {.mean = 100},
                    .prefill = 0.1 * MILLISECOND,
                    .decode = 20 * MILLISECOND},
        .clients = {.count = 1},
        .pool = {.options = LW_POOL_OPTIONS_INIT, .health = LW_HEALTH_OPTIONS_INIT, .outlier = LW_OUTLIER_OPTIONS_INIT},
    };
}

/* What one request takes at speed 1, ns. Of a trace the mean of its rows. */
static double mean_service(const struct sim_scenario *scenario) {
    const struct sim_service *service = &scenario->service;
    double context = service->context.mean, output = service->output.mean;
    if (service->work == SIM_WORK_TIME) {
        return service->time.mean;
    }
    if (scenario->arrivals.trace_count > 0) {
        context = output = 0;
        for (size_t i = 0; i < scenario->arrivals.trace_count; i++) {
            context += scenario->arrivals.trace[i].context / (double)scenario->arrivals.trace_count;
            output += scenario->arrivals.trace[i].output / (double)scenario->arrivals.trace_count;
        }
    }
    return service->prefill * context + service->decode * output;
}

/* A full batch makes each request take longer by that much. */
static double batch_factor(const struct sim_scenario *scenario, uint32_t slots) {
    bool batches = scenario->service.work == SIM_WORK_LLM;
    return batches ? 1 + scenario->service.batch_slowdown * (1 - 1.0 / slots) : 1;
}

double sim_scenario_capacity(const struct sim_scenario *scenario) {
    double slots = 0;
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        const struct sim_node *node = &scenario->nodes[i];
        if (node->slots == 0) {
            return 0; /* no bound */
        }
        slots += node->slots * node->speed / batch_factor(scenario, node->slots);
    }
    double mean = mean_service(scenario);
    return mean > 0 ? slots / mean * 1e9 : 0;
}
