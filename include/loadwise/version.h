/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Version of the header and of the library that was loaded.
 *
 * ABI promise: within one LW_VERSION_MAJOR no public symbol, constant or struct member changes or goes away;
 * structs grow only at their end. The soname carries the major number alone. While it is 0, a new minor
 * number may break.
 */
#ifndef LOADWISE_VERSION_H
#define LOADWISE_VERSION_H

#include <loadwise/api.h>
#include <stdint.h>

LW_BEGIN

#define LW_VERSION_MAJOR 0
#define LW_VERSION_MINOR 4
#define LW_VERSION_PATCH 0
/* One comparable number: #if LW_VERSION >= LW_VERSION_NUMBER(0, 4, 0) */
#define LW_VERSION_NUMBER(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define LW_VERSION LW_VERSION_NUMBER(LW_VERSION_MAJOR, LW_VERSION_MINOR, LW_VERSION_PATCH)

/*
 * The version of the library that is running, as LW_VERSION_NUMBER.
 * Threads: any. Errors: none.
 */
LW_API uint32_t lw_version(void);

/*
 * The same as text, "0.4.0". Owned by the library, valid for ever.
 * Threads: any. Errors: none.
 */
LW_API const char *lw_version_string(void);

LW_END

#endif
