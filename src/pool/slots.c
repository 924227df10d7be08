/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Slots for tickets; see slots.h. Cost: a few plain loads and stores; one compare-and-swap per 16 slots. */
#include "pool/slots.h"

enum { MAGAZINE = 32, SHARE = 128 };

_Static_assert(sizeof(struct lw__slot) == 64, "a slot is a cache line, as include/loadwise/pool.h says of tickets");

int lw__slots_init(struct lw__slots *slots, const lw_env *env, uint32_t tickets, uint32_t dimensions) {
    slots->depth = tickets / SHARE < MAGAZINE ? tickets / SHARE & ~1U : MAGAZINE;
    slots->dimensions = dimensions;
    uint32_t count = tickets + (LW_LANES - 1) * slots->depth;
    if (dimensions != 0) {
        slots->charges = lw__alloc_rough(env, (size_t)count * dimensions * sizeof *slots->charges);
        if (slots->charges == NULL) {
            return LW_NOMEM;
        }
    }
    return lw__rack_init(&slots->rack, env, count, sizeof(struct lw__slot));
}

void lw__slots_free(struct lw__slots *slots, const lw_env *env) {
    lw__rack_free(&slots->rack, env);
    lw__release(env, slots->charges);
}

void lw__slots_reset(struct lw__slots *slots) {
    for (uint32_t i = 0; i < LW_LANES; i++) {
        slots->magazine[i].held = 0;
    }
    lw__rack_reset(&slots->rack, &slots->stack);
}

/* ---- the common stack, and what was never used ---- */

static uint32_t slots_take(struct lw__slots *slots, uint32_t *numbers, uint32_t want) {
    uint32_t got = lw__rack_get(&slots->rack, &slots->stack, numbers, want);
    return got > 0 ? got : lw__rack_open(&slots->rack, numbers, want);
}

__attribute__((noinline, cold)) static struct lw__slot *get_slowly(struct lw__slots *slots,
                                                                   struct lw__magazine *magazine) {
    uint32_t number;
    if (magazine == NULL) {
        return slots_take(slots, &number, 1) == 1 ? lw__slot_at(slots, number) : NULL;
    }
    magazine->held = slots_take(slots, magazine->slots, slots->depth / 2);
    return magazine->held > 0 ? lw__slot_at(slots, magazine->slots[--magazine->held]) : NULL;
}

__attribute__((noinline, cold)) static void put_slowly(struct lw__slots *slots, struct lw__magazine *magazine,
                                                       const struct lw__slot *slot) {
    uint32_t number = lw__slot_number(slots, slot);
    if (magazine == NULL) {
        lw__rack_put(&slots->rack, &slots->stack, &number, 1);
        return;
    }
    magazine->held -= slots->depth / 2;
    lw__rack_put(&slots->rack, &slots->stack, &magazine->slots[magazine->held], slots->depth / 2);
    magazine->slots[magazine->held++] = number;
}

/* ---- magazines ---- */

static inline struct lw__magazine *magazine_of(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place) {
    return lane->seen.shared || slots->depth == 0 ? NULL : &slots->magazine[place];
}

struct lw__slot *lw__slot_get(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place) {
    struct lw__magazine *magazine = magazine_of(slots, lane, place);
    if (__builtin_expect(magazine == NULL || magazine->held == 0, 0)) {
        return get_slowly(slots, magazine);
    }
    return lw__slot_at(slots, magazine->slots[--magazine->held]);
}

void lw__slot_put(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place, struct lw__slot *slot) {
    struct lw__magazine *magazine = magazine_of(slots, lane, place);
    if (__builtin_expect(magazine == NULL || magazine->held == slots->depth, 0)) {
        put_slowly(slots, magazine, slot);
    } else {
        magazine->slots[magazine->held++] = lw__slot_number(slots, slot);
    }
}
