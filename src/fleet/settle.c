/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ending reservations. More used than reserved is a debt, which is owed until it is told. Less is given back, once:
 *
 *   counted by the store     with the stamp of its charge. If no answer comes the store may have done it, so it is not
 *                            tried again: what was not given back counts until its window is over
 *   granted without it       owed the less, as long as it has not been told; after that nothing comes back
 *
 * So whatever happens, no more is given back than was charged. Cost: none where nothing differs; else a round trip.
 */
#include "fleet/ledger.h"

#include <string.h>

/* One reservation whose slot is ours, and what was really used: NULL for nothing at all. */
struct settle_ledger {
    lw_ledger *ledger;
    uint32_t slot;
    uint32_t named;
    const uint64_t *actual;
    uint64_t now, deadline;
};

static uint64_t settle_actual(const struct settle_ledger *call, uint32_t dimension, uint64_t reserved) {
    if (call->actual == NULL) {
        return 0;
    }
    return (call->named >> dimension & 1) != 0 ? call->actual[dimension] : reserved;
}

static void settle_here(const struct settle_ledger *call, struct lw__quota_node *quota) {
    const struct lw__quota_plan *plan = &call->ledger->plan;
    const struct lw__quota_slot *slot = lw__quota_slot(&call->ledger->slots, call->slot);
    if (call->actual != NULL) {
        lw__quota_settle(plan, quota, slot->charge, slot->charged, call->actual, call->named, call->now);
    } else {
        lw__quota_undo(plan, quota, slot->charge, slot->charged);
    }
}

static void settle_give(struct lw__ledger_mail *mail, struct lw__ledger_post **post, struct lw__ledger_node *node,
                        const struct settle_ledger *call, uint32_t dimension, uint64_t amount) {
    const struct lw__ledger_stub *stub = lw__ledger_stub(call->ledger, call->slot);
    struct lw__ledger_count *count = &node->counts[dimension];
    if (stub->telling == LW__LEDGER_COUNTED) {
        *post = *post != NULL ? *post : lw__mail_post(mail, node, LW_POSTING_FORCE);
        lw_charge *charge = lw__mail_charge(call->ledger, *post, dimension, -(int64_t)amount);
        memcpy(charge->stamp, stub->charged[dimension].stamp, sizeof charge->stamp);
    } else if (stub->telling == node->telling) {
        count->owed -= amount < count->owed ? amount : count->owed;
    }
}

/* Counts the difference here and writes it down for the store. The node's lock is held. */
static void settle_node(const struct settle_ledger *call, struct lw__ledger_node *node, struct lw__ledger_mail *mail) {
    const struct lw__ledger_stub *stub = lw__ledger_stub(call->ledger, call->slot);
    struct lw__ledger_post *back = NULL;
    settle_here(call, lw__ledger_quota(call->ledger, node));
    for (uint32_t i = 0; i < call->ledger->plan.count; i++) {
        struct lw__ledger_count *count = &node->counts[i];
        uint64_t was = stub->charged[i].amount, is = settle_actual(call, i, was);
        if (is < was && count->limit != 0) {
            settle_give(mail, &back, node, call, i, was - is);
        } else if (is > was && count->limit != 0) {
            count->owed = lw__ledger_sum(count->owed, is - was);
        }
    }
    if (!lw__ledger_is_away(node)) { /* see reserve.c */
        lw__mail_debts(mail, node);
    }
}

/* A node that was forgotten, or made anew, since the reservation has nothing to settle. */
static void settle_slot_of(const struct settle_ledger *call) {
    lw_ledger *ledger = call->ledger;
    const struct lw__quota_slot *slot = lw__quota_slot(&ledger->slots, call->slot);
    struct lw__reading reading;
    struct lw__ledger_mail mail;
    struct lw__ledger_node *node = lw__registry_find(&ledger->registry, slot->node, &reading);
    lw__mail_begin(&mail, ledger, call->now);
    if (node != NULL && node->incarnation == slot->incarnation) {
        pthread_mutex_lock(&node->lock);
        settle_node(call, node, &mail);
        pthread_mutex_unlock(&node->lock);
    }
    lw__quota_slot_put(&ledger->slots, reading.lane->seen.number, call->slot);
    if (mail.steps_count > 0) {
        lw__mail_meet_due(&mail);
        lw__mail_send(&mail, call->deadline);
    }
    lw__registry_leave(&ledger->registry, &reading);
}

static int settle_ledger_slot(struct settle_ledger *call, const lw_reservation *reservation) {
    lw_ledger *ledger = call->ledger;
    if (reservation->slot >= ledger->slots.rack.count) {
        return lw__fail(&ledger->env, LW_INVALID, "ledger: this is not a reservation of this ledger");
    }
    if (!lw__rack_end(&ledger->slots.rack, reservation->slot, reservation->generation)) {
        return LW_ALREADY;
    }
    call->slot = reservation->slot;
    call->now = lw__now(&ledger->env);
    settle_slot_of(call);
    return LW_OK;
}

int lw_ledger_commit(lw_ledger *ledger, const lw_reservation *reservation, const lw_amount *actual, size_t count,
                     uint64_t deadline) {
    uint64_t dense[LW_QUOTA_DIMENSIONS];
    struct settle_ledger call = {.ledger = ledger, .actual = dense, .deadline = deadline};
    int error = lw__quota_spread(&ledger->plan, &ledger->env, actual, count, false, dense, &call.named);
    return error != LW_OK ? error : settle_ledger_slot(&call, reservation);
}

int lw_ledger_cancel(lw_ledger *ledger, const lw_reservation *reservation, uint64_t deadline) {
    struct settle_ledger call = {.ledger = ledger, .deadline = deadline};
    return settle_ledger_slot(&call, reservation);
}
