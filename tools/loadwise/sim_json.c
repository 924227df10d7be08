/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole contest as one object; numbers in as many digits as doubles have, so that equal runs are equal bytes. */
#include "json_text.h"
#include "sim_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_of_text(const char *text) { return json_text(text, strlen(text)); }

static json_t *json_of_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *json_of_figures(const struct sim_contest *contest, size_t entry) {
    json_t *figures = json_object();
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        const struct sim_estimate *estimate = &contest->entries[entry].figures[f];
        if (estimate->known) {
            json_object_set_new(figures, sim_figure_head((enum sim_figure)f)->name,
                                json_pack("{s:o, s:o, s:b}", "mean", json_of_real(estimate->mean), "half",
                                          json_of_real(estimate->half), "best",
                                          (int)(sim_contest_best(contest, (enum sim_figure)f) >> entry & 1)));
        }
    }
    return figures;
}

static json_t *json_of_result(const struct sim_contest *contest, const struct sim_result *result, uint32_t number) {
    json_int_t seed = (json_int_t)contest->first_seed + number;
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < result->node_count; i++) {
        const struct sim_tally *tally = &result->nodes[i];
        json_array_append_new(nodes,
                              json_pack("{s:s, s:I, s:I, s:I, s:o, s:I}", "name", contest->scenario->nodes[i].name,
                                        "served", (json_int_t)tally->served, "failed", (json_int_t)tally->failed,
                                        "turned_away", (json_int_t)tally->turned_away, "busy",
                                        json_of_real(tally->busy), "peak", (json_int_t)tally->peak));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "seed", seed, "requests",
                     (json_int_t)result->requests, "well", (json_int_t)result->well, "failed",
                     (json_int_t)result->failed, "refused", (json_int_t)result->refused, "retries",
                     (json_int_t)result->retries, "over_budget", (json_int_t)result->over_budget, "mean_ms",
                     json_of_real(sim_histogram_mean(&result->latency) / 1e6), "nodes", nodes);
}

static json_t *json_of_entry(const struct sim_contest *contest, size_t entry) {
    json_t *runs = json_array();
    for (uint32_t i = 0; i < contest->seeds; i++) {
        json_array_append_new(runs, json_of_result(contest, &contest->entries[entry].results[i], i));
    }
    return json_pack("{s:o, s:o, s:o}", "strategy", json_of_text(contest->entries[entry].strategy), "figures",
                     json_of_figures(contest, entry), "runs", runs);
}

enum status sim_print_json(const struct sim_contest *contest, struct problem *problem) {
    const struct sim_scenario *scenario = contest->scenario;
    json_t *entries = json_array();
    for (size_t i = 0; i < contest->entry_count; i++) {
        json_array_append_new(entries, json_of_entry(contest, i));
    }
    json_t *root = json_pack("{s:o, s:o, s:o}", "scenario", json_of_text(scenario->name), "title",
                             json_of_text(scenario->title != NULL ? scenario->title : ""), "strategies", entries);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(root);
    return text != NULL ? STATUS_DONE : problem_memory(problem);
}
