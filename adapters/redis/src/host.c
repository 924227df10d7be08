/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory, time, chance and voice of a store in Redis; the only caller of malloc, of the clock and of getrandom here. A
 * library of its own that sees only the public headers of loadwise, so it brings these few lines itself.
 */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { MESSAGE_ROOM = 512 };

static void *plain_alloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void plain_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static uint64_t drawn_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        /* Early boot, or a kernel without the call: the time and a stack address still differ between processes. */
        seed = lw__redis_draw(lw__redis_clock(), (uint64_t)(uintptr_t)&seed);
    }
    return seed != 0 ? seed : 1;
}

int lw__redis_env_init(lw_env *env, const lw_env *given) {
    *env = (lw_env)LW_ENV_INIT;
    if (given != NULL) {
        memcpy(env, given, given->size < sizeof *env ? given->size : sizeof *env);
        env->size = sizeof *env;
    }
    if ((env->alloc == NULL) != (env->release == NULL)) {
        return lw__redis_fail(env, LW_INVALID, "env: alloc and release come together or not at all");
    }
    if (env->alloc == NULL) {
        env->alloc = plain_alloc;
        env->release = plain_release;
    }
    if (env->seed == 0) {
        env->seed = drawn_seed();
    }
    return LW_OK;
}

void *lw__redis_alloc(const lw_env *env, size_t size) {
    void *memory = env->alloc(env->user, size);
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

void lw__redis_release(const lw_env *env, void *memory) {
    if (memory != NULL) {
        env->release(env->user, memory);
    }
}

uint64_t lw__redis_clock(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) {
        return 0; /* cannot happen with this clock */
    }
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t lw__redis_now(const lw_env *env) { return env->now != NULL ? env->now(env->user) : lw__redis_clock(); }

uint64_t lw__redis_draw(uint64_t seed, uint64_t number) {
    uint64_t z = seed + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int lw__redis_fail(const lw_env *env, int code, const char *format, ...) {
    if (env->log != NULL) {
        char message[MESSAGE_ROOM];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        env->log(env->user, code, message);
    }
    return code;
}
