/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The Lua scripts as text, each with the SHA-1 by which EVALSHA names it. Their sources are scripts/NAME.lua, which say
 * what arguments they take and what they answer; scripts.c is made from them when the library is built.
 */
#ifndef LW_REDIS_SCRIPTS_H
#define LW_REDIS_SCRIPTS_H

#include <stddef.h>

struct lw__redis_script {
    const char *name;
    const char *sha1; /* 40 hexadecimal digits */
    size_t size;
    const char *text;
};

extern const struct lw__redis_script lw__redis_add;
extern const struct lw__redis_script lw__redis_charge;
extern const struct lw__redis_script lw__redis_compare_and_set;
extern const struct lw__redis_script lw__redis_meet;

#endif
