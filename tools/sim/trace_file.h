/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Traces of real traffic: when requests came and how large they were.
 *
 * CSV with a header: the first of the columns TIMESTAMP, time, timestamp or at says when (2023-11-16 18:17:03.97, or
 * seconds); key, Key or user is the key; ContextTokens or context, and GeneratedTokens or output, are the sizes. So the
 * Azure LLM traces work as they are. Otherwise an access log of nginx in the common or combined format: the time in
 * brackets, the path as the key, the bytes sent as the output.
 */
#ifndef LOADWISE_SIM_TRACE_FILE_H
#define LOADWISE_SIM_TRACE_FILE_H

#include "loadwise/problem.h"
#include "scenario.h"

struct sim_memory;

/* Reads all rows, ordered by time, the first at 0. Several requests of one second of a log are spread over it. *sized:
   it says how many tokens requests have. */
enum status trace_file_read(const char *path, struct sim_memory **memory, const struct sim_row **rows, size_t *count,
                            bool *sized, struct problem *problem);

#endif
