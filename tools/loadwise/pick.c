/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Read the nodes, bind the strategy, then one row at a time: place it, count it, print it. Whoever waits for input lets
 * the output go first, so that decisions follow a slow pipe at once.
 */
#include "pick.h"

#include "fleet.h"
#include "nodes_file.h"
#include "output.h"
#include "pick_options.h"
#include "placer.h"
#include "progress.h"
#include "requests.h"
#include "summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BAD_ROWS_SHOWN = 10 };

struct pick {
    struct pick_options options;
    struct fleet fleet;
    struct placer placer;
    struct requests *requests;
    struct summary summary;
    struct output output;
    bool progress;
    struct problem *problem;
};

/* The problem describes the row. */
static enum status pick_bad_row(struct pick *pick) {
    if (!pick->options.skip_bad_rows) {
        return STATUS_BAD_ROW;
    }
    pick->summary.skipped++;
    if (pick->summary.skipped <= BAD_ROWS_SHOWN) {
        if (pick->progress) {
            progress_end();
        }
        problem_print(pick->problem);
    }
    if (pick->summary.skipped == BAD_ROWS_SHOWN) {
        fprintf(stderr, "loadwise: further malformed rows are counted, not shown\n");
    }
    return STATUS_DONE;
}

/* An error of one request that is neither a refusal nor a fault of the row ends the run: the next would fail too. */
static enum status pick_failed_row(struct pick *pick, const struct request_row *row, ptrdiff_t code) {
    const char *label = requests_label(pick->requests);
    if (code == LW_KEY_REQUIRED) {
        problem_set(pick->problem, STATUS_BAD_ROW, "%s:%" PRIu64 ": %s", label, row->line, lw_error_message((int)code));
        return pick_bad_row(pick);
    }
    if (pick->placer.quotas.share.fault != LW_OK) {
        return problem_set(pick->problem, STATUS_NO_STORE, "%s:%" PRIu64 ": --store %s: %s", label, row->line,
                           pick->options.store, pick->placer.quotas.share.note);
    }
    return problem_set(pick->problem, STATUS_UNFIT, "%s:%" PRIu64 ": \"%s\" failed: %s", label, row->line,
                       pick->options.spec, lw_error_message((int)code));
}

static enum status pick_place_row(struct pick *pick, const struct request_row *row) {
    struct placement placement = placer_place(&pick->placer, row);
    ptrdiff_t node = placement.node;
    if (node >= 0) {
        summary_place(&pick->summary, row, (uint32_t)node);
        return output_decision(&pick->output, row, pick->fleet.nodes[node].name, &placement, pick->problem);
    }
    if (!lw_is_refusal(node)) {
        return pick_failed_row(pick, row, node);
    }
    summary_refuse(&pick->summary, &placement);
    return output_decision(&pick->output, row, NULL, &placement, pick->problem);
}

/* Nothing to read yet: what is decided may go, and the progress may be shown. */
static enum status pick_wait(struct pick *pick, uint64_t rows) {
    if (pick->progress) {
        progress_show(rows);
    }
    return output_flush(&pick->output, pick->problem);
}

static enum status pick_rows(struct pick *pick) {
    struct request_row row = {.row = 0};
    enum status status = STATUS_DONE;
    while (status == STATUS_DONE) {
        if (requests_would_read(pick->requests) && pick_wait(pick, row.row) != STATUS_DONE) {
            return pick->problem->status;
        }
        switch (requests_next(pick->requests, &row, pick->problem)) {
        case REQUESTS_END: return STATUS_DONE;
        case REQUESTS_FAILED: return STATUS_UNREADABLE;
        case REQUESTS_BAD_ROW: status = pick_bad_row(pick); break;
        case REQUESTS_ROW: status = pick_place_row(pick, &row); break;
        }
    }
    return status;
}

static enum status pick_all(struct pick *pick) {
    pick->progress = progress_wanted(pick->output.decisions);
    enum status status = pick_rows(pick);
    if (pick->progress) {
        progress_end();
    }
    if (status == STATUS_DONE) {
        status = output_summary(&pick->output, &pick->summary, pick->problem);
    }
    struct problem later;
    enum status flushed = status == STATUS_CLOSED ? STATUS_DONE : output_flush(&pick->output, &later);
    if (status == STATUS_DONE && flushed != STATUS_DONE) {
        *pick->problem = later;
        status = flushed;
    }
    return status;
}

/* Everything is opened before the first decision is printed. */
static enum status pick_open(struct pick *pick) {
    struct problem *problem = pick->problem;
    enum status status = nodes_file_read(&pick->fleet, pick->options.nodes, problem);
    if (status == STATUS_DONE) {
        status = placer_open(&pick->placer, &pick->options, &pick->fleet, problem);
    }
    if (status == STATUS_DONE) {
        status = summary_init(&pick->summary, &pick->options, &pick->fleet, &pick->placer, problem);
    }
    if (status == STATUS_DONE) {
        status = requests_open(&pick->requests, &pick->options.requests, problem);
    }
    return status == STATUS_DONE ? output_open(&pick->output, &pick->options, &pick->fleet, problem) : status;
}

static void pick_close(struct pick *pick) {
    requests_close(pick->requests);
    summary_free(&pick->summary);
    placer_close(&pick->placer);
    fleet_free(&pick->fleet);
    free(pick);
}

enum status pick_run(int argc, char **argv, struct problem *problem) {
    struct pick *pick = calloc(1, sizeof *pick);
    if (pick == NULL) {
        return problem_memory(problem);
    }
    pick->problem = problem;
    enum status status = pick_options_read(&pick->options, argc, argv, problem);
    if (status == STATUS_DONE && pick->options.help) {
        pick_help();
    } else if (status == STATUS_DONE) {
        status = pick_open(pick);
        status = status == STATUS_DONE ? pick_all(pick) : status;
    }
    if (status == STATUS_DONE && pick->summary.refused > 0) {
        status = STATUS_REFUSED;
    }
    pick_close(pick);
    return status;
}
