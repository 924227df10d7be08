/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What happens to nodes, marked in the charts over time. */
#ifndef LOADWISE_SIM_REPORT_EVENTS_H
#define LOADWISE_SIM_REPORT_EVENTS_H

#include "chart.h"
#include "scenario.h"

enum { REPORT_LABEL_ROWS = 4, REPORT_LABEL_HEIGHT = 17 };

/* The axis of time, in seconds or minutes: ns of its unit. Writes its range, and names the axes. */
double report_time_axis(const struct sim_chart *chart, const struct sim_scenario *scenario, const char *y);

/* Rows of labels that the events need above a plot of this width in pixels. */
int report_event_rows(const struct sim_scenario *scenario, int width);

/* Shades the times of events, and names them in rows above the plot. */
void report_event_bands(const struct sim_chart *chart, const struct sim_scenario *scenario);

/* Lines where events begin and end. */
void report_event_lines(FILE *script, const struct sim_scenario *scenario);

/* "web-4 is 10 times as slow", for each event a line; text of the page is not escaped. */
void report_event_say(const struct sim_scenario *scenario, const struct sim_event *event, char *out, size_t room);

#endif
