/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which strategy to take for a scenario, in plain words.
 *
 * Rule: first who loses fewest requests (failed and refused); of those who lose as few, who has the lowest p99; of
 * those, the lowest mean. Differences that users do not notice count as none: a twentieth of a percent of all requests,
 * a tenth of what is lost, or of what is answered where that is less, a tenth of a latency. So do latencies that differ
 * by no more than chance explains, seed by seed; of lost requests, the doubt counts against who lost them. Who answered
 * nothing with some seed has no latency, and is not as good as any that has.
 */
#ifndef LOADWISE_SIM_VERDICT_H
#define LOADWISE_SIM_VERDICT_H

#include "contest.h"

#include <stdio.h>

enum { SIM_ENTRIES_MOST = 64 };

struct sim_verdict {
    size_t winner;
    bool good[SIM_ENTRIES_MOST]; /* the winner, and who is as good */
};

/* Of 1 to SIM_ENTRIES_MOST entries. */
struct sim_verdict sim_verdict_of(const struct sim_contest *contest);

/* Writes sentences, each of them a line: whom to take, who is as good, how the others fare, and why, as far as the
   figures show it. Specifications and names stand in backquotes. */
void sim_verdict_write(const struct sim_contest *contest, FILE *out);

#endif
