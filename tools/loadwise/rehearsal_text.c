/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A table with a line for each node, then the totals. */
#include "nodes_file.h"
#include "rehearsal_print.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REHEARSAL_NAME_LEAST = 4 };

static int rehearsal_name_width(const struct fleet *fleet) {
    size_t width = REHEARSAL_NAME_LEAST;
    for (uint32_t i = 0; i < fleet->count; i++) {
        size_t name = text_width(fleet->nodes[i].name);
        width = name > width ? name : width;
    }
    return (int)width;
}

/* "degraded", "healthy, draining", "unhealthy for another 3.2 s" */
static void rehearsal_print_state(const struct rehearsal *rehearsal, const lw_node_info *info) {
    uint32_t reasons = info->reasons & ~(uint32_t)LW_REASON_UNHEALTHY; /* the status says it */
    printf("  %s%s%s", nodes_file_health(info->status), reasons != 0 ? ", " : "", reason_words(reasons).text);
    if (info->reasons != 0 && info->retry_at != UINT64_MAX && info->retry_at > rehearsal->now) {
        printf(", for another %.3f s", (double)(info->retry_at - rehearsal->now) / 1e9);
    }
    printf("\n");
}

/* What the pool has learnt of the node. Without requests it can only guess; and it learns nothing, and keeps to the 1
   ns that it began with, where the strategy does not look at latencies. */
static void rehearsal_print_latency(const struct rehearsal_node *node, const lw_node_info *info) {
    if (node->placed == 0 || info->mean <= 1) {
        printf("  %10s", "-");
    } else {
        printf("  %8.1fms", (double)info->mean / 1e6);
    }
}

static enum status rehearsal_print_node(struct rehearsal *rehearsal, uint32_t index, int width) {
    const struct rehearsal_node *node = &rehearsal->nodes[index];
    const char *name = rehearsal->fleet->nodes[index].name;
    lw_node_info info = {.size = sizeof info};
    int code = lw_pool_node(rehearsal->pool, node->id, rehearsal->now, &info);
    if (code < 0) {
        return problem_set(rehearsal->problem, STATUS_UNFIT, "%s: %s", name, lw_error_message(code));
    }
    double share = rehearsal->placed > 0 ? 100.0 * (double)node->placed / (double)rehearsal->placed : 0;
    printf("%s%*s", name, width - (int)text_width(name), "");
    printf("  %8" PRIu32 "  %10" PRIu32 "  %10" PRIu64 "  %7.2f%%  %10" PRIu64 "  %9" PRIu32 "  %9" PRIu32,
           info.priority, info.weight, node->placed, share, node->failed, info.inflight, node->busiest);
    rehearsal_print_latency(node, &info);
    rehearsal_print_state(rehearsal, &info);
    return STATUS_DONE;
}

static void rehearsal_print_refusals(const struct rehearsal *rehearsal) {
    for (int i = 0; i < REHEARSAL_REFUSALS; i++) {
        if (rehearsal->refused[i] > 0) {
            printf("  %" PRIu64 ": %s\n", rehearsal->refused[i], lw_error_message(LW_REFUSALS_BEGIN - i));
        }
    }
}

static void rehearsal_print_totals(const struct rehearsal *rehearsal, const lw_pool_stats *stats) {
    uint64_t refused = rehearsal_refusals(rehearsal);
    printf("\nrequests   %" PRIu64 " in %.3f s: %" PRIu64 " placed, %" PRIu64 " refused", rehearsal->placed + refused,
           (double)(rehearsal->now - 1) / 1e9, rehearsal->placed, refused);
    if (rehearsal->skipped > 0) {
        printf("; %" PRIu64 " malformed rows skipped", rehearsal->skipped);
    }
    printf("\n");
    rehearsal_print_refusals(rehearsal);
    printf("under way  %" PRIu64, stats->tickets);
    if (stats->tickets > 0) {
        printf(", the oldest for %.3f s", (double)stats->oldest / 1e9);
    }
    printf("\npicks      %" PRIu64 " in panic, %" PRIu64 " spilled, %" PRIu64 " choices that could not be charged\n",
           stats->panics, stats->spills, stats->repicks);
}

enum status rehearsal_print_text(struct rehearsal *rehearsal) {
    int width = rehearsal_name_width(rehearsal->fleet);
    lw_pool_stats stats = {.size = sizeof stats};
    int code = lw_pool_stats_read(rehearsal->pool, rehearsal->now, &stats);
    if (code < 0) {
        return problem_set(rehearsal->problem, STATUS_UNFIT, "the pool: %s", lw_error_message(code));
    }
    printf("node%*s  %8s  %10s  %10s  %8s  %10s  %9s  %9s  %10s  %s\n", width - REHEARSAL_NAME_LEAST, "", "priority",
           "weight", "requests", "share", "failed", "current", "busiest", "latency", "state");
    enum status status = STATUS_DONE;
    for (uint32_t i = 0; i < rehearsal->fleet->count && status == STATUS_DONE; i++) {
        status = rehearsal_print_node(rehearsal, i, width);
    }
    if (status == STATUS_DONE) {
        rehearsal_print_totals(rehearsal, &stats);
    }
    return status;
}
