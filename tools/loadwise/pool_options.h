/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of `loadwise pool`. */
#ifndef LOADWISE_TOOL_POOL_OPTIONS_H
#define LOADWISE_TOOL_POOL_OPTIONS_H

#include "problem.h"
#include "requests.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WISHES_MOST 64

/* What an option wants of one node, or of all. */
struct wish {
    const char *node; /* NULL: all of them */
    double value;
};

struct wishes {
    struct wish at[WISHES_MOST];
    size_t count;
};

struct pool_options {
    const char *nodes;
    const char *spec;
    struct request_source requests;
    const char *zone;
    double gap;            /* ms between two requests; below 0: the time column says */
    struct wishes service; /* ms */
    struct wishes fail;    /* percent */
    struct wishes drain;   /* seconds after the first request */
    uint64_t seed;         /* 0: one is drawn */
    uint64_t explain;      /* picks to be explained */
    bool json;
    bool skip_bad_rows;
    bool help;
};

/* The strings are borrowed from argv, which is changed: `NODE=PERCENT` is cut in two. */
enum status pool_options_read(struct pool_options *options, int argc, char **argv, struct problem *problem);

/* Prints the options, one entry each. */
void pool_options_help(void);

#endif
