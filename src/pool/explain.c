/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pick that writes down what it saw. The strategy is not asked to help: it gets nodes whose load column is one that
 * remembers who was looked at, so strategies of strangers are explained too, and those that nobody asks about pay
 * nothing. A dry run picks with copies of the chances and charges nothing.
 */
#include "pool/pick.h"

#include <string.h>

/* A load column that remembers. */
struct watched {
    struct lw__trace *trace;
    const lw_f64_column *column;
};

struct lw__trace {
    lw_explanation *why;
    struct lw__trial trial;
    const struct lw__group *group;
    lw_nodes nodes;
    struct watched watched[LW_SIGNALS];
    lw_f64_column signals[LW_SIGNALS];
};

/* ---- what was looked at ---- */

static void remember(struct lw__trace *trace, const struct lw__node *node, uint32_t weight, double load) {
    lw_explanation *why = trace->why;
    uint32_t kept = why->considered_count < why->considered_room ? why->considered_count : why->considered_room;
    for (uint32_t i = 0; i < kept; i++) {
        if (why->considered[i].node == node->id) {
            why->considered[i].load = load;
            why->considered[i].times++;
            return;
        }
    }
    if (kept < why->considered_room) {
        why->considered[kept] = (lw_considered){node->id, load, weight, 1};
    }
    why->considered_count++;
}

static double watched_load(const void *user, size_t index, uint64_t now) {
    const struct watched *watched = user;
    const struct lw__group *group = watched->trace->group;
    double load = lw_f64_at(watched->column, index, now);
    remember(watched->trace, group->node[index], group->weight[index], load);
    return load;
}

/* The column's own search is asked as ever; then only its answer was looked at. */
static ptrdiff_t watched_least(const void *user, const lw_view *view) {
    const struct watched *watched = user;
    ptrdiff_t index = watched->column->least(watched->column->at.base, view);
    if (index >= 0) {
        watched_load(user, (size_t)index, view->now);
    }
    return index;
}

const lw_nodes *lw__trace_nodes(struct lw__pick *pick, const struct lw__group *group, const lw_nodes *nodes) {
    struct lw__trace *trace = pick->trace;
    trace->group = group;
    trace->nodes = *nodes;
    trace->nodes.signals = trace->signals;
    trace->why->considered_count = 0;
    for (uint32_t i = 0; i < LW_SIGNALS; i++) {
        trace->watched[i] = (struct watched){trace, &nodes->signals[i]};
        trace->signals[i] = nodes->signals[i];
        trace->signals[i].at.base = &trace->watched[i];
        trace->signals[i].compute = watched_load;
        trace->signals[i].least = nodes->signals[i].least != NULL ? watched_least : NULL;
    }
    trace->nodes.load = trace->signals[LW_SIGNAL_LOAD];
    return &trace->nodes;
}

/* ---- who was not to be chosen ---- */

static void reject(lw_explanation *why, uint64_t id, uint32_t reasons, uint64_t due) {
    uint32_t kept = why->rejected_count < why->rejected_room ? why->rejected_count : why->rejected_room;
    for (uint32_t i = 0; i < kept; i++) {
        if (why->rejected[i].node == id) {
            why->rejected[i].reasons |= reasons;
            return;
        }
    }
    if (kept < why->rejected_room) {
        why->rejected[kept] = (lw_rejected){id, reasons, 0, due};
    }
    why->rejected_count++;
}

void lw__trace_rejected(struct lw__pick *pick, const struct lw__node *node, uint32_t reason) {
    reject(pick->trace->why, node->id, reason, UINT64_MAX);
}

/* Counts a node in the stages that it survives. */
static void survey_node(struct lw__pick *pick, struct lw__node *node) {
    lw_explanation *why = pick->trace->why;
    uint32_t reasons = lw__node_reasons(pick->pool, node, pick->now);
    reasons |= lw__pick_excludes(pick, node->id) ? LW_REASON_EXCLUDED : 0;
    const uint32_t stages[] = {LW__ABSENT, LW__UNWELL, LW_REASON_COOLING | LW_REASON_OVER_QUOTA, LW_REASON_SATURATED,
                               LW_REASON_EXCLUDED};
    uint32_t *const counts[] = {&why->active, &why->healthy, &why->willing, &why->free, &why->eligible};
    for (uint32_t i = 0; i < 5 && (reasons & stages[i]) == 0; i++) {
        ++*counts[i];
    }
    if (reasons != 0) {
        uint64_t due = (reasons & LW_REASON_EXCLUDED) != 0 ? UINT64_MAX : lw__node_due(pick->pool, node, 0, pick->now);
        reject(why, node->id, reasons, due);
    }
}

static void survey(struct lw__pick *pick) {
    lw_explanation *why = pick->trace->why;
    const struct lw__snapshot *snapshot = lw__snapshot_current(pick->pool);
    why->pool = snapshot->count;
    if (pick->route >= snapshot->path_count) {
        return;
    }
    const struct lw__path *path = &snapshot->path[pick->route];
    why->route = path->members;
    for (uint32_t l = 0; l < path->level_count; l++) {
        for (uint32_t part = 0; part < 2; part++) {
            const struct lw__group *group = path->level[l].part[part];
            for (uint32_t i = 0; group != NULL && i < group->count; i++) {
                survey_node(pick, group->node[i]);
            }
        }
    }
}

/* ---- the answer ---- */

static void count_ties(lw_explanation *why) {
    const lw_considered *choice = NULL;
    uint32_t kept = why->considered_count < why->considered_room ? why->considered_count : why->considered_room;
    for (uint32_t i = 0; i < kept; i++) {
        choice = why->considered[i].node == why->node ? &why->considered[i] : choice;
    }
    for (uint32_t i = 0; choice != NULL && i < kept; i++) {
        why->ties += why->considered[i].load <= choice->load && &why->considered[i] != choice;
    }
}

static void conclude(const struct lw__pick *pick, int error, lw_explanation *why) {
    why->answer = error;
    why->flags = pick->ticket->flags;
    why->node = pick->ticket->node;
    why->retry = pick->ticket->retry;
    why->retry_at = pick->ticket->retry_at;
    why->tries = pick->repicks + (error == LW_OK);
    if (error == LW_OK) {
        why->priority = pick->chosen.priority;
        why->zone_local = pick->chosen.local && pick->pool->rules.options.zone != NULL;
        why->strategy = lw_strategy_ops_of(pick->chosen.group->chooser->strategy)->name;
        count_ties(why);
    }
}

static void clear(lw_explanation *why) {
    lw_explanation empty = LW_EXPLANATION_INIT;
    empty.considered = why->considered;
    empty.considered_room = why->considered != NULL ? why->considered_room : 0;
    empty.rejected = why->rejected;
    empty.rejected_room = why->rejected != NULL ? why->rejected_room : 0;
    *why = empty;
}

int lw_explain(lw_pool *pool, uint32_t route, const lw_request *request, uint64_t now, lw_ticket *ticket,
               lw_explanation *why) {
    struct lw__trace trace = {.why = why};
    struct lw__pick pick;
    lw_ticket unused;
    if (why->size < sizeof *why) {
        return lw__fail(&pool->env, LW_INVALID, "explain: size=%zu, is it LW_EXPLANATION_INIT?", why->size);
    }
    clear(why);
    now = now != 0 ? now : lw__now(&pool->env);
    int error = lw__pick_begin(&pick, pool, route, request, now, ticket != NULL ? ticket : &unused);
    if (error != LW_OK) {
        pick.ticket->reason = why->answer = error;
        return error;
    }
    uint64_t chance = __atomic_load_n(pick.chance, __ATOMIC_RELAXED);
    pick.trace = &trace;
    if (ticket == NULL) {
        pick.trial = &trace.trial;
        pick.chance = &chance;
    }
    uint32_t parity = lw__read_begin(&pool->lanes, pick.lane);
    survey(&pick);
    error = lw__pick_run(&pick);
    conclude(&pick, error, why);
    lw__read_end(pick.lane, parity);
    return error;
}

const char *lw_reason_name(uint32_t reason) {
    static const char *const names[LW_REASON_COUNT] = {
        "unhealthy", "ejected",  "cooling",  "over quota", "saturated", "draining",
        "disabled",  "reserved", "excluded", "uncharged",  "ramping",   "left",
    };
    bool one = reason != 0 && (reason & (reason - 1)) == 0 && reason < 1U << LW_REASON_COUNT;
    return one ? names[__builtin_ctz(reason)] : NULL;
}
