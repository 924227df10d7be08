/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_SORT_H
#define LW_BASE_SORT_H

#include <stdint.h>

/* Sorts by the high 32 bits, ascending; equal ones keep their order. spare holds count keys too. */
void lw__sort_high(uint64_t *keys, uint64_t *spare, uint32_t count);

#endif
