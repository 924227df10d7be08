/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slots without a lock; see rack.h. A stack is a head with a count of its changes beside it, so that a head which went
 * and came back meanwhile is not taken for the same (Treiber's stack, with the counter of IBM System/370).
 * Cost: one compare-and-swap for any number of slots; one more for each slot that is lent for the first time.
 */
#include "base/rack.h"
#include "base/random.h"

#include <loadwise/error.h>
#include <string.h>

enum { WORD_BITS = 64 };

int lw__rack_init(struct lw__rack *rack, const lw_env *env, uint32_t count, size_t stride) {
    rack->stride = stride;
    rack->seed = env->seed;
    rack->count = count;
    rack->memory = lw__alloc_rough(env, count * stride);
    rack->open = lw__alloc(env, ((size_t)count + WORD_BITS - 1) / WORD_BITS * sizeof *rack->open);
    if (rack->memory == NULL || rack->open == NULL) {
        lw__rack_free(rack, env);
        return LW_NOMEM;
    }
    return LW_OK;
}

void lw__rack_free(struct lw__rack *rack, const lw_env *env) {
    lw__release(env, rack->memory);
    lw__release(env, rack->open);
    rack->memory = NULL;
    rack->open = NULL;
}

static struct lw__rack_slot *slot_at(const struct lw__rack *rack, uint32_t number) { return lw__rack_at(rack, number); }

/* ---- stacks ---- */

static uint64_t head_after(uint64_t old, uint32_t first) { return ((old >> 32) + 1) << 32 | first; }

static bool head_swap(struct lw__rack_stack *stack, uint64_t *old, uint32_t first) {
    return __atomic_compare_exchange_n(&stack->head, old, head_after(*old, first), false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void set_next(const struct lw__rack *rack, uint32_t number, uint32_t next) {
    __atomic_store_n(&slot_at(rack, number)->next, next, __ATOMIC_RELAXED);
}

void lw__rack_put(const struct lw__rack *rack, struct lw__rack_stack *stack, const uint32_t *numbers, uint32_t count) {
    uint64_t old = __atomic_load_n(&stack->head, __ATOMIC_RELAXED);
    for (uint32_t i = 1; i < count; i++) {
        set_next(rack, numbers[i - 1], numbers[i] + 1);
    }
    do {
        set_next(rack, numbers[count - 1], (uint32_t)old);
    } while (!head_swap(stack, &old, numbers[0] + 1));
}

/* Whoever changes the stack meanwhile changes the count in the head, so the chain that was followed is whole if the
   head is as it was. If not, it still led from slot to slot. */
uint32_t lw__rack_get(const struct lw__rack *rack, struct lw__rack_stack *stack, uint32_t *numbers, uint32_t want) {
    uint64_t old = __atomic_load_n(&stack->head, __ATOMIC_ACQUIRE);
    uint32_t got, next;
    do {
        got = 0;
        for (next = (uint32_t)old; next != 0 && got < want; got++) {
            numbers[got] = next - 1;
            next = __atomic_load_n(&slot_at(rack, next - 1)->next, __ATOMIC_RELAXED);
        }
    } while (got > 0 && !head_swap(stack, &old, next));
    return got;
}

/* ---- slots that were never lent ---- */

/* The bit comes last: who sees it sees the slot. */
static void open_slot(struct lw__rack *rack, uint32_t number) {
    struct lw__rack_slot *slot = slot_at(rack, number);
    memset(slot, 0, rack->stride);
    slot->generation = lw__seed(rack->seed, number) & ~UINT64_C(1);
    __atomic_fetch_or(&rack->open[number / WORD_BITS], UINT64_C(1) << number % WORD_BITS, __ATOMIC_SEQ_CST);
}

uint32_t lw__rack_open(struct lw__rack *rack, uint32_t *numbers, uint32_t want) {
    uint32_t first = lw__rack_lent(rack), got;
    do {
        got = rack->count - first < want ? rack->count - first : want;
    } while (got > 0 &&
             !__atomic_compare_exchange_n(&rack->lent, &first, first + got, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    for (uint32_t i = 0; i < got; i++) {
        numbers[i] = first + i;
        open_slot(rack, first + i);
    }
    return got;
}

/* A thread that was just opening a slot is gone. */
void lw__rack_reset(struct lw__rack *rack, struct lw__rack_stack *stack) {
    stack->head = 0;
    for (uint32_t number = rack->lent; number-- > 0;) {
        if (!lw__rack_is_open(rack, number)) {
            open_slot(rack, number);
        }
        slot_at(rack, number)->generation += slot_at(rack, number)->generation & 1;
        lw__rack_put(rack, stack, &number, 1);
    }
}
