/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The clock is read once per block of input: once per row it would cost more than the pick. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_EVERY_MS = 50 };

bool progress_wanted(bool decisions) { return isatty(STDERR_FILENO) && !(decisions && isatty(STDOUT_FILENO)); }

void progress_say(const char *line) {
    static int64_t next;
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t milliseconds = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (milliseconds >= next) {
        fprintf(stderr, "\r%s\033[K", line);
        next = milliseconds + PROGRESS_EVERY_MS;
    }
}

void progress_show(uint64_t rows) {
    char line[40];
    snprintf(line, sizeof line, "%" PRIu64 " requests", rows);
    progress_say(line);
}

void progress_end(void) { fprintf(stderr, "\r\033[K"); }
