/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of a lease, which picks and syncs change at the same time; lease.c says what they mean. */
#ifndef LW_QUOTA_LEASE_WORDS_H
#define LW_QUOTA_LEASE_WORDS_H

#include "quota/lease.h"

enum { LW__HELD_BITS = 40, LW__NUMBER_BITS = 24 };

#define LW__HELD_MOST ((UINT64_C(1) << LW__HELD_BITS) - 1)
#define LW__NUMBER_MASK ((UINT64_C(1) << LW__NUMBER_BITS) - 1)

struct lw__lease_cell {
    uint64_t back; /* number << LW__HELD_BITS | amount */
    uint64_t stamp[2];
};

struct lw__lease {
    struct lw__quota_count head; /* the limit is that of the fleet */
    uint64_t burst;
    uint64_t most;    /* largest amount that could ever be granted */
    uint64_t held;    /* number << LW__HELD_BITS | amount */
    uint64_t until;   /* monotonic ns */
    uint64_t cell_at; /* number of the lease's cell; 0: it has none, what is taken is owed */
    uint64_t spent;   /* since the last wish */
    uint64_t largest; /* single amount that was asked for lately */
    uint64_t owed;    /* number << LW__HELD_BITS | amount */
    uint64_t returns; /* not 0: some cell has something */
    uint64_t more_at; /* when the store will have more; 0: it did not say */
    uint32_t mode;    /* enum lw__fleet_mode */
    uint64_t used;    /* by the fleet, as the store last said */

    /* Of the thread that syncs. */
    uint64_t slice;   /* wished for last */
    uint64_t granted; /* last */
    uint64_t cells;   /* number of the latest cell */
    uint64_t swept;   /* cells that were looked at for returns */

    struct lw__lease_cell cell[]; /* d->cells of them; the count of this process comes after them */
};

static inline struct lw__lease *lw__lease_of(struct lw__quota_count *count) {
    return (struct lw__lease *)(void *)count;
}

static inline struct lw__quota_count *lw__lease_own(const struct lw__quota_dimension *d,
                                                    struct lw__quota_count *count) {
    return (struct lw__quota_count *)(void *)((char *)count + d->inner_offset);
}

static inline struct lw__lease_cell *lw__lease_cell_of(const struct lw__quota_dimension *d, struct lw__lease *lease,
                                                       uint64_t number) {
    return &lease->cell[number & (d->cells - 1)];
}

static inline uint64_t lw__held_amount(uint64_t word) { return word & LW__HELD_MOST; }
static inline uint64_t lw__held_number(uint64_t word) { return word >> LW__HELD_BITS; }

static inline uint32_t lw__lease_mode(const struct lw__quota_count *count) {
    return __atomic_load_n(&((const struct lw__lease *)(const void *)count)->mode, __ATOMIC_SEQ_CST);
}

/* The limit, or the burst of a gcra. */
static inline uint64_t lw__lease_whole(const struct lw__quota_count *count) {
    const struct lw__lease *lease = (const struct lw__lease *)(const void *)count;
    uint64_t burst = lw__word(&lease->burst);
    return burst != 0 ? burst : lw__word(&count->limit);
}

/* Puts so much into the cell of this number, for the store; or it is lost, when the cell is another one's by now. */
void lw__lease_return(const struct lw__quota_dimension *d, struct lw__lease *lease, uint64_t cell, uint64_t amount);

#endif
