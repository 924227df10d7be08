/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables that bench-select prints: aligned text for people, or comma-separated values of one shape. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "frame.h"

#include <stddef.h>

/* One row of picks, in ns; a figure that was not taken is 0. */
struct report_pick {
    const char *strategy;
    uint32_t count, eligible, threads;
    struct frame_figure ours, limit;
    double ratio, goal;
};

/* One row of lw_prepare. */
struct report_build {
    const char *strategy;
    uint32_t count;
    double ns, limit_ns;
    size_t bytes, most_bytes;
};

struct report_machine {
    double addition, round_trip; /* ns; see frame.h */
    long interruptions;
    uint32_t rounds;
};

void report_machine(bool csv, const struct report_machine *machine);
void report_head_of_picks(bool csv, const char *title);
void report_pick(bool csv, const struct report_pick *pick);
void report_head_of_builds(bool csv);
void report_build(bool csv, const struct report_build *build);
void report_form(bool csv, const char *strategy, const char *form);

#endif
