/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of `loadwise pick`. */
#ifndef LOADWISE_TOOL_PICK_OPTIONS_H
#define LOADWISE_TOOL_PICK_OPTIONS_H

#include "key_hash.h"
#include "problem.h"
#include "quota_option.h"
#include "requests.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCLUDES_MOST 64

enum output_kind { OUTPUT_TEXT, OUTPUT_JSON };

struct pick_options {
    const char *nodes;
    const char *spec;
    struct request_source requests;
    key_hash_fn *hash; /* of keys */
    struct cost_column columns[COLUMNS_MOST];
    size_t cost_count;                       /* of the columns, those of --cost */
    const char *dimensions[COSTS_MOST];      /* names, in the order of first use; slices of the arguments, owned */
    struct quota_option quotas[QUOTAS_MOST]; /* requests.quota_count of them */
    const char *store;                       /* NULL: the limits are this command's alone */
    const char *prefix;                      /* NULL: the library's */
    uint64_t seed;                           /* 0: the strategy draws one */
    const char *exclude[EXCLUDES_MOST];
    size_t exclude_count;
    enum output_kind output;
    bool summary_only;
    bool skip_bad_rows;
    bool help;
};

/* The strings are borrowed from argv, which is changed: `DIM=COLUMN` is cut in two. */
enum status pick_options_read(struct pick_options *options, int argc, char **argv, struct problem *problem);

/* Prints the options, one entry each. */
void pick_options_help(void);

#endif
