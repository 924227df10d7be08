/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One buffer; what is left of it moves to the front before each read. Cost: each byte is looked at once or twice. */
#include "lines.h"

#include "interrupt.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *lines, int fd) {
    lines->fd = fd;
    lines->ended = false;
    lines->number = 0;
    lines->begin = lines->end = 0;
}

static const char *lines_newline(const struct lines *lines) {
    return memchr(lines->bytes + lines->begin, '\n', lines->end - lines->begin);
}

bool lines_would_read(const struct lines *lines) { return !lines->ended && lines_newline(lines) == NULL; }

/* An interrupt counts as the end of the input, and the piece of a line that it cut off is dropped. */
static bool lines_fill(struct lines *lines) {
    memmove(lines->bytes, lines->bytes + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    interrupt_wait(lines->fd);
    if (interrupt_signal() != 0) {
        lines->ended = true;
        lines->end = 0;
        return true;
    }
    ssize_t got;
    do {
        got = read(lines->fd, lines->bytes + lines->end, LINES_ROOM - lines->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return false;
    }
    lines->ended = got == 0;
    lines->end += (size_t)got;
    return true;
}

static void lines_take(struct lines *lines, size_t length, const char **line, size_t *size) {
    *line = lines->bytes + lines->begin;
    *size = length > 0 && (*line)[length - 1] == '\r' ? length - 1 : length;
    lines->begin += length;
    lines->number++;
}

enum lines_answer lines_next(struct lines *lines, const char **line, size_t *size) {
    bool too_long = false;
    for (;;) {
        const char *newline = lines_newline(lines);
        if (newline != NULL) {
            lines_take(lines, (size_t)(newline - lines->bytes) - lines->begin, line, size);
            lines->begin++;
            return too_long ? LINES_LONG : LINES_ONE;
        }
        if (lines->ended && lines->begin == lines->end && !too_long) {
            return LINES_END;
        }
        if (lines->ended) {
            lines_take(lines, lines->end - lines->begin, line, size);
            return too_long ? LINES_LONG : LINES_ONE;
        }
        if (lines->end - lines->begin == LINES_ROOM) {
            too_long = true;
            lines->begin = lines->end = 0;
        }
        if (!lines_fill(lines)) {
            return LINES_FAILED;
        }
    }
}
