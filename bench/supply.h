/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A supply: what an object of the library takes through its lw_env. Memory is counted, chance is the same in every run,
   and what the library has to say goes to stderr. */
#ifndef BENCH_SUPPLY_H
#define BENCH_SUPPLY_H

#include <loadwise/env.h>
#include <stdatomic.h>

struct supply {
    atomic_size_t bytes, most_bytes, calls;
    _Atomic uint64_t time; /* ns; stands still until its owner moves it */
};

/* The supply must outlive what is made with it. */
lw_env supply_env(struct supply *supply);

/* For env.now, in place of the clock. */
uint64_t supply_now(void *supply);

#endif
