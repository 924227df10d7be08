/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where an object takes its memory, time, chance and voice from.
 *
 * An lw_env is handed to the constructor of an object, copied there, and used by that object alone: the library
 * has no global settings. NULL, or a member left 0, means the default: malloc and free, the monotonic clock,
 * a seed drawn once from the operating system, silence.
 *
 * With an explicit seed, an explicit `now` and one thread, the same calls give the same picks on every platform.
 */
#ifndef LOADWISE_ENV_H
#define LOADWISE_ENV_H

#include <loadwise/api.h>
#include <stddef.h>
#include <stdint.h>

LW_BEGIN

typedef struct lw_env {
    size_t size; /* sizeof(lw_env), so that the struct can grow */

    /* Handed to every function below. Must outlive the object. */
    void *user;

    /* Both or neither. alloc returns memory aligned as malloc's, or NULL; release takes only what alloc gave.
       Called from constructors, lw_prepare, an unprepared call on nodes and lw_*_free, never from a prepared pick. */
    void *(*alloc)(void *user, size_t size);
    void (*release)(void *user, void *memory);

    /* Monotonic nanoseconds from any origin. May stand still; a step back counts as standing still. */
    uint64_t (*now)(void *user);

    /* Source of all chance in the object. 0: drawn once from the operating system when the object is made. */
    uint64_t seed;

    /* Told once about each call that fails for a reason that words explain better than the code does: which
       parameter, which column of the specification, what was allowed. The text lives for the call only. */
    void (*log)(void *user, int code, const char *message);

    /* A strategy would like to hear of the node with this id; see probe.h. Called inside a pick, so it may only note
       the wish: no call of the library, nothing that waits. */
    void (*probe)(void *user, uint64_t id);
} lw_env;

#define LW_ENV_INIT                                                                                                    \
    { sizeof(lw_env), NULL, NULL, NULL, NULL, 0, NULL, NULL }

LW_END

#endif
