/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_CLOCK_H
#define LW_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds of the operating system. */
uint64_t lw__clock(void);

/* Nanoseconds since 1970 by the operating system, which may step; for stores that have no clock of their own. */
uint64_t lw__clock_since_1970(void);

#endif
