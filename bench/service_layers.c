/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a call costs in each layer: around a service that answers at once, so there is no I/O and the call returns
 * completed. Time is a variable that moves on by a microsecond a call; how often a layer reads the clock is told
 * beside. `above` is what the layer adds to a call of that service alone, in the same round.
 *
 * Memory is all that the library took for ten thousand exchanges under way, over their number; it is kept for the next.
 */
#include "service.h"
#include "table.h"

#include <loadwise/loadwise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_RUNS = 9, LAYERS_NODES = 10, HELD = 10000, LAYERS_CALLS = 1000 };

static const double layers_run_ns = 2e6;

static const struct {
    const char *name, *spec;
} layers_rows[] = {
    {"timeout", "timeout 10s"},
    {"retry", "retry"},
    {"hedge", "hedge p95"},
    {"concurrency_limit", "concurrency_limit initial=100000"},
    {"rate_limit", "rate_limit 1000000000 burst=1000000000"},
    {"load_shed", "load_shed 1000000"},
    {"circuit_breaker", "circuit_breaker"},
    {"buffer", "buffer"},
    {"adaptive_throttle", "adaptive_throttle"},
    {"balance round_robin", "balance round_robin"},
    {"balance p2c peak_ewma", "balance p2c metric=peak_ewma"},
    {"four: as fetch has it", "timeout 10s | retry | hedge p95 | balance p2c metric=peak_ewma"},
    {"and two per node",
     "timeout 10s | retry | hedge p95 | balance p2c metric=peak_ewma | circuit_breaker | timeout 1s"},
};

enum { ROWS = sizeof layers_rows / sizeof layers_rows[0] };

/* What all of the rows share: a clock, and counts of what the library asked for. */
static struct { uint64_t now, reads, allocations, bytes; } host;

static uint64_t host_now(void *user) {
    (void)user;
    host.reads++;
    return host.now;
}

static void *host_alloc(void *user, size_t size) {
    (void)user;
    host.allocations++;
    host.bytes += size;
    return malloc(size);
}

static void host_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

/* ---- the innermost service ---- */

struct end_service {
    lw_service service;
    bool holds; /* it does not answer, until it is cancelled */
};

static int end_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    (void)service, (void)exchange, (void)retry_at, (void)waiter;
    return LW_OK;
}

static void end_call(lw_service *service, lw_exchange *exchange) {
    const struct end_service *end = (struct end_service *)(void *)service;
    if (end->holds) {
        exchange->holder = service;
        return;
    }
    exchange->sample.latency = 1000;
    exchange->sample.now = host.now;
    lw_exchange_complete(exchange);
}

static void end_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    (void)service;
    exchange->sample.outcome = why;
    lw_exchange_complete(exchange);
}

static void end_free(lw_service *service) { (void)service; }

static const lw_service_ops end_ops = {sizeof end_ops, "end", end_ready, end_call, end_cancel, end_free};

/* ---- a row ---- */

struct layers_row {
    lw_clock *clock;
    lw_pool *pool;
    lw_stack *stack;
    lw_service *service;
    struct end_service ends[LAYERS_NODES];
    struct frame_task tasks[2];
    double rounds[2][SERVICE_MOST_ROUNDS];
};

static uint64_t layers_good;

static void layers_completed(lw_exchange *exchange) {
    layers_good += exchange->reason == LW_OK && exchange->sample.outcome == LW_OUTCOME_OK;
}

static uint64_t call_many(void *subject, uint32_t thread, uint64_t calls) {
    lw_service *service = subject;
    uint64_t before = layers_good;
    (void)thread;
    for (uint64_t i = 0; i < calls; i++) {
        lw_exchange exchange = LW_EXCHANGE_INIT;
        exchange.completed = layers_completed;
        exchange.flags = LW_EXCHANGE_SAFE;
        host.now += 1000;
        lw_service_call(service, &exchange);
    }
    return layers_good - before;
}

static int row_nodes(struct layers_row *row) {
    static char names[LAYERS_NODES][8];
    lw_node_spec specs[LAYERS_NODES];
    lw_service *node;
    for (int i = 0; i < LAYERS_NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
        int error = lw_stack_node(row->stack, &row->ends[i].service, &node);
        if (error != LW_OK) {
            return error;
        }
        specs[i].user = node;
    }
    return lw_pool_update(row->pool, specs, LAYERS_NODES, 0, NULL);
}

static int row_open(struct layers_row *row, const char *spec) {
    lw_env env = LW_ENV_INIT;
    lw_stack_options options = LW_STACK_OPTIONS_INIT;
    env.now = host_now;
    env.alloc = host_alloc;
    env.release = host_release;
    env.seed = 1;
    for (int i = 0; i < LAYERS_NODES; i++) {
        row->ends[i] = (struct end_service){{&end_ops}, false};
    }
    if (spec == NULL) {
        row->service = &row->ends[0].service;
        return LW_OK;
    }
    options.inner = strstr(spec, "balance") == NULL ? &row->ends[0].service : NULL;
    int error = lw_clock_new(&row->clock, &env, NULL, NULL);
    error = error != LW_OK ? error : lw_pool_new(&row->pool, &env, NULL);
    error = error != LW_OK ? error : lw_stack_new(&row->stack, &env, row->clock, row->pool, spec, &options);
    error = error != LW_OK || options.inner != NULL ? error : row_nodes(row);
    row->service = error == LW_OK ? lw_stack_service(row->stack) : NULL;
    return error;
}

static void row_close(struct layers_row *row) {
    lw_stack_free(row->stack);
    lw_pool_free(row->pool);
    lw_clock_free(row->clock);
}

/* Bytes of the library for each of many exchanges under way, which are then cancelled. */
static double row_memory(struct layers_row *row) {
    lw_exchange *exchanges = calloc(HELD, sizeof *exchanges);
    uint64_t before = host.bytes;
    for (int i = 0; i < LAYERS_NODES; i++) {
        row->ends[i].holds = true;
    }
    for (int i = 0; i < HELD && exchanges != NULL; i++) {
        exchanges[i] = (lw_exchange)LW_EXCHANGE_INIT;
        exchanges[i].completed = layers_completed;
        exchanges[i].flags = LW_EXCHANGE_SAFE;
        lw_service_call(row->service, &exchanges[i]);
    }
    double bytes = (double)(host.bytes - before) / HELD;
    for (int i = 0; i < HELD && exchanges != NULL; i++) {
        lw_service_cancel(row->service, &exchanges[i], LW_OUTCOME_CANCELLED);
    }
    free(exchanges);
    return bytes;
}

enum { NS, ABOVE, NOISE, READS, ALLOCATIONS, BYTES, LAYERS_COLUMNS };

static const struct table_column layers_columns[LAYERS_COLUMNS] = {{"ns", 8, 1},    {"above", 8, 1},  {"noise", 7, 2},
                                                                   {"clock", 7, 1}, {"allocs", 8, 3}, {"bytes", 8, 0}};

static void row_print(const struct table *table, struct layers_row *row, const char *name, uint32_t rounds) {
    double values[LAYERS_COLUMNS], above[SERVICE_MOST_ROUNDS];
    for (uint32_t round = 0; round < rounds; round++) {
        above[round] = row->rounds[0][round] - row->rounds[1][round];
    }
    struct frame_figure ours = frame_sum_up(row->rounds[0], rounds);
    values[NS] = ours.median;
    values[ABOVE] = frame_median(above, rounds);
    values[NOISE] = ours.noise;
    uint64_t reads = host.reads, allocations = host.allocations;
    uint64_t good = call_many(row->service, 0, LAYERS_CALLS);
    values[READS] = (double)(host.reads - reads) / LAYERS_CALLS;
    values[ALLOCATIONS] = (double)(host.allocations - allocations) / LAYERS_CALLS;
    values[BYTES] = row_memory(row);
    table_row(table, name, values, good == LAYERS_CALLS ? "" : "  not all went well");
}

static int measure_rows(struct frame *frame, uint32_t rounds, struct layers_row *rows, struct end_service *alone) {
    for (uint32_t r = 0; r < ROWS; r++) {
        int error = row_open(&rows[r], layers_rows[r].spec);
        if (error != LW_OK) {
            fprintf(stderr, "bench-service: %s: %s\n", layers_rows[r].spec, lw_error_message(error));
            return -1;
        }
        rows[r].tasks[0] = (struct frame_task){call_many, rows[r].service, 0};
        rows[r].tasks[1] = (struct frame_task){call_many, &alone->service, 0};
        frame_calibrate(frame, &rows[r].tasks[0], 1, layers_run_ns);
        frame_calibrate(frame, &rows[r].tasks[1], 1, layers_run_ns);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t r = 0; r < ROWS; r++) {
            double medians[2];
            frame_round(frame, rows[r].tasks, 2, 1, LAYERS_RUNS, medians);
            rows[r].rounds[0][round] = medians[0];
            rows[r].rounds[1][round] = medians[1];
        }
    }
    return 0;
}

int service_layers(struct frame *frame, uint32_t rounds, bool csv) {
    struct table table = {"A call of each layer, ns", "layer", layers_columns, LAYERS_COLUMNS, csv};
    struct layers_row *rows = calloc(ROWS, sizeof *rows);
    struct end_service alone = {{&end_ops}, false};
    host.now = UINT64_C(1000000000);
    int failed = rows == NULL ? -1 : measure_rows(frame, rounds, rows, &alone);
    if (failed == 0) {
        table_head(&table);
    }
    for (uint32_t r = 0; r < ROWS && rows != NULL; r++) {
        if (failed == 0) {
            row_print(&table, &rows[r], layers_rows[r].name, rounds);
        }
        row_close(&rows[r]);
    }
    free(rows);
    return failed;
}
