/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the figures of a contest are called, for whoever shows them. */
#ifndef LOADWISE_SIM_FIGURES_H
#define LOADWISE_SIM_FIGURES_H

#include "contest.h"

#include <stdbool.h>

/* What a figure is called, its unit, and whether less (-1) or more (1) of it is better. */
struct sim_figure_head {
    const char *name, *heading, *unit, *meaning;
    int better;
};
const struct sim_figure_head *sim_figure_head(enum sim_figure figure);

/* Does any strategy of the contest have this figure? */
bool sim_figure_is_shown(const struct sim_contest *contest, enum sim_figure figure);

/* Did the nodes fall behind with this entry, with every seed: is there much more work at the end than at half time,
   more than their slots could hold twice? */
bool sim_figure_is_behind(const struct sim_contest *contest, size_t entry);

/* How long requests came, in the mean over the seeds: the duration, or less where their number is bounded. */
double sim_figure_seconds(const struct sim_contest *contest);

/* Percent of the tries that an entry sent to the nodes of an event while it lasted; negative when it was too short to
   tell, or no tries were sent. */
double sim_figure_sent_during(const struct sim_contest *contest, size_t entry, const struct sim_event *event);

#endif
