/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of bench-pool: each measures and prints one table, and returns 0 or a negative code of the library. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "frame.h"
#include "pool_stand.h"
#include "table.h"

struct pool_options {
    uint32_t rounds, size, threads; /* size, threads: only this many; 0: as the part has it */
    const char *strategy;           /* only this one; NULL: all */
    bool csv;
};

int pool_picks(struct frame *frame, const struct pool_options *options);
int pool_storm(struct frame *frame, const struct pool_options *options);
int pool_updates(struct frame *frame, const struct pool_options *options);
int pool_memory(struct frame *frame, const struct pool_options *options);

/* The next entry that is wanted, from *position on, which is moved past it; NULL after the last. */
const struct pool_entry *pool_next_entry(const struct pool_options *options, uint32_t *position);

#endif
