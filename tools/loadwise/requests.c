/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A header is resolved to positions once; after that a row is split, its key borrowed and its costs added up.
 * Memory: one line and its fields, whatever the length of the input.
 */
#include "requests.h"

#include "fields.h"
#include "lines.h"
#include "text.h"
#include "timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COST_MOST UINT64_C(1000000000000)

struct requests {
    struct request_source source;
    const char *label;
    int fd;
    bool numbered; /* the key is the row number */
    bool columns;  /* CSV with a header; else one key per line */
    size_t width;  /* fields in a row */
    size_t key_at;
    size_t time_at;
    size_t cost_at[COLUMNS_MOST];
    uint64_t rows;
    char row_key[24];
    bool line_waits; /* the first line turned out to be a key: it is served first */
    const char *line;
    size_t line_size;
    struct lines lines;
    struct fields fields;
};

/* ---- the header ---- */

/* Whoever gave no --time learns here that there is one. */
static const char *requests_time_hint(const struct requests *requests, const char *wanted) {
    return wanted == requests->source.time ? " (--quota needs the time of each request; --time names its column)" : "";
}

static enum status requests_unknown_column(struct requests *requests, const char *wanted, struct problem *problem) {
    char list[600] = "";
    size_t used = 0;
    for (size_t i = 0; i < requests->fields.count && used < sizeof list - 80; i++) {
        struct shown name = text_shown(requests->fields.at[i].bytes, requests->fields.at[i].size);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", name.text);
    }
    return problem_set(problem, STATUS_NO_COLUMN, "%s: no column is called \"%s\"; the header has %s%s",
                       requests->label, wanted, list, requests_time_hint(requests, wanted));
}

static enum status requests_find_column(struct requests *requests, const char *wanted, size_t *at,
                                        struct problem *problem) {
    const struct fields *header = &requests->fields;
    size_t found = header->count;
    for (size_t i = 0; i < header->count; i++) {
        if (strcmp(header->at[i].bytes, wanted) == 0) {
            if (found < header->count) {
                return problem_set(problem, STATUS_NO_COLUMN, "%s: two columns are called \"%s\"", requests->label,
                                   wanted);
            }
            found = i;
        }
    }
    *at = found;
    return found < header->count ? STATUS_DONE : requests_unknown_column(requests, wanted, problem);
}

/* A file of data without a header would lose its first row and have nonsense for column names. */
static enum status requests_check_header(struct requests *requests, struct problem *problem) {
    for (size_t i = 0; i < requests->fields.count; i++) {
        double number;
        if (text_to_real(requests->fields.at[i].bytes, -1e300, 1e300, &number)) {
            return problem_set(problem, STATUS_NO_COLUMN,
                               "%s:1: the first line must be a header with the names of the columns, but \"%s\" is a "
                               "number",
                               requests->label, requests->fields.at[i].bytes);
        }
    }
    return STATUS_DONE;
}

static enum status requests_read_header(struct requests *requests, struct problem *problem) {
    const char *wrong = fields_split(&requests->fields, requests->line, requests->line_size);
    if (wrong != NULL) {
        return problem_set(problem, STATUS_NO_COLUMN, "%s:1: the header cannot be read: %s", requests->label, wrong);
    }
    enum status status = requests_check_header(requests, problem);
    const struct request_source *source = &requests->source;
    requests->width = requests->fields.count;
    if (status == STATUS_DONE && source->key != NULL && !requests->numbered) {
        status = requests_find_column(requests, source->key, &requests->key_at, problem);
    }
    if (status == STATUS_DONE && source->time != NULL) {
        status = requests_find_column(requests, source->time, &requests->time_at, problem);
    }
    for (size_t i = 0; i < source->cost_count && status == STATUS_DONE; i++) {
        if (source->costs[i].column != NULL) {
            status = requests_find_column(requests, source->costs[i].column, &requests->cost_at[i], problem);
        }
    }
    return status;
}

static bool requests_line_is(const struct requests *requests, const char *column) {
    return column != NULL && strlen(column) == requests->line_size &&
           memcmp(column, requests->line, requests->line_size) == 0;
}

/* The columns that the header must have, by position; NULL: nothing is asked for here, or past the last. */
static const char *requests_wanted(const struct requests *requests, size_t position) {
    const struct request_source *source = &requests->source;
    switch (position) {
    case 0: return requests->numbered ? NULL : source->key;
    case 1: return source->time;
    default: return position - 2 < source->cost_count ? source->costs[position - 2].column : NULL;
    }
}

static const char *requests_first_wanted(const struct requests *requests) {
    const char *wanted = NULL;
    for (size_t i = 0; wanted == NULL && i < requests->source.cost_count + 2; i++) {
        wanted = requests_wanted(requests, i);
    }
    return wanted;
}

static bool requests_line_is_header(const struct requests *requests) {
    bool header = memchr(requests->line, ',', requests->line_size) != NULL;
    for (size_t i = 0; i < requests->source.cost_count + 2; i++) {
        header = header || requests_line_is(requests, requests_wanted(requests, i));
    }
    return header;
}

static void requests_drop_mark(struct requests *requests) {
    static const char mark[] = "\xef\xbb\xbf"; /* the UTF-8 byte order mark that spreadsheets write */
    if (requests->line_size >= 3 && memcmp(requests->line, mark, 3) == 0) {
        requests->line += 3;
        requests->line_size -= 3;
    }
}

static enum status requests_fail_read(const struct requests *requests, struct problem *problem) {
    return problem_set(problem, STATUS_UNREADABLE, "%s: cannot be read: %s", requests->label, strerror(errno));
}

/* Reads the first line and decides by it what the rest is. */
static enum status requests_begin(struct requests *requests, struct problem *problem) {
    const char *wanted = requests_first_wanted(requests);
    switch (lines_next(&requests->lines, &requests->line, &requests->line_size)) {
    case LINES_FAILED: return requests_fail_read(requests, problem);
    case LINES_LONG:
        return problem_set(problem, STATUS_NO_COLUMN, "%s:1: the first line is longer than 65535 bytes",
                           requests->label);
    case LINES_END:
        return wanted == NULL ? STATUS_DONE
                              : problem_set(problem, STATUS_NO_COLUMN, "%s: the input is empty: no column \"%s\"%s",
                                            requests->label, wanted, requests_time_hint(requests, wanted));
    case LINES_ONE: break;
    }
    requests_drop_mark(requests);
    requests->columns = requests_line_is_header(requests);
    requests->line_waits = !requests->columns;
    if (requests->columns) {
        return requests_read_header(requests, problem);
    }
    return wanted == NULL ? STATUS_DONE
                          : problem_set(problem, STATUS_NO_COLUMN,
                                        "%s: no column is called \"%s\": the first line has no comma, so this is one "
                                        "key per line%s",
                                        requests->label, wanted, requests_time_hint(requests, wanted));
}

enum status requests_open(struct requests **out, const struct request_source *source, struct problem *problem) {
    *out = NULL;
    bool standard = strcmp(source->path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(source->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return problem_set(problem, STATUS_UNREADABLE, "%s: cannot be opened: %s", source->path, strerror(errno));
    }
    struct requests *requests = calloc(1, sizeof *requests);
    if (requests == NULL) {
        close(fd);
        return problem_memory(problem);
    }
    requests->source = *source;
    requests->label = standard ? "standard input" : source->path;
    requests->fd = fd;
    requests->numbered = source->key != NULL && strcmp(source->key, "row") == 0;
    lines_init(&requests->lines, fd);
    fields_init(&requests->fields);
    enum status status = requests_begin(requests, problem);
    if (status != STATUS_DONE) {
        requests_close(requests);
        return status;
    }
    *out = requests;
    return STATUS_DONE;
}

void requests_close(struct requests *requests) {
    if (requests != NULL) {
        fields_free(&requests->fields);
        if (requests->fd != STDIN_FILENO) {
            close(requests->fd);
        }
        free(requests);
    }
}

/* ---- the rows ---- */

static enum requests_answer requests_bad_row(const struct requests *requests, struct problem *problem,
                                             const char *what) {
    problem_set(problem, STATUS_BAD_ROW, "%s:%" PRIu64 ": malformed row: %s", requests->label, requests->lines.number,
                what);
    return REQUESTS_BAD_ROW;
}

static enum requests_answer requests_bad_cost(const struct requests *requests, struct problem *problem, size_t cost) {
    const struct field *field = &requests->fields.at[requests->cost_at[cost]];
    char what[256];
    snprintf(what, sizeof what, "%s is \"%s\", not a whole number from 0 to %" PRIu64,
             text_shown(requests->source.costs[cost].column, strlen(requests->source.costs[cost].column)).text,
             text_shown(field->bytes, field->size).text, COST_MOST);
    return requests_bad_row(requests, problem, what);
}

static enum requests_answer requests_read_time(struct requests *requests, struct request_row *row,
                                               struct problem *problem) {
    const struct field *field = &requests->fields.at[requests->time_at];
    char what[256];
    if (requests->source.time == NULL || timestamp_read(field->bytes, field->size, &row->time)) {
        return REQUESTS_ROW;
    }
    snprintf(what, sizeof what, "%s is \"%s\", not a time such as " TIMESTAMP_FORMS,
             text_shown(requests->source.time, strlen(requests->source.time)).text,
             text_shown(field->bytes, field->size).text);
    return requests_bad_row(requests, problem, what);
}

static lw_amount *requests_sum(struct request_row *row, uint32_t dimension) {
    return dimension < COSTS_MOST ? &row->amounts[dimension] : &row->charges[dimension - COSTS_MOST];
}

static enum requests_answer requests_split_row(struct requests *requests, struct request_row *row,
                                               struct problem *problem) {
    const char *wrong = fields_split(&requests->fields, requests->line, requests->line_size);
    if (wrong != NULL) {
        return requests_bad_row(requests, problem, wrong);
    }
    if (requests->fields.count != requests->width) {
        char what[80];
        snprintf(what, sizeof what, "%zu field%s where the header has %zu", requests->fields.count,
                 requests->fields.count == 1 ? "" : "s", requests->width);
        return requests_bad_row(requests, problem, what);
    }
    for (size_t i = 0; i < requests->source.cost_count; i++) {
        uint64_t cost = 1;
        const struct cost_column *from = &requests->source.costs[i];
        const struct field *field = &requests->fields.at[requests->cost_at[i]];
        if (from->column != NULL && !text_to_count(field->bytes, field->size, COST_MOST, &cost)) {
            return requests_bad_cost(requests, problem, i);
        }
        requests_sum(row, from->dimension)->amount += cost;
    }
    return requests_read_time(requests, row, problem);
}

static void requests_find_key(struct requests *requests, struct request_row *row) {
    struct field key = {NULL, 0};
    if (requests->numbered) {
        int size = snprintf(requests->row_key, sizeof requests->row_key, "%" PRIu64, row->row);
        key = (struct field){requests->row_key, (size_t)size};
    } else if (!requests->columns) {
        key = (struct field){requests->line, requests->line_size};
    } else if (requests->source.key != NULL) {
        key = requests->fields.at[requests->key_at];
    }
    row->key = key.size > 0 ? key.bytes : NULL;
    row->key_size = key.size;
}

static enum lines_answer requests_next_line(struct requests *requests) {
    if (requests->line_waits) {
        requests->line_waits = false;
        return LINES_ONE;
    }
    return lines_next(&requests->lines, &requests->line, &requests->line_size);
}

enum requests_answer requests_next(struct requests *requests, struct request_row *row, struct problem *problem) {
    enum lines_answer answer;
    do {
        answer = requests_next_line(requests);
    } while (answer == LINES_ONE && requests->line_size == 0);
    if (answer == LINES_END) {
        return REQUESTS_END;
    }
    if (answer == LINES_FAILED) {
        requests_fail_read(requests, problem);
        return REQUESTS_FAILED;
    }
    row->row = ++requests->rows;
    row->line = requests->lines.number;
    for (uint32_t i = 0; i < requests->source.dimension_count; i++) {
        row->amounts[i] = (lw_amount){i, 0};
    }
    for (uint32_t i = 0; i < requests->source.quota_count; i++) {
        row->charges[i] = (lw_amount){i, 0};
    }
    if (answer == LINES_LONG) {
        return requests_bad_row(requests, problem, "it is longer than 65535 bytes");
    }
    enum requests_answer read = requests->columns ? requests_split_row(requests, row, problem) : REQUESTS_ROW;
    if (read == REQUESTS_ROW) {
        requests_find_key(requests, row);
    }
    return read;
}

bool requests_would_read(const struct requests *requests) {
    return !requests->line_waits && lines_would_read(&requests->lines);
}

const char *requests_label(const struct requests *requests) { return requests->label; }
