/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the store takes from its host: memory, time, chance and a voice, all by its lw_env. */
#ifndef LW_REDIS_HOST_H
#define LW_REDIS_HOST_H

#include <loadwise/env.h>
#include <loadwise/error.h>

/* Copies what the caller gave over the defaults; draws the seed if it is 0. LW_INVALID for half an allocator. */
int lw__redis_env_init(lw_env *env, const lw_env *given);

/* Zeroed memory, or NULL. */
void *lw__redis_alloc(const lw_env *env, size_t size);
void lw__redis_release(const lw_env *env, void *memory);

uint64_t lw__redis_now(const lw_env *env);

/* Tells env->log and returns code, so that `return lw__redis_fail(...)` reads well. */
__attribute__((format(printf, 3, 4))) int lw__redis_fail(const lw_env *env, int code, const char *format, ...);

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
