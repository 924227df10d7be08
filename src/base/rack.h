/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A rack: a fixed number of slots, which any number of threads borrow and give back without a lock.
 *
 * Slots that came back wait in stacks, of which the owner keeps as many as it likes; behind them stand those that were
 * never lent. A slot is first written when it is first lent. So a large rack costs no more to make than a small one,
 * and takes memory in earnest only for slots that were lent; whoever looks through it looks at those. Where all that
 * comes back waits in the stack that is asked first, they are as many as were out at one time.
 *
 * A slot that was lent once is open. Whoever has a number from elsewhere asks for that first: before, what the memory
 * holds means nothing. Slots are opened by several threads at once and in no order, so each has a bit of its own.
 */
#ifndef LW_BASE_RACK_H
#define LW_BASE_RACK_H

#include "base/env.h"

#include <stdbool.h>

/* What every slot begins with. */
struct lw__rack_slot {
    uint64_t generation; /* even while it is free, odd while it holds something; rises by one each time */
    uint32_t next;       /* in a stack: number + 1 */
};

struct lw__rack {
    char *memory;
    size_t stride;
    uint64_t *open;
    uint64_t seed;
    uint32_t count;
    uint32_t lent; /* slots that were, or are just being, lent for the first time: 0 to here */
};

/* Slots that came back: number of the first + 1, 0: none; above 32 bits, a count of changes. */
struct lw__rack_stack {
    _Alignas(64) uint64_t head;
};

/* stride: bytes of a slot, at least those above. LW_NOMEM. */
int lw__rack_init(struct lw__rack *rack, const lw_env *env, uint32_t count, size_t stride);
void lw__rack_free(struct lw__rack *rack, const lw_env *env);

/* Takes up to `want` slots from the stack, and tells how many there were. */
uint32_t lw__rack_get(const struct lw__rack *rack, struct lw__rack_stack *stack, uint32_t *numbers, uint32_t want);

/* The same from those that were never lent. They hold zeroes, but for a generation by which what another rack lent is
   most likely not taken for its own. */
uint32_t lw__rack_open(struct lw__rack *rack, uint32_t *numbers, uint32_t want);

/* Gives back at least one; the first comes out first. */
void lw__rack_put(const struct lw__rack *rack, struct lw__rack_stack *stack, const uint32_t *numbers, uint32_t count);

/* Frees all and gathers them in this stack; no other thread is at it, nor was when it ended: after a fork. */
void lw__rack_reset(struct lw__rack *rack, struct lw__rack_stack *stack);

static inline void *lw__rack_at(const struct lw__rack *rack, uint32_t number) {
    return rack->memory + number * rack->stride;
}

/* May the slot be looked at? Any number. */
static inline bool lw__rack_is_open(const struct lw__rack *rack, uint32_t number) {
    return number < rack->count &&
           (__atomic_load_n(&rack->open[number / 64], __ATOMIC_SEQ_CST) >> number % 64 & 1) != 0;
}

/* The generation of what the slot holds, 0: nothing. Whoever looks through the rack looks at the slots before
   lw__rack_lent: what is lent later begins later. */
static inline uint64_t lw__rack_held(const struct lw__rack *rack, uint32_t number) {
    if (!lw__rack_is_open(rack, number)) {
        return 0;
    }
    const struct lw__rack_slot *slot = (const struct lw__rack_slot *)lw__rack_at(rack, number);
    uint64_t generation = __atomic_load_n(&slot->generation, __ATOMIC_SEQ_CST);
    return (generation & 1) != 0 ? generation : 0;
}

static inline uint32_t lw__rack_lent(const struct lw__rack *rack) {
    return __atomic_load_n(&rack->lent, __ATOMIC_SEQ_CST);
}

/* Ends what the slot holds if it is of this generation: once, whoever tries and however often; any number. Who is told
   true owns the slot until giving it back. */
static inline bool lw__rack_end(const struct lw__rack *rack, uint32_t number, uint64_t generation) {
    if ((generation & 1) == 0 || !lw__rack_is_open(rack, number)) {
        return false;
    }
    struct lw__rack_slot *slot = (struct lw__rack_slot *)lw__rack_at(rack, number);
    return __atomic_compare_exchange_n(&slot->generation, &generation, generation + 1, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

#endif
