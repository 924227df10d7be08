/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line a node, one for all, then what layers did and how nodes fared. */
#include "fetch_tally.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1e6

const char *fetch_outcome_name(uint32_t outcome) {
    static const char *const names[FETCH_OUTCOMES] = {"ok",           "failure",  "connect_failure", "timeout",
                                                      "rate_limited", "overload", "caller_fault",    "cancelled"};
    return names[outcome];
}

const char *fetch_health_name(uint32_t status) {
    static const char *const names[] = {"healthy", "degraded", "unhealthy", "recovering"};
    return status < sizeof names / sizeof *names ? names[status] : "?";
}

/* "3 timeout, 1 overload" */
static void print_failures(const struct fetch_node *node) {
    const char *before = "  ";
    for (uint32_t outcome = LW_OUTCOME_OK + 1; outcome < FETCH_OUTCOMES; outcome++) {
        if (node->answers[outcome] > 0) {
            printf("%s%" PRIu64 " %s", before, node->answers[outcome], fetch_outcome_name(outcome));
            before = ", ";
        }
    }
}

static void print_node(const char *name, int width, const struct fetch_node *node) {
    const struct sim_histogram *latency = &node->latency;
    uint64_t ok = node->answers[LW_OUTCOME_OK];
    printf("%-*s  %9" PRIu64 "  %9" PRIu64 "  %9" PRIu64, width + (int)(strlen(name) - text_width(name)), name,
           node->requests, ok, node->requests - ok);
    if (ok > 0) {
        printf("  %9.2f  %9.2f  %9.2f  %9.2f", sim_histogram_quantile(latency, 0.5) / NS_PER_MS,
               sim_histogram_quantile(latency, 0.9) / NS_PER_MS, sim_histogram_quantile(latency, 0.99) / NS_PER_MS,
               (double)latency->most / NS_PER_MS);
    } else if (node->requests > 0) {
        printf("  %9s  %9s  %9s  %9s", "-", "-", "-", "-");
    }
    print_failures(node);
    printf("\n");
}

static void print_last(const struct fetch_fault *last, const struct fleet *fleet) {
    printf("The last that was not well");
    if (last->node < fleet->count) {
        printf(", from %s", fleet->nodes[last->node].name);
    }
    if (last->problem != NULL) {
        printf(": %s\n", last->problem);
    } else if (last->status != 0) {
        printf(": status %" PRIu32 "\n", last->status);
    } else {
        printf(": no answer\n");
    }
}

static void print_layers(const struct fetch_tally *tally) {
    if (tally->retries) {
        printf("Retries: %" PRIu64 ", which rescued %" PRIu64 " requests; %" PRIu64 " were over the budget\n",
               tally->retry.retries, tally->retry.rescued, tally->retry.unfunded);
    }
    if (tally->hedges) {
        printf("Hedges: %" PRIu64 ", of which %" PRIu64 " won; %" PRIu64 " were over the budget; sent after %.2f ms\n",
               tally->hedge.hedges, tally->hedge.won, tally->hedge.unfunded, (double)tally->hedge.delay / NS_PER_MS);
    }
    if (tally->refused > 0) {
        printf("Refused: %" PRIu64 ", at last because %s\n", tally->refused, lw_error_message(tally->reason));
    }
}

static void print_events(const struct fetch_tally *tally, const struct fleet *fleet) {
    uint64_t kept = tally->events < FETCH_EVENTS ? tally->events : FETCH_EVENTS;
    for (uint64_t i = 0; i < kept; i++) {
        const struct fetch_event *event = &tally->event[i];
        printf("%8.3f s  %s: %s, was %s\n", (double)event->at / 1e9, fleet->nodes[event->node].name,
               fetch_health_name(event->to), fetch_health_name(event->from));
    }
    if (tally->events > kept) {
        printf("and %" PRIu64 " more changes of health\n", tally->events - kept);
    }
}

void fetch_print_text(const struct fetch_tally *tally, const struct fleet *fleet) {
    int width = (int)strlen("whole requests");
    double seconds = (double)tally->elapsed / 1e9;
    for (uint32_t i = 0; i < fleet->count; i++) {
        int name = (int)text_width(fleet->nodes[i].name);
        width = name > width ? name : width;
    }
    printf("%-*s  %9s  %9s  %9s  %9s  %9s  %9s  %9s\n", width, "node", "requests", "ok", "not well", "p50 ms", "p90 ms",
           "p99 ms", "most ms");
    for (uint32_t i = 0; i < fleet->count; i++) {
        print_node(fleet->nodes[i].name, width, &tally->nodes[i]);
    }
    print_node("whole requests", width, &tally->all);
    printf("\n%.2f s, %.0f answers a second\n", seconds,
           seconds > 0 ? (double)(tally->all.requests + tally->refused) / seconds : 0.0);
    if (tally->all.answers[LW_OUTCOME_OK] < tally->all.requests) {
        print_last(&tally->last, fleet);
    }
    print_layers(tally);
    print_events(tally, fleet);
}
