/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Outliers: who is ejected, against examples worked out by hand; for how long; and who never is.
 *
 * Health is kept out of it by a threshold that no test comes near.
 */
#include "pool_stand.h"

static stand s;
static lw_outlier_options outlier;
static lw_health_options health;

static int open_outliers(void **state) {
    (void)state;
    stand_open(&s, 41);
    outlier = (lw_outlier_options)LW_OUTLIER_OPTIONS_INIT;
    outlier.max_percent = 100;
    health = (lw_health_options)LW_HEALTH_OPTIONS_INIT;
    health.failure_threshold = 4095;
    s.options.outlier = &outlier;
    s.options.health = &health;
    return 0;
}

static int close_outliers(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void reopen(void) {
    stand_close(&s);
    stand_open(&s, 41);
    s.options.outlier = &outlier;
    s.options.health = &health;
}

/* The nodes that are ejected now, as bits. */
static uint32_t ejected(void) {
    uint32_t set = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        set |= ((stand_info(&s, i).reasons & LW_REASON_EJECTED) != 0 ? 1U : 0) << i;
    }
    return set;
}

/* ---- in a row ---- */

static void test_consecutive(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 4);
    stand_serve(&s, 1, LW_OUTCOME_OK, 0);
    stand_serve_times(&s, 1, LW_OUTCOME_TIMEOUT, 4);
    s.diary[0] = '\0'; /* nothing but degraded */
    assert_int_equal(ejected(), 0);
    stand_serve(&s, 1, LW_OUTCOME_CONNECT_FAILURE, 0);
    assert_int_equal(ejected(), 2);
    assert_diary(&s, "H>U:1o ");
    assert_int_equal(stand_stats(&s).ejections, 1);
    assert_int_equal(stand_info(&s, 1).retry_at, s.book.now + 30 * SECOND);
    uint64_t counts[STAND_MOST] = {0};
    s.book.now += 30 * SECOND - 1;
    stand_tally(&s, NULL, 300, counts);
    assert_int_equal(counts[1], 0);
    s.book.now++;
    stand_tally(&s, NULL, 300, counts);
    assert_true(counts[1] > 50);
    assert_diary(&s, "U>H:1o ");
}

/* What says nothing about the node does not make a row, nor break one. */
static void test_neutral_outcomes(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ejected(), 0);
        stand_serve(&s, 1, LW_OUTCOME_CALLER_FAULT, 0);
        stand_serve(&s, 1, LW_OUTCOME_CANCELLED, 0);
        lw_ticket ticket = stand_pick_node(&s, 1);
        stand_cancel(&s, &ticket);
        stand_serve(&s, 1, LW_OUTCOME_FAILURE, 0);
    }
    assert_int_equal(ejected(), 2);
}

static void test_off(void **state) {
    (void)state;
    outlier.consecutive = 0;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 200);
    assert_int_equal(ejected(), 0);
    reopen();
    s.options.outlier = NULL;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 200);
    assert_int_equal(ejected(), 0);
}

/* ---- compared ---- */

/* One interval in which each node served `volume` requests and so many per hundred of them well. */
static void compare(const uint32_t *well, uint32_t nodes, uint32_t volume) {
    stand_found(&s, "random", nodes);
    stand_tick(&s);
    for (uint32_t i = 0; i < nodes; i++) {
        for (uint32_t r = 0; r < volume; r++) {
            stand_serve(&s, i, (r + 1) * well[i] / 100 > r * well[i] / 100 ? LW_OUTCOME_OK : LW_OUTCOME_FAILURE, 0);
        }
    }
    s.book.now += outlier.interval - 1;
    stand_tick(&s);
    assert_int_equal(ejected(), 0);
    s.book.now++;
    stand_tick(&s);
}

/* Mean 95, squares 25 + 9 + 1 + 16 + 4 + 225 = 280, deviation sqrt(280 / 6) = 6.83. 1.9 of them: below 82.02. */
static const uint32_t one_bad[] = {100, 98, 96, 99, 97, 80};

static void test_success_rate(void **state) {
    (void)state;
    outlier.consecutive = 0;
    compare(one_bad, 6, 100);
    assert_int_equal(ejected(), 0x20);
    reopen();
    outlier.success_rate_factor = 2190; /* below 80.04 */
    compare(one_bad, 6, 100);
    assert_int_equal(ejected(), 0x20);
    reopen();
    outlier.success_rate_factor = 2200; /* below 79.97 */
    compare(one_bad, 6, 100);
    assert_int_equal(ejected(), 0);
}

/* Mean 92, squares 64 + 64 + 9 + 4 + 289 = 430, deviation 9.27: nobody is below 74.38, though 75 is bad. */
static void test_no_outlier(void **state) {
    (void)state;
    static const uint32_t one_good[] = {50, 50, 50, 50, 50, 100}; /* off by 2.2 deviations, to the good side */
    static const uint32_t well[] = {100, 100, 95, 90, 75}, same[] = {50, 50, 50, 50, 50};
    outlier.consecutive = 0;
    compare(well, 5, 100);
    assert_int_equal(ejected(), 0);
    reopen();
    compare(same, 5, 100);
    assert_int_equal(ejected(), 0);
    reopen();
    compare(one_good, 6, 100);
    assert_int_equal(ejected(), 0);
}

/* Too few nodes, or too few requests, say nothing. */
static void test_hosts_and_volume(void **state) {
    (void)state;
    outlier.consecutive = 0;
    compare(one_bad + 1, 5, 100);
    assert_int_equal(ejected(), 0x10);
    reopen();
    compare(one_bad + 2, 4, 100);
    assert_int_equal(ejected(), 0);
    reopen();
    compare(one_bad, 6, 99);
    assert_int_equal(ejected(), 0);
    reopen();
    outlier.success_rate_volume = 99;
    compare(one_bad, 6, 99);
    assert_int_equal(ejected(), 0x20);
    reopen();
    outlier.success_rate = 0;
    compare(one_bad, 6, 100);
    assert_int_equal(ejected(), 0);
}

static void test_failure_percentage(void **state) {
    (void)state;
    static const uint32_t well[] = {100, 14, 15, 16, 0};
    outlier.consecutive = 0;
    outlier.success_rate = 0;
    compare(well, 5, 100);
    assert_int_equal(ejected(), 0); /* off unless asked for */
    reopen();
    outlier.failure_percentage = 85;
    compare(well, 5, 100);
    assert_int_equal(ejected(), 0x16); /* 86, 85 and 100 % */
    reopen();
    outlier.failure_percentage_hosts = 6;
    compare(well, 5, 100);
    assert_int_equal(ejected(), 0);
    reopen();
    outlier.failure_percentage_hosts = 5;
    outlier.failure_percentage_volume = 101;
    compare(well, 5, 100);
    assert_int_equal(ejected(), 0);
}

/* Each interval is judged by itself. */
static void test_intervals_are_apart(void **state) {
    (void)state;
    static const uint32_t none[] = {100, 100, 100, 100, 100, 100};
    outlier.consecutive = 0;
    compare(none, 6, 60);
    for (uint32_t i = 0; i < 6; i++) {
        stand_serve_times(&s, i, i == 5 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK, 60);
    }
    s.book.now += outlier.interval; /* 60 of 120 in all, but of this interval there are too few */
    stand_tick(&s);
    assert_int_equal(ejected(), 0);
}

/* ---- for how long ---- */

/* Ejects node 1 by failures; how long it lasts. Failures from before go on counting, as none in between went well. */
static uint64_t eject(void) {
    for (uint32_t i = 0; i < outlier.consecutive && ejected() == 0; i++) {
        stand_serve(&s, 1, LW_OUTCOME_FAILURE, 0);
    }
    s.diary[0] = 0;
    assert_int_equal(ejected(), 2);
    return stand_info(&s, 1).retry_at - s.book.now;
}

/* 1, 2, ... times the base up to the most, when it fails again at once each time. */
static void test_multiplier_grows(void **state) {
    (void)state;
    static const uint64_t spans[] = {30, 60, 90, 100, 100};
    outlier.max_ejection = 100 * SECOND;
    outlier.interval = 10000 * SECOND;
    stand_found(&s, "random", 3);
    for (size_t i = 0; i < STAND_COUNT(spans); i++) {
        assert_int_equal(eject(), spans[i] * SECOND);
        s.book.now += spans[i] * SECOND;
        assert_int_equal(ejected(), 0);
    }
    assert_int_equal(stand_stats(&s).ejections, STAND_COUNT(spans));
}

/* One less for every interval that it was in the rotation, none for those in which it was not. */
static void test_multiplier_decays(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    stand_tick(&s);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(eject(), 30 * i * SECOND);
        for (uint64_t t = 0; t < 3 * i; t++) {
            s.book.now += 10 * SECOND - 1;
            stand_tick(&s); /* each look is a little late, so none of them falls on its return */
        }
        s.book.now += 3 * i;
        assert_int_equal(ejected(), 0);
    }
    for (int i = 0; i < 2; i++) {
        s.book.now += 10 * SECOND;
        stand_tick(&s);
    }
    assert_int_equal(stand_info(&s, 1).ejections, 1);
    assert_int_equal(eject(), 60 * SECOND);
    for (int i = 0; i < 20; i++) {
        s.book.now += 10 * SECOND;
        stand_tick(&s);
    }
    assert_int_equal(stand_info(&s, 1).ejections, 0);
    assert_int_equal(eject(), 30 * SECOND);
}

static void test_jitter(void **state) {
    (void)state;
    uint64_t least = UINT64_MAX, most = 0;
    outlier.jitter = 1000;
    outlier.interval = 1000000 * SECOND;
    outlier.base_ejection = outlier.max_ejection = 30 * SECOND;
    outlier.consecutive = 1;
    stand_found(&s, "random", 3);
    for (int i = 0; i < 300; i++) {
        uint64_t span = eject();
        assert_in_range(span, 30 * SECOND, 30 * SECOND + 1000);
        least = span < least ? span : least;
        most = span > most ? span : most;
        s.book.now += span;
    }
    assert_true(least < 30 * SECOND + 50);
    assert_true(most > 30 * SECOND + 950);
}

/* ---- how many ---- */

/* All nodes of a pool fail at the same time; how many of them go. */
static uint32_t fail_all(uint32_t nodes, uint32_t percent, uint32_t always_one) {
    lw_ticket held[STAND_MOST];
    reopen();
    outlier.max_percent = percent;
    outlier.always_one = always_one;
    outlier.consecutive = 1;
    stand_found(&s, "random", nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        held[i] = stand_pick_node(&s, i);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        stand_done(&s, &held[i], LW_OUTCOME_FAILURE);
    }
    assert_int_equal(stand_stats(&s).ejections, __builtin_popcount(ejected()));
    return (uint32_t)__builtin_popcount(ejected());
}

static void test_caps(void **state) {
    (void)state;
    static const struct {
        uint32_t percent, always_one, most[6];
    } rows[] = {{0, 0, {0, 0, 0, 0, 0, 0}},  {0, 1, {0, 1, 1, 1, 1, 1}},  {10, 0, {0, 0, 0, 0, 0, 0}},
                {10, 1, {0, 1, 1, 1, 1, 1}}, {34, 0, {0, 0, 1, 1, 1, 2}}, {50, 0, {0, 1, 1, 2, 2, 3}},
                {99, 1, {0, 1, 2, 3, 4, 5}}, {100, 0, {0, 1, 2, 3, 4, 5}}};
    for (size_t r = 0; r < STAND_COUNT(rows); r++) {
        for (uint32_t nodes = 1; nodes <= 6; nodes++) {
            uint32_t gone = fail_all(nodes, rows[r].percent, rows[r].always_one);
            if (gone != rows[r].most[nodes - 1]) {
                fail_msg("%u of %u at %u %%", gone, nodes, rows[r].percent);
            }
        }
    }
}

/* The only one that is left in the rotation stays, also when others are there that may not be picked. */
static void test_last_one_left(void **state) {
    (void)state;
    outlier.consecutive = 1;
    stand_found(&s, "random", 3);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0);
    s.diary[0] = '\0';
    lw_ticket ticket = stand_pick(&s, NULL);
    stand_done(&s, &ticket, LW_OUTCOME_FAILURE);
    assert_int_equal(ejected(), 0);
    stand_admin(&s, 1, LW_ADMIN_ACTIVE, 0);
    stand_serve(&s, 2, LW_OUTCOME_FAILURE, 0);
    assert_int_equal(ejected(), 4);
}

/* ---- beside health ---- */

/* A verdict does not bring an ejected node back, nor is it ill for health. */
static void test_beside_health(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    eject();
    assert_int_equal(stand_info(&s, 1).status, LW_HEALTHY);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_EJECTED);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_EJECTED | LW_REASON_UNHEALTHY);
    stand_verdict(&s, 1, LW_VERDICT_UP);
    assert_int_equal(stand_info(&s, 1).reasons, LW_REASON_EJECTED);
}

/* Where all others are down and this one is ejected, health is not looked at: it is a panic. */
static void test_ejected_in_a_panic(void **state) {
    (void)state;
    stand_found(&s, "random", 2);
    eject();
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    s.diary[0] = '\0';
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(ticket.flags, LW_TICKET_PANIC);
    assert_diary(&s, "panic+0 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_consecutive, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_neutral_outcomes, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_off, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_success_rate, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_no_outlier, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_hosts_and_volume, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_failure_percentage, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_intervals_are_apart, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_multiplier_grows, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_multiplier_decays, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_jitter, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_caps, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_last_one_left, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_beside_health, open_outliers, close_outliers),
        cmocka_unit_test_setup_teardown(test_ejected_in_a_panic, open_outliers, close_outliers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
