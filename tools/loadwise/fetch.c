/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Keeps so many exchanges under way until enough have been answered. What nodes answered is heard from the pool, try by
 * try; what callers got, from the exchanges.
 */
#include "fetch.h"

#include "fetch_csv.h"
#include "fetch_session.h"
#include "help.h"
#include "interrupt.h"
#include "progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define LOOK_EVERY (SECOND / 10)

static uint64_t fetch_now(const struct fetch *fetch) { return lw_clock_now(lw_uv_clock(fetch->uv)); }

/* ---- what is heard from the pool ---- */

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
    uint32_t node = fetch_node_of(fetch, id);
    (void)cause;
    if (node < fetch->fleet.count && tally->events++ < FETCH_EVENTS) {
        tally->event[tally->events - 1] = (struct fetch_event){fetch_now(fetch) - fetch->began, node, from, to};
    }
}

/* ---- requests ---- */

static void fetch_count_answer(struct fetch *fetch, const struct fetch_call *call) {
    const lw_exchange *exchange = &call->exchange;
    struct fetch_tally *tally = &fetch->tally;
    uint32_t node = fetch_node_of(fetch, exchange->node);
    uint64_t latency = fetch_now(fetch) - call->began;
    if (exchange->reason != LW_OK) {
        tally->refused++;
        tally->reason = exchange->reason;
    } else {
        fetch_count_sample(fetch, &tally->all, &exchange->sample, latency);
        if (exchange->sample.outcome != LW_OUTCOME_OK) {
            tally->last = (struct fetch_fault){node, call->http.status, call->http.problem};
        }
    }
    if (fetch->csv != NULL) {
        const char *name = node < fetch->fleet.count ? fetch->fleet.nodes[node].name : NULL;
        fetch_csv_add(fetch->csv, call->began - fetch->began, latency, name, exchange);
    }
}

static void fetch_completed(lw_exchange *exchange) {
    struct fetch_call *call = (struct fetch_call *)(void *)exchange;
    struct fetch *fetch = call->fetch;
    fetch_count_answer(fetch, call);
    fetch->answered++;
    fetch->under_way--;
    call->next = fetch->idle;
    fetch->idle = call;
    /* In a turn of its own, so that refusals, which come at once, do not nest. */
    if (!lw_timer_runs(&fetch->fill)) {
        lw_timer_start(lw_uv_clock(fetch->uv), &fetch->fill, 0);
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

static bool fetch_begins_more(const struct fetch *fetch) {
    return fetch->started < fetch->options.count && fetch->stopped == 0;
}

static void fetch_fill_fired(lw_timer *timer) {
    struct fetch *fetch = (struct fetch *)(void *)((char *)timer - offsetof(struct fetch, fill));
    uint64_t now = fetch_now(fetch);
    while (fetch->idle != NULL && fetch_begins_more(fetch)) {
        uint64_t at = fetch_next_at(fetch);
        if (at > now) {
            lw_timer_start(lw_uv_clock(fetch->uv), timer, at);
            return;
        }
        fetch_begin(fetch, now);
    }
}

/* ---- now and then ---- */

/* After a signal, whoever is under way may end within a second. */
static void fetch_stop(struct fetch *fetch, uint64_t now) {
    uint64_t seconds = fetch->options.seconds;
    bool over = seconds != 0 && now - fetch->began >= seconds * SECOND;
    if (fetch->stopped == 0 && (over || interrupt_signal() != 0)) {
        fetch->stopped = now;
    }
    if (interrupt_signal() != 0 && now - fetch->stopped >= SECOND) {
        for (uint64_t i = 0; i < fetch->options.concurrency; i++) {
            lw_service_cancel(lw_stack_service(fetch->stack), &fetch->calls[i].exchange, LW_OUTCOME_CANCELLED);
        }
    }
}

static void fetch_show(struct fetch *fetch, uint64_t now) {
    char line[128];
    if (now - fetch->paced_at >= SECOND) {
        double seconds = (double)(now - fetch->paced_at) / (double)SECOND;
        fetch->pace = (double)(fetch->answered - fetch->paced_from) / seconds;
        fetch->paced_at = now;
        fetch->paced_from = fetch->answered;
    }
    uint64_t well = fetch->tally.all.answers[LW_OUTCOME_OK];
    snprintf(line, sizeof line,
             "%.0f s  %" PRIu64 " answered, %.0f a second, %" PRIu64 " not well, %" PRIu64 " under way",
             (double)(now - fetch->began) / (double)SECOND, fetch->answered, fetch->pace, fetch->answered - well,
             fetch->under_way);
    progress_say(line);
}

static void fetch_look_fired(lw_timer *timer) {
    struct fetch *fetch = (struct fetch *)(void *)((char *)timer - offsetof(struct fetch, look));
    uint64_t now = fetch_now(fetch);
    fetch_stop(fetch, now);
    if (fetch->progress) {
        fetch_show(fetch, now);
    }
    lw_timer_start(lw_uv_clock(fetch->uv), timer, now + LOOK_EVERY);
}

static void fetch_play(struct fetch *fetch) {
    uv_loop_t *loop = lw_uv_loop(fetch->uv);
    lw_clock *clock = lw_uv_clock(fetch->uv);
    fetch->progress = progress_wanted(false);
    fetch->began = fetch->paced_at = fetch_now(fetch);
    fetch->fill.fired = fetch_fill_fired;
    fetch->look.fired = fetch_look_fired;
    lw_timer_start(clock, &fetch->look, fetch->began);
    lw_timer_start(clock, &fetch->fill, fetch->began);
    while ((fetch_begins_more(fetch) || fetch->under_way > 0) && uv_run(loop, UV_RUN_ONCE) != 0) {
    }
    fetch->tally.elapsed = fetch_now(fetch) - fetch->began;
    lw_timer_stop(clock, &fetch->look);
    lw_timer_stop(clock, &fetch->fill);
    if (fetch->progress) {
        progress_end();
    }
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
    help_paragraph("A line of the table counts the tries that a node had, and the last one what came of the requests: "
                   "one that was tried again and then went well is well. Latencies are those of answers that were "
                   "well. Ctrl-C ends the run, and the table is printed.");
    printf("\nThe exit status is that of `loadwise pick`; 1: some requests were refused or did not go well.\n");
    printf("\nExamples:\n  loadwise fetch --nodes servers.yaml --count 10000 --concurrency 50 /health\n"
           "  loadwise fetch --nodes servers.yaml --rate 200 --concurrency 100 \\\n"
           "      --stack \"timeout 2s | retry max=3 | hedge p95 | balance p2c metric=peak_ewma\" /v1/things\n");
}

static enum status fetch_requests(struct fetch *fetch) {
    lw_observer observer = LW_OBSERVER_INIT;
    observer.user = fetch;
    observer.finished = fetch_finished;
    observer.health_changed = fetch_health_changed;
    enum status status = fetch_open(fetch, &observer);
    if (status == STATUS_DONE) {
        fetch_play(fetch);
        status = fetch_csv_close(fetch->csv, fetch->options.csv, fetch->problem);
        enum status printed = fetch_print(fetch);
        status = status == STATUS_DONE ? printed : status;
    }
    return status;
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
        status = fetch_requests(fetch);
    }
    fetch_close(fetch);
    return status;
}
