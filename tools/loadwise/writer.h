/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whole lines to a file descriptor. stdio cuts its blocks anywhere; here a block ends where a line ends, so that a
 * reader, or a file on a full disk, is never left with half of one.
 */
#ifndef LOADWISE_TOOL_WRITER_H
#define LOADWISE_TOOL_WRITER_H

#include "problem.h"

#include <stddef.h>

struct writer {
    int fd;
    size_t used;
    char bytes[65536];
};

void writer_init(struct writer *writer, int fd);

/* Takes one or more whole lines, each with its newline. */
enum status writer_put(struct writer *writer, const char *lines, size_t size, struct problem *problem);

/* Lets everything out. */
enum status writer_flush(struct writer *writer, struct problem *problem);

#endif
