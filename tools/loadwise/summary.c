/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting, and the few divisions. */
#include "summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status summary_init(struct summary *summary, const struct pick_options *options, const struct fleet *fleet,
                         const struct placer *placer, struct problem *problem) {
    memset(summary, 0, sizeof *summary);
    summary->fleet = fleet;
    summary->options = options;
    summary->quotas = placer->quotas.tracker != NULL ? &placer->quotas : NULL;
    summary->seed = lw_strategy_seed(placer->strategy);
    summary->nodes = calloc(fleet->count, sizeof *summary->nodes);
    if (summary->nodes == NULL) {
        return problem_memory(problem);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        summary->nodes[i].bar = placer_bars(placer, i);
        if (summary->nodes[i].bar == NULL) {
            summary->open++;
            summary->open_weight += fleet->nodes[i].weight;
        }
    }
    return STATUS_DONE;
}

void summary_free(struct summary *summary) {
    free(summary->nodes);
    summary->nodes = NULL;
}

/* JSON readers know no integers above INT64_MAX: stay there instead of wrapping round. */
static void summary_add(uint64_t *total, uint64_t amount) {
    *total = amount > (uint64_t)INT64_MAX - *total ? (uint64_t)INT64_MAX : *total + amount;
}

void summary_place(struct summary *summary, const struct request_row *row, uint32_t node) {
    summary->placed++;
    summary->nodes[node].requests++;
    for (size_t i = 0; i < summary->options->requests.dimension_count; i++) {
        summary_add(&summary->nodes[node].cost[i], row->amounts[i].amount);
        summary_add(&summary->cost[i], row->amounts[i].amount);
    }
}

static void summary_note_wait(struct summary *summary, const struct quotas_wait *wait) {
    if (wait->ns == QUOTAS_NEVER) {
        summary->waits_never++;
        return;
    }
    summary->waits++;
    summary->wait_sum += (double)wait->ns;
    summary->wait_longest = fmax(summary->wait_longest, (double)wait->ns);
}

void summary_refuse(struct summary *summary, const struct placement *placement) {
    ptrdiff_t reason = LW_REFUSALS_BEGIN - placement->node;
    summary->refused++;
    summary->refusals[reason < SUMMARY_REASONS ? reason : SUMMARY_REASONS - 1]++;
    if (placement->node == LW_OVER_QUOTA) {
        summary_note_wait(summary, &placement->wait);
    }
}

static double summary_divide(double above, double below) { return below > 0 ? above / below : (double)NAN; }

double summary_expected(const struct summary *summary, uint32_t node) {
    double weight = summary->nodes[node].bar == NULL ? summary->fleet->nodes[node].weight : 0;
    return summary_divide(weight, (double)summary->open_weight);
}

double summary_share(const struct summary *summary, uint32_t node) {
    return summary_divide((double)summary->nodes[node].requests, (double)summary->placed);
}

double summary_cost_share(const struct summary *summary, uint32_t node, size_t dimension) {
    return summary_divide((double)summary->nodes[node].cost[dimension], (double)summary->cost[dimension]);
}

double summary_ratio(const struct summary *summary, uint32_t node) {
    return summary_divide(summary_share(summary, node), summary_expected(summary, node));
}

double summary_max_mean(const struct summary *summary) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < summary->fleet->count; i++) {
        most = summary->nodes[i].requests > most ? summary->nodes[i].requests : most;
    }
    return summary_divide((double)most * summary->open, (double)summary->placed);
}

double summary_max_ratio(const struct summary *summary) {
    double most = (double)NAN;
    for (uint32_t i = 0; i < summary->fleet->count; i++) {
        most = fmax(most, summary_ratio(summary, i));
    }
    return most;
}

double summary_mean_wait(const struct summary *summary) {
    return summary_divide(summary->wait_sum, (double)summary->waits);
}

double summary_peak_share(const struct summary *summary, uint32_t node, size_t dimension) {
    return summary_divide((double)quotas_peak(summary->quotas, node, dimension),
                          (double)quotas_limit(summary->quotas, node, dimension));
}
