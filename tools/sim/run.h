/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One run: a scenario with one strategy and one seed, by discrete events under a virtual clock.
 *
 * Everything that the clients decide, they decide by a pool of the library, through its public header. The requests,
 * their times, keys and sizes depend on the scenario and the seed alone, so that strategies meet the same traffic
 * (common random numbers), and one run depends on nothing outside of it: same scenario, strategy and seed, same result,
 * on any thread.
 */
#ifndef LOADWISE_SIM_RUN_H
#define LOADWISE_SIM_RUN_H

#include "measure.h"
#include "scenario.h"

struct sim_run_options {
    const char *strategy;
    uint64_t seed; /* not 0 */
    /* Called now and then with the share that is done; true ends the run early, and the result says so. May be NULL. */
    bool (*progress)(void *user, double share);
    void *user;
};

/* Fills *result, which the caller frees with sim_result_free, also after an error. Errors: LW_NOMEM, and those of
   lw_pool_new, lw_pool_route, lw_pool_update: then result->why says what the library said. */
int sim_run(const struct sim_scenario *scenario, const struct sim_run_options *options, struct sim_result *result);

#endif
