/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Syncing a lease with the store that it was taken from: what is told, what is asked for, what is granted, and how a
 * lease ends. All of it is done by one thread at a time, while others pick; see lease.c.
 * Cost: O(1), and O(cells) where something goes back.
 */
#include "quota/lease_words.h"

static uint64_t next_number(uint64_t number) { return (number + 1) & LW__NUMBER_MASK; }

/* Lowers by up to `amount`, never below 0. */
static void lease_take_from(uint64_t *word, uint64_t amount) {
    uint64_t was = lw__word(word);
    while (!lw__swap(word, &was, was > amount ? was - amount : 0)) {
    }
}

/* Nothing is held under the number that follows; what was left goes into the cell of its lease. */
static uint64_t lease_close(const struct lw__quota_dimension *d, struct lw__lease *lease) {
    uint64_t word = lw__word(&lease->held), cell = lw__word(&lease->cell_at), number;
    do {
        number = next_number(lw__held_number(word));
    } while (!lw__swap(&lease->held, &word, number << LW__HELD_BITS));
    if (lw__held_amount(word) > 0) {
        lw__lease_return(d, lease, cell, lw__held_amount(word));
    }
    return number;
}

static void lease_open(struct lw__lease *lease, uint64_t number, uint64_t cell, uint64_t amount, uint64_t until) {
    __atomic_store_n(&lease->until, until, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lease->cell_at, cell, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lease->held, number << LW__HELD_BITS | amount, __ATOMIC_SEQ_CST);
}

void lw__lease_describe(const struct lw__quota_dimension *d, struct lw__quota_count *count, lw_charge *charge) {
    *charge = (lw_charge)LW_CHARGE_INIT;
    charge->name = d->name;
    charge->kind = d->inner == &lw__quota_gcra ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
    charge->resolution = d->resolution;
    charge->window = d->window;
    charge->limit = lw__word(&count->limit);
    charge->burst = lw__word(&lw__lease_of(count)->burst);
}

uint32_t lw__lease_returns(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           lw_charge *charges, uint32_t room) {
    struct lw__lease *lease = lw__lease_of(count);
    uint32_t found = 0;
    if (now >= lw__word(&lease->until) || lw__word(&count->limit) == LW_QUOTA_UNLIMITED) {
        lease_close(d, lease);
    }
    if (__atomic_exchange_n(&lease->returns, 0, __ATOMIC_SEQ_CST) == 0) {
        return 0;
    }
    for (uint64_t i = 0; i < d->cells; i++, lease->swept++) { /* each in its turn */
        struct lw__lease_cell *cell = lw__lease_cell_of(d, lease, lease->swept);
        uint64_t word = lw__word(&cell->back);
        if (lw__held_amount(word) == 0) {
            continue;
        }
        if (found == room) {
            __atomic_store_n(&lease->returns, 1, __ATOMIC_SEQ_CST);
            break;
        }
        while (!lw__swap(&cell->back, &word, word & ~LW__HELD_MOST)) {
        }
        lw__lease_describe(d, count, &charges[found]);
        charges[found].amount = -(int64_t)lw__held_amount(word);
        charges[found].stamp[0] = cell->stamp[0];
        charges[found++].stamp[1] = cell->stamp[1];
    }
    return found;
}

void lw__lease_told(struct lw__quota_count *count) {
    __atomic_fetch_add(&lw__lease_of(count)->owed, UINT64_C(1) << LW__HELD_BITS, __ATOMIC_SEQ_CST);
}

bool lw__lease_owes(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now) {
    struct lw__quota_count *own = lw__lease_own(d, count);
    lw_quota_reading local = {.limit = lw__word(&own->limit)};
    if (lw__held_amount(lw__word(&lw__lease_of(count)->owed)) == 0 || local.limit == LW_QUOTA_UNLIMITED) {
        return false;
    }
    d->inner->read(d, own, now, &local);
    return local.used > 0;
}

/* What is long past need not be told any more: a window forgets it, and a bucket is not fuller than full. Of a bucket
   that others fill too, what is used here says something only while this process has a share of its own. */
uint64_t lw__lease_debt(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now) {
    struct lw__quota_count *own = lw__lease_own(d, count);
    uint64_t owed = lw__held_amount(__atomic_fetch_and(&lw__lease_of(count)->owed, ~LW__HELD_MOST, __ATOMIC_SEQ_CST));
    lw_quota_reading local = {.limit = lw__word(&own->limit)};
    if (owed == 0 || local.limit == LW_QUOTA_UNLIMITED) {
        return 0;
    }
    d->inner->read(d, own, now, &local);
    uint64_t most = local.used;
    if (d->inner == &lw__quota_gcra && lw__lease_mode(count) != LW__FLEET_SHARE) {
        most = lw__lease_mode(count) == LW__FLEET_OPEN ? lw__lease_whole(count) : owed;
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
    struct lw__lease *lease = lw__lease_of(count);
    uint64_t whole = lw__lease_whole(count), held = lw__lease_held(count, terms->now);
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
static uint64_t lease_stamped(const struct lw__quota_dimension *d, struct lw__lease *lease, const uint64_t *stamp) {
    struct lw__lease_cell *cell = lw__lease_cell_of(d, lease, lease->cells & LW__NUMBER_MASK);
    if (lease->cells == 0 || cell->stamp[0] != stamp[0] || cell->stamp[1] != stamp[1]) {
        lease->cells += (lease->cells & LW__NUMBER_MASK) == LW__NUMBER_MASK ? 2 : 1; /* 0 is no cell */
        cell = lw__lease_cell_of(d, lease, lease->cells & LW__NUMBER_MASK);
        __atomic_store_n(&cell->back, (lease->cells & LW__NUMBER_MASK) << LW__HELD_BITS, __ATOMIC_SEQ_CST);
        cell->stamp[0] = stamp[0];
        cell->stamp[1] = stamp[1];
    }
    return lease->cells & LW__NUMBER_MASK;
}

void lw__lease_grant(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_charge *answer,
                     uint64_t until, uint64_t lasting, uint64_t now) {
    struct lw__lease *lease = lw__lease_of(count);
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
        lw__lease_return(d, lease, cell, amount); /* the store had so little that the old one is better */
    } else {
        lease_open(lease, lease_close(d, lease), cell, amount, until);
    }
}

void lw__lease_repeat(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t until,
                      uint64_t now) {
    struct lw__lease *lease = lw__lease_of(count);
    bool unbacked = lw__word(&lease->cell_at) == 0;
    if (lease->granted > 0 && (unbacked || now >= lw__word(&lease->until))) {
        lease_open(lease, lease_close(d, lease), 0, lease->granted, until);
    }
}

void lw__lease_end(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lw__lease *lease = lw__lease_of(count);
    lease_close(d, lease);
    __atomic_store_n(&lease->until, 0, __ATOMIC_SEQ_CST);
    lease->slice = 0;
}

void lw__lease_disown(const struct lw__quota_dimension *d, struct lw__quota_count *count) {
    struct lw__lease *lease = lw__lease_of(count);
    lw__lease_end(d, count);
    for (uint64_t i = 0; i < d->cells; i++) {
        lease->cell[i].back = 0;
    }
    lease->owed = lease->returns = lease->spent = lease->more_at = lease->cells = 0;
}
