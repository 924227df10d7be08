/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of AnchorHash: which of `capacity` buckets work, and where the keys of each of the others went.
 *
 * A bucket that does not work keeps in `left` how many worked right after it was taken out; a key that meets it draws
 * again among those that worked then, and follows `next` past those that were taken out before it. Taking out and
 * putting back are O(1) each, and what was taken out last is put back first.
 *
 * Source: Mendelson, Vargaftik, Barabash, Lorenz, Keslassy, Orda, "AnchorHash: A Scalable Consistent Hash", 2020; the
 * letters of the paper are given beside the members.
 */
#ifndef LW_STRATEGY_ANCHOR_TABLE_H
#define LW_STRATEGY_ANCHOR_TABLE_H

#include "base/random.h"

#include <stdint.h>

struct lw__anchor {
    uint32_t capacity; /* a */
    uint32_t live;     /* N: buckets that work */
    uint32_t *left;    /* A: 0 for one that works, else see above; meaningless while none works */
    uint32_t *next;    /* K: the bucket that took its place */
    uint32_t *working; /* W: the first `live` are those that work */
    uint32_t *place;   /* L: of each bucket in `working` */
    uint32_t *removed; /* R: the others, taken out last at the end */
};

enum { LW__ANCHOR_ARRAYS = 5 };

/* An anchor in which no bucket works; memory holds LW__ANCHOR_ARRAYS arrays of `capacity`. The first to be put back is
   bucket 0, then 1, and so on. */
void lw__anchor_init(struct lw__anchor *anchor, uint32_t capacity, uint32_t *memory);

/* A copy, over memory of its own. */
void lw__anchor_copy(struct lw__anchor *anchor, const struct lw__anchor *from, uint32_t *memory);

/* Takes out a bucket that works. */
void lw__anchor_remove(struct lw__anchor *anchor, uint32_t bucket);

/* Puts back the bucket that was taken out last, and says which; some bucket must be out. */
uint32_t lw__anchor_add(struct lw__anchor *anchor);

/* 32 random bits to a bucket below `bound`. */
static inline uint32_t lw__anchor_draw(uint64_t random, uint32_t bound) {
    return (uint32_t)((random >> 32) * bound >> 32);
}

/* The bucket of a key that has been mixed; one bucket must work. On average 1 + ln(capacity / live) draws. */
static inline uint32_t lw__anchor_find(const struct lw__anchor *anchor, uint64_t mixed) {
    uint32_t bucket = lw__anchor_draw(mixed, anchor->capacity), left;
    while ((left = anchor->left[bucket]) > 0) {
        uint32_t other = lw__anchor_draw(lw__mix(mixed + (bucket + UINT64_C(1)) * LW__GOLDEN), left);
        while (anchor->left[other] >= left) {
            other = anchor->next[other];
        }
        bucket = other;
    }
    return bucket;
}

#endif
