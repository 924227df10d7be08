/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise strategies`: what there is to choose from. */
#ifndef LOADWISE_TOOL_STRATEGIES_H
#define LOADWISE_TOOL_STRATEGIES_H

#include "problem.h"

/* Takes its own words, from "strategies" on. */
enum status strategies_run(int argc, char **argv, struct problem *problem);

#endif
