/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The requests, one at a time: rows of a CSV with a header, or one key per line.
 *
 * Which of the two is told by the first line: with a comma it is a header, and so it is when it is exactly a column
 * that the caller wants; otherwise every line is a key. Blank lines are passed over.
 */
#ifndef LOADWISE_TOOL_REQUESTS_H
#define LOADWISE_TOOL_REQUESTS_H

#include "problem.h"

#include <loadwise/request.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COSTS_MOST 8
#define QUOTAS_MOST 8
#define COLUMNS_MOST 72 /* of --cost, and of --quota with several each */

/* One column of --cost or --quota: add it to a sum of the row. */
struct cost_column {
    const char *column; /* NULL: 1 for each request */
    uint32_t dimension; /* of amounts; from COSTS_MOST on, of charges */
};

/* What to read, and where from. */
struct request_source {
    const char *path; /* "-": standard input */
    const char *key;  /* a column; "row": the number of the row; NULL: no key, or the line itself */
    const struct cost_column *costs;
    size_t cost_count;
    size_t dimension_count;
    size_t quota_count;
    const char *time; /* a column; NULL: times do not matter */
};

struct request_row {
    uint64_t row;    /* from 1, header and blank lines not counted */
    uint64_t line;   /* in the file, from 1 */
    const char *key; /* NULL: none. Valid until the next row is read */
    size_t key_size;
    uint64_t time;                  /* ns, as the column says; 0 without one */
    lw_amount amounts[COSTS_MOST];  /* one for each dimension of --cost */
    lw_amount charges[QUOTAS_MOST]; /* one for each --quota */
};

enum requests_answer {
    REQUESTS_ROW,
    REQUESTS_END,
    REQUESTS_BAD_ROW, /* the problem says what is wrong; the next row can be read */
    REQUESTS_FAILED,
};

struct requests;

/* The source is copied; its strings are borrowed. On failure *out is NULL. */
enum status requests_open(struct requests **out, const struct request_source *source, struct problem *problem);
void requests_close(struct requests *requests);

enum requests_answer requests_next(struct requests *requests, struct request_row *row, struct problem *problem);

/* Will the next call have to wait for input? */
bool requests_would_read(const struct requests *requests);

/* The name of the input in messages. */
const char *requests_label(const struct requests *requests);

#endif
