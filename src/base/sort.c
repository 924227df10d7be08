/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Least-significant-digit radix sort of 64-bit keys by their high half: three passes of 11, 11 and 10 bits, counted in
 * one. The library's own, because qsort may allocate behind the caller's back. Cost: O(n), about 8 times faster than
 * comparing from a few thousand keys on.
 */
#include "base/sort.h"

#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3, FEW = 64 };

static uint32_t digit_of(uint64_t key, uint32_t pass) { return key >> (32 + pass * DIGIT_BITS) & (DIGITS - 1); }

static void insertion_sort(uint64_t *keys, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] >> 32 > key >> 32; at--) {
            keys[at] = keys[at - 1];
        }
        keys[at] = key;
    }
}

/* Where the keys of each digit go, for every pass. */
static void count_digits(const uint64_t *keys, uint32_t count, uint32_t places[PASSES][DIGITS]) {
    memset(places, 0, PASSES * sizeof *places);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t pass = 0; pass < PASSES; pass++) {
            places[pass][digit_of(keys[i], pass)]++;
        }
    }
    for (uint32_t pass = 0; pass < PASSES; pass++) {
        for (uint32_t d = 0, sum = 0; d < DIGITS; d++) {
            uint32_t here = places[pass][d];
            places[pass][d] = sum;
            sum += here;
        }
    }
}

static void distribute(const uint64_t *from, uint64_t *to, uint32_t count, uint32_t pass, uint32_t *places) {
    for (uint32_t i = 0; i < count; i++) {
        to[places[digit_of(from[i], pass)]++] = from[i];
    }
}

void lw__sort_high(uint64_t *from, uint64_t *to, uint32_t count) {
    uint32_t places[PASSES][DIGITS];
    if (count <= FEW) {
        insertion_sort(from, count);
        memcpy(to, from, count * sizeof *to);
        return;
    }
    count_digits(from, count, places);
    distribute(from, to, count, 0, places[0]);
    distribute(to, from, count, 1, places[1]);
    distribute(from, to, count, 2, places[2]);
}

/* By the low half, then, since equal ones keep their order, by the high half. */
void lw__order_by_id(const uint64_t *ids, uint32_t count, uint64_t *order, uint64_t *room) {
    for (uint32_t i = 0; i < count; i++) {
        room[i] = ids[i] << 32 | i;
    }
    lw__sort_high(room, order, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = (uint32_t)order[i];
        room[i] = (ids[index] >> 32 << 32) | index;
    }
    lw__sort_high(room, order, count);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = (uint32_t)order[i];
    }
}
