/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The charge: what a chosen node gives up for the request, all of it or nothing.
 *
 * In the order in-flight, health, quotas, and given back in the opposite order when a later one fails. A node that
 * cannot be charged is settled, so that the next pick does not meet it.
 *
 * Cost: one locked addition for the place under the cap (a compare-and-swap where there is a cap), a few plain loads
 * and stores for slot and ticket; with quotas what these cost; settling when the node became full or gave a probe.
 */
#include "pool/pick.h"

#define SLOW __attribute__((noinline, cold))

/* Takes a place under the cap. False: it is full. */
static inline bool take_place(struct lw__node *node, uint64_t now, uint32_t *inflight) {
    uint64_t one = (UINT64_C(1) << 32) + 1, old;
    uint32_t cap = __atomic_load_n(&node->cap, __ATOMIC_RELAXED);
    if (__builtin_expect(cap == 0, 1)) {
        old = __atomic_fetch_add(&node->traffic, one, __ATOMIC_SEQ_CST);
    } else {
        old = __atomic_load_n(&node->traffic, __ATOMIC_SEQ_CST);
        do {
            if ((uint32_t)old >= cap) {
                return false;
            }
        } while (
            !__atomic_compare_exchange_n(&node->traffic, &old, old + one, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    }
    if ((uint32_t)old == 0) {
        __atomic_store_n(&node->progress, now, __ATOMIC_RELAXED);
    }
    *inflight = (uint32_t)old + 1;
    return true;
}

static void give_place(struct lw__node *node) {
    __atomic_fetch_sub(&node->traffic, (UINT64_C(1) << 32) + 1, __ATOMIC_SEQ_CST);
}

static void note_shortage(struct lw__pick *pick, const lw_quota_refusal *refusal) {
    bool sooner = refusal->retry < pick->short_of.retry ||
                  (refusal->retry == pick->short_of.retry && refusal->retry_at < pick->short_of.retry_at);
    if (pick->short_of.size == 0 || sooner) {
        pick->short_of = *refusal;
    }
}

SLOW static bool charge_quota(struct lw__pick *pick, struct lw__node *node, struct lw__slot *slot) {
    const struct lw__quota_plan *plan = &pick->pool->rules.quota;
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    if (pick->named == 0 && lw__quota_marked_until(node->quota, pick->now) == 0) {
        return true;
    }
    bool fits = lw__quota_fits(plan, node->quota, pick->amounts, pick->named, pick->now, &refusal);
    if (fits && pick->trial == NULL) {
        struct lw__quota_charge *charges = lw__slot_charges(&pick->pool->slots, slot);
        fits = lw__quota_charge(plan, node->quota, pick->amounts, pick->named, pick->now, charges, &slot->charged);
        if (!fits) { /* another thread was faster */
            refusal.retry_at = pick->now;
        }
    }
    if (!fits) {
        note_shortage(pick, &refusal);
    }
    if (pick->trial == NULL) {
        lw__node_tell_quota(pick->pool, node, fits ? NULL : &refusal, pick->now);
    }
    return fits;
}

/* A permit for a node that is not just healthy. */
SLOW static bool charge_health(struct lw__pick *pick, struct lw__node *node, struct lw__slot *slot) {
    const struct lw__health_rules *rules = &pick->pool->rules.health;
    lw__telling_begin();
    bool admitted = lw__health_admit(rules, &node->health, node->id, pick->now, &slot->permit);
    lw__telling_end();
    pick->ticket->flags |= admitted && (slot->permit.flags & LW_PERMIT_PROBE) != 0 ? LW_TICKET_PROBE : 0;
    return admitted;
}

static void settle_after(struct lw__pick *pick, struct lw__node *node) {
    if (pick->trial == NULL) {
        lw__node_settle(pick->pool, node, pick->now);
    }
}

static bool may_serve(const struct lw__pick *pick, const struct lw__node *node) {
    uint32_t reasons = __atomic_load_n(&node->reasons, __ATOMIC_RELAXED);
    uint32_t panic = pick->pool->rules.options.panic;
    if (reasons == 0 || (pick->chosen.flags & LW_TICKET_PANIC) == 0) {
        return reasons == 0;
    }
    reasons &= ~LW__UNWELL;
    return (panic == LW_PANIC_LAST_RESORT && reasons == LW_REASON_RESERVED) ||
           (panic == LW_PANIC_FAIL_OPEN && reasons == 0);
}

/* Does its health not matter? In a panic; but one that does not open lets only probes through to other nodes. */
static inline bool is_desperate(const struct lw__pick *pick, const struct lw__node *node) {
    return __builtin_expect((pick->chosen.flags & LW_TICKET_PANIC) != 0, 0) &&
           (pick->pool->rules.options.panic == LW_PANIC_FAIL_OPEN ||
            (__atomic_load_n(&node->reasons, __ATOMIC_RELAXED) & LW_REASON_RESERVED) != 0);
}

/* Everything but the slot; what was taken is given back unless all is. */
static inline int charge_node(struct lw__pick *pick, struct lw__node *node, struct lw__slot *slot) {
    bool panic = is_desperate(pick, node);
    uint32_t inflight;
    if (!take_place(node, pick->now, &inflight)) {
        return LW_SATURATED;
    }
    slot->permitted = !panic;
    slot->charged = 0;
    if (!panic && __builtin_expect(!lw__health_admit_plain(&node->health, &slot->permit), 0) &&
        !charge_health(pick, node, slot)) {
        give_place(node);
        return LW_ALL_UNHEALTHY;
    }
    if (node->quota != NULL && !charge_quota(pick, node, slot)) {
        if ((pick->ticket->flags & LW_TICKET_PROBE) != 0) {
            pick->ticket->flags &= ~(uint32_t)LW_TICKET_PROBE;
            lw__telling_begin();
            lw__health_return(&pick->pool->rules.health, &node->health, node->id, &slot->permit);
            lw__telling_end();
        }
        give_place(node);
        return LW_OVER_QUOTA;
    }
    uint32_t cap = __atomic_load_n(&node->cap, __ATOMIC_RELAXED);
    bool full = cap != 0 && inflight >= cap;
    if (__builtin_expect(full || (pick->ticket->flags & LW_TICKET_PROBE) != 0, 0)) {
        lw__node_settle(pick->pool, node, pick->now);
    }
    return LW_OK;
}

/* What a trial can know of a charge. */
SLOW static int try_charge(struct lw__pick *pick, struct lw__node *node) {
    uint32_t cap = __atomic_load_n(&node->cap, __ATOMIC_RELAXED);
    if (cap != 0 && lw__node_inflight(node) >= cap) {
        return LW_SATURATED;
    }
    if (!is_desperate(pick, node) &&
        !lw__health_would_admit(&pick->pool->rules.health, &node->health, node->id, pick->now)) {
        return LW_ALL_UNHEALTHY;
    }
    return node->quota != NULL && !charge_quota(pick, node, NULL) ? LW_OVER_QUOTA : LW_OK;
}

static inline void write_ticket(struct lw__pick *pick, const struct lw__node *node) {
    lw_ticket *ticket = pick->ticket;
    ticket->node = node->id;
    ticket->user = __atomic_load_n(&node->user, __ATOMIC_RELAXED);
    ticket->flags |= pick->chosen.flags | (pick->reuse ? LW_TICKET_REUSED : 0);
    if (__builtin_expect((ticket->flags & LW_TICKET_PANIC) != 0, 0) && !is_desperate(pick, node)) {
        ticket->flags &= ~(uint32_t)LW_TICKET_PANIC; /* a probe */
    }
    ticket->reason = LW_OK;
}

int lw__charge(struct lw__pick *pick, struct lw__group *group, struct lw__node *node) {
    lw_pool *pool = pick->pool;
    if (__builtin_expect(!may_serve(pick, node), 0)) {
        settle_after(pick, node);
        return LW_FILTERED;
    }
    if (__builtin_expect(pick->trial != NULL, 0)) {
        int error = try_charge(pick, node);
        write_ticket(pick, node);
        return error;
    }
    uint32_t place = (uint32_t)(pick->lane - pool->lanes.lane);
    struct lw__slot *slot = lw__slot_get(&pool->slots, pick->lane, place);
    if (__builtin_expect(slot == NULL, 0)) {
        return LW_NO_SLOTS;
    }
    int error = charge_node(pick, node, slot);
    if (__builtin_expect(error != LW_OK, 0)) {
        lw__slot_put(&pool->slots, pick->lane, place, slot);
        settle_after(pick, node);
        return error;
    }
    __atomic_store_n(&slot->node, node, __ATOMIC_RELAXED); /* others look for tickets that are lost */
    __atomic_store_n(&slot->started, pick->now, __ATOMIC_RELAXED);
    slot->cost = pick->shown->cost > 1 ? pick->shown->cost - 1 : 0;
    if (__builtin_expect(slot->cost != 0, 0)) {
        __atomic_fetch_add(&node->cost, slot->cost, __ATOMIC_RELAXED);
    }
    slot->chooser = group->chooser->listens ? group->chooser->serial : 0;
    if (pick->snapshot->tallied) {
        lw__snapshot_count(pick->snapshot, node);
    }
    pick->ticket->slot = lw__slot_number(&pool->slots, slot);
    pick->ticket->generation = lw__slot_begin(slot);
    write_ticket(pick, node);
    return LW_OK;
}
