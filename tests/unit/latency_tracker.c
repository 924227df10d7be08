/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The latency tracker as an object: options, bounds, clock, memory, and state that is taken out and put back. */
#include "ledger.h"

#include <loadwise/latency.h>

enum { NODE = 7, OTHER = 8 };

#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)

static lw_latency *latency;
static ledger book;

static int open_default(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    return lw_latency_new(&latency, &env, NULL);
}

static int close_tracker(void **state) {
    (void)state;
    lw_latency_free(latency);
    ledger_close(&book);
    return 0;
}

static lw_sample took(uint64_t ns) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = ns;
    return sample;
}

static int tell(lw_latency *tracker, uint64_t node, uint64_t ns, uint64_t now) {
    lw_sample sample = took(ns);
    return lw_latency_observe_at(tracker, node, &sample, now);
}

static uint64_t peak_of(lw_latency *tracker, uint64_t node, uint64_t now) {
    return lw_latency_estimate_at(tracker, node, LW_LATENCY_PEAK, now);
}

static void test_free_of_nothing(void **state) {
    (void)state;
    lw_latency_free(NULL);
}

/* ---- options ---- */

static void assert_refused(lw_latency_options options, const char *word) {
    ledger own;
    ledger_open(&own);
    lw_env env = ledger_env(&own, 1);
    lw_latency *tracker = (lw_latency *)&env;
    assert_int_equal(lw_latency_new(&tracker, &env, &options), LW_RANGE);
    assert_null(tracker);
    assert_told(&own, LW_RANGE, word);
    ledger_close(&own);
}

static void assert_taken(lw_latency_options options) {
    lw_latency *tracker;
    assert_int_equal(lw_latency_new(&tracker, NULL, &options), LW_OK);
    assert_int_equal(tell(tracker, NODE, 5, START), 1);
    lw_latency_free(tracker);
}

#define OPTIONS(...) ((lw_latency_options){.size = sizeof(lw_latency_options), __VA_ARGS__})

static void test_ranges(void **state) {
    (void)state;
    assert_taken(OPTIONS(.tau = SECOND / 1000));
    assert_refused(OPTIONS(.tau = SECOND / 1000 - 1), "tau");
    assert_taken(OPTIONS(.tau = 86400 * SECOND));
    assert_refused(OPTIONS(.tau = 86400 * SECOND + 1), "tau");
    assert_refused(OPTIONS(.tau = UINT64_MAX), "tau");
    assert_taken(OPTIONS(.tau = SECOND, .expiry = SECOND));
    assert_refused(OPTIONS(.tau = SECOND, .expiry = SECOND - 1), "expiry");
    assert_taken(OPTIONS(.tau = SECOND, .expiry = 1000 * SECOND));
    assert_refused(OPTIONS(.tau = SECOND, .expiry = 1000 * SECOND + 1), "expiry");
    assert_taken(OPTIONS(.timeout = UINT64_C(1) << 43));
    assert_refused(OPTIONS(.timeout = (UINT64_C(1) << 43) + 1), "timeout");
    assert_refused(OPTIONS(.penalty = UINT64_MAX), "penalty");
    assert_refused(OPTIONS(.initial = UINT64_MAX), "initial");
    assert_taken(OPTIONS(.min_samples = 1000));
    assert_refused(OPTIONS(.min_samples = 1001), "min_samples");
}

static void test_defaults(void **state) {
    (void)state;
    lw_sample failure = LW_SAMPLE_INIT, turned_away = LW_SAMPLE_INIT;
    failure.outcome = LW_OUTCOME_FAILURE;
    turned_away.outcome = LW_OUTCOME_RATE_LIMITED;
    assert_int_equal(peak_of(latency, NODE, START), 1);
    for (uint64_t i = 1; i <= 10; i++) { /* ten samples count in full */
        lw_latency_observe_at(latency, NODE, &failure, START);
        lw_latency_observe_at(latency, OTHER, &turned_away, START);
        assert_in_range(peak_of(latency, NODE, START), 5 * SECOND / 10 * i - 2, 5 * SECOND / 10 * i + 2);
        assert_in_range(peak_of(latency, OTHER, START), 5 * SECOND / 10 * i - 2, 5 * SECOND / 10 * i + 2);
    }
    /* Half-life 6.93 s, forgotten after 180 s. */
    assert_in_range(peak_of(latency, NODE, START + 6931471806), 25 * SECOND / 10 - 100000, 25 * SECOND / 10 + 100000);
    assert_true(peak_of(latency, NODE, START + 180 * SECOND) > 1);
    assert_true(peak_of(latency, NODE, START + 181 * SECOND) == 1);
}

/* What a caller built with an older or a later header hands over. */
static void test_other_sizes_of_options(void **state) {
    (void)state;
    struct {
        lw_latency_options options;
        unsigned char later[64];
    } grown;
    lw_latency_options older;
    memset(&grown, 0xff, sizeof grown);
    memset(&older, 0xff, sizeof older);
    grown.options = OPTIONS(.initial = 33);
    grown.options.size = sizeof grown;
    older.size = offsetof(lw_latency_options, expiry);
    older.tau = SECOND;
    lw_latency *tracker;
    assert_int_equal(lw_latency_new(&tracker, NULL, &grown.options), LW_OK);
    assert_int_equal(peak_of(tracker, NODE, START), 33);
    lw_latency_free(tracker);
    assert_int_equal(lw_latency_new(&tracker, NULL, &older), LW_OK);
    assert_int_equal(peak_of(tracker, NODE, START), 1);
    lw_latency_free(tracker);
}

static void test_half_an_allocator(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_latency *tracker = latency;
    env.release = NULL;
    assert_int_equal(lw_latency_new(&tracker, &env, NULL), LW_INVALID);
    assert_null(tracker);
}

/* ---- bounds ---- */

static void test_full(void **state) {
    (void)state;
    lw_latency *tracker;
    lw_env env = ledger_env(&book, 1);
    lw_latency_options options = OPTIONS(.max_nodes = 2, .min_samples = 1);
    assert_int_equal(lw_latency_new(&tracker, &env, &options), LW_OK);
    assert_int_equal(tell(tracker, 1, 50, START), 1);
    assert_int_equal(tell(tracker, 2, 50, START), 1);
    assert_int_equal(tell(tracker, 3, 50, START), LW_FULL);
    assert_told(&book, LW_FULL, "max_nodes=2");
    assert_int_equal(tell(tracker, 1, 90, START), 1);
    assert_int_equal(peak_of(tracker, 1, START), 90);
    assert_int_equal(lw_latency_forget(tracker, 1), 1);
    assert_int_equal(lw_latency_forget(tracker, 1), 0);
    assert_int_equal(tell(tracker, 3, 60, START), 1);
    assert_int_equal(peak_of(tracker, 3, START), 60);
    assert_int_equal(peak_of(tracker, 1, START), 50); /* the group */
    lw_latency_free(tracker);
}

static void test_bad_samples(void **state) {
    (void)state;
    lw_sample sample = took(5);
    sample.outcome = LW_OUTCOME_CANCELLED + 1;
    assert_int_equal(lw_latency_observe_at(latency, NODE, &sample, START), LW_INVALID);
    assert_told(&book, LW_INVALID, "outcome=8");
    sample = took(5);
    sample.size = 0;
    assert_int_equal(lw_latency_observe(latency, NODE, &sample), LW_INVALID);
    assert_int_equal(peak_of(latency, NODE, START), 1);
}

/* ---- clock and memory ---- */

static void test_the_clock_is_read_once(void **state) {
    (void)state;
    lw_sample sample = took(500);
    book.now = START;
    assert_int_equal(lw_latency_observe(latency, NODE, &sample), 1);
    assert_int_equal(book.clock_reads, 1);
    lw_latency_estimate(latency, NODE, LW_LATENCY_MEAN);
    assert_int_equal(book.clock_reads, 2);
    lw_latency_score(latency, NODE, LW_LATENCY_MEAN, 3);
    assert_int_equal(book.clock_reads, 3);
    sample.now = START + SECOND;
    assert_int_equal(lw_latency_observe(latency, NODE, &sample), 1);
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_in_range(info.last, START + SECOND - 65536, START + SECOND);
    assert_int_equal(lw_latency_observe_at(latency, NODE, &sample, START + 2 * SECOND), 1);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_in_range(info.last, START + 2 * SECOND - 65536, START + 2 * SECOND);
    assert_int_equal(book.clock_reads, 3);
}

static void test_short_forms_see_the_clock(void **state) {
    (void)state;
    lw_latency *tracker;
    lw_env env = ledger_env(&book, 1);
    lw_latency_options options = OPTIONS(.min_samples = 1, .initial = 1000);
    assert_int_equal(lw_latency_new(&tracker, &env, &options), LW_OK);
    lw_sample failure = LW_SAMPLE_INIT;
    failure.outcome = LW_OUTCOME_FAILURE;
    failure.latency = 1;
    book.now = START;
    assert_int_equal(lw_latency_observe(tracker, NODE, &failure), 1);
    assert_int_equal(lw_latency_estimate(tracker, NODE, LW_LATENCY_PEAK), 5 * SECOND);
    assert_int_equal(lw_latency_score(tracker, NODE, LW_LATENCY_PEAK, 1), 2 * 256 * 5 * SECOND);
    book.now = START + 200 * SECOND;
    assert_int_equal(lw_latency_estimate(tracker, NODE, LW_LATENCY_PEAK), 1000);
    assert_int_equal(lw_latency_score(tracker, NODE, LW_LATENCY_PEAK, 1), 2 * 256 * 1000);
    lw_latency_free(tracker);
}

static void test_known_nodes_need_no_memory(void **state) {
    (void)state;
    assert_int_equal(tell(latency, NODE, 5, START), 1);
    uint64_t asked = book.asked;
    for (uint64_t i = 0; i < 1000; i++) {
        tell(latency, NODE, i, START + i * SECOND / 100);
        peak_of(latency, NODE, START + i * SECOND / 100);
        peak_of(latency, OTHER, START);
    }
    assert_int_equal(book.asked, asked);
}

/* ---- state out and in ---- */

static int put_into(void *user, const lw_latency_info *info) { return lw_latency_restore(user, info); }

static void test_state_moves_to_another_tracker(void **state) {
    (void)state;
    lw_latency *copy;
    for (uint64_t node = 1; node <= 20; node++) {
        for (uint64_t i = 0; i < node; i++) {
            tell(latency, node, 1000 * node + 37 * i, START + i * SECOND);
        }
    }
    assert_int_equal(lw_latency_new(&copy, NULL, NULL), LW_OK);
    assert_int_equal(lw_latency_each(latency, put_into, copy), 0);
    uint64_t group = lw_latency_group(latency);
    assert_int_equal(lw_latency_restore_group(copy, group, START + 19 * SECOND), LW_OK);
    for (uint64_t node = 1; node <= 21; node++) {
        for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
            uint64_t here = lw_latency_estimate_at(latency, node, kind, START + 30 * SECOND);
            assert_int_equal(lw_latency_estimate_at(copy, node, kind, START + 30 * SECOND), here);
        }
    }
    lw_latency_free(copy);
}

static void test_what_is_told_of_a_node(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_UNKNOWN);
    tell(latency, NODE, 300, START);
    tell(latency, NODE, 100, START);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.node, NODE);
    assert_int_equal(info.samples, 2);
    assert_int_equal(info.mean, 200 * LW_LATENCY_ONE);
    assert_int_equal(info.peak, 300 * LW_LATENCY_ONE);
    info.size = sizeof info - 1;
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_INVALID);
}

static void test_samples_saturate(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    for (uint64_t i = 0; i < 70000; i++) {
        tell(latency, NODE, 1 + i % 7, START + i * 1000);
    }
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.samples, 65535);
}

static void test_states_that_cannot_be(void **state) {
    (void)state;
    const lw_latency_info well = {sizeof well, NODE, LW_LATENCY_ONE, LW_LATENCY_ONE, START, 1};
    lw_latency_info bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = well;
    }
    bad[0].samples = 0;
    bad[1].samples = 65536;
    bad[2].mean = 0;
    bad[3].peak = 0;
    bad[4].mean = (UINT64_C(1) << 63) + 1;
    bad[5].peak = UINT64_MAX;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(lw_latency_restore(latency, &bad[i]), LW_RANGE);
    }
    bad[0] = well;
    bad[0].size = 8;
    assert_int_equal(lw_latency_restore(latency, &bad[0]), LW_INVALID);
    assert_int_equal(lw_latency_restore_group(latency, 0, START), LW_RANGE);
    assert_int_equal(lw_latency_restore_group(latency, (UINT64_C(1) << 63) + 1, START), LW_RANGE);
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_UNKNOWN);
    assert_int_equal(lw_latency_restore(latency, &well), LW_OK);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
}

static int stop_at_third(void *user, const lw_latency_info *info) {
    assert_int_equal(info->size, sizeof *info);
    return ++*(int *)user == 3 ? 42 : 0;
}

static void test_each_stops_when_told(void **state) {
    (void)state;
    int seen = 0;
    for (uint64_t node = 0; node < 10; node++) {
        tell(latency, node, 5, START);
    }
    assert_int_equal(lw_latency_each(latency, stop_at_third, &seen), 42);
    assert_int_equal(seen, 3);
}

#define WITH_TRACKER(test) cmocka_unit_test_setup_teardown(test, open_default, close_tracker)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_of_nothing),
        cmocka_unit_test(test_ranges),
        WITH_TRACKER(test_defaults),
        cmocka_unit_test(test_other_sizes_of_options),
        WITH_TRACKER(test_half_an_allocator),
        WITH_TRACKER(test_full),
        WITH_TRACKER(test_bad_samples),
        WITH_TRACKER(test_the_clock_is_read_once),
        WITH_TRACKER(test_short_forms_see_the_clock),
        WITH_TRACKER(test_known_nodes_need_no_memory),
        WITH_TRACKER(test_state_moves_to_another_tracker),
        WITH_TRACKER(test_what_is_told_of_a_node),
        WITH_TRACKER(test_samples_saturate),
        WITH_TRACKER(test_states_that_cannot_be),
        WITH_TRACKER(test_each_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
