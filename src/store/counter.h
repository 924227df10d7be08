/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counters as text: an optional '-', digits, no leading zero, within int64_t. One number, one text. */
#ifndef LW_STORE_COUNTER_H
#define LW_STORE_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW__COUNTER_ROOM = 20 }; /* of "-9223372036854775808" */

/* False when the bytes are not a counter. */
bool lw__counter_read(const char *text, size_t size, int64_t *value);

/* Writes up to LW__COUNTER_ROOM bytes, no NUL, and returns how many. */
size_t lw__counter_write(char *text, int64_t value);

#endif
