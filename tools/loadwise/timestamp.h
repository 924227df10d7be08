/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Times of requests as traces write them. */
#ifndef LOADWISE_TOOL_TIMESTAMP_H
#define LOADWISE_TOOL_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_FORMS "2026-01-01 10:00:00.0913569 or seconds such as 3.25"

/*
 * ns since 1970, or since whatever the seconds count from. The date may be joined to the time by a T and be followed by
 * Z or by an offset such as +01:00. Digits after the ninth decimal are not looked at.
 */
bool timestamp_read(const char *text, size_t size, uint64_t *ns);

#endif
