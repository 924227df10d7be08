/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Before a request is placed, what comes before it happens, in its order: requests end, nodes drain, the pool ticks. */
#include "rehearsal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REHEARSAL_MS 1e6
#define REHEARSAL_SECOND 1e9
#define REHEARSAL_FAR 4e18

enum { REHEARSAL_SERVICE = 100 /* ms */, REHEARSAL_BEGIN = 1 /* 0 would mean: read the clock */ };

/* ---- what the options want of the nodes ---- */

static enum status rehearsal_unknown(const struct rehearsal *rehearsal, const char *option, const char *node) {
    return problem_set(rehearsal->problem, STATUS_NO_SUCH_NODE, "%s: %s names no node \"%s\"", option,
                       rehearsal->options->nodes, node);
}

/* Hands out the wishes for all nodes, or those for one; of several for a node the last counts. */
static enum status rehearsal_wish_for(struct rehearsal *rehearsal, bool all, const char *option,
                                      const struct wishes *wishes,
                                      void (*grant)(struct rehearsal_node *node, double value)) {
    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *wish = &wishes->at[i];
        if ((wish->node == NULL) != all) {
            continue;
        }
        uint32_t first = all ? 0 : fleet_find(rehearsal->fleet, wish->node);
        uint32_t end = all ? rehearsal->fleet->count : first + 1;
        if (!all && first == rehearsal->fleet->count) {
            return rehearsal_unknown(rehearsal, option, wish->node);
        }
        for (uint32_t node = first; node < end; node++) {
            grant(&rehearsal->nodes[node], wish->value);
        }
    }
    return STATUS_DONE;
}

/* What is wanted of one node goes before what is wanted of all. */
static enum status rehearsal_wish(struct rehearsal *rehearsal, const char *option, const struct wishes *wishes,
                                  void (*grant)(struct rehearsal_node *node, double value)) {
    enum status status = rehearsal_wish_for(rehearsal, true, option, wishes, grant);
    return status == STATUS_DONE ? rehearsal_wish_for(rehearsal, false, option, wishes, grant) : status;
}

/* No time of a run is so far away that adding two would overflow. */
static uint64_t rehearsal_ns(double ns) { return ns < REHEARSAL_FAR ? (uint64_t)llround(ns) : (uint64_t)REHEARSAL_FAR; }

static void rehearsal_grant_service(struct rehearsal_node *node, double ms) {
    node->service = rehearsal_ns(ms * REHEARSAL_MS);
}

static void rehearsal_grant_fail(struct rehearsal_node *node, double percent) {
    node->fail = (uint64_t)llround(percent / 100 * 4294967296.0);
}

static void rehearsal_grant_drain(struct rehearsal_node *node, double seconds) {
    node->drain_at = REHEARSAL_BEGIN + rehearsal_ns(seconds * REHEARSAL_SECOND);
}

static void rehearsal_find_drain(struct rehearsal *rehearsal) {
    uint32_t soonest = 0;
    for (uint32_t i = 1; i < rehearsal->fleet->count; i++) {
        soonest = rehearsal->nodes[i].drain_at < rehearsal->nodes[soonest].drain_at ? i : soonest;
    }
    rehearsal->next_drain = soonest;
}

static enum status rehearsal_make_nodes(struct rehearsal *rehearsal) {
    rehearsal->nodes = calloc(rehearsal->fleet->count, sizeof *rehearsal->nodes);
    if (rehearsal->nodes == NULL) {
        return problem_memory(rehearsal->problem);
    }
    for (uint32_t i = 0; i < rehearsal->fleet->count; i++) {
        const char *name = rehearsal->fleet->nodes[i].name;
        rehearsal->nodes[i].id = lw_id(name, strlen(name));
        rehearsal->nodes[i].drain_at = UINT64_MAX;
        rehearsal_grant_service(&rehearsal->nodes[i], REHEARSAL_SERVICE);
    }
    const struct pool_options *options = rehearsal->options;
    enum status status = rehearsal_wish(rehearsal, "--service", &options->service, rehearsal_grant_service);
    if (status == STATUS_DONE) {
        status = rehearsal_wish(rehearsal, "--fail", &options->fail, rehearsal_grant_fail);
    }
    if (status == STATUS_DONE) {
        status = rehearsal_wish(rehearsal, "--drain", &options->drain, rehearsal_grant_drain);
    }
    rehearsal_find_drain(rehearsal);
    return status;
}

/* ---- the pool ---- */

static enum status rehearsal_make_pool(struct rehearsal *rehearsal) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    env.user = &rehearsal->said;
    env.log = said_log;
    env.seed = rehearsal->options->seed;
    options.zone = rehearsal->options->zone;
    int code = lw_pool_new(&rehearsal->pool, &env, &options);
    if (code == LW_OK) {
        code = lw_pool_route(rehearsal->pool, "rehearsal", rehearsal->options->spec, NULL, &rehearsal->route);
    }
    if (code == LW_NOMEM) {
        return problem_memory(rehearsal->problem);
    }
    return code < 0 ? said_bad_spec(&rehearsal->said, rehearsal->options->spec, code, rehearsal->problem) : STATUS_DONE;
}

static enum status rehearsal_unfit(const struct rehearsal *rehearsal, int code) {
    return problem_set(rehearsal->problem, STATUS_UNFIT, "\"%s\" cannot work with these nodes: %s",
                       rehearsal->options->spec, said_of(&rehearsal->said, code));
}

static enum status rehearsal_fill_pool(struct rehearsal *rehearsal) {
    const struct fleet *fleet = rehearsal->fleet;
    lw_node_spec *specs = calloc(fleet->count, sizeof *specs);
    if (specs == NULL) {
        return problem_memory(rehearsal->problem);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        const struct node *node = &fleet->nodes[i];
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = node->name;
        specs[i].weight = node->weight;
        specs[i].priority = node->priority;
        specs[i].zone = node->zone;
        specs[i].tags = node->tags;
        specs[i].max_inflight = node->capacity;
        specs[i].user = &rehearsal->nodes[i];
    }
    int code = lw_pool_update(rehearsal->pool, specs, fleet->count, 0, NULL);
    free(specs);
    if (code == LW_NOMEM) {
        return problem_memory(rehearsal->problem);
    }
    return code < 0 ? rehearsal_unfit(rehearsal, code) : STATUS_DONE;
}

/* What the file says of the state of a node, as reports that came in just before the first request. */
static void rehearsal_report(struct rehearsal *rehearsal) {
    for (uint32_t i = 0; i < rehearsal->fleet->count; i++) {
        const struct node *node = &rehearsal->fleet->nodes[i];
        if (node->health == LW_UNHEALTHY) {
            lw_pool_verdict(rehearsal->pool, rehearsal->nodes[i].id, LW_VERDICT_DOWN, REHEARSAL_BEGIN);
        }
        if (!isnan(node->load)) {
            lw_pool_report_load(rehearsal->pool, rehearsal->nodes[i].id, node->load, REHEARSAL_BEGIN);
        }
    }
}

enum status rehearsal_open(struct rehearsal *rehearsal, const struct pool_options *options, const struct fleet *fleet,
                           struct problem *problem) {
    memset(rehearsal, 0, sizeof *rehearsal);
    rehearsal->options = options;
    rehearsal->fleet = fleet;
    rehearsal->problem = problem;
    rehearsal->chance = options->seed != 0 ? options->seed : (uint64_t)time(NULL);
    rehearsal->now = REHEARSAL_BEGIN;
    enum status status = rehearsal_make_nodes(rehearsal);
    if (status == STATUS_DONE) {
        status = rehearsal_make_pool(rehearsal);
    }
    if (status == STATUS_DONE) {
        status = rehearsal_fill_pool(rehearsal);
    }
    if (status == STATUS_DONE) {
        rehearsal_report(rehearsal);
    }
    return status;
}

void rehearsal_close(struct rehearsal *rehearsal) {
    lw_pool_free(rehearsal->pool);
    holding_free(&rehearsal->holding);
    free(rehearsal->nodes);
    rehearsal->pool = NULL;
    rehearsal->nodes = NULL;
}

/* ---- time goes on ---- */

static void rehearsal_end_first(struct rehearsal *rehearsal) {
    struct held held = holding_take(&rehearsal->holding);
    struct rehearsal_node *node = held.ticket.user;
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = held.outcome;
    sample.now = held.end;
    lw_done(rehearsal->pool, &held.ticket, &sample);
    node->failed += held.outcome != LW_OUTCOME_OK;
    node->under_way--;
}

/* All that happens until `now`, in its order. */
static void rehearsal_live(struct rehearsal *rehearsal, uint64_t now) {
    for (;;) {
        struct rehearsal_node *draining = &rehearsal->nodes[rehearsal->next_drain];
        uint64_t end = rehearsal->holding.count > 0 ? rehearsal->holding.at[0].end : UINT64_MAX;
        uint64_t drain = draining->drain_at, tick = rehearsal->next_tick;
        if (drain <= now && drain <= end && drain <= tick) {
            lw_pool_admin(rehearsal->pool, draining->id, LW_ADMIN_DRAINING, 0);
            draining->drain_at = UINT64_MAX;
            rehearsal_find_drain(rehearsal);
        } else if (end <= now && end <= tick) {
            rehearsal_end_first(rehearsal);
        } else if (tick <= now) {
            lw_pool_tick(rehearsal->pool, tick > 0 ? tick : REHEARSAL_BEGIN, &rehearsal->next_tick);
            rehearsal->next_tick = rehearsal->next_tick > tick ? rehearsal->next_tick : now + 1;
        } else {
            return;
        }
    }
}

/* Never back: an earlier request comes at the same moment as the one before. */
static void rehearsal_advance(struct rehearsal *rehearsal, const struct request_row *row) {
    uint64_t now = rehearsal->now;
    if (rehearsal->options->gap >= 0) {
        now = REHEARSAL_BEGIN + rehearsal_ns((double)(row->row - 1) * rehearsal->options->gap * REHEARSAL_MS);
    } else if (!rehearsal->started) {
        rehearsal->first = row->time;
    } else {
        now = REHEARSAL_BEGIN + (row->time > rehearsal->first ? row->time - rehearsal->first : 0);
    }
    rehearsal->started = true;
    rehearsal->now = now > rehearsal->now ? now : rehearsal->now;
    rehearsal_live(rehearsal, rehearsal->now);
}

/* ---- placing ---- */

/* 32 random bits: an LCG with Knuth's multiplier, its high half. */
static uint64_t rehearsal_random(struct rehearsal *rehearsal) {
    rehearsal->chance = rehearsal->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rehearsal->chance >> 32;
}

static int rehearsal_hold(struct rehearsal *rehearsal, const struct request_row *row, const lw_ticket *ticket) {
    struct rehearsal_node *node = ticket->user;
    struct held held = {rehearsal->now + node->service, row->row, LW_OUTCOME_OK, *ticket};
    if (rehearsal_random(rehearsal) < node->fail) {
        held.outcome = LW_OUTCOME_FAILURE;
    }
    if (!holding_add(&rehearsal->holding, &held)) {
        return LW_NOMEM;
    }
    rehearsal->placed++;
    node->placed++;
    node->under_way++;
    node->busiest = node->under_way > node->busiest ? node->under_way : node->busiest;
    return LW_OK;
}

int rehearsal_place(struct rehearsal *rehearsal, const struct request_row *row, lw_explanation *why) {
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    if (row->key != NULL) {
        request.flags = LW_REQUEST_KEYED;
        request.key = lw_id(row->key, row->key_size);
    }
    rehearsal_advance(rehearsal, row);
    int code = why != NULL ? lw_explain(rehearsal->pool, rehearsal->route, &request, rehearsal->now, &ticket, why)
                           : lw_pick_at(rehearsal->pool, rehearsal->route, &request, rehearsal->now, &ticket);
    if (code >= 0) {
        return rehearsal_hold(rehearsal, row, &ticket);
    }
    if (lw_is_refusal(code) && LW_REFUSALS_BEGIN - code < REHEARSAL_REFUSALS) {
        rehearsal->refused[LW_REFUSALS_BEGIN - code]++;
    }
    return code;
}

uint64_t rehearsal_refusals(const struct rehearsal *rehearsal) {
    uint64_t refusals = 0;
    for (int i = 0; i < REHEARSAL_REFUSALS; i++) {
        refusals += rehearsal->refused[i];
    }
    return refusals;
}

uint32_t rehearsal_find(const struct rehearsal *rehearsal, uint64_t id) {
    uint32_t i = 0;
    while (i < rehearsal->fleet->count && rehearsal->nodes[i].id != id) {
        i++;
    }
    return i;
}
