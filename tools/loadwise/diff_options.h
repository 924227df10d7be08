/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of `loadwise diff`. */
#ifndef LOADWISE_TOOL_DIFF_OPTIONS_H
#define LOADWISE_TOOL_DIFF_OPTIONS_H

#include "key_hash.h"
#include "problem.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIFF_SIDES = 2, DIFF_SAMPLE = 100000 };

struct diff_options {
    const char *nodes[DIFF_SIDES]; /* before, after */
    uint32_t sides;                /* how many of them are given */
    const char *spec;
    const char *keys;   /* a file or "-"; NULL: a sample */
    const char *column; /* of the keys, where they are a CSV; NULL: the line itself */
    uint64_t sample;
    key_hash_fn *hash;
    uint64_t seed; /* 0: the strategy draws one */
    bool json;
    bool help;
};

/* The strings are borrowed from argv. */
enum status diff_options_read(struct diff_options *options, int argc, char **argv, struct problem *problem);

/* Prints the options, one entry each. */
void diff_options_help(void);

#endif
