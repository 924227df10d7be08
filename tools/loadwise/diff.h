/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise diff`: which keys move between two lists of nodes. */
#ifndef LOADWISE_TOOL_DIFF_H
#define LOADWISE_TOOL_DIFF_H

#include "problem.h"

enum status diff_run(int argc, char **argv, struct problem *problem);

#endif
