/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of `loadwise sim`. */
#ifndef LOADWISE_TOOL_SIM_OPTIONS_H
#define LOADWISE_TOOL_SIM_OPTIONS_H

#include "problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_STRATEGIES_MOST = 64 };

struct sim_options {
    const char *scenario;
    const char *strategies[SIM_STRATEGIES_MOST];
    size_t strategy_count; /* 0: those of the scenario */
    uint64_t seeds, seed, threads;
    const char *report; /* file to write */
    const char *csv;    /* directory to write to */
    bool json;
    bool help;
};

/* The strings are borrowed from argv. */
enum status sim_options_read(struct sim_options *options, int argc, char **argv, struct problem *problem);

/* Prints the options, one entry each. */
void sim_options_help(void);

#endif
