/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A conversation with one program, as protocol.h has it: a child process and two pipes. */
#ifndef BENCH_CONVERSATION_H
#define BENCH_CONVERSATION_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { CONVERSATION_LINE = 256 };

struct conversation {
    const char *program; /* its path */
    pid_t child;         /* 0 once it is gone */
    int ask, hear;
    char heard[4096]; /* what has come, and is not yet read */
    size_t length;
};

/* Starts the program. Returns 0, or -1 when that fails. */
int conversation_open(struct conversation *conversation, const char *program);
void conversation_close(struct conversation *conversation);

/* Both return false when the program is gone, or has said nothing for `seconds`: then it is ended. A line comes without
   its end. */
bool conversation_ask(struct conversation *conversation, const char *question);
bool conversation_hear(struct conversation *conversation, char line[CONVERSATION_LINE], int seconds);

#endif
