/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What each event counts as, whose series it begins, and what happens at the bounds. */
#include "ledger.h"
#include "metrics_page.h"

static ledger book;
static lw_metrics *metrics;
static const lw_observer *tell;
static page now;

static void open_with(uint32_t max_nodes) {
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    options.max_nodes = max_nodes;
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_metrics_new(&metrics, &env, &options), LW_OK);
    tell = lw_metrics_observer(metrics);
}

static int open_metrics(void **state) {
    (void)state;
    ledger_open(&book);
    open_with(4);
    assert_int_equal(lw_metrics_name(metrics, 1, "one"), 1);
    return 0;
}

static int close_metrics(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    ledger_close(&book);
    return 0;
}

static void finish(uint64_t node, uint32_t outcome, uint64_t latency) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.latency = latency;
    tell->finished(tell->user, node, &sample);
}

static void select_times(uint64_t node, const char *strategy, int times) {
    for (int i = 0; i < times; i++) {
        tell->selected(tell->user, node, strategy);
    }
}

static void change(uint64_t node, uint32_t from, uint32_t to) {
    tell->health_changed(tell->user, node, from, to, LW_CAUSE_REPORT);
}

static void test_every_hook_is_there(void **state) {
    (void)state;
    assert_int_equal(tell->size, sizeof *tell);
    assert_ptr_equal(tell, lw_metrics_observer(metrics));
    assert_non_null(tell->selected);
    assert_non_null(tell->refused);
    assert_non_null(tell->finished);
    assert_non_null(tell->health_changed);
    assert_non_null(tell->quota_exhausted);
    assert_non_null(tell->quota_released);
    assert_non_null(tell->probe);
    assert_non_null(tell->forgotten);
    assert_non_null(tell->drained);
    assert_non_null(tell->panic);
    assert_non_null(tell->lost);
}

/* A named node has all of its series at once, at zero. */
static void test_named_node(void **state) {
    (void)state;
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "node=\"one\""), 41);
    assert_int_equal(page_mentions(&now, "node="), 41);
    for (size_t i = 0; i < now.count; i++) {
        bool one = strstr(now.lines[i], "status=\"healthy\"") != NULL;
        assert_true(now.lines[i][0] == '#' || page_number(now.lines[i]) == (one ? 1.0 : 0.0));
    }
}

static void test_selections(void **state) {
    (void)state;
    select_times(1, "p2c", 3);
    select_times(2, "ring", 2);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_selections_total{node=\"one\"}", "3");
    assert_series(&now, "loadwise_selections_total{node=\"#0000000000000002\"}", "2");
    assert_series(&now, "loadwise_requests_in_flight{node=\"one\"}", "3");
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"p2c\"}", "3");
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"ring\"}", "2");
}

static void test_outcomes(void **state) {
    (void)state;
    static const char *const names[] = {"ok",           "failure",  "connect_failure", "timeout",
                                        "rate_limited", "overload", "caller_fault",    "cancelled"};
    select_times(1, "p2c", 100);
    for (uint32_t outcome = 0; outcome < 8; outcome++) {
        for (uint32_t i = 0; i <= outcome; i++) {
            finish(1, outcome, 0);
        }
    }
    page_read(&now, metrics);
    for (uint32_t outcome = 0; outcome < 8; outcome++) {
        char series[128], value[8];
        snprintf(series, sizeof series, "loadwise_requests_total{node=\"one\",outcome=\"%s\"}", names[outcome]);
        snprintf(value, sizeof value, "%u", outcome + 1);
        assert_series(&now, series, value);
    }
    assert_series(&now, "loadwise_requests_in_flight{node=\"one\"}", "64");
    finish(1, 8, 0); /* no outcome at all: ended, and not counted as anything */
    page_read(&now, metrics);
    assert_series(&now, "loadwise_requests_in_flight{node=\"one\"}", "63");
}

static void test_in_flight_stays_at_zero(void **state) {
    (void)state;
    finish(1, LW_OUTCOME_OK, 0);
    finish(1, LW_OUTCOME_OK, 0);
    select_times(1, "p2c", 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_requests_in_flight{node=\"one\"}", "1");
}

/* On the border of a bucket belongs to it; a nanosecond more to the next. */
static void test_durations(void **state) {
    (void)state;
    static const struct {
        uint64_t ns;
        const char *le;
    } bounds[] = {{1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
                  {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
                  {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},
                  {10000000000, "10"}, {30000000000, "30"}, {60000000000, "60"}};
    for (size_t i = 0; i < 15; i++) {
        finish(1, LW_OUTCOME_OK, bounds[i].ns);
        finish(1, LW_OUTCOME_OK, bounds[i].ns + 1);
    }
    finish(1, LW_OUTCOME_OK, 1);
    finish(1, LW_OUTCOME_OK, 0); /* unknown */
    page_read(&now, metrics);
    for (size_t i = 0; i < 15; i++) {
        char series[128], value[8];
        snprintf(series, sizeof series, "loadwise_request_duration_seconds_bucket{node=\"one\",le=\"%s\"}",
                 bounds[i].le);
        snprintf(value, sizeof value, "%zu", 2 * i + 2);
        assert_series(&now, series, value);
    }
    assert_series(&now, "loadwise_request_duration_seconds_bucket{node=\"one\",le=\"+Inf\"}", "31");
    assert_series(&now, "loadwise_request_duration_seconds_count{node=\"one\"}", "31");
    assert_series(&now, "loadwise_request_duration_seconds_sum{node=\"one\"}", "218.887000016");
}

/* The fraction keeps its zeros. */
static void test_small_sums(void **state) {
    (void)state;
    finish(1, LW_OUTCOME_OK, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_request_duration_seconds_sum{node=\"one\"}", "0.000000001");
    finish(1, LW_OUTCOME_OK, 2000000099);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_request_duration_seconds_sum{node=\"one\"}", "2.000000100");
}

static void assert_health(const char *status) {
    static const char *const names[] = {"healthy", "degraded", "unhealthy", "recovering"};
    page_read(&now, metrics);
    for (int i = 0; i < 4; i++) {
        char series[128];
        snprintf(series, sizeof series, "loadwise_health{node=\"one\",status=\"%s\"}", names[i]);
        assert_series(&now, series, strcmp(names[i], status) == 0 ? "1" : "0");
    }
}

static void test_health(void **state) {
    (void)state;
    assert_health("healthy");
    change(1, LW_HEALTHY, LW_DEGRADED);
    assert_health("degraded");
    change(1, LW_DEGRADED, LW_UNHEALTHY);
    change(1, LW_UNHEALTHY, LW_RECOVERING);
    assert_health("recovering");
    change(1, LW_RECOVERING, LW_UNHEALTHY);
    assert_health("unhealthy");
    assert_series(&now, "loadwise_health_changes_total{node=\"one\",to=\"healthy\"}", "0");
    assert_series(&now, "loadwise_health_changes_total{node=\"one\",to=\"degraded\"}", "1");
    assert_series(&now, "loadwise_health_changes_total{node=\"one\",to=\"unhealthy\"}", "2");
    assert_series(&now, "loadwise_health_changes_total{node=\"one\",to=\"recovering\"}", "1");
    change(1, 4, LW_HEALTHY);
    change(1, LW_HEALTHY, 4);
    assert_health("unhealthy");
}

/* Threads may tell of two changes in the other order; the gauge ends where the node is. */
static void test_health_out_of_order(void **state) {
    (void)state;
    change(1, LW_HEALTHY, LW_UNHEALTHY);
    change(1, LW_RECOVERING, LW_HEALTHY);
    change(1, LW_UNHEALTHY, LW_RECOVERING);
    assert_health("healthy");
    change(1, LW_UNHEALTHY, LW_RECOVERING);
    change(1, LW_HEALTHY, LW_UNHEALTHY);
    assert_health("recovering");
}

/* Who begins to listen late hears of a change from a status it never saw: the latest event has the word. */
static void test_health_from_the_middle(void **state) {
    (void)state;
    change(1, LW_UNHEALTHY, LW_RECOVERING);
    assert_health("recovering");
    change(1, LW_RECOVERING, LW_HEALTHY);
    assert_health("healthy");
    change(1, LW_HEALTHY, LW_DEGRADED);
    assert_health("degraded");
    change(1, LW_UNHEALTHY, LW_RECOVERING);
    change(1, LW_UNHEALTHY, LW_HEALTHY);
    assert_health("healthy");
}

static void test_probes(void **state) {
    (void)state;
    tell->probe(tell->user, 1, 1);
    tell->probe(tell->user, 1, 0);
    tell->probe(tell->user, 1, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_probes_total{node=\"one\"}", "2");
}

static void test_quotas(void **state) {
    (void)state;
    tell->quota_exhausted(tell->user, 1, "rpm", 5);
    tell->quota_exhausted(tell->user, 1, "tpm", 5);
    tell->quota_released(tell->user, 1, "rpm");
    page_read(&now, metrics);
    assert_series(&now, "loadwise_quota_exhaustions_total{node=\"one\"}", "2");
    assert_series(&now, "loadwise_quota_exhausted_dimensions{node=\"one\"}", "1");
    tell->quota_released(tell->user, 1, "tpm");
    tell->quota_released(tell->user, 1, "rpm"); /* told before its exhaustion */
    page_read(&now, metrics);
    assert_series(&now, "loadwise_quota_exhausted_dimensions{node=\"one\"}", "0");
    tell->quota_exhausted(tell->user, 1, "rpm", 9);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_quota_exhausted_dimensions{node=\"one\"}", "0");
}

static void test_refusals(void **state) {
    (void)state;
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_refusals_total{"), 11);
    assert_series(&now, "loadwise_refusals_total{reason=\"LW_OVER_QUOTA\"}", "0");
    tell->refused(tell->user, LW_OVER_QUOTA);
    tell->refused(tell->user, LW_OVER_QUOTA);
    tell->refused(tell->user, LW_NO_NODES);
    tell->refused(tell->user, LW_NO_COLUMN); /* an error, but told */
    static const int odd[] = {0, 1, -20, -63, -64, -1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        tell->refused(tell->user, odd[i]);
    }
    page_read(&now, metrics);
    assert_series(&now, "loadwise_refusals_total{reason=\"LW_OVER_QUOTA\"}", "2");
    assert_series(&now, "loadwise_refusals_total{reason=\"LW_NO_NODES\"}", "1");
    assert_series(&now, "loadwise_refusals_total{reason=\"LW_NO_COLUMN\"}", "1");
    assert_series(&now, "loadwise_refusals_total{reason=\"#other\"}", "8");
    assert_int_equal(page_mentions(&now, "loadwise_refusals_total{"), 13);
}

/* ---- bounds ---- */

static void test_strategies_are_bounded(void **state) {
    (void)state;
    char name[32];
    for (int i = 0; i < 40; i++) {
        for (int times = 0; times < 2; times++) {
            snprintf(name, sizeof name, "strategy_%d", i);
            select_times(1, name, 1);
        }
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "{strategy=\"strategy_"), 32);
    assert_int_equal(page_mentions(&now, "{strategy=\"strategy_31\"} 2"), 1);
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"#other\"}", "16");
    assert_series(&now, "loadwise_selections_total{node=\"one\"}", "80");
}

static void test_odd_strategies(void **state) {
    (void)state;
    char longest[256], longer[257];
    memset(longest, 'x', sizeof longest);
    memset(longer, 'x', sizeof longer);
    longest[255] = longer[256] = '\0';
    select_times(1, NULL, 1);
    select_times(1, "", 1);
    select_times(1, "#p2c", 1);
    select_times(1, "\xff", 1);
    select_times(1, longer, 1);
    select_times(1, longest, 1);
    select_times(1, "chain(ring, \"p2c\")\n\\", 2);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"#other\"}", "5");
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"chain(ring, \\\"p2c\\\")\\n\\\\\"}", "2");
    assert_int_equal(page_mentions(&now, "{strategy="), 3);
}

static void test_max_nodes(void **state) {
    (void)state;
    for (uint64_t node = 1; node <= 10; node++) {
        select_times(node, "p2c", 1);
        finish(node, LW_OUTCOME_OK, 1000);
        change(node, LW_HEALTHY, LW_DEGRADED);
        tell->probe(tell->user, node, 1);
        tell->quota_exhausted(tell->user, node, "rpm", 1);
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_selections_total{"), 5);
    assert_series(&now, "loadwise_selections_total{node=\"#other\"}", "6");
    assert_series(&now, "loadwise_requests_total{node=\"#other\",outcome=\"ok\"}", "6");
    assert_series(&now, "loadwise_request_duration_seconds_count{node=\"#other\"}", "6");
    assert_series(&now, "loadwise_health_changes_total{node=\"#other\",to=\"degraded\"}", "6");
    assert_series(&now, "loadwise_probes_total{node=\"#other\"}", "6");
    assert_series(&now, "loadwise_quota_exhaustions_total{node=\"#other\"}", "6");
    /* Gauges of nodes that are not told apart would say nothing: in flight, health, exhausted quotas. */
    assert_int_equal(page_mentions(&now, "node=\"#other\""), 41 - 1 - 4 - 1);
}

static void test_a_place_is_free_again(void **state) {
    (void)state;
    for (uint64_t node = 1; node <= 5; node++) {
        select_times(node, "p2c", 1);
    }
    assert_int_equal(lw_metrics_name(metrics, 9, "nine"), LW_FULL);
    assert_told(&book, LW_FULL, "max_nodes=4");
    tell->forgotten(tell->user, 1);
    select_times(9, "p2c", 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_selections_total{node=\"#0000000000000009\"}", "1");
    assert_int_equal(page_mentions(&now, "node=\"one\""), 0);
}

/* No memory is asked for what has its series, nor at the bound. */
static void test_allocations(void **state) {
    (void)state;
    for (uint64_t node = 1; node <= 4; node++) {
        select_times(node, "p2c", 1);
    }
    uint64_t asked = book.asked;
    for (uint64_t node = 0; node < 20; node++) {
        select_times(node, "p2c", 3);
        select_times(node, "ring", 1);
        finish(node, LW_OUTCOME_TIMEOUT, node * 1000000);
        change(node, LW_HEALTHY, LW_DEGRADED);
        tell->refused(tell->user, LW_NO_NODES);
        tell->drained(tell->user, node);
        tell->lost(tell->user, node, 1);
        tell->panic(tell->user, (uint32_t)node, 0, 1);
    }
    page_read(&now, metrics);
    assert_int_equal(book.asked, asked);
    assert_int_equal(book.clock_reads, 0);
}

static void test_default_bound(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    open_with(0);
    for (uint64_t node = 0; node < 5000; node++) {
        select_times(node, "p2c", 1);
    }
    size_t length = lw_metrics_text(metrics, NULL, 0);
    char *text = malloc(length + 1);
    assert_non_null(text);
    assert_int_equal(lw_metrics_text(metrics, text, length + 1), length);
    assert_non_null(strstr(text, "loadwise_selections_total{node=\"#other\"} 904\n"));
    free(text);
}

/* ---- forgotten nodes ---- */

static void test_forgotten(void **state) {
    (void)state;
    select_times(1, "p2c", 2);
    tell->forgotten(tell->user, 1);
    tell->forgotten(tell->user, 77);
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "node="), 0);
    assert_series(&now, "loadwise_strategy_selections_total{strategy=\"p2c\"}", "2");
    select_times(1, "p2c", 1); /* a new life */
    page_read(&now, metrics);
    assert_series(&now, "loadwise_selections_total{node=\"#0000000000000001\"}", "1");
}

/* What ends after its node was forgotten counts, but does not bring the node back. */
static void test_ends_after_forgotten(void **state) {
    (void)state;
    select_times(1, "p2c", 3);
    tell->forgotten(tell->user, 1);
    finish(1, LW_OUTCOME_OK, 5);
    finish(1, LW_OUTCOME_TIMEOUT, 5);
    tell->probe(tell->user, 1, 0);
    tell->quota_released(tell->user, 1, "rpm");
    tell->lost(tell->user, 1, 1);
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "#0000000000000001"), 0);
    assert_int_equal(page_mentions(&now, "node=\"one\""), 0);
    assert_series(&now, "loadwise_requests_total{node=\"#other\",outcome=\"ok\"}", "1");
    assert_series(&now, "loadwise_requests_total{node=\"#other\",outcome=\"timeout\"}", "1");
    select_times(1, "p2c", 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_requests_in_flight{node=\"#0000000000000001\"}", "1");
}

/* ---- making one ---- */

static void test_options(void **state) {
    (void)state;
    lw_metrics *other = metrics;
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    lw_env env = ledger_env(&book, 1);
    options.size = 4;
    assert_int_equal(lw_metrics_new(&other, &env, &options), LW_INVALID);
    assert_null(other);
    assert_told(&book, LW_INVALID, "metrics: options: size=4");
    env.alloc = NULL;
    other = metrics;
    assert_int_equal(lw_metrics_new(&other, &env, NULL), LW_INVALID);
    assert_null(other);
    assert_int_equal(lw_metrics_new(&other, NULL, NULL), LW_OK);
    lw_metrics_free(other);
    lw_metrics_free(NULL);
}

#define COUNTING(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void) {
    const struct CMUnitTest tests[] = {
        COUNTING(test_every_hook_is_there),
        COUNTING(test_named_node),
        COUNTING(test_selections),
        COUNTING(test_outcomes),
        COUNTING(test_in_flight_stays_at_zero),
        COUNTING(test_durations),
        COUNTING(test_small_sums),
        COUNTING(test_health),
        COUNTING(test_health_out_of_order),
        COUNTING(test_health_from_the_middle),
        COUNTING(test_probes),
        COUNTING(test_quotas),
        COUNTING(test_refusals),
        COUNTING(test_strategies_are_bounded),
        COUNTING(test_odd_strategies),
        COUNTING(test_max_nodes),
        COUNTING(test_a_place_is_free_again),
        COUNTING(test_allocations),
        COUNTING(test_default_bound),
        COUNTING(test_forgotten),
        COUNTING(test_ends_after_forgotten),
        COUNTING(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
