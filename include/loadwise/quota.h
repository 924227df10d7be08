/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Quotas: how much a node may still be given, in any number of dimensions (requests, tokens, bytes, money, requests
 * at the same time), reserved before the work and settled after it.
 *
 *     lw_quota_dimension dimensions[] = {{sizeof(lw_quota_dimension), "rpm", LW_QUOTA_SLIDING, LW_QUOTA_FIXED,
 *                                         60 * SECOND, 0, LW_QUOTA_COVER_FULL, 1}, ...};
 *     lw_quota_register(quota, node, limits, 2, 0);
 *     if (lw_quota_reserve(quota, node, &estimate, 1, &reservation, &refusal) == LW_OK) {
 *         ... the work ...
 *         lw_quota_commit(quota, &reservation, &actual, 1);      // refunds what was not used, or makes a debt
 *     }
 *
 * What each kind promises, for any number of threads (docs/api/quota.md has the proofs in words):
 *   sliding      in no stretch of `window` is more than the limit reserved or settled; steady use reaches
 *                resolution / (resolution + 1) of it
 *   gcra         in any stretch of t ns, at most burst + limit x t / window
 *   concurrency  at no time more than the limit in flight
 * Only debts (settling more than was reserved) and lw_quota_record go beyond, by what lw_quota_read shows.
 *
 * Time: monotonic ns. Calls ending in _at take it, the others read env->now once. A step back counts as standing
 * still. Nothing happens by itself: what is due happens in the next call that looks.
 * Threads: every function on any thread at any time, except lw_quota_free, which is the last. Only register and forget
 * take a lock; only new and register allocate. Ids are node ids as lw_nodes_id gives them. Structs are borrowed for
 * the call. env->log is told the reason of an error, not of a refusal.
 */
#ifndef LOADWISE_QUOTA_H
#define LOADWISE_QUOTA_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/filter.h>
#include <loadwise/observer.h>
#include <loadwise/request.h>

LW_BEGIN

typedef struct lw_quota lw_quota;

enum lw_quota_kind { LW_QUOTA_SLIDING = 0, LW_QUOTA_GCRA = 1, LW_QUOTA_CONCURRENCY = 2 };

/* What a reservation charges. */
enum lw_quota_estimate {
    LW_QUOTA_EXACT = 0, /* the amount that it names; more than could ever be free is refused for ever */
    LW_QUOTA_FIXED = 1, /* always `fixed`, whether it names the dimension or not: {1 request} */
    LW_QUOTA_CLAMP = 2, /* the amount that it names, but at most the limit (the burst of gcra) */
};

/* How many buckets a sliding window counts. */
enum lw_quota_cover {
    LW_QUOTA_COVER_FULL = 0, /* the current one and `resolution` before it: never more than the limit */
    LW_QUOTA_COVER_SEED = 1, /* one less, as loadwise 0.1.0 does: up to twice the limit. For comparison only */
};

enum lw_quota_bound {
    LW_QUOTA_DIMENSIONS = 32,   /* most dimensions of a tracker */
    LW_QUOTA_RESOLUTION = 1000, /* most buckets of a window */
    LW_QUOTA_LENIENT = 1,       /* a flag of lw_quota_options */
};
#define LW_QUOTA_LIMIT_MAX ((UINT64_C(1) << 40) - 1) /* largest limit and burst; larger amounts count as this */
#define LW_QUOTA_UNLIMITED UINT64_MAX
#define LW_QUOTA_NEVER UINT64_MAX
#define LW_QUOTA_ALL UINT32_MAX /* stands for all dimensions: the node was marked exhausted. Its name is "all" */

/* A dimension, the same for all nodes. Its place in the array is the small number by which calls name it. */
typedef struct lw_quota_dimension {
    size_t size;         /* sizeof(lw_quota_dimension), so that the struct can grow */
    const char *name;    /* "tpm"; copied */
    uint32_t kind;       /* enum lw_quota_kind */
    uint32_t estimate;   /* enum lw_quota_estimate */
    uint64_t window;     /* ns, 1 ms to 1 year; not for concurrency */
    uint32_t resolution; /* sliding: buckets in a window; 0: 20 */
    uint32_t cover;      /* sliding: enum lw_quota_cover */
    uint64_t fixed;      /* with LW_QUOTA_FIXED */
    uint32_t shared; /* not 0: the limits are those of a fleet. Of a pool only; lw_pool_sync leases what the pool may
                        grant, see sync.h. Not for concurrency */
} lw_quota_dimension;

typedef struct lw_quota_options {
    size_t size; /* sizeof(lw_quota_options), so that the struct can grow */
    const lw_quota_dimension *dimensions;
    uint32_t dimension_count;  /* 1 to LW_QUOTA_DIMENSIONS */
    uint32_t max_nodes;        /* 0: 65536 */
    uint32_t max_reservations; /* under way at one time; 0: 4096. Beyond, LW_NO_SLOTS */
    uint32_t flags;            /* LW_QUOTA_LENIENT: an unknown dimension is ignored and an unknown node has no limits */
    uint64_t ttl; /* ns after which a reservation that was not ended counts as cancelled; longer than any request takes.
                     0: 10 minutes; LW_QUOTA_NEVER: none */
    uint64_t max_exhausted;      /* ns, longest time that a node can be marked for; 0: 24 hours */
    const lw_observer *observer; /* or NULL; copied. Hooks used: quota_exhausted, quota_released, forgotten */
} lw_quota_options;

#define LW_QUOTA_OPTIONS_INIT                                                                                          \
    { sizeof(lw_quota_options), NULL, 0, 0, 0, 0, 0, 0, NULL }

/*
 * Makes a tracker. Errors: LW_INVALID (no dimensions, a dimension without name or size, two of one name), LW_RANGE (the
 * log says which value), LW_NOMEM.
 */
LW_API int lw_quota_new(lw_quota **out, const lw_env *env, const lw_quota_options *options);

/* NULL-safe. */
LW_API void lw_quota_free(lw_quota *quota);

/* The number of a dimension, from 0 on. Errors: LW_UNKNOWN. */
LW_API int lw_quota_dimension_number(const lw_quota *quota, const char *name);

/* The name of a dimension, "all" for LW_QUOTA_ALL; NULL for a number that is none. Lives as long as the tracker. */
LW_API const char *lw_quota_dimension_name(const lw_quota *quota, uint32_t dimension);

/* ---- nodes ---- */

typedef struct lw_quota_limit {
    uint32_t dimension;
    uint32_t spare; /* 0 */
    uint64_t limit; /* per window, or in flight: 1 to LW_QUOTA_LIMIT_MAX */
    uint64_t burst; /* gcra: most at one moment, 1 to about 1000 limits; 0 for the other kinds */
} lw_quota_limit;

/*
 * Sets the limits of a node, in place of those it had: a dimension that is not listed has none. With keep_history
 * what was used still counts; without, windows and marks start empty (what is in flight stays in flight, and
 * reservations made before refund nothing). Errors: LW_INVALID (a dimension listed twice), LW_UNKNOWN (dimension),
 * LW_RANGE, LW_FULL (max_nodes), LW_NOMEM; the limits are then as before.
 */
LW_API int lw_quota_register(lw_quota *quota, uint64_t node, const lw_quota_limit *limits, size_t count,
                             int keep_history);

/* Drops a node; its reservations end without effect. 1 when there was one, 0 when not. */
LW_API int lw_quota_forget(lw_quota *quota, uint64_t node);

/* ---- reserve, then settle ---- */

/* A reservation, to keep and hand back. By value; any copy will do, the first one handed back counts. */
typedef struct lw_reservation {
    uint64_t node;
    uint64_t generation;
    uint64_t expires; /* monotonic ns, LW_QUOTA_NEVER without a ttl */
    uint32_t slot;
    uint32_t spare;
} lw_reservation;

/* When to ask again. */
enum lw_retry {
    LW_RETRY_AT = 0,            /* at retry_at it would succeed if nothing else happened, and not before */
    LW_RETRY_ON_COMPLETION = 1, /* once reservations under way have ended, but not before retry_at */
    LW_RETRY_NEVER = 2,         /* not with these limits */
};

typedef struct lw_quota_refusal {
    size_t size;        /* sizeof(lw_quota_refusal), so that the struct can grow */
    uint32_t dimension; /* the one that limits longest; LW_QUOTA_ALL when that is a mark */
    uint32_t retry;     /* enum lw_retry */
    uint64_t retry_at;  /* monotonic ns */
} lw_quota_refusal;

#define LW_QUOTA_REFUSAL_INIT                                                                                          \
    { sizeof(lw_quota_refusal), 0, 0, 0 }

/*
 * Charges all of the amounts to a node, or none. Dimensions that are not named are charged if they are LW_QUOTA_FIXED;
 * one that the node has no limit for costs nothing. refusal may be NULL and is only written with LW_OVER_QUOTA.
 * Threads: beside reserves of other threads, one that would just have fitted may be refused, with a retry_at that has
 * come; never is too much granted. Errors: LW_OVER_QUOTA, LW_NO_SLOTS (refusals), LW_UNKNOWN (node or dimension),
 * LW_INVALID (a dimension named twice). After any of them nothing is charged and *reservation is empty.
 */
LW_API int lw_quota_reserve(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count,
                            lw_reservation *reservation, lw_quota_refusal *refusal);
LW_API int lw_quota_reserve_at(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, uint64_t now,
                               lw_reservation *reservation, lw_quota_refusal *refusal);

/*
 * Ends a reservation with what was really used. Per dimension named: less than was charged is refunded where it was
 * charged; more becomes a debt, which delays later grants. Dimensions not named stay as charged; what was in flight is
 * returned. Gcra refunds as much as can do no harm: docs/api/quota.md. Errors: LW_ALREADY (has ended or expired),
 * LW_UNKNOWN (dimension) and LW_INVALID (named twice, not a reservation): it then goes on.
 */
LW_API int lw_quota_commit(lw_quota *quota, const lw_reservation *reservation, const lw_amount *actual, size_t count);
LW_API int lw_quota_commit_at(lw_quota *quota, const lw_reservation *reservation, const lw_amount *actual, size_t count,
                              uint64_t now);

/* Ends a reservation as if nothing had been used. Errors: LW_ALREADY, LW_INVALID. */
LW_API int lw_quota_cancel(lw_quota *quota, const lw_reservation *reservation);
LW_API int lw_quota_cancel_at(lw_quota *quota, const lw_reservation *reservation, uint64_t now);

/* ---- usage told from outside ---- */

/*
 * Counts what was used without a reservation; never refuses. Returns 1, or 0 for an unknown node with LW_QUOTA_LENIENT.
 * Recording at times in the past, oldest first, fills a new node with what lw_quota_history gave. Errors: LW_UNKNOWN,
 * LW_INVALID (named twice), LW_UNSUPPORTED (concurrency).
 */
LW_API int lw_quota_record(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count);
LW_API int lw_quota_record_at(lw_quota *quota, uint64_t node, const lw_amount *amounts, size_t count, uint64_t now);

/*
 * The node wants nothing for `duration` ns: a Retry-After. The later deadline wins; durations are cut at
 * max_exhausted. Errors: LW_UNKNOWN.
 */
LW_API int lw_quota_mark_exhausted(lw_quota *quota, uint64_t node, uint64_t duration);
LW_API int lw_quota_mark_exhausted_at(lw_quota *quota, uint64_t node, uint64_t duration, uint64_t now);

/*
 * What the provider reports: `remaining` in this dimension, and `reset` ns until it is whole again. If that is less
 * than is left here, the difference counts as used until then (sliding: at most one window from now; gcra: drains at
 * its rate, reset is not read). If it is more, nothing changes. The latest report replaces the one before.
 * Errors: LW_UNKNOWN, LW_UNSUPPORTED (concurrency).
 */
LW_API int lw_quota_observe(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t remaining, uint64_t reset);
LW_API int lw_quota_observe_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t remaining, uint64_t reset,
                               uint64_t now);

/* ---- reading ---- */

/*
 * The most that a reserve of this dimension alone would grant now; 0 while marked, LW_QUOTA_UNLIMITED without a limit.
 * Errors: LW_UNKNOWN; *remaining is then 0.
 */
LW_API int lw_quota_remaining(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t *remaining);
LW_API int lw_quota_remaining_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now, uint64_t *remaining);

/*
 * The free share, 0 to 1: the least over the dimensions of remaining over limit (gcra: over burst); 0 while marked.
 * NaN for an unknown node (1 with LW_QUOTA_LENIENT), which no threshold lets through.
 */
LW_API double lw_quota_ratio(lw_quota *quota, uint64_t node);
LW_API double lw_quota_ratio_at(lw_quota *quota, uint64_t node, uint64_t now);

/* Until when the node is marked, monotonic ns; 0 when it is not. Errors: LW_UNKNOWN; *until is then 0. */
LW_API int lw_quota_exhausted_until(lw_quota *quota, uint64_t node, uint64_t *until);
LW_API int lw_quota_exhausted_until_at(lw_quota *quota, uint64_t node, uint64_t now, uint64_t *until);

typedef struct lw_quota_reading {
    size_t size;        /* sizeof(lw_quota_reading), so that the struct can grow; set by the caller */
    uint64_t limit;     /* LW_QUOTA_UNLIMITED: none, and used is 0 */
    uint64_t burst;     /* gcra */
    uint64_t used;      /* reserved, settled and observed, as it counts now; above the limit (burst) it is a debt */
    uint64_t reserved;  /* by reservations under way */
    uint64_t remaining; /* marks aside */
    uint64_t more_at;   /* when some of it comes back by itself; LW_QUOTA_NEVER */
    uint64_t reset_at;  /* when all of it has; LW_QUOTA_NEVER when nothing is to come */
} lw_quota_reading;

#define LW_QUOTA_READING_INIT                                                                                          \
    { sizeof(lw_quota_reading), 0, 0, 0, 0, 0, 0, 0 }

/* All about one dimension of one node. O(max_reservations), for `reserved`. Errors: LW_UNKNOWN, LW_INVALID (size). */
LW_API int lw_quota_read(lw_quota *quota, uint64_t node, uint32_t dimension, lw_quota_reading *reading);
LW_API int lw_quota_read_at(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now,
                            lw_quota_reading *reading);

typedef struct lw_quota_snapshot {
    size_t size;
    uint64_t node;
    uint64_t exhausted_until; /* 0: not marked */
    double ratio;
    const lw_quota_reading *readings; /* one per dimension */
    uint32_t count;
} lw_quota_snapshot;

/*
 * Calls `each` for the nodes of the moment, in no order, until it answers not 0; returns that. The snapshot lives for
 * the call; `each` may call the tracker. O(nodes x max_reservations).
 */
LW_API int lw_quota_each(lw_quota *quota, int (*each)(void *user, const lw_quota_snapshot *snapshot), void *user);
LW_API int lw_quota_each_at(lw_quota *quota, uint64_t now, int (*each)(void *user, const lw_quota_snapshot *snapshot),
                            void *user);

typedef struct lw_quota_use {
    uint64_t at; /* monotonic ns, as late as its bucket allows */
    uint64_t amount;
} lw_quota_use;

/*
 * What a dimension still counts, oldest first, for saving: up to `room` entries. Returns how many there are, at most
 * resolution + 1. What is in flight is not part of it. Errors: LW_UNKNOWN.
 */
LW_API int lw_quota_history(lw_quota *quota, uint64_t node, uint32_t dimension, uint64_t now, lw_quota_use *uses,
                            size_t room);

/*
 * The earliest time after now at which something changes by itself: a mark ends, some of a quota comes back, a
 * reservation expires. LW_QUOTA_NEVER: nothing is to come. O(nodes x resolution + max_reservations).
 */
LW_API uint64_t lw_quota_next_due(lw_quota *quota, uint64_t now);

/*
 * The tracker as a filter. A node passes when its free share is at least `at_least` and the amounts of the request, if
 * it has any, would be granted now. `now` 0 reads the clock. Unknown nodes do not pass, unless LW_QUOTA_LENIENT.
 * Borrows the tracker.
 */
typedef struct lw_quota_filter {
    lw_filter filter;
    lw_quota *quota;
    double at_least;
} lw_quota_filter;
LW_API lw_quota_filter lw_filter_quota(lw_quota *quota, double at_least);

LW_END

#endif
