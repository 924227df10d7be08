/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The pick: a node of a group, chosen by its strategy, then charged; see ticket.h for the promise.
 *
 * The usual case is one group whose members are all eligible: the strategy sees no bitmap and no exclusions. A node
 * that cannot be charged becomes one more exclusion of this pick.
 *
 * Cost beyond the strategy's and the charge: one read section and about a dozen plain loads and stores.
 */
#include "pool/pick.h"

#include <string.h>

#define SLOW __attribute__((noinline, cold))

/* ---- choosing ---- */

static const lw_request plain_request = {.size = sizeof plain_request, .flags = LW_REQUEST_PREPARED_ONLY};

/* A request of this pick's own is what the strategy sees from now on. */
static void own_request(struct lw__pick *pick) {
    if (pick->shown != &pick->request) {
        pick->request = *pick->shown;
        pick->shown = &pick->request;
    }
    pick->request.exclude = pick->exclude;
}

/* The request as the strategy sees it: exclusions become indexes in the group. */
SLOW static void exclude_for(struct lw__pick *pick, const struct lw__group *group) {
    own_request(pick);
    pick->request.exclude_count = 0;
    if (pick->asked == NULL || pick->reuse) {
        return;
    }
    for (size_t i = 0; i < pick->asked->exclude_count; i++) {
        const struct lw__node *node = lw__snapshot_find(pick->snapshot, pick->asked->exclude[i]);
        uint32_t index;
        if (node != NULL && lw__snapshot_group(pick->snapshot, node, group->chooser->serial, &index) == group) {
            pick->exclude[pick->request.exclude_count++] = index;
        }
    }
}

/* A draw over all, for signals that are learnt: else a node that once looked bad would never be asked again. */
SLOW static ptrdiff_t explore(struct lw__pick *pick, const struct lw__group *group, const lw_nodes *nodes) {
    const struct lw__chooser *chooser = group->chooser;
    if (chooser->narrowed || (chooser->keyed && (pick->shown->flags & LW_REQUEST_KEYED) != 0)) {
        return -1; /* the request has a node of its own */
    }
    if (lw__pick_below(pick, 10000) >= pick->pool->rules.options.explore) {
        return -1;
    }
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t index = lw__pick_below(pick, group->count);
        lw_view view = {.request = pick->shown, .eligible = nodes->eligible, .count = group->count, .partial = true};
        if (group->weight[index] > 0 && lw_view_may(&view, index)) {
            pick->ticket->flags |= LW_TICKET_EXPLORED;
            return index;
        }
    }
    return -1;
}

static inline const lw_nodes *view_of_group(const struct lw__pick *pick, const struct lw__group *group) {
    uint32_t eligible = __atomic_load_n(&group->eligible, __ATOMIC_RELAXED);
    enum lw__view_kind kind = eligible == group->count ? LW__VIEW_ALL : LW__VIEW_SOME;
    kind = (pick->chosen.flags & LW_TICKET_PANIC) != 0 ? LW__VIEW_PANIC : kind;
    return &group->nodes[kind];
}

static inline ptrdiff_t choose(struct lw__pick *pick, struct lw__group *group) {
    const lw_nodes *nodes = view_of_group(pick, group);
    pick->ticket->flags &= ~(uint32_t)LW_TICKET_EXPLORED;
    if (__builtin_expect(group->chooser->learned, 0)) {
        ptrdiff_t index = explore(pick, group, nodes);
        if (index >= 0) {
            return index;
        }
    }
    if (__builtin_expect(pick->trace != NULL, 0)) {
        nodes = lw__trace_nodes(pick, group, nodes);
    }
    if (__builtin_expect(pick->trial != NULL, 0)) {
        return lw__select_trial(group->chooser->strategy, nodes, pick->shown, pick->now, pick->trial);
    }
    return lw_select_at(group->chooser->strategy, nodes, pick->shown, pick->now);
}

static uint32_t reason_of(int error, const struct lw__node *node) {
    switch (error) {
    case LW_SATURATED: return LW_REASON_SATURATED;
    case LW_ALL_UNHEALTHY: return LW_REASON_UNHEALTHY;
    case LW_OVER_QUOTA: return LW_REASON_UNCHARGED;
    default: return __atomic_load_n(&node->reasons, __ATOMIC_RELAXED);
    }
}

/* Not this one: it becomes an exclusion. */
SLOW static void pass_over(struct lw__pick *pick, struct lw__group *group, uint32_t index, uint32_t reason) {
    if (pick->trace != NULL) {
        lw__trace_rejected(pick, group->node[index], reason);
    }
    own_request(pick);
    pick->exclude[pick->request.exclude_count++] = index;
}

static inline bool ramp_refuses(struct lw__pick *pick, struct lw__group *group, uint32_t index) {
    bool ramps = pick->now < __atomic_load_n(&pick->pool->ramp_until, __ATOMIC_RELAXED) && pick->ramped < LW__RAMPING &&
                 (pick->chosen.flags & LW_TICKET_PANIC) == 0;
    return __builtin_expect(ramps, 0) && !lw__ramp_accepts(pick, group, group->node[index]);
}

/* The strategy found nobody: because of nodes that could not be charged, or else of what the request excludes. */
SLOW static int why_none(struct lw__pick *pick, int answer, int charged) {
    bool excludes = pick->asked != NULL && pick->asked->exclude_count > 0 && !pick->reuse;
    if (answer != LW_EXCLUDED && answer != LW_FILTERED) {
        pick->declined = answer == LW_SATURATED;
        return answer;
    }
    return charged != LW_FILTERED ? charged : excludes ? answer : LW_FILTERED;
}

/* There is nobody but nodes that ramp: so many of them, the latest exclusions, may be chosen after all. */
SLOW static void call_back(struct lw__pick *pick, const uint32_t *ramping, uint32_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < pick->request.exclude_count; i++) {
        bool back = false;
        for (uint32_t r = 0; r < count; r++) {
            back |= pick->exclude[i] == ramping[r];
        }
        pick->exclude[kept] = pick->exclude[i];
        kept += !back;
    }
    pick->request.exclude_count = kept;
    pick->ramped = LW__RAMPING;
}

/* From one group, with as many tries as are left. Slow start looks at each node that is chosen, also in the place of
   another one: else it would gain by every further node that ramps. */
static int pick_from(struct lw__pick *pick, struct lw__group *group) {
    int error = LW_FILTERED;
    uint32_t ramping[LW__RAMPING], waiting = 0;
    for (;;) {
        ptrdiff_t index = choose(pick, group);
        if (__builtin_expect(index < 0, 0)) {
            if (waiting == 0) {
                return why_none(pick, (int)index, error);
            }
            call_back(pick, ramping, waiting);
            waiting = 0;
            continue;
        }
        if (ramp_refuses(pick, group, (uint32_t)index)) {
            ramping[waiting++] = (uint32_t)index;
            pick->ramped++;
            pass_over(pick, group, (uint32_t)index, LW_REASON_RAMPING);
            continue;
        }
        error = lw__charge(pick, group, group->node[index]);
        if (__builtin_expect(error == LW_OK, 1)) {
            if (__builtin_expect(group->chooser->listens, 0) && pick->trial == NULL) {
                lw__strategy_begin(group->chooser->strategy, &group->nodes[LW__VIEW_ALL], (uint32_t)index, pick->shown,
                                   pick->now);
            }
            return error;
        }
        if (error == LW_NO_SLOTS) {
            return error;
        }
        pass_over(pick, group, (uint32_t)index, reason_of(error, group->node[index]));
        if (pick->repicks++ >= pick->pool->rules.options.tries) {
            return error;
        }
    }
}

/* From the chosen group. */
static inline int try_chosen(struct lw__pick *pick) {
    if (__builtin_expect(pick->shown->exclude_count != 0 || (pick->asked != NULL && pick->asked->exclude_count != 0),
                         0)) {
        exclude_for(pick, pick->chosen.group);
    }
    return pick_from(pick, pick->chosen.group);
}

/* Goes on to the next group after a refusal, not after an error, nor where the tries are used up. */
SLOW static int pick_from_several(struct lw__pick *pick) {
    struct lw__candidate order[LW__CANDIDATES];
    uint32_t count = lw__level_order(pick, order);
    int answer = LW_FILTERED;
    for (uint32_t i = 0; i < count; i++) {
        pick->chosen = order[i];
        int error = try_chosen(pick);
        if (error == LW_OK || !lw_is_refusal(error) || error == LW_NO_SLOTS) {
            return error;
        }
        answer = answer == LW_FILTERED ? error : answer;
        if (pick->repicks > pick->pool->rules.options.tries) {
            break;
        }
    }
    return answer;
}

static inline int pick_any(struct lw__pick *pick) {
    struct lw__group *only = pick->path->only;
    if (__builtin_expect(only == NULL, 0)) {
        return pick_from_several(pick);
    }
    pick->chosen.group = only;
    pick->chosen.priority = pick->path->level[0].priority;
    pick->chosen.flags = 0;
    pick->chosen.local = false;
    if (__builtin_expect(lw__level_panics_alone(pick, only), 0)) {
        pick->chosen.flags = LW_TICKET_PANIC;
        pick->panics = 1;
    }
    return try_chosen(pick);
}

/* A request that excludes the only eligible node gets it all the same, where the options say so. Also if another one
   looked eligible until it was tried. */
SLOW static bool may_reuse(const struct lw__pick *pick, int error) {
    bool excludes = pick->asked != NULL && pick->asked->exclude_count > 0 && !pick->reuse;
    uint32_t eligible = 0;
    bool tried = error != LW_EXCLUDED; /* in a panic whoever was tried need not be eligible */
    if (!excludes || !lw_is_refusal(error) || error == LW_NO_SLOTS ||
        (tried && (pick->chosen.flags & LW_TICKET_PANIC) != 0)) {
        return false;
    }
    for (uint32_t i = 0; i < pick->path->level_count; i++) {
        for (uint32_t part = 0; part < 2; part++) {
            const struct lw__group *group = pick->path->level[i].part[part];
            eligible += group != NULL ? __atomic_load_n(&group->eligible, __ATOMIC_RELAXED) : 0;
        }
    }
    return eligible == 1 && pick->pool->rules.options.reuse == LW_REUSE_SOLE;
}

/* A new snapshot may have replaced the plans of an older one under our feet: then once more with the newest. */
static inline int pick_in_snapshot(struct lw__pick *pick) {
    int error;
    do {
        pick->snapshot = lw__snapshot_current(pick->pool);
        if (__builtin_expect(pick->route >= pick->snapshot->path_count, 0)) {
            return lw__fail(&pick->pool->env, LW_UNKNOWN, "pick: there is no route %u", pick->route);
        }
        pick->path = &pick->snapshot->path[pick->route];
        error = pick_any(pick);
        if (__builtin_expect(error != LW_OK, 0) && may_reuse(pick, error)) {
            pick->reuse = true;
            error = pick_any(pick);
            pick->reuse = error == LW_OK;
        }
    } while (__builtin_expect(error == LW_NOT_PREPARED, 0));
    return error;
}

/* ---- the calls ---- */

SLOW static int take_request(struct lw__pick *pick, const lw_request *asked) {
    lw_pool *pool = pick->pool;
    if (asked->size < LW__REQUEST_FIRST_SIZE) {
        return lw__fail(&pool->env, LW_INVALID, "request: size=%zu, is it LW_REQUEST_INIT?", asked->size);
    }
    if (asked->exclude_count > LW_POOL_EXCLUDE) {
        return lw__fail(&pool->env, LW_RANGE, "request: %zu exclusions, at most %d are allowed", asked->exclude_count,
                        LW_POOL_EXCLUDE);
    }
    pick->request = plain_request;
    memcpy(&pick->request, asked, asked->size < sizeof pick->request ? asked->size : sizeof pick->request);
    pick->request.size = sizeof pick->request;
    pick->request.flags = (asked->flags & ~(uint32_t)LW_REQUEST_TRIAL) | LW_REQUEST_PREPARED_ONLY;
    pick->request.exclude_count = 0;
    pick->shown = &pick->request;
    return lw__quota_spread(&pool->rules.quota, &pool->env, asked->amounts, asked->amount_count, false, pick->amounts,
                            &pick->named);
}

static inline void note_pick(struct lw__pick *pick, int error) {
    struct lw__counts *counts = lw__counts_of(pick->pool, pick->lane);
    lw__count(error == LW_OK ? &counts->picks : &counts->refusals, pick->lane);
    if (__builtin_expect((pick->ticket->flags | pick->repicks) != 0, 0)) {
        for (uint32_t i = 0; i < pick->repicks; i++) {
            lw__count(&counts->repicks, pick->lane);
        }
        if ((pick->ticket->flags & LW_TICKET_PANIC) != 0) {
            lw__count(&counts->panics, pick->lane);
        }
        if ((pick->ticket->flags & LW_TICKET_SPILLED) != 0) {
            lw__count(&counts->spills, pick->lane);
        }
    }
}

SLOW static void tell_pick(const struct lw__pick *pick, int error) {
    const lw_observer *observer = &pick->pool->rules.observer;
    lw__telling_begin();
    if (error == LW_OK && observer->selected != NULL) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a pick that went well has chosen a group
        const lw_strategy *strategy = pick->chosen.group->chooser->strategy;
        observer->selected(observer->user, pick->ticket->node, lw_strategy_ops_of(strategy)->name);
    } else if (lw_is_refusal(error) && observer->refused != NULL) {
        observer->refused(observer->user, error);
    }
    lw__telling_end();
}

int lw__pick_run(struct lw__pick *pick) {
    lw_pool *pool = pick->pool;
    if (__builtin_expect(pick->now >= __atomic_load_n(&pool->next_due, __ATOMIC_RELAXED), 0)) {
        lw__due_run(pool, pick->now);
    }
    if (__builtin_expect(pool->rules.quota.fixed != 0, 0)) {
        pick->named = lw__quota_estimate(&pool->rules.quota, pick->amounts, pick->named);
    }
    int error = pick_in_snapshot(pick);
    if (__builtin_expect(error != LW_OK, 0)) {
        error = lw__refuse(pick, error);
    }
    if (__builtin_expect(pick->trial == NULL, 1)) {
        note_pick(pick, error);
        if (__builtin_expect(pool->rules.observer.selected != NULL || pool->rules.observer.refused != NULL, 0)) {
            tell_pick(pick, error);
        }
    }
    return error;
}

int lw__pick_begin(struct lw__pick *pick, lw_pool *pool, uint32_t route, const lw_request *asked, uint64_t now,
                   lw_ticket *ticket) {
    pick->pool = pool;
    pick->lane = lw__lane_of(&pool->lanes);
    pick->chance = &pick->lane->seen.chance;
    pick->asked = asked;
    pick->ticket = ticket;
    pick->trace = NULL;
    pick->now = now;
    pick->route = route;
    pick->named = pick->repicks = 0;
    pick->ramped = pick->panics = 0;
    pick->trial = NULL;
    pick->reuse = pick->declined = false;
    pick->short_of.size = 0;
    *ticket = (lw_ticket){0};
    if (__builtin_expect(asked != NULL, 0)) {
        return take_request(pick, asked);
    }
    pick->shown = &plain_request;
    return LW_OK;
}

int lw_pick_at(lw_pool *pool, uint32_t route, const lw_request *request, uint64_t now, lw_ticket *ticket) {
    struct lw__pick pick;
    int error = lw__pick_begin(&pick, pool, route, request, now, ticket);
    if (__builtin_expect(error != LW_OK, 0)) {
        ticket->reason = error;
        return error;
    }
    uint32_t parity = lw__read_begin(&pool->lanes, pick.lane);
    error = lw__pick_run(&pick);
    lw__read_end(pick.lane, parity);
    return error;
}

int lw_pick(lw_pool *pool, uint32_t route, const lw_request *request, lw_ticket *ticket) {
    return lw_pick_at(pool, route, request, lw__now(&pool->env), ticket);
}
