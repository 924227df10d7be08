/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rendezvous: for a key, each node draws a number, and the node that is nearest by draw and weight is the owner.
 *
 * With k = mix(key), m = mix(id + g) and x = k ^ m, the draw is
 *     h = low half of x;  h = (h ^ h >> 16) * a;  h ^= high half of x;
 *     h = (h ^ h >> 16) * b;  h = (h ^ h >> 15) * c;  h ^= h >> 16
 * in 32 bits, since processors multiply eight of these at once, and not one of 64. u = (h + 1/2) / 2^32 is uniform in
 * (0, 1), and the node's distance is -log2(u) / weight: the least is the owner, and each node is with probability
 * weight / sum of weights. Among nodes of one weight, that is the one with the largest draw.
 */
#ifndef LW_STRATEGY_DISTANCE_H
#define LW_STRATEGY_DISTANCE_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

/* The multipliers are those of murmur3's 32-bit finaliser (Appleby) and of lowbias32 (Wellons). */
static inline uint32_t lw__draw(uint64_t mixed_key, uint64_t mixed_id) {
    uint64_t x = mixed_key ^ mixed_id;
    uint32_t h = (uint32_t)x;
    h = (h ^ h >> 16) * UINT32_C(0x85ebca6b);
    h ^= (uint32_t)(x >> 32);
    h = (h ^ h >> 16) * UINT32_C(0x7feb352d);
    h = (h ^ h >> 15) * UINT32_C(0x846ca68b);
    return h ^ h >> 16;
}

/* What lw__draw takes for a key and for an id. */
static inline uint64_t lw__draw_key(uint64_t key) { return lw__mix(key); }
static inline uint64_t lw__draw_id(uint64_t id) { return lw__mix(id + LW__GOLDEN); }

/* Kept as a fraction, which compares exactly. */
struct lw__distance {
    uint64_t log; /* -log2(u), a Q32 */
    uint64_t id;
    uint32_t draw, weight;
};

/* The distance of a node that drew so; and that of a node by its id. */
struct lw__distance lw__distance_from(uint32_t draw, uint64_t id, uint32_t weight);
struct lw__distance lw__distance_of(uint64_t key, uint64_t id, uint32_t weight);

/* A strict order: by distance, then by the larger draw, then by the lower id. */
bool lw__is_nearer(struct lw__distance a, struct lw__distance b);

/* ---- many at once ---- */

/* Mixed ids, their halves apart, so that eight of them fit a register. Readable for 8 entries past the last. */
struct lw__drawers {
    const uint32_t *low, *high;
};

/* The largest draw and the first who drew it, in one number, of which the larger wins: the draw above, and all but the
   place below. 0: nobody drew. Places are below 2^32 - 1. */
typedef uint64_t lw__drawn;

static inline lw__drawn lw__drawn_of(uint32_t draw, uint32_t at) { return (uint64_t)draw << 32 | (UINT32_MAX - at); }

static inline uint32_t lw__drawn_number(lw__drawn record) { return (uint32_t)(record >> 32); }
static inline uint32_t lw__drawn_at(lw__drawn record) { return UINT32_MAX - (uint32_t)record; }

/* Lets `count` drawers from `begin` on draw, or of them those whose bit is 1 in masks, if there are any: bit i of word
   i / 64 is for begin + i. */
lw__drawn lw__draw_all(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                       uint64_t mixed_key);

/* The same without vectors, for tests. */
lw__drawn lw__draw_all_plain(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                             uint64_t mixed_key);

#endif
