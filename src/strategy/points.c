/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sorted points with an index over the top bits of their places, as fine as there are points; see points.h.
 *
 * Cost per look-up: O(1) on average. Build: O(points), by radix sort; where a version before had the same points, they
 * are merged with the sorted new ones, which costs one look at each and places none.
 */
#include "strategy/points.h"

#include "base/random.h"
#include "base/sort.h"
#include "strategy/weighted.h"

#include <string.h>

enum { PLACE_BITS = 32, LEAST_BITS = 8 };

int lw__points_count(const lw_build *build, uint64_t each, uint64_t max_points, uint64_t *count) {
    *count = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        *count += each * build->weights[i];
        if (*count > max_points) {
            return lw_build_fail(build, LW_TOO_LARGE, i,
                                 "weight=%u, with %llu points a unit, brings them to %llu; max_points=%llu is allowed",
                                 build->weights[i], (unsigned long long)each, (unsigned long long)*count,
                                 (unsigned long long)max_points);
        }
    }
    return LW_OK;
}

static uint32_t index_bits(uint64_t points) {
    uint32_t bits = LEAST_BITS; /* few points would crowd in few buckets */
    while (bits < PLACE_BITS - 1 && UINT64_C(1) << bits < points) {
        bits++;
    }
    return bits;
}

/* The same memory serves as the draft first and as the index then. */
struct lw__points *lw__points_new(const lw_build *build, uint64_t count, uint32_t kind) {
    uint32_t bits = index_bits(count);
    size_t draft = count * sizeof(uint64_t), index = sizeof(uint32_t) << bits, room = draft > index ? draft : index;
    size_t size = sizeof(struct lw__points) + (count + LW__AHEAD) * sizeof(uint64_t) + room;
    struct lw__points *points = lw_build_alloc(build, size + build->count * (sizeof(uint64_t) + sizeof(uint32_t)));
    if (points != NULL) {
        points->count = (uint32_t)count;
        points->shift = PLACE_BITS - bits;
        points->first = (uint32_t *)(void *)(points->at + count + LW__AHEAD);
        points->stem = (uint64_t *)(void *)((unsigned char *)points + size);
        points->own = (uint32_t *)(void *)(points->stem + build->count);
        points->nodes = build->count;
        points->kind = kind;
    }
    return points;
}

/* ---- from one version to the next ---- */

/* The version before, if its points may be taken over. */
static const struct lw__points *before(const lw_build *build, const struct lw__points *points) {
    const struct lw__points *previous = build->previous;
    return previous != NULL && previous->kind == points->kind ? previous : NULL;
}

/* What becomes of the nodes of the version before. */
struct points_kept {
    const struct lw__points *previous; /* NULL: nothing is kept */
    const uint32_t *was;
    uint32_t *now; /* by index before: the index now of a node that has the same points, else LW_BUILD_NEW */
};

static int kept_find(const lw_build *build, const struct lw__points *points, struct points_kept *kept) {
    *kept = (struct points_kept){.previous = before(build, points)};
    int error = kept->previous != NULL ? lw_build_was(build, &kept->was) : LW_OK;
    if (kept->was == NULL) {
        return error;
    }
    kept->now = lw_build_alloc(build, kept->previous->nodes * sizeof *kept->now);
    if (kept->now == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < kept->previous->nodes; i++) {
        kept->now[i] = LW_BUILD_NEW;
    }
    for (uint32_t i = 0; i < points->nodes; i++) {
        uint32_t was = kept->was[i];
        if (was != LW_BUILD_NEW && kept->previous->stem[was] == points->stem[i] &&
            kept->previous->own[was] == points->own[i]) {
            kept->now[was] = i;
        }
    }
    return LW_OK;
}

static bool is_kept(const struct points_kept *kept, uint32_t node) {
    return kept->now != NULL && kept->was[node] != LW_BUILD_NEW && kept->now[kept->was[node]] == node;
}

/* Of nodes that are kept, the points that the version before has dropped: who had their place may be gone. */
static uint64_t *take_dropped(const struct points_kept *kept, uint64_t *to) {
    const struct lw__points *previous = kept->now != NULL ? kept->previous : NULL;
    for (uint32_t i = 0; previous != NULL && i < previous->dropped; i++) {
        uint64_t point = previous->at[previous->count + LW__AHEAD + i];
        uint32_t node = kept->now[(uint32_t)point];
        if (node != LW_BUILD_NEW) {
            *to++ = point >> PLACE_BITS << PLACE_BITS | node;
        }
    }
    return to;
}

/* Writes what merge_kept has not, sorted, to the end of `at`; returns where it begins. */
static uint64_t *place_new(const lw_build *build, struct lw__points *points, lw__points_of *place,
                           const struct points_kept *kept) {
    uint64_t *draft = (uint64_t *)(void *)points->first, *end = draft;
    for (uint32_t i = 0; i < points->nodes; i++) {
        if (!is_kept(kept, i)) {
            place(build, points, i, end);
            end += points->own[i];
        }
    }
    end = take_dropped(kept, end);
    uint64_t *sorted = points->at + points->count - (end - draft);
    lw__sort_high(draft, sorted, (uint32_t)(end - draft));
    return sorted;
}

/* The points that are kept, among those that lie sorted at the end of `at`: they are never written over unread. */
static void merge_kept(struct lw__points *points, uint64_t *sorted, const struct points_kept *kept) {
    uint64_t *to = points->at, *end = points->at + points->count;
    for (uint32_t i = 0; i < kept->previous->count; i++) {
        uint64_t place = kept->previous->at[i] >> PLACE_BITS;
        uint32_t node = kept->now[(uint32_t)kept->previous->at[i]];
        if (node == LW_BUILD_NEW) {
            continue;
        }
        while (sorted < end && *sorted >> PLACE_BITS < place) {
            *to++ = *sorted++;
        }
        *to++ = place << PLACE_BITS | node;
    }
}

static bool share_place(uint64_t a, uint64_t b) { return a >> PLACE_BITS == b >> PLACE_BITS; }

/* Moves point i to where it belongs among those before it at its place. */
static void order_tie(uint64_t *at, uint32_t i, const uint64_t *rank) {
    uint64_t point = at[i];
    for (; i > 0 && share_place(at[i - 1], point); i--) {
        uint32_t node = (uint32_t)point, other = (uint32_t)at[i - 1];
        if (rank != NULL ? rank[other] <= rank[node] : other <= node) {
            break;
        }
        at[i] = at[i - 1];
    }
    at[i] = point;
}

int lw__points_gather(const lw_build *build, struct lw__points *points, lw__points_of *place, const uint64_t *rank) {
    struct points_kept kept;
    int error = kept_find(build, points, &kept);
    if (error != LW_OK) {
        return error;
    }
    uint64_t *sorted = place_new(build, points, place, &kept);
    if (kept.now != NULL) {
        merge_kept(points, sorted, &kept);
    }
    lw_build_release(build, kept.now);
    for (uint32_t i = 1; i < points->count; i++) {
        if (__builtin_expect(share_place(points->at[i - 1], points->at[i]), 0)) {
            order_tie(points->at, i, rank);
        }
    }
    return LW_OK;
}

void lw__points_drop_ties(struct lw__points *points) {
    uint64_t *aside = (uint64_t *)(void *)points->first;
    uint32_t kept = 1;
    for (uint32_t i = 1; i < points->count; i++) {
        if (share_place(points->at[kept - 1], points->at[i])) {
            aside[points->dropped++] = points->at[i];
        } else {
            points->at[kept++] = points->at[i];
        }
    }
    points->count = kept;
    memcpy(points->at + kept + LW__AHEAD, aside, points->dropped * sizeof *aside);
}

/* The first point of each bucket that has one, then for those between: no branch depends on where points are. */
void lw__points_seal(struct lw__points *points) {
    uint32_t buckets = UINT32_C(1) << (PLACE_BITS - points->shift), next = points->count;
    for (uint32_t i = 0; i < LW__AHEAD; i++) {
        points->at[points->count + i] = UINT64_MAX;
    }
    for (uint32_t b = 0; b < buckets; b++) {
        points->first[b] = UINT32_MAX;
    }
    for (uint32_t i = points->count; i > 0; i--) {
        points->first[points->at[i - 1] >> PLACE_BITS >> points->shift] = i - 1;
    }
    for (uint32_t b = buckets; b > 0; b--) {
        uint32_t own = points->first[b - 1];
        next = own < next ? own : next;
        points->first[b - 1] = next;
    }
}

static uint32_t place_of_point(uint64_t id, uint64_t replica) {
    return (uint32_t)(lw__mix(lw__mix(id) + (replica + 1) * LW__GOLDEN) >> PLACE_BITS);
}

static void place_by_id(const lw_build *build, const struct lw__points *points, uint32_t node, uint64_t *to) {
    (void)build;
    for (uint32_t r = 0; r < points->own[node]; r++) {
        to[r] = (uint64_t)place_of_point(points->stem[node], r) << PLACE_BITS | node;
    }
}

int lw__points_build(const lw_build *build, uint64_t each, uint64_t max_points, void **out) {
    uint64_t count;
    int error = lw__points_count(build, each, max_points, &count);
    if (error != LW_OK || count == 0) {
        return error;
    }
    struct lw__points *points = lw__points_new(build, count, 0);
    if (points == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < build->count; i++) {
        points->stem[i] = build->ids[i];
        points->own[i] = (uint32_t)(each * build->weights[i]);
    }
    error = lw__points_gather(build, points, place_by_id, build->ids);
    if (error != LW_OK) {
        lw_build_release(build, points);
        return error;
    }
    lw__points_seal(points);
    *out = points;
    return LW_OK;
}

ptrdiff_t lw__points_search(const lw_view *view, const struct lw__points *points, uint32_t at) {
    for (uint32_t step = 0; step < points->count; step++) {
        uint32_t node = (uint32_t)points->at[at];
        if (lw_view_may(view, node)) {
            return node;
        }
        at = at + 1 < points->count ? at + 1 : 0;
    }
    return lw__weightless(view);
}

ptrdiff_t lw__points_sequence(const lw_view *view, const struct lw__points *points, uint32_t at, uint32_t *out,
                              uint32_t room) {
    uint32_t found = 0;
    for (uint32_t step = 0; step < points->count && found < room; step++) {
        uint32_t node = (uint32_t)points->at[at];
        if (lw_view_may(view, node) && !lw__holds(out, found, node)) {
            out[found++] = node;
        }
        at = at + 1 < points->count ? at + 1 : 0;
    }
    return found > 0 ? (ptrdiff_t)found : lw__weightless(view);
}
