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
#include "base/random.h"

int lw__quota_slots_init(struct lw__quota_slots *slots, const lw_env *env, uint32_t count, uint32_t charges) {
    slots->stride = sizeof(struct lw__quota_slot) + charges * sizeof(struct lw__quota_charge);
    slots->count = count;
    slots->first_expiry = LW_QUOTA_NEVER;
    slots->memory = lw__alloc(env, count * slots->stride);
    if (slots->memory == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t number = count; number-- > 0;) { /* a reservation of another tracker is most likely none here */
        lw__quota_slot(slots, number)->generation = lw__seed(env->seed, number) & ~UINT64_C(1);
        lw__quota_slot_put(slots, number % LW_LANES, number);
    }
    return LW_OK;
}

void lw__quota_slots_free(struct lw__quota_slots *slots, const lw_env *env) { lw__release(env, slots->memory); }

/* ---- free slots ---- */

static uint64_t slots_head(uint64_t old, uint64_t first) { return ((old >> 32) + 1) << 32 | first; }

static int64_t slots_pop(const struct lw__quota_slots *slots, uint64_t *head) {
    uint64_t old = lw__word(head);
    while ((uint32_t)old != 0) {
        uint32_t number = (uint32_t)old - 1;
        uint32_t next = __atomic_load_n(&lw__quota_slot(slots, number)->next, __ATOMIC_RELAXED);
        if (lw__swap(head, &old, slots_head(old, next))) {
            return number;
        }
    }
    return -1;
}

int64_t lw__quota_slot_get(struct lw__quota_slots *slots, uint32_t lane) {
    int64_t number = -1;
    for (uint32_t i = 0; i < LW_LANES && number < 0; i++) {
        number = slots_pop(slots, &slots->free[(lane + i) % LW_LANES].head);
    }
    return number;
}

void lw__quota_slot_put(struct lw__quota_slots *slots, uint32_t lane, uint32_t number) {
    uint64_t *head = &slots->free[lane % LW_LANES].head, old = lw__word(head);
    do {
        __atomic_store_n(&lw__quota_slot(slots, number)->next, (uint32_t)old, __ATOMIC_RELAXED);
    } while (!lw__swap(head, &old, slots_head(old, number + 1)));
}

/* ---- reservations ---- */

uint64_t lw__quota_slot_begin(struct lw__quota_slots *slots, uint32_t number) {
    struct lw__quota_slot *slot = lw__quota_slot(slots, number);
    uint64_t generation = __atomic_load_n(&slot->generation, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&slot->generation, generation, __ATOMIC_SEQ_CST);
    lw__lower(&slots->first_expiry, __atomic_load_n(&slot->expires, __ATOMIC_RELAXED));
    return generation;
}

bool lw__quota_slot_end(struct lw__quota_slots *slots, uint32_t number, uint64_t generation) {
    return (generation & 1) != 0 && lw__swap(&lw__quota_slot(slots, number)->generation, &generation, generation + 1);
}

bool lw__quota_slots_expire(struct lw__quota_slots *slots, uint64_t now, void (*each)(void *user, uint32_t number),
                            void *user) {
    uint64_t first = lw__word(&slots->first_expiry), next = LW_QUOTA_NEVER;
    bool found = false;
    if (now < first || first == LW_QUOTA_NEVER || !lw__swap(&slots->first_expiry, &first, LW_QUOTA_NEVER)) {
        return false;
    }
    for (uint32_t number = 0; number < slots->count; number++) {
        struct lw__quota_slot *slot = lw__quota_slot(slots, number);
        uint64_t generation = lw__word(&slot->generation);
        uint64_t expires = __atomic_load_n(&slot->expires, __ATOMIC_RELAXED);
        if ((generation & 1) == 0) {
            continue;
        }
        if (expires > now || expires == LW_QUOTA_NEVER) {
            next = expires < next ? expires : next;
        } else if (lw__quota_slot_end(slots, number, generation)) {
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
    for (uint32_t number = 0; number < slots->count; number++) {
        const struct lw__quota_slot *slot = lw__quota_slot(slots, number);
        uint64_t generation = lw__word(&slot->generation);
        if ((generation & 1) != 0) {
            uint64_t amount = slot_reserved(slot, incarnation, dimension);
            sum += lw__word(&slot->generation) == generation ? amount : 0;
        }
    }
    return sum;
}

uint64_t lw__quota_slots_due(const struct lw__quota_slots *slots, uint64_t now) {
    uint64_t due = LW_QUOTA_NEVER;
    for (uint32_t number = 0; number < slots->count; number++) {
        const struct lw__quota_slot *slot = lw__quota_slot(slots, number);
        uint64_t expires = __atomic_load_n(&slot->expires, __ATOMIC_RELAXED);
        if ((lw__word(&slot->generation) & 1) != 0 && expires > now && expires < due) {
            due = expires;
        }
    }
    return due;
}
