/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Latency, saved by one process and loaded by the next. */
#include "persist_shelf.h"

enum { NODES = 4 };

static lw_latency *tracker(void) {
    lw_latency *latency;
    assert_int_equal(lw_latency_new(&latency, NULL, NULL), LW_OK);
    return latency;
}

static void observe(lw_latency *latency, uint64_t node, uint64_t ns, uint64_t now) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = ns;
    assert_int_equal(lw_latency_observe_at(latency, node, &sample, now), 1);
}

/* Times are multiples of 65536 ns here, in which the tracker counts, so that nothing is lost in between. */
#define TICK UINT64_C(65536)
#define NOW (SHELF_NOW / TICK * TICK)
#define LATER (SHELF_LATER / TICK * TICK)

static lw_latency *populated(void) {
    lw_latency *latency = tracker();
    for (uint64_t node = 0; node < NODES; node++) {
        for (uint64_t i = 1; i <= 3 + 7 * node; i++) {
            observe(latency, node, (10 + 3 * node * i) * SHELF_MS, NOW - 4000000 * TICK / 100 + 100 * i * TICK);
        }
    }
    return latency;
}

static lw_latency_info know(lw_latency *latency, uint64_t node) {
    lw_latency_info info = {.size = sizeof info};
    assert_int_equal(lw_latency_get(latency, node, &info), LW_OK);
    return info;
}

static void round_trip(uint64_t later, uint64_t now) {
    shelf own;
    lw_latency *before = populated(), *after = tracker();
    shelf_open(&own);
    own.where.now = NOW;
    assert_int_equal(lw_persist_save_latency(&own.where, before), NODES + 1);
    shelf_wake(&own, later, now);
    assert_int_equal(lw_persist_load_latency(&own.where, after), NODES + 1);
    assert_int_equal(own.refused, 0);
    assert_int_equal(lw_latency_group(after), lw_latency_group(before));
    for (uint64_t node = 0; node < NODES; node++) {
        lw_latency_info old = know(before, node), new = know(after, node);
        uint64_t age = NOW - old.last + later;
        assert_int_equal(new.mean, old.mean);
        assert_int_equal(new.peak, old.peak);
        assert_int_equal(new.samples, old.samples);
        assert_int_equal(new.last, age < now ? (now - age) / TICK * TICK : 0);
    }
    lw_latency_free(before);
    lw_latency_free(after);
    shelf_close(&own);
}

static void test_costs_and_ages_come_back(void **state) {
    (void)state;
    round_trip(0, NOW);
    round_trip(LATER, NOW + LATER);
    round_trip(LATER, 7 * NOW + 12345);
    round_trip(LATER, UINT64_MAX);
    round_trip(0, 0);
    round_trip(LATER, 1);
}

/* The scores of the next process, at the same distance from the samples, are those that this one would have given. */
static void test_scores_go_on(void **state) {
    (void)state;
    shelf own;
    const uint64_t shift = 5000000 * TICK;
    lw_latency *before = populated(), *after = tracker();
    shelf_open(&own);
    own.where.now = NOW;
    lw_persist_save_latency(&own.where, before);
    shelf_wake(&own, LATER, NOW + LATER + shift);
    lw_persist_load_latency(&own.where, after);
    for (uint64_t node = 0; node <= NODES; node++) { /* one is unknown */
        for (uint64_t ahead = LATER; ahead < 30 * LATER; ahead += 2 * LATER) {
            for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
                uint64_t old = lw_latency_score_at(before, node, kind, 2, NOW + ahead);
                uint64_t new = lw_latency_score_at(after, node, kind, 2, NOW + ahead + shift);
                uint64_t off = old > new ? old - new : new - old;
                assert_true(off <= old / 1000); /* less than a tick of the tracker apart */
            }
        }
    }
    lw_latency_free(before);
    lw_latency_free(after);
    shelf_close(&own);
}

/* An empty tracker has no group worth saving. */
static void test_nothing_is_nothing(void **state) {
    (void)state;
    shelf own;
    lw_latency *latency = tracker();
    shelf_open(&own);
    assert_int_equal(lw_persist_save_latency(&own.where, latency), 0);
    assert_int_equal(lw_persist_load_latency(&own.where, latency), 0);
    lw_latency_free(latency);
    shelf_close(&own);
}

/* A process whose clock has just begun has samples of the time 0, which are not "never". */
static void test_samples_at_the_first_moment(void **state) {
    (void)state;
    shelf own;
    lw_latency *before = tracker(), *after = tracker();
    shelf_open(&own);
    observe(before, 1, SHELF_MS, 500);
    own.where.now = 600;
    assert_int_equal(lw_persist_save_latency(&own.where, before), 2);
    shelf_wake(&own, 0, NOW);
    assert_int_equal(lw_persist_load_latency(&own.where, after), 2);
    assert_int_equal(know(after, 1).last, NOW - TICK);
    lw_latency_free(before);
    lw_latency_free(after);
    shelf_close(&own);
}

static void test_costs_that_cannot_be_are_refused(void **state) {
    (void)state;
    shelf own;
    unsigned char bytes[SHELF_RECORD];
    const char *keys[] = {"t/latency/0000000000000001", "t/latency/group/0000000000000000"};
    for (int i = 0; i < 2; i++) {
        lw_latency *before = populated(), *after = tracker();
        shelf_open(&own);
        lw_persist_save_latency(&own.where, before);
        size_t size = shelf_take(&own, keys[i], bytes);
        memset(bytes + 24, 0, 8); /* a cost of nothing */
        shelf_seal(bytes, size);
        shelf_lay(&own, keys[i], bytes, size);
        uint64_t group = lw_latency_group(i == 0 ? before : after);
        assert_int_equal(lw_persist_load_latency(&own.where, after), NODES);
        assert_int_equal(own.why, LW_RANGE);
        assert_string_equal(own.key, keys[i]);
        assert_int_equal(lw_latency_group(after), group);
        lw_latency_free(before);
        lw_latency_free(after);
        shelf_close(&own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costs_and_ages_come_back),
        cmocka_unit_test(test_scores_go_on),
        cmocka_unit_test(test_nothing_is_nothing),
        cmocka_unit_test(test_samples_at_the_first_moment),
        cmocka_unit_test(test_costs_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
