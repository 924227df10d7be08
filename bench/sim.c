/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-sim: how many requests a second the simulator plays, on one core. The first row is the yardstick of the
 * project: 100 nodes of one slot, 1 client, exponential service, Poisson arrivals at 70 % of what the nodes can do.
 *
 * CPU time of the best of some runs: a run is one thread, and the machine may be busy with something else.
 */
#include "../tools/sim/run.h"
#include "table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIM_ROUNDS = 5, SIM_NODES = 100, SIM_REQUESTS = 1000000, SIM_COLUMNS = 4 };

static const double service_ns = 1e7, load = 0.7;

struct stage {
    struct sim_scenario scenario;
    struct sim_node nodes[SIM_NODES];
    char names[SIM_NODES][16];
};

struct course {
    const char *label, *strategy;
    uint32_t clients;
    double network; /* ns */
    uint64_t timeout;
    uint64_t keys;
};

static const struct course courses[] = {
    {"p2c", "p2c", 1, 0, 0, 0},
    {"random", "random", 1, 0, 0, 0},
    {"round_robin", "round_robin", 1, 0, 0, 0},
    {"smooth_wrr", "smooth_wrr", 1, 0, 0, 0},
    {"least_load", "least_load", 1, 0, 0, 0},
    {"p2c metric=peak_ewma", "p2c metric=peak_ewma", 1, 0, 0, 0},
    {"ring, 10000 keys", "ring", 1, 0, 0, 10000},
    {"p2c, 10 clients", "p2c", 10, 0, 0, 0},
    {"p2c, network", "p2c", 1, 5e5, 0, 0},
    {"p2c, network, timeout", "p2c", 1, 5e5, UINT64_C(1000000000), 0},
};

static const struct table_column columns[SIM_COLUMNS] = {
    {"Mreq/s", 8, 3}, {"ns/req", 8, 0}, {"mean ms", 9, 2}, {"p99 ms", 8, 2}};

static const char sim_help[] = "Usage: bench-sim [OPTION]...\n"
                               "Requests that the simulator plays per second of CPU: 100 nodes, 70 % load.\n"
                               "\n"
                               "  --requests N   of one run; default 1000000\n"
                               "  --csv          comma-separated values\n"
                               "  --help         this text\n"
                               "\n"
                               "mean ms, p99 ms: what the played requests took, in the time of the simulation\n";

static void stage_set(struct stage *stage, const struct course *course, uint64_t requests) {
    struct sim_scenario *scenario = &stage->scenario;
    sim_scenario_init(scenario);
    for (int i = 0; i < SIM_NODES; i++) {
        snprintf(stage->names[i], sizeof stage->names[i], "node-%d", i);
        stage->nodes[i] =
            (struct sim_node){.name = stage->names[i], .weight = 1, .slots = 1, .queue = UINT32_MAX, .speed = 1};
    }
    scenario->nodes = stage->nodes;
    scenario->node_count = SIM_NODES;
    scenario->service.time.mean = service_ns;
    scenario->arrivals.rate = load * SIM_NODES * 1e9 / service_ns;
    scenario->arrivals.keys = course->keys;
    scenario->max_requests = requests;
    scenario->duration = (uint64_t)(2e9 * (double)requests / scenario->arrivals.rate);
    scenario->clients.count = course->clients;
    scenario->clients.network.mean = course->network;
    scenario->clients.timeout = course->timeout;
}

static double cpu_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* CPU seconds of one run; below 0 after an error. */
static double play(const struct stage *stage, const struct course *course, double *values) {
    struct sim_run_options options = {.strategy = course->strategy, .seed = 1};
    struct sim_result result;
    double begin = cpu_seconds();
    int error = sim_run(&stage->scenario, &options, &result);
    double seconds = cpu_seconds() - begin;
    if (error != LW_OK) {
        fprintf(stderr, "bench-sim: %s: %s\n", course->strategy, result.why);
        seconds = -1;
    }
    values[2] = sim_histogram_mean(&result.latency) / 1e6;
    values[3] = sim_histogram_quantile(&result.latency, 0.99) / 1e6;
    sim_result_free(&result);
    return seconds;
}

static bool measure(struct stage *stage, const struct course *course, uint64_t requests, const struct table *table) {
    double values[SIM_COLUMNS], best = 0;
    stage_set(stage, course, requests);
    for (int round = 0; round < SIM_ROUNDS; round++) {
        double seconds = play(stage, course, values);
        if (seconds < 0) {
            return false;
        }
        best = round == 0 || seconds < best ? seconds : best;
    }
    values[0] = (double)requests / best * 1e-6;
    values[1] = best * 1e9 / (double)requests;
    table_row(table, course->label, values, "");
    return true;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"requests", required_argument, NULL, 'r'},
                                            {"csv", no_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct table table = {"Simulated requests", "traffic", columns, SIM_COLUMNS, false};
    long long requests = SIM_REQUESTS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(sim_help, stdout);
            return 0;
        }
        if (option == '?') {
            return 2;
        }
        requests = option == 'r' ? atoll(optarg) : requests;
        table.csv |= option == 'c';
    }
    static struct stage stage;
    if (requests < 1) {
        fputs("bench-sim: --requests: a whole number from 1\n", stderr);
        return 2;
    }
    table_head(&table);
    for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
        if (!measure(&stage, &courses[i], (uint64_t)requests, &table)) {
            return 1;
        }
    }
    return 0;
}
