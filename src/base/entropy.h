/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_ENTROPY_H
#define LW_BASE_ENTROPY_H

#include <stdint.h>

/* A seed from the operating system, never 0. */
uint64_t lw__entropy(void);

#endif
