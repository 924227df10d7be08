/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reserving and settling through a tracker. The charges of a reservation are kept in its slot; what the caller holds
 * names the slot and its generation. Expired reservations are returned when somebody would be refused, or looks.
 * Cost: a look-up, a slot, and the charges of node.c.
 */
#include "quota/tracker.h"

#include <string.h>

/* Times to charge again after all dimensions agreed and then one did not, for another thread was faster. */
enum { RESERVE_TRIES = 4 };

/* One call of reserve. */
struct reserve_call {
    uint64_t node, now;
    uint32_t named;
    uint64_t amounts[LW_QUOTA_DIMENSIONS];
    lw_quota_refusal refusal;
};

static void reserve_fill(const lw_quota *quota, uint32_t number, const struct lw__quota_visit *visit,
                         const struct reserve_call *call) {
    struct lw__quota_slot *slot = lw__quota_slot(&quota->slots, number);
    uint64_t incarnation = visit->entry != NULL ? visit->entry->incarnation : 0;
    slot->node = call->node;
    __atomic_store_n(&slot->incarnation, incarnation, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->expires, lw__after(call->now, quota->ttl), __ATOMIC_RELAXED);
}

static lw_reservation reserve_begin(lw_quota *quota, uint32_t number, const struct reserve_call *call) {
    lw_reservation reservation = {.node = call->node, .slot = number};
    reservation.expires = lw__after(call->now, quota->ttl);
    reservation.generation = lw__quota_slot_begin(&quota->slots, number);
    return reservation;
}

static bool reserve_fits(const struct lw__quota_visit *visit, struct reserve_call *call) {
    return lw__quota_fits(&visit->quota->plan, &visit->entry->node, call->amounts, call->named, call->now,
                          &call->refusal);
}

static bool reserve_charge(const struct lw__quota_visit *visit, struct reserve_call *call,
                           struct lw__quota_slot *slot) {
    uint32_t charged = 0;
    for (int tries = 0; tries < RESERVE_TRIES; tries++) {
        if (visit->entry == NULL || lw__quota_charge(&visit->quota->plan, &visit->entry->node, call->amounts,
                                                     call->named, call->now, slot->charge, &charged)) {
            __atomic_store_n(&slot->charged, charged, __ATOMIC_RELAXED);
            return true;
        }
        if (!reserve_fits(visit, call)) {
            return false;
        }
    }
    call->refusal.dimension = (uint32_t)__builtin_ctz(call->named);
    call->refusal.retry = LW_RETRY_AT;
    call->refusal.retry_at = call->now;
    return false;
}

static int reserve_visiting(struct lw__quota_visit *visit, struct reserve_call *call, lw_reservation *reservation) {
    lw_quota *quota = visit->quota;
    if (visit->entry != NULL && !reserve_fits(visit, call)) {
        return LW_OVER_QUOTA;
    }
    uint32_t lane = visit->reading.lane->seen.number;
    int64_t got = lw__quota_slot_get(&quota->slots, lane);
    if (got < 0) {
        return LW_NO_SLOTS;
    }
    uint32_t number = (uint32_t)got;
    reserve_fill(quota, number, visit, call);
    if (!reserve_charge(visit, call, lw__quota_slot(&quota->slots, number))) {
        lw__quota_slot_put(&quota->slots, lane, number);
        return LW_OVER_QUOTA;
    }
    *reservation = reserve_begin(quota, number, call);
    return LW_OK;
}

/* given: the time, or NULL for that of the clock, which call->now then is; likewise below. */
static int reserve_once(lw_quota *quota, struct reserve_call *call, const uint64_t *given,
                        lw_reservation *reservation) {
    struct lw__quota_visit visit = lw__quota_enter_when(quota, call->node, given, &call->now);
    if (visit.entry == NULL && !quota->lenient) {
        return lw__quota_stranger(&visit, call->node);
    }
    int answer = reserve_visiting(&visit, call, reservation);
    lw__quota_leave(&visit, call->now, answer == LW_OVER_QUOTA ? &call->refusal : NULL);
    return answer;
}

static int reserve_when(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, const uint64_t *given,
                        lw_reservation *reservation, lw_quota_refusal *refusal) {
    struct reserve_call call;
    *reservation = (lw_reservation){0};
    call.node = node;
    int answer = lw__quota_spread(&quota->plan, &quota->env, amounts, count, quota->lenient, call.amounts, &call.named);
    if (answer != LW_OK) {
        return answer;
    }
    call.named = lw__quota_estimate(&quota->plan, call.amounts, call.named);
    answer = reserve_once(quota, &call, given, reservation);
    if (lw_is_refusal(answer) && lw__quota_reap(quota, call.now)) {
        answer = reserve_once(quota, &call, &call.now, reservation);
    }
    if (answer == LW_OVER_QUOTA && refusal != NULL) {
        call.refusal.size = refusal->size < sizeof call.refusal ? refusal->size : sizeof call.refusal;
        memcpy(refusal, &call.refusal, call.refusal.size);
    }
    return answer;
}

int lw_quota_reserve_at(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, uint64_t now,
                        lw_reservation *reservation, lw_quota_refusal *refusal) {
    return reserve_when(quota, node, amounts, count, &now, reservation, refusal);
}

int lw_quota_reserve(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count,
                     lw_reservation *reservation, lw_quota_refusal *refusal) {
    return reserve_when(quota, node, amounts, count, NULL, reservation, refusal);
}

/* ---- settling ---- */

/* A slot that has been ended, and how: the dimensions in `named` took actual[], or nothing was used. */
struct settle_call {
    lw_quota *quota;
    const uint64_t *actual; /* NULL: cancelled */
    uint32_t named;
    uint64_t now;
};

static void settle_slot(void *user, uint32_t number) {
    const struct settle_call *call = user;
    lw_quota *quota = call->quota;
    const struct lw__quota_slot *slot = lw__quota_slot(&quota->slots, number);
    struct lw__quota_visit visit = lw__quota_enter(quota, slot->node);
    uint32_t lane = visit.reading.lane->seen.number;
    uint64_t incarnation = __atomic_load_n(&slot->incarnation, __ATOMIC_RELAXED);
    if (visit.entry != NULL && visit.entry->incarnation == incarnation) {
        if (call->actual != NULL) {
            lw__quota_settle(&quota->plan, &visit.entry->node, slot->charge, slot->charged, call->actual, call->named,
                             call->now);
        } else {
            lw__quota_undo(&quota->plan, &visit.entry->node, slot->charge, slot->charged);
        }
    }
    lw__quota_slot_put(&quota->slots, lane, number);
    lw__quota_leave(&visit, call->now, NULL);
}

static int settle_reservation(struct settle_call *call, const lw_reservation *reservation) {
    lw_quota *quota = call->quota;
    if (reservation->slot >= quota->slots.rack.count) {
        return lw__fail(&quota->env, LW_INVALID, "quota: this is not a reservation of this tracker");
    }
    if (!lw__rack_end(&quota->slots.rack, reservation->slot, reservation->generation)) {
        return LW_ALREADY;
    }
    settle_slot(call, reservation->slot);
    return LW_OK;
}

int lw_quota_commit_at(lw_quota *quota, const lw_reservation *reservation, const lw_amount *actual, size_t count,
                       uint64_t now) {
    uint64_t dense[LW_QUOTA_DIMENSIONS];
    struct settle_call call = {quota, dense, 0, now};
    int error = lw__quota_spread(&quota->plan, &quota->env, actual, count, quota->lenient, dense, &call.named);
    return error != LW_OK ? error : settle_reservation(&call, reservation);
}

int lw_quota_commit(lw_quota *quota, const lw_reservation *reservation, const lw_amount *actual, size_t count) {
    return lw_quota_commit_at(quota, reservation, actual, count, lw__now(&quota->env));
}

int lw_quota_cancel_at(lw_quota *quota, const lw_reservation *reservation, uint64_t now) {
    struct settle_call call = {quota, NULL, 0, now};
    return settle_reservation(&call, reservation);
}

int lw_quota_cancel(lw_quota *quota, const lw_reservation *reservation) {
    return lw_quota_cancel_at(quota, reservation, lw__now(&quota->env));
}

bool lw__quota_reap(lw_quota *quota, uint64_t now) {
    struct settle_call call = {quota, NULL, 0, now};
    return lw__quota_slots_expire(&quota->slots, now, settle_slot, &call);
}
