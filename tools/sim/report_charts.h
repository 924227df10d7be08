/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The charts of a report. Each is given as an SVG, to be freed, and drawn twice where its letters would become too
   small otherwise: for wide pages and for narrow ones. */
#ifndef LOADWISE_SIM_REPORT_CHARTS_H
#define LOADWISE_SIM_REPORT_CHARTS_H

#include "chart.h"
#include "contest.h"

/* Latency against the share of requests that are faster, from half of them to 99.99 %. */
enum status report_chart_latency(const struct sim_contest *contest, bool narrow, char **svg, struct problem *problem);

/* A quantile of the latency in each slice of time, with the events marked. */
enum status report_chart_time(const struct sim_contest *contest, double quantile, bool narrow, char **svg,
                              struct problem *problem);

/* Requests under way and waiting at each node over time, as colours, for one strategy; `most` is the last colour. */
enum status report_chart_nodes(const struct sim_contest *contest, size_t entry, double most, char **svg,
                               struct problem *problem);

/* The largest load of any node in any slice, over all strategies. */
double report_most_load(const struct sim_contest *contest);

/* Where a load stands among the colours, from 0 to 1: each step a factor, so that a queue of thousands does not hide
   one of ten. */
double report_shade_of(double load, double most);

#endif
