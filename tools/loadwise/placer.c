/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One lw_select per request. Without quotas time stands still during a run; with them it is the time of the requests.
 * So with a seed the picks depend on nothing but the two files.
 */
#include "placer.h"

#include <stdlib.h>
#include <string.h>

enum { PLACER_NOW = 1 }; /* any time but 0, which would mean: read the clock */

/* ---- the strategy ---- */

static enum status placer_make_strategy(struct placer *placer, const struct pick_options *options) {
    lw_env env = LW_ENV_INIT;
    env.user = &placer->said;
    env.seed = options->seed;
    env.log = said_log;
    int code = lw_strategy_new(&placer->strategy, &env, options->spec);
    if (code == LW_NOMEM) {
        return problem_memory(placer->problem);
    }
    return code < 0 ? said_bad_spec(&placer->said, options->spec, code, placer->problem) : STATUS_DONE;
}

static enum status placer_unfit(const struct placer *placer, const char *spec, int code) {
    return problem_set(placer->problem, STATUS_UNFIT, "\"%s\" cannot work with these nodes: %s", spec,
                       said_of(&placer->said, code));
}

/* A refusal here (say, every weight is 0) is no failure of the run: each request will be refused, and counted. */
static enum status placer_prepare(struct placer *placer, const char *spec) {
    int code = lw_prepare(placer->strategy, &placer->nodes);
    if (code == LW_NOMEM) {
        return problem_memory(placer->problem);
    }
    return code < 0 && !lw_is_refusal(code) ? placer_unfit(placer, spec, code) : STATUS_DONE;
}

/* ---- who may be chosen ---- */

uint64_t *placer_usable(const lw_nodes *nodes) {
    uint64_t *bitmap = calloc(LW_BITMAP_WORDS(nodes->count), sizeof *bitmap);
    if (bitmap != NULL) {
        lw_health_filter usable =
            lw_filter_health(LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED) | LW_STATUS_BIT(LW_RECOVERING));
        lw_filter_apply(&usable.filter, nodes, NULL, PLACER_NOW, bitmap);
    }
    return bitmap;
}

static enum status placer_leave_out_unhealthy(struct placer *placer) {
    if (!(placer->nodes.present & LW_HAS(health))) {
        return STATUS_DONE;
    }
    placer->healthy = placer_usable(&placer->nodes);
    if (placer->healthy == NULL) {
        return problem_memory(placer->problem);
    }
    placer->nodes.eligible = placer->healthy;
    return STATUS_DONE;
}

static enum status placer_leave_out_named(struct placer *placer, const struct pick_options *options,
                                          const struct fleet *fleet) {
    for (size_t i = 0; i < options->exclude_count; i++) {
        uint32_t node = fleet_find(fleet, options->exclude[i]);
        if (node == fleet->count) {
            return problem_set(placer->problem, STATUS_NO_SUCH_NODE, "--exclude: %s names no node \"%s\"",
                               options->nodes, options->exclude[i]);
        }
        placer->exclude[placer->exclude_count++] = node;
    }
    return STATUS_DONE;
}

const char *placer_bars(const struct placer *placer, uint32_t node) {
    if (placer->healthy != NULL && !lw_bitmap_get(placer->healthy, node)) {
        return "unhealthy";
    }
    for (size_t i = 0; i < placer->exclude_count; i++) {
        if (placer->exclude[i] == node) {
            return "excluded";
        }
    }
    return NULL;
}

/* ---- the work ---- */

/* With quotas the free share of a node is what its limits leave, not what the file says. */
static enum status placer_open_quotas(struct placer *placer, const struct pick_options *options,
                                      const struct fleet *fleet) {
    enum status status = quotas_open(&placer->quotas, options, fleet, placer->problem);
    if (status != STATUS_DONE || placer->quotas.tracker == NULL) {
        return status;
    }
    placer->open = calloc(LW_BITMAP_WORDS(fleet->count), sizeof *placer->open);
    LW_SET_COMPUTED(placer->nodes, remaining, quotas_free_share, &placer->quotas);
    return placer->open != NULL ? STATUS_DONE : problem_memory(placer->problem);
}

enum status placer_open(struct placer *placer, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem) {
    memset(placer, 0, sizeof *placer);
    placer->problem = problem;
    placer->hash = options->hash;
    fleet_view(fleet, &placer->nodes);
    enum status status = placer_open_quotas(placer, options, fleet);
    if (status == STATUS_DONE) {
        status = placer_leave_out_named(placer, options, fleet);
    }
    if (status == STATUS_DONE) {
        status = placer_leave_out_unhealthy(placer);
    }
    if (status == STATUS_DONE) {
        status = placer_make_strategy(placer, options);
    }
    if (status == STATUS_DONE) {
        status = placer_prepare(placer, options->spec);
    }
    if (status != STATUS_DONE) {
        placer_close(placer);
    }
    return status;
}

void placer_close(struct placer *placer) {
    lw_strategy_free(placer->strategy);
    quotas_close(&placer->quotas);
    free(placer->open);
    free(placer->healthy);
    placer->strategy = NULL;
    placer->healthy = placer->open = NULL;
}

static ptrdiff_t placer_select(const struct placer *placer, const lw_request *request, uint64_t now) {
    ptrdiff_t node = lw_select_at(placer->strategy, &placer->nodes, request, now);
    /* Quotas never leave an empty bitmap to this function, so it is health that did. */
    return node == LW_FILTERED ? LW_ALL_UNHEALTHY : node;
}

/* Of the nodes that a quota holds back, how long the first takes to come free. `least` is the least weight to count. */
static struct placement placer_over_quota(struct placer *placer, const lw_request *request, uint32_t least) {
    struct placement over = {LW_NO_NODES, {QUOTAS_NEVER, 0}};
    for (uint32_t i = 0; i < placer->nodes.count; i++) {
        if (placer_bars(placer, i) != NULL || lw_bitmap_get(placer->open, i) ||
            placer->quotas.fleet->nodes[i].weight < least) {
            continue;
        }
        struct quotas_wait wait = quotas_wait_of(&placer->quotas, i, request);
        if (over.node == LW_NO_NODES || wait.ns < over.wait.ns) {
            over = (struct placement){LW_OVER_QUOTA, wait};
        }
    }
    return over;
}

/* Writes `open`; returns how many nodes are in it. */
static uint32_t placer_find_open(struct placer *placer) {
    for (uint32_t i = 0; i < placer->nodes.count; i++) {
        if (placer_bars(placer, i) == NULL && lw_bitmap_get(placer->quotas.granting, i)) {
            lw_bitmap_set(placer->open, i);
        } else {
            lw_bitmap_clear(placer->open, i);
        }
    }
    return lw_bitmap_count(placer->open, placer->nodes.count);
}

/* The choice among those that are open, then the charge: LW_OVER_QUOTA if other commands were before us. */
static struct placement placer_try_open(struct placer *placer, const lw_request *request, uint32_t open) {
    struct placement over = {LW_NO_NODES, {0, 0}};
    if (open == 0) {
        over = placer_over_quota(placer, request, 0);
        if (over.node == LW_OVER_QUOTA) {
            return over;
        }
    }
    placer->nodes.eligible = open > 0 ? placer->open : placer->healthy;
    struct placement placement = {placer_select(placer, request, placer->quotas.now), {0, 0}};
    if (placement.node == LW_NO_WEIGHT) { /* then those with a weight may be the ones over their quota */
        over = placer_over_quota(placer, request, 1);
        return over.node == LW_OVER_QUOTA ? over : placement;
    }
    if (placement.node >= 0) {
        int code = quotas_charge(&placer->quotas, (uint32_t)placement.node, request);
        placement.node = code == LW_OK ? placement.node : code;
    }
    return placement;
}

/* First who has quota left; and as often as a shared one turns out to be used up, the choice is among the others. */
static struct placement placer_place_in_quota(struct placer *placer, const lw_request *request) {
    quotas_find(&placer->quotas, request);
    for (;;) {
        uint32_t open = placer_find_open(placer);
        struct placement placement = placer_try_open(placer, request, open);
        if (placement.node != LW_OVER_QUOTA || placer_find_open(placer) == open) {
            return placement;
        }
    }
}

struct placement placer_place(struct placer *placer, const struct request_row *row) {
    lw_request request = LW_REQUEST_INIT;
    if (row->key != NULL) {
        request.flags = LW_REQUEST_KEYED;
        request.key = placer->hash(row->key, row->key_size);
    }
    request.exclude = placer->exclude;
    request.exclude_count = placer->exclude_count;
    if (placer->quotas.tracker == NULL) {
        return (struct placement){placer_select(placer, &request, PLACER_NOW), {0, 0}};
    }
    request.amounts = row->charges;
    request.amount_count = placer->quotas.options->requests.quota_count;
    quotas_advance(&placer->quotas, row->time);
    return placer_place_in_quota(placer, &request);
}
