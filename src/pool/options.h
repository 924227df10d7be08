/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options as callers write them: structs that may be of an older header, and numbers with a range. */
#ifndef LW_POOL_OPTIONS_H
#define LW_POOL_OPTIONS_H

#include "pool/pool.h"

struct lw__bound {
    const char *name;
    uint64_t value, least, most;
};

/* LW_RANGE: the log is told which, its value and its range. */
int lw__bounds_check(const lw_env *env, const char *what, const struct lw__bound *bounds, size_t count);

/* Copies a struct that begins with its size over the defaults in `to`. LW_INVALID: it has none. */
int lw__struct_take(const lw_env *env, const char *what, void *to, size_t room, const void *from);

#endif
