/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time and chance of a store in Redis; the only caller of the clock and of getrandom here. */
#include "environment.h"

#include <sys/random.h>
#include <time.h>

static uint64_t drawn_seed(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        /* Early boot, or a kernel without the call: the time and a stack address still differ between processes. */
        seed = lw__redis_draw(lw__redis_clock(), (uint64_t)(uintptr_t)&seed);
    }
    return seed != 0 ? seed : 1;
}

int lw__redis_env_init(lw_env *env, const lw_env *given) {
    int error = lw__host_env(env, given);
    if (error == LW_OK && env->seed == 0) {
        env->seed = drawn_seed();
    }
    return error;
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
