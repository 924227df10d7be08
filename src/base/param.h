/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameters read from text into a struct, and checked there. */
#ifndef LW_BASE_PARAM_H
#define LW_BASE_PARAM_H

#include <loadwise/env.h>
#include <loadwise/param.h>

/* The parameter of this name; NULL: there is none. */
const lw_param *lw__param_find(const lw_param *params, uint32_t count, const char *name, size_t size);

/* Reads `text` into config. column: where it stands in the specification, from 1. LW_RANGE; the log is told of `owner`,
   whose parameter it is. */
int lw__param_set(const lw_env *env, const char *owner, const lw_param *param, void *config, const char *text,
                  size_t size, size_t column);

/* Is what stands in config within the range? LW_RANGE; the log is told. */
int lw__param_check(const lw_env *env, const char *owner, const lw_param *param, const void *config);

#endif
