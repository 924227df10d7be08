/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The counts as Prometheus text: one family after the other, each with its help and type, and within it a line per
 * node, strategy or reason.
 *
 * No series may stand twice in a family, though nodes and names come and go while it is written: a node forgotten and
 * back, a name that passes to another node. So a page leaves out what was born after it was begun. Numbers are written
 * in whole units and divided by hand, so that no locale puts a comma into them.
 * Cost: O(families x nodes), one pass over the nodes per family; nothing is allocated.
 */
#include "metrics/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char other_label[] = "#other";

/* A buffer that goes on counting where it is full. */
struct page {
    char *out;
    size_t room, length;
    uint64_t births; /* before it was begun */
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

/* ---- one node's lines of each family ---- */

typedef void node_lines(struct page *page, const char *node, const struct lw__node_metrics *counters);

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

static void in_flight_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_requests_in_flight{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->in_flight));
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

/* Events of racing threads may come in another order than the changes they tell of; but of all the changes since
   healthy, just one status was entered once more than left. When that does not come out, for events were missed while
   the node was unknown or are under way, the latest event has the word. */
static uint64_t health_now(const struct lw__node_metrics *counters) {
    uint64_t latest = lw__count(&counters->health_latest), found = latest;
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        uint64_t stays = lw__count(&counters->health_entered[i]) + (i == LW_HEALTHY);
        stays -= lw__count(&counters->health_left[i]);
        if (stays > 1) {
            return latest;
        }
        found = stays == 1 ? i : found;
    }
    return found;
}

static void health_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    uint64_t health = health_now(counters);
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        print(page, "loadwise_health{node=\"%s\",status=\"%s\"} %d\n", node, status_names[i], health == i);
    }
}

static void change_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        print(page, "loadwise_health_changes_total{node=\"%s\",to=\"%s\"} %" PRIu64 "\n", node, status_names[i],
              lw__count(&counters->health_entered[i]));
    }
}

static void probe_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_probes_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->probes));
}

static void exhaustion_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_quota_exhaustions_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->exhaustions));
}

static void exhausted_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    uint64_t ends = lw__count(&counters->releases), begins = lw__count(&counters->exhaustions);
    print(page, "loadwise_quota_exhausted_dimensions{node=\"%s\"} %" PRIu64 "\n", node,
          begins > ends ? begins - ends : 0);
}

static void drain_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_drains_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->drains));
}

static void loss_lines(struct page *page, const char *node, const struct lw__node_metrics *counters) {
    print(page, "loadwise_lost_tickets_total{node=\"%s\"} %" PRIu64 "\n", node, lw__count(&counters->losses));
}

static const struct family {
    const char *name, *type, *help;
    node_lines *lines;
} families[] = {
    {"loadwise_selections_total", "counter", "Requests placed on the node.", selection_lines},
    {"loadwise_requests_total", "counter", "Requests that ended, by outcome.", outcome_lines},
    {"loadwise_requests_in_flight", "gauge", "Requests placed and not yet ended.", in_flight_lines},
    {"loadwise_request_duration_seconds", "histogram", "Time from placing to the end.", duration_lines},
    {"loadwise_health", "gauge", "1 for the status the node has, 0 for the others.", health_lines},
    {"loadwise_health_changes_total", "counter", "Changes of health, by the status reached.", change_lines},
    {"loadwise_probes_total", "counter", "Probes of an unhealthy or recovering node.", probe_lines},
    {"loadwise_quota_exhaustions_total", "counter", "Times a quota of the node ran out.", exhaustion_lines},
    {"loadwise_quota_exhausted_dimensions", "gauge", "Quotas of the node that have nothing left.", exhausted_lines},
    {"loadwise_drains_total", "counter", "Times that nothing was under way on a draining node any more.", drain_lines},
    {"loadwise_lost_tickets_total", "counter", "Tickets that were not ended in time, and were then.", loss_lines},
};

struct family_walk {
    struct page *page;
    node_lines *lines;
};

static int walk_family(void *user, struct lw__record *record) {
    const struct family_walk *walk = user;
    const struct lw__node_metrics *counters = (const struct lw__node_metrics *)record;
    const char *name = __atomic_load_n(&counters->name, __ATOMIC_ACQUIRE);
    bool has_name = name != NULL && lw__count(&counters->named) <= walk->page->births;
    if (counters->born <= walk->page->births) {
        walk->lines(walk->page, has_name ? name : counters->hex, counters);
    }
    return 0;
}

static bool is_used(const struct lw__node_metrics *counters) {
    uint64_t events = lw__count(&counters->selections) + lw__count(&counters->probes);
    for (uint32_t i = 0; i < LW__OUTCOMES; i++) {
        events += lw__count(&counters->outcomes[i]);
    }
    for (uint32_t i = 0; i < LW__STATUSES; i++) {
        events += lw__count(&counters->health_entered[i]);
    }
    events += lw__count(&counters->exhaustions) + lw__count(&counters->drains) + lw__count(&counters->losses);
    return events > 0;
}

/* A gauge of nodes that are not told apart would say nothing. */
static void print_family(struct page *page, lw_metrics *metrics, const struct family *family) {
    struct family_walk walk = {page, family->lines};
    print_head(page, family->name, family->type, family->help);
    lw__registry_each(&metrics->registry, walk_family, &walk);
    if (is_used(&metrics->other) && strcmp(family->type, "gauge") != 0) {
        family->lines(page, other_label, &metrics->other);
    }
}

/* ---- the families without nodes ---- */

static void print_strategies(struct page *page, const lw_metrics *metrics) {
    static const char name[] = "loadwise_strategy_selections_total";
    uint64_t others = lw__count(&metrics->other_strategies);
    print_head(page, name, "counter", "Requests placed, by the strategy that chose.");
    for (const struct lw__strategy_metrics *at = metrics->strategies; at < metrics->strategies + LW__STRATEGIES; at++) {
        if (__atomic_load_n(&at->ready, __ATOMIC_ACQUIRE)) {
            print(page, "%s{strategy=\"%s\"} %" PRIu64 "\n", name, at->label, lw__count(&at->selections));
        }
    }
    if (others > 0) {
        print(page, "%s{strategy=\"%s\"} %" PRIu64 "\n", name, other_label, others);
    }
}

static void print_level(struct page *page, const char *name, uint64_t level, uint64_t value) {
    print(page, "%s{route=\"%" PRIu64 "\",priority=\"%" PRIu64 "\"} %" PRIu64 "\n", name, (level - 1) >> 32,
          (level - 1) & UINT32_MAX, value);
}

/* Racing threads may tell of an end before its beginning; a level whose panics all ended is in none. */
static uint64_t panics_now(const struct lw__level_metrics *counters) {
    uint64_t ends = lw__count(&counters->ends), begins = lw__count(&counters->panics);
    return begins > ends ? begins - ends : 0;
}

/* One gauge of many levels would say nothing, so there is none of the others. */
static void print_panics(struct page *page, const lw_metrics *metrics) {
    static const char total[] = "loadwise_panics_total", gauge[] = "loadwise_level_in_panic";
    uint64_t others = lw__count(&metrics->other_levels.panics);
    print_head(page, total, "counter", "Panics begun, by route and priority level.");
    for (uint32_t i = 0; i < LW__LEVELS; i++) {
        uint64_t level = lw__count(&metrics->levels[i].level);
        if (level != 0) {
            print_level(page, total, level, lw__count(&metrics->levels[i].panics));
        }
    }
    if (others > 0) {
        print(page, "%s{route=\"%s\",priority=\"%s\"} %" PRIu64 "\n", total, other_label, other_label, others);
    }
    print_head(page, gauge, "gauge", "1 while the priority level is in a panic, else 0.");
    for (uint32_t i = 0; i < LW__LEVELS; i++) {
        uint64_t level = lw__count(&metrics->levels[i].level);
        if (level != 0) {
            print_level(page, gauge, level, panics_now(&metrics->levels[i]));
        }
    }
}

/* Refusals from the start, so that a rate sees their first; errors, which nobody should count here, once there are. */
static void print_refusals(struct page *page, const lw_metrics *metrics) {
    static const char name[] = "loadwise_refusals_total";
    uint64_t others = lw__count(&metrics->refusals[0]);
    print_head(page, name, "counter", "Requests that no node could take, by reason.");
    for (int code = -1; code > -LW__REASONS; code--) {
        uint64_t count = lw__count(&metrics->refusals[-code]);
        const char *reason = lw_error_name(code);
        if (strcmp(reason, "LW_?") == 0) {
            others += count;
        } else if (count > 0 || lw_is_refusal(code)) {
            print(page, "%s{reason=\"%s\"} %" PRIu64 "\n", name, reason, count);
        }
    }
    if (others > 0) {
        print(page, "%s{reason=\"%s\"} %" PRIu64 "\n", name, other_label, others);
    }
}

size_t lw_metrics_text(lw_metrics *metrics, char *out, size_t room) {
    struct page page = {out, room, 0, __atomic_load_n(&metrics->births, __ATOMIC_SEQ_CST)};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        print_family(&page, metrics, &families[i]);
    }
    print_strategies(&page, metrics);
    print_refusals(&page, metrics);
    print_panics(&page, metrics);
    return page.length;
}
