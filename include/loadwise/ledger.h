/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ledgers: quotas that a fleet of processes shares exactly. Each reserve asks the store, in one round trip.
 *
 *     lw_ledger *ledger;
 *     lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
 *     options.dimensions = dimensions; options.dimension_count = 2;      // as for lw_quota_new
 *     lw_ledger_new(&ledger, NULL, store, &options);
 *     lw_ledger_limits(ledger, node, limits, 2);
 *     if (lw_ledger_reserve(ledger, node, &tokens, 1, deadline, &reservation, &refusal) == LW_OK) {
 *         ... the work ...
 *         lw_ledger_commit(ledger, &reservation, &actual, 1, deadline);
 *     }
 *
 * Exact means: what account.h promises, over all processes, refunds and debts included. Where a round trip per request
 * is too dear, let the pool lease instead: sync.h.
 *
 * The same calls are also counted here, in a tracker like lw_quota. It refuses without asking what this process alone
 * has used up. While a node's account is away (LW_UNAVAILABLE) it is what `outage` goes by, and what was granted then
 * is told to the store when it is back, before the next reserve of that node. Each node goes by what its own account
 * last answered: where a cluster lacks a master, those whose slots are with others go on, exactly. The hook `outage`
 * tells when the first node is away, and when none is any more. A reserve whose answer was lost may have been counted
 * by the store: then its amounts are missed there until they no longer count, never granted twice.
 *
 * Threads: every function, any thread, at any time, except lw_ledger_free, which is the last. Reserve, commit and
 * cancel wait for the store, at most until their deadline (monotonic ns; 0: the store's own). A child after a fork
 * makes its own: the name and the debts of this one are its parent's.
 */
#ifndef LOADWISE_LEDGER_H
#define LOADWISE_LEDGER_H

#include <loadwise/quota.h>
#include <loadwise/store.h>
#include <loadwise/ticket.h>

LW_BEGIN

typedef struct lw_ledger lw_ledger;

/* A member left 0 means its default. */
typedef struct lw_ledger_options {
    size_t size;                          /* sizeof(lw_ledger_options), so that the struct can grow */
    const lw_quota_dimension *dimensions; /* sliding or gcra; copied */
    uint32_t dimension_count;             /* 1 to LW_QUOTA_DIMENSIONS */
    uint32_t max_nodes, max_reservations; /* as in lw_quota_options */
    uint64_t ttl; /* as in lw_quota_options: then a reservation that was not ended stays charged */

    const char *prefix;   /* of the keys: the same for all that share; at most 100 printable bytes, no space, '{' or
                             '}'; default "loadwise/" */
    const char *instance; /* the name of this process among those that share: 1 to 64 printable bytes, no space;
                             default: drawn */

    uint32_t outage;    /* enum lw_outage */
    uint64_t stale;     /* ns; default 10 s. LW_OUTAGE_STALE: grants this process's share of before for so long */
    uint32_t instances; /* how many processes share while nothing is known; default 1 */
    uint64_t heartbeat; /* ns between two signs of life, sent along with a reserve or lw_ledger_beat; one that was not
                           heard of for three of them is gone; default 5 s */

    /* ns since 1970 by a clock that all processes share; NULL, the better choice: the store's own. */
    uint64_t (*time)(void *user);
    void *time_user;

    const lw_observer *observer; /* or NULL; copied. Hooks used: quota_exhausted, quota_released, outage */
} lw_ledger_options;

#define LW_LEDGER_OPTIONS_INIT                                                                                         \
    { sizeof(lw_ledger_options), NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL }

/* Makes a ledger over a store, which is borrowed. env and options are copied. Errors: LW_INVALID, LW_RANGE (the log
   says which), LW_NOMEM. Does not ask the store. */
LW_API int lw_ledger_new(lw_ledger **out, const lw_env *env, lw_store *store, const lw_ledger_options *options);

/* NULL-safe. Reservations that are under way stay charged. */
LW_API void lw_ledger_free(lw_ledger *ledger);

/* Sets the limits of a node, in place of those it had; what was used still counts. Errors: those of lw_quota_register.
   Does not ask the store. */
LW_API int lw_ledger_limits(lw_ledger *ledger, uint64_t node, const lw_quota_limit *limits, size_t count);

/* Drops a node here, and what it owes; the account is left to forget by itself. 1 when there was one, 0 when not. */
LW_API int lw_ledger_forget(lw_ledger *ledger, uint64_t node);

/*
 * Charges all of the amounts, or none, as lw_quota_reserve does, for the whole fleet. The reservation is one of this
 * ledger. Refusals and errors are the same; retry_at is monotonic. LW_UNAVAILABLE does not occur: what then happens is
 * `outage`, and what that refuses altogether is LW_OVER_QUOTA in LW_QUOTA_ALL, to be tried again in a second. What else
 * the store answers is passed on: LW_DENIED, LW_FULL, LW_CORRUPT, LW_RANGE (a gcra too large to be counted).
 */
LW_API int lw_ledger_reserve(lw_ledger *ledger, uint64_t node, const lw_amount *amounts, size_t count,
                             uint64_t deadline, lw_reservation *reservation, lw_quota_refusal *refusal);

/*
 * Ends a reservation with what was really used, as lw_quota_commit does. Asks the store only when that differs from
 * what was reserved. What the store cannot be told now is told later; LW_OK all the same. Errors: LW_ALREADY,
 * LW_UNKNOWN, LW_INVALID.
 */
LW_API int lw_ledger_commit(lw_ledger *ledger, const lw_reservation *reservation, const lw_amount *actual, size_t count,
                            uint64_t deadline);

/* Ends a reservation as if nothing had been used. Errors: LW_ALREADY, LW_INVALID. */
LW_API int lw_ledger_cancel(lw_ledger *ledger, const lw_reservation *reservation, uint64_t deadline);

/*
 * Picks a node of the pool and reserves its share: a node that is refused counts as excluded, is told to wait until
 * retry_at, and another one is picked, at most LW_POOL_TRIES times more. Amounts are those of the
 * request, by this ledger's dimensions; the pool must have none of its own. Nodes that the ledger has no limits for are
 * not charged. On LW_OK both are to be ended: the ticket by lw_done, the reservation by commit or cancel. Errors and
 * refusals: those of lw_pick and lw_ledger_reserve; *ticket has when to ask again.
 */
LW_API int lw_ledger_pick(lw_ledger *ledger, lw_pool *pool, uint32_t route, const lw_request *request,
                          uint64_t deadline, lw_ticket *ticket, lw_reservation *reservation);

/* Tells the store what it could not be told, and gives a sign of life: to be called now and then where reserves are
   rare. Errors: LW_UNAVAILABLE, and what else the store answers. */
LW_API int lw_ledger_beat(lw_ledger *ledger, uint64_t deadline);

typedef struct lw_ledger_stats {
    size_t size;        /* sizeof(lw_ledger_stats), set by the caller */
    uint64_t reserves;  /* that the store granted */
    uint64_t refusals;  /* by the store */
    uint64_t here;      /* refused without asking */
    uint64_t unasked;   /* granted while the account was away */
    uint64_t owed;      /* amounts that the store is still to be told of, as far as they count; all dimensions */
    uint32_t instances; /* as last heard */
    uint32_t away;      /* nodes whose account could not be asked when it last was */
} lw_ledger_stats;

#define LW_LEDGER_STATS_INIT                                                                                           \
    { sizeof(lw_ledger_stats), 0, 0, 0, 0, 0, 0, 0 }

/* O(nodes). Errors: LW_INVALID (size). */
LW_API int lw_ledger_stats_of(lw_ledger *ledger, lw_ledger_stats *stats);

LW_END

#endif
