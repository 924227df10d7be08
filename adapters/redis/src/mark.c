/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cursors of listings as numbers; see list.h. */
#include "list.h"

enum { MASTER_SHIFT = 53, SIZE_SHIFT = 47, MASTER_MOST = 1023, SMALL_BITS = 11, HASH_MOST = SIZE_SHIFT - SMALL_BITS };

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

uint32_t lw__redis_mark_bits(uint64_t scan) {
    uint32_t size = size_of_scan(scan);
    return size < HASH_MOST ? HASH_MOST - size : 0;
}

uint64_t lw__redis_mark_write(const struct lw__redis_mark *mark) {
    uint64_t master = (uint64_t)(mark->master & MASTER_MOST) << MASTER_SHIFT;
    if (!mark->inside) {
        return master | low_bits(mark->scan, LW__REDIS_SCAN_BITS);
    }
    uint32_t size = size_of_scan(mark->scan), bits = lw__redis_mark_bits(mark->scan);
    uint64_t small = ((uint64_t)mark->count & 15) << 7 | (mark->seed & 7) << 4 | (mark->check & 15);
    uint64_t rest = (low_bits(mark->scan, HASH_MOST) << SMALL_BITS | small) << bits;
    return UINT64_C(1) << 63 | master | (uint64_t)size << SIZE_SHIFT | rest | low_bits(mark->hash, bits);
}

struct lw__redis_mark lw__redis_mark_read(uint64_t cursor) {
    struct lw__redis_mark mark = {.master = (uint32_t)(cursor >> MASTER_SHIFT) & MASTER_MOST};
    if (cursor >> 63 == 0) {
        mark.scan = low_bits(cursor, LW__REDIS_SCAN_BITS);
        return mark;
    }
    uint32_t size = (uint32_t)(cursor >> SIZE_SHIFT) & 63, bits = size < HASH_MOST ? HASH_MOST - size : 0;
    mark.inside = true;
    mark.hash = low_bits(cursor, bits);
    cursor = low_bits(cursor, SIZE_SHIFT) >> bits;
    mark.check = (uint32_t)cursor & 15;
    mark.seed = (uint32_t)(cursor >> 4) & 7;
    mark.count = (uint32_t)(cursor >> 7) & 15;
    mark.scan = cursor >> SMALL_BITS;
    return mark;
}
