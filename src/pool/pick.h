/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One pick under way: on the stack of its thread, inside a read section from begin to end.
 *
 *   level.c   which groups, in which order: priorities, zones, panic
 *   pick.c    a node of the group
 *   charge.c  what it costs the node
 *   ramp.c    slow start may pass it over
 *   refuse.c  why nobody, and when to ask again
 */
#ifndef LW_POOL_PICK_H
#define LW_POOL_PICK_H

#include "pool/snapshot.h"
#include "strategy/unit.h"

enum {
    LW__CANDIDATES = 2 * LW_POOL_LEVELS,
    LW__RAMPING = 8, /* most nodes that slow start passes over */
};

/* A group to choose from. */
struct lw__candidate {
    struct lw__group *group;
    uint32_t priority;
    uint32_t flags; /* LW_TICKET_PANIC, LW_TICKET_SPILLED */
    bool local;     /* the nodes of the own zone */
};

/* What an explained pick writes to, see explain.c. */
struct lw__trace;

struct lw__pick {
    lw_pool *pool;
    struct lw__lane *lane;
    uint64_t *chance; /* that of the lane, or a copy */
    const struct lw__snapshot *snapshot;
    const struct lw__path *path;
    const lw_request *asked; /* what the caller gave */
    lw_ticket *ticket;
    struct lw__trace *trace; /* NULL: not explained */
    struct lw__trial *trial; /* not NULL: changes nothing but these copies */
    uint64_t now;
    uint32_t route;
    uint32_t named;   /* quota dimensions that are charged */
    uint32_t repicks; /* choices that could not be charged */
    uint32_t ramped;  /* nodes that slow start has passed over */
    uint32_t panics;  /* set of the levels that are in a panic */
    bool reuse;       /* the request's exclusions are not looked at */
    bool declined;    /* the strategy reached a bound of its own */
    struct lw__candidate chosen;
    lw_quota_refusal short_of; /* the soonest of those quotas that could not be charged; size 0: none */
    const lw_request *shown;   /* what the strategy sees: the plain request, or the next */
    lw_request request;        /* exclusions are indexes in the group */
    uint64_t amounts[LW_QUOTA_DIMENSIONS];
    uint64_t exclude[LW_POOL_EXCLUDE + LW_POOL_TRIES + LW__RAMPING + 1];
};

/* level.c: up to LW__CANDIDATES groups, in the order in which to try them; 0: there is none. */
uint32_t lw__level_order(struct lw__pick *pick, struct lw__candidate *out);

/* The panic of a level that has just one group; cheap when all is well. */
bool lw__level_panics_alone(struct lw__pick *pick, struct lw__group *group);

/* pick.c: takes the call over; outside of the read section. An error of the request. */
int lw__pick_begin(struct lw__pick *pick, lw_pool *pool, uint32_t route, const lw_request *asked, uint64_t now,
                   lw_ticket *ticket);

/* Runs the pick; LW_OK, a refusal or an error, with the ticket filled. */
int lw__pick_run(struct lw__pick *pick);

/* charge.c: charges the node and writes the ticket; or LW_FILTERED (not eligible any more), LW_SATURATED,
   LW_ALL_UNHEALTHY, LW_OVER_QUOTA, LW_NO_SLOTS, and nothing is charged. In a trial it only says. */
int lw__charge(struct lw__pick *pick, struct lw__group *group, struct lw__node *node);

/* ramp.c: may the node that was chosen have this request? */
bool lw__ramp_accepts(struct lw__pick *pick, struct lw__group *group, const struct lw__node *node);

/* refuse.c: fills the ticket of a pick that ended with this; returns the code to answer. */
int lw__refuse(struct lw__pick *pick, int error);

/* explain.c */
const lw_nodes *lw__trace_nodes(struct lw__pick *pick, const struct lw__group *group, const lw_nodes *nodes);
void lw__trace_rejected(struct lw__pick *pick, const struct lw__node *node, uint32_t reason);

/* Does the request exclude this node? */
static inline bool lw__pick_excludes(const struct lw__pick *pick, uint64_t id) {
    bool found = false;
    for (size_t i = 0; pick->asked != NULL && !pick->reuse && i < pick->asked->exclude_count; i++) {
        found |= pick->asked->exclude[i] == id;
    }
    return found;
}

/* 64 random bits of the lane; of the copy in a trial. */
static inline uint64_t lw__pick_random(struct lw__pick *pick) {
    lw_lane lane = {.chance = __atomic_load_n(pick->chance, __ATOMIC_RELAXED)};
    const lw_view view = {.lane = &lane};
    uint64_t bits = lw_view_random(&view);
    __atomic_store_n(pick->chance, lane.chance, __ATOMIC_RELAXED);
    return bits;
}

/* Uniform below bound, up to 2^-32. */
static inline uint32_t lw__pick_below(struct lw__pick *pick, uint32_t bound) {
    return (uint32_t)((lw__pick_random(pick) >> 32) * bound >> 32);
}

#endif
