/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a contest of strategies is shown: as a table, as JSON, as files of CSV. */
#ifndef LOADWISE_TOOL_SIM_PRINT_H
#define LOADWISE_TOOL_SIM_PRINT_H

#include "problem.h"
#include "sim/figures.h"

void sim_print_text(const struct sim_contest *contest);
enum status sim_print_json(const struct sim_contest *contest, struct problem *problem);

/* Writes figures.csv, series.csv, nodes.csv and latency.csv into a directory, which is made if it is missing. */
enum status sim_write_csv(const struct sim_contest *contest, const char *directory, struct problem *problem);

#endif
