/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise sim --help`. */
#include "help.h"
#include "sim.h"
#include "sim/contest.h"
#include "sim/scenario_file.h"
#include "sim_options.h"
#include "sim_print.h"

#include <stdio.h>

static void sim_help_figures(void) {
    printf("\nFigures:\n");
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        const struct sim_figure_head *head = sim_figure_head((enum sim_figure)f);
        help_entry(head->heading, 14, head->meaning);
    }
}

void sim_help(void) {
    printf("Usage: loadwise sim SCENARIO.yaml [OPTION]...\n");
    help_paragraph("Plays a scenario against each strategy, with the same requests at the same times, and says which "
                   "served it best. Clients pick by pools of the library under a virtual clock; nothing is sent.");
    printf("\nOptions:\n");
    sim_options_help();
    printf("\nThe scenario is a mapping in YAML. Durations are 250us, 10ms, 2s, 5m, 1h or 1d.\n");
    scenario_help();
    sim_help_figures();
    printf("\nExit status: 0 when all runs are complete; else as for `loadwise pick`.\n");
    printf("\nExamples:\n"
           "  loadwise sim examples/scenarios/one_slow_node.yaml\n"
           "  loadwise sim scenario.yaml --strategy p2c --strategy \"ring vnodes=200\" --seeds 10 --report out.html\n");
}
