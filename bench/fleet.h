/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A fleet: the made-up nodes and request keys that a benchmark runs on, the same on every machine and in every run. */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <stdint.h>

enum {
    FLEET_LEAST = 3,
    FLEET_MOST = 16384,
    FLEET_KEYS = 16384,
    FLEET_NAME_SIZE = 24,
    FLEET_WEIGHT = 10,
    FLEET_CAPACITY = 8
};

struct fleet {
    uint32_t count;
    char (*names)[FLEET_NAME_SIZE]; /* "10.x.y.z:8080" */
    const char **name_list;         /* the same as pointers, as a name column wants them */
    uint32_t *weights;              /* 1 to FLEET_WEIGHT */
    double *loads;                  /* uniform in [0, 1) */
    double *remaining;              /* uniform in [0, 1) */
    uint32_t *inflight;             /* 0 to 7 */
    uint32_t *capacity;             /* 8 */
    uint64_t *keys;                 /* FLEET_KEYS of them */
    uint64_t *eligible;             /* bitmap: one node in twenty, and at least one, is out */
    uint32_t *eligible_blocks;
    uint32_t eligible_count;
};

/* Makes a fleet of count nodes, FLEET_LEAST to FLEET_MOST. Returns 0, or -1 without memory; then fleet_close still is
 * safe. */
int fleet_open(struct fleet *fleet, uint32_t count);
void fleet_close(struct fleet *fleet);

static inline uint64_t fleet_mix(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

#endif
