/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The counts as Prometheus text: one family after the other, each with its help and type, and within it a line per
 * node.
 *
 * Numbers are written in whole units and divided by hand, so that no locale puts a comma into them.
 * Cost: O(families x nodes), one pass over the nodes per family; nothing is allocated.
 */
#include "metrics/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A buffer that goes on counting where it is full. */
struct page {
    char *out;
    size_t room, length;
};

__attribute__((format(printf, 2, 3))) static void print(struct page *page, const char *format, ...) {
    va_list arguments;
    bool full = page->length >= page->room;
    va_start(arguments, format);
    int size =
        vsnprintf(full ? NULL : page->out + page->length, full ? 0 : page->room - page->length, format, arguments);
    va_end(arguments);
    page->length += size > 0 ? (size_t)size : 0;
}

static void print_head(struct page *page, const char *name, const char *type, const char *help) {
    print(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The node, as a label. */
struct label {
    char hex[17];
    const char *text;
};

static const char *label_of(const struct lw__node_metrics *counters, struct label *label) {
    label->text = __atomic_load_n(&counters->name, __ATOMIC_ACQUIRE);
    if (label->text == NULL) {
        snprintf(label->hex, sizeof label->hex, "%016" PRIx64, counters->head.id);
        label->text = label->hex;
    }
    return label->text;
}

typedef void node_lines(struct page *page, const char *node, const struct lw__node_metrics *counters);

struct family_walk {
    struct page *page;
    node_lines *lines;
};

static int walk_family(void *user, struct lw__record *record) {
    const struct family_walk *walk = user;
    const struct lw__node_metrics *counters = (const struct lw__node_metrics *)record;
    struct label label;
    walk->lines(walk->page, label_of(counters, &label), counters);
    return 0;
}

static bool is_used(const struct lw__node_metrics *counters) {
    uint64_t events = lw__count(&counters->selections) + lw__count(&counters->probes);
    for (uint32_t i = 0; i < LW__OUTCOMES; i++) {
        events += lw__count(&counters->outcomes[i]);
    }
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        events += lw__count(&counters->health_changes[i]);
    }
    return events + lw__count(&counters->quota_exhaustions) > 0;
}

/* ---- the families ---- */

static void selection_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_selections_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->selections));
}

static void outcome_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    static const char *const names[LW__OUTCOMES] = {
        "ok", "failure", "connect_failure", "timeout", "rate_limited", "overload", "caller_fault", "cancelled",
    };
    for (uint32_t i = 0; i < LW__OUTCOMES; i++) {
        print(page, "loadwise_requests_total{node=\"%s\",outcome=\"%s\"} %" PRIu64 "\n", node, names[i],
              lw__count(&counters->outcomes[i]));
    }
}

/* Placed less finished; what was finished without having been placed does not count below zero. */
static void inflight_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    uint64_t placed = lw__count(&counters->selections), finished = 0;
    for (uint32_t i = 0; i < LW__OUTCOMES; i++) {
        finished += lw__count(&counters->outcomes[i]);
    }
    print(page, "loadwise_requests_in_flight{node=\"%s\"} %" PRIu64 "\n", node,
          placed > finished ? placed - finished : 0);
}

static void duration_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    static const char name[] = "loadwise_request_duration_seconds";
    uint64_t seen = 0, sum = lw__count(&counters->duration_sum);
    for (uint32_t i = 0; i < LW__BUCKETS; i++) {
        seen += lw__count(&counters->durations[i]);
        print(page, "%s_bucket{node=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, node,
              i < LW__BUCKETS - 1 ? lw__buckets[i].seconds : "+Inf", seen);
    }
    print(page, "%s_sum{node=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", name, node, sum / 1000000000, sum % 1000000000);
    print(page, "%s_count{node=\"%s\"} %" PRIu64 "\n", name, node, seen);
}

static const char *const status_names[LW__STATUSES] = {"healthy", "degraded", "unhealthy", "recovering"};

static void health_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        print(page, "loadwise_health{node=\"%s\",status=\"%s\"} %d\n", node, status_names[i],
              lw__count(&counters->health) == i);
    }
}

static void change_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        print(page, "loadwise_health_changes_total{node=\"%s\",to=\"%s\"} %" PRIu64 "\n", node, status_names[i],
              lw__count(&counters->health_changes[i]));
    }
}

static void probe_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_probes_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->probes));
}

static void exhaustion_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_quota_exhaustions_total{node=\"%s\"} %" PRIu64 "\n", node,
          lw__count(&counters->quota_exhaustions));
}

static void exhausted_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_quota_exhausted_dimensions{node=\"%s\"} %" PRIu64 "\n", node,
          lw__count(&counters->quotas_exhausted));
}

static const struct family {
    const char *name, *type, *help;
    node_lines *lines;
} families[] = {
    {"loadwise_selections_total", "counter", "Requests placed on the node.", selection_lines},
    {"loadwise_requests_total", "counter", "Requests that ended, by outcome.", outcome_lines},
    {"loadwise_requests_in_flight", "gauge", "Requests placed and not yet ended.", inflight_lines},
    {"loadwise_request_duration_seconds", "histogram", "Time from placing to the end.", duration_lines},
    {"loadwise_health", "gauge", "1 for the status the node has, 0 for the others.", health_lines},
    {"loadwise_health_changes_total", "counter", "Changes of health, by the status reached.", change_lines},
    {"loadwise_probes_total", "counter", "Probes of an unhealthy or recovering node.", probe_lines},
    {"loadwise_quota_exhaustions_total", "counter", "Times a quota of the node ran out.", exhaustion_lines},
    {"loadwise_quota_exhausted_dimensions", "gauge", "Quotas of the node that have nothing left.", exhausted_lines},
};

static void print_refusals(struct page *page, const lw_metrics *metrics) {
    print_head(page, "loadwise_refusals_total", "counter", "Requests that no node could take, by reason.");
    for (int place = 0; place < LW__REASONS; place++) {
        uint64_t count = lw__count(&metrics->refusals[place]);
        if (count > 0) {
            print(page, "loadwise_refusals_total{reason=\"%s\"} %" PRIu64 "\n",
                  lw_error_name(LW_REFUSALS_BEGIN - place), count);
        }
    }
}

size_t lw_metrics_text(lw_metrics *metrics, char *out, size_t room) {
    struct page page = {out, room, 0};
    if (room > 0) {
        out[0] = '\0';
    }
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct family_walk walk = {&page, families[i].lines};
        print_head(&page, families[i].name, families[i].type, families[i].help);
        lw__registry_each(&metrics->registry, walk_family, &walk);
        if (is_used(&metrics->other)) {
            families[i].lines(&page, "other", &metrics->other);
        }
    }
    print_refusals(&page, metrics);
    return page.length;
}
