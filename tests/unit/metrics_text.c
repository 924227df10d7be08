/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page as text: to the letter, cut at any length, in any locale; and that the judge of pages knows its trade. */
#include "ledger.h"
#include "metrics_page.h"

#include <locale.h>

static ledger book;
static lw_metrics *metrics;
static const lw_observer *tell;
static page now;

static int open_metrics(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_metrics_new(&metrics, &env, NULL), LW_OK);
    tell = lw_metrics_observer(metrics);
    return 0;
}

static int close_metrics(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    ledger_close(&book);
    return 0;
}

static void live_a_little(void) {
    lw_sample sample = LW_SAMPLE_INIT;
    assert_int_equal(lw_metrics_name(metrics, 1, "a\"b"), 1);
    tell->selected(tell->user, 1, "p2c");
    tell->selected(tell->user, 1, "p2c");
    sample.latency = 1500000000;
    tell->finished(tell->user, 1, &sample);
    tell->health_changed(tell->user, 1, LW_HEALTHY, LW_DEGRADED, LW_CAUSE_REPORT);
    tell->probe(tell->user, 1, 1);
    tell->quota_exhausted(tell->user, 1, "rpm", 1);
    tell->refused(tell->user, LW_SATURATED);
    tell->drained(tell->user, 1);
    tell->lost(tell->user, 1, 1);
    tell->panic(tell->user, 3, 1, 1);
}

#define NODE "{node=\"a\\\"b\""

static const char first_page[] = "# HELP loadwise_selections_total Requests placed on the node.\n"
                                 "# TYPE loadwise_selections_total counter\n"
                                 "loadwise_selections_total" NODE "} 2\n"
                                 "# HELP loadwise_requests_total Requests that ended, by outcome.\n"
                                 "# TYPE loadwise_requests_total counter\n"
                                 "loadwise_requests_total" NODE ",outcome=\"ok\"} 1\n"
                                 "loadwise_requests_total" NODE ",outcome=\"failure\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"connect_failure\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"timeout\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"rate_limited\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"overload\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"caller_fault\"} 0\n"
                                 "loadwise_requests_total" NODE ",outcome=\"cancelled\"} 0\n"
                                 "# HELP loadwise_requests_in_flight Requests placed and not yet ended.\n"
                                 "# TYPE loadwise_requests_in_flight gauge\n"
                                 "loadwise_requests_in_flight" NODE "} 1\n"
                                 "# HELP loadwise_request_duration_seconds Time from placing to the end.\n"
                                 "# TYPE loadwise_request_duration_seconds histogram\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.001\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.0025\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.005\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.01\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.025\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.05\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.1\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.25\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"0.5\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"1\"} 0\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"2.5\"} 1\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"5\"} 1\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"10\"} 1\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"30\"} 1\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"60\"} 1\n"
                                 "loadwise_request_duration_seconds_bucket" NODE ",le=\"+Inf\"} 1\n"
                                 "loadwise_request_duration_seconds_sum" NODE "} 1.500000000\n"
                                 "loadwise_request_duration_seconds_count" NODE "} 1\n"
                                 "# HELP loadwise_health 1 for the status the node has, 0 for the others.\n"
                                 "# TYPE loadwise_health gauge\n"
                                 "loadwise_health" NODE ",status=\"healthy\"} 0\n"
                                 "loadwise_health" NODE ",status=\"degraded\"} 1\n"
                                 "loadwise_health" NODE ",status=\"unhealthy\"} 0\n"
                                 "loadwise_health" NODE ",status=\"recovering\"} 0\n";

static const char second_page[] =
    "# HELP loadwise_health_changes_total Changes of health, by the status reached.\n"
    "# TYPE loadwise_health_changes_total counter\n"
    "loadwise_health_changes_total" NODE ",to=\"healthy\"} 0\n"
    "loadwise_health_changes_total" NODE ",to=\"degraded\"} 1\n"
    "loadwise_health_changes_total" NODE ",to=\"unhealthy\"} 0\n"
    "loadwise_health_changes_total" NODE ",to=\"recovering\"} 0\n"
    "# HELP loadwise_probes_total Probes of an unhealthy or recovering node.\n"
    "# TYPE loadwise_probes_total counter\n"
    "loadwise_probes_total" NODE "} 1\n"
    "# HELP loadwise_quota_exhaustions_total Times a quota of the node ran out.\n"
    "# TYPE loadwise_quota_exhaustions_total counter\n"
    "loadwise_quota_exhaustions_total" NODE "} 1\n"
    "# HELP loadwise_quota_exhausted_dimensions Quotas of the node that have nothing left.\n"
    "# TYPE loadwise_quota_exhausted_dimensions gauge\n"
    "loadwise_quota_exhausted_dimensions" NODE "} 1\n"
    "# HELP loadwise_drains_total Times that nothing was under way on a draining node any more.\n"
    "# TYPE loadwise_drains_total counter\n"
    "loadwise_drains_total" NODE "} 1\n"
    "# HELP loadwise_lost_tickets_total Tickets that were not ended in time, and were then.\n"
    "# TYPE loadwise_lost_tickets_total counter\n"
    "loadwise_lost_tickets_total" NODE "} 1\n"
    "# HELP loadwise_strategy_selections_total Requests placed, by the strategy that chose.\n"
    "# TYPE loadwise_strategy_selections_total counter\n"
    "loadwise_strategy_selections_total{strategy=\"p2c\"} 2\n"
    "# HELP loadwise_refusals_total Requests that no node could take, by reason.\n"
    "# TYPE loadwise_refusals_total counter\n"
    "loadwise_refusals_total{reason=\"LW_NO_NODES\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_ALL_UNHEALTHY\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_EXCLUDED\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_FILTERED\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_SATURATED\"} 1\n"
    "loadwise_refusals_total{reason=\"LW_OVER_QUOTA\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_DRAINING\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_NO_WEIGHT\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_NO_KEY\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_NO_SLOTS\"} 0\n"
    "loadwise_refusals_total{reason=\"LW_SHED\"} 0\n"
    "# HELP loadwise_panics_total Panics begun, by route and priority level.\n"
    "# TYPE loadwise_panics_total counter\n"
    "loadwise_panics_total{route=\"3\",priority=\"1\"} 1\n"
    "# HELP loadwise_level_in_panic 1 while the priority level is in a panic, else 0.\n"
    "# TYPE loadwise_level_in_panic gauge\n"
    "loadwise_level_in_panic{route=\"3\",priority=\"1\"} 1\n";

static const char *whole_page(void) {
    static char whole[sizeof first_page + sizeof second_page];
    snprintf(whole, sizeof whole, "%s%s", first_page, second_page);
    return whole;
}

static void test_to_the_letter(void **state) {
    (void)state;
    live_a_little();
    page_read(&now, metrics);
    assert_string_equal(now.text, whole_page());
    assert_int_equal(now.length, strlen(whole_page()));
}

static void test_nothing_yet(void **state) {
    (void)state;
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "# TYPE"), 15);
    assert_int_equal(now.count, 30 + 11);
}

/* As snprintf: the whole length in any case, cut and terminated within the room, not a byte beyond. */
static void test_cut_anywhere(void **state) {
    (void)state;
    static char text[sizeof first_page + sizeof second_page + 8];
    size_t length = strlen(whole_page());
    live_a_little();
    assert_int_equal(lw_metrics_text(metrics, NULL, 0), length);
    for (size_t room = 1; room <= length + 4; room++) {
        size_t kept = room - 1 < length ? room - 1 : length;
        memset(text, '~', sizeof text);
        assert_int_equal(lw_metrics_text(metrics, text, room), length);
        assert_memory_equal(text, whole_page(), kept);
        assert_int_equal(text[kept], '\0');
        assert_int_equal(text[kept + 1], '~');
    }
}

/* No locale puts its comma or its groups into a number. */
static void test_locales(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR", "", "C"};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = UINT64_C(1234567890123456789);
    for (int i = 0; i < 3000; i++) {
        tell->selected(tell->user, 1, "p2c");
    }
    tell->finished(tell->user, 1, &sample);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (setlocale(LC_ALL, names[i]) != NULL) {
            page_read(&now, metrics);
            assert_series(&now, "loadwise_selections_total{node=\"#0000000000000001\"}", "3000");
            assert_series(&now, "loadwise_request_duration_seconds_sum{node=\"#0000000000000001\"}",
                          "1234567890.123456789");
        }
    }
    setlocale(LC_ALL, "C");
}

/* ---- the judge ---- */

static const char *verdict_on(const char *text) {
    snprintf(now.text, sizeof now.text, "%s", text);
    now.length = strlen(text);
    page_cut(&now);
    const char *fault = page_judge(&now);
    return fault == NULL ? "" : fault;
}

#define COUNTER "# HELP x_total Of x.\n# TYPE x_total counter\n"
#define HISTOGRAM "# HELP h Of h.\n# TYPE h histogram\n"

static void test_the_judge(void **state) {
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {COUNTER "x_total{a=\"b\",c=\"\\\\\\\"\\n\"} 12\nx_total 3\n", ""},
        {COUNTER "x_total 3", "no line feed at the end"},
        {"x_total 3\n", "a sample outside its family"},
        {COUNTER "y_total 3\n", "a sample outside its family"},
        {COUNTER "x_total_sum 3\n", "a sample outside its family"},
        {"# HELP x_total Of x.\nx_total 3\n", "help and type"},
        {"# HELP x_total Of x.\n# TYPE x counter\nx 3\n", "help and type"},
        {"# HELP x_total Of x.\n# TYPE x_total thing\nx_total 3\n", "help and type"},
        {COUNTER "x_total{a=\"\\t\"} 3\n", "labels or value"},
        {COUNTER "x_total{a=\"\"b\"} 3\n", "labels or value"},
        {COUNTER "x_total{1=\"b\"} 3\n", "labels or value"},
        {COUNTER "x_total{a=\"b} 3\n", "labels or value"},
        {COUNTER "x_total{a=\"b\"}  3\n", "labels or value"},
        {COUNTER "x_total -3\n", "labels or value"},
        {COUNTER "x_total 3,5\n", "value"},
        {COUNTER "x_total 3\nx_total 4\n", "a series twice"},
        {COUNTER "x_total{a=\"b\"} 3\nx_total{a=\"c\"} 3\nx_total{a=\"b\"} 3\n", "a series twice"},
        {HISTOGRAM "h_bucket{le=\"0.001\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum{} 1\n", "a histogram that breaks off"},
        {HISTOGRAM "h_bucket{n=\"a\",le=\"0.001\"} 3\nh_bucket{n=\"a\",le=\"+Inf\"} 2\nh_sum{n=\"a\"} 1\n"
                   "h_count{n=\"a\"} 2\n",
         "buckets that fall"},
        {HISTOGRAM "h_bucket{n=\"a\",le=\"0.001\"} 1\nh_bucket{n=\"a\",le=\"+Inf\"} 2\nh_sum{n=\"a\"} 1\n"
                   "h_count{n=\"a\"} 3\n",
         "a count that is not +Inf"},
        {HISTOGRAM "h_bucket{n=\"a\",le=\"0.001\"} 1\nh_sum{n=\"a\"} 1\nh_count{n=\"a\"} 1\n",
         "a histogram that breaks off"},
        {HISTOGRAM "h_bucket{n=\"a\",le=\"0.001\"} 1\nh_bucket{n=\"a\",le=\"+Inf\"} 2\nh_sum{n=\"a\"} 1.5\n"
                   "h_count{n=\"a\"} 2\n",
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(verdict_on(cases[i].text), cases[i].fault);
    }
}

#define WRITING(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void) {
    const struct CMUnitTest tests[] = {
        WRITING(test_to_the_letter), WRITING(test_nothing_yet), WRITING(test_cut_anywhere),
        WRITING(test_locales),       WRITING(test_the_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
