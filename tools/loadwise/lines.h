/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lines from a file or pipe, in constant memory however long the input or a line of it.
 *
 * A line that does not fit is read past and reported, so that the next one is still found.
 */
#ifndef LOADWISE_TOOL_LINES_H
#define LOADWISE_TOOL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_ROOM 65536

enum lines_answer {
    LINES_ONE,
    LINES_END,
    LINES_LONG,   /* this line has LINES_ROOM bytes or more */
    LINES_FAILED, /* errno says why */
};

struct lines {
    int fd;
    bool ended;
    uint64_t number; /* of the line read last, from 1 */
    size_t begin, end;
    char bytes[LINES_ROOM];
};

void lines_init(struct lines *lines, int fd);

/* The next line without its end (LF or CR LF). The bytes are valid until the next call. */
enum lines_answer lines_next(struct lines *lines, const char **line, size_t *size);

/* Will the next call have to wait for input? */
bool lines_would_read(const struct lines *lines);

#endif
