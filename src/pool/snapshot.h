/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A snapshot: all that picks read and updates replace. Built aside, published with one store, freed when no reader is
 * left. Groups whose members stay are shared by the snapshots before and after, with plan and hints.
 */
#ifndef LW_POOL_SNAPSHOT_H
#define LW_POOL_SNAPSHOT_H

#include "base/idmap.h"
#include "pool/group.h"

/* A route: what the caller wants. Under the lock. */
struct lw__route {
    char *name, *spec;
    const lw_filter *filter;
};

struct lw__level {
    uint32_t priority;
    struct lw__group *part[2]; /* own zone, the rest; without a preference only the first. NULL: nobody */
};

/* A route as picks see it. */
struct lw__path {
    struct lw__group *only; /* where there is just one group */
    uint32_t members;
    uint32_t level_count;
    struct lw__level level[LW_POOL_LEVELS];
};

/* Where a node stands in a group. */
struct lw__place {
    struct lw__group *group;
    uint32_t index;
};

struct lw__snapshot {
    uint32_t count, path_count, place_count;
    bool tallied; /* some group keeps the least in flight */
    bool learns;  /* some group goes by latencies */
    bool told;    /* some group goes by loads that are told */
    struct lw__node **node;
    uint64_t *ids;
    struct lw__idmap map;
    struct lw__path *path;
    uint32_t *first; /* place number of each node's first, and the end */
    struct lw__place *place;
    struct lw__snapshot *older; /* among the retired */
    uint32_t retired_in;
};

/* What a node shall be in the snapshot to come. */
struct lw__draft {
    struct lw__node *node;
    const char *name, *zone, *tags;
    uint64_t id;
    uint32_t weight, priority, flags;
};

/* Builds a snapshot of these nodes; ids are distinct or it fails with LW_DUPLICATE and the two in at[]. fresh: the
   route whose strategy is to be made anew, or -1. */
int lw__snapshot_new(lw_pool *pool, const struct lw__draft *draft, uint32_t count, int64_t fresh, uint32_t *at,
                     struct lw__snapshot **out);
void lw__snapshot_free(lw_pool *pool, struct lw__snapshot *snapshot);

/* Makes it the current one, and everything in it right. Under the lock. */
void lw__snapshot_publish(lw_pool *pool, struct lw__snapshot *snapshot, uint64_t now);

/* The node of this id, or NULL. */
struct lw__node *lw__snapshot_find(const struct lw__snapshot *snapshot, uint64_t id);

/* Where a node stands: calls for its groups. */
void lw__snapshot_sync(const struct lw__snapshot *snapshot, const struct lw__node *node);

/* The requests under way of a node have changed: brings the tallies up to date. */
void lw__snapshot_count(const struct lw__snapshot *snapshot, const struct lw__node *node);

/* Its group with this strategy; NULL: none. *index is where it stands there. */
struct lw__group *lw__snapshot_group(const struct lw__snapshot *snapshot, const struct lw__node *node, uint64_t chooser,
                                     uint32_t *index);

/* What the node said of itself goes to the strategies of all its groups. */
void lw__snapshot_probed(const struct lw__snapshot *snapshot, const struct lw__node *node, const lw_probe *probe);

static inline struct lw__snapshot *lw__snapshot_current(const lw_pool *pool) {
    return __atomic_load_n(&pool->current, __ATOMIC_SEQ_CST);
}

#endif
