/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which strategy to take for a scenario, in plain words.
 *
 * Rule: first who loses fewest requests (failed and refused), counting as equal what differs by less than a twentieth
 * of a percent of all or lies within the intervals; of these the lowest p99; of those within its interval the lowest
 * mean. Everything said is a comparison of figures of the contest.
 */
#ifndef LOADWISE_SIM_VERDICT_H
#define LOADWISE_SIM_VERDICT_H

#include "contest.h"

#include <stdio.h>

/* The entry to take. */
size_t sim_verdict_winner(const struct sim_contest *contest);

/* Writes sentences, each of them a line. Specifications stand in backquotes. */
void sim_verdict_write(const struct sim_contest *contest, FILE *out);

#endif
