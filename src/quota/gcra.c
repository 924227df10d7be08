/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * GCRA, the generic cell rate algorithm, which is a token bucket in one word: tat, the theoretical arrival time, is
 * when the node would have worked off all that it was given, one unit each interval T = window / limit.
 *
 *   backlog = max(0, tat - now)     an amount a is taken iff backlog + a T <= burst T;  then tat = now + backlog + a T
 *
 * Bound: of the amounts taken in a stretch of t ns, each moves tat on by a T, from at least the start of the stretch
 * to at most its end + burst T. So they are at most burst + t / T in sum. T is rounded up, to a fraction of a ns.
 *
 * A refund must not give more than there would be had less been reserved: the bucket may have been full since, and what
 * overflowed is lost to everybody. Had a charge been x smaller, tat would be x smaller today iff no later charge met a
 * backlog below x. A later charge, made at time t, met at least
 *
 *   (tat after the charge in question) - (refunds since of charges before it) - t,     and t is at most `latest`
 *
 * since what came after it only added, also net of its refunds. So much, taken at the latest charge, may be refunded:
 * all of it when nothing was charged since, or when the node is well used, which is when it matters. With the refund,
 * the history is one that GCRA would have allowed for the smaller charge, so the bound holds for what is not refunded.
 *
 *   latest    time of the latest charge; raised before tat is
 *   begun     sum of refunds, counted before they show in tat;   done: the same, counted after
 *   charges   number of the next charge; drawn between reading tat and replacing it, so in the order of both
 *   cell[]    what was refunded of each of the last 64 charges, with the low 20 bits of its number: refunds of later
 *             charges, to be left out of the refunds since. One that is not found there is not left out, which is safe
 *
 * Times of tat are modulo 2^64, in units of 2^-scale ns, chosen to give a window 40 bits; `latest` tells when tat is
 * so old that it says nothing. A calculation with `begun` errs when 2^63 such units (eight million whole windows) are
 * refunded while one reservation is under way.
 *
 * Source: ITU-T I.371; in one word of Redis as in redis-cell. The rule for refunds is ours.
 * Cost: two compare-and-swaps (one when time stands still), one addition; no division.
 */
#include "quota/quota.h"

enum {
    SCALED_WINDOW_BITS = 40,
    MOST_BITS = 60,
    CELLS = 64,
    REFUND_BITS = 44,
    INTERVAL_LEAST = 1024, /* rounding it up costs at most a thousandth of the rate */
};

#define GCRA_MOST (UINT64_C(1) << MOST_BITS) /* largest burst x interval; no backlog is over twice that */
#define REFUND_MOST ((UINT64_C(1) << REFUND_BITS) - 1)

struct gcra {
    struct lw__quota_count head;
    uint64_t burst;
    uint64_t interval; /* T */
    uint64_t tat;
    uint64_t latest; /* ns */
    uint64_t begun, done;
    uint64_t charges;
    uint64_t cell[CELLS];
};

/* tat and time as one call sees them. */
struct gcra_view {
    uint64_t at;      /* ns; not before the latest charge */
    uint64_t tat;     /* as read */
    uint64_t backlog; /* at that time */
};

static struct gcra *gcra_of(struct lw__quota_count *count) { return (struct gcra *)(void *)count; }

static uint64_t gcra_cost(uint64_t amount, uint64_t interval) {
    uint64_t cost;
    return __builtin_mul_overflow(amount, interval, &cost) || cost > GCRA_MOST ? GCRA_MOST : cost;
}

/* A span in ns in scaled units, at most the largest backlog. */
static uint64_t gcra_scaled(const struct lw__quota_dimension *d, uint64_t span) {
    return span >= 2 * GCRA_MOST >> d->scale ? 2 * GCRA_MOST : span << d->scale;
}

static struct gcra_view gcra_look(const struct lw__quota_dimension *d, const struct gcra *g, uint64_t now) {
    uint64_t latest = lw__word(&g->latest);
    struct gcra_view view = {now > latest ? now : latest, lw__word(&g->tat), 0};
    uint64_t ahead = view.tat - (view.at << d->scale);
    if (gcra_scaled(d, view.at - latest) < 2 * GCRA_MOST && ahead <= 2 * GCRA_MOST) {
        view.backlog = ahead;
    }
    return view;
}

static bool gcra_store(const struct lw__quota_dimension *d, struct gcra *g, struct gcra_view *view, uint64_t backlog) {
    lw__raise(&g->latest, view->at);
    return lw__swap(&g->tat, &view->tat, (view->at << d->scale) + backlog);
}

/* Draws the number of a charge, and empties the cell that is now its own. */
static uint64_t gcra_number(struct gcra *g) {
    uint64_t number = __atomic_fetch_add(&g->charges, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&g->cell[number % CELLS], number << REFUND_BITS, __ATOMIC_RELEASE);
    return number;
}

/* Unasked: whatever the burst, but no further than a backlog can be told from an old one. */
static bool gcra_place(const struct lw__quota_dimension *d, struct gcra *g, uint64_t amount, uint64_t now, bool unasked,
                       struct lw__quota_charge *charge) {
    for (;;) {
        uint64_t done = lw__word(&g->done), interval = lw__word(&g->interval), burst = lw__word(&g->burst);
        struct gcra_view view = gcra_look(d, g, now);
        uint64_t backlog = view.backlog + gcra_cost(amount, interval);
        if (!unasked && (amount > burst || backlog > gcra_cost(burst, interval))) {
            return false;
        }
        backlog = backlog <= 2 * GCRA_MOST ? backlog : 2 * GCRA_MOST;
        charge->number = gcra_number(g);
        if (gcra_store(d, g, &view, backlog)) {
            charge->stamp = view.at;
            charge->price = interval;
            charge->backlog = backlog;
            charge->refunds = done;
            return true;
        }
    }
}

static bool gcra_take(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount, uint64_t now,
                      struct lw__quota_charge *charge) {
    return gcra_place(d, gcra_of(count), amount, now, false, charge);
}

/* ---- refunds ---- */

static bool cell_is_for(uint64_t word, uint64_t number) {
    return word >> REFUND_BITS == number << REFUND_BITS >> REFUND_BITS;
}

/* What was refunded of charges after this one, as far as it is still known. */
static uint64_t gcra_refunds_after(const struct gcra *g, uint64_t number) {
    uint64_t next = lw__word(&g->charges), sum = 0;
    for (uint64_t n = next - number > CELLS ? next - CELLS : number + 1; n < next; n++) {
        uint64_t word = lw__word(&g->cell[n % CELLS]);
        sum += cell_is_for(word, n) ? word & REFUND_MOST : 0;
    }
    return sum;
}

static void gcra_remember(struct gcra *g, uint64_t number, uint64_t given) {
    uint64_t *cell = &g->cell[number % CELLS], word = lw__word(cell);
    given = given <= REFUND_MOST ? given : REFUND_MOST;
    while (cell_is_for(word, number) && !lw__swap(cell, &word, (number << REFUND_BITS) + given)) {
    }
}

/* How much may be refunded of a charge. own: what this refund itself has put into `begun`. */
static uint64_t gcra_refundable(const struct lw__quota_dimension *d, const struct gcra *g,
                                const struct lw__quota_charge *charge, uint64_t own) {
    uint64_t after = gcra_refunds_after(g, charge->number); /* first: all of it has begun */
    uint64_t refunds = lw__word(&g->begun) - own - charge->refunds - after;
    uint64_t later = gcra_scaled(d, lw__word(&g->latest) - charge->stamp);
    if (refunds > charge->backlog || later > charge->backlog - refunds) {
        return 0;
    }
    return charge->backlog - refunds - later;
}

/* One refund per charge. */
static void gcra_give(const struct lw__quota_dimension *d, struct lw__quota_count *count,
                      const struct lw__quota_charge *charge, uint64_t amount) {
    struct gcra *g = gcra_of(count);
    uint64_t wanted = gcra_cost(amount, charge->price), given;
    __atomic_fetch_add(&g->begun, wanted, __ATOMIC_SEQ_CST);
    uint64_t tat = lw__word(&g->tat);
    do { /* a charge that comes in between makes the swap fail */
        uint64_t refundable = gcra_refundable(d, g, charge, wanted);
        given = wanted < refundable ? wanted : refundable;
    } while (!lw__swap(&g->tat, &tat, tat - given));
    __atomic_fetch_sub(&g->begun, wanted - given, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&g->done, given, __ATOMIC_SEQ_CST);
    gcra_remember(g, charge->number, given);
}

/* ---- what is told ---- */

static void gcra_add(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount, uint64_t now,
                     struct lw__quota_charge *charge) {
    struct lw__quota_charge unread;
    gcra_place(d, gcra_of(count), amount, now, true, charge != NULL ? charge : &unread);
}

static void gcra_observe(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t remaining,
                         uint64_t reset, uint64_t now) {
    struct gcra *g = gcra_of(count);
    (void)reset;
    for (;;) {
        uint64_t burst = lw__word(&g->burst);
        uint64_t backlog = gcra_cost(burst > remaining ? burst - remaining : 0, lw__word(&g->interval));
        struct gcra_view view = gcra_look(d, g, now);
        if (view.backlog >= backlog || gcra_store(d, g, &view, backlog)) {
            return;
        }
    }
}

/* ---- looking ---- */

/* When a backlog will have shrunk by so much: the first whole ns. */
static uint64_t gcra_when(const struct lw__quota_dimension *d, uint64_t at, uint64_t excess) {
    uint64_t wait = (excess >> d->scale) + ((excess & ((UINT64_C(1) << d->scale) - 1)) != 0);
    uint64_t when = lw__after(at, wait);
    return when < LW__ON_COMPLETION ? when : LW__ON_COMPLETION - 1;
}

static uint64_t gcra_fits(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t amount,
                          uint64_t now) {
    const struct gcra *g = gcra_of(count);
    uint64_t interval = lw__word(&g->interval), burst = lw__word(&g->burst), tolerance = gcra_cost(burst, interval);
    struct gcra_view view = gcra_look(d, g, now);
    uint64_t backlog = view.backlog + gcra_cost(amount, interval);
    if (amount > burst) {
        return LW__NOT_EVER;
    }
    return backlog <= tolerance ? 0 : gcra_when(d, view.at, backlog - tolerance);
}

static void gcra_read(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                      lw_quota_reading *reading) {
    const struct gcra *g = gcra_of(count);
    uint64_t interval = lw__word(&g->interval), burst = lw__word(&g->burst), tolerance = gcra_cost(burst, interval);
    struct gcra_view view = gcra_look(d, g, now);
    reading->burst = burst;
    reading->used = view.backlog / interval + (view.backlog % interval != 0);
    reading->remaining = tolerance > view.backlog ? (tolerance - view.backlog) / interval : 0;
    if (reading->remaining < burst) {
        uint64_t left_by_then = tolerance - (reading->remaining + 1) * interval;
        reading->more_at = gcra_when(d, view.at, view.backlog - left_by_then);
        reading->reset_at = gcra_when(d, view.at, view.backlog);
    }
}

static double gcra_ratio(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now) {
    const struct gcra *g = gcra_of(count);
    uint64_t tolerance = gcra_cost(lw__word(&g->burst), lw__word(&g->interval)), backlog = gcra_look(d, g, now).backlog;
    return backlog < tolerance ? (double)(tolerance - backlog) / (double)tolerance : 0;
}

static size_t gcra_history(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint64_t now,
                           lw_quota_use *uses, size_t room) {
    const struct gcra *g = gcra_of(count);
    struct gcra_view view = gcra_look(d, g, now);
    uint64_t interval = lw__word(&g->interval);
    if (view.backlog == 0) {
        return 0;
    }
    if (room > 0) {
        uses[0] = (lw_quota_use){view.at, view.backlog / interval + (view.backlog % interval != 0)};
    }
    return 1;
}

/* ---- setting up ---- */

static uint64_t gcra_most(const struct lw__quota_count *count) {
    return lw__word(&((const struct gcra *)(const void *)count)->burst);
}

static uint64_t gcra_interval(const struct lw__quota_dimension *d, uint64_t limit) {
    uint64_t window = d->window << d->scale;
    return window / limit + (window % limit != 0);
}

static const char *gcra_fault(const struct lw__quota_dimension *d, const lw_quota_limit *limit) {
    uint64_t interval = gcra_interval(d, limit->limit);
    if (limit->burst == 0 || limit->burst > LW_QUOTA_LIMIT_MAX) {
        return "gcra needs a burst from 1 to 2^40 - 1";
    }
    if (interval < INTERVAL_LEAST) {
        return "the limit is too large for its window; count in larger units";
    }
    return limit->burst > GCRA_MOST / interval ? "the burst is too many times the limit" : NULL;
}

/* To drop the history is to refund it all, so that no charge of before has anything left to refund. */
static void gcra_drop(const struct lw__quota_dimension *d, struct gcra *g) {
    struct gcra_view view = gcra_look(d, g, 0);
    while (view.backlog > 0) {
        uint64_t backlog = view.backlog;
        __atomic_fetch_add(&g->begun, backlog, __ATOMIC_SEQ_CST);
        if (lw__swap(&g->tat, &view.tat, view.tat - backlog)) {
            __atomic_fetch_add(&g->done, backlog, __ATOMIC_SEQ_CST);
            return;
        }
        __atomic_fetch_sub(&g->begun, backlog, __ATOMIC_SEQ_CST);
        view = gcra_look(d, g, 0);
    }
}

static void gcra_limit(const struct lw__quota_dimension *d, struct lw__quota_count *count, const lw_quota_limit *limit,
                       bool keep) {
    struct gcra *g = gcra_of(count);
    if (!keep) {
        gcra_drop(d, g);
    }
    if (limit != NULL) {
        __atomic_store_n(&g->burst, limit->burst, __ATOMIC_SEQ_CST);
        __atomic_store_n(&g->interval, gcra_interval(d, limit->limit), __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&count->limit, limit != NULL ? limit->limit : LW_QUOTA_UNLIMITED, __ATOMIC_SEQ_CST);
}

static size_t gcra_layout(struct lw__quota_dimension *d, const lw_quota_dimension *options) {
    (void)options;
    while (d->window << (d->scale + 1) < UINT64_C(1) << SCALED_WINDOW_BITS) {
        d->scale++;
    }
    return sizeof(struct gcra);
}

const struct lw__quota_kind lw__quota_gcra = {
    .layout = gcra_layout,
    .fault = gcra_fault,
    .limit = gcra_limit,
    .most = gcra_most,
    .fits = gcra_fits,
    .take = gcra_take,
    .give = gcra_give,
    .add = gcra_add,
    .observe = gcra_observe,
    .read = gcra_read,
    .ratio = gcra_ratio,
    .history = gcra_history,
};
