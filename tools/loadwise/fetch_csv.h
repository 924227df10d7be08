/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `--csv FILE`: one line for each request of `loadwise fetch`, in the order in which they ended. */
#ifndef LOADWISE_TOOL_FETCH_CSV_H
#define LOADWISE_TOOL_FETCH_CSV_H

#include "fetch_tally.h"

#include <loadwise/curl.h>
#include <stdio.h>

/* NULL: it cannot be written, and the problem says why. */
FILE *fetch_csv_open(const char *name, struct problem *problem);

/* begun: ns since the beginning. node: its name; NULL: none had it. */
void fetch_csv_add(FILE *csv, uint64_t begun, uint64_t latency, const char *node, const lw_exchange *exchange);

/* Whether all of it was written. NULL-safe. */
enum status fetch_csv_close(FILE *csv, const char *name, struct problem *problem);

#endif
