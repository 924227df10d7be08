/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-sim: how many requests a second the simulator plays, on one core. The first row is the yardstick of the
 * project: 100 nodes of one slot, 1 client, exponential service, Poisson arrivals at 70 % of what the nodes can do.
 *
 * CPU time of the best of some runs: a run is one thread, and the machine may be busy with something else.
 */
#include "sim/run.h"
#include "table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COURSE_NODES = 100, COURSE_COLUMNS = 4 };

static const double course_service = 1e7 /* ns */, course_load = 0.7;

/* Where it is run. */
struct ground {
    struct sim_scenario scenario;
    struct sim_node nodes[COURSE_NODES];
    char names[COURSE_NODES][16];
};

struct sim_traffic {
    const char *label, *strategy;
    uint32_t clients;
    double network; /* ns */
    uint64_t timeout;
    uint64_t keys;
};

static const struct sim_traffic courses[] = {
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

static const struct table_column course_columns[COURSE_COLUMNS] = {
    {"Mreq/s", 8, 3}, {"ns/req", 8, 0}, {"mean ms", 9, 2}, {"p99 ms", 8, 2}};

static const char course_help[] = "Usage: bench-sim [OPTION]...\n"
                                  "Requests that the simulator plays per second of CPU: 100 nodes, 70 % load.\n"
                                  "\n"
                                  "  --requests N    of one run; default 1000000\n"
                                  "  --rounds N      runs, of which the best counts; default 5\n"
                                  "  --traffic NAME  only the row of this name\n"
                                  "  --csv           comma-separated values\n"
                                  "  --help          this text\n"
                                  "\n"
                                  "mean ms, p99 ms: what the played requests took, in the time of the simulation\n";

struct course_wishes {
    uint64_t requests, rounds;
    const char *traffic; /* NULL: all */
};

static void ground_prepare(struct ground *ground, const struct sim_traffic *course, uint64_t requests) {
    struct sim_scenario *scenario = &ground->scenario;
    sim_scenario_init(scenario);
    for (int i = 0; i < COURSE_NODES; i++) {
        snprintf(ground->names[i], sizeof ground->names[i], "node-%d", i);
        ground->nodes[i] =
            (struct sim_node){.name = ground->names[i], .weight = 1, .slots = 1, .queue = UINT32_MAX, .speed = 1};
    }
    scenario->nodes = ground->nodes;
    scenario->node_count = COURSE_NODES;
    scenario->service.time.mean = course_service;
    scenario->arrivals.rate = course_load * COURSE_NODES * 1e9 / course_service;
    scenario->arrivals.keys = course->keys;
    scenario->max_requests = requests;
    /* Longer than so many requests ever take to come. */
    scenario->duration = (uint64_t)(2e9 * ((double)requests + 100) / scenario->arrivals.rate);
    scenario->clients.count = course->clients;
    scenario->clients.network.mean = course->network;
    scenario->clients.timeout = course->timeout;
}

static double course_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* CPU seconds of one run; below 0 after an error. */
static double course_run(const struct ground *ground, const struct sim_traffic *course, double *values) {
    struct sim_run_options options = {.strategy = course->strategy, .seed = 1};
    struct sim_result result;
    double begin = course_clock();
    int error = sim_run(&ground->scenario, &options, &result);
    double seconds = course_clock() - begin;
    if (error != LW_OK || result.well != ground->scenario.max_requests) {
        fprintf(stderr, "bench-sim: %s: %llu of %llu requests ended well %s\n", course->strategy,
                (unsigned long long)result.well, (unsigned long long)ground->scenario.max_requests, result.why);
        seconds = -1;
    }
    values[2] = sim_histogram_mean(&result.latency) / 1e6;
    values[3] = sim_histogram_quantile(&result.latency, 0.99) / 1e6;
    sim_result_free(&result);
    return seconds;
}

static bool course_measure(const struct sim_traffic *course, const struct course_wishes *wishes,
                           const struct table *table) {
    static struct ground ground;
    double values[COURSE_COLUMNS], best = 0;
    ground_prepare(&ground, course, wishes->requests);
    for (uint64_t round = 0; round < wishes->rounds; round++) {
        double seconds = course_run(&ground, course, values);
        if (seconds < 0) {
            return false;
        }
        best = round == 0 || seconds < best ? seconds : best;
    }
    values[0] = (double)wishes->requests / best * 1e-6;
    values[1] = best * 1e9 / (double)wishes->requests;
    table_row(table, course->label, values, "");
    return true;
}

static uint64_t course_number(const char *text) {
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number == 0 || number > UINT64_C(1000000000000)) {
        fprintf(stderr, "bench-sim: \"%s\" is not a whole number from 1 to 1e12\n", text);
        exit(2);
    }
    return number;
}

static void course_options(int argc, char **argv, struct course_wishes *wishes, struct table *table) {
    static const struct option options[] = {
        {"requests", required_argument, NULL, 'r'}, {"rounds", required_argument, NULL, 'n'},
        {"traffic", required_argument, NULL, 't'},  {"csv", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},           {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r': wishes->requests = course_number(optarg); break;
        case 'n': wishes->rounds = course_number(optarg); break;
        case 't': wishes->traffic = optarg; break;
        case 'c': table->csv = true; break;
        case 'h': fputs(course_help, stdout); exit(0);
        default: exit(2);
        }
    }
}

int main(int argc, char **argv) {
    struct table table = {"Simulated requests", "traffic", course_columns, COURSE_COLUMNS, false};
    struct course_wishes wishes = {1000000, 5, NULL};
    course_options(argc, argv, &wishes, &table);
    bool found = false;
    table_head(&table);
    for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
        if (wishes.traffic == NULL || strcmp(wishes.traffic, courses[i].label) == 0) {
            found = true;
            if (!course_measure(&courses[i], &wishes, &table)) {
                return 1;
            }
        }
    }
    if (!found) {
        fprintf(stderr, "bench-sim: no traffic is called \"%s\"\n", wishes.traffic);
        return 2;
    }
    return 0;
}
