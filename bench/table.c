/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows are flushed one by one, since some take their time. */
#include "table.h"

#include <stdio.h>

enum { LABEL = 28, CELL = 32 };

/* Each cell is made as text first, so that a value that was not taken is a dash for people and empty in values. */
static void print_cell(bool csv, int width, const char *text) {
    if (csv) {
        printf(",%s", text);
    } else {
        printf(" %*s", width, text);
    }
}

static void end_row(const char *mark) {
    puts(mark);
    fflush(stdout);
}

void table_head(const struct table *table) {
    if (table->csv) {
        printf("title,%s", table->label);
    } else {
        printf("\n%s\n%-*s", table->title, LABEL, table->label);
    }
    for (uint32_t i = 0; i < table->count; i++) {
        print_cell(table->csv, table->columns[i].width, table->columns[i].name);
    }
    end_row("");
}

void table_row(const struct table *table, const char *label, const double *values, const char *mark) {
    if (table->csv) {
        printf("\"%s\",\"%s\"", table->title, label);
    } else {
        printf("%-*s", LABEL, label);
    }
    for (uint32_t i = 0; i < table->count; i++) {
        char text[CELL];
        snprintf(text, CELL, "%.*f", table->columns[i].digits, values[i]);
        print_cell(table->csv, table->columns[i].width, values[i] >= 0 ? text : table->csv ? "" : "-");
    }
    end_row(table->csv ? "" : mark);
}
