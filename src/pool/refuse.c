/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Why nobody may take the request, and when to ask again.
 *
 * Where no node is eligible, the groups' counts of reasons say why, from the one that may pass soonest to the one that
 * stays: saturated, over quota or told to wait, unhealthy or ejected, draining. When the first node comes back by time
 * alone is looked for once per change of the group and then remembered, so a storm of refusals does not walk the nodes.
 * Cost: O(groups of the route); O(members) for the first refusal after a change, and for requests with amounts that
 * some node could not be charged.
 */
#include "pool/pick.h"

struct shortage {
    uint32_t saturated, waiting, unwell, eligible;
    uint64_t due;
};

/* When a node can be picked by time alone. In a panic its health may not matter, or only probes come through. */
static uint64_t node_due(const lw_pool *pool, struct lw__node *node, bool panics, uint64_t now) {
    uint32_t policy = pool->rules.options.panic;
    bool reserved = (__atomic_load_n(&node->reasons, __ATOMIC_RELAXED) & LW_REASON_RESERVED) != 0;
    bool ill = __atomic_load_n(&node->ill, __ATOMIC_RELAXED) != 0;
    if (panics && policy == LW_PANIC_FAIL_OPEN) {
        return lw__node_due(pool, node, LW__UNWELL, now);
    }
    if (panics && policy == LW_PANIC_LAST_RESORT && reserved) {
        return lw__node_due(pool, node, LW__UNWELL | (uint32_t)LW_REASON_RESERVED, now);
    }
    return !panics || ill ? lw__node_due(pool, node, 0, now) : UINT64_MAX;
}

/* When the first member that is not eligible becomes so by time alone. */
static uint64_t find_due(const lw_pool *pool, const struct lw__group *group, bool panics, uint64_t now) {
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < group->count; i++) {
        if (__atomic_load_n(&group->node[i]->reasons, __ATOMIC_RELAXED) != 0) {
            uint64_t due = node_due(pool, group->node[i], panics, now);
            first = due < first ? due : first;
        }
    }
    return first;
}

static uint64_t due_of(const lw_pool *pool, struct lw__group *group, bool panics, uint64_t now) {
    uint32_t changes = (__atomic_load_n(&group->changes, __ATOMIC_SEQ_CST) << 1 | panics) + 1;
    if (__atomic_load_n(&group->due_at, __ATOMIC_SEQ_CST) != changes ||
        __atomic_load_n(&group->due, __ATOMIC_SEQ_CST) <= now) {
        __atomic_store_n(&group->due, find_due(pool, group, panics, now), __ATOMIC_SEQ_CST);
        __atomic_store_n(&group->due_at, changes, __ATOMIC_SEQ_CST);
    }
    return __atomic_load_n(&group->due, __ATOMIC_SEQ_CST);
}

static uint32_t members_with(const struct lw__group *group, uint32_t reason) {
    return __atomic_load_n(&group->by_reason[__builtin_ctz(reason)], __ATOMIC_RELAXED);
}

static void add_shortage(const struct lw__pick *pick, struct lw__group *group, bool panics, struct shortage *sum) {
    sum->eligible += __atomic_load_n(&group->eligible, __ATOMIC_RELAXED);
    sum->saturated += __atomic_load_n(&group->full, __ATOMIC_RELAXED);
    sum->waiting += members_with(group, LW_REASON_COOLING) + members_with(group, LW_REASON_OVER_QUOTA);
    sum->unwell += members_with(group, LW_REASON_UNHEALTHY) + members_with(group, LW_REASON_EJECTED);
    uint64_t due = due_of(pick->pool, group, panics, pick->now);
    sum->due = due < sum->due ? due : sum->due;
}

static struct shortage shortage_of(const struct lw__pick *pick) {
    struct shortage sum = {.due = UINT64_MAX};
    for (uint32_t l = 0; l < pick->path->level_count; l++) {
        const struct lw__level *level = &pick->path->level[l];
        bool panics = (pick->panics >> l & 1) != 0;
        for (uint32_t part = 0; part < 2; part++) {
            if (level->part[part] != NULL) {
                add_shortage(pick, level->part[part], panics, &sum);
            }
        }
    }
    return sum;
}

static int answer(struct lw__pick *pick, int reason, uint32_t retry, uint64_t at) {
    pick->ticket->retry = retry;
    pick->ticket->retry_at = at;
    return reason;
}

static int timed(struct lw__pick *pick, int reason, uint64_t due) {
    return answer(pick, reason, due != UINT64_MAX ? LW_RETRY_AT : LW_RETRY_ON_COMPLETION, due);
}

/* All groups of a route have strategies of one specification. */
static bool is_narrowed(const struct lw__path *path) {
    const struct lw__level *level = &path->level[0];
    const struct lw__group *group = level->part[0] != NULL ? level->part[0] : level->part[1];
    return group != NULL && group->chooser->narrowed;
}

/* Somebody may be picked, and the strategy would not: a bound of its own is reached, or its own part of the nodes is
   out. Else a node just came back. */
static int refuse_by_strategy(struct lw__pick *pick, uint64_t due) {
    if (pick->declined) {
        return answer(pick, LW_SATURATED, LW_RETRY_ON_COMPLETION, due);
    }
    return is_narrowed(pick->path) ? timed(pick, LW_FILTERED, due) : answer(pick, LW_SATURATED, LW_RETRY_AT, pick->now);
}

static int refuse_shortage(struct lw__pick *pick) {
    if (pick->path->members == 0) {
        return answer(pick, pick->snapshot->count == 0 ? LW_NO_NODES : LW_FILTERED, LW_RETRY_NEVER, UINT64_MAX);
    }
    struct shortage sum = shortage_of(pick);
    if ((pick->chosen.flags & LW_TICKET_PANIC) != 0 && pick->pool->rules.options.panic == LW_PANIC_FAIL_CLOSED) {
        return timed(pick, LW_ALL_UNHEALTHY, sum.due);
    }
    if (sum.saturated > 0) {
        return answer(pick, LW_SATURATED, LW_RETRY_ON_COMPLETION, sum.due);
    }
    if (sum.waiting > 0) {
        return timed(pick, LW_OVER_QUOTA, sum.due);
    }
    if (sum.unwell > 0) {
        return timed(pick, LW_ALL_UNHEALTHY, sum.due);
    }
    return sum.eligible > 0 ? refuse_by_strategy(pick, sum.due) : answer(pick, LW_DRAINING, LW_RETRY_NEVER, UINT64_MAX);
}

/* ---- amounts ---- */

/* When a node could be charged: once it may be picked and its quotas fit, which by themselves only get better. */
static void add_fit(const struct lw__pick *pick, struct lw__node *node, bool panics, lw_quota_refusal *soonest) {
    lw_quota_refusal own = LW_QUOTA_REFUSAL_INIT;
    uint64_t due = node_due(pick->pool, node, panics, pick->now);
    bool full = (__atomic_load_n(&node->reasons, __ATOMIC_RELAXED) & LW_REASON_SATURATED) != 0;
    if (lw__pick_excludes(pick, node->id) || (due == UINT64_MAX && !full)) {
        return;
    }
    if (lw__quota_fits(&pick->pool->rules.quota, node->quota, pick->amounts, pick->named, pick->now, &own)) {
        own.retry_at = pick->now;
    }
    own.retry = full && own.retry < LW_RETRY_ON_COMPLETION ? (uint32_t)LW_RETRY_ON_COMPLETION : own.retry;
    own.retry_at = !full && due > own.retry_at ? due : own.retry_at;
    if (own.retry < soonest->retry || (own.retry == soonest->retry && own.retry_at < soonest->retry_at)) {
        *soonest = own;
    }
}

/* Some node was tried and could not be charged: then each is asked. O(members). */
static int refuse_amounts(struct lw__pick *pick) {
    lw_quota_refusal soonest = pick->short_of;
    for (uint32_t l = 0; l < pick->path->level_count; l++) {
        for (uint32_t part = 0; part < 2; part++) {
            const struct lw__group *group = pick->path->level[l].part[part];
            for (uint32_t i = 0; group != NULL && i < group->count; i++) {
                add_fit(pick, group->node[i], (pick->panics >> l & 1) != 0, &soonest);
            }
        }
    }
    return answer(pick, LW_OVER_QUOTA, soonest.retry, soonest.retry_at);
}

int lw__refuse(struct lw__pick *pick, int error) {
    lw_ticket *ticket = pick->ticket;
    *ticket = (lw_ticket){0};
    bool own_amounts = pick->asked != NULL && pick->asked->amount_count > 0;
    if (error == LW_OVER_QUOTA && pick->short_of.size != 0 && (own_amounts || pick->trial != NULL)) {
        error = refuse_amounts(pick);
    } else if (error == LW_NO_SLOTS) {
        error = answer(pick, error, LW_RETRY_ON_COMPLETION, UINT64_MAX);
    } else if (error == LW_FILTERED || error == LW_SATURATED || error == LW_OVER_QUOTA || error == LW_ALL_UNHEALTHY) {
        error = refuse_shortage(pick);
    } else {
        error = answer(pick, error, LW_RETRY_NEVER, UINT64_MAX);
    }
    ticket->reason = error;
    return error;
}
