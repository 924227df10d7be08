/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slots: one per ticket under way, in a rack (base/rack.h). A slot's generation is odd while it holds a ticket.
 *
 * Free slots wait in magazines, one per lane, that only the lane's thread touches: no shared write for most tickets. A
 * full magazine gives half of itself to a common stack, an empty one takes as much, or slots that were never used; the
 * shared lane has none and uses the stack. There are more slots than tickets were asked for by what magazines can hold,
 * so that those fit.
 */
#ifndef LW_POOL_SLOTS_H
#define LW_POOL_SLOTS_H

#include "base/lanes.h"
#include "base/rack.h"
#include "quota/quota.h"

#include <loadwise/health.h>

struct lw__slot {
    struct lw__rack_slot head;
    struct lw__node *node;
    uint64_t started; /* monotonic ns */
    lw_health_permit permit;
    uint64_t cost;
    uint64_t chooser;   /* serial of the strategy that hears of the end; 0: none does */
    uint32_t charged;   /* set of quota dimensions */
    uint32_t permitted; /* is there a permit? */
};

struct lw__magazine {
    _Alignas(64) uint32_t held;
    uint32_t slots[32];
};

struct lw__slots {
    struct lw__rack rack;
    struct lw__quota_charge *charges; /* dimensions of them per slot; NULL without */
    uint32_t dimensions;
    uint32_t depth; /* of a magazine; 0: none */
    struct lw__rack_stack stack;
    struct lw__magazine magazine[LW_LANES];
};

/* LW_NOMEM. */
int lw__slots_init(struct lw__slots *slots, const lw_env *env, uint32_t tickets, uint32_t dimensions);
void lw__slots_free(struct lw__slots *slots, const lw_env *env);

/* place: of the lane in its array. A free slot, to be filled and then begun, or to be put back; NULL when there is
 * none. */
struct lw__slot *lw__slot_get(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place);
void lw__slot_put(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place, struct lw__slot *slot);

static inline struct lw__slot *lw__slot_at(const struct lw__slots *slots, uint32_t number) {
    return (struct lw__slot *)(void *)slots->rack.memory + number;
}

static inline uint32_t lw__slot_number(const struct lw__slots *slots, const struct lw__slot *slot) {
    return (uint32_t)(slot - lw__slot_at(slots, 0));
}

static inline struct lw__quota_charge *lw__slot_charges(const struct lw__slots *slots, const struct lw__slot *slot) {
    return slots->charges + (size_t)lw__slot_number(slots, slot) * slots->dimensions;
}

/* Begins the ticket that the slot was filled with; its generation. */
static inline uint64_t lw__slot_begin(struct lw__slot *slot) {
    uint64_t generation = __atomic_load_n(&slot->head.generation, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&slot->head.generation, generation, __ATOMIC_RELEASE);
    return generation;
}

/* After a fork: ends all and puts them together again; the threads of the lanes are gone. */
void lw__slots_reset(struct lw__slots *slots);

#endif
