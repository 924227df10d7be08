/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise pool`: the requests of a file through a pool, in their time. */
#ifndef LOADWISE_TOOL_POOL_H
#define LOADWISE_TOOL_POOL_H

#include "problem.h"

/* Takes its own words, from "pool" on. */
enum status pool_run(int argc, char **argv, struct problem *problem);
void pool_help(void);

#endif
