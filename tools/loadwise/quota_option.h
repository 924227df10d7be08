/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One `--quota DIM=SOURCE:KIND:WINDOW`, such as tpm=ContextTokens+GeneratedTokens:gcra:60s. */
#ifndef LOADWISE_TOOL_QUOTA_OPTION_H
#define LOADWISE_TOOL_QUOTA_OPTION_H

#include "problem.h"

#include <stddef.h>
#include <stdint.h>

#define QUOTA_SOURCES_MOST 8

struct quota_option {
    const char *name;
    const char *columns[QUOTA_SOURCES_MOST]; /* added together; NULL in the place of "row": 1 for each request */
    size_t column_count;
    uint32_t kind;           /* enum lw_quota_kind */
    uint64_t window;         /* ns */
    const char *kind_text;   /* "gcra" */
    const char *window_text; /* "60s" */
};

/* The strings are slices of the value, which is cut up. */
enum status quota_option_read(struct quota_option *option, char *value, struct problem *problem);

#endif
