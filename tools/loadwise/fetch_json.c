/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tally as one JSON object. Latencies in ms; a figure that is not known is absent. */
#include "fetch_tally.h"

#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1e6

static json_t *json_node(const struct fetch_node *node) {
    json_t *outcomes = json_object(), *object;
    for (uint32_t outcome = 0; outcome < FETCH_OUTCOMES; outcome++) {
        if (node->answers[outcome] > 0) {
            json_object_set_new(outcomes, fetch_outcome_name(outcome),
                                json_integer((json_int_t)node->answers[outcome]));
        }
    }
    object = json_pack("{s:I, s:o}", "requests", (json_int_t)node->requests, "outcomes", outcomes);
    if (node->answers[LW_OUTCOME_OK] > 0) {
        const struct sim_histogram *latency = &node->latency;
        json_object_set_new(object, "latency_ms",
                            json_pack("{s:f, s:f, s:f, s:f, s:f}", "mean", sim_histogram_mean(latency) / NS_PER_MS,
                                      "p50", sim_histogram_quantile(latency, 0.5) / NS_PER_MS, "p90",
                                      sim_histogram_quantile(latency, 0.9) / NS_PER_MS, "p99",
                                      sim_histogram_quantile(latency, 0.99) / NS_PER_MS, "max",
                                      (double)latency->most / NS_PER_MS));
    }
    return object;
}

static json_t *json_nodes(const struct fetch_tally *tally, const struct fleet *fleet) {
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < fleet->count; i++) {
        json_t *node = json_node(&tally->nodes[i]);
        json_object_set_new(node, "name", json_text(fleet->nodes[i].name, strlen(fleet->nodes[i].name)));
        json_array_append_new(nodes, node);
    }
    return nodes;
}

static json_t *json_events(const struct fetch_tally *tally, const struct fleet *fleet) {
    json_t *events = json_array();
    uint64_t kept = tally->events < FETCH_EVENTS ? tally->events : FETCH_EVENTS;
    for (uint64_t i = 0; i < kept; i++) {
        const struct fetch_event *event = &tally->event[i];
        const char *name = fleet->nodes[event->node].name;
        json_array_append_new(events, json_pack("{s:f, s:o, s:s, s:s}", "seconds", (double)event->at / 1e9, "node",
                                                json_text(name, strlen(name)), "from", fetch_health_name(event->from),
                                                "to", fetch_health_name(event->to)));
    }
    return events;
}

static json_t *json_tally(const struct fetch_tally *tally, const struct fleet *fleet,
                          const struct fetch_options *options) {
    json_t *object = json_pack(
        "{s:o, s:f, s:o, s:I, s:o, s:I, s:o}", "stack", json_text(options->stack, strlen(options->stack)), "seconds",
        (double)tally->elapsed / 1e9, "whole", json_node(&tally->all), "refused", (json_int_t)tally->refused, "nodes",
        json_nodes(tally, fleet), "health_changes", (json_int_t)tally->events, "events", json_events(tally, fleet));
    if (tally->retries) {
        json_object_set_new(object, "retry",
                            json_pack("{s:I, s:I, s:I}", "retries", (json_int_t)tally->retry.retries, "rescued",
                                      (json_int_t)tally->retry.rescued, "unfunded", (json_int_t)tally->retry.unfunded));
    }
    if (tally->hedges) {
        json_object_set_new(object, "hedge",
                            json_pack("{s:I, s:I, s:I}", "hedges", (json_int_t)tally->hedge.hedges, "won",
                                      (json_int_t)tally->hedge.won, "unfunded", (json_int_t)tally->hedge.unfunded));
    }
    return object;
}

bool fetch_print_json(const struct fetch_tally *tally, const struct fleet *fleet, const struct fetch_options *options) {
    json_t *object = json_tally(tally, fleet, options);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text != NULL) {
        printf("%s\n", text);
    }
    free(text);
    json_decref(object);
    return text != NULL;
}
