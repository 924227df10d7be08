/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Scenarios from YAML files:
 *
 *     title: One slow node
 *     duration: 60s
 *     arrivals: {rate: 70%, keys: 1000, skew: 1}
 *     service: {time: {shape: exponential, mean: 10ms}}
 *     nodes:
 *       - {name: web, count: 10, slots: 4}
 *     events:
 *       - {at: 20s, for: 20s, nodes: web-3, do: slow, factor: 10}
 *     strategies: [round_robin, p2c]
 *
 * A rate is per second ("800/s"), or a share of what all nodes can serve ("70%"). `count: 10` makes nodes web-1 to
 * web-10; events name "web" (all of them), "web-3", or "web-2..web-5". scenario_help prints every field.
 */
#ifndef LOADWISE_SIM_SCENARIO_FILE_H
#define LOADWISE_SIM_SCENARIO_FILE_H

#include "loadwise/problem.h"
#include "scenario.h"

struct sim_memory;

/* A scenario and what it owns. Not to be moved: the pool's options point into it. */
struct scenario_file {
    struct sim_scenario scenario;
    struct sim_memory *memory;
};

/* Reads and checks a file. On failure nothing needs to be freed. Traces are looked for beside the file. */
enum status scenario_file_read(struct scenario_file *out, const char *path, struct problem *problem);

/* The same from memory; the path is for messages, the name, and where traces are. */
enum status scenario_file_parse(struct scenario_file *out, const char *path, const unsigned char *bytes, size_t size,
                                struct problem *problem);
void scenario_file_free(struct scenario_file *file);

/* Can this strategy be made? Says what is wrong with it otherwise. */
enum status scenario_check_strategy(const char *spec, const char *where, struct problem *problem);

/* Prints all fields of a scenario file. */
void scenario_help(void);

#endif
