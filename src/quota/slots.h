/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reservations under way: one slot each, in a rack (base/rack.h). A slot's generation is odd while it holds one.
 */
#ifndef LW_QUOTA_SLOTS_H
#define LW_QUOTA_SLOTS_H

#include "base/lanes.h"
#include "base/rack.h"
#include "quota/quota.h"

#include <loadwise/view.h>

struct lw__quota_slot {
    struct lw__rack_slot head;
    uint64_t expires; /* LW_QUOTA_NEVER: not */
    uint64_t node;
    uint64_t incarnation; /* of the node's record, 0: none */
    uint32_t charged;     /* set of dimensions */
    struct lw__quota_charge charge[];
};

struct lw__quota_slots {
    struct lw__rack rack;
    uint64_t first_expiry;                /* no reservation under way expires before */
    struct lw__rack_stack free[LW_LANES]; /* so that threads mostly keep to themselves */
};

/* charges: per slot. LW_NOMEM. */
int lw__quota_slots_init(struct lw__quota_slots *slots, const lw_env *env, uint32_t count, uint32_t charges);
void lw__quota_slots_free(struct lw__quota_slots *slots, const lw_env *env);

static inline struct lw__quota_slot *lw__quota_slot(const struct lw__quota_slots *slots, uint32_t number) {
    return (struct lw__quota_slot *)lw__rack_at(&slots->rack, number);
}

/* A free slot's number, to be filled and then begun, or to be put back; -1 when there is none. */
int64_t lw__quota_slot_get(struct lw__quota_slots *slots, uint32_t lane);
void lw__quota_slot_put(struct lw__quota_slots *slots, uint32_t lane, uint32_t number);

/* Begins the reservation that the slot was filled with; its generation. */
uint64_t lw__quota_slot_begin(struct lw__quota_slots *slots, uint32_t number);

/* Ends every reservation that expires at `now` or before and calls each for it; true if there were any. */
bool lw__quota_slots_expire(struct lw__quota_slots *slots, uint64_t now, void (*each)(void *user, uint32_t number),
                            void *user);

/* Amount under way on one record in one dimension. */
uint64_t lw__quota_slots_reserved(const struct lw__quota_slots *slots, uint64_t incarnation, uint32_t dimension);

/* The earliest expiry after now of a reservation under way. */
uint64_t lw__quota_slots_due(const struct lw__quota_slots *slots, uint64_t now);

#endif
