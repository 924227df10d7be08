/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory, time and voice of an object. The only caller of malloc and free.
 *
 * Allocators promise malloc's alignment; the library wants whole cache lines. So each block is asked for 64 bytes
 * larger, and the word before the aligned address remembers what the allocator gave.
 */
#include "base/env.h"
#include "base/clock.h"
#include "base/entropy.h"
#include "base/raise.h"

#include <loadwise/error.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64, MESSAGE_SIZE = 512 };

static void *default_alloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void default_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

int lw__env_init(lw_env *env, const lw_env *given) {
    *env = (lw_env)LW_ENV_INIT;
    if (given != NULL) {
        size_t known = given->size < sizeof *env ? given->size : sizeof *env;
        memcpy(env, given, known);
        env->size = sizeof *env;
    }
    if ((env->alloc == NULL) != (env->release == NULL)) {
        return lw__fail(env, LW_INVALID, "env: alloc and release come together or not at all");
    }
    if (env->alloc == NULL) {
        env->alloc = default_alloc;
        env->release = default_release;
    }
    if (env->seed == 0) {
        env->seed = lw__entropy();
    }
    return LW_OK;
}

void *lw__alloc_rough(const lw_env *env, size_t size) {
    if (size > SIZE_MAX - LINE - sizeof(void *)) {
        return NULL;
    }
    char *given = env->alloc(env->user, size + LINE + sizeof(void *));
    if (given == NULL) {
        return NULL;
    }
    uintptr_t least = (uintptr_t)given + sizeof(void *);
    char *aligned = given + ((least + LINE - 1) / LINE * LINE - (uintptr_t)given);
    memcpy(aligned - sizeof given, &given, sizeof given);
    return aligned;
}

void *lw__alloc(const lw_env *env, size_t size) {
    void *memory = lw__alloc_rough(env, size);
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

void lw__release(const lw_env *env, void *memory) {
    if (memory != NULL) {
        void *given;
        memcpy(&given, (char *)memory - sizeof given, sizeof given);
        env->release(env->user, given);
    }
}

uint64_t lw__now(const lw_env *env) { return env->now != NULL ? env->now(env->user) : lw__clock(); }

uint64_t lw__now_forward(const lw_env *env, uint64_t *latest) { return lw__raise(latest, lw__now(env)); }

int lw__fail(const lw_env *env, int code, const char *format, ...) {
    if (env->log != NULL) {
        char message[MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        env->log(env->user, code, message);
    }
    return code;
}
