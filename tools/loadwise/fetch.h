/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `loadwise fetch`: real HTTP requests through a stack. */
#ifndef LOADWISE_TOOL_FETCH_H
#define LOADWISE_TOOL_FETCH_H

#include "problem.h"

enum status fetch_run(int argc, char **argv, struct problem *problem);

#endif
