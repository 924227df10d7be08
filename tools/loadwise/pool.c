/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Read the nodes, make the pool, then one row at a time; at the end, how the pool stands. */
#include "pool.h"

#include "nodes_file.h"
#include "pool_options.h"
#include "rehearsal_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { POOL_BAD_ROWS_SHOWN = 10 };

struct pool_command {
    struct pool_options options;
    struct fleet fleet;
    struct rehearsal rehearsal;
    struct requests *requests;
    struct explanation explanation;
    struct problem *problem;
};

/* The problem describes the row. */
static enum status pool_bad_row(struct pool_command *pool) {
    if (!pool->options.skip_bad_rows) {
        return STATUS_BAD_ROW;
    }
    pool->rehearsal.skipped++;
    if (pool->rehearsal.skipped <= POOL_BAD_ROWS_SHOWN) {
        problem_print(pool->problem);
    }
    if (pool->rehearsal.skipped == POOL_BAD_ROWS_SHOWN) {
        fprintf(stderr, "loadwise: further malformed rows are counted, not shown\n");
    }
    return STATUS_DONE;
}

/* An error of one request that is neither a refusal nor a fault of the row ends the run: the next would fail too. */
static enum status pool_failed_row(struct pool_command *pool, const struct request_row *row, int code) {
    const char *label = requests_label(pool->requests);
    if (code == LW_NOMEM) {
        return problem_memory(pool->problem);
    }
    if (code == LW_KEY_REQUIRED) {
        problem_set(pool->problem, STATUS_BAD_ROW, "%s:%" PRIu64 ": %s", label, row->line, lw_error_message(code));
        return pool_bad_row(pool);
    }
    return problem_set(pool->problem, STATUS_UNFIT, "%s:%" PRIu64 ": \"%s\" failed: %s", label, row->line,
                       pool->options.spec, lw_error_message(code));
}

static enum status pool_place_row(struct pool_command *pool, const struct request_row *row) {
    bool explain = row->row <= pool->options.explain;
    explanation_init(&pool->explanation);
    int code = rehearsal_place(&pool->rehearsal, row, explain ? &pool->explanation.why : NULL);
    if (code < 0 && !lw_is_refusal(code)) {
        return pool_failed_row(pool, row, code);
    }
    if (explain) {
        explanation_print(&pool->explanation, &pool->rehearsal, row);
    }
    return STATUS_DONE;
}

static enum status pool_rows(struct pool_command *pool) {
    struct request_row row = {.row = 0};
    enum status status = STATUS_DONE;
    while (status == STATUS_DONE) {
        switch (requests_next(pool->requests, &row, pool->problem)) {
        case REQUESTS_END: return STATUS_DONE;
        case REQUESTS_FAILED: return STATUS_UNREADABLE;
        case REQUESTS_BAD_ROW: status = pool_bad_row(pool); break;
        case REQUESTS_ROW: status = pool_place_row(pool, &row); break;
        }
    }
    return status;
}

static enum status pool_all(struct pool_command *pool) {
    enum status status = nodes_file_read(&pool->fleet, pool->options.nodes, pool->problem);
    if (status == STATUS_DONE) {
        status = rehearsal_open(&pool->rehearsal, &pool->options, &pool->fleet, pool->problem);
    }
    if (status == STATUS_DONE) {
        status = requests_open(&pool->requests, &pool->options.requests, pool->problem);
    }
    if (status == STATUS_DONE) {
        status = pool_rows(pool);
    }
    if (status == STATUS_DONE && pool->options.explain > 0) {
        putchar('\n');
    }
    if (status == STATUS_DONE) {
        status = pool->options.json ? rehearsal_print_json(&pool->rehearsal) : rehearsal_print_text(&pool->rehearsal);
    }
    return status == STATUS_DONE && rehearsal_refusals(&pool->rehearsal) > 0 ? STATUS_REFUSED : status;
}

enum status pool_run(int argc, char **argv, struct problem *problem) {
    struct pool_command *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return problem_memory(problem);
    }
    pool->problem = problem;
    enum status status = pool_options_read(&pool->options, argc, argv, problem);
    if (status == STATUS_DONE && pool->options.help) {
        pool_help();
    } else if (status == STATUS_DONE) {
        status = pool_all(pool);
    }
    requests_close(pool->requests);
    rehearsal_close(&pool->rehearsal);
    fleet_free(&pool->fleet);
    free(pool);
    return status;
}
