/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Redrawn every so many rows rather than every so much time: a clock read per row would cost more than the pick. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PROGRESS_EVERY = 1 << 14 };

bool progress_wanted(bool decisions) { return isatty(STDERR_FILENO) && !(decisions && isatty(STDOUT_FILENO)); }

void progress_show(uint64_t rows) {
    if (rows % PROGRESS_EVERY == 0) {
        fprintf(stderr, "\r%" PRIu64 " requests", rows);
    }
}

void progress_end(void) { fprintf(stderr, "\r\033[K"); }
