/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The ring: 150 points a node in one array sorted by hash, and an index from the top bits of a hash to the first point
 * of that range. A pick reads one index entry and walks on from there, about one point.
 *
 * Build: points are dealt out by the top bits of their hash first, so that all that follows stays within the caches.
 * Then they are counted into their ranges and put in place; the index falls out by the way, and only a point or two in
 * each range remain to be sorted.
 */
#include "probes.h"

#include <stdlib.h>

enum { POINTS_A_NODE = 150, KETAMA_POINTS = 100, DEAL_BITS = 8, SMALL = 1 << 16 };

static inline uint32_t owner(const struct probe *probe, uint64_t i) {
    uint32_t hash = (uint32_t)(fleet_mix(probe->fleet->keys[i % FLEET_KEYS]) >> 32);
    const uint64_t *point = probe->points + probe->index[hash >> probe->shift];
    while ((uint32_t)(*point >> 32) < hash) {
        point++;
    }
    return (uint32_t)*point;
}

static inline uint32_t eligible_owner(const struct probe *probe, uint64_t i) {
    uint32_t hash = (uint32_t)(fleet_mix(probe->fleet->keys[i % FLEET_KEYS]) >> 32);
    uint32_t at = probe->index[hash >> probe->shift];
    while ((uint32_t)(probe->points[at] >> 32) < hash) {
        at++;
    }
    while (!probe_may(probe, (uint32_t)probe->points[at])) {
        at = at + 1 >= probe->length ? 0 : at + 1;
    }
    return (uint32_t)probe->points[at];
}
PROBE_LOOPS(ring_whole, owner(probe, i))
PROBE_LOOPS(ring_partial, eligible_owner(probe, i))

static uint64_t point_of(uint32_t node, uint32_t number) {
    uint64_t hash = fleet_mix(((uint64_t)node + 1) << 32 | number);
    return (hash & UINT64_C(0xffffffff00000000)) | node;
}

/* Writes all points, those of one deal after those of the one before; a small ring is one deal. */
static void deal_points(const struct probe *probe, uint64_t *dealt) {
    uint32_t begins[(1 << DEAL_BITS) + 1] = {0};
    uint32_t bits = probe->length > SMALL ? DEAL_BITS : 0;
    for (uint32_t node = 0; node < probe->fleet->count && bits > 0; node++) {
        for (uint32_t number = 0; number < probe->each; number++) {
            begins[(point_of(node, number) >> (64 - DEAL_BITS)) + 1]++;
        }
    }
    for (uint32_t deal = 1; deal <= 1 << DEAL_BITS; deal++) {
        begins[deal] += begins[deal - 1];
    }
    for (uint32_t node = 0; node < probe->fleet->count; node++) {
        for (uint32_t number = 0; number < probe->each; number++) {
            uint64_t point = point_of(node, number);
            dealt[begins[bits > 0 ? point >> (64 - DEAL_BITS) : 0]++] = point;
        }
    }
}

/* Puts the points of each range side by side. Afterwards index[r] is where range r begins. */
static void spread_points(struct probe *probe, const uint64_t *dealt) {
    uint32_t ranges = UINT32_C(1) << (32 - probe->shift);
    uint32_t *index = probe->index;
    for (uint32_t i = 0; i < probe->length; i++) {
        index[(dealt[i] >> 32 >> probe->shift) + 2]++;
    }
    for (uint32_t range = 2; range < ranges + 2; range++) {
        index[range] += index[range - 1];
    }
    for (uint32_t i = 0; i < probe->length; i++) {
        probe->points[index[(dealt[i] >> 32 >> probe->shift) + 1]++] = dealt[i];
    }
}

/* Nearly sorted already: insertion moves each point past the few of its own range. */
static void settle_points(uint64_t *points, uint32_t length) {
    for (uint32_t i = 1; i < length; i++) {
        uint64_t point = points[i];
        uint32_t at = i;
        for (; at > 0 && points[at - 1] > point; at--) {
            points[at] = points[at - 1];
        }
        points[at] = point;
    }
}

int probe_build_points(struct probe *probe, uint32_t each) {
    probe->each = each;
    probe->length = probe->fleet->count * each;
    probe->shift = (uint32_t)__builtin_clz(probe->length);
    uint64_t *dealt = calloc(probe->length, sizeof *dealt);
    probe->points = calloc(probe->length + 1, sizeof *probe->points);
    probe->index = calloc((UINT32_C(1) << (32 - probe->shift)) + 2, sizeof *probe->index);
    int whole = dealt != NULL && probe->points != NULL && probe->index != NULL;
    if (whole) {
        deal_points(probe, dealt);
        spread_points(probe, dealt);
        settle_points(probe->points, probe->length);
        /* A hash above the last point belongs to the first node; the mark stops its walk. */
        probe->points[probe->length] = (uint64_t)UINT32_MAX << 32 | (uint32_t)probe->points[0];
    }
    free(dealt);
    return whole ? 0 : -1;
}

static int build_ring(struct probe *probe) { return probe_build_points(probe, POINTS_A_NODE); }

/* The same circle; the digests that place its points are left out. */
static int build_ketama(struct probe *probe) { return probe_build_points(probe, KETAMA_POINTS); }

const struct probe_kind probe_ring = {"ring",
                                      "top bits of the hash to an index, then a walk",
                                      NULL,
                                      PROBE_FORMS_OF(ring_whole),
                                      PROBE_FORMS_OF(ring_partial),
                                      build_ring};

/* chain(ring, random) with a key: the ring always answers. */
const struct probe_kind probe_chain = {
    "chain", "the ring alone", NULL, PROBE_FORMS_OF(ring_whole), PROBE_FORMS_OF(ring_partial), build_ring};

const struct probe_kind probe_ketama = {
    "ketama",    "a ring of 100 points a node", NULL, PROBE_FORMS_OF(ring_whole), PROBE_FORMS_OF(ring_partial),
    build_ketama};
