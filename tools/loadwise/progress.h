/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line on standard error that counts up, for somebody who waits at a terminal and sees nothing else move. */
#ifndef LOADWISE_TOOL_PROGRESS_H
#define LOADWISE_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Shown when standard error is a terminal and the decisions do not go to one as well. */
bool progress_wanted(bool decisions);

/* Redraws a few times a second. For each time that the input is waited for, rather than for each row. */
void progress_show(uint64_t rows);

/* The same with a line of your own, shorter than a terminal is wide. */
void progress_say(const char *line);

/* Wipes the line. */
void progress_end(void);

#endif
