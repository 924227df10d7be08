/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads the nodes, builds a pool and a stack over HTTP services, and keeps so many exchanges under way until enough
 * have been answered. What nodes answered is heard from the pool, try by try; what callers got, from the exchanges.
 */
#include "fetch.h"

#include "fetch_tally.h"
#include "help.h"
#include "interrupt.h"
#include "nodes_file.h"
#include "progress.h"
#include "said.h"
#include "text.h"

#include <loadwise/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define LOOK_EVERY (SECOND / 10)

struct fetch_call {
    lw_exchange exchange;
    lw_http http;
    struct fetch *fetch;
    uint64_t began;
    struct fetch_call *next; /* of those that wait for their time */
};

struct fetch {
    struct fetch_options options;
    struct fleet fleet;
    struct fetch_tally tally;
    struct problem *problem;
    lw_uv *uv;
    lw_pool *pool;
    lw_curl *curl;
    lw_stack *stack;
    uint64_t *ids; /* of the nodes */
    struct fetch_call *calls, *idle;
    uint64_t began, started, answered, under_way;
    lw_timer pace, look;
    bool progress, stopped, memory;
    struct said said;
};

static uint64_t fetch_now(const struct fetch *fetch) { return lw_clock_now(lw_uv_clock(fetch->uv)); }

/* ---- what is heard from the pool ---- */

static uint32_t fetch_node_of(const struct fetch *fetch, uint64_t id) {
    uint32_t i = 0;
    while (i < fetch->fleet.count && fetch->ids[i] != id) {
        i++;
    }
    return i;
}

static void fetch_count_sample(struct fetch *fetch, struct fetch_node *node, const lw_sample *sample,
                               uint64_t latency) {
    node->requests++;
    node->answers[sample->outcome]++;
    if (sample->outcome == LW_OUTCOME_OK && !sim_histogram_add(&node->latency, latency)) {
        fetch->memory = true;
    }
}

static void fetch_finished(void *user, uint64_t id, const lw_sample *sample) {
    struct fetch *fetch = user;
    uint32_t node = fetch_node_of(fetch, id);
    if (node < fetch->fleet.count) {
        fetch_count_sample(fetch, &fetch->tally.nodes[node], sample, sample->latency);
    }
}

static void fetch_health_changed(void *user, uint64_t id, uint32_t from, uint32_t to, uint32_t cause) {
    struct fetch *fetch = user;
    struct fetch_tally *tally = &fetch->tally;
    (void)cause;
    if (tally->events < FETCH_EVENTS) {
        tally->event[tally->events] =
            (struct fetch_event){fetch_now(fetch) - fetch->began, fetch_node_of(fetch, id), from, to};
    }
    tally->events++;
}

/* ---- requests ---- */

static void fetch_fill(struct fetch *fetch);

static void fetch_completed(lw_exchange *exchange) {
    struct fetch_call *call = (struct fetch_call *)(void *)exchange;
    struct fetch *fetch = call->fetch;
    if (exchange->reason == LW_OK) {
        fetch_count_sample(fetch, &fetch->tally.all, &exchange->sample, fetch_now(fetch) - call->began);
    } else {
        fetch->tally.refused++;
        fetch->tally.reason = exchange->reason;
    }
    fetch->answered++;
    fetch->under_way--;
    call->next = fetch->idle;
    fetch->idle = call;
    /* In a turn of its own, so that refusals, which come at once, do not nest. */
    if (!lw_timer_runs(&fetch->pace)) {
        lw_timer_start(lw_uv_clock(fetch->uv), &fetch->pace, 0);
    }
}

static void fetch_begin(struct fetch *fetch, uint64_t now) {
    const struct fetch_options *options = &fetch->options;
    struct fetch_call *call = fetch->idle;
    fetch->idle = call->next;
    fetch->started++;
    fetch->under_way++;
    call->began = now;
    call->http = (lw_http)LW_HTTP_INIT;
    call->http.method = options->method;
    call->http.path = options->path;
    call->http.headers = options->headers;
    call->http.header_count = options->header_count;
    call->http.body = options->body;
    call->http.body_size = options->body != NULL ? strlen(options->body) : 0;
    call->exchange = (lw_exchange)LW_EXCHANGE_INIT;
    call->exchange.request = &call->http;
    call->exchange.flags = options->safe ? LW_EXCHANGE_SAFE : 0;
    call->exchange.completed = fetch_completed;
    lw_service_call(lw_stack_service(fetch->stack), &call->exchange);
}

/* When the next one may begin. */
static uint64_t fetch_next_at(const struct fetch *fetch) {
    uint64_t rate = fetch->options.rate;
    return rate == 0 ? 0 : fetch->began + fetch->started / rate * SECOND + fetch->started % rate * SECOND / rate;
}

static void fetch_fill(struct fetch *fetch) {
    lw_clock *clock = lw_uv_clock(fetch->uv);
    uint64_t now = fetch_now(fetch);
    while (fetch->idle != NULL && fetch->started < fetch->options.count && !fetch->stopped) {
        uint64_t at = fetch_next_at(fetch);
        if (at > now) {
            lw_timer_start(clock, &fetch->pace, at);
            return;
        }
        fetch_begin(fetch, now);
    }
}

static void fetch_pace_fired(lw_timer *timer) {
    fetch_fill((struct fetch *)(void *)((char *)timer - offsetof(struct fetch, pace)));
}

/* Now and then: who waits at a terminal, and whether to stop. */
static void fetch_look_fired(lw_timer *timer) {
    struct fetch *fetch = (struct fetch *)(void *)((char *)timer - offsetof(struct fetch, look));
    fetch->stopped |= interrupt_signal() != 0;
    if (fetch->progress) {
        progress_show(fetch->answered);
    }
    lw_timer_start(lw_uv_clock(fetch->uv), timer, fetch_now(fetch) + LOOK_EVERY);
}

static bool fetch_goes_on(const struct fetch *fetch) {
    bool more = fetch->started < fetch->options.count && !fetch->stopped;
    return more || fetch->under_way > 0;
}

static void fetch_play(struct fetch *fetch) {
    uv_loop_t *loop = lw_uv_loop(fetch->uv);
    lw_clock *clock = lw_uv_clock(fetch->uv);
    fetch->began = fetch_now(fetch);
    lw_timer_start(clock, &fetch->look, fetch->began);
    fetch_fill(fetch);
    while (fetch_goes_on(fetch) && uv_run(loop, UV_RUN_ONCE) != 0) {
    }
    fetch->tally.elapsed = fetch_now(fetch) - fetch->began;
    lw_timer_stop(clock, &fetch->look);
    lw_timer_stop(clock, &fetch->pace);
    if (fetch->progress) {
        progress_end();
    }
}

/* ---- setting up ---- */

static enum status fetch_fault(struct fetch *fetch, enum status status, const char *what, int error) {
    return error == LW_NOMEM ? problem_memory(fetch->problem)
                             : problem_set(fetch->problem, status, "%s: %s", what, said_of(&fetch->said, error));
}

/* "10.0.0.1:80" is an address too. */
static int fetch_service(struct fetch *fetch, const char *name, lw_service **out) {
    char address[512];
    lw_service *service;
    bool whole = strstr(name, "://") != NULL;
    snprintf(address, sizeof address, "%s%s", whole ? "" : "http://", name);
    int error = lw_curl_node(fetch->curl, address, &service);
    return error == LW_OK ? lw_stack_node(fetch->stack, service, out) : error;
}

static enum status fetch_specify(struct fetch *fetch, lw_node_spec *specs) {
    for (uint32_t i = 0; i < fetch->fleet.count; i++) {
        const struct node *node = &fetch->fleet.nodes[i];
        lw_service *service;
        int error = fetch_service(fetch, node->name, &service);
        if (error != LW_OK) {
            return fetch_fault(fetch, STATUS_BAD_NODES, node->name, error);
        }
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = node->name;
        specs[i].weight = node->weight;
        specs[i].priority = node->priority;
        specs[i].zone = node->zone;
        specs[i].tags = node->tags;
        specs[i].max_inflight = node->capacity;
        specs[i].user = service;
        fetch->ids[i] = lw_id(node->name, strlen(node->name));
    }
    return STATUS_DONE;
}

static enum status fetch_nodes(struct fetch *fetch) {
    lw_node_spec *specs = calloc(fetch->fleet.count, sizeof *specs);
    enum status status = specs != NULL ? fetch_specify(fetch, specs) : problem_memory(fetch->problem);
    if (status == STATUS_DONE) {
        int error = lw_pool_update(fetch->pool, specs, fetch->fleet.count, 0, NULL);
        status = error == LW_OK ? STATUS_DONE : fetch_fault(fetch, STATUS_UNFIT, fetch->options.nodes, error);
    }
    free(specs);
    return status;
}

static int fetch_services(struct fetch *fetch) {
    lw_env env = LW_ENV_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_pool_options pool = LW_POOL_OPTIONS_INIT;
    lw_curl_options curl = LW_CURL_OPTIONS_INIT;
    env.user = &fetch->said;
    env.log = said_log;
    env.seed = fetch->options.seed;
    observer.user = fetch;
    observer.finished = fetch_finished;
    observer.health_changed = fetch_health_changed;
    pool.observer = &observer;
    curl.latency = fetch->options.first_byte ? LW_CURL_FIRST_BYTE : LW_CURL_TOTAL;
    int error = lw_uv_new(&fetch->uv, &env, uv_default_loop());
    error = error == LW_OK ? lw_pool_new(&fetch->pool, &env, &pool) : error;
    error = error == LW_OK ? lw_curl_new(&fetch->curl, &env, fetch->uv, &curl) : error;
    return error == LW_OK
               ? lw_stack_new(&fetch->stack, &env, lw_uv_clock(fetch->uv), fetch->pool, fetch->options.stack, NULL)
               : error;
}

static enum status fetch_memory(struct fetch *fetch) {
    uint64_t calls = fetch->options.concurrency;
    fetch->calls = calloc(calls, sizeof *fetch->calls);
    fetch->ids = calloc(fetch->fleet.count, sizeof *fetch->ids);
    fetch->tally.nodes = calloc(fetch->fleet.count, sizeof *fetch->tally.nodes);
    if (fetch->calls == NULL || fetch->ids == NULL || fetch->tally.nodes == NULL) {
        return problem_memory(fetch->problem);
    }
    for (uint64_t i = 0; i < calls; i++) {
        fetch->calls[i].fetch = fetch;
        fetch->calls[i].next = fetch->idle;
        fetch->idle = &fetch->calls[i];
    }
    fetch->pace.fired = fetch_pace_fired;
    fetch->look.fired = fetch_look_fired;
    return STATUS_DONE;
}

static enum status fetch_open(struct fetch *fetch) {
    enum status status = nodes_file_read(&fetch->fleet, fetch->options.nodes, fetch->problem);
    status = status == STATUS_DONE ? fetch_memory(fetch) : status;
    if (status == STATUS_DONE) {
        int error = fetch_services(fetch);
        status =
            error == LW_OK ? STATUS_DONE : said_bad_spec(&fetch->said, fetch->options.stack, error, fetch->problem);
    }
    return status == STATUS_DONE ? fetch_nodes(fetch) : status;
}

static void fetch_close(struct fetch *fetch) {
    lw_stack_free(fetch->stack);
    lw_curl_free(fetch->curl);
    lw_pool_free(fetch->pool);
    if (fetch->uv != NULL) {
        uv_loop_t *loop = lw_uv_loop(fetch->uv);
        lw_uv_close(fetch->uv, NULL, NULL);
        uv_run(loop, UV_RUN_DEFAULT);
        uv_loop_close(loop);
    }
    for (uint32_t i = 0; fetch->tally.nodes != NULL && i < fetch->fleet.count; i++) {
        sim_histogram_free(&fetch->tally.nodes[i].latency);
    }
    sim_histogram_free(&fetch->tally.all.latency);
    free(fetch->tally.nodes);
    free(fetch->ids);
    free(fetch->calls);
    fleet_free(&fetch->fleet);
    free(fetch);
}

/* ---- the end ---- */

static enum status fetch_print(struct fetch *fetch) {
    struct fetch_tally *tally = &fetch->tally;
    tally->retry.size = sizeof tally->retry;
    tally->hedge.size = sizeof tally->hedge;
    tally->retries = lw_retry_stats_of(lw_stack_layer(fetch->stack, "retry"), &tally->retry) == LW_OK;
    tally->hedges = lw_hedge_stats_of(lw_stack_layer(fetch->stack, "hedge"), &tally->hedge) == LW_OK;
    if (fetch->memory) {
        return problem_memory(fetch->problem);
    }
    if (!fetch->options.json) {
        fetch_print_text(tally, &fetch->fleet);
    } else if (!fetch_print_json(tally, &fetch->fleet, &fetch->options)) {
        return problem_memory(fetch->problem);
    }
    return tally->refused > 0 || tally->all.answers[LW_OUTCOME_OK] < tally->all.requests ? STATUS_REFUSED : STATUS_DONE;
}

static void fetch_help(void) {
    printf("Usage: loadwise fetch --nodes FILE [--stack SPEC] [--count N] [--concurrency N] [OPTION]... PATH\n");
    help_paragraph(
        "Sends real HTTP requests to the nodes through a stack of layers, and prints who answered, how fast, "
        "and what was tried again. The names of the nodes are their addresses: 10.0.0.1:8080 or "
        "https://host. `loadwise layers` tells what a stack may have.");
    printf("\nOptions:\n");
    fetch_options_help();
    printf("\nThe exit status is that of `loadwise pick`; 1: some requests were refused or did not go well.\n");
    printf("\nExamples:\n  loadwise fetch --nodes servers.yaml --count 10000 --concurrency 50 /health\n"
           "  loadwise fetch --nodes servers.yaml --rate 200 \\\n"
           "      --stack \"timeout 2s | retry max=3 | hedge p95 | balance p2c metric=peak_ewma\" /v1/things\n");
}

enum status fetch_run(int argc, char **argv, struct problem *problem) {
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) {
        return problem_memory(problem);
    }
    fetch->problem = problem;
    enum status status = fetch_options_read(&fetch->options, argc, argv, problem);
    if (status == STATUS_DONE && fetch->options.help) {
        fetch_help();
    } else if (status == STATUS_DONE) {
        status = fetch_open(fetch);
        if (status == STATUS_DONE) {
            interrupt_listen();
            fetch->progress = progress_wanted(false);
            fetch_play(fetch);
            status = fetch_print(fetch);
        }
    }
    fetch_close(fetch);
    return status;
}
