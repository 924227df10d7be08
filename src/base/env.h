/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_ENV_H
#define LW_BASE_ENV_H

#include <loadwise/env.h>

/* Copies what the caller gave over the defaults; draws the seed if it is 0. Returns LW_INVALID for half an allocator.
 */
int lw__env_init(lw_env *env, const lw_env *given);

/* Zeroed memory on a cache line of its own, or NULL. */
void *lw__alloc(const lw_env *env, size_t size);
/* The same with whatever it holds. */
void *lw__alloc_rough(const lw_env *env, size_t size);
void lw__release(const lw_env *env, void *memory);

uint64_t lw__now(const lw_env *env);

/* The same, but never less than what *latest has seen, which it raises. */
uint64_t lw__now_forward(const lw_env *env, uint64_t *latest);

/* Tells env->log and returns code, so that `return lw__fail(...)` reads well. */
__attribute__((format(printf, 3, 4))) int lw__fail(const lw_env *env, int code, const char *format, ...);

#endif
