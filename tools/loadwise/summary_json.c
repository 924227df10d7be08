/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The summary as one JSON object on one line: {"summary": {...}}. The decisions have no member of that name. */
#include "summary.h"

#include "json_text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no NaN. */
static json_t *summary_json_real(double value) { return isnan(value) ? json_null() : json_real(value); }

static json_t *summary_json_count(uint64_t count) { return json_integer((json_int_t)count); }

static json_t *summary_json_costs(const struct summary *summary, uint32_t node) {
    json_t *costs = json_object();
    for (size_t i = 0; i < summary->options->requests.dimension_count; i++) {
        json_t *name = json_text(summary->options->dimensions[i], strlen(summary->options->dimensions[i]));
        json_object_set_new(costs, json_string_value(name),
                            json_pack("{s:o, s:o}", "total", summary_json_count(summary->nodes[node].cost[i]), "share",
                                      summary_json_real(summary_cost_share(summary, node, i))));
        json_decref(name);
    }
    return costs;
}

/* The limits of a node: {"rpm": {"limit": 60, "peak": 58, "share": 0.96666667}}. */
static json_t *summary_json_limits(const struct summary *summary, uint32_t node) {
    json_t *limits = json_object();
    for (size_t i = 0; i < summary->options->requests.quota_count; i++) {
        uint64_t limit = quotas_limit(summary->quotas, node, i);
        json_t *name = json_text(summary->options->quotas[i].name, strlen(summary->options->quotas[i].name));
        if (limit > 0) {
            json_object_set_new(limits, json_string_value(name),
                                json_pack("{s:o, s:o, s:o}", "limit", summary_json_count(limit), "peak",
                                          summary_json_count(quotas_peak(summary->quotas, node, i)), "share",
                                          summary_json_real(summary_peak_share(summary, node, i))));
        }
        json_decref(name);
    }
    return limits;
}

static json_t *summary_json_waits(const struct summary *summary) {
    return json_pack("{s:o, s:o, s:o, s:o}", "count", summary_json_count(summary->waits), "mean_ns",
                     summary_json_real(summary_mean_wait(summary)), "longest_ns",
                     summary_json_count((uint64_t)summary->wait_longest), "never",
                     summary_json_count(summary->waits_never));
}

static json_t *summary_json_node(const struct summary *summary, uint32_t index) {
    const struct node *node = &summary->fleet->nodes[index];
    const struct summary_node *counts = &summary->nodes[index];
    return json_pack("{s:s, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o*}", "name", node->name, "weight",
                     summary_json_count(node->weight), "expected", summary_json_real(summary_expected(summary, index)),
                     "left_out", counts->bar, "requests", summary_json_count(counts->requests), "share",
                     summary_json_real(summary_share(summary, index)), "ratio",
                     summary_json_real(summary_ratio(summary, index)), "costs", summary_json_costs(summary, index),
                     "limits", summary->quotas != NULL ? summary_json_limits(summary, index) : NULL);
}

static json_t *summary_json_nodes(const struct summary *summary) {
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < summary->fleet->count; i++) {
        json_array_append_new(nodes, summary_json_node(summary, i));
    }
    return nodes;
}

static json_t *summary_json_refusals(const struct summary *summary) {
    json_t *reasons = json_object();
    for (int i = 0; i < SUMMARY_REASONS; i++) {
        if (summary->refusals[i] > 0) {
            json_object_set_new(reasons, lw_error_name(LW_REFUSALS_BEGIN - i),
                                summary_json_count(summary->refusals[i]));
        }
    }
    return reasons;
}

/* The seed is text: many readers of JSON lose the low bits of so large a number. */
static json_t *summary_json_seed(const struct summary *summary) {
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)summary->seed);
    return json_string(seed);
}

char *summary_to_json(const struct summary *summary, size_t *size) {
    json_t *object = json_pack(
        "{s:{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o*}}", "summary", "strategy", summary->options->spec,
        "seed", summary_json_seed(summary), "requests", summary_json_count(summary->placed + summary->refused),
        "placed", summary_json_count(summary->placed), "refused", summary_json_count(summary->refused), "skipped",
        summary_json_count(summary->skipped), "max_mean", summary_json_real(summary_max_mean(summary)), "max_ratio",
        summary_json_real(summary_max_ratio(summary)), "refusals", summary_json_refusals(summary), "nodes",
        summary_json_nodes(summary), "waits", summary->quotas != NULL ? summary_json_waits(summary) : NULL);
    char *line = object != NULL ? json_dumps(object, JSON_REAL_PRECISION(8)) : NULL;
    json_decref(object);
    if (line == NULL) {
        return NULL;
    }
    *size = strlen(line);
    line[(*size)++] = '\n'; /* in the place of the NUL */
    return line;
}
