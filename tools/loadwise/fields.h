/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fields of one line of CSV, by libcsv. A quoted field may hold commas and quotes, but ends on its line. */
#ifndef LOADWISE_TOOL_FIELDS_H
#define LOADWISE_TOOL_FIELDS_H

#include "lines.h"

#include <csv.h>

#define FIELDS_MOST 256

struct field {
    const char *bytes; /* ends with NUL, which `size` does not count */
    size_t size;
};

struct fields {
    size_t count;
    struct field at[FIELDS_MOST];

    struct csv_parser parser;
    size_t ends;   /* row ends that the parser saw in the line */
    bool too_many; /* more than FIELDS_MOST */
    size_t used;
    char bytes[LINES_ROOM + FIELDS_MOST];
};

void fields_init(struct fields *fields);
void fields_free(struct fields *fields);

/* Splits a line; blank ones have 0 fields. NULL, or what is wrong with it. The fields live until the next call. */
const char *fields_split(struct fields *fields, const char *line, size_t size);

#endif
