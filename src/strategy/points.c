/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sorted points with an index over the top bits of their places, as fine as there are points; see points.h.
 *
 * Cost per look-up: O(1) on average. Build: O(points), by radix sort.
 */
#include "strategy/points.h"

#include "base/random.h"
#include "base/sort.h"
#include "strategy/weighted.h"

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
struct lw__points *lw__points_new(const lw_build *build, uint64_t count) {
    uint32_t bits = index_bits(count);
    size_t draft = count * sizeof(uint64_t), index = sizeof(uint32_t) << bits;
    size_t size = sizeof(struct lw__points) + (count + LW__AHEAD) * sizeof(uint64_t);
    struct lw__points *points = lw_build_alloc(build, size + (draft > index ? draft : index));
    if (points != NULL) {
        points->count = (uint32_t)count;
        points->shift = PLACE_BITS - bits;
        points->first = (uint32_t *)(void *)(points->at + count + LW__AHEAD);
    }
    return points;
}

uint64_t *lw__points_draft(struct lw__points *points) { return (uint64_t *)(void *)points->first; }

void lw__points_sort(struct lw__points *points) { lw__sort_high(lw__points_draft(points), points->at, points->count); }

void lw__points_seal(struct lw__points *points) {
    uint32_t buckets = UINT32_C(1) << (PLACE_BITS - points->shift), point = 0;
    for (uint32_t i = 0; i < LW__AHEAD; i++) {
        points->at[points->count + i] = UINT64_MAX;
    }
    for (uint32_t b = 0; b < buckets; b++) {
        while (point < points->count && points->at[point] >> PLACE_BITS >> points->shift < b) {
            point++;
        }
        points->first[b] = point;
    }
}

static uint32_t place_by_id(uint64_t id, uint64_t replica) {
    return (uint32_t)(lw__mix(lw__mix(id) + (replica + 1) * LW__GOLDEN) >> PLACE_BITS);
}

static void draft_by_id(const lw_build *build, uint64_t each, uint64_t *draft) {
    for (uint32_t i = 0; i < build->count; i++) {
        uint64_t own = each * build->weights[i];
        for (uint64_t r = 0; r < own; r++) {
            *draft++ = (uint64_t)place_by_id(build->ids[i], r) << PLACE_BITS | i;
        }
    }
}

/* Equal places are rare; within them the order is that of the ids, whatever the order of the nodes was. */
static void order_ties(const lw_build *build, uint64_t *at, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        uint64_t point = at[i];
        uint32_t to = i;
        for (; to > 0 && at[to - 1] >> PLACE_BITS == point >> PLACE_BITS &&
               build->ids[(uint32_t)at[to - 1]] > build->ids[(uint32_t)point];
             to--) {
            at[to] = at[to - 1];
        }
        at[to] = point;
    }
}

int lw__points_build(const lw_build *build, uint64_t each, uint64_t max_points, void **out) {
    uint64_t count;
    int error = lw__points_count(build, each, max_points, &count);
    if (error != LW_OK || count == 0) {
        return error;
    }
    struct lw__points *points = lw__points_new(build, count);
    if (points == NULL) {
        return LW_NOMEM;
    }
    draft_by_id(build, each, lw__points_draft(points));
    lw__points_sort(points);
    order_ties(build, points->at, points->count);
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
