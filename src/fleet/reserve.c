/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reserving for a whole fleet.
 *
 *   1  what this process alone has used up is refused at once
 *   2  one batch: what the node owes, the charge, a sign of life when due
 *   3  what the store grants is counted here too; what it refuses is not
 *
 * So the count here is of grants, never above the store's of the same window. While the node's account is away a look
 * at it comes first: if that is answered, it is back, and is told what it was owed; if not, outage.c decides. Cost: two
 * short critical sections of the node, and one round trip.
 */
#include "fleet/ledger.h"

#include <string.h>

/* ---- before the question ---- */

void lw__ledger_amounts(struct lw__ledger_call *call) {
    const lw_ledger *ledger = call->ledger;
    struct lw__quota_node *quota = lw__ledger_quota(ledger, call->node);
    call->charged = 0;
    for (uint32_t left = call->named; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        const struct lw__quota_count *count = lw__quota_count_of(&ledger->plan, quota, i);
        call->amounts[i] = lw__quota_amount(&ledger->plan.dimension[i], count, call->asked[i]);
        call->charged |= call->amounts[i] != 0 ? UINT32_C(1) << i : 0;
    }
}

/* Would it fit if this process were alone? The lock is held. */
static bool reserve_fits_here(struct lw__ledger_call *call) {
    lw_ledger *ledger = call->ledger;
    bool fits = lw__quota_fits(&ledger->plan, lw__ledger_quota(ledger, call->node), call->amounts, call->charged,
                               call->now, &call->refusal);
    if (!fits) {
        lw__ledger_note_refusal(call);
        lw__ledger_count_up(&ledger->here);
    }
    return fits;
}

/* ---- after it ---- */

/* Whatever the count here says: it was granted. */
void lw__ledger_take(const struct lw__ledger_call *call, uint64_t telling) {
    const lw_ledger *ledger = call->ledger;
    struct lw__quota_slot *slot = lw__quota_slot(&ledger->slots, call->slot);
    struct lw__ledger_stub *stub = lw__ledger_stub(ledger, call->slot);
    slot->charged = call->charged;
    stub->telling = telling;
    for (uint32_t i = 0; i < ledger->plan.count; i++) {
        const struct lw__quota_dimension *d = &ledger->plan.dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(&ledger->plan, lw__ledger_quota(ledger, call->node), i);
        uint64_t amount = (call->charged >> i & 1) != 0 ? call->amounts[i] : 0;
        slot->charge[i].amount = stub->charged[i].amount = amount;
        if (amount != 0) {
            d->kind->add(d, count, amount, call->now, &slot->charge[i]);
        }
    }
}

static int reserve_granted(struct lw__ledger_call *call, const struct lw__ledger_post *own) {
    lw_ledger *ledger = call->ledger;
    struct lw__ledger_stub *stub = lw__ledger_stub(ledger, call->slot);
    pthread_mutex_lock(&call->node->lock);
    lw__ledger_take(call, LW__LEDGER_COUNTED);
    for (uint32_t i = 0; i < own->posting.count; i++) {
        uint32_t dimension = own->dimension[i];
        memcpy(stub->charged[dimension].stamp, own->charges[i].stamp, sizeof own->charges[i].stamp);
        lw__ledger_pace(ledger, call->node, dimension, call->amounts[dimension], call->now);
    }
    lw__ledger_note_grant(call);
    pthread_mutex_unlock(&call->node->lock);
    lw__ledger_count_up(&ledger->reserves);
    return LW_OK;
}

/* The charge that is refused longest says when to ask again. */
static int reserve_refused(struct lw__ledger_call *call, const struct lw__ledger_post *own) {
    uint64_t now = lw__now(&call->ledger->env), longest = 0;
    call->refusal = (lw_quota_refusal){sizeof call->refusal, own->dimension[0], LW_RETRY_AT, now};
    for (uint32_t i = 0; i < own->posting.count; i++) {
        uint64_t retry = own->charges[i].retry;
        if (retry > longest) {
            longest = retry;
            call->refusal.dimension = own->dimension[i];
            call->refusal.retry = retry == LW_QUOTA_NEVER ? LW_RETRY_NEVER : LW_RETRY_AT;
            call->refusal.retry_at = lw__after(now, retry);
        }
    }
    pthread_mutex_lock(&call->node->lock);
    lw__ledger_note_refusal(call);
    pthread_mutex_unlock(&call->node->lock);
    lw__ledger_count_up(&call->ledger->refusals);
    return LW_OVER_QUOTA;
}

/* ---- the question ---- */

/* Is the account back? Then it has been told what the node owed. That waits for a look at it to be answered: a server
   that stands still does all that it was sent when it goes on, and would count the debt of every try. The look says it,
   and not the sign of life, for the two may be with different servers of a cluster. */
static bool reserve_is_back(const struct lw__ledger_call *call) {
    struct lw__ledger_mail mail;
    lw__mail_begin(&mail, call->ledger, call->now);
    pthread_mutex_lock(&call->node->lock);
    const struct lw__ledger_post *look = lw__mail_look(&mail, call->node);
    pthread_mutex_unlock(&call->node->lock);
    if (look == NULL) { /* there is nothing to ask any more */
        lw__ledger_heard(call->ledger, call->node, LW_OK, call->now);
        return true;
    }
    lw__mail_meet(&mail);
    lw__mail_send(&mail, call->deadline);
    if (look->answer == LW_UNAVAILABLE) {
        return false;
    }
    lw__mail_begin(&mail, call->ledger, call->now);
    pthread_mutex_lock(&call->node->lock);
    lw__mail_debts(&mail, call->node);
    pthread_mutex_unlock(&call->node->lock);
    return mail.steps_count == 0 || lw__mail_send(&mail, call->deadline) != LW_UNAVAILABLE;
}

/* Writes the posting; or the call has its answer without. The lock is held. */
static struct lw__ledger_post *reserve_write(struct lw__ledger_call *call, struct lw__ledger_mail *mail, int *answer) {
    lw__ledger_amounts(call);
    if (call->charged == 0) {
        lw__ledger_take(call, LW__LEDGER_COUNTED);
        *answer = LW_OK;
        return NULL;
    }
    if (!reserve_fits_here(call)) {
        *answer = LW_OVER_QUOTA;
        return NULL;
    }
    lw__mail_debts(mail, call->node);
    struct lw__ledger_post *own = lw__mail_post(mail, call->node, LW_POSTING_ALL);
    for (uint32_t left = call->charged; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        lw__mail_charge(call->ledger, own, i, (int64_t)call->amounts[i]);
    }
    return own;
}

static int reserve_ask(struct lw__ledger_call *call) {
    struct lw__ledger_mail mail;
    int answer = LW_OK;
    lw__mail_begin(&mail, call->ledger, call->now);
    pthread_mutex_lock(&call->node->lock);
    const struct lw__ledger_post *own = reserve_write(call, &mail, &answer);
    pthread_mutex_unlock(&call->node->lock);
    if (own == NULL) {
        return answer;
    }
    lw__mail_meet_due(&mail);
    lw__mail_send(&mail, call->deadline);
    switch (own->answer) {
    case LW_OVER_QUOTA: return reserve_refused(call, own);
    case LW_UNAVAILABLE: return lw__ledger_without(call);
    default: return own->answer < LW_OK ? (int)own->answer : reserve_granted(call, own);
    }
}

static int reserve_node(struct lw__ledger_call *call) {
    return lw__ledger_is_away(call->node) && !reserve_is_back(call) ? lw__ledger_without(call) : reserve_ask(call);
}

/* ---- slots ---- */

static void reserve_expired(void *user, uint32_t number) {
    lw_ledger *ledger = user;
    lw__quota_slot_put(&ledger->slots, number % LW_LANES, number);
}

static int reserve_slot(struct lw__ledger_call *call, uint32_t lane) {
    struct lw__quota_slots *slots = &call->ledger->slots;
    int64_t got = lw__quota_slot_get(slots, lane);
    if (got < 0 && lw__quota_slots_expire(slots, call->now, reserve_expired, call->ledger)) {
        got = lw__quota_slot_get(slots, lane);
    }
    call->slot = (uint32_t)got;
    return got >= 0 ? LW_OK : LW_NO_SLOTS;
}

static void reserve_begin_slot(const struct lw__ledger_call *call, uint64_t node, lw_reservation *reservation) {
    lw_ledger *ledger = call->ledger;
    struct lw__quota_slot *slot = lw__quota_slot(&ledger->slots, call->slot);
    uint64_t expires = lw__after(call->now, ledger->options.ttl);
    slot->node = node;
    slot->incarnation = call->node != NULL ? call->node->incarnation : 0;
    __atomic_store_n(&slot->expires, expires, __ATOMIC_RELAXED);
    *reservation = (lw_reservation){.node = node, .expires = expires, .slot = call->slot};
    reservation->generation = lw__quota_slot_begin(&ledger->slots, call->slot);
}

static int reserve_in_slot(struct lw__ledger_call *call, uint64_t node, uint32_t lane, lw_reservation *reservation) {
    int answer = reserve_slot(call, lane);
    if (answer != LW_OK) {
        return answer;
    }
    answer = call->node != NULL ? reserve_node(call) : LW_OK;
    if (answer == LW_OK) {
        reserve_begin_slot(call, node, reservation);
    } else {
        lw__quota_slot_put(&call->ledger->slots, lane, call->slot);
    }
    return answer;
}

/* A node that was made but has no limits yet is not there. */
static void reserve_find(struct lw__ledger_call *call, uint64_t node, struct lw__reading *reading) {
    call->node = lw__registry_find(&call->ledger->registry, node, reading);
    if (call->node != NULL) {
        pthread_mutex_lock(&call->node->lock);
        bool limited = call->node->limited;
        pthread_mutex_unlock(&call->node->lock);
        call->node = limited ? call->node : NULL;
    }
}

int lw__ledger_reserve(lw_ledger *ledger, uint64_t node, const lw_amount *amounts, size_t count, bool lenient,
                       uint64_t deadline, lw_reservation *reservation, lw_quota_refusal *refusal) {
    struct lw__ledger_call call = {.ledger = ledger, .now = lw__now(&ledger->env), .deadline = deadline};
    struct lw__reading reading;
    *reservation = (lw_reservation){0};
    int answer = lw__quota_spread(&ledger->plan, &ledger->env, amounts, count, false, call.asked, &call.named);
    if (answer != LW_OK) {
        return answer;
    }
    call.named = lw__quota_estimate(&ledger->plan, call.asked, call.named);
    reserve_find(&call, node, &reading);
    if (call.node == NULL && !lenient) {
        answer = lw__fail(&ledger->env, LW_UNKNOWN, "ledger: node %016llx has no limits", (unsigned long long)node);
    } else {
        answer = reserve_in_slot(&call, node, reading.lane->seen.number, reservation);
    }
    lw__registry_leave(&ledger->registry, &reading);
    lw__ledger_tell(&call, node);
    if (answer == LW_OVER_QUOTA && refusal != NULL) {
        call.refusal.size = refusal->size < sizeof call.refusal ? refusal->size : sizeof call.refusal;
        memcpy(refusal, &call.refusal, call.refusal.size);
    }
    return answer;
}

int lw_ledger_reserve(lw_ledger *ledger, uint64_t node, const lw_amount *amounts, size_t count, uint64_t deadline,
                      lw_reservation *reservation, lw_quota_refusal *refusal) {
    return lw__ledger_reserve(ledger, node, amounts, count, false, deadline, reservation, refusal);
}
