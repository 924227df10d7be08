/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slots for reservations under way; see slots.h.
 *
 * Nobody looks through the slots until the time is past first_expiry, which beginners lower and the one who looks
 * raises again. With one time to live for all, that is once per such time. Others read a slot while it may change
 * hands: they believe what they read if the generation is the same before and after.
 * Cost: one compare-and-swap each to get and put, one store to begin, one compare-and-swap to end.
 */
#include "quota/slots.h"

int lw__quota_slots_init(struct lw__quota_slots *slots, const lw_env *env, uint32_t count, uint32_t charges) {
    slots->first_expiry = LW_QUOTA_NEVER;
    return lw__rack_init(&slots->rack, env, count,
                         sizeof(struct lw__quota_slot) + charges * sizeof(struct lw__quota_charge));
}

void lw__quota_slots_free(struct lw__quota_slots *slots, const lw_env *env) { lw__rack_free(&slots->rack, env); }

/* A slot of its own, or one that was never used, before another lane's. */
int64_t lw__quota_slot_get(struct lw__quota_slots *slots, uint32_t lane) {
    uint32_t number;
    if (lw__rack_get(&slots->rack, &slots->free[lane % LW_LANES], &number, 1) == 1 ||
        lw__rack_open(&slots->rack, &number, 1) == 1) {
        return number;
    }
    for (uint32_t i = 1; i < LW_LANES; i++) {
        if (lw__rack_get(&slots->rack, &slots->free[(lane + i) % LW_LANES], &number, 1) == 1) {
            return number;
        }
    }
    return -1;
}

void lw__quota_slot_put(struct lw__quota_slots *slots, uint32_t lane, uint32_t number) {
    lw__rack_put(&slots->rack, &slots->free[lane % LW_LANES], &number, 1);
}

uint64_t lw__quota_slot_begin(struct lw__quota_slots *slots, uint32_t number) {
    struct lw__quota_slot *slot = lw__quota_slot(slots, number);
    uint64_t generation = __atomic_load_n(&slot->head.generation, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&slot->head.generation, generation, __ATOMIC_SEQ_CST);
    lw__lower(&slots->first_expiry, __atomic_load_n(&slot->expires, __ATOMIC_RELAXED));
    return generation;
}

/* ---- looking through all ---- */

bool lw__quota_slots_expire(struct lw__quota_slots *slots, uint64_t now, void (*each)(void *user, uint32_t number),
                            void *user) {
    uint64_t first = lw__word(&slots->first_expiry), next = LW_QUOTA_NEVER;
    bool found = false;
    if (now < first || first == LW_QUOTA_NEVER || !lw__swap(&slots->first_expiry, &first, LW_QUOTA_NEVER)) {
        return false;
    }
    uint32_t count = lw__rack_lent(&slots->rack);
    for (uint32_t number = 0; number < count; number++) {
        uint64_t generation = lw__rack_held(&slots->rack, number);
        if (generation == 0) {
            continue;
        }
        uint64_t expires = __atomic_load_n(&lw__quota_slot(slots, number)->expires, __ATOMIC_RELAXED);
        if (expires > now || expires == LW_QUOTA_NEVER) {
            next = expires < next ? expires : next;
        } else if (lw__rack_end(&slots->rack, number, generation)) {
            each(user, number);
            found = true;
        }
    }
    lw__lower(&slots->first_expiry, next);
    return found;
}

/* What a slot holds of it now, believed by the caller if the generation is the same afterwards. */
static uint64_t slot_reserved(const struct lw__quota_slot *slot, uint64_t incarnation, uint32_t dimension) {
    bool holds = __atomic_load_n(&slot->incarnation, __ATOMIC_ACQUIRE) == incarnation &&
                 (__atomic_load_n(&slot->charged, __ATOMIC_ACQUIRE) >> dimension & 1) != 0;
    return holds ? __atomic_load_n(&slot->charge[dimension].amount, __ATOMIC_ACQUIRE) : 0;
}

uint64_t lw__quota_slots_reserved(const struct lw__quota_slots *slots, uint64_t incarnation, uint32_t dimension) {
    uint64_t sum = 0;
    uint32_t count = lw__rack_lent(&slots->rack);
    for (uint32_t number = 0; number < count; number++) {
        uint64_t generation = lw__rack_held(&slots->rack, number);
        if (generation != 0) {
            uint64_t amount = slot_reserved(lw__quota_slot(slots, number), incarnation, dimension);
            sum += lw__rack_held(&slots->rack, number) == generation ? amount : 0;
        }
    }
    return sum;
}

uint64_t lw__quota_slots_due(const struct lw__quota_slots *slots, uint64_t now) {
    uint64_t due = LW_QUOTA_NEVER;
    uint32_t count = lw__rack_lent(&slots->rack);
    for (uint32_t number = 0; number < count; number++) {
        if (lw__rack_held(&slots->rack, number) != 0) {
            uint64_t expires = __atomic_load_n(&lw__quota_slot(slots, number)->expires, __ATOMIC_RELAXED);
            due = expires > now && expires < due ? expires : due;
        }
    }
    return due;
}
