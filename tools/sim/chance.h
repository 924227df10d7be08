/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Streams of chance. A stream is named by the seed of the run, a purpose and a number, and depends on nothing else:
 * what request 17 takes is the same whoever serves it, and however many draws were made for others.
 */
#ifndef LOADWISE_SIM_CHANCE_H
#define LOADWISE_SIM_CHANCE_H

#include "scenario.h"

enum sim_purpose {
    SIM_OF_ARRIVALS = 1, /* times */
    SIM_OF_REQUEST,      /* key, client, work; by number of the request */
    SIM_OF_TRY,          /* noise, errors, network; by number of the request and try */
    SIM_OF_POOL,         /* seeds of pools; by number of the client */
    SIM_OF_PROBE,        /* network of probes */
};

struct sim_chance {
    uint64_t state;
};

/* splitmix64's finaliser. */
static inline uint64_t sim_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline struct sim_chance sim_chance_of(uint64_t seed, enum sim_purpose purpose, uint64_t number) {
    struct sim_chance chance = {sim_mix(sim_mix(seed + (uint64_t)purpose * UINT64_C(0xd1342543de82ef95)) + number)};
    return chance;
}

static inline uint64_t sim_bits(struct sim_chance *chance) {
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    return sim_mix(chance->state);
}

/* Above 0, up to 1. */
static inline double sim_uniform(struct sim_chance *chance) { return (double)((sim_bits(chance) >> 11) + 1) * 0x1p-53; }

/* Below bound, which must not be 0; the bias is below 2^-32. */
static inline uint32_t sim_below(struct sim_chance *chance, uint32_t bound) {
    return (uint32_t)((sim_bits(chance) >> 32) * bound >> 32);
}

/* Of mean 1. */
double sim_exponential(struct sim_chance *chance);

/* Of mean 0 and deviation 1. */
double sim_normal(struct sim_chance *chance);

/* A lognormal number of mean 1. */
double sim_factor(struct sim_chance *chance, double sigma);

double sim_draw(struct sim_chance *chance, const struct sim_distribution *distribution);

/* Ranks from 1 to `count`, rank k with probability proportional to k^-skew. */
struct sim_zipf {
    uint64_t count;
    double skew, head, tail, sure;
};
void sim_zipf_init(struct sim_zipf *zipf, uint64_t count, double skew);
uint64_t sim_zipf_draw(const struct sim_zipf *zipf, struct sim_chance *chance);

#endif
