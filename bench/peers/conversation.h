/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A conversation with one program, as protocol.h has it: a child process and three pipes. */
#ifndef BENCH_CONVERSATION_H
#define BENCH_CONVERSATION_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { CONVERSATION_LINE = 256 };

struct conversation {
    const char *program; /* its path */
    int patience;        /* seconds of silence, until it is given up */
    pid_t child;         /* 0 once it is gone */
    bool lost;           /* it could not be started again */
    int ask, hear, complaints;
    char heard[4096]; /* what has come, and is not yet read */
    size_t length;
    char complaint[CONVERSATION_LINE]; /* the beginning of what it said on stderr since the question */
    char fault[CONVERSATION_LINE];     /* how it ended; of use once something returned false */
};

/* Starts the program. Returns 0, or -1 when that fails. */
int conversation_open(struct conversation *conversation, const char *program, int patience);
void conversation_close(struct conversation *conversation);

/* A program that is gone is started again, and the introduction that it begins with passed over. Returns false when it
   does not come back. */
bool conversation_ask(struct conversation *conversation, const char *question);

/* Returns false when the program is gone or has been silent for too long: then it is ended. A line comes without its
   end. */
bool conversation_hear(struct conversation *conversation, char line[CONVERSATION_LINE]);

#endif
