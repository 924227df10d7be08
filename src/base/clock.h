/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_CLOCK_H
#define LW_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds of the operating system. */
uint64_t lw__clock(void);

#endif
