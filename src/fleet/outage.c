/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * While an account cannot be asked. Each node goes by what its own has answered last, for a store may be there in part:
 * a cluster that lacks a master. The observer is told when the first of them is away, and when none is any more.
 *
 * What is granted meanwhile is owed: summed per dimension, and told when the account is back.
 *
 *   local share   the count of this process goes on, with limit / instances and burst / instances, rounded up
 *   stale         the same, with the pace at which the store granted here: the larger of this window and the one before
 *   open          everything;   closed: nothing
 *
 * Bound: before the outage the fleet had at most the limit L. n processes that use their share come to at most
 * n ceil(L / n) in a window, less what each of them has used before. So no window that saw the outage begin has more
 * than L + (n - 1) ceil(L / n): when one had used all of it. `instances` that are too few raise it, as n processes that
 * each believe in m < n come to n ceil(L / m).
 *
 * The limits of the share are in force only while the node's lock is held, so nobody else ever sees them. A gcra that
 * was charged at the lower rate drains at it: afterwards the count here asks for some patience, never for less.
 */
#include "fleet/ledger.h"

#define ASK_AGAIN (UINT64_C(1000) * 1000000) /* ns: nobody knows when the store will be back */

/* ---- who is away ---- */

/* The node's lock is held. */
static void away_turn(lw_ledger *ledger, struct lw__ledger_node *node, uint64_t away) {
    if ((away != 0) != (node->away != 0)) {
        __atomic_store_n(&node->away, away, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&ledger->away, away != 0 ? 1 : UINT32_MAX, __ATOMIC_SEQ_CST);
    }
}

static uint32_t is_away(const lw_ledger *ledger) { return __atomic_load_n(&ledger->away, __ATOMIC_SEQ_CST) != 0; }

/* One thread at a time, so that what is told last is how things are; who comes meanwhile leaves it to that one, which
   looks again afterwards. No lock is held: the hook may call the ledger. */
static void away_tell(lw_ledger *ledger) {
    const lw_observer *observer = &ledger->observer;
    while (is_away(ledger) != __atomic_load_n(&ledger->told, __ATOMIC_SEQ_CST) &&
           __atomic_exchange_n(&ledger->telling, 1, __ATOMIC_SEQ_CST) == 0) {
        uint32_t begins = is_away(ledger), told = __atomic_exchange_n(&ledger->told, begins, __ATOMIC_SEQ_CST);
        if (begins != told && observer->outage != NULL) {
            observer->outage(observer->user, (int)begins);
        }
        __atomic_store_n(&ledger->telling, 0, __ATOMIC_SEQ_CST);
    }
}

void lw__ledger_heard(lw_ledger *ledger, struct lw__ledger_node *node, ptrdiff_t answer, uint64_t now) {
    bool away = answer == LW_UNAVAILABLE;
    if (away != lw__ledger_is_away(node)) { /* mostly it is as it was, and nothing is written */
        pthread_mutex_lock(&node->lock);
        away_turn(ledger, node, away && !node->gone ? now | (now == 0) : 0);
        pthread_mutex_unlock(&node->lock);
        away_tell(ledger);
    }
}

void lw__ledger_gone(lw_ledger *ledger, struct lw__ledger_node *node) {
    pthread_mutex_lock(&node->lock);
    node->gone = true;
    away_turn(ledger, node, 0);
    pthread_mutex_unlock(&node->lock);
    away_tell(ledger);
}

/* ---- paces ---- */

void lw__ledger_pace(const lw_ledger *ledger, struct lw__ledger_node *node, uint32_t dimension, uint64_t amount,
                     uint64_t now) {
    struct lw__ledger_count *count = &node->counts[dimension];
    uint64_t window = ledger->plan.dimension[dimension].window;
    uint64_t since = now > count->pace_from ? now - count->pace_from : 0;
    if (since >= window) {
        count->pace_before = since < 2 * window ? count->pace : 0;
        count->pace = 0;
        count->pace_from = now;
    }
    count->pace = lw__ledger_sum(count->pace, amount);
}

/* ---- shares ---- */

static uint64_t share_divided(uint64_t limit, uint32_t instances) {
    return limit / instances + (limit % instances != 0);
}

static uint64_t share_most(uint64_t limit, uint64_t most) { return limit < most ? limit : most; }

static lw_quota_limit share_of(const struct lw__ledger_call *call, uint32_t dimension) {
    const struct lw__ledger_count *count = &call->node->counts[dimension];
    if (call->ledger->options.outage == LW_OUTAGE_STALE) {
        uint64_t pace = count->pace > count->pace_before ? count->pace : count->pace_before;
        return (lw_quota_limit){dimension, 0, share_most(count->limit, pace), share_most(count->burst, pace)};
    }
    uint32_t instances = __atomic_load_n(&call->ledger->instances, __ATOMIC_RELAXED);
    return (lw_quota_limit){dimension, 0, share_divided(count->limit, instances),
                            share_divided(count->burst, instances)};
}

/* Puts limits in force, those of the share or those of the fleet; false, and nothing done, if a share is nothing. */
static bool share_limits(const struct lw__ledger_call *call, bool share) {
    const lw_ledger *ledger = call->ledger;
    lw_quota_limit limits[LW_QUOTA_DIMENSIONS];
    size_t count = 0;
    for (uint32_t i = 0; i < ledger->plan.count; i++) {
        const struct lw__ledger_count *whole = &call->node->counts[i];
        if (whole->limit == 0) {
            continue;
        }
        lw_quota_limit limit = share ? share_of(call, i) : (lw_quota_limit){i, 0, whole->limit, whole->burst};
        if (limit.limit == 0 && (call->charged >> i & 1) != 0) {
            return false;
        }
        limit.limit += limit.limit == 0; /* nothing is charged to it */
        limits[count++] = limit;
    }
    lw__quota_limits(&ledger->plan, lw__ledger_quota(ledger, call->node), limits, count, true);
    return true;
}

/* ---- the answers ---- */

static bool without_refused(struct lw__ledger_call *call) {
    call->refusal =
        (lw_quota_refusal){sizeof call->refusal, LW_QUOTA_ALL, LW_RETRY_AT, lw__after(call->now, ASK_AGAIN)};
    return false;
}

/* What is granted is taken, and owed. */
static bool without_granted(struct lw__ledger_call *call) {
    struct lw__ledger_node *node = call->node;
    const struct lw__ledger_stub *stub = lw__ledger_stub(call->ledger, call->slot);
    lw__ledger_take(call, node->telling);
    for (uint32_t left = call->charged; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        node->counts[i].owed = lw__ledger_sum(node->counts[i].owed, stub->charged[i].amount);
    }
    lw__ledger_note_grant(call);
    return true;
}

static bool without_share(struct lw__ledger_call *call) {
    lw_ledger *ledger = call->ledger;
    if (!share_limits(call, true)) {
        return without_refused(call);
    }
    lw__ledger_amounts(call); /* some are what there could be at most */
    bool fits = lw__quota_fits(&ledger->plan, lw__ledger_quota(ledger, call->node), call->amounts, call->charged,
                               call->now, &call->refusal);
    if (fits) {
        without_granted(call);
    } else if (call->refusal.retry == LW_RETRY_NEVER) { /* not of the share, but perhaps of the whole */
        without_refused(call);
    } else {
        lw__ledger_note_refusal(call);
    }
    share_limits(call, false);
    return fits;
}

int lw__ledger_without(struct lw__ledger_call *call) {
    lw_ledger *ledger = call->ledger;
    uint64_t away = __atomic_load_n(&call->node->away, __ATOMIC_SEQ_CST);
    uint64_t since = away != 0 && call->now > away ? call->now - away : 0;
    uint32_t outage = ledger->options.outage;
    bool shut = outage == LW_OUTAGE_CLOSED || (outage == LW_OUTAGE_STALE && since >= ledger->options.stale);
    pthread_mutex_lock(&call->node->lock);
    lw__ledger_amounts(call);
    bool open = outage == LW_OUTAGE_OPEN || call->charged == 0;
    bool granted = open ? without_granted(call) : shut ? without_refused(call) : without_share(call);
    pthread_mutex_unlock(&call->node->lock);
    if (granted) {
        lw__ledger_count_up(&ledger->unasked);
    }
    return granted ? LW_OK : LW_OVER_QUOTA;
}
