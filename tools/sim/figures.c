/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of the one list of figures in contest.h. */
#include "figures.h"

static const struct sim_figure_head heads[] = {
#define FIGURE_HEAD(name, heading, unit, better, meaning) {#name, heading, unit, meaning, better},
    SIM_FIGURES(FIGURE_HEAD)
#undef FIGURE_HEAD
};

const struct sim_figure_head *sim_figure_head(enum sim_figure figure) { return &heads[figure]; }

bool sim_figure_is_shown(const struct sim_contest *contest, enum sim_figure figure) {
    for (size_t i = 0; i < contest->entry_count; i++) {
        if (contest->entries[i].figures[figure].known) {
            return true;
        }
    }
    return false;
}
