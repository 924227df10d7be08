/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The version that was compiled in. */
#include <loadwise/version.h>

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

uint32_t lw_version(void) { return LW_VERSION; }

const char *lw_version_string(void) {
    return TEXT(LW_VERSION_MAJOR) "." TEXT(LW_VERSION_MINOR) "." TEXT(LW_VERSION_PATCH);
}
