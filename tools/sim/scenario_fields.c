/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a scenario file may say: one row a field. */
#include "scenario_fields.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND 1e9
#define DAY 8.64e13
#define YEAR (365 * DAY)

/* Lists are read when the rest is known. */
static enum status keep_node(struct scenario_reading *reading, const struct scenario_field *field,
                             const yaml_node_t *yaml, void *member) {
    (void)reading;
    (void)field;
    *(const yaml_node_t **)member = yaml;
    return STATUS_DONE;
}

/* ---- arrivals ---- */

#define ARRIVALS(member) offsetof(struct scenario_draft, scenario.arrivals.member)

/* "800/s" or "70%". */
static enum status read_rate(struct scenario_reading *reading, const struct scenario_field *field,
                             const yaml_node_t *yaml, void *member) {
    struct scenario_draft *draft = member;
    const char *text = yaml->type == YAML_SCALAR_NODE ? (const char *)yaml->data.scalar.value : "";
    size_t size = strlen(text);
    draft->said_rate = true;
    if (size > 0 && text[size - 1] == '%') {
        struct scenario_field share = *field;
        share.least = 0.0001;
        share.most = 100;
        return scenario_share(reading, &share, yaml, &draft->share);
    }
    char number[32];
    if (size < 3 || size - 2 >= sizeof number || strcmp(text + size - 2, "/s") != 0) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(number, text, size - 2);
    number[size - 2] = '\0';
    return text_to_real(number, field->least, field->most, &draft->scenario.arrivals.rate)
               ? STATUS_DONE
               : scenario_refuse(reading, field, yaml);
}

static enum status read_trace(struct scenario_reading *reading, const struct scenario_field *field,
                              const yaml_node_t *yaml, void *member) {
    struct scenario_draft *draft = member;
    draft->trace_at = yaml;
    return scenario_text(reading, field, yaml, &draft->trace);
}

static const struct scenario_field arrivals_fields[] = {
    {"process", scenario_choice, ARRIVALS(process), 0, 0, "poisson|paced|bursty|diurnal|trace",
     "how requests come; a trace is told by `trace`", NULL},
    {"rate", read_rate, 0, 1e-3, 1e8,
     "a rate such as 800/s (0.001 to 1e8), or a share of the nodes' capacity such as 70%",
     "requests of all clients together", NULL},
    {"burst", scenario_real, ARRIVALS(burst), 1, 1000, "a number from 1 to 1000",
     "bursty: the rate in a burst, in rates", NULL},
    {"burst_for", scenario_duration, ARRIVALS(burst_for), 1e6, DAY, "a duration from 1ms to 1d",
     "bursty: how long a burst is", NULL},
    {"burst_every", scenario_duration, ARRIVALS(burst_every), 1e6, DAY, "a duration from 1ms to 1d",
     "bursty: from the beginning of a burst to that of the next", NULL},
    {"swing", scenario_share, ARRIVALS(swing), 0, 1, "a share from 0% to 100%",
     "diurnal: how far the rate goes up and down", NULL},
    {"period", scenario_duration, ARRIVALS(period), SECOND, YEAR, "a duration from 1s to 365d", "diurnal: a day", NULL},
    {"trace", read_trace, 0, 0, 4096, "the name of a file: CSV with times, or an access log of nginx",
     "requests at the times of a trace", NULL},
    {"speedup", scenario_real, ARRIVALS(speedup), 1e-6, 1e6, "a number from 0.000001 to 1000000",
     "trace: how many times as fast", NULL},
    {"keys", scenario_number, ARRIVALS(keys), 0, 1e9, "a whole number from 0 to 1000000000",
     "how many different keys; 0: none", NULL},
    {"skew", scenario_real, ARRIVALS(skew), 0, 5, "a number from 0 to 5", "exponent of Zipf's law; 0: all keys alike",
     NULL},
};
static const struct scenario_table arrivals_table = {"arrivals", arrivals_fields, COUNT(arrivals_fields)};

static enum status read_arrivals(struct scenario_reading *reading, const struct scenario_field *field,
                                 const yaml_node_t *yaml, void *member) {
    struct scenario_draft *draft = member;
    draft->arrivals_at = yaml;
    return scenario_mapping(reading, field->table, yaml, draft);
}

/* ---- service ---- */

#define SERVICE(member) offsetof(struct sim_service, member)

static const struct scenario_field service_fields[] = {
    {"work", scenario_choice, SERVICE(work), 0, 0, "time|llm", "what a request takes: time, or tokens", NULL},
    {"time", scenario_distribution, SERVICE(time), 1, YEAR, "a duration above 0, or a distribution",
     "how long a node of speed 1 works on a request", &scenario_spans},
    {"context", scenario_distribution, SERVICE(context), 0, 1e9, "a number from 0 to 1e9, or a distribution",
     "llm: tokens read", &scenario_numbers},
    {"output", scenario_distribution, SERVICE(output), 0, 1e9, "a number from 0 to 1e9, or a distribution",
     "llm: tokens generated", &scenario_numbers},
    {"prefill", scenario_span, SERVICE(prefill), 0, 10 * SECOND, "a duration from 0 to 10s", "llm: per context token",
     NULL},
    {"decode", scenario_span, SERVICE(decode), 0, 10 * SECOND, "a duration from 0 to 10s", "llm: per output token",
     NULL},
    {"batch_slowdown", scenario_real, SERVICE(batch_slowdown), 0, 100, "a number from 0 to 100",
     "llm: how much slower a full node is than one with a single request", NULL},
    {"miss", scenario_real, SERVICE(miss), 1, 1e6, "a number from 1 to 1000000",
     "caches: how many times as long a request takes whose key the node does not know", NULL},
};
static const struct scenario_table service_table = {"service", service_fields, COUNT(service_fields)};

/* ---- clients ---- */

#define CLIENTS(member) offsetof(struct sim_clients, member)

static const struct scenario_field clients_fields[] = {
    {"count", scenario_count, CLIENTS(count), 1, 10000, "a whole number from 1 to 10000",
     "processes, each with a pool of its own", NULL},
    {"zone", scenario_text, CLIENTS(zone), 0, 255, "text of at most 255 bytes", "where they stand", NULL},
    {"network", scenario_distribution, CLIENTS(network), 0, DAY, "a duration, or a distribution",
     "one way, per message", &scenario_spans},
    {"far", scenario_span, CLIENTS(far), 0, DAY, "a duration from 0 to 1d", "more, one way, to another zone", NULL},
    {"timeout", scenario_duration, CLIENTS(timeout), 0, DAY, "a duration from 0 to 1d", "of each try; 0: none", NULL},
    {"retries", scenario_count, CLIENTS(retries), 0, 16, "a whole number from 0 to 16",
     "of each request, never on a node already tried", NULL},
    {"retry_budget", scenario_share, CLIENTS(retry_budget), 0, 10, "a share from 0% to 1000%",
     "most retries, as a share of requests; 0: no budget", NULL},
    {"report_every", scenario_duration, CLIENTS(report_every), 0, DAY, "a duration from 0 to 1d",
     "how often nodes tell their load, for metric=external; 0: never", NULL},
};
static const struct scenario_table clients_table = {"clients", clients_fields, COUNT(clients_fields)};

/* ---- the pools ---- */

#define HEALTH(member) offsetof(lw_health_options, member)

static const struct scenario_field health_fields[] = {
    {"policy", scenario_choice, HEALTH(policy), 0, 0, "consecutive|rate", "what makes a node unhealthy", NULL},
    {"failure_threshold", scenario_count, HEALTH(failure_threshold), 1, 4095, "a whole number from 1 to 4095",
     "failures in a row", NULL},
    {"recovery_successes", scenario_count, HEALTH(recovery_successes), 1, 4095, "a whole number from 1 to 4095",
     "successes that make it well again", NULL},
    {"probe_interval", scenario_duration, HEALTH(probe_interval), 1e6, YEAR, "a duration from 1ms to 365d",
     "from the last failure to the next probe", NULL},
    {"probe_interval_max", scenario_duration, HEALTH(probe_interval_max), 1e6, YEAR, "a duration from 1ms to 365d",
     "most, with back-off", NULL},
    {"backoff_percent", scenario_count, HEALTH(backoff_percent), 100, 1000, "a whole number from 100 to 1000",
     "each ejection's interval against the one before", NULL},
};
static const struct scenario_table health_table = {"health", health_fields, COUNT(health_fields)};

#define OUTLIER(member) offsetof(lw_outlier_options, member)

static const struct scenario_field outlier_fields[] = {
    {"interval", scenario_duration, OUTLIER(interval), 1e6, DAY, "a duration from 1ms to 1d", "between two looks",
     NULL},
    {"base_ejection", scenario_duration, OUTLIER(base_ejection), 1e6, DAY, "a duration from 1ms to 1d",
     "the first ejection", NULL},
    {"max_percent", scenario_count, OUTLIER(max_percent), 0, 100, "a whole number from 0 to 100",
     "most nodes ejected at a time, percent", NULL},
    {"consecutive", scenario_count, OUTLIER(consecutive), 0, 4095, "a whole number from 0 to 4095",
     "failures in a row; 0: off", NULL},
    {"failure_percentage", scenario_count, OUTLIER(failure_percentage), 0, 100, "a whole number from 0 to 100",
     "failures in an interval, percent; 0: off", NULL},
};
static const struct scenario_table outlier_table = {"outlier", outlier_fields, COUNT(outlier_fields)};

#define POOL(member) offsetof(struct scenario_draft, scenario.pool.options.member)

static enum status read_health(struct scenario_reading *reading, const struct scenario_field *field,
                               const yaml_node_t *yaml, void *member) {
    struct scenario_draft *draft = member;
    draft->health = true;
    return scenario_mapping(reading, field->table, yaml, &draft->scenario.pool.health);
}

static enum status read_outlier(struct scenario_reading *reading, const struct scenario_field *field,
                                const yaml_node_t *yaml, void *member) {
    struct scenario_draft *draft = member;
    draft->scenario.pool.has_outlier = true;
    return scenario_mapping(reading, field->table, yaml, &draft->scenario.pool.outlier);
}

static const struct scenario_field pool_fields[] = {
    {"slow_start", scenario_duration, POOL(slow_start), 0, YEAR, "a duration from 0 to 365d", "ramp of a new node",
     NULL},
    {"slow_start_floor", scenario_count, POOL(slow_start_floor), 1, 100, "a whole number from 1 to 100",
     "percent to begin with", NULL},
    {"panic", scenario_choice, POOL(panic), 0, 0, "fail_open|fail_closed|last_resort", "when too few nodes are well",
     NULL},
    {"panic_enter", scenario_count, POOL(panic_enter), 0, 100, "a whole number from 0 to 100",
     "percent of nodes that are well, below which panic begins", NULL},
    {"tries", scenario_count, POOL(tries), 1, LW_POOL_TRIES, "a whole number from 1 to 16",
     "further nodes that one pick tries", NULL},
    {"max_tickets", scenario_count, POOL(max_tickets), 1, 16777216, "a whole number from 1 to 16777216",
     "requests under way that a client can hold; more are refused. Unless said, 65536 for all clients together", NULL},
    {"instances", scenario_count, POOL(instances), 1, 10000, "a whole number from 1 to 10000",
     "pools that share caps and quotas", NULL},
    {"zone_skew", scenario_count, POOL(zone_skew), 100, 10000, "a whole number from 100 to 10000",
     "percent of its even share that a near node gets at most", NULL},
    {"explore", scenario_count, POOL(explore), 0, 10001, "a whole number from 0 to 10001",
     "of 10000 picks by a learnt load, so many at random", NULL},
    {"external_ttl", scenario_duration, POOL(external_ttl), 1e6, YEAR, "a duration from 1ms to 365d",
     "how long a reported load holds", NULL},
    {"cooldown", scenario_duration, POOL(cooldown), 1e6, YEAR, "a duration from 1ms to 365d",
     "after a 429 that did not say how long", NULL},
    {"health", read_health, 0, 0, 0, "a mapping", "see health", &health_table},
    {"outlier", read_outlier, 0, 0, 0, "a mapping", "see outlier", &outlier_table},
    {"quotas", keep_node, offsetof(struct scenario_draft, quotas), 0, 0, "a list", "see a quota", NULL},
};
static const struct scenario_table pool_table = {"pool", pool_fields, COUNT(pool_fields)};

static const struct scenario_field quota_fields[] = {
    {"name", scenario_choice, offsetof(struct quota_draft, kind), 0, 0, "requests|tokens", "what is counted", NULL},
    {"window", scenario_duration, offsetof(struct quota_draft, window), 1e6, YEAR, "a duration from 1ms to 365d",
     "in which no more may be used", NULL},
};
const struct scenario_table scenario_quota = {"a quota", quota_fields, COUNT(quota_fields)};

/* ---- nodes and events ---- */

#define NODE(member) offsetof(struct node_draft, node.member)

static const struct scenario_field node_fields[] = {
    {"name", scenario_text, NODE(name), 0, 200, "text of 1 to 200 bytes", "what it is called", NULL},
    {"count", scenario_count, offsetof(struct node_draft, count), 1, 100000, "a whole number from 1 to 100000",
     "so many of them: name-1, name-2 and so on", NULL},
    {"zone", scenario_text, NODE(zone), 0, 255, "text of at most 255 bytes", "where it stands", NULL},
    {"weight", scenario_count, NODE(weight), 0, UINT32_MAX, "a whole number from 0 to 4294967295", "its share", NULL},
    {"priority", scenario_count, NODE(priority), 0, 7, "a whole number from 0 to 7", "0 is used first", NULL},
    {"max_inflight", scenario_count, NODE(max_inflight), 0, INT32_MAX, "a whole number from 0 to 2147483647",
     "most requests under way that clients send; 0: no limit", NULL},
    {"slots", scenario_count, NODE(slots), 0, 1000000, "a whole number from 0 to 1000000",
     "requests that it serves at once; 0: any number", NULL},
    {"queue", scenario_count, NODE(queue), 0, UINT32_MAX, "a whole number from 0 to 4294967295",
     "requests that may wait for a slot", NULL},
    {"speed", scenario_real, NODE(speed), 1e-3, 1e3, "a number from 0.001 to 1000", "1: as the service says", NULL},
    {"noise", scenario_real, NODE(noise), 0, 3, "a number from 0 to 3", "sigma of a lognormal factor on each service",
     NULL},
    {"cache", scenario_count, NODE(cache), 0, 100000000, "a whole number from 0 to 100000000", "keys that it remembers",
     NULL},
    {"errors", scenario_share, NODE(error_share), 0, 1, "a share from 0% to 100%", "of its answers are errors", NULL},
    {"error_after", scenario_duration, NODE(error_after), 0, DAY, "a duration from 0 to 1d",
     "how long a failing request takes; 0: as long as any", NULL},
    {"joins", scenario_duration, NODE(joins), 0, YEAR, "a duration from 0 to 365d", "when it appears", NULL},
    {"quota", keep_node, offsetof(struct node_draft, quota), 0, 0, "a mapping of quotas",
     "how much it serves in a window: {requests: 60, tokens: 90000}", NULL},
};
const struct scenario_table scenario_node = {"a node", node_fields, COUNT(node_fields)};

#define EVENT(member) offsetof(struct event_draft, event.member)

static const struct scenario_field event_fields[] = {
    {"at", scenario_duration, EVENT(at), 0, YEAR, "a duration from 0 to 365d", "when it begins", NULL},
    {"for", scenario_duration, EVENT(length), 1, YEAR, "a duration above 0, to 365d", "how long; without it to the end",
     NULL},
    {"nodes", scenario_text, offsetof(struct event_draft, nodes), 0, 500,
     "a node, all nodes of a name, or a range such as web-2..web-5", "whom it meets", NULL},
    {"do", scenario_choice, EVENT(action), 0, 0, "slow|fail|errors|freeze|limit|drain|leave|restart", "what happens",
     NULL},
    {"factor", scenario_real, EVENT(factor), 0, 1e6, "a number from 0 to 1000000",
     "slow: times as slow; errors and limit: the share, 0 to 1, all unless said", NULL},
    {"wait", scenario_duration, EVENT(wait), 0, DAY, "a duration from 0 to 1d",
     "limit: the Retry-After; restart: how long it drains before it is gone", NULL},
    {"every", scenario_duration, EVENT(every), 0, DAY, "a duration from 0 to 1d", "from one node to the next", NULL},
};
const struct scenario_table scenario_event = {"an event", event_fields, COUNT(event_fields)};

/* ---- the root ---- */

#define ROOT(member) offsetof(struct scenario_draft, scenario.member)

static const struct scenario_field root_fields[] = {
    {"title", scenario_text, ROOT(title), 0, 200, "text of at most 200 bytes", "one line", NULL},
    {"text", scenario_text, ROOT(text), 0, 4000, "text of at most 4000 bytes", "a paragraph for the report", NULL},
    {"duration", scenario_duration, ROOT(duration), 1e6, YEAR, "a duration from 1ms to 365d", "how long requests come",
     NULL},
    {"warmup", scenario_duration, ROOT(warmup), 0, YEAR, "a duration from 0 to 365d", "not measured", NULL},
    {"max_requests", scenario_number, ROOT(max_requests), 0, 1e12, "a whole number from 0 to 1000000000000",
     "ends the run earlier; 0: no bound", NULL},
    {"arrivals", read_arrivals, 0, 0, 0, "a mapping", "see arrivals", &arrivals_table},
    {"service", scenario_inner, ROOT(service), 0, 0, "a mapping", "see service", &service_table},
    {"clients", scenario_inner, ROOT(clients), 0, 0, "a mapping", "see clients", &clients_table},
    {"pool", scenario_inner, 0, 0, 0, "a mapping", "see pool", &pool_table},
    {"nodes", keep_node, offsetof(struct scenario_draft, nodes), 0, 0, "a list", "see a node", NULL},
    {"events", keep_node, offsetof(struct scenario_draft, events), 0, 0, "a list", "see an event", NULL},
    {"strategies", keep_node, offsetof(struct scenario_draft, strategies), 0, 0, "a list",
     "specifications to compare, such as \"p2c metric=peak_ewma\"", NULL},
};
const struct scenario_table scenario_root = {"a scenario", root_fields, COUNT(root_fields)};

const struct scenario_table *const scenario_tables[] = {
    &scenario_root,  &arrivals_table, &service_table, &scenario_spans, &scenario_numbers, &scenario_node,
    &scenario_event, &clients_table,  &pool_table,    &scenario_quota, &health_table,     &outlier_table,
};
const size_t scenario_table_count = COUNT(scenario_tables);
