/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slots: one per ticket under way. A slot's generation is odd while it holds a ticket; ending the ticket is one
 * compare-and-swap from that number to the next, so it happens once, whoever tries and however often.
 *
 * Free slots wait in magazines, one per lane, that only the lane's thread touches: no shared write for most tickets. A
 * full magazine gives half of itself to a common stack, an empty one takes as much; the shared lane has none and uses
 * the stack. There are more slots than tickets were asked for by what magazines can hold, so that those fit.
 */
#ifndef LW_POOL_SLOTS_H
#define LW_POOL_SLOTS_H

#include "base/lanes.h"
#include "quota/quota.h"

#include <loadwise/health.h>

enum { LW__SLOT_PERMITTED = 1 };

struct lw__slot {
    uint64_t generation;
    struct lw__node *node;
    uint64_t started; /* monotonic ns */
    lw_health_permit permit;
    uint64_t cost;
    uint64_t chooser;   /* serial of the strategy that hears of the end; 0: none does */
    uint32_t charged;   /* set of quota dimensions */
    uint32_t permitted; /* is there a permit? */
    uint32_t next;      /* in the stack of free slots: number + 1 */
};

struct lw__magazine {
    _Alignas(64) uint32_t held;
    uint32_t slots[32];
};

struct lw__slots {
    struct lw__slot *slot;
    struct lw__quota_charge *charges; /* dimensions of them per slot; NULL without */
    uint32_t dimensions;
    uint32_t count;
    uint32_t depth;             /* of a magazine; 0: none */
    _Alignas(64) uint64_t head; /* number of the first free slot + 1, 0: none; above 32 bits, a count of changes */
    struct lw__magazine magazine[LW_LANES];
};

/* LW_NOMEM. seed: so that tickets of another pool are most likely none here. */
int lw__slots_init(struct lw__slots *slots, const lw_env *env, uint32_t tickets, uint32_t dimensions);
void lw__slots_free(struct lw__slots *slots, const lw_env *env);

/* place: of the lane in its array. A free slot, to be filled and then begun, or to be put back; NULL when there is
 * none. */
struct lw__slot *lw__slot_get(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place);
void lw__slot_put(struct lw__slots *slots, const struct lw__lane *lane, uint32_t place, struct lw__slot *slot);

static inline struct lw__quota_charge *lw__slot_charges(const struct lw__slots *slots, const struct lw__slot *slot) {
    return slots->charges + (size_t)(slot - slots->slot) * slots->dimensions;
}

/* Begins the ticket that the slot was filled with; its generation. */
static inline uint64_t lw__slot_begin(struct lw__slot *slot) {
    uint64_t generation = __atomic_load_n(&slot->generation, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&slot->generation, generation, __ATOMIC_RELEASE);
    return generation;
}

/* Who is told true owns the slot until putting it back. */
static inline bool lw__slot_end(struct lw__slot *slot, uint64_t generation) {
    return (generation & 1) != 0 && __atomic_compare_exchange_n(&slot->generation, &generation, generation + 1, false,
                                                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* After a fork: ends all and puts them together again; the threads of the lanes are gone. */
void lw__slots_reset(struct lw__slots *slots);

#endif
