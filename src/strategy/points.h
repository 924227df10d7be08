/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Points on a circle of 2^32 places, each of one node: what strategies share that look clockwise from the place of a
 * key.
 *
 * A builder says for each node how many points it has and what they come from, gathers them, puts right what it wants
 * within equal places, and seals. What they come from is kept, so that the next version places those of new and changed
 * nodes only and takes over the others; the result is the same, point for point.
 * Memory: 16 bytes a point and 12 a node, one block, freed by the engine.
 */
#ifndef LW_STRATEGY_POINTS_H
#define LW_STRATEGY_POINTS_H

#include <loadwise/ops.h>

enum { LW__AHEAD = 4 }; /* points looked at without a branch, so as many sentinels */

struct lw__points {
    uint32_t count;
    uint32_t shift;  /* of a place, to its bucket */
    uint32_t *first; /* by bucket: the first point at or past its beginning */
    uint64_t *stem;  /* by node: its points are a function of it, of `own` and of `kind` */
    uint32_t *own;   /* by node: how many there are */
    uint32_t nodes, kind;
    uint32_t dropped;
    uint64_t at[]; /* place << 32 | node, ascending; then LW__AHEAD sentinels; then those that were dropped */
};

/* Writes the points of a node as place << 32 | node. */
typedef void lw__points_of(const lw_build *build, const struct lw__points *points, uint32_t node, uint64_t *to);

#define LW__MAX_POINTS_PARAM(config_type)                                                                              \
    {                                                                                                                  \
        "max_points", LW_PARAM_U64, offsetof(config_type, max_points), "8388608", "1", "134217728", NULL,              \
            "largest table; a set that asks for more is refused, never rescaled"                                       \
    }

/* So many points a unit of weight, summed; or LW_TOO_LARGE, naming the node that breaks the bound. */
int lw__points_count(const lw_build *build, uint64_t each, uint64_t max_points, uint64_t *count);

/* Room for `count` points, at least 1, of which stem and own are to be filled in; or NULL. */
struct lw__points *lw__points_new(const lw_build *build, uint64_t count, uint32_t kind);

/* All points by place. Those of one place: by `rank` of their nodes, ascending; NULL: as the nodes stand in the list.
   LW_OK, LW_NOMEM. */
int lw__points_gather(const lw_build *build, struct lw__points *points, lw__points_of *place, const uint64_t *rank);

/* Keeps the first point of each place. The others are put aside for the next version. */
void lw__points_drop_ties(struct lw__points *points);

/* Makes them ready for look-ups. */
void lw__points_seal(struct lw__points *points);

/* All of that for nodes that stand by their ids, `each` points a unit of weight. *out stays NULL when there is none.
   Point r (from 0) of node id stands at the high 32 bits of mix(mix(id) + (r + 1) * g), with mix the finaliser of
   splitmix64 and g = 0x9e3779b97f4a7c15; points of one place are ordered by id. */
int lw__points_build(const lw_build *build, uint64_t each, uint64_t max_points, void **out);

/* The number of the first point at or clockwise from this place. Nearly always one of the first four of the bucket is
   it, and no branch has to guess which: then the count of those before the place says so. */
static inline uint32_t lw__points_from(const struct lw__points *points, uint32_t place) {
    uint32_t at = points->first[place >> points->shift];
    uint64_t target = (uint64_t)place << 32;
    const uint64_t *point = points->at + at;
    uint32_t before = 0;
    for (uint32_t i = 0; i < LW__AHEAD; i++) {
        before += point[i] < target;
    }
    at += before;
    if (__builtin_expect(before == LW__AHEAD, 0)) {
        while (at < points->count && points->at[at] < target) {
            at++;
        }
    }
    return at & -(uint32_t)(at < points->count); /* past the last comes the first; a branch would be missed too often */
}

/* The first `room` different nodes clockwise from this point; see sequence in ops.h. */
ptrdiff_t lw__points_sequence(const lw_view *view, const struct lw__points *points, uint32_t at, uint32_t *out,
                              uint32_t room);

/* The walk past points of nodes that may not be chosen. */
ptrdiff_t lw__points_search(const lw_view *view, const struct lw__points *points, uint32_t at);

/* The first node clockwise from this point that may be chosen; or why there is none. */
static inline ptrdiff_t lw__points_walk(const lw_view *view, const struct lw__points *points, uint32_t at) {
    uint32_t node = (uint32_t)points->at[at];
    return __builtin_expect(lw_view_may(view, node), 1) ? (ptrdiff_t)node : lw__points_search(view, points, at);
}

#endif
