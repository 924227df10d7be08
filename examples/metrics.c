/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A page of metrics for Prometheus: some requests to the nodes that are named on the command line, the last of which
 * fails. A health tracker tells the metrics what it decides; selections and ends are told by hand.
 *
 *     example_metrics one two three | promtool check metrics
 */
#include <loadwise/loadwise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 100 };

#define MILLISECOND UINT64_C(1000000)

/* One request: node, told to whom it concerns. */
static void serve(lw_health *health, const lw_observer *tell, uint64_t node, int fails, uint64_t now) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_health_permit permit;
    if (!lw_health_admit_at(health, node, now, &permit)) {
        tell->refused(tell->user, LW_ALL_UNHEALTHY);
        return;
    }
    tell->selected(tell->user, node, "round_robin");
    sample.outcome = fails ? LW_OUTCOME_TIMEOUT : LW_OUTCOME_OK;
    sample.latency = (fails ? 1000 : 1 + now % 97) * MILLISECOND;
    lw_health_report_at(health, node, sample.outcome, &permit, now);
    tell->finished(tell->user, node, &sample);
}

/* All of it, in a buffer that is large enough even if the page grew since it was asked how long it is. */
static int print_page(lw_metrics *metrics) {
    size_t room = 0, length = lw_metrics_text(metrics, NULL, 0);
    char *page = NULL;
    while (length >= room) {
        room = length + length / 8 + 1;
        free(page);
        page = malloc(room);
        if (page == NULL) {
            return 1;
        }
        length = lw_metrics_text(metrics, page, room);
    }
    fwrite(page, 1, length, stdout);
    free(page);
    return 0;
}

int main(int count, char **names) {
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    lw_health_options health_options = LW_HEALTH_OPTIONS_INIT;
    lw_metrics *metrics;
    lw_health *health;
    options.max_nodes = 16;
    if (lw_metrics_new(&metrics, NULL, &options) != LW_OK) {
        return 1;
    }
    health_options.observer = lw_metrics_observer(metrics);
    if (lw_health_new(&health, NULL, &health_options) != LW_OK) {
        lw_metrics_free(metrics);
        return 1;
    }
    for (int i = 1; i < count; i++) {
        int answer = lw_metrics_name(metrics, lw_id(names[i], strlen(names[i])), names[i]);
        if (answer < 0) {
            fprintf(stderr, "node %d has no name: %s\n", i, lw_error_message(answer));
        }
    }
    for (int i = 0; i < REQUESTS && count > 1; i++) {
        const char *name = names[1 + i % (count - 1)];
        uint64_t now = (uint64_t)i * 500 * MILLISECOND;
        serve(health, lw_metrics_observer(metrics), lw_id(name, strlen(name)), name == names[count - 1], now);
    }
    int error = print_page(metrics);
    lw_health_free(health);
    lw_metrics_free(metrics);
    return error;
}
