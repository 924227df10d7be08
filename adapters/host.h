/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What adapters take from their host by its lw_env: memory and a voice. Each is a library of its own that sees the
 * public headers of loadwise only, so they share these few lines as text, and no name is in two of them.
 */
#ifndef ADAPTERS_HOST_H
#define ADAPTERS_HOST_H

#include <loadwise/env.h>
#include <loadwise/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tells env->log and returns code, so that `return lw__host_fail(...)` reads well. */
__attribute__((format(printf, 3, 4))) static inline int lw__host_fail(const lw_env *env, int code, const char *format,
                                                                      ...) {
    if (env->log != NULL) {
        char message[512];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        env->log(env->user, code, message);
    }
    return code;
}

/* Copies what the caller gave over the defaults. LW_INVALID for half an allocator. */
static inline int lw__host_env(lw_env *env, const lw_env *given) {
    *env = (lw_env)LW_ENV_INIT;
    if (given != NULL) {
        memcpy(env, given, given->size < sizeof *env ? given->size : sizeof *env);
        env->size = sizeof *env;
    }
    return (env->alloc == NULL) == (env->release == NULL)
               ? LW_OK
               : lw__host_fail(env, LW_INVALID, "env: alloc and release come together or not at all");
}

/* Zeroed memory, or NULL. */
static inline void *lw__host_alloc(const lw_env *env, size_t size) {
    void *memory = env->alloc != NULL ? env->alloc(env->user, size) : malloc(size);
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

static inline void lw__host_release(const lw_env *env, void *memory) {
    if (memory != NULL && env->release != NULL) {
        env->release(env->user, memory);
    } else {
        free(memory);
    }
}

#endif
