/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CPU time of this process per request, user and system, beside libcurl alone with the same glue and the same server.
 * Contenders take turns, another one first in each round, and a row is judged by the median of the rounds' ratios. Each
 * turn has a client of its own, whose connections are open before time counts.
 *
 * With many requests under way libcurl itself takes most of the time: for each request it goes through its connections
 * to that host until it finds an idle one. Servers in turn keep step, so that one stands near the beginning; where a
 * strategy chooses, it stands anywhere, and a request takes as long as it takes to pass half of the connections. That
 * is what "stack" shows beside "in turn" at 10,000.
 */
#include "service.h"
#include "table.h"

#include <stdio.h>
#include <sys/resource.h>

enum { BARE, NODES, TURNS, STACK, HEDGED, CONTENDERS };
enum { MICROSECONDS = 1000000, WARM = 500 };

/* Those of ours that have no stack call the nodes in turn, as libcurl alone does. */
static const char *const http_stacks[CONTENDERS] = {
    [TURNS] = "timeout 1m | retry | hedge p95 budget=0 | balance round_robin",
    [STACK] = "timeout 1m | retry | hedge p95 budget=0 | balance p2c metric=peak_ewma",
    [HEDGED] = "timeout 1m | retry | hedge p95 | balance p2c metric=peak_ewma",
};

/* A turn's requests, and how many thirds of the rounds: many at once take seconds. Hedges would only add to a queue. */
static const struct {
    uint32_t at_once, requests, thirds, contenders;
} http_scenes[] = {
    {1, 2000, 12, CONTENDERS}, {32, 8000, 12, CONTENDERS}, {1000, 16000, 3, HEDGED}, {10000, 20000, 1, HEDGED}};

enum { HTTP_SCENES = sizeof http_scenes / sizeof http_scenes[0] };

static double cpu_time(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * MICROSECONDS +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* us a request; below 0: something failed. */
static double one_turn(struct contender *contender, uv_loop_t *loop, char (*bases)[SERVICE_BASE], uint32_t requests,
                       uint32_t at_once) {
    double us = -1;
    if (contender->open(contender, loop, bases) == 0 &&
        contender->send(contender, at_once > WARM ? at_once : WARM, at_once) == 0) {
        contender->extra = 0;
        double before = cpu_time();
        int failed = contender->send(contender, requests, at_once);
        us = failed == 0 ? (cpu_time() - before) / requests : -1;
    }
    contender->close(contender);
    uv_run(loop, UV_RUN_DEFAULT);
    return us;
}

struct measure {
    double us[CONTENDERS][SERVICE_MOST_ROUNDS], ratios[CONTENDERS][SERVICE_MOST_ROUNDS];
    double extra; /* requests that the last contender added, of all its requests */
};

static int one_round(struct measure *measure, uint32_t scene, uint32_t round, uv_loop_t *loop,
                     char (*bases)[SERVICE_BASE]) {
    uint32_t contenders = http_scenes[scene].contenders, requests = http_scenes[scene].requests;
    for (uint32_t i = 0; i < contenders; i++) {
        uint32_t which = (round + i) % contenders;
        struct contender contender = which == BARE ? service_bare : service_ours;
        contender.stack = http_stacks[which];
        measure->us[which][round] = one_turn(&contender, loop, bases, requests, http_scenes[scene].at_once);
        if (measure->us[which][round] < 0) {
            return -1;
        }
        measure->extra += which == HEDGED ? (double)contender.extra / requests : 0;
    }
    for (uint32_t i = 0; i < contenders; i++) {
        measure->ratios[i][round] = measure->us[i][round] / measure->us[BARE][round];
    }
    return 0;
}

static int measure_scene(const struct table *table, uint32_t scene, uint32_t rounds, uv_loop_t *loop,
                         char (*bases)[SERVICE_BASE]) {
    struct measure measure = {.extra = 0};
    double values[2 * CONTENDERS];
    char label[32];
    rounds = rounds * http_scenes[scene].thirds / 3 + 1;
    rounds = rounds < SERVICE_MOST_ROUNDS ? rounds : SERVICE_MOST_ROUNDS;
    for (uint32_t round = 0; round < rounds; round++) {
        if (one_round(&measure, scene, round, loop, bases) != 0) {
            fprintf(stderr, "bench-service: not all requests were answered\n");
            return -1;
        }
    }
    values[0] = frame_median(measure.us[BARE], rounds);
    for (uint32_t i = BARE + 1; i < CONTENDERS; i++) {
        bool taken = i < http_scenes[scene].contenders;
        values[2 * i - 1] = taken ? frame_median(measure.us[i], rounds) : -1;
        values[2 * i] = taken ? frame_median(measure.ratios[i], rounds) : -1;
    }
    values[2 * CONTENDERS - 1] = http_scenes[scene].contenders > HEDGED ? measure.extra / rounds * 100 : -1;
    snprintf(label, sizeof label, "%u", http_scenes[scene].at_once);
    table_row(table, label, values, "");
    return 0;
}

int service_http(uint32_t rounds, bool csv) {
    static const struct table_column columns[2 * CONTENDERS] = {
        {"libcurl", 8, 2}, {"nodes", 8, 2}, {"ratio", 6, 3},   {"in turn", 8, 2}, {"ratio", 6, 3},
        {"stack", 8, 2},   {"ratio", 6, 3}, {"hedging", 8, 2}, {"ratio", 6, 3},   {"hedges %", 9, 2},
    };
    struct table table = {"HTTP on loopback, us of CPU time per request", "at once", columns, 2 * CONTENDERS, csv};
    char bases[SERVICE_PORTS][SERVICE_BASE];
    uv_loop_t loop;
    int failed = 0, server = service_server_start(bases);
    if (server < 0 || uv_loop_init(&loop) != 0) {
        fprintf(stderr, "bench-service: the server does not start\n");
        return -1;
    }
    table_head(&table);
    for (uint32_t scene = 0; scene < HTTP_SCENES && failed == 0; scene++) {
        failed = measure_scene(&table, scene, rounds, &loop, bases);
    }
    uv_loop_close(&loop);
    service_server_stop(server);
    return failed;
}
