/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time and chance of a store, by its lw_env; memory and voice are those of all adapters. */
#ifndef LW_REDIS_ENVIRONMENT_H
#define LW_REDIS_ENVIRONMENT_H

#include "host.h"

/* As lw__host_env, and draws the seed if it is 0. */
int lw__redis_env_init(lw_env *env, const lw_env *given);

uint64_t lw__redis_now(const lw_env *env);

/* CLOCK_MONOTONIC, which waiting goes by. */
uint64_t lw__redis_clock(void);

/* The time that lies so much later, at most the last there is. */
static inline uint64_t lw__redis_after(uint64_t now, uint64_t span) {
    return span > UINT64_MAX - now ? UINT64_MAX : now + span;
}

/* How long until then; 0 when it has come. */
static inline uint64_t lw__redis_left(uint64_t until, uint64_t now) { return until > now ? until - now : 0; }

/* A number that looks like chance, from a seed and how many were drawn before (the finaliser of splitmix64). */
uint64_t lw__redis_draw(uint64_t seed, uint64_t number);

#endif
