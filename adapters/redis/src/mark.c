/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cursors of listings as numbers; see list.h. */
#include "list.h"

enum {
    MASTER_SHIFT = 53,
    SIZE_SHIFT = 47,
    MASTER_MOST = 1023,
    SMALL_BITS = 11,
    REST_MOST = SIZE_SHIFT - SMALL_BITS, /* of SCAN's cursor, the check's further bits and the hash */
    HASH_LEAST = 8,
    HASH_MOST = 20,
    CHECK_LEAST = 4,
    CHECK_MOST = 16
};

static uint32_t size_of_scan(uint64_t scan) {
    uint32_t size = 0;
    for (; scan != 0; scan >>= 1) {
        size++;
    }
    return size;
}

static uint64_t low_bits(uint64_t number, uint32_t count) {
    return count < 64 ? number & ((UINT64_C(1) << count) - 1) : number;
}

static uint32_t least_of(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* With so many bits few pages have two keys of one hash: four times as many places as a page has pairs of keys. More of
   it would tell keys apart no better. */
static uint32_t hash_enough(uint32_t count) {
    uint32_t bits = 2 * count + 2;
    return bits > HASH_LEAST ? least_of(bits, HASH_MOST) : HASH_LEAST;
}

/* What is beside a cursor of that size, and how much of it the check has. */
static uint32_t rest_beside(uint32_t size) { return size < REST_MOST ? REST_MOST - size : 0; }
static uint32_t check_beside(uint32_t size, uint32_t count) {
    uint32_t rest = rest_beside(size), enough = hash_enough(count);
    return rest > enough ? least_of(rest - enough, CHECK_MOST - CHECK_LEAST) : 0;
}

uint32_t lw__redis_mark_bits(uint64_t scan, uint32_t count) {
    uint32_t size = size_of_scan(scan);
    return rest_beside(size) - check_beside(size, count);
}

uint32_t lw__redis_mark_check_bits(uint64_t scan, uint32_t count) {
    return CHECK_LEAST + check_beside(size_of_scan(scan), count);
}

uint64_t lw__redis_mark_write(const struct lw__redis_mark *mark) {
    uint64_t master = (uint64_t)(mark->master & MASTER_MOST) << MASTER_SHIFT;
    if (!mark->inside) {
        return master | low_bits(mark->scan, LW__REDIS_SCAN_BITS);
    }
    uint32_t size = size_of_scan(mark->scan), rest = rest_beside(size);
    uint32_t bits = lw__redis_mark_bits(mark->scan, mark->count);
    uint64_t small = ((uint64_t)mark->count & 15) << 7 | (mark->seed & 7) << 4 | (mark->check & 15);
    uint64_t check = low_bits(mark->check >> CHECK_LEAST, rest - bits);
    uint64_t scan = (low_bits(mark->scan, REST_MOST) << SMALL_BITS | small) << rest;
    return UINT64_C(1) << 63 | master | (uint64_t)size << SIZE_SHIFT | scan | check << bits |
           low_bits(mark->hash, bits);
}

struct lw__redis_mark lw__redis_mark_read(uint64_t cursor) {
    struct lw__redis_mark mark = {.master = (uint32_t)(cursor >> MASTER_SHIFT) & MASTER_MOST};
    if (cursor >> 63 == 0) {
        mark.scan = low_bits(cursor, LW__REDIS_SCAN_BITS);
        return mark;
    }
    uint32_t size = (uint32_t)(cursor >> SIZE_SHIFT) & 63, rest = rest_beside(size);
    uint64_t upper = low_bits(cursor, SIZE_SHIFT) >> rest;
    mark.inside = true;
    mark.scan = upper >> SMALL_BITS;
    mark.count = (uint32_t)(upper >> 7) & 15;
    mark.seed = (uint32_t)(upper >> 4) & 7;
    uint32_t further = check_beside(size, mark.count), bits = rest - further;
    mark.check = (uint32_t)low_bits(cursor >> bits, further) << CHECK_LEAST | ((uint32_t)upper & 15);
    mark.hash = low_bits(cursor, bits);
    return mark;
}
