/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A contest as one page of HTML that needs nothing else: the table with the winner of each column, charts as SVG
 * (latency distribution; percentiles over time, with the events marked; load per node over time), and in plain words
 * which strategy to take for this scenario, and why.
 */
#ifndef LOADWISE_SIM_REPORT_H
#define LOADWISE_SIM_REPORT_H

#include "contest.h"
#include "loadwise/problem.h"

/* Writes the file, whole or not at all. The charts are drawn by gnuplot, which must be installed. */
enum status sim_report_write(const struct sim_contest *contest, const char *path, struct problem *problem);

#endif
