/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Leases: what a process may spend of a count that a fleet shares. Picks see a kind of count like any other; these are
 * the calls of the one thread at a time that syncs. See lease.c and lease_sync.c.
 */
#ifndef LW_QUOTA_LEASE_H
#define LW_QUOTA_LEASE_H

#include "quota/quota.h"

#include <loadwise/account.h>

/* How large a lease shall be. */
struct lw__lease_terms {
    uint64_t now;       /* monotonic ns, when the batch is made */
    uint64_t renew;     /* a lease that ends within so many ns is renewed */
    uint32_t percent;   /* of the limit (the burst), at most */
    uint32_t instances; /* that share it, as far as is known */
};

/* Is this dimension shared, and limited on this node? */
static inline bool lw__lease_is(const struct lw__quota_dimension *d) { return d->inner != NULL; }

/* Fills in which dimension of the account it is. */
void lw__lease_describe(const struct lw__quota_dimension *d, struct lw__quota_count *count, lw_charge *charge);

/* Puts what is to go back to the store, at most `room` charges of negative amounts, and takes it out of the count. */
uint32_t lw__lease_returns(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           lw_charge *charges, uint32_t room);

/* What the store is still to be told of, as far as it still counts; takes it out. _told: it has been, and what of it
   turns out not to have been used does not come back. _owe puts it back. _owes: is there any? */
uint64_t lw__lease_debt(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now);
bool lw__lease_owes(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now);
void lw__lease_told(struct lw__quota_count *count);
void lw__lease_owe(struct lw__quota_count *count, uint64_t amount);

/* The size of the lease to ask for; 0: the present one will do. */
uint64_t lw__lease_wish(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                        const struct lw__lease_terms *terms);

/* The answer of the store: so much may be spent until then, in place of what is held; unless that is more, and lasts
   for longer than `lasting`. */
void lw__lease_grant(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_charge *answer,
                     uint64_t until, uint64_t lasting, uint64_t now);

/* While the store is away: the last lease once more, to be owed. */
void lw__lease_repeat(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t until, uint64_t now);

/* Ends the lease: what is left of it goes back. */
void lw__lease_end(const struct lw__quota_dimension *d, struct lw__quota_count *count);

/* In a child after a fork: the leases, and whatever is to be told, are the parent's. */
void lw__lease_disown(const struct lw__quota_dimension *d, struct lw__quota_count *count);

/* How much can be spent. */
uint64_t lw__lease_held(const struct lw__quota_count *count, uint64_t now);

/* What the process may grant by itself, from now on: enum lw__fleet_mode, a share being that of fleet->instances.
   Callers take turns with those of `limit`. */
void lw__lease_turn(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint32_t mode);

#endif
