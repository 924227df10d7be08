/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sync: pools of many processes act as one. Each process calls lw_pool_sync now and then; that is the only call that
 * does I/O, in one batch, and no pick ever waits for it.
 *
 *     lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
 *     lw_pool_options options = LW_POOL_OPTIONS_INIT;
 *     options.sync = &sync;
 *     ...
 *     lw_pool_sync(pool, store, now + 50 * MILLISECOND, &report);      // from a timer or a thread, every sync.interval
 *
 * What is shared, each only of nodes of the same name:
 *   health    every process adds how many requests went well and how many failed. Whose failures bring the fleet's
 *             share in `window` to failure_percent of at least failure_volume ejects the node and tells the others,
 *             with its name, the reason and the end. Each obeys within max_percent of outlier.h. Which outcomes fail
 *             is the table of effects of the health options
 *   latency   the mean of what the others have measured since the last sync counts as one sample
 *   load      requests under way in all processes, as if lw_pool_report_load had told it: for metric=external. Not
 *             beside reports of your own
 *   quota     dimensions with `shared` set: the process leases a slice ahead of need, and picks spend it
 *
 * Leases. A slice is sized by what was spent since the last sync, doubled when it ran out, never above lease_percent of
 * the limit (the burst), unless a single amount is, nor what is left. It can be spent for `lease` ns; what is not, is
 * given back. The store counts a sliding slice until a window after its end, so that what the fleet *uses* in any
 * window is at most the limit, plus debts: amounts settled above their reservation. Gcra: at most burst + limit x (t +
 * lease) / window in any stretch t. docs/api/sync.md derives both, and says what an outage adds.
 *
 * Outages. Each node goes by the answers to its own keys: where a cluster lacks a master, its nodes go by `outage`, and
 * the others go on leasing. The hook `outage` tells when the first node is away, and when none is any more. What was
 * granted meanwhile is owed, and told once the keys answer, or until it counts no more; a node that leaves the pool
 * stays for that (and the hook `forgotten` waits), the latest 1024 that do. A node that is new has nothing leased, and
 * goes by `outage` if all others do.
 *
 * Threads: any; a second sync of one pool at the same time is LW_BUSY. The pool's lock is not held during I/O; nodes
 * that have left are not freed meanwhile.
 */
#ifndef LOADWISE_SYNC_H
#define LOADWISE_SYNC_H

#include <loadwise/pool.h>
#include <loadwise/store.h>

LW_BEGIN

enum lw_share {
    LW_SHARE_HEALTH = 1,
    LW_SHARE_LATENCY = 2,
    LW_SHARE_LOAD = 4,
    LW_SHARE_QUOTA = 8,
};

/* A member left 0 means its default. In lw_pool_options. */
typedef struct lw_sync_options {
    size_t size; /* sizeof(lw_sync_options), so that the struct can grow */

    const char *prefix;   /* of the keys: the same for all that share; at most 100 printable bytes, no space, '{' or
                             '}'; default "loadwise/". Copied */
    const char *instance; /* the name of this process: 1 to 64 printable bytes, no space; default: drawn. Copied */
    uint32_t share;       /* sum of enum lw_share; default: all */
    uint32_t instances;   /* how many processes share while nothing was heard of them; default those of the pool */

    uint64_t interval; /* ns between two syncs as the host means to call; 1 ms to 1 hour; default 1 s. Who was not heard
                          of for three of them is gone */

    uint64_t window;          /* ns of the fleet's failures, at least 1 ms; default 10 s */
    uint32_t failure_percent; /* 1 to 100; default 50 */
    uint32_t failure_volume;  /* requests of the fleet in the window; default 20 */
    uint64_t ejection;        /* ns, at least window; default 30 s, or that */

    uint64_t lease; /* ns, more than interval, at most a tenth of each shared window; default 3 intervals, or that
                       tenth */
    uint32_t lease_percent; /* 1 to 100; default 25 */

    uint32_t outage; /* enum lw_outage, for leases of nodes that are away. What else was heard is believed until it ends
                        by itself */
    uint64_t stale;  /* ns; default 10 s */

    /* ns since 1970 by a clock that all processes share; NULL, the better choice: the store's own. */
    uint64_t (*time)(void *user);
    void *time_user;
} lw_sync_options;

#define LW_SYNC_OPTIONS_INIT                                                                                           \
    { sizeof(lw_sync_options), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL }

typedef struct lw_sync_report {
    size_t size;        /* sizeof(lw_sync_report), so that the struct can grow; set by the caller */
    uint32_t steps;     /* of the batch */
    uint32_t instances; /* processes that are alive */
    uint32_t ejected;   /* nodes that this sync has ejected here, by its own judgement or that of another */
    uint32_t away;      /* nodes whose keys could not be asked: `outage` is in force for them */
    uint64_t next;      /* monotonic ns at which to sync again: an interval on */
} lw_sync_report;

#define LW_SYNC_REPORT_INIT                                                                                            \
    { sizeof(lw_sync_report), 0, 0, 0, 0, 0 }

/*
 * Exchanges with the fleet what has happened since the last sync. report may be NULL. What could not be told is told in
 * the next one; nothing is counted twice or lost, but by a batch whose answer was lost, of which docs/api/sync.md
 * tells. Errors: LW_UNAVAILABLE; LW_INVALID (no store, or a pool without options.sync), LW_BUSY, LW_FORKED, LW_NOMEM,
 * and what else the store answers, of which the log tells.
 */
LW_API int lw_pool_sync(lw_pool *pool, lw_store *store, uint64_t deadline, lw_sync_report *report);

/* Gives back what is leased and takes this process out of the fleet: before lw_pool_free. Picks then find nothing left
   of shared dimensions, until the next sync. Errors: those of lw_pool_sync. */
LW_API int lw_pool_sync_leave(lw_pool *pool, lw_store *store, uint64_t deadline);

LW_END

#endif
