/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the estimates of a node say after given samples at given times. Times are literal; the tracker never asks. */
#include "ledger.h"

#include <loadwise/latency.h>

enum { NODE = 7, OTHER = 8, STRANGER = 9 };

#define SECOND UINT64_C(1000000000)
#define TAU (10 * SECOND)
#define HALF_LIFE UINT64_C(6931471806) /* tau ln 2 */
#define START (1000 * SECOND)

static lw_latency *latency;
static ledger book;

static void open_with(const lw_latency_options *options) {
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_latency_new(&latency, &env, options), LW_OK);
}

/* Every sample counts in full from the first on; the timeout and the penalty are small. */
static int open_plain(void **state) {
    (void)state;
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.min_samples = 1;
    options.timeout = 5000;
    options.penalty = 3000;
    options.initial = 70;
    open_with(&options);
    return 0;
}

static int close_plain(void **state) {
    (void)state;
    assert_int_equal(book.clock_reads, 0);
    lw_latency_free(latency);
    ledger_close(&book);
    return 0;
}

static int tell(uint64_t node, uint32_t outcome, uint64_t ns, uint64_t now) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcome;
    sample.latency = ns;
    return lw_latency_observe_at(latency, node, &sample, now);
}

static void good(uint64_t node, uint64_t ns, uint64_t now) { assert_int_equal(tell(node, LW_OUTCOME_OK, ns, now), 1); }

static void assert_mean(uint64_t node, uint64_t expected, uint64_t now) {
    assert_int_equal(lw_latency_estimate_at(latency, node, LW_LATENCY_MEAN, now), expected);
}

static void assert_peak(uint64_t node, uint64_t expected, uint64_t now) {
    assert_int_equal(lw_latency_estimate_at(latency, node, LW_LATENCY_PEAK, now), expected);
}

static void assert_both(uint64_t node, uint64_t expected, uint64_t now) {
    assert_mean(node, expected, now);
    assert_peak(node, expected, now);
}

/* ---- the formulas ---- */

static void test_nothing_is_known_at_first(void **state) {
    (void)state;
    assert_both(NODE, 70, START);
    assert_int_equal(lw_latency_group(latency), 70 * LW_LATENCY_ONE);
}

static void test_the_first_sample_sets_both(void **state) {
    (void)state;
    good(NODE, 200, START);
    assert_both(NODE, 200, START);
    assert_int_equal(lw_latency_group(latency), 200 * LW_LATENCY_ONE);
}

static void test_the_mean_goes_half_the_way_in_a_half_life(void **state) {
    (void)state;
    good(NODE, 1000, START);
    good(NODE, 3000, START + HALF_LIFE);
    assert_mean(NODE, 2000, START + HALF_LIFE);
    good(NODE, 1000, START + 3 * HALF_LIFE);
    assert_mean(NODE, 1250, START + 3 * HALF_LIFE);
}

static void test_the_peak_jumps_up_and_sinks(void **state) {
    (void)state;
    good(NODE, 1000, START);
    good(NODE, 9000, START + 1);
    assert_peak(NODE, 9000, START + 1);
    assert_mean(NODE, 1000, START + 1);
    good(NODE, 1000, START + 1 + HALF_LIFE);
    assert_peak(NODE, 5000, START + 1 + HALF_LIFE);
    good(NODE, 5000, START + 2 + HALF_LIFE);
    assert_peak(NODE, 5000, START + 2 + HALF_LIFE);
    good(NODE, 5001, START + 2 + HALF_LIFE);
    assert_peak(NODE, 5001, START + 2 + HALF_LIFE);
}

static void test_reading_leans_on_the_group(void **state) {
    (void)state;
    good(NODE, 9000, START);
    for (uint64_t i = 1; i <= 20; i++) {
        good(OTHER, 1000, START + i * 10 * TAU);
    }
    assert_int_equal(lw_latency_group(latency), 1000 * LW_LATENCY_ONE);
    lw_latency_forget(latency, NODE);
    good(NODE, 1000, START + 200 * TAU);
    assert_int_equal(tell(NODE, LW_OUTCOME_FAILURE, 9000, START + 200 * TAU), 1);
    assert_peak(NODE, 9000, START + 200 * TAU);
    assert_peak(NODE, 5000, START + 200 * TAU + HALF_LIFE);
    assert_peak(NODE, 3000, START + 200 * TAU + 2 * HALF_LIFE);
    assert_peak(NODE, 1008, START + 200 * TAU + 10 * HALF_LIFE);
    assert_peak(NODE, 5000, START + 200 * TAU + HALF_LIFE); /* reading left no trace */
}

static void test_an_estimate_rises_to_the_group_too(void **state) {
    (void)state;
    good(OTHER, 3000, START);
    good(OTHER, 3000, START + 10 * TAU);
    good(NODE, 1000, START + 10 * TAU); /* no time has gone by: the group stays */
    assert_mean(NODE, 1000, START + 10 * TAU);
    assert_mean(NODE, 2000, START + 10 * TAU + HALF_LIFE);
}

static void test_silence_ends_in_oblivion(void **state) {
    (void)state;
    good(NODE, 5000, START);
    good(NODE, 1000, START);
    good(OTHER, 2000, START + 17 * TAU);
    uint64_t group = (lw_latency_group(latency) + LW_LATENCY_ONE / 2) / LW_LATENCY_ONE;
    assert_peak(NODE, group, START + 19 * TAU);
    good(NODE, 400, START + 19 * TAU);
    assert_both(NODE, 400, START + 19 * TAU); /* as if it were the first */
}

/* ---- few samples ---- */

static int open_careful(void **state) {
    (void)state;
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.min_samples = 4;
    open_with(&options);
    for (uint64_t i = 0; i < 4; i++) {
        good(OTHER, 1000, START);
    }
    return 0;
}

static void test_a_new_node_is_an_average_one(void **state) {
    (void)state;
    assert_both(NODE, 1000, START);
}

static void test_the_first_samples_count_in_part_and_evenly(void **state) {
    (void)state;
    static const uint64_t sample[] = {5000, 9000, 4000, 2000};
    static const uint64_t mean[] = {2000, 4000, 4750, 5000}; /* 1000 + (own - 1000) k / 4, own: 5000 7000 6000 5000 */
    static const uint64_t peak[] = {2000, 5000, 7000, 9000}; /* own: 5000 9000 9000 9000 */
    for (uint64_t i = 0; i < 4; i++) {
        lw_sample one = LW_SAMPLE_INIT;
        one.latency = sample[i];
        assert_int_equal(lw_latency_observe_at(latency, NODE, &one, START), 1);
        assert_peak(NODE, peak[i], START);
        assert_mean(NODE, mean[i], START);
    }
    good(NODE, 100, START);
    assert_both(OTHER, 1000, START);
    assert_mean(NODE, 5000, START); /* from here on only time gives weight */
}

static void test_charges_do_not_move_the_group(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        tell(NODE, LW_OUTCOME_FAILURE, 1, START + i * SECOND);
        tell(OTHER, LW_OUTCOME_RATE_LIMITED, 1, START + i * SECOND);
    }
    assert_both(STRANGER, 1000, START + 100 * SECOND);
}

/* ---- outcomes ---- */

static void test_failures_are_charged_the_timeout(void **state) {
    (void)state;
    static const uint32_t failures[] = {LW_OUTCOME_FAILURE, LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_TIMEOUT};
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(tell(100 + i, failures[i], 1, START), 1);
        assert_both(100 + i, 5000, START);
        assert_int_equal(tell(200 + i, failures[i], 0, START), 1); /* unknown how long */
        assert_both(200 + i, 5000, START);
        assert_int_equal(tell(300 + i, failures[i], 6000, START), 1); /* longer than the timeout */
        assert_both(300 + i, 6000, START);
    }
}

static void test_429_and_503_are_charged_the_penalty(void **state) {
    (void)state;
    assert_int_equal(tell(1, LW_OUTCOME_RATE_LIMITED, 1, START), 1);
    assert_int_equal(tell(2, LW_OUTCOME_OVERLOAD, 4000, START), 1);
    assert_both(1, 3000, START);
    assert_both(2, 4000, START);
}

static void test_a_charge_is_no_less_than_the_peak(void **state) {
    (void)state;
    good(NODE, 20000, START);
    good(NODE, 1000, START + HALF_LIFE); /* mean, peak and group are 10500, and stay there */
    tell(NODE, LW_OUTCOME_FAILURE, 1, START + 3 * HALF_LIFE);
    assert_peak(NODE, 10500, START + 3 * HALF_LIFE);
    assert_mean(NODE, 10500, START + 3 * HALF_LIFE);
}

static void test_a_charge_is_no_less_than_the_group(void **state) {
    (void)state;
    good(OTHER, 9000, START);
    tell(NODE, LW_OUTCOME_FAILURE, 1, START);
    assert_both(NODE, 9000, START);
}

static void test_callers_fault_says_nothing(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(tell(NODE, LW_OUTCOME_CALLER_FAULT, 9000, START), 0);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_UNKNOWN);
    good(NODE, 1000, START);
    assert_int_equal(tell(NODE, LW_OUTCOME_CALLER_FAULT, 9000, START), 0);
    assert_both(NODE, 1000, START);
}

static void test_cancelled_counts_only_when_it_was_long(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 9000, START), 0);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_UNKNOWN);
    good(NODE, 1000, START);
    good(NODE, 4000, START); /* mean 1000, peak 4000 */
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 1000, START), 0);
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 0, START), 0);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.samples, 2);

    uint64_t later = START + HALF_LIFE; /* group 1000: mean 1000, peak 2500 */
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 2000, later), 1);
    assert_mean(NODE, 1500, later);
    assert_peak(NODE, 2500, later);
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 8000, later), 1);
    assert_peak(NODE, 8000, later);
    assert_int_equal(lw_latency_group(latency), 1000 * LW_LATENCY_ONE);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.samples, 2);
}

static void test_cancelled_says_nothing_of_the_forgotten(void **state) {
    (void)state;
    good(NODE, 1000, START);
    assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 9000, START + 19 * TAU), 0);
    assert_both(NODE, 1000, START + 19 * TAU);
}

/* A node that hangs while every caller gives up must not be forgotten and tried as a new one. */
static void test_cancelled_is_a_sign_of_life(void **state) {
    (void)state;
    good(NODE, 1000, START);
    for (uint64_t i = 1; i <= 40; i++) {
        assert_int_equal(tell(NODE, LW_OUTCOME_CANCELLED, 20000, START + i * TAU), 1);
        assert_peak(NODE, 20000, START + i * TAU);
    }
}

static void test_a_good_sample_of_unknown_length_says_nothing(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(tell(NODE, LW_OUTCOME_OK, 0, START), 0);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_UNKNOWN);
    good(NODE, 10, START);
    assert_int_equal(tell(NODE, LW_OUTCOME_OK, 0, START + TAU), 0);
    assert_both(NODE, 10, START + TAU);
}

/* ---- time ---- */

static void test_time_that_stands_still_gives_no_weight(void **state) {
    (void)state;
    good(NODE, 1000, START);
    for (int i = 0; i < 1000; i++) {
        good(NODE, 500, START);
    }
    assert_both(NODE, 1000, START);
}

static void test_a_step_back_is_standing_still(void **state) {
    (void)state;
    good(NODE, 1000, START);
    good(NODE, 500, START - TAU);
    assert_both(NODE, 1000, START);
    assert_both(NODE, 1000, START - 100 * TAU);
    good(NODE, 1500, 0); /* the peak needs no time */
    assert_peak(NODE, 1500, 0);
    good(NODE, 500, START + HALF_LIFE); /* the span is from the latest time seen */
    assert_mean(NODE, 750, START + HALF_LIFE);
    assert_peak(NODE, 1000, START + HALF_LIFE);
}

static void test_a_jump_forgets(void **state) {
    (void)state;
    good(NODE, 1000, 5);
    good(OTHER, 300, UINT64_MAX);
    assert_both(NODE, 300, UINT64_MAX);
    good(NODE, 600, UINT64_MAX);
    assert_both(NODE, 600, UINT64_MAX);
}

/* Stamps wrap after 2^30 ticks of 2^18 ns. A node that was silent for exactly so long must not look fresh. */
static void test_the_wrap_of_the_stamps(void **state) {
    (void)state;
    const uint64_t around = UINT64_C(1) << 48;
    good(NODE, 9000, START);
    good(OTHER, 1000, START + around);
    assert_both(NODE, 1000, START + around);
    good(NODE, 2000, START + around);
    assert_both(NODE, 2000, START + around);
}

static int open_patient(void **state) {
    (void)state;
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.min_samples = 1;
    options.expiry = 1000 * TAU;
    open_with(&options);
    return 0;
}

static void test_the_longest_expiry(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    good(NODE, 9000, START);
    good(OTHER, 1000, START + 20 * TAU);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_peak(NODE, 1000, START + 999 * TAU);
    good(NODE, 400, START + 999 * TAU);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.samples, 2);
    good(NODE, 400, START + 2001 * TAU);
    assert_int_equal(lw_latency_get(latency, NODE, &info), LW_OK);
    assert_int_equal(info.samples, 1);
}

/* ---- sizes ---- */

static void test_small_units_have_fractions(void **state) {
    (void)state;
    good(NODE, 1, START);
    good(NODE, 2, START + HALF_LIFE);
    uint64_t score = lw_latency_score_at(latency, NODE, LW_LATENCY_MEAN, 0, START + HALF_LIFE);
    assert_in_range(score, 256 + 127, 256 + 128); /* the half-life is no whole number of ticks */
}

static void test_huge_samples_saturate(void **state) {
    (void)state;
    const uint64_t most = UINT64_C(1) << 43;
    good(NODE, UINT64_MAX, START);
    assert_both(NODE, most, START);
    assert_int_equal(lw_latency_group(latency), most * LW_LATENCY_ONE);
    good(OTHER, most - 1, START);
    assert_both(OTHER, most, START); /* to 29 bits */
    tell(OTHER, LW_OUTCOME_FAILURE, UINT64_MAX, START + TAU);
    assert_both(OTHER, most, START + TAU);
}

static void test_scores(void **state) {
    (void)state;
    good(NODE, 1000, START);
    assert_int_equal(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, 0, START), 256000);
    assert_int_equal(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, 4, START), 5 * 256000);
    assert_int_equal(lw_latency_score_at(latency, STRANGER, LW_LATENCY_MEAN, 1, START), 2 * 256000);
    assert_true(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, UINT64_MAX, START) == UINT64_MAX);
    assert_true(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, UINT64_MAX - 1, START) == UINT64_MAX);
    assert_true(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, UINT64_MAX / 256000 - 1, START) < UINT64_MAX);
    assert_true(lw_latency_score_at(latency, NODE, LW_LATENCY_PEAK, UINT64_MAX / 256000, START) == UINT64_MAX);
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, open_plain, close_plain)
#define CAREFUL(test) cmocka_unit_test_setup_teardown(test, open_careful, close_plain)
#define PATIENT(test) cmocka_unit_test_setup_teardown(test, open_patient, close_plain)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLAIN(test_nothing_is_known_at_first),
        PLAIN(test_the_first_sample_sets_both),
        PLAIN(test_the_mean_goes_half_the_way_in_a_half_life),
        PLAIN(test_the_peak_jumps_up_and_sinks),
        PLAIN(test_reading_leans_on_the_group),
        PLAIN(test_an_estimate_rises_to_the_group_too),
        PLAIN(test_silence_ends_in_oblivion),
        CAREFUL(test_a_new_node_is_an_average_one),
        CAREFUL(test_the_first_samples_count_in_part_and_evenly),
        CAREFUL(test_charges_do_not_move_the_group),
        PLAIN(test_failures_are_charged_the_timeout),
        PLAIN(test_429_and_503_are_charged_the_penalty),
        PLAIN(test_a_charge_is_no_less_than_the_peak),
        PLAIN(test_a_charge_is_no_less_than_the_group),
        PLAIN(test_callers_fault_says_nothing),
        PLAIN(test_cancelled_counts_only_when_it_was_long),
        PLAIN(test_cancelled_says_nothing_of_the_forgotten),
        PLAIN(test_cancelled_is_a_sign_of_life),
        PLAIN(test_a_good_sample_of_unknown_length_says_nothing),
        PLAIN(test_time_that_stands_still_gives_no_weight),
        PLAIN(test_a_step_back_is_standing_still),
        PLAIN(test_a_jump_forgets),
        PLAIN(test_the_wrap_of_the_stamps),
        PATIENT(test_the_longest_expiry),
        PLAIN(test_small_units_have_fractions),
        PLAIN(test_huge_samples_saturate),
        PLAIN(test_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
