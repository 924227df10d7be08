/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise layers`: what stacks are made of. */
#ifndef LOADWISE_TOOL_LAYERS_H
#define LOADWISE_TOOL_LAYERS_H

#include "problem.h"

/* Takes its own words, from "layers" on. */
enum status layers_run(int argc, char **argv, struct problem *problem);

#endif
