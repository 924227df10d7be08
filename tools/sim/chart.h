/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Charts: a script for gnuplot, written piece by piece, becomes an SVG to stand inside a page. Text and axes take the
 * colour of the page's text, so that they can be read on light and on dark.
 */
#ifndef LOADWISE_SIM_CHART_H
#define LOADWISE_SIM_CHART_H

#include "loadwise/problem.h"

#include <stddef.h>
#include <stdio.h>

struct sim_chart {
    FILE *script; /* to be written to: data blocks, settings, one plot */
};

/* Begins a chart with the house's look. Sizes in pixels of the drawing, which the page scales. */
enum status sim_chart_begin(struct sim_chart *chart, int width, int height, struct problem *problem);

/* Draws what was written and gives the SVG, to be freed. The chart is then over, whatever happened. */
enum status sim_chart_end(struct sim_chart *chart, char **svg, struct problem *problem);

/* The colour and dash of line number i, as gnuplot writes them; the colour as CSS writes it. */
const char *sim_chart_colour(size_t i);
int sim_chart_dash(size_t i);

#endif
