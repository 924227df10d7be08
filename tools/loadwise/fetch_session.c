/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Setting up, from the outside in: files, memory, the loop, the pool and the stack, then a service for each node. */
#include "fetch_session.h"

#include "fetch_csv.h"
#include "nodes_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { FETCH_OTHER_FILES = 64 /* besides connections */ };

/* ---- files ---- */

/* Each request under way has a connection. Many systems let a program have 1024 open until it asks for more. */
static enum status fetch_limit(const struct fetch *fetch, uint32_t *connections) {
    struct rlimit limit;
    uint64_t wanted = fetch->options.concurrency + FETCH_OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < wanted) {
        return problem_set(fetch->problem, STATUS_USAGE,
                           "--concurrency: %llu at a time need %llu open files, and the limit here is %llu (ulimit -n)",
                           (unsigned long long)fetch->options.concurrency, (unsigned long long)wanted,
                           (unsigned long long)limit.rlim_max);
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    uint64_t room = limit.rlim_max - FETCH_OTHER_FILES, most = 4 * fetch->options.concurrency;
    *connections = (uint32_t)(room < most ? room : most);
    return STATUS_DONE;
}

/* ---- what is wrong ---- */

static enum status fetch_fault(struct fetch *fetch, const struct said *said, enum status status, const char *what,
                               int error) {
    return error == LW_NOMEM ? problem_memory(fetch->problem)
                             : problem_set(fetch->problem, status, "%s: %s", what, said_of(said, error));
}

/* Where the strategy begins in a stack: behind the word `balance` and its own parameters, which have a '='. */
static size_t strategy_at(const char *stack) {
    static const char blanks[] = " \t\r\n";
    bool first = true, inside = false;
    for (size_t at = strspn(stack, blanks); stack[at] != '\0'; at += strspn(stack + at, blanks)) {
        size_t size = strcspn(stack + at, " \t\r\n|");
        if (size == 0) { /* a '|' */
            first = true;
            inside = false;
            at++;
            continue;
        }
        if (inside && memchr(stack + at, '=', size) == NULL) {
            return at;
        }
        inside |= first && strncmp(stack + at, "balance", size) == 0;
        first = false;
        at += size;
    }
    return 0;
}

static enum status fetch_bad_stack(struct fetch *fetch, int error) {
    struct said_part part = {"--stack", fetch->options.stack, 0};
    if (error == LW_NOMEM) {
        return problem_memory(fetch->problem);
    }
    if (fetch->chosen.note[0] == '\0') {
        return said_bad_part(&fetch->said, &part, error, fetch->problem);
    }
    part.at = strategy_at(part.spec);
    return said_bad_part(&fetch->chosen, &part, error, fetch->problem);
}

/* ---- nodes ---- */

uint32_t fetch_node_of(const struct fetch *fetch, uint64_t id) {
    uint32_t i = 0;
    while (i < fetch->fleet.count && fetch->ids[i] != id) {
        i++;
    }
    return i;
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
            return fetch_fault(fetch, &fetch->said, STATUS_BAD_NODES, node->name, error);
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
        status = error == LW_OK ? STATUS_DONE
                                : fetch_fault(fetch, &fetch->chosen, STATUS_UNFIT, fetch->options.nodes, error);
    }
    free(specs);
    return status;
}

/* ---- everything ---- */

static enum status fetch_services(struct fetch *fetch, const lw_observer *observer, uint32_t connections) {
    lw_env env = LW_ENV_INIT, chosen = LW_ENV_INIT;
    lw_pool_options pool = LW_POOL_OPTIONS_INIT;
    lw_curl_options curl = LW_CURL_OPTIONS_INIT;
    env.user = &fetch->said;
    chosen.user = &fetch->chosen;
    env.log = chosen.log = said_log;
    env.seed = chosen.seed = fetch->options.seed;
    pool.observer = observer;
    pool.max_tickets = 2 * (uint32_t)fetch->options.concurrency; /* each may be hedged */
    curl.connections = connections;
    curl.latency = fetch->options.first_byte ? LW_CURL_FIRST_BYTE : LW_CURL_TOTAL;
    int error = lw_uv_new(&fetch->uv, &env, uv_default_loop());
    error = error == LW_OK ? lw_pool_new(&fetch->pool, &chosen, &pool) : error;
    error = error == LW_OK ? lw_curl_new(&fetch->curl, &env, fetch->uv, &curl) : error;
    if (error != LW_OK) {
        return fetch_fault(fetch, &fetch->said, STATUS_UNFIT, "fetch", error);
    }
    error = lw_stack_new(&fetch->stack, &env, lw_uv_clock(fetch->uv), fetch->pool, fetch->options.stack, NULL);
    return error == LW_OK ? STATUS_DONE : fetch_bad_stack(fetch, error);
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
    return STATUS_DONE;
}

enum status fetch_open(struct fetch *fetch, const lw_observer *observer) {
    uint32_t connections = 0;
    enum status status = nodes_file_read(&fetch->fleet, fetch->options.nodes, fetch->problem);
    status = status == STATUS_DONE ? fetch_memory(fetch) : status;
    status = status == STATUS_DONE ? fetch_limit(fetch, &connections) : status;
    status = status == STATUS_DONE ? fetch_services(fetch, observer, connections) : status;
    status = status == STATUS_DONE ? fetch_nodes(fetch) : status;
    if (status == STATUS_DONE && fetch->options.csv != NULL) {
        fetch->csv = fetch_csv_open(fetch->options.csv, fetch->problem);
        status = fetch->csv != NULL ? STATUS_DONE : fetch->problem->status;
    }
    return status;
}

void fetch_close(struct fetch *fetch) {
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
