/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The summary for people: a table with a line for each node, then the totals and what they mean. */
#include "summary.h"

#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LEAST = 4, COST_LEAST = 12, QUOTA_WIDTH = 10 };

struct summary_page {
    FILE *out;
    const struct summary *summary;
    int name_width;
};

static int summary_text_name_width(const struct summary *summary) {
    size_t width = NAME_LEAST;
    for (uint32_t i = 0; i < summary->fleet->count; i++) {
        size_t name = text_width(summary->fleet->nodes[i].name);
        width = name > width ? name : width;
    }
    return (int)width;
}

static int summary_text_cost_width(const struct summary *summary, size_t dimension) {
    size_t width = text_width(summary->options->dimensions[dimension]);
    return (int)(width > COST_LEAST ? width : COST_LEAST);
}

/* printf pads by bytes; a name may have characters of several. */
static void summary_text_left(const struct summary_page *page, const char *text) {
    fprintf(page->out, "%s%*s", text, page->name_width - (int)text_width(text), "");
}

static void summary_text_right(const struct summary_page *page, int width, const char *text) {
    fprintf(page->out, "  %*s%s", width - (int)text_width(text), "", text);
}

static void summary_text_percent(const struct summary_page *page, double share) {
    if (isnan(share)) {
        fprintf(page->out, "  %8s", "-");
    } else {
        fprintf(page->out, "  %7.2f%%", share * 100);
    }
}

static void summary_text_head(const struct summary_page *page) {
    const struct pick_options *options = page->summary->options;
    summary_text_left(page, "node");
    fprintf(page->out, "  %10s  %8s  %10s  %8s  %5s", "weight", "expected", "requests", "share", "ratio");
    for (size_t i = 0; i < options->requests.dimension_count; i++) {
        summary_text_right(page, summary_text_cost_width(page->summary, i), options->dimensions[i]);
        fprintf(page->out, "  %8s", "share");
    }
    fputc('\n', page->out);
}

static void summary_text_ratio(const struct summary_page *page, double ratio) {
    if (isnan(ratio)) {
        fprintf(page->out, "  %5s", "-");
    } else {
        fprintf(page->out, "  %5.2f", ratio);
    }
}

static void summary_text_node(const struct summary_page *page, uint32_t index) {
    const struct summary *summary = page->summary;
    const struct summary_node *counts = &summary->nodes[index];
    summary_text_left(page, summary->fleet->nodes[index].name);
    fprintf(page->out, "  %10" PRIu32, summary->fleet->nodes[index].weight);
    summary_text_percent(page, counts->bar == NULL ? summary_expected(summary, index) : (double)NAN);
    fprintf(page->out, "  %10" PRIu64, counts->requests);
    summary_text_percent(page, summary_share(summary, index));
    summary_text_ratio(page, summary_ratio(summary, index));
    for (size_t i = 0; i < summary->options->requests.dimension_count; i++) {
        fprintf(page->out, "  %*" PRIu64, summary_text_cost_width(summary, i), counts->cost[i]);
        summary_text_percent(page, summary_cost_share(summary, index, i));
    }
    fprintf(page->out, "%s%s\n", counts->bar != NULL ? "  " : "", counts->bar != NULL ? counts->bar : "");
}

static void summary_text_total(const struct summary_page *page) {
    const struct summary *summary = page->summary;
    summary_text_left(page, "all");
    fprintf(page->out, "  %10" PRIu64, summary->open_weight);
    summary_text_percent(page, summary->open_weight > 0 ? 1 : (double)NAN);
    fprintf(page->out, "  %10" PRIu64, summary->placed);
    summary_text_percent(page, summary->placed > 0 ? 1 : (double)NAN);
    summary_text_ratio(page, summary->open_weight > 0 && summary->placed > 0 ? 1 : (double)NAN);
    for (size_t i = 0; i < summary->options->requests.dimension_count; i++) {
        fprintf(page->out, "  %*" PRIu64, summary_text_cost_width(summary, i), summary->cost[i]);
        summary_text_percent(page, summary->cost[i] > 0 ? 1 : (double)NAN);
    }
    fputc('\n', page->out);
}

static void summary_text_refusals(const struct summary_page *page) {
    for (int i = 0; i < SUMMARY_REASONS; i++) {
        if (page->summary->refusals[i] > 0) {
            fprintf(page->out, "  %10" PRIu64 "  %s: %s\n", page->summary->refusals[i],
                    lw_error_name(LW_REFUSALS_BEGIN - i), lw_error_message(LW_REFUSALS_BEGIN - i));
        }
    }
}

static void summary_text_figures(const struct summary_page *page) {
    const struct summary *summary = page->summary;
    if (summary->placed > 0) {
        fprintf(page->out, "max/mean  %.3f  the busiest node against the mean of the %" PRIu32 " that may be chosen\n",
                summary_max_mean(summary), summary->open);
    }
    if (!isnan(summary_max_ratio(summary))) {
        fprintf(page->out, "max ratio %.3f  the largest share against the share that its weight asks for\n",
                summary_max_ratio(summary));
    }
}

static void summary_text_waits(const struct summary_page *page) {
    const struct summary *summary = page->summary;
    if (summary->waits > 0) {
        fprintf(page->out,
                "waits     mean %.3f s, longest %.3f s, until a node could take what was refused over quota\n",
                summary_mean_wait(summary) / 1e9, summary->wait_longest / 1e9);
    }
    if (summary->waits_never > 0) {
        fprintf(page->out, "never     %" PRIu64 " asked for more than any limit\n", summary->waits_never);
    }
}

static void summary_text_limit(const struct summary_page *page, uint32_t node, size_t dimension) {
    const struct summary *summary = page->summary;
    const struct quota_option *quota = &summary->options->quotas[dimension];
    uint64_t limit = quotas_limit(summary->quotas, node, dimension);
    if (limit > 0) {
        summary_text_left(page, summary->fleet->nodes[node].name);
        summary_text_right(page, QUOTA_WIDTH, quota->name);
        fprintf(page->out, "  %8s  %6s  %13" PRIu64 "  %13" PRIu64, quota->kind_text, quota->window_text, limit,
                quotas_peak(summary->quotas, node, dimension));
        summary_text_percent(page, summary_peak_share(summary, node, dimension));
        fputc('\n', page->out);
    }
}

/* A line for each limit of each node. */
static void summary_text_limits(const struct summary_page *page) {
    fputc('\n', page->out);
    summary_text_left(page, "node");
    fprintf(page->out, "  %*s  %8s  %6s  %13s  %13s  %8s\n", QUOTA_WIDTH, "quota", "kind", "window", "limit",
            "peak use", "share");
    for (uint32_t i = 0; i < page->summary->fleet->count; i++) {
        for (size_t d = 0; d < page->summary->options->requests.quota_count; d++) {
            summary_text_limit(page, i, d);
        }
    }
}

static void summary_text_write(const struct summary_page *page) {
    const struct summary *summary = page->summary;
    summary_text_head(page);
    for (uint32_t i = 0; i < summary->fleet->count; i++) {
        summary_text_node(page, i);
    }
    summary_text_total(page);
    fprintf(page->out, "\nstrategy  %s, seed %" PRIu64 "\n", summary->options->spec, summary->seed);
    fprintf(page->out, "requests  %" PRIu64 ": %" PRIu64 " placed, %" PRIu64 " refused",
            summary->placed + summary->refused, summary->placed, summary->refused);
    if (summary->skipped > 0) {
        fprintf(page->out, "; besides, %" PRIu64 " malformed row%s skipped", summary->skipped,
                summary->skipped == 1 ? " was" : "s were");
    }
    fputc('\n', page->out);
    summary_text_refusals(page);
    summary_text_waits(page);
    summary_text_figures(page);
    if (summary->quotas != NULL) {
        summary_text_limits(page);
    }
}

char *summary_to_text(const struct summary *summary, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) {
        return NULL;
    }
    struct summary_page page = {out, summary, summary_text_name_width(summary)};
    summary_text_write(&page);
    bool good = !ferror(out);
    if (fclose(out) != 0 || !good) {
        free(text);
        return NULL;
    }
    return text;
}
