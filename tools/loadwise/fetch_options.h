/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the words of `loadwise fetch` ask for. */
#ifndef LOADWISE_TOOL_FETCH_OPTIONS_H
#define LOADWISE_TOOL_FETCH_OPTIONS_H

#include "problem.h"

#include <stdbool.h>
#include <stdint.h>

enum { FETCH_HEADERS = 32 };

struct fetch_options {
    const char *nodes; /* file */
    const char *stack;
    const char *path;
    const char *method; /* NULL: GET, or POST with a body */
    const char *body;
    const char *csv; /* file */
    const char *headers[FETCH_HEADERS];
    uint64_t header_count;
    uint64_t count;       /* requests; UINT64_MAX: until interrupted */
    uint64_t concurrency; /* at a time */
    uint64_t rate;        /* a second; 0: as fast as they are answered */
    uint64_t seconds;     /* 0: no end */
    uint64_t seed;
    bool safe; /* may be tried again */
    bool first_byte;
    bool json;
    bool help;
};

enum status fetch_options_read(struct fetch_options *options, int argc, char **argv, struct problem *problem);
void fetch_options_help(void);

#endif
