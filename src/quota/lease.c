/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A lease: a slice of a count that a fleet shares, taken from a store ahead of need, so that no pick has to ask.
 *
 *   held     number of the lease, and how much of it is left, in one word: taking is one compare-and-swap
 *   until    when it ends; written while held is 0, so whoever swaps `held` has read the end of that very lease
 *   cell[]   what goes back to the store, by the stamp of the charge there: refunds of earlier leases, and what was
 *            left of them. Leases of one stamp share a cell; in a ring, so a refund that comes too late is lost
 *   owed     what was granted without a lease (debts, outages), which the store is still to be told of; with a number
 *            that is another one once it was told, so that a refund of that lowers nothing that is owed since
 *
 * Law: of a lease no more is taken than was granted, less what was put back, and nothing once it has ended. A take
 * lowers `held` by a swap against the very word that was found with enough in it, and a new lease has another number.
 * A refund goes back to `held` only while that is the lease it came from; later it goes into the cell of its stamp.
 *
 * Behind it stands a count of the dimension's own kind that knows what this process has used. It is charged along
 * whatever it says, and asked only while the store is away: then it limits the process to its share, and what was used
 * before counts.
 *
 * Numbers of leases and cells are taken modulo 2^24: a refund errs if its ticket is out for so many syncs.
 * Cost: a take is one compare-and-swap and one addition, and what the count behind it costs.
 */
#include "quota/lease_words.h"

enum { LEAST_CELLS = 64 };

/* Of a charge: where it came from. Then the number of the lease, or 0, and that of the cell, or of what is owed. */
#define LEASED (UINT64_C(1) << 63)
#define OWED (UINT64_C(1) << 62)

/* ---- owing ---- */

/* The mark of a charge that is owed. */
static uint64_t lease_owe(struct lw__lease *lease, uint64_t amount) {
    uint64_t word = lw__word(&lease->owed), left;
    do {
        left = LW__HELD_MOST - lw__held_amount(word);
    } while (!lw__swap(&lease->owed, &word, word + (amount < left ? amount : left)));
    return OWED | lw__held_number(word);
}

/* It was not used, and has not been told. */
static void lease_forgive(struct lw__lease *lease, uint64_t number, uint64_t amount) {
    uint64_t word = lw__word(&lease->owed), owed;
    do {
        owed = lw__held_number(word) == number ? lw__held_amount(word) : 0;
    } while (!lw__swap(&lease->owed, &word, word - (amount < owed ? amount : owed)));
}

void lw__lease_owe(struct lw__quota_count *count, uint64_t amount) { lease_owe(lw__lease_of(count), amount); }

/* ---- taking ---- */

/* Takes `amount`, or with `part` as much of it as there is. *mark: where it came from. */
static uint64_t lease_spend(struct lw__lease *lease, uint64_t amount, bool part, uint64_t now, uint64_t *mark) {
    for (;;) {
        uint64_t word = lw__word(&lease->held), left = lw__held_amount(word), until = lw__word(&lease->until);
        uint64_t cell = lw__word(&lease->cell_at), taken = left < amount ? left : amount;
        if (now >= until || taken == 0 || (taken < amount && !part)) {
            return 0;
        }
        if (lw__swap(&lease->held, &word, word - taken)) {
            __atomic_fetch_add(&lease->spent, taken, __ATOMIC_SEQ_CST);
            *mark = LEASED | lw__held_number(word) << 32 | (cell != 0 ? cell : lease_owe(lease, taken));
            return taken;
        }
    }
}

static bool lease_take_unasked(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                               uint64_t now, struct lw__quota_charge *charge) {
    struct lw__quota_count *own = lw__lease_own(d, count);
    uint32_t mode = lw__lease_mode(count);
    if (mode == LW__FLEET_OPEN) {
        d->inner->add(d, own, amount, now, charge);
    } else if (mode != LW__FLEET_SHARE || !d->inner->take(d, own, amount, now, charge)) {
        return false;
    }
    charge->lease = lease_owe(lw__lease_of(count), amount);
    return true;
}

static bool lease_take(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                       uint64_t now, struct lw__quota_charge *charge) {
    struct lw__lease *lease = lw__lease_of(count);
    lw__raise(&lease->largest, amount);
    if (lease_spend(lease, amount, false, now, &charge->lease) == 0) {
        return lease_take_unasked(d, count, amount, now, charge);
    }
    d->inner->add(d, lw__lease_own(d, count), amount, now, charge);
    return true;
}

/* ---- giving back ---- */

void lw__lease_return(const struct lw__quota_dimension *d, struct lw__lease *lease, uint64_t cell, uint64_t amount) {
    uint64_t *back = &lw__lease_cell_of(d, lease, cell)->back, word = lw__word(back);
    while (lw__held_number(word) == cell && cell != 0) {
        uint64_t fitting =
            amount <= LW__HELD_MOST - lw__held_amount(word) ? amount : LW__HELD_MOST - lw__held_amount(word);
        if (lw__swap(back, &word, word + fitting)) {
            __atomic_store_n(&lease->returns, 1, __ATOMIC_SEQ_CST);
            return;
        }
    }
}

static void lease_give(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                       const struct lw__quota_charge *charge, uint64_t amount) {
    struct lw__lease *lease = lw__lease_of(count);
    uint64_t number = charge->lease >> 32 & LW__NUMBER_MASK, cell = charge->lease & LW__NUMBER_MASK;
    d->inner->give(d, lw__lease_own(d, count), charge, amount);
    if ((charge->lease & OWED) != 0) {
        lease_forgive(lease, cell, amount);
        cell = 0;
    }
    uint64_t word = lw__word(&lease->held);
    while ((charge->lease & LEASED) != 0 && lw__held_number(word) == number) {
        if (lw__swap(&lease->held, &word, word + amount)) {
            return;
        }
    }
    if ((charge->lease & LEASED) != 0) {
        lw__lease_return(d, lease, cell, amount);
    }
}

/* A debt: as far as it goes from what is held. */
static void lease_add(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount, uint64_t now,
                      struct lw__quota_charge *charge) {
    struct lw__lease *lease = lw__lease_of(count);
    uint64_t mark;
    amount = amount <= LW__HELD_MOST ? amount : LW__HELD_MOST;
    d->inner->add(d, lw__lease_own(d, count), amount, now, charge);
    lw__lease_owe(count, amount - lease_spend(lease, amount, true, now, &mark));
}

/* ---- looking ---- */

uint64_t lw__lease_held(const struct lw__quota_count *count, uint64_t now) {
    const struct lw__lease *lease = (const struct lw__lease *)(const void *)count;
    uint64_t amount = lw__held_amount(lw__word(&lease->held));
    return now < lw__word(&lease->until) ? amount : 0;
}

/* When there may be more: not before the next sync, nor before the store has it. */
static uint64_t lease_more(const struct lw__quota_dimension *d, const struct lw__lease *lease, uint64_t now) {
    uint64_t more = lw__word(&lease->more_at), next = lw__word(&d->fleet->next);
    more = more > next ? more : next;
    return more > now && more < LW__ON_COMPLETION ? more : LW__ON_COMPLETION;
}

static uint64_t lease_fits_unasked(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                                   uint64_t now) {
    uint32_t mode = lw__lease_mode(count);
    if (mode == LW__FLEET_OPEN) {
        return 0;
    }
    if (mode == LW__FLEET_SHARE) {
        uint64_t when = d->inner->fits(d, lw__lease_own(d, count), amount, now);
        return when != LW__NOT_EVER ? when : LW__ON_COMPLETION; /* the store will be back */
    }
    return lease_more(d, lw__lease_of(count), now);
}

/* Remembers what was asked for in vain: the next lease will do for it. */
static uint64_t lease_fits(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                           uint64_t now) {
    struct lw__lease *lease = lw__lease_of(count);
    if (lw__lease_held(count, now) >= amount) {
        return 0;
    }
    uint64_t whole = lease->burst != 0 ? lw__word(&lease->burst) : lw__word(&count->limit);
    if (amount > whole) {
        return LW__NOT_EVER;
    }
    lw__raise(&lease->largest, amount);
    return lease_fits_unasked(d, count, amount, now);
}

static uint64_t lease_most(const struct lw__quota_count *count) {
    return lw__word(&((const struct lw__lease *)(const void *)count)->most);
}

/* Used is what this process has; what the fleet has left shows in the share that is free. */
static void lease_read(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                       lw_quota_reading *reading) {
    struct lw__quota_count *own = lw__lease_own(d, count);
    lw_quota_reading local = *reading;
    uint32_t mode = lw__lease_mode(count);
    local.limit = lw__word(&own->limit);
    d->inner->read(d, own, now, &local);
    uint64_t when = lease_fits_unasked(d, count, 1, now);
    reading->burst = lw__word(&lw__lease_of(count)->burst);
    reading->used = local.used;
    reading->remaining = lw__lease_held(count, now);
    if (mode == LW__FLEET_SHARE && local.remaining > reading->remaining) {
        reading->remaining = local.remaining;
    }
    reading->remaining = mode == LW__FLEET_OPEN ? lw__lease_whole(count) : reading->remaining;
    reading->more_at = reading->remaining == 0 && when < LW__ON_COMPLETION ? when : LW_QUOTA_NEVER;
    reading->reset_at = local.reset_at;
}

/* What the fleet has left, as of the last sync, as long as something is held here. */
static uint64_t lease_left(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           uint64_t *most) {
    uint64_t held = lw__lease_held(count, now), used = lw__word(&lw__lease_of(count)->used);
    uint32_t mode = lw__lease_mode(count);
    if (mode == LW__FLEET_SHARE) {
        return d->inner->left(d, lw__lease_own(d, count), now, most);
    }
    *most = lw__lease_whole(count);
    uint64_t left = held == 0 ? 0 : (used < *most ? *most - used : 0) + held;
    return mode == LW__FLEET_OPEN || left > *most ? *most : left;
}

/* ---- setting up ---- */

static const char *lease_fault(const struct lw__quota_dimension *d, const lw_quota_limit *limit) {
    return d->inner->fault(d, limit);
}

static uint64_t lease_part(uint64_t whole, uint64_t instances) { return (whole + instances - 1) / instances; }

/* Brings the count behind into line with limit and mode. */
static void lease_share(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lw__lease *lease = lw__lease_of(count);
    uint64_t limit = lw__word(&count->limit), burst = lw__word(&lease->burst);
    uint64_t instances = __atomic_load_n(&d->fleet->instances, __ATOMIC_SEQ_CST);
    bool shares = lw__lease_mode(count) == LW__FLEET_SHARE;
    if (limit != LW_QUOTA_UNLIMITED) {
        lw_quota_limit share = {.limit = lease_part(limit, shares ? instances : 1),
                                .burst = lease_part(burst, shares ? instances : 1)};
        d->inner->limit(d, lw__lease_own(d, count), &share, true);
        __atomic_store_n(&lease->most, burst != 0 ? share.burst : share.limit, __ATOMIC_SEQ_CST);
    }
}

static void lease_limit(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_quota_limit *limit,
                        bool keep) {
    d->inner->limit(d, lw__lease_own(d, count), limit, keep);
    __atomic_store_n(&lw__lease_of(count)->burst, limit != NULL ? limit->burst : 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&count->limit, limit != NULL ? limit->limit : LW_QUOTA_UNLIMITED, __ATOMIC_SEQ_CST);
    lease_share(d, count);
}

void lw__lease_turn(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint32_t mode) {
    __atomic_store_n(&lw__lease_of(count)->mode, mode, __ATOMIC_SEQ_CST);
    lease_share(d, count);
}

/* A cell for each bucket that a refund may come back to. */
static size_t lease_layout(struct lw__quota_dimension *d, const lw_quota_dimension *options) {
    size_t own = d->inner->layout(d, options);
    d->cells = LEAST_CELLS;
    while (d->cells < d->span + d->span / 8) {
        d->cells *= 2;
    }
    d->inner_offset = sizeof(struct lw__lease) + d->cells * sizeof(struct lw__lease_cell);
    return d->inner_offset + own;
}

const struct lw__quota_kind lw__quota_lease = {
    .layout = lease_layout,
    .fault = lease_fault,
    .limit = lease_limit,
    .most = lease_most,
    .fits = lease_fits,
    .take = lease_take,
    .give = lease_give,
    .add = lease_add,
    .read = lease_read,
    .left = lease_left,
};
