/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Other ways than the ring to place a key: a table of slots (maglev), arithmetic alone (jump, anchor), several looks at
 * a small ring (multi_probe). A key whose owner is out is mixed again.
 *
 * Nobody has left an anchor yet, so the bucket itself says how many worked when it was emptied, and no table is needed.
 */
#include "probes.h"

#include <stdlib.h>

enum { SLOTS = 65537, FREE_SLOT = 0xffff, ANCHORS = 1024, LOOKS = 21 };

static inline uint64_t mixed_key(const struct probe *probe, uint64_t i) {
    return fleet_mix(probe->fleet->keys[i % FLEET_KEYS]);
}

static inline uint32_t slot_owner(const struct probe *probe, uint64_t mixed) {
    return probe->slots[probe_below((uint32_t)(mixed >> 32), SLOTS)];
}

static inline uint32_t jump_owner(const struct probe *probe, uint64_t key) {
    int64_t bucket = 0, next = 0;
    while (next < probe->fleet->count) {
        bucket = next;
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(bucket + 1) * (0x1p31 / (double)((key >> 33) + 1)));
    }
    return (uint32_t)bucket;
}

static inline uint32_t anchor_owner(const struct probe *probe, uint64_t mixed) {
    uint32_t bucket = probe_below((uint32_t)(mixed >> 32), ANCHORS);
    while (bucket >= probe->fleet->count) {
        mixed = fleet_mix(mixed);
        bucket = probe_below((uint32_t)(mixed >> 32), bucket);
    }
    return bucket;
}

static inline uint32_t eligible_place(const struct probe *probe, uint64_t mixed,
                                      uint32_t (*owner)(const struct probe *probe, uint64_t mixed)) {
    uint32_t index = owner(probe, mixed);
    while (!probe_may(probe, index)) {
        mixed = fleet_mix(mixed + 1);
        index = owner(probe, mixed);
    }
    return index;
}

PROBE_LOOPS(maglev_whole, slot_owner(probe, mixed_key(probe, i)))
PROBE_LOOPS(maglev_partial, eligible_place(probe, mixed_key(probe, i), slot_owner))
PROBE_LOOPS(jump_whole, jump_owner(probe, mixed_key(probe, i)))
PROBE_LOOPS(jump_partial, eligible_place(probe, mixed_key(probe, i), jump_owner))
PROBE_LOOPS(anchor_whole, anchor_owner(probe, mixed_key(probe, i)))
PROBE_LOOPS(anchor_partial, eligible_place(probe, mixed_key(probe, i), anchor_owner))

/* The point at or after a place. Most ranges hold no more than two, and these take no branch. */
static inline uint64_t stretch_from(const struct probe *probe, uint32_t place, bool partial) {
    uint32_t at = probe->index[place >> probe->shift];
    at += (uint32_t)(probe->points[at] >> 32) < place;
    at += (uint32_t)(probe->points[at] >> 32) < place;
    while (__builtin_expect((uint32_t)(probe->points[at] >> 32) < place, 0)) {
        at++;
    }
    while (partial && !probe_may(probe, (uint32_t)probe->points[at])) {
        at = at + 1 >= probe->length ? 0 : at + 1;
    }
    return probe->points[at] - ((uint64_t)place << 32);
}

/* The nearest point from LOOKS places, two of each hash, by distance and node in one number. */
static inline uint32_t nearest_point(const struct probe *probe, uint64_t mixed, bool partial) {
    uint64_t best = stretch_from(probe, (uint32_t)mixed, partial);
    for (uint64_t pair = 0; pair < LOOKS / 2; pair++) {
        uint64_t hash = fleet_mix(mixed + pair);
        uint64_t high = stretch_from(probe, (uint32_t)(hash >> 32), partial);
        uint64_t low = stretch_from(probe, (uint32_t)hash, partial);
        best = high < best ? high : best;
        best = low < best ? low : best;
    }
    return (uint32_t)best;
}

PROBE_LOOPS(looks_whole, nearest_point(probe, mixed_key(probe, i), false))
PROBE_LOOPS(looks_partial, nearest_point(probe, mixed_key(probe, i), true))

/* ---- tables ---- */

/* Nodes claim in turn the next free slot of their own walk through all of them. */
static void claim_slots(struct probe *probe, uint32_t *at, uint32_t *step) {
    uint32_t count = probe->fleet->count, left = SLOTS;
    for (uint32_t node = 0; node < count; node++) {
        uint64_t hash = fleet_mix(node + UINT64_C(1));
        at[node] = probe_below((uint32_t)(hash >> 32), SLOTS);
        step[node] = 1 + probe_below((uint32_t)hash, SLOTS - 1);
    }
    for (uint32_t node = 0; left > 0; node = node + 1 < count ? node + 1 : 0) {
        uint32_t slot = at[node];
        while (probe->slots[slot] != FREE_SLOT) {
            slot += step[node];
            slot -= slot >= SLOTS ? SLOTS : 0;
        }
        probe->slots[slot] = (uint16_t)node;
        at[node] = slot;
        left--;
    }
}

static int build_slots(struct probe *probe) {
    uint32_t *walk = calloc(2 * (size_t)probe->fleet->count, sizeof *walk);
    probe->slots = malloc(SLOTS * sizeof *probe->slots);
    int whole = walk != NULL && probe->slots != NULL;
    if (whole) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            probe->slots[slot] = FREE_SLOT;
        }
        claim_slots(probe, walk, walk + probe->fleet->count);
    }
    free(walk);
    return whole ? 0 : -1;
}

static int build_looks(struct probe *probe) { return probe_build_points(probe, 1); }

const struct probe_kind probe_maglev = {
    "maglev", "one load", NULL, PROBE_FORMS_OF(maglev_whole), PROBE_FORMS_OF(maglev_partial), build_slots};

const struct probe_kind probe_jump = {
    "jump", "its own loop", NULL, PROBE_FORMS_OF(jump_whole), PROBE_FORMS_OF(jump_partial), NULL};

const struct probe_kind probe_anchor = {"anchor",
                                        "draws until a bucket works, no table",
                                        NULL,
                                        PROBE_FORMS_OF(anchor_whole),
                                        PROBE_FORMS_OF(anchor_partial),
                                        NULL};

const struct probe_kind probe_multi_probe = {"multi_probe",
                                             "21 looks at a ring of one point each",
                                             NULL,
                                             PROBE_FORMS_OF(looks_whole),
                                             PROBE_FORMS_OF(looks_partial),
                                             build_looks};
