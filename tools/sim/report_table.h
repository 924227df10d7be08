/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The figures of a contest as a table of HTML. */
#ifndef LOADWISE_SIM_REPORT_TABLE_H
#define LOADWISE_SIM_REPORT_TABLE_H

#include "contest.h"

#include <stdio.h>

void report_write_table(FILE *page, const struct sim_contest *contest);

/* What its columns mean. */
void report_write_meanings(FILE *page, const struct sim_contest *contest);

#endif
