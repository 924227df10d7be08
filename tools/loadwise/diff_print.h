/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a comparison found, for people or as JSON; on standard output. */
#ifndef LOADWISE_TOOL_DIFF_PRINT_H
#define LOADWISE_TOOL_DIFF_PRINT_H

#include "diff_options.h"
#include "moves.h"
#include "roster.h"

struct comparison {
    struct roster roster;
    struct moves moves;
    uint64_t refused; /* keys that had no node in a list */
};

void diff_print_text(const struct comparison *found, const struct diff_options *options);

/* False: out of memory. */
bool diff_print_json(const struct comparison *found, const struct diff_options *options);

/* Moved keys over the fewest that could have; NaN where none had to. */
double diff_ratio(const struct comparison *found);

#endif
