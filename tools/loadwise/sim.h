/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise sim`: which strategy should this traffic use? */
#ifndef LOADWISE_TOOL_SIM_H
#define LOADWISE_TOOL_SIM_H

#include "problem.h"

enum status sim_command_run(int argc, char **argv, struct problem *problem);

void sim_help(void);

#endif
