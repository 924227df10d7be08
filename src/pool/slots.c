/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Slots for tickets; see slots.h. Cost: a few plain loads and stores; one compare-and-swap per 16 slots. */
#include "pool/slots.h"
#include "base/random.h"

enum { MAGAZINE = 32, SHARE = 128 };

int lw__slots_init(struct lw__slots *slots, const lw_env *env, uint32_t tickets, uint32_t dimensions) {
    slots->depth = tickets / SHARE < MAGAZINE ? tickets / SHARE & ~1U : MAGAZINE;
    slots->count = tickets + (LW_LANES - 1) * slots->depth;
    slots->dimensions = dimensions;
    slots->slot = lw__alloc(env, slots->count * sizeof *slots->slot);
    slots->charges =
        dimensions != 0 ? lw__alloc(env, (size_t)slots->count * dimensions * sizeof *slots->charges) : NULL;
    if (slots->slot == NULL || (dimensions != 0 && slots->charges == NULL)) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < slots->count; i++) {
        slots->slot[i].generation = lw__seed(env->seed, i) & ~UINT64_C(1);
        slots->slot[i].next = i + 1 < slots->count ? i + 2 : 0;
    }
    slots->head = 1;
    return LW_OK;
}

void lw__slots_free(struct lw__slots *slots, const lw_env *env) {
    lw__release(env, slots->slot);
    lw__release(env, slots->charges);
}

void lw__slots_reset(struct lw__slots *slots) {
    for (uint32_t i = 0; i < slots->count; i++) {
        slots->slot[i].generation += slots->slot[i].generation & 1;
        slots->slot[i].next = i + 1 < slots->count ? i + 2 : 0;
    }
    for (uint32_t i = 0; i < LW_LANES; i++) {
        slots->magazine[i].held = 0;
    }
    slots->head = 1;
}

/* ---- the common stack ---- */

static uint64_t stack_head(uint64_t old, uint64_t first) { return ((old >> 32) + 1) << 32 | first; }

/* Pushes the chain of free slots from first to last. */
static void stack_push(struct lw__slots *slots, uint32_t first, uint32_t last) {
    uint64_t old = lw__word(&slots->head);
    do {
        __atomic_store_n(&slots->slot[last].next, (uint32_t)old, __ATOMIC_RELAXED);
    } while (!lw__swap(&slots->head, &old, stack_head(old, first + 1)));
}

/* Pops up to `want` slots into out; how many there were. Whoever pops meanwhile changes the count in the head, so the
   chain that was followed is whole if the head is as it was. */
static uint32_t stack_pop(struct lw__slots *slots, uint32_t *out, uint32_t want) {
    uint64_t old = lw__word(&slots->head);
    uint32_t got, next;
    do {
        got = 0;
        for (next = (uint32_t)old; next != 0 && got < want; got++) {
            out[got] = next - 1;
            next = __atomic_load_n(&slots->slot[next - 1].next, __ATOMIC_RELAXED);
        }
    } while (got > 0 && !lw__swap(&slots->head, &old, stack_head(old, next)));
    return got;
}

/* ---- magazines ---- */

__attribute__((noinline, cold)) static struct lw__slot *get_slowly(struct lw__slots *slots,
                                                                   struct lw__magazine *magazine) {
    uint32_t one, want = slots->depth / 2;
    if (magazine == NULL) {
        return stack_pop(slots, &one, 1) == 1 ? &slots->slot[one] : NULL;
    }
    magazine->held = stack_pop(slots, magazine->slots, want);
    return magazine->held > 0 ? &slots->slot[magazine->slots[--magazine->held]] : NULL;
}

__attribute__((noinline, cold)) static void put_slowly(struct lw__slots *slots, struct lw__magazine *magazine,
                                                       struct lw__slot *slot) {
    uint32_t first = (uint32_t)(slot - slots->slot), last = first;
    for (uint32_t i = 0; magazine != NULL && i < slots->depth / 2; i++) {
        uint32_t more = magazine->slots[--magazine->held];
        __atomic_store_n(&slots->slot[more].next, first + 1, __ATOMIC_RELAXED);
        first = more;
    }
    stack_push(slots, first, last);
}

static inline struct lw__magazine *magazine_of(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place) {
    return lane->seen.shared || slots->depth == 0 ? NULL : &slots->magazine[place];
}

struct lw__slot *lw__slot_get(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place) {
    struct lw__magazine *magazine = magazine_of(slots, lane, place);
    if (__builtin_expect(magazine == NULL || magazine->held == 0, 0)) {
        return get_slowly(slots, magazine);
    }
    return &slots->slot[magazine->slots[--magazine->held]];
}

void lw__slot_put(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place, struct lw__slot *slot) {
    struct lw__magazine *magazine = magazine_of(slots, lane, place);
    if (__builtin_expect(magazine == NULL || magazine->held == slots->depth, 0)) {
        put_slowly(slots, magazine, slot);
    } else {
        magazine->slots[magazine->held++] = (uint32_t)(slot - slots->slot);
    }
}
