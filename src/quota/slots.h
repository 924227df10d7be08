/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reservations under way: a fixed number of slots. A slot's generation is odd while it holds a reservation; ending
 * one is a compare-and-swap from that number to the next, so it happens once, whoever tries and however often.
 */
#ifndef LW_QUOTA_SLOTS_H
#define LW_QUOTA_SLOTS_H

#include "quota/quota.h"

#include <loadwise/view.h>

struct lw__quota_slot {
    uint64_t generation;
    uint64_t expires; /* LW_QUOTA_NEVER: not */
    uint64_t node;
    uint64_t incarnation; /* of the node's record, 0: none */
    uint32_t charged;     /* set of dimensions */
    uint32_t next;        /* in a list of free slots */
    struct lw__quota_charge charge[];
};

/* Free slots, as a stack per lane so that threads mostly keep to themselves. */
struct lw__quota_free_slots {
    _Alignas(64) uint64_t head; /* number of the first slot + 1, 0: none; above 32 bits, a count of changes */
};

struct lw__quota_slots {
    char *memory;
    size_t stride;
    uint32_t count;
    uint64_t first_expiry; /* no reservation under way expires before */
    struct lw__quota_free_slots free[LW_LANES];
};

/* charges: per slot. LW_NOMEM. */
int lw__quota_slots_init(struct lw__quota_slots *slots, const lw_env *env, uint32_t count, uint32_t charges);
void lw__quota_slots_free(struct lw__quota_slots *slots, const lw_env *env);

static inline struct lw__quota_slot *lw__quota_slot(const struct lw__quota_slots *slots, uint32_t number) {
    return (struct lw__quota_slot *)(void *)(slots->memory + number * slots->stride);
}

/* A free slot's number, to be filled and then begun, or to be put back; -1 when there is none. */
int64_t lw__quota_slot_get(struct lw__quota_slots *slots, uint32_t lane);
void lw__quota_slot_put(struct lw__quota_slots *slots, uint32_t lane, uint32_t number);

/* Begins the reservation that the slot was filled with; its generation. */
uint64_t lw__quota_slot_begin(struct lw__quota_slots *slots, uint32_t number);

/* Ends the reservation of this generation. Who is told true owns the slot until putting it back. */
bool lw__quota_slot_end(struct lw__quota_slots *slots, uint32_t number, uint64_t generation);

/* Ends every reservation that expires at `now` or before and calls each for it; true if there were any. */
bool lw__quota_slots_expire(struct lw__quota_slots *slots, uint64_t now, void (*each)(void *user, uint32_t number),
                            void *user);

/* Amount under way on one record in one dimension. */
uint64_t lw__quota_slots_reserved(const struct lw__quota_slots *slots, uint64_t incarnation, uint32_t dimension);

/* The earliest expiry after now of a reservation under way. */
uint64_t lw__quota_slots_due(const struct lw__quota_slots *slots, uint64_t now);

#endif
