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
#include "quota/lease.h"

enum { HELD_BITS = 40, NUMBER_BITS = 24, LEAST_CELLS = 64 };

#define HELD_MOST ((UINT64_C(1) << HELD_BITS) - 1)
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)
/* Of a charge: where it came from. Then the number of the lease, or 0, and that of the cell, or of what is owed. */
#define LEASED (UINT64_C(1) << 63)
#define OWED (UINT64_C(1) << 62)

struct lease_cell {
    uint64_t back; /* number << HELD_BITS | amount */
    uint64_t stamp[2];
};

struct lease {
    struct lw__quota_count head; /* the limit is that of the fleet */
    uint64_t burst;
    uint64_t most;    /* largest amount that could ever be granted */
    uint64_t held;    /* number << HELD_BITS | amount */
    uint64_t until;   /* monotonic ns */
    uint64_t cell_at; /* number of the lease's cell; 0: it has none, what is taken is owed */
    uint64_t spent;   /* since the last wish */
    uint64_t largest; /* single amount that was asked for lately */
    uint64_t owed;    /* number << HELD_BITS | amount */
    uint64_t returns; /* not 0: some cell has something */
    uint64_t more_at; /* when the store will have more; 0: it did not say */
    uint64_t used;    /* by the fleet, as the store last said */

    /* Of the thread that syncs. */
    uint64_t slice;   /* wished for last */
    uint64_t granted; /* last */
    uint64_t cells;   /* number of the latest cell */
    uint64_t swept;   /* cells that were looked at for returns */

    struct lease_cell cell[]; /* d->cells of them; the count of this process comes after them */
};

static struct lease *lease_of(struct lw__quota_count *count) { return (struct lease *)(void *)count; }

static struct lw__quota_count *lease_own(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    return (struct lw__quota_count *)(void *)((char *)count + d->inner_offset);
}

static uint64_t held_amount(uint64_t word) { return word & HELD_MOST; }
static uint64_t held_number(uint64_t word) { return word >> HELD_BITS; }
static uint64_t next_number(uint64_t number) { return (number + 1) & NUMBER_MASK; }

static struct lease_cell *lease_cell_of(const struct lw__quota_dimension *d, struct lease *lease, uint64_t number) {
    return &lease->cell[number & (d->cells - 1)];
}

static void lease_add_to(uint64_t *word, uint64_t amount) { __atomic_fetch_add(word, amount, __ATOMIC_SEQ_CST); }

/* Lowers by up to `amount`, never below 0. */
static void lease_take_from(uint64_t *word, uint64_t amount) {
    uint64_t was = lw__word(word);
    while (!lw__swap(word, &was, was > amount ? was - amount : 0)) {
    }
}

static uint32_t lease_mode(const struct lw__quota_dimension *d) {
    return __atomic_load_n(&d->fleet->mode, __ATOMIC_SEQ_CST);
}

/* ---- owing ---- */

/* The mark of a charge that is owed. */
static uint64_t lease_owe(struct lease *lease, uint64_t amount) {
    uint64_t word = lw__word(&lease->owed), left;
    do {
        left = HELD_MOST - held_amount(word);
    } while (!lw__swap(&lease->owed, &word, word + (amount < left ? amount : left)));
    return OWED | held_number(word);
}

/* It was not used, and has not been told. */
static void lease_forgive(struct lease *lease, uint64_t number, uint64_t amount) {
    uint64_t word = lw__word(&lease->owed), owed;
    do {
        owed = held_number(word) == number ? held_amount(word) : 0;
    } while (!lw__swap(&lease->owed, &word, word - (amount < owed ? amount : owed)));
}

void lw__lease_owe(struct lw__quota_count *count, uint64_t amount) { lease_owe(lease_of(count), amount); }

void lw__lease_told(struct lw__quota_count *count) { lease_add_to(&lease_of(count)->owed, UINT64_C(1) << HELD_BITS); }

/* ---- taking ---- */

/* Takes `amount`, or with `part` as much of it as there is. *mark: where it came from. */
static uint64_t lease_spend(struct lease *lease, uint64_t amount, bool part, uint64_t now, uint64_t *mark) {
    for (;;) {
        uint64_t word = lw__word(&lease->held), left = held_amount(word), until = lw__word(&lease->until);
        uint64_t cell = lw__word(&lease->cell_at), taken = left < amount ? left : amount;
        if (now >= until || taken == 0 || (taken < amount && !part)) {
            return 0;
        }
        if (lw__swap(&lease->held, &word, word - taken)) {
            lease_add_to(&lease->spent, taken);
            *mark = LEASED | held_number(word) << 32 | (cell != 0 ? cell : lease_owe(lease, taken));
            return taken;
        }
    }
}

static bool lease_take_unasked(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                               uint64_t now, struct lw__quota_charge *charge) {
    struct lw__quota_count *own = lease_own(d, count);
    uint32_t mode = lease_mode(d);
    if (mode == LW__FLEET_OPEN) {
        d->inner->add(d, own, amount, now, charge);
    } else if (mode != LW__FLEET_SHARE || !d->inner->take(d, own, amount, now, charge)) {
        return false;
    }
    charge->lease = lease_owe(lease_of(count), amount);
    return true;
}

static bool lease_take(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                       uint64_t now, struct lw__quota_charge *charge) {
    struct lease *lease = lease_of(count);
    lw__raise(&lease->largest, amount);
    if (lease_spend(lease, amount, false, now, &charge->lease) == 0) {
        return lease_take_unasked(d, count, amount, now, charge);
    }
    d->inner->add(d, lease_own(d, count), amount, now, charge);
    return true;
}

/* ---- giving back ---- */

static void lease_return(const struct lw__quota_dimension *d, struct lease *lease, uint64_t cell, uint64_t amount) {
    uint64_t *back = &lease_cell_of(d, lease, cell)->back, word = lw__word(back);
    while (held_number(word) == cell && cell != 0) {
        uint64_t fitting = amount <= HELD_MOST - held_amount(word) ? amount : HELD_MOST - held_amount(word);
        if (lw__swap(back, &word, word + fitting)) {
            __atomic_store_n(&lease->returns, 1, __ATOMIC_SEQ_CST);
            return;
        }
    }
}

static void lease_give(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                       const struct lw__quota_charge *charge, uint64_t amount) {
    struct lease *lease = lease_of(count);
    uint64_t number = charge->lease >> 32 & NUMBER_MASK, cell = charge->lease & NUMBER_MASK;
    d->inner->give(d, lease_own(d, count), charge, amount);
    if ((charge->lease & OWED) != 0) {
        lease_forgive(lease, cell, amount);
        cell = 0;
    }
    uint64_t word = lw__word(&lease->held);
    while ((charge->lease & LEASED) != 0 && held_number(word) == number) {
        if (lw__swap(&lease->held, &word, word + amount)) {
            return;
        }
    }
    if ((charge->lease & LEASED) != 0) {
        lease_return(d, lease, cell, amount);
    }
}

/* A debt: as far as it goes from what is held. */
static void lease_add(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount, uint64_t now,
                      struct lw__quota_charge *charge) {
    struct lease *lease = lease_of(count);
    uint64_t mark;
    amount = amount <= HELD_MOST ? amount : HELD_MOST;
    d->inner->add(d, lease_own(d, count), amount, now, charge);
    lw__lease_owe(count, amount - lease_spend(lease, amount, true, now, &mark));
}

/* ---- looking ---- */

uint64_t lw__lease_held(const struct lw__quota_count *count, uint64_t now) {
    const struct lease *lease = (const struct lease *)(const void *)count;
    uint64_t amount = held_amount(lw__word(&lease->held));
    return now < lw__word(&lease->until) ? amount : 0;
}

/* When there may be more: not before the next sync, nor before the store has it. */
static uint64_t lease_more(const struct lw__quota_dimension *d, const struct lease *lease, uint64_t now) {
    uint64_t more = lw__word(&lease->more_at), next = lw__word(&d->fleet->next);
    more = more > next ? more : next;
    return more > now && more < LW__ON_COMPLETION ? more : LW__ON_COMPLETION;
}

static uint64_t lease_fits_unasked(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                                   uint64_t now) {
    uint32_t mode = lease_mode(d);
    if (mode == LW__FLEET_OPEN) {
        return 0;
    }
    if (mode == LW__FLEET_SHARE) {
        uint64_t when = d->inner->fits(d, lease_own(d, count), amount, now);
        return when != LW__NOT_EVER ? when : LW__ON_COMPLETION; /* the store will be back */
    }
    return lease_more(d, lease_of(count), now);
}

/* Remembers what was asked for in vain: the next lease will do for it. */
static uint64_t lease_fits(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                           uint64_t now) {
    struct lease *lease = lease_of(count);
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
    return lw__word(&((const struct lease *)(const void *)count)->most);
}

static uint64_t lease_whole(const struct lw__quota_count *count) {
    const struct lease *lease = (const struct lease *)(const void *)count;
    uint64_t burst = lw__word(&lease->burst);
    return burst != 0 ? burst : lw__word(&count->limit);
}

/* Used is what this process has; what the fleet has left shows in the share that is free. */
static void lease_read(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                       lw_quota_reading *reading) {
    struct lw__quota_count *own = lease_own(d, count);
    lw_quota_reading local = *reading;
    uint32_t mode = lease_mode(d);
    local.limit = lw__word(&own->limit);
    d->inner->read(d, own, now, &local);
    uint64_t when = lease_fits_unasked(d, count, 1, now);
    reading->burst = lw__word(&lease_of(count)->burst);
    reading->used = local.used;
    reading->remaining = lw__lease_held(count, now);
    if (mode == LW__FLEET_SHARE && local.remaining > reading->remaining) {
        reading->remaining = local.remaining;
    }
    reading->remaining = mode == LW__FLEET_OPEN ? lease_whole(count) : reading->remaining;
    reading->more_at = reading->remaining == 0 && when < LW__ON_COMPLETION ? when : LW_QUOTA_NEVER;
    reading->reset_at = local.reset_at;
}

/* What the fleet has left, as of the last sync, as long as something is held here. */
static uint64_t lease_left(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           uint64_t *most) {
    uint64_t held = lw__lease_held(count, now), used = lw__word(&lease_of(count)->used);
    uint32_t mode = lease_mode(d);
    if (mode == LW__FLEET_SHARE) {
        return d->inner->left(d, lease_own(d, count), now, most);
    }
    *most = lease_whole(count);
    uint64_t left = held == 0 ? 0 : (used < *most ? *most - used : 0) + held;
    return mode == LW__FLEET_OPEN || left > *most ? *most : left;
}

/* ---- setting up ---- */

static const char *lease_fault(const struct lw__quota_dimension *d, const lw_quota_limit *limit) {
    return d->inner->fault(d, limit);
}

static uint64_t lease_part(uint64_t whole, uint64_t instances) { return (whole + instances - 1) / instances; }

void lw__lease_share(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lease *lease = lease_of(count);
    uint64_t limit = lw__word(&count->limit), burst = lw__word(&lease->burst);
    uint64_t instances = __atomic_load_n(&d->fleet->instances, __ATOMIC_SEQ_CST);
    bool shares = lease_mode(d) == LW__FLEET_SHARE;
    if (limit != LW_QUOTA_UNLIMITED) {
        lw_quota_limit share = {.limit = lease_part(limit, shares ? instances : 1),
                                .burst = lease_part(burst, shares ? instances : 1)};
        d->inner->limit(d, lease_own(d, count), &share, true);
        __atomic_store_n(&lease->most, burst != 0 ? share.burst : share.limit, __ATOMIC_SEQ_CST);
    }
}

static void lease_limit(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_quota_limit *limit,
                        bool keep) {
    d->inner->limit(d, lease_own(d, count), limit, keep);
    __atomic_store_n(&lease_of(count)->burst, limit != NULL ? limit->burst : 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&count->limit, limit != NULL ? limit->limit : LW_QUOTA_UNLIMITED, __ATOMIC_SEQ_CST);
    lw__lease_share(d, count);
}

/* A cell for each bucket that a refund may come back to. */
static size_t lease_layout(struct lw__quota_dimension *d, const lw_quota_dimension *options) {
    size_t own = d->inner->layout(d, options);
    d->cells = LEAST_CELLS;
    while (d->cells < d->span + d->span / 8) {
        d->cells *= 2;
    }
    d->inner_offset = sizeof(struct lease) + d->cells * sizeof(struct lease_cell);
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

/* ---- syncing: one thread at a time ---- */

/* Nothing is held under the number that follows; what was left goes into the cell of its lease. */
static uint64_t lease_close(const struct lw__quota_dimension *d, struct lease *lease) {
    uint64_t word = lw__word(&lease->held), cell = lw__word(&lease->cell_at), number;
    do {
        number = next_number(held_number(word));
    } while (!lw__swap(&lease->held, &word, number << HELD_BITS));
    if (held_amount(word) > 0) {
        lease_return(d, lease, cell, held_amount(word));
    }
    return number;
}

static void lease_open(struct lease *lease, uint64_t number, uint64_t cell, uint64_t amount, uint64_t until) {
    __atomic_store_n(&lease->until, until, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lease->cell_at, cell, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lease->held, number << HELD_BITS | amount, __ATOMIC_SEQ_CST);
}

void lw__lease_describe(const struct lw__quota_dimension *d, struct lw__quota_count *count, lw_charge *charge) {
    *charge = (lw_charge)LW_CHARGE_INIT;
    charge->name = d->name;
    charge->kind = d->inner == &lw__quota_gcra ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
    charge->resolution = d->resolution;
    charge->window = d->window;
    charge->limit = lw__word(&count->limit);
    charge->burst = lw__word(&lease_of(count)->burst);
}

uint32_t lw__lease_returns(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           lw_charge *charges, uint32_t room) {
    struct lease *lease = lease_of(count);
    uint32_t found = 0;
    if (now >= lw__word(&lease->until) || lw__word(&count->limit) == LW_QUOTA_UNLIMITED) {
        lease_close(d, lease);
    }
    if (__atomic_exchange_n(&lease->returns, 0, __ATOMIC_SEQ_CST) == 0) {
        return 0;
    }
    for (uint64_t i = 0; i < d->cells; i++, lease->swept++) { /* each in its turn */
        struct lease_cell *cell = lease_cell_of(d, lease, lease->swept);
        uint64_t word = lw__word(&cell->back);
        if (held_amount(word) == 0) {
            continue;
        }
        if (found == room) {
            __atomic_store_n(&lease->returns, 1, __ATOMIC_SEQ_CST);
            break;
        }
        while (!lw__swap(&cell->back, &word, word & ~HELD_MOST)) {
        }
        lw__lease_describe(d, count, &charges[found]);
        charges[found].amount = -(int64_t)held_amount(word);
        charges[found].stamp[0] = cell->stamp[0];
        charges[found++].stamp[1] = cell->stamp[1];
    }
    return found;
}

/* What is long past need not be told any more: a window forgets it, and a bucket is not fuller than full. Of a bucket
   that others fill too, what is used here says something only while this process has a share of its own. */
uint64_t lw__lease_debt(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now) {
    struct lw__quota_count *own = lease_own(d, count);
    uint64_t owed = held_amount(__atomic_fetch_and(&lease_of(count)->owed, ~HELD_MOST, __ATOMIC_SEQ_CST));
    lw_quota_reading local = {.limit = lw__word(&own->limit)};
    if (owed == 0 || local.limit == LW_QUOTA_UNLIMITED) {
        return 0;
    }
    d->inner->read(d, own, now, &local);
    uint64_t most = local.used;
    if (d->inner == &lw__quota_gcra && lease_mode(d) != LW__FLEET_SHARE) {
        most = lease_mode(d) == LW__FLEET_OPEN ? lease_whole(count) : owed;
    }
    if (most < owed) { /* the rest is past, as if it had been told */
        lw__lease_told(count);
        owed = most;
    }
    return owed;
}

/* A quarter more than was spent, twice as much when it ran out, at least half of the last one. */
uint64_t lw__lease_wish(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                        const struct lw__lease_terms *terms) {
    struct lease *lease = lease_of(count);
    uint64_t whole = lease_whole(count), held = lw__lease_held(count, terms->now);
    uint64_t largest = lw__word(&lease->largest), spent = __atomic_exchange_n(&lease->spent, 0, __ATOMIC_SEQ_CST);
    if (lw__word(&count->limit) == LW_QUOTA_UNLIMITED) {
        return 0;
    }
    uint64_t most = whole / 100 * terms->percent + whole % 100 * terms->percent / 100;
    uint64_t least = largest > d->fixed ? largest : d->fixed, wish = spent + spent / 4;
    least = least > 1 ? least : 1;
    if (lease->slice == 0) { /* nothing is known yet */
        wish = most / terms->instances;
    } else if (largest > 0 && held < least) {
        uint64_t more = lease->granted < lease->slice ? lease->slice : 2 * lease->slice; /* was it ever had? */
        wish = wish > more ? wish : more;
    }
    wish = wish > lease->slice / 2 ? wish : lease->slice / 2;
    wish = wish < most ? wish : most;
    wish = wish > least ? wish : least;
    lease->slice = wish < whole ? wish : whole;
    lease_take_from(&lease->largest, largest / 8 + (largest > 0));
    bool lasts = held >= lease->slice && lw__word(&lease->until) - terms->now > terms->renew;
    return lasts ? 0 : lease->slice;
}

/* The cell of this stamp: the latest one, or a new one in the place of the oldest. */
static uint64_t lease_stamped(const struct lw__quota_dimension *d, struct lease *lease, const uint64_t *stamp) {
    struct lease_cell *cell = lease_cell_of(d, lease, lease->cells & NUMBER_MASK);
    if (lease->cells == 0 || cell->stamp[0] != stamp[0] || cell->stamp[1] != stamp[1]) {
        lease->cells += (lease->cells & NUMBER_MASK) == NUMBER_MASK ? 2 : 1; /* 0 is no cell */
        cell = lease_cell_of(d, lease, lease->cells & NUMBER_MASK);
        __atomic_store_n(&cell->back, (lease->cells & NUMBER_MASK) << HELD_BITS, __ATOMIC_SEQ_CST);
        cell->stamp[0] = stamp[0];
        cell->stamp[1] = stamp[1];
    }
    return lease->cells & NUMBER_MASK;
}

void lw__lease_grant(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_charge *answer,
                     uint64_t until, uint64_t lasting, uint64_t now) {
    struct lease *lease = lease_of(count);
    uint64_t asked = (uint64_t)answer->amount, amount = answer->granted < asked ? answer->granted : asked;
    uint64_t more = answer->retry != 0 && answer->retry != LW_QUOTA_NEVER ? lw__after(now, answer->retry) : 0;
    __atomic_store_n(&lease->used, answer->used, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lease->more_at, more, __ATOMIC_SEQ_CST);
    if (amount == 0) {
        return;
    }
    uint64_t cell = lease_stamped(d, lease, answer->stamp);
    lease->granted = amount;
    if (lw__lease_held(count, now) >= amount && lw__word(&lease->until) > lasting) {
        lease_return(d, lease, cell, amount); /* the store had so little that the old one is better */
    } else {
        lease_open(lease, lease_close(d, lease), cell, amount, until);
    }
}

void lw__lease_repeat(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t until,
                      uint64_t now) {
    struct lease *lease = lease_of(count);
    bool unbacked = lw__word(&lease->cell_at) == 0;
    if (lease->granted > 0 && (unbacked || now >= lw__word(&lease->until))) {
        lease_open(lease, lease_close(d, lease), 0, lease->granted, until);
    }
}

void lw__lease_end(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lease *lease = lease_of(count);
    lease_close(d, lease);
    __atomic_store_n(&lease->until, 0, __ATOMIC_SEQ_CST);
    lease->slice = 0;
}

void lw__lease_disown(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lease *lease = lease_of(count);
    lw__lease_end(d, count);
    for (uint64_t i = 0; i < d->cells; i++) {
        lease->cell[i].back = 0;
    }
    lease->owed = lease->returns = lease->spent = lease->more_at = lease->cells = 0;
}
