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

/* Where the plot begins and ends, in pixels from the left, and from the top to the bottom. */
struct sim_chart_frame {
    int left, right, top, bottom;
};

struct sim_chart {
    FILE *script; /* to be written to: data blocks, settings, one plot */
    int width, height;
    struct sim_chart_frame frame;
};

/* Begins a chart with the house's look. Sizes in pixels of the drawing, which the page scales. */
enum status sim_chart_begin(struct sim_chart *chart, int width, int height, const struct sim_chart_frame *frame,
                            struct problem *problem);

/* What the axes show; "" for an axis that needs no name. */
void sim_chart_name_axes(const struct sim_chart *chart, const char *x, const char *y);

/* Draws what was written and gives the SVG, to be freed; the label says what it shows to those who cannot see it. The
   chart is then over, whatever happened. */
enum status sim_chart_end(struct sim_chart *chart, const char *label, char **svg, struct problem *problem);

/* A text for the script, in quotes, in which nothing has a meaning; as the name of a mark at an axis, or as a label. */
void sim_chart_quote_mark(FILE *script, const char *text);
void sim_chart_quote(FILE *script, const char *text);

/* A logarithmic axis of durations in ms that holds this range, with a unit on each mark. */
void sim_chart_durations(FILE *script, double least, double most);

/* The colour of line number i, and its dashes: lengths with commas, "" for a solid line; both as SVG writes them. */
const char *sim_chart_colour(size_t i);
const char *sim_chart_dash(size_t i);

/* The colours of a map, from the least on; NULL after the last. */
const char *sim_chart_shade(size_t i);

#endif
