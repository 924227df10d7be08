/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A line is finished in memory before the writer sees it. */
#include "output.h"

#include "json_text.h"
#include "text.h"

#include <inttypes.h>
#include <loadwise/error.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- text ---- */

static size_t output_text_row(struct output *output, const char *row, const char *node) {
    int pad = output->name_width - (int)text_width(node);
    return (size_t)snprintf(output->line, sizeof output->line, "%8s  %s%*s", row, node, pad, "");
}

static size_t output_trim_spaces(const char *line, size_t size) {
    while (size > 0 && line[size - 1] == ' ') {
        size--;
    }
    return size;
}

/* Rounded up: who waits that long does not come too early. */
static double output_seconds(uint64_t ns) { return ceil((double)ns / 1e6) / 1e3; }

static size_t output_text_refusal(struct output *output, size_t at, const struct placement *placement) {
    char *end = output->line + at;
    size_t room = sizeof output->line - at;
    int size = snprintf(end, room, "  refused: %s", lw_error_message((int)placement->node));
    if (placement->node == LW_OVER_QUOTA) {
        const char *dimension = output->options->quotas[placement->wait.dimension].name;
        size += placement->wait.ns == QUOTAS_NEVER
                    ? snprintf(end + size, room - (size_t)size, ": more %.255s than any limit", dimension)
                    : snprintf(end + size, room - (size_t)size, ", wait %.3f s for %.255s",
                               output_seconds(placement->wait.ns), dimension);
    }
    return (size_t)size;
}

static size_t output_text(struct output *output, const struct request_row *row, const char *node,
                          const struct placement *placement) {
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, row->row);
    size_t size = output_text_row(output, number, node != NULL ? node : "-");
    if (row->key != NULL) {
        memcpy(output->line + size, "  ", 2);
        text_show(output->line + size + 2, row->key_size + 1, row->key, row->key_size);
        size += 2 + row->key_size;
    }
    if (node == NULL) {
        size += output_text_refusal(output, size, placement);
    }
    size = output_trim_spaces(output->line, size);
    output->line[size] = '\n';
    return size + 1;
}

/* ---- JSON ---- */

/* The members are missing only when memory is out. */
static void output_json_wait(const struct output *output, json_t *object, const struct quotas_wait *wait) {
    const char *dimension = output->options->quotas[wait->dimension].name;
    json_object_set_new(object, "limit", json_text(dimension, strlen(dimension)));
    json_object_set_new(object, "wait_ns", wait->ns == QUOTAS_NEVER ? json_null() : json_integer((json_int_t)wait->ns));
}

/* 0 when memory is out. */
static size_t output_json(struct output *output, const struct request_row *row, const char *node,
                          const struct placement *placement) {
    json_t *key = row->key != NULL ? json_text(row->key, row->key_size) : json_null();
    json_t *object = json_pack("{s:I, s:o, s:s?, s:s*}", "row", (json_int_t)row->row, "key", key, "node", node,
                               "refused", node == NULL ? lw_error_name((int)placement->node) : NULL);
    if (placement->node == LW_OVER_QUOTA) {
        output_json_wait(output, object, &placement->wait);
    }
    size_t room = sizeof output->line - 1;
    size_t size = object != NULL ? json_dumpb(object, output->line, room, 0) : 0;
    json_decref(object);
    if (size == 0 || size > room) {
        return 0;
    }
    output->line[size] = '\n';
    return size + 1;
}

/* ---- both ---- */

enum status output_open(struct output *output, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem) {
    output->options = options;
    output->kind = options->output;
    output->decisions = !options->summary_only;
    output->name_width = 4;
    writer_init(&output->writer, STDOUT_FILENO);
    for (uint32_t i = 0; i < fleet->count; i++) {
        int width = (int)text_width(fleet->nodes[i].name);
        output->name_width = width > output->name_width ? width : output->name_width;
    }
    if (!output->decisions || output->kind != OUTPUT_TEXT) {
        return STATUS_DONE;
    }
    size_t size = output_text_row(output, "row", "node");
    size += (size_t)snprintf(output->line + size, sizeof output->line - size, "  key\n");
    return writer_put(&output->writer, output->line, size, problem);
}

enum status output_decision(struct output *output, const struct request_row *row, const char *node,
                            const struct placement *placement, struct problem *problem) {
    if (!output->decisions) {
        return STATUS_DONE;
    }
    size_t size = output->kind == OUTPUT_JSON ? output_json(output, row, node, placement)
                                              : output_text(output, row, node, placement);
    return size > 0 ? writer_put(&output->writer, output->line, size, problem) : problem_memory(problem);
}

enum status output_summary(struct output *output, const struct summary *summary, struct problem *problem) {
    bool json = output->kind == OUTPUT_JSON;
    size_t size = 0;
    char *text = json ? summary_to_json(summary, &size) : summary_to_text(summary, &size);
    if (text == NULL) {
        return problem_memory(problem);
    }
    enum status status = STATUS_DONE;
    if (output->decisions && !json) {
        status = writer_put(&output->writer, "\n", 1, problem);
    }
    if (status == STATUS_DONE) {
        status = writer_put(&output->writer, text, size, problem);
    }
    free(text);
    return status;
}

enum status output_flush(struct output *output, struct problem *problem) {
    return writer_flush(&output->writer, problem);
}
