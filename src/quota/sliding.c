/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sliding window: time is cut into buckets of window / resolution, and the current bucket counts together with the
 * `resolution` before it. A stretch of `window` touches no more buckets than that, so what holds for every row of
 * span = resolution + 1 buckets holds for every stretch of time.
 *
 *   epoch    number of the current bucket; only ever rises
 *   used     the gate: an amount is taken by raising it in one step, to no more than the limit
 *   cell[]   what each bucket holds, with the low 24 bits of its number, in a ring
 *
 * Taking: raise the gate, then read the epoch, then add to that bucket. Expiring: raise the epoch, then empty a cell
 * that has fallen out of the row; whoever emptied it lowers the gate by what was in it. Refunding: take from the cell
 * that was charged, if its bucket still counts, then lower the gate.
 *
 * Why no row of buckets ever holds more than the limit. All accesses stand in one order. Say that an amount is taken
 * at the epoch of the moment when it raised the gate. (1) It is in the gate from then on, and lands in that bucket or
 * a later one. (2) A cell of bucket b is emptied only once the epoch is at least b + span. By both, the gate always
 * holds all that was taken at the last `span` epochs. Of any row of `span` epochs look at the last amount taken in it:
 * all that the row took before was in the gate then, and the gate was not raised beyond the limit. A refund lowers
 * cell and gate by the same amount, once. What has passed the gate and not landed, or was emptied and not yet lowered,
 * only makes the gate too high for a while: a take may then be refused that would have fitted.
 *
 * An epoch follows from a time that some call was given, so a call with an older time counts as of the latest. With 24
 * bits, a cell that nobody looks at for exactly 2^24 buckets counts one window too long, and a refund errs if its
 * thread stands still for exactly so long between two instructions.
 *
 * Source: the bucketed window of loadwise 0.1.0, which leaves out the bucket that makes the bound hold (cover=seed).
 * Cost: a take is two compare-and-swaps, a refusal reads the ring, each new bucket costs one division.
 */
#include "quota/quota.h"

enum { CELL_BITS = 40, DEFAULT_RESOLUTION = 20 };

#define CELL_MOST ((UINT64_C(1) << CELL_BITS) - 1)

struct sliding {
    struct lw__quota_count head;
    uint64_t used;
    uint64_t epoch;
    uint64_t skew;     /* epoch = time / bucket + skew: history is dropped by a jump of the epoch */
    uint64_t withheld; /* a cell for what was observed, numbered with the epoch at which it ends */
    uint64_t cell[];
};

static struct sliding *sliding_of(struct lw__quota_count *count) { return (struct sliding *)(void *)count; }

static uint64_t cell_of(uint64_t epoch, uint64_t amount) { return epoch << CELL_BITS | amount; }
static uint64_t cell_amount(uint64_t word) { return word & CELL_MOST; }
static bool cell_is_of(uint64_t word, uint64_t epoch) { return word >> CELL_BITS == epoch << CELL_BITS >> CELL_BITS; }

/* How far the epoch is past the number of the cell, modulo 2^24. */
static uint64_t cell_age(uint64_t word, uint64_t epoch) { return (epoch << CELL_BITS) - (word & ~CELL_MOST); }
#define CELL_AGE(buckets) ((uint64_t)(buckets) << CELL_BITS)

static void sliding_lower(struct sliding *w, uint64_t amount) {
    __atomic_fetch_sub(&w->used, amount, __ATOMIC_SEQ_CST);
}

static void sliding_raise(struct sliding *w, uint64_t amount) {
    __atomic_fetch_add(&w->used, amount, __ATOMIC_SEQ_CST);
}

/* ---- time ---- */

/* When an epoch begins. */
static uint64_t sliding_start(const struct lw__quota_dimension *d, const struct sliding *w, uint64_t epoch) {
    uint64_t start;
    return __builtin_mul_overflow(epoch - lw__word(&w->skew), d->bucket, &start) ? UINT64_MAX : start;
}

/* Empties a cell if it no longer counts. The number of a cell is never past the epoch that is read after it. */
static void sliding_expire(const struct lw__quota_dimension *d, struct sliding *w, uint64_t *cell) {
    uint64_t word = lw__word(cell), amount = cell_amount(word);
    if (amount != 0 && cell_age(word, lw__word(&w->epoch)) >= CELL_AGE(d->span) &&
        lw__swap(cell, &word, word - amount)) {
        sliding_lower(w, amount);
    }
}

static void sliding_expire_withheld(const struct lw__quota_dimension *d, struct sliding *w) {
    uint64_t word = lw__word(&w->withheld), amount = cell_amount(word);
    uint64_t ahead = 0 - cell_age(word, lw__word(&w->epoch));
    if (amount != 0 && (ahead == 0 || ahead > CELL_AGE(d->span)) && lw__swap(&w->withheld, &word, word - amount)) {
        sliding_lower(w, amount);
    }
}

static void sliding_sweep(const struct lw__quota_dimension *d, struct sliding *w) {
    for (uint64_t i = 0; i <= d->mask; i++) {
        sliding_expire(d, w, &w->cell[i]);
    }
    sliding_expire_withheld(d, w);
}

/* Raises the epoch, and expires what that leaves behind. */
static void sliding_advance(const struct lw__quota_dimension *d, struct sliding *w, uint64_t to) {
    uint64_t from = lw__word(&w->epoch);
    do {
        if (from >= to) {
            return;
        }
    } while (!lw__swap(&w->epoch, &from, to));
    uint64_t gone = to - from <= d->mask ? to - from : d->mask + 1;
    for (uint64_t i = 0; i < gone; i++) {
        sliding_expire(d, w, &w->cell[(to - d->span - i) & d->mask]);
    }
    sliding_expire_withheld(d, w);
}

static void sliding_roll(const struct lw__quota_dimension *d, struct sliding *w, uint64_t now) {
    if (now >= sliding_start(d, w, lw__word(&w->epoch) + 1)) {
        sliding_advance(d, w, now / d->bucket + lw__word(&w->skew));
    }
}

/* ---- taking and giving ---- */

/* Lays what is in the gate into the current bucket, as far as it holds so much, and tells which bucket that was. */
static uint64_t sliding_land(struct sliding *w, const struct lw__quota_dimension *d, uint64_t amount) {
    for (;;) {
        uint64_t epoch = lw__word(&w->epoch), *cell = &w->cell[epoch & d->mask], word = lw__word(cell);
        uint64_t held = cell_amount(word);
        if (!cell_is_of(word, epoch)) { /* of an older bucket, unless the epoch has moved on */
            if (lw__word(&w->epoch) == epoch && lw__swap(cell, &word, cell_of(epoch, amount))) {
                sliding_lower(w, held);
                return epoch;
            }
        } else {
            uint64_t fitting = amount <= CELL_MOST - held ? amount : CELL_MOST - held;
            if (lw__swap(cell, &word, word + fitting)) {
                sliding_lower(w, amount - fitting);
                return epoch;
            }
        }
    }
}

static bool sliding_pass(const struct lw__quota_dimension *d, struct sliding *w, uint64_t amount) {
    uint64_t limit = lw__word(&w->head.limit), used = lw__word(&w->used);
    for (bool swept = false;;) {
        if (used + amount <= limit) {
            if (lw__swap(&w->used, &used, used + amount)) {
                return true;
            }
        } else if (swept) {
            return false;
        } else { /* somebody may have raised the epoch and not got round to the rest */
            sliding_sweep(d, w);
            swept = true;
            used = lw__word(&w->used);
        }
    }
}

static bool sliding_take(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                         uint64_t now, struct lw__quota_charge *charge) {
    struct sliding *w = sliding_of(count);
    sliding_roll(d, w, now);
    if (!sliding_pass(d, w, amount)) {
        return false;
    }
    charge->stamp = sliding_land(w, d, amount);
    return true;
}

/* The cell is that of the charge as long as the epoch, read after it, has not left that behind. It may hold less where
   more was added unasked than a cell can. */
static void sliding_give(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                         const struct lw__quota_charge *charge, uint64_t amount) {
    struct sliding *w = sliding_of(count);
    uint64_t *cell = &w->cell[charge->stamp & d->mask], word = lw__word(cell);
    while (lw__word(&w->epoch) - charge->stamp < d->span) {
        uint64_t given = amount < cell_amount(word) ? amount : cell_amount(word);
        if (lw__swap(cell, &word, word - given)) {
            sliding_lower(w, given);
            return;
        }
    }
}

static void sliding_add(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                        uint64_t now, struct lw__quota_charge *charge) {
    struct sliding *w = sliding_of(count);
    amount = amount <= CELL_MOST ? amount : CELL_MOST;
    sliding_roll(d, w, now);
    sliding_raise(w, amount);
    uint64_t bucket = sliding_land(w, d, amount);
    if (charge != NULL) {
        charge->stamp = bucket;
    }
}

/* The new report goes through the gate before the old one leaves it. */
static void sliding_observe(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t remaining,
                            uint64_t reset, uint64_t now) {
    struct sliding *w = sliding_of(count);
    sliding_roll(d, w, now);
    sliding_sweep(d, w);
    uint64_t word = lw__word(&w->withheld);
    for (;;) {
        uint64_t own = lw__word(&w->used) - cell_amount(word), limit = lw__word(&w->head.limit);
        uint64_t left = limit > own ? limit - own : 0, epoch = lw__word(&w->epoch);
        uint64_t withhold = left > remaining ? left - remaining : 0;
        uint64_t buckets =
            reset / d->bucket < d->span ? (now % d->bucket + reset + d->bucket - 1) / d->bucket : d->span;
        buckets = buckets < 1 ? 1 : buckets <= d->span ? buckets : d->span;
        sliding_raise(w, withhold);
        uint64_t old = cell_amount(word);
        bool set = lw__swap(&w->withheld, &word, cell_of(epoch + buckets, withhold));
        sliding_lower(w, set ? old : withhold);
        if (set) {
            return;
        }
    }
}

/* ---- looking ---- */

/* What comes back when this epoch begins. */
static uint64_t sliding_comes_back(const struct lw__quota_dimension *d, const struct sliding *w, uint64_t epoch) {
    uint64_t word = lw__word(&w->cell[(epoch - d->span) & d->mask]), withheld = lw__word(&w->withheld);
    return (cell_is_of(word, epoch - d->span) ? cell_amount(word) : 0) +
           (cell_is_of(withheld, epoch) ? cell_amount(withheld) : 0);
}

static uint64_t sliding_fits(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                             uint64_t now) {
    struct sliding *w = sliding_of(count);
    uint64_t limit = lw__word(&count->limit);
    sliding_roll(d, w, now);
    if (lw__word(&w->used) + amount <= limit) {
        return 0;
    }
    if (amount > limit) {
        return LW__NOT_EVER;
    }
    sliding_sweep(d, w);
    uint64_t used = lw__word(&w->used), epoch = lw__word(&w->epoch);
    if (used + amount <= limit) {
        return 0;
    }
    for (uint64_t ahead = 1; ahead <= d->span; ahead++) {
        uint64_t back = sliding_comes_back(d, w, epoch + ahead);
        used -= back <= used ? back : used;
        if (used + amount <= limit) {
            uint64_t at = sliding_start(d, w, epoch + ahead);
            return at < LW__ON_COMPLETION ? at : LW__ON_COMPLETION - 1;
        }
    }
    return now > 0 ? now : 1; /* the rest is on its way between gate and cells */
}

static void sliding_read(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                         lw_quota_reading *reading) {
    struct sliding *w = sliding_of(count);
    sliding_roll(d, w, now);
    sliding_sweep(d, w);
    uint64_t epoch = lw__word(&w->epoch);
    reading->used = lw__word(&w->used);
    reading->remaining = reading->limit > reading->used ? reading->limit - reading->used : 0;
    for (uint64_t ahead = 1; ahead <= d->span; ahead++) {
        if (sliding_comes_back(d, w, epoch + ahead) > 0) {
            reading->reset_at = sliding_start(d, w, epoch + ahead);
            reading->more_at = reading->more_at < reading->reset_at ? reading->more_at : reading->reset_at;
        }
    }
}

static double sliding_ratio(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now) {
    struct sliding *w = sliding_of(count);
    sliding_roll(d, w, now);
    uint64_t limit = lw__word(&count->limit), used = lw__word(&w->used);
    return used < limit ? (double)(limit - used) / (double)limit : 0;
}

static size_t sliding_history(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                              lw_quota_use *uses, size_t room) {
    struct sliding *w = sliding_of(count);
    size_t found = 0;
    sliding_roll(d, w, now);
    for (uint64_t epoch = lw__word(&w->epoch), back = d->span; back-- > 0;) {
        uint64_t word = lw__word(&w->cell[(epoch - back) & d->mask]);
        if (cell_is_of(word, epoch - back) && cell_amount(word) > 0) {
            if (found < room) {
                /* As late as it can have been, so that whoever counts it again forgets none of it early. */
                uint64_t last = sliding_start(d, w, epoch - back + 1) - 1;
                uses[found] = (lw_quota_use){last < now ? last : now, cell_amount(word)};
            }
            found++;
        }
    }
    return found;
}

/* ---- setting up ---- */

static uint64_t sliding_most(const struct lw__quota_count *count) { return lw__word(&count->limit); }

static const char *sliding_fault(const struct lw__quota_dimension *d, const lw_quota_limit *limit) {
    (void)d;
    return limit->burst != 0 ? "only gcra has a burst" : NULL;
}

/* A jump of one span leaves every bucket behind, and every reservation that was charged to one. */
static void sliding_limit(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                          const lw_quota_limit *limit, bool keep) {
    struct sliding *w = sliding_of(count);
    __atomic_store_n(&count->limit, limit != NULL ? limit->limit : LW_QUOTA_UNLIMITED, __ATOMIC_SEQ_CST);
    if (!keep) {
        sliding_advance(d, w, lw__word(&w->epoch) + d->span);
        __atomic_fetch_add(&w->skew, d->span, __ATOMIC_SEQ_CST);
    }
}

static size_t sliding_layout(struct lw__quota_dimension *d, const lw_quota_dimension *options) {
    uint64_t resolution = options->resolution != 0 ? options->resolution : DEFAULT_RESOLUTION;
    d->bucket = (d->window + resolution - 1) / resolution;
    d->span = options->cover == LW_QUOTA_COVER_SEED ? resolution : resolution + 1;
    while (d->mask + 1 < d->span) {
        d->mask = d->mask * 2 + 1;
    }
    return sizeof(struct sliding) + (d->mask + 1) * sizeof(uint64_t);
}

const struct lw__quota_kind lw__quota_sliding = {
    .layout = sliding_layout,
    .fault = sliding_fault,
    .limit = sliding_limit,
    .most = sliding_most,
    .fits = sliding_fits,
    .take = sliding_take,
    .give = sliding_give,
    .add = sliding_add,
    .observe = sliding_observe,
    .read = sliding_read,
    .ratio = sliding_ratio,
    .history = sliding_history,
};
