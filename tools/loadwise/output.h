/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The decisions, one line each, as text or as JSON; and the summary after them. */
#ifndef LOADWISE_TOOL_OUTPUT_H
#define LOADWISE_TOOL_OUTPUT_H

#include "fleet.h"
#include "lines.h"
#include "pick_options.h"
#include "placer.h"
#include "problem.h"
#include "requests.h"
#include "summary.h"
#include "writer.h"

#include <stddef.h>

struct output {
    const struct pick_options *options;
    enum output_kind kind;
    bool decisions; /* print them at all */
    int name_width;
    struct writer writer;
    char line[LINES_ROOM * 6 + 2048]; /* the longest key, each byte as \u0001, and the rest of its line */
};

/* Begins with the headings, where there are any. */
enum status output_open(struct output *output, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem);

/* node is the name of the node, or NULL: refused. */
enum status output_decision(struct output *output, const struct request_row *row, const char *node,
                            const struct placement *placement, struct problem *problem);

enum status output_summary(struct output *output, const struct summary *summary, struct problem *problem);

/* Lets everything out that was decided so far. */
enum status output_flush(struct output *output, struct problem *problem);

#endif
