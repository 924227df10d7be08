/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes of any kind as a JSON string. */
#ifndef LOADWISE_TOOL_JSON_TEXT_H
#define LOADWISE_TOOL_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* UTF-8 as it is; anything else with \xNN for each byte above 127. NULL when memory is out. */
json_t *json_text(const char *bytes, size_t size);

#endif
