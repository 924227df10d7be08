/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A table of numbers with a label in front of each row: aligned text for people, or comma-separated values. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct table_column {
    const char *name;
    int width, digits;
};

struct table {
    const char *title, *label;
    const struct table_column *columns;
    uint32_t count;
    bool csv;
};

void table_head(const struct table *table);

/* One value a column; one below 0 was not taken. The mark stands at the end, for people only. */
void table_row(const struct table *table, const char *label, const double *values, const char *mark);

#endif
