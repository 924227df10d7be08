/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What came of a run: counts per node, per reason and per cost, and the figures that people judge a balance by. */
#ifndef LOADWISE_TOOL_SUMMARY_H
#define LOADWISE_TOOL_SUMMARY_H

#include "fleet.h"
#include "pick_options.h"
#include "placer.h"
#include "problem.h"
#include "requests.h"

#include <loadwise/error.h>
#include <stddef.h>
#include <stdint.h>

enum { SUMMARY_REASONS = 32 };

struct summary_node {
    uint64_t requests;
    uint64_t cost[COSTS_MOST];
    const char *bar; /* why it could not be chosen at all; NULL: it could */
};

struct summary {
    const struct fleet *fleet;
    const struct pick_options *options;
    uint64_t seed;
    uint64_t placed, refused, skipped;
    uint64_t refusals[SUMMARY_REASONS]; /* by LW_REFUSALS_BEGIN - code */
    uint64_t cost[COSTS_MOST];          /* of what was placed */
    uint64_t waits, waits_never;        /* refusals over quota that end by themselves, and that never do */
    double wait_sum, wait_longest;      /* ns */
    const struct quotas *quotas;        /* NULL: without */
    struct summary_node *nodes;
    uint32_t open;        /* nodes that could be chosen */
    uint64_t open_weight; /* the sum of their weights */
};

/* Everything is borrowed until the free. */
enum status summary_init(struct summary *summary, const struct pick_options *options, const struct fleet *fleet,
                         const struct placer *placer, struct problem *problem);
void summary_free(struct summary *summary);

void summary_place(struct summary *summary, const struct request_row *row, uint32_t node);
void summary_refuse(struct summary *summary, const struct placement *placement);

/* Figures; NaN where there is nothing to divide by. */

/* Share of the requests that its weight asks for, among the nodes that could be chosen. */
double summary_expected(const struct summary *summary, uint32_t node);

double summary_share(const struct summary *summary, uint32_t node);
double summary_cost_share(const struct summary *summary, uint32_t node, size_t dimension);

/* Share over expected share: 1 is what the weight asks for. */
double summary_ratio(const struct summary *summary, uint32_t node);

/* Requests of the busiest node over the mean of the nodes that could be chosen. */
double summary_max_mean(const struct summary *summary);

/* The largest ratio of all nodes. */
double summary_max_ratio(const struct summary *summary);

/* How long a refused request would have had to wait, ns. */
double summary_mean_wait(const struct summary *summary);

/* The most of its limit that a node had in use at one moment. */
double summary_peak_share(const struct summary *summary, uint32_t node, size_t dimension);

/* The whole summary as lines of text, or as one line of JSON; malloc'd, NULL when memory is out. */
char *summary_to_text(const struct summary *summary, size_t *size);
char *summary_to_json(const struct summary *summary, size_t *size);

#endif
