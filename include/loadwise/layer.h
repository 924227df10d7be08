/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Layers: services around a service. Each has a struct of options whose members are its parameters, a function that
 * makes it, and a line in the table by which stacks (stack.h) are written as text:
 *
 *     timeout 2s | retry max=3 | hedge p95 | balance p2c metric=peak_ewma | circuit_breaker
 *
 * A layer owns the service that it is around, from the call that made it on, also when that call fails: then it is
 * freed. It keeps a record per exchange under way, taken from memory that grows by 64 records at a time and is kept for
 * the next ones; where that fails the exchange is refused with LW_NOMEM.
 *
 * Options: LW_x_OPTIONS_INIT has the defaults. Times are ns. Errors of every function that makes a layer: LW_RANGE (the
 * log names the option, its value and its range), LW_INVALID (no inner service, half an allocator), LW_NOMEM.
 */
#ifndef LOADWISE_LAYER_H
#define LOADWISE_LAYER_H

#include <loadwise/clock.h>
#include <loadwise/param.h>
#include <loadwise/service.h>

LW_BEGIN

/* A kind of layer, for stacks. Its options are a struct of uint64_t and double, described by params. */
typedef struct lw_layer {
    size_t size;            /* sizeof(lw_layer), so that the struct can grow */
    const char *name;       /* [a-z][a-z0-9_]* */
    const char *help;       /* one sentence */
    const lw_param *params; /* a fallback of NULL: has to be given. A stack may give the first one by its value alone */
    uint32_t param_count;
    uint32_t options_size;
    int (*make)(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options);
    /* What is wrong with options that are each in range, in words; NULL: nothing. The entry may be NULL. */
    const char *(*misfit)(const void *options);
} lw_layer;

/* The built-in ones, in the order of the alphabet; NULL at the end. balance, which a stack makes over its pool, has no
   `make`. */
LW_API const lw_layer *const *lw_layers(void);

LW_END

#endif
