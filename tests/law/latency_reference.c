/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The estimates against a naive reference: plain doubles, exp(), and every time to the nanosecond.
 *
 * The tracker counts time in ticks of 2^-15 to 2^-16 of tau and costs in 29 bits. Times are cut, not lost: what one
 * interval lacks, the next one has. Where samples are at least a tick apart, the error is bounded by a tick's weight at
 * both ends of the intervals and by what cutting a cost holds back: 2^-12 of the range of the samples. Where many fall
 * into a tick, the first of them stands for all; the error of that choice is random, with a standard deviation of about
 * 0.29 (2^-15 / 2)^(1/2) = 2^-10 of the range for uniform samples, held here at four times as much.
 */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>
#include <loadwise/latency.h>

enum { NODES = 5, STEPS = 100000 };

struct reference {
    uint64_t samples, stamp;
    double mean, peak;
};

static struct reference node[NODES], group;
static lw_latency *latency;
static uint64_t chance;

static struct road {
    double tau;
    uint32_t min_samples;
    uint64_t usual; /* most intervals are below twice this */
    uint64_t rare;  /* one in so many is of the size of tau */
    uint64_t range; /* of the samples */
    double closeness;
} road;

static uint64_t draw(uint64_t below) {
    uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void observe_reference(struct reference *r, double x, uint64_t now) {
    double keep = r->samples == 0 ? 0 : exp(-(double)(now - r->stamp) / road.tau);
    r->samples++;
    r->peak = x >= r->peak || r->samples == 1 ? x : x + (r->peak - x) * keep;
    keep *= r->samples <= road.min_samples ? 1 - 1 / (double)r->samples : 1;
    r->mean = x + (r->mean - x) * keep;
    r->stamp = now;
}

static double read_reference(const struct reference *r, double cost, uint64_t now) {
    double trust = r->samples >= road.min_samples ? 1 : (double)r->samples / road.min_samples;
    return group.mean + (cost - group.mean) * trust * exp(-(double)(now - r->stamp) / road.tau);
}

static void assert_close(uint64_t score, double expected) {
    double error = fabs((double)score / 256 - expected);
    if (error > (double)road.range * road.closeness + 1.0 / 128) {
        fail_msg("%.3f, not %.3f", (double)score / 256, expected);
    }
}

static uint64_t interval(void) {
    if (draw(road.rare) == 0) {
        return draw((uint64_t)(3 * road.tau));
    }
    return draw(50) == 0 ? 0 : draw(2 * road.usual);
}

static void open_road(void) {
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.tau = (uint64_t)road.tau;
    options.min_samples = road.min_samples;
    options.expiry = 1000 * options.tau;
    assert_int_equal(lw_latency_new(&latency, NULL, &options), LW_OK);
    memset(node, 0, sizeof node);
    memset(&group, 0, sizeof group);
}

static void step(uint64_t now) {
    uint64_t at = draw(NODES);
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = 1 + draw(road.range);
    assert_int_equal(lw_latency_observe_at(latency, at, &sample, now), 1);
    observe_reference(&node[at], (double)sample.latency, now);
    observe_reference(&group, (double)sample.latency, now);
}

static void compare(uint64_t at, uint64_t now) {
    if (node[at].samples != 0) {
        assert_close(lw_latency_score_at(latency, at, LW_LATENCY_MEAN, 0, now),
                     read_reference(&node[at], node[at].mean, now));
        assert_close(lw_latency_score_at(latency, at, LW_LATENCY_PEAK, 0, now),
                     read_reference(&node[at], node[at].peak, now));
    }
}

static void walk(struct road chosen) {
    uint64_t now = 12345678901;
    road = chosen;
    open_road();
    for (int i = 0; i < STEPS; i++) {
        now += interval();
        step(now);
        compare(draw(NODES), now + interval());
    }
    lw_latency_free(latency);
}

#define MS UINT64_C(1000000)
#define CLOSE (1.0 / 4096)

static void test_the_defaults(void **state) {
    (void)state;
    chance = 1;
    walk((struct road){10000e6, 10, 5 * MS, 50, 100 * MS, CLOSE});
}

static void test_many_in_a_tick(void **state) {
    (void)state;
    chance = 2;
    walk((struct road){10000e6, 10, MS / 10, 5000, 100 * MS, 1.0 / 256});
}

static void test_few_in_a_tau(void **state) {
    (void)state;
    chance = 3;
    walk((struct road){10000e6, 1, 2000 * MS, 50, 3000 * MS, CLOSE});
}

static void test_the_shortest_tau(void **state) {
    (void)state;
    chance = 4;
    walk((struct road){1e6, 10, MS / 100, 50, 5 * MS, CLOSE});
}

static void test_the_longest_tau(void **state) {
    (void)state;
    chance = 5;
    walk((struct road){86400e9, 100, 60000 * MS, 50, 300000 * MS, CLOSE});
}

static void test_a_coarse_unit(void **state) {
    (void)state;
    chance = 6;
    walk((struct road){10000e6, 10, 5 * MS, 50, 300, CLOSE}); /* samples in ms */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_defaults),    cmocka_unit_test(test_many_in_a_tick),
        cmocka_unit_test(test_few_in_a_tau),    cmocka_unit_test(test_the_shortest_tau),
        cmocka_unit_test(test_the_longest_tau), cmocka_unit_test(test_a_coarse_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
