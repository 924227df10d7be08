/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A pool stand: one pool of the library with one route over one fleet, beside its limit probe on the same fleet. */
#ifndef BENCH_POOL_STAND_H
#define BENCH_POOL_STAND_H

#include "probes.h"
#include "supply.h"
#include "wishes.h"

#include <loadwise/loadwise.h>

struct pool_entry {
    const char *spec;
    const struct probe_kind *probe;
    bool keyed;        /* asks with a key */
    bool weighted;     /* the nodes have weights */
    double bar;        /* ns for pick and done by one thread in a quiet round; 0: none is set */
    uint32_t bar_most; /* most nodes for which it holds */
    double bar_ratio;  /* two threads, from 128 nodes on: to the limit with a charge; 0: none is set */
};

/* What is measured, by position from 0; NULL past the last. */
const struct pool_entry *pool_entry_at(uint32_t position);
const struct pool_entry *pool_entry_find(const char *spec);

struct pool_stand {
    const struct pool_entry *entry;
    const struct fleet *fleet;
    bool partial; /* the nodes that the fleet's bitmap leaves out are disabled */
    struct supply supply;
    struct probe probe;
    struct wishes wishes;
    lw_pool *pool;
    uint32_t route;
    size_t empty_bytes; /* held by the pool and its route before there were nodes */
    size_t full_bytes;
    double fill_ns;          /* what the first update took */
    size_t calls_at_opening; /* of the allocator, when picks began */
};

/* Return 0, or a negative code of the library. pool_stand_close is safe either way. */
int pool_stand_open(struct pool_stand *stand, const struct pool_entry *entry, const struct fleet *fleet, bool partial,
                    uint32_t threads);
void pool_stand_close(struct pool_stand *stand);

/* What to run: pick and done with the time passed in, which goes on by a microsecond each time; and its limits. */
struct frame_task pool_stand_task(struct pool_stand *stand);
struct frame_task pool_stand_limit(struct pool_stand *stand, enum probe_form form);

/* Whether single picks succeed, answer enabled nodes and end once. Prints what is wrong. */
bool pool_stand_is_right(struct pool_stand *stand);

/* Whether no pick was refused, no ticket is out and, unless `updated`, nothing was allocated since the stand was
   opened. Prints what is wrong. */
bool pool_stand_ended_well(struct pool_stand *stand, bool updated);

#endif
