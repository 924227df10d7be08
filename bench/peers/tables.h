/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is written of the cells. */
#ifndef BENCH_TABLES_H
#define BENCH_TABLES_H

#include "cells.h"

/* Markdown; `skipped` are lines about peers that are not there. */
void tables_write(FILE *out, const struct cells *cells, const char *const *skipped, uint32_t skipped_count);

/* One line for each cell that was asked. */
void tables_write_values(FILE *out, const struct cells *cells);

#endif
