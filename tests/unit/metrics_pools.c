/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What only pools tell metrics: drains, lost tickets, panics of priority levels. */
#include "ledger.h"
#include "metrics_page.h"

static ledger book;
static lw_metrics *metrics;
static const lw_observer *tell;
static page now;

static int open_metrics(void **state) {
    (void)state;
    ledger_open(&book);
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    options.max_nodes = 4;
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_metrics_new(&metrics, &env, &options), LW_OK);
    assert_int_equal(lw_metrics_name(metrics, 1, "one"), 1);
    tell = lw_metrics_observer(metrics);
    return 0;
}

static int close_metrics(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    ledger_close(&book);
    return 0;
}

static void test_drains_and_losses(void **state) {
    (void)state;
    lw_sample cancelled = LW_SAMPLE_INIT;
    cancelled.outcome = LW_OUTCOME_CANCELLED;
    tell->drained(tell->user, 1);
    tell->drained(tell->user, 1);
    tell->drained(tell->user, 2); /* that never had a request */
    tell->selected(tell->user, 3, "p2c");
    tell->selected(tell->user, 3, "p2c");
    tell->lost(tell->user, 3, 5000000000);
    tell->finished(tell->user, 3, &cancelled);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_drains_total{node=\"one\"}", "2");
    assert_series(&now, "loadwise_drains_total{node=\"#0000000000000002\"}", "1");
    assert_series(&now, "loadwise_lost_tickets_total{node=\"one\"}", "0");
    assert_series(&now, "loadwise_lost_tickets_total{node=\"#0000000000000003\"}", "1");
    assert_series(&now, "loadwise_requests_in_flight{node=\"#0000000000000003\"}", "1");
}

/* Nodes that are not told apart are told of from their first event on, whichever it is. */
static void test_first_words_of_others(void **state) {
    (void)state;
    for (uint64_t node = 1; node <= 4; node++) {
        tell->selected(tell->user, node, "p2c");
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "node=\"#other\""), 0);
    tell->drained(tell->user, 5);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_drains_total{node=\"#other\"}", "1");
    tell->lost(tell->user, 5, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_lost_tickets_total{node=\"#other\"}", "1");
}

static void tell_panic(uint32_t route, uint32_t priority, int begins, int times) {
    for (int i = 0; i < times; i++) {
        tell->panic(tell->user, route, priority, begins);
    }
}

static void test_panics(void **state) {
    (void)state;
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_panics_total{"), 0);
    tell_panic(0, 0, 1, 1);
    tell_panic(0, 7, 1, 3);
    tell_panic(0, 7, 0, 3);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_panics_total{route=\"0\",priority=\"0\"}", "1");
    assert_series(&now, "loadwise_level_in_panic{route=\"0\",priority=\"0\"}", "1");
    assert_series(&now, "loadwise_panics_total{route=\"0\",priority=\"7\"}", "3");
    assert_series(&now, "loadwise_level_in_panic{route=\"0\",priority=\"7\"}", "0");
    tell_panic(0, 7, 1, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_level_in_panic{route=\"0\",priority=\"7\"}", "1");
    assert_int_equal(page_mentions(&now, "loadwise_level_in_panic{"), 2);
}

/* Threads that race may tell of an end before its beginning. */
static void test_panics_out_of_order(void **state) {
    (void)state;
    tell_panic(65535, UINT32_MAX, 0, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_level_in_panic{route=\"65535\",priority=\"4294967295\"}", "0");
    tell_panic(65535, UINT32_MAX, 1, 1);
    page_read(&now, metrics);
    assert_series(&now, "loadwise_level_in_panic{route=\"65535\",priority=\"4294967295\"}", "0");
    assert_series(&now, "loadwise_panics_total{route=\"65535\",priority=\"4294967295\"}", "1");
}

static void test_levels_are_bounded(void **state) {
    (void)state;
    tell_panic(UINT32_MAX, UINT32_MAX, 1, 1); /* no pool has such a route */
    for (uint32_t route = 0; route < 50; route++) {
        tell_panic(route, 0, 1, 2);
        tell_panic(route, 1, 1, 1);
        tell_panic(route, 1, 0, 1);
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_panics_total{"), 65);
    assert_int_equal(page_mentions(&now, "loadwise_level_in_panic{"), 64);
    assert_series(&now, "loadwise_panics_total{route=\"31\",priority=\"0\"}", "2");
    assert_series(&now, "loadwise_level_in_panic{route=\"31\",priority=\"1\"}", "0");
    assert_series(&now, "loadwise_panics_total{route=\"#other\",priority=\"#other\"}", "55"); /* 18 routes, and one */
}

#define COUNTING(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void) {
    const struct CMUnitTest tests[] = {
        COUNTING(test_drains_and_losses),   COUNTING(test_first_words_of_others), COUNTING(test_panics),
        COUNTING(test_panics_out_of_order), COUNTING(test_levels_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
