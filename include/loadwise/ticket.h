/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tickets: one request placed on one node of a pool, from the pick to its end.
 *
 *     lw_ticket ticket;
 *     int error = lw_pick(pool, route, &request, &ticket);
 *     if (error == LW_OK) {
 *         ... send the request to ticket.user ...
 *         lw_done(pool, &ticket, &sample);
 *     } else if (lw_is_refusal(error)) {
 *         ... ticket.retry and ticket.retry_at say when to ask again ...
 *     }
 *
 * A pick chooses and charges in one step: a place under the node's in-flight cap, its quotas for the amounts of the
 * request, a permit of its health. All or nothing; a node that cannot be charged counts as excluded and another one is
 * tried, at most `tries` times more. Every ticket is ended once, by lw_done or lw_cancel: of all copies, on all
 * threads, the first to arrive ends it, and every later one is told LW_ALREADY and changes nothing. Until then the node
 * and its `user` stay, though it may long have left the pool.
 *
 * Threads: every function here, any thread, at any time, unregistered; no lock, no allocation, no system call but the
 * clock's, where no time is passed. Times are monotonic ns.
 */
#ifndef LOADWISE_TICKET_H
#define LOADWISE_TICKET_H

#include <loadwise/outcome.h>
#include <loadwise/pool.h>
#include <loadwise/request.h>

LW_BEGIN

enum lw_ticket_flag {
    LW_TICKET_PANIC = 1,    /* too few nodes are well: this one was chosen without regard to its health */
    LW_TICKET_PROBE = 2,    /* this request tries out a node that was unhealthy */
    LW_TICKET_SPILLED = 4,  /* not of the priority level or zone that was drawn first */
    LW_TICKET_REUSED = 8,   /* the request excluded this node, but no other one is left; see lw_pool_options.reuse */
    LW_TICKET_EXPLORED = 16 /* drawn at random, so that no node is forgotten; see lw_pool_options.explore */
};

/* By value: copy it as you like. 64 bytes. */
typedef struct lw_ticket {
    uint64_t node;       /* its id */
    void *user;          /* of its spec */
    uint64_t generation; /* with slot: which ticket this is */
    uint32_t slot;
    uint32_t flags;    /* enum lw_ticket_flag */
    uint64_t retry_at; /* after a refusal: see enum lw_retry */
    uint32_t retry;
    int32_t reason; /* what lw_pick returned */
    uint64_t spare[2];
} lw_ticket;

/*
 * Picks a node of the route and charges it. request may be NULL. *ticket is always written.
 * Errors: LW_UNKNOWN (route, dimension), LW_INVALID (request, a dimension named twice), LW_RANGE (too many exclusions),
 * those of the strategy. Refusals: LW_NO_NODES, LW_FILTERED (the route's filter lets none through), LW_EXCLUDED,
 * LW_ALL_UNHEALTHY, LW_SATURATED, LW_OVER_QUOTA (also: told to wait), LW_DRAINING (also: disabled), LW_NO_SLOTS, and
 * those of the strategy.
 * Ask again: after LW_SATURATED and LW_NO_SLOTS on completion, and at the latest at retry_at; after LW_OVER_QUOTA and
 * LW_ALL_UNHEALTHY at retry_at, or on completion where nothing comes back by time alone; after the others never, that
 * is not before an update or another request.
 */
LW_API int lw_pick(lw_pool *pool, uint32_t route, const lw_request *request, lw_ticket *ticket);
LW_API int lw_pick_at(lw_pool *pool, uint32_t route, const lw_request *request, uint64_t now, lw_ticket *ticket);

/*
 * Ends a ticket and says how: feeds health, latency, quotas (sample->amounts: what was really used), cool-downs
 * (sample->retry_after) and the strategy. sample may be NULL: it went well, nothing else is known. Where the sample
 * has no latency, the time since the pick counts. LW_OUTCOME_CANCELLED keeps what quotas were charged; lw_cancel does
 * not.
 * Errors: LW_ALREADY; LW_INVALID (not a ticket of this pool, outcome, a dimension named twice) and LW_UNKNOWN
 * (dimension): the ticket then goes on.
 */
LW_API int lw_done(lw_pool *pool, const lw_ticket *ticket, const lw_sample *sample);

/* Ends a ticket as if it had not been: nothing is learnt, all charges go back. Errors: LW_ALREADY, LW_INVALID. */
LW_API int lw_cancel(lw_pool *pool, const lw_ticket *ticket);
LW_API int lw_cancel_at(lw_pool *pool, const lw_ticket *ticket, uint64_t now);

LW_END

#endif
