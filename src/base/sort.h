/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LW_BASE_SORT_H
#define LW_BASE_SORT_H

#include <stdint.h>

/* Sorts by the high 32 bits, ascending, from one array to another; equal ones keep their order. `from` is used up. */
void lw__sort_high(uint64_t *from, uint64_t *to, uint32_t count);

/* Writes the indexes 0 to count - 1 in ascending order of their ids; room holds as many numbers as order. */
void lw__order_by_id(const uint64_t *ids, uint32_t count, uint64_t *order, uint64_t *room);

#endif
