/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise pick`: every request of a file on a node of another. */
#ifndef LOADWISE_TOOL_PICK_H
#define LOADWISE_TOOL_PICK_H

#include "problem.h"

/* Takes its own words, from "pick" on. */
enum status pick_run(int argc, char **argv, struct problem *problem);
void pick_help(void);

#endif
