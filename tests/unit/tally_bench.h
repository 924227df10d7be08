/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A tally beside the truth it is to know. The ranks of a draw are asked for one by one, so that what is said of chances
 * is checked exactly: each leaf that has the least comes for one rank, and no other leaf for any.
 */
#ifndef LOADWISE_TESTS_TALLY_BENCH_H
#define LOADWISE_TESTS_TALLY_BENCH_H

#include "pool/tally.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { TALLY_GUARD = 64, TALLY_GUARD_BYTE = 0x5a };

typedef struct tally_bench {
    struct lw__tally *tally;
    uint32_t count;
    uint64_t *traffic;
    uint32_t *reasons;
    uint8_t *seen; /* of tally_bench_check */
} tally_bench;

static inline void tally_bench_open(tally_bench *bench, uint32_t count) {
    size_t size = lw__tally_size(count);
    assert_int_equal(size % 64, 0);
    *bench = (tally_bench){aligned_alloc(64, size + TALLY_GUARD), count, calloc(count + 1, sizeof *bench->traffic),
                           calloc(count + 1, sizeof *bench->reasons), calloc(count + 1, 1)};
    assert_true(bench->tally != NULL && bench->traffic != NULL && bench->reasons != NULL && bench->seen != NULL);
    memset(bench->tally, 0, size);
    memset((char *)bench->tally + size, TALLY_GUARD_BYTE, TALLY_GUARD);
    lw__tally_init(bench->tally, count);
}

static inline void tally_bench_close(tally_bench *bench) {
    const char *guard = (const char *)bench->tally + lw__tally_size(bench->count);
    for (uint32_t i = 0; i < TALLY_GUARD; i++) {
        assert_int_equal(guard[i], TALLY_GUARD_BYTE);
    }
    free(bench->tally);
    free(bench->traffic);
    free(bench->reasons);
    free(bench->seen);
}

static inline void tally_bench_set(tally_bench *bench, uint32_t leaf) {
    lw__tally_set(bench->tally, leaf, &bench->traffic[leaf], &bench->reasons[leaf]);
}

/* How many leaves have the least, and what it is. */
static inline uint32_t tally_bench_ties(const tally_bench *bench, uint32_t *least) {
    uint32_t ties = 0;
    *least = UINT32_MAX;
    for (uint32_t i = 0; i < bench->count; i++) {
        uint32_t value = (uint32_t)bench->traffic[i];
        if (bench->reasons[i] == 0 && value <= *least) {
            ties = value < *least ? 1 : ties + 1;
            *least = value;
        }
    }
    return ties;
}

/* From the middle of the stretch of random numbers that stand for this rank. */
static inline uint64_t tally_bench_chance(uint32_t rank, uint32_t of) {
    uint64_t stretch = UINT64_MAX / of;
    return stretch * rank + stretch / 2;
}

static inline void tally_bench_check(tally_bench *bench) {
    uint32_t least, ties = tally_bench_ties(bench, &least);
    if (ties == 0) {
        assert_int_equal(lw__tally_least(bench->tally, 0), -1);
        assert_int_equal(lw__tally_least(bench->tally, UINT64_MAX), -1);
        return;
    }
    memset(bench->seen, 0, bench->count);
    for (uint32_t rank = 0; rank < ties; rank++) {
        ptrdiff_t leaf = lw__tally_least(bench->tally, tally_bench_chance(rank, ties));
        assert_true(leaf >= 0 && leaf < (ptrdiff_t)bench->count);
        assert_true(bench->reasons[leaf] == 0 && (uint32_t)bench->traffic[leaf] == least);
        assert_int_equal(bench->seen[leaf]++, 0);
    }
}

#endif
