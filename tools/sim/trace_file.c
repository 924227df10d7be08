/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A trace, line by line: the first line tells which kind it is. Rows are kept in an array that doubles, sorted by time
 * when all are read, since logs are written when requests end.
 */
#include "trace_file.h"

#include "loadwise/fields.h"
#include "loadwise/text.h"
#include "loadwise/timestamp.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <loadwise/id.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABSENT = FIELDS_MOST, MONTH_SIZE = 3 };

struct trace {
    const char *path;
    struct problem *problem;
    struct lines lines;
    struct fields fields;
    size_t time, key, context, output; /* columns, or ABSENT */
    struct sim_row *rows;
    size_t count, room;
};

static enum status trace_wrong(const struct trace *trace, const char *what, const char *value, size_t size) {
    return problem_set(trace->problem, STATUS_BAD_TRACE, "%s:%llu: %s%s%s%s", trace->path,
                       (unsigned long long)trace->lines.number, what, value != NULL ? " \"" : "",
                       value != NULL ? text_shown(value, size).text : "", value != NULL ? "\"" : "");
}

static enum status add_row(struct trace *trace, struct sim_row row) {
    if (trace->count == trace->room) {
        size_t room = trace->room > 0 ? 2 * trace->room : 1024;
        struct sim_row *grown = realloc(trace->rows, room * sizeof *grown);
        if (grown == NULL) {
            return problem_memory(trace->problem);
        }
        trace->rows = grown;
        trace->room = room;
    }
    trace->rows[trace->count++] = row;
    return STATUS_DONE;
}

/* A key is never 0, which means none. */
static uint64_t key_of(const char *text, size_t size) { return size > 0 ? lw_id(text, size) | 1 : 0; }

/* ---- CSV ---- */

static size_t find_column(const struct fields *header, const char *const *names) {
    for (; *names != NULL; names++) {
        for (size_t i = 0; i < header->count; i++) {
            if (strcmp(header->at[i].bytes, *names) == 0) {
                return i;
            }
        }
    }
    return ABSENT;
}

static bool read_header(struct trace *trace) {
    static const char *const times[] = {"TIMESTAMP", "timestamp", "time", "at", NULL};
    static const char *const keys[] = {"Key", "key", "user", NULL};
    static const char *const contexts[] = {"ContextTokens", "context", NULL};
    static const char *const outputs[] = {"GeneratedTokens", "output", NULL};
    trace->time = find_column(&trace->fields, times);
    trace->key = find_column(&trace->fields, keys);
    trace->context = find_column(&trace->fields, contexts);
    trace->output = find_column(&trace->fields, outputs);
    return trace->time != ABSENT;
}

static enum status read_size(const struct trace *trace, size_t column, const char *what, double *size) {
    if (column == ABSENT) {
        return STATUS_DONE;
    }
    const struct field *field = &trace->fields.at[column];
    return text_to_real(field->bytes, 0, 1e12, size) ? STATUS_DONE
                                                     : trace_wrong(trace, what, field->bytes, field->size);
}

static enum status read_row(struct trace *trace, const char *line, size_t size) {
    const char *fault = fields_split(&trace->fields, line, size);
    if (fault != NULL) {
        return trace_wrong(trace, fault, NULL, 0);
    }
    if (trace->fields.count == 0) {
        return STATUS_DONE;
    }
    size_t columns[] = {trace->time, trace->key, trace->context, trace->output};
    for (size_t i = 0; i < 4; i++) {
        if (columns[i] != ABSENT && columns[i] >= trace->fields.count) {
            return trace_wrong(trace, "the row is shorter than the header", NULL, 0);
        }
    }
    const struct field *time = &trace->fields.at[trace->time];
    struct sim_row row = {0};
    if (!timestamp_read(time->bytes, time->size, &row.at)) {
        return trace_wrong(trace, "the time must be like " TIMESTAMP_FORMS "; here is", time->bytes, time->size);
    }
    if (trace->key != ABSENT) {
        row.key = key_of(trace->fields.at[trace->key].bytes, trace->fields.at[trace->key].size);
    }
    enum status status = read_size(trace, trace->context, "the context must be a number; here is", &row.context);
    status = status == STATUS_DONE
                 ? read_size(trace, trace->output, "the output must be a number; here is", &row.output)
                 : status;
    return status == STATUS_DONE ? add_row(trace, row) : status;
}

/* ---- access logs ---- */

/* "23/Nov/2026:13:00:00 +0000" */
static bool read_log_time(const char *text, size_t size, uint64_t *ns) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[64], month[MONTH_SIZE + 1] = "";
    if (size != 26 || text[2] != '/' || text[6] != '/' || text[11] != ':' || text[20] != ' ') {
        return false;
    }
    memcpy(month, text + 3, MONTH_SIZE);
    const char *found = strstr(months, month);
    if (found == NULL || (found - months) % MONTH_SIZE != 0) {
        return false;
    }
    snprintf(iso, sizeof iso, "%.4s-%02d-%.2sT%.8s%.3s:%.2s", text + 7, (int)((found - months) / MONTH_SIZE) + 1, text,
             text + 12, text + 21, text + 24);
    return timestamp_read(iso, strlen(iso), ns);
}

/* host - user [time] "GET /path HTTP/1.1" status bytes ... */
static enum status read_log_line(struct trace *trace, const char *line, size_t size) {
    char text[LINES_ROOM];
    struct sim_row row = {0};
    if (size == 0) {
        return STATUS_DONE;
    }
    memcpy(text, line, size);
    text[size] = '\0';
    const char *open = strchr(text, '['), *close = open != NULL ? strchr(open, ']') : NULL;
    const char *quote = close != NULL ? strchr(close, '"') : NULL, *end = quote != NULL ? strchr(quote + 1, '"') : NULL;
    if (end == NULL || !read_log_time(open + 1, (size_t)(close - open - 1), &row.at)) {
        return trace_wrong(trace,
                           "this is no line of an access log: host - user [time] \"request\" status bytes; here is",
                           text, size);
    }
    const char *path = strchr(quote, ' ');
    if (path != NULL && path < end) {
        row.key = key_of(path + 1, strcspn(path + 1, " \""));
    }
    row.output = strtod(end + 1 + strcspn(end + 1, "0123456789") + 3, NULL);
    return add_row(trace, row);
}

/* ---- both ---- */

typedef enum status read_line_fn(struct trace *trace, const char *line, size_t size);

static enum status read_lines(struct trace *trace) {
    const char *line;
    size_t size;
    read_line_fn *read = NULL;
    for (;;) {
        enum lines_answer answer = lines_next(&trace->lines, &line, &size);
        if (answer == LINES_END) {
            return STATUS_DONE;
        }
        if (answer == LINES_FAILED) {
            return problem_set(trace->problem, STATUS_UNREADABLE, "%s: cannot be read: %s", trace->path,
                               strerror(errno));
        }
        if (answer == LINES_LONG) {
            return trace_wrong(trace, "the line is longer than 65535 bytes", NULL, 0);
        }
        enum status status = STATUS_DONE;
        if (read == NULL && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3, size -= 3; /* a mark that the bytes are UTF-8 */
        }
        if (read != NULL) {
            status = read(trace, line, size);
        } else if (fields_split(&trace->fields, line, size) == NULL && read_header(trace)) {
            read = read_row;
        } else if (memchr(line, '[', size) == NULL) {
            return trace_wrong(trace, "no column TIMESTAMP, timestamp, time or at, and no access log; here is", line,
                               size);
        } else {
            read = read_log_line;
            status = read_log_line(trace, line, size);
        }
        if (status != STATUS_DONE) {
            return status;
        }
    }
}

static int by_time(const void *left, const void *right) {
    const struct sim_row *a = left, *b = right;
    return (a->at > b->at) - (a->at < b->at);
}

/* Logs know whole seconds only: the requests of one time are spread over the time to the next, at most a second. */
static void spread(struct sim_row *rows, size_t count) {
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && rows[next].at == rows[i].at; next++) {
        }
        uint64_t room = next < count ? rows[next].at - rows[i].at : 1000000000;
        room = room < 1000000000 ? room : 1000000000;
        for (size_t k = i + 1; k < next; k++) {
            rows[k].at += room / (next - i) * (k - i);
        }
    }
}

static enum status keep_rows(struct trace *trace, struct sim_memory **memory, const struct sim_row **rows) {
    if (trace->count < 2) {
        return problem_set(trace->problem, STATUS_BAD_TRACE, "%s: a trace takes at least two requests; here are %zu",
                           trace->path, trace->count);
    }
    struct sim_row *kept = sim_memory_add(memory, trace->count * sizeof *kept);
    if (kept == NULL) {
        return problem_memory(trace->problem);
    }
    qsort(trace->rows, trace->count, sizeof *trace->rows, by_time);
    spread(trace->rows, trace->count);
    for (size_t i = 0; i < trace->count; i++) {
        kept[i] = trace->rows[i];
        kept[i].at -= trace->rows[0].at;
    }
    *rows = kept;
    return STATUS_DONE;
}

enum status trace_file_read(const char *path, struct sim_memory **memory, const struct sim_row **rows, size_t *count,
                            bool *sized, struct problem *problem) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return problem_set(problem, STATUS_UNREADABLE, "%s: cannot be read: %s", path, strerror(errno));
    }
    struct trace *trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        close(fd);
        return problem_memory(problem);
    }
    trace->context = trace->output = ABSENT;
    trace->path = path;
    trace->problem = problem;
    lines_init(&trace->lines, fd);
    fields_init(&trace->fields);
    enum status status = read_lines(trace);
    status = status == STATUS_DONE ? keep_rows(trace, memory, rows) : status;
    *count = trace->count;
    *sized = trace->context < ABSENT || trace->output < ABSENT;
    close(fd);
    fields_free(&trace->fields);
    free(trace->rows);
    free(trace);
    return status;
}
