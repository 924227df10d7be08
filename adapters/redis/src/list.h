/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listings: SCAN of one master after the other, and the values by GET, which finds them wherever they have moved to.
 *
 * A cursor of ours says which master, in the order of slots, and where its SCAN goes on. A caller who stops in the
 * middle of what SCAN gave has a cursor that goes on there. For that, entries are given in the order of a hash of their
 * keys, and such a cursor has SCAN's own from before, the hash up to which all were given, and a check of SCAN's cursor
 * after: two cursors of SCAN enclose the same part of a hash table however it has grown or shrunk, so where the cursor
 * after is the same nothing is left out, and where it is not all is given once more. The check is a digest of it, in
 * what the number has left: where a table is resized between two calls of which the first stopped inside a page, it
 * errs for pages of 128 once in 2048 with 2^13 places, once in 256 with 2^16, and once in 16 from 2^20 on. Each page
 * seeks a seed for the hash by which no two of its keys have the same.
 *
 *     0 master:10 scan:53                                                       between pages
 *     1 master:10 size:6 scan:size count:4 seed:3 check:4 and more, hash          inside one
 */
#ifndef LW_REDIS_LIST_H
#define LW_REDIS_LIST_H

#include "call.h"

/* lw_store_ops.list */
int lw__redis_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page_size, lw_store_each *each,
                   void *user, uint64_t deadline);

/* What a cursor says. */
struct lw__redis_mark {
    uint32_t master;
    uint64_t scan;
    bool inside;
    uint32_t count;       /* log2 of how many SCAN was asked for */
    uint32_t seed, check; /* of the hash; of the cursor after */
    uint64_t hash;        /* what has one above it was not given */
};

enum { LW__REDIS_SEED_TRIES = 8, LW__REDIS_SCAN_BITS = 53 };

uint64_t lw__redis_mark_write(const struct lw__redis_mark *mark);
struct lw__redis_mark lw__redis_mark_read(uint64_t cursor);

/* How many bits a hash has beside that cursor of SCAN in pages of that count, and how many the check: what the hash
   does not need, 4 to 16. */
uint32_t lw__redis_mark_bits(uint64_t scan, uint32_t count);
uint32_t lw__redis_mark_check_bits(uint64_t scan, uint32_t count);

#endif
