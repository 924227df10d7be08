/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ctrl-C ends the input, not the run: the requests read so far get their decisions and their summary, and no line is
 * left half written. A second Ctrl-C ends the run at once.
 */
#ifndef LOADWISE_TOOL_INTERRUPT_H
#define LOADWISE_TOOL_INTERRUPT_H

/* Listens for SIGINT and SIGTERM, and turns a closed pipe into an error of write(). */
void interrupt_listen(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* Waits until fd has input or has ended, or until a signal arrives. */
void interrupt_wait(int fd);

#endif
