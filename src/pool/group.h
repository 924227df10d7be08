/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A group: the nodes of one route, priority and zone part. Its members, weights and plan never change; another set of
 * members is another group. Who of them is eligible is a hint that follows the reasons of the nodes (node.h): bits for
 * strategies, and counts for refusals, panic and spilling, so that none of these looks at nodes.
 *
 * Snapshots share a group while its members stay, so events that still come through an older snapshot reach it too.
 */
#ifndef LW_POOL_GROUP_H
#define LW_POOL_GROUP_H

#include "pool/pool.h"
#include "pool/tally.h"

#include <loadwise/ops.h>
#include <loadwise/strategy.h>

/* A strategy, shared by the versions of a group. */
struct lw__chooser {
    uint64_t serial;
    lw_strategy *strategy;
    uint32_t users;   /* groups; under the lock */
    uint64_t version; /* of the latest members; under the lock */
    bool listens;     /* wants to hear how requests end */
    bool probes;      /* wants to hear what nodes say of themselves */
    bool external;    /* goes by a load that is told */
    bool learned;     /* goes by a load that is learnt, so that it takes exploring */
    bool ramps;       /* slow start thins it out */
    bool ordered;     /* asks for the least in flight */
    bool narrowed;    /* does not use all members, so that nothing may be placed past it */
    bool keyed;       /* places by the key, where a request has one */
};

/* What a group was seen to be of a node: enum lw_reason, and this. */
enum { LW__SEEN_ILL = 1 << 15, LW__SEEN_BITS = 8 };

/* The views of a group's nodes. */
enum lw__view_kind { LW__VIEW_ALL, LW__VIEW_SOME, LW__VIEW_PANIC, LW__VIEWS };

struct lw__group {
    struct lw__chooser *chooser;
    uint32_t count;
    uint32_t users; /* snapshots; under the lock */
    struct lw__node **node;
    uint32_t *weight;
    uint64_t *words, *panic; /* who may be picked, and who in a panic */
    uint32_t *blocks;
    uint16_t *seen;
    struct lw__tally *tally; /* NULL: nobody asks */
    struct lw__rules *rules;
    const struct lw__latency_group *latency;
    lw_nodes nodes[LW__VIEWS];
    lw_f64_column signals[LW_SIGNALS];
    size_t bytes;

    _Alignas(64) uint32_t eligible;
    uint32_t by_reason[LW__SEEN_BITS]; /* members that have it */
    uint32_t full;                     /* members that nothing but their cap keeps out, health aside */
    uint32_t ill;                      /* members that are ill, of the active ones */
    uint32_t active;                   /* members that are not draining, disabled, reserved or gone */
    uint32_t changes;                  /* counts changes that move due times */
    uint32_t panicking;                /* of the level; kept in its first group */
    uint32_t eldest_at;                /* value of changes at which eldest was found, plus 1 */
    uint32_t due_at;                   /* the same for due */
    uint64_t due;                      /* when the first member that is not eligible comes back by time alone */
    uint64_t eldest;                   /* least ramp_since of the active, well members */
};

/* Errors: LW_NOMEM and those of lw_prepare. weights: parallel to nodes; both are taken over and freed with the group,
   also after an error. */
int lw__group_new(lw_pool *pool, struct lw__chooser *chooser, struct lw__node **nodes, uint32_t *weights,
                  uint32_t count, struct lw__group **out);
void lw__group_drop(lw_pool *pool, struct lw__group *group);

/* A strategy from a specification. */
int lw__chooser_new(lw_pool *pool, const char *spec, struct lw__chooser **out);
void lw__chooser_drop(lw_pool *pool, struct lw__chooser *chooser);

/* Brings the hints about one member up to date with the node. */
void lw__group_sync(struct lw__group *group, uint32_t index);

/* signals.c: fills in group->signals. */
void lw__signals_init(struct lw__group *group);

#endif
