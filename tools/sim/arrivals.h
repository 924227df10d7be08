/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which requests come when: the same for every strategy that meets the same seed. */
#ifndef LOADWISE_SIM_ARRIVALS_H
#define LOADWISE_SIM_ARRIVALS_H

#include "chance.h"

/* What is known of a request when it comes. */
struct sim_arrival {
    uint64_t number; /* from 1 */
    uint64_t at;
    uint64_t key; /* 0: none */
    uint32_t client;
    double time; /* ns at speed 1; for LLM work 0 */
    double context, output;
};

struct sim_source {
    const struct sim_scenario *scenario;
    uint64_t seed;
    struct sim_chance chance; /* of the times */
    struct sim_zipf zipf;
    double low; /* rate between bursts */
    double at;  /* ns, of the request before */
    uint64_t number;
    size_t row;         /* of the trace */
    double lap, length; /* when the trace began last; how long one round of it takes, sped up */
};

void sim_source_init(struct sim_source *source, const struct sim_scenario *scenario, uint64_t seed);

/* The next request; at SIM_NEVER when no more come. */
void sim_source_next(struct sim_source *source, struct sim_arrival *arrival);

#endif
