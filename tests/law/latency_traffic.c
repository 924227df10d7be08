/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the estimates do to traffic: a small simulated fleet, two choices for each request, the lower score wins.
 * Requests come every millisecond, each node takes its own time within a fifth more or less, a failing node fails in 1
 * ms. Times are in `unit`, so that the same run can be made in another unit.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>
#include <loadwise/latency.h>

enum { MOST = 8, AHEAD = 8192 };

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define HALF_LIFE UINT64_C(6931471806)

/* What the requests that end in one millisecond need to know; a ring of the next seconds. */
struct ending {
    uint32_t count[MOST];
};

static struct fleet {
    uint32_t nodes, kind;
    uint64_t unit;        /* ns are multiplied by this */
    uint64_t takes[MOST]; /* ns */
    bool fails[MOST];
    uint64_t in_flight[MOST], picked[MOST];
    struct ending ending[AHEAD];
    uint64_t now, chance;
    uint64_t track; /* of all picks, in their order */
} fleet;

static lw_latency *latency;

static uint64_t draw(uint64_t below) {
    if (below == 0) {
        fail_msg("nothing to draw from");
        return 0;
    }
    uint64_t z = fleet.chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void open_fleet(uint32_t nodes, uint32_t kind, uint64_t unit) {
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.timeout = options.penalty = 5 * SECOND * unit;
    options.initial = 1024 * unit;
    assert_int_equal(lw_latency_new(&latency, NULL, &options), LW_OK);
    memset(&fleet, 0, sizeof fleet);
    fleet.nodes = nodes;
    fleet.kind = kind;
    fleet.unit = unit;
    fleet.now = 100 * SECOND;
    fleet.chance = 11;
    for (uint32_t i = 0; i < MOST; i++) {
        fleet.takes[i] = 20 * MS;
    }
}

static uint64_t score(uint32_t node) {
    return lw_latency_score_at(latency, node, fleet.kind, fleet.in_flight[node], fleet.now);
}

static uint32_t choose(void) {
    uint32_t one = (uint32_t)draw(fleet.nodes), other = (uint32_t)draw(fleet.nodes - 1);
    other += other >= one;
    return score(other) < score(one) ? other : one;
}

static void end_requests(struct ending *ending) {
    for (uint32_t i = 0; i < fleet.nodes; i++) {
        for (; ending->count[i] > 0; ending->count[i]--) {
            lw_sample sample = LW_SAMPLE_INIT;
            sample.outcome = fleet.fails[i] ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK;
            sample.latency = (fleet.fails[i] ? MS : fleet.takes[i] * (80 + draw(41)) / 100) * fleet.unit;
            assert_int_equal(lw_latency_observe_at(latency, i, &sample, fleet.now), 1);
            fleet.in_flight[i]--;
        }
    }
}

/* So many milliseconds, a request in each. Counts picks from 0. */
static void run(uint64_t milliseconds) {
    memset(fleet.picked, 0, sizeof fleet.picked);
    for (uint64_t i = 0; i < milliseconds; i++) {
        fleet.now += MS;
        end_requests(&fleet.ending[fleet.now / MS % AHEAD]);
        uint32_t node = choose();
        uint64_t takes = fleet.fails[node] ? MS : fleet.takes[node];
        fleet.picked[node]++;
        fleet.in_flight[node]++;
        fleet.track = fleet.track * UINT64_C(0x100000001b3) + node;
        fleet.ending[(fleet.now + takes) / MS % AHEAD].count[node]++;
    }
}

static void test_equal_nodes_share_alike(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        run(20000);
        for (uint32_t i = 0; i < 4; i++) {
            assert_in_range(fleet.picked[i], 4500, 5500);
        }
        lw_latency_free(latency);
    }
}

static void test_a_slow_node_gets_less(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        fleet.takes[2] = 80 * MS;
        run(20000);
        assert_in_range(fleet.picked[2], 100, 2500); /* fair would be 5000 */
        lw_latency_free(latency);
    }
}

/* A node that fails at once looks idle and fast. It must get less than its share from the first second on. */
static void test_a_fast_failure_does_not_attract(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        run(10000);
        fleet.fails[1] = true;
        run(1000);
        assert_in_range(fleet.picked[1], 0, 125); /* fair would be 250 */
        run(1000);
        assert_in_range(fleet.picked[1], 0, 12);
        lw_latency_free(latency);
    }
}

/* And a node that fails from its first request on. */
static void test_a_new_node_that_fails_does_not_attract(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        fleet.fails[3] = true;
        run(1000);
        assert_in_range(fleet.picked[3], 0, 50);
        lw_latency_free(latency);
    }
}

static void test_a_node_that_is_well_again_comes_back(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        run(10000);
        fleet.fails[1] = true;
        run(10000);
        fleet.fails[1] = false;
        /* From 5 s to the 20 ms of the others is a factor of 2^8, less what they have in flight: 10 half-lives. */
        run(10 * HALF_LIFE / MS);
        assert_true(fleet.picked[1] > 0);
        run(60000); /* and then it takes its share again */
        run(10000);
        assert_in_range(fleet.picked[1], 2000, 3000);
        lw_latency_free(latency);
    }
}

static void test_a_new_node_gets_its_share_at_once(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        open_fleet(4, kind, 1);
        run(10000);
        fleet.nodes = 5;
        run(1000);
        assert_in_range(fleet.picked[4], 140, 330); /* fair would be 200 */
        lw_latency_free(latency);
    }
}

/* 256 times the same numbers: the codes of the costs differ in the exponent alone, so the runs are one. */
static void test_the_unit_does_not_matter(void **state) {
    (void)state;
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        uint64_t track[2];
        for (uint32_t i = 0; i < 2; i++) {
            open_fleet(6, kind, i == 0 ? 1 : 256);
            fleet.takes[0] = 35 * MS;
            run(5000);
            fleet.fails[1] = true;
            run(5000);
            fleet.fails[1] = false;
            run(20000);
            track[i] = fleet.track;
            lw_latency_free(latency);
        }
        assert_true(track[0] == track[1]);
    }
}

/* ---- one node, any history ---- */

static void test_no_failure_makes_a_node_look_fast(void **state) {
    (void)state;
    static const uint32_t outcomes[] = {LW_OUTCOME_OK,           LW_OUTCOME_OK,           LW_OUTCOME_FAILURE,
                                        LW_OUTCOME_RATE_LIMITED, LW_OUTCOME_CALLER_FAULT, LW_OUTCOME_CANCELLED};
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.timeout = options.penalty = 1;
    assert_int_equal(lw_latency_new(&latency, NULL, &options), LW_OK);
    uint64_t now = 100 * SECOND;
    fleet.chance = 12;
    for (int i = 0; i < 200000; i++) {
        uint64_t node = draw(5), before[2];
        lw_sample sample = LW_SAMPLE_INIT;
        sample.outcome = outcomes[draw(6)];
        sample.latency = draw(100 * MS >> draw(20));
        now += draw(20) == 0 ? draw(100 * SECOND) : draw(SECOND / 100);
        for (uint32_t kind = 0; kind < 2; kind++) {
            before[kind] = lw_latency_score_at(latency, node, kind, 0, now);
        }
        assert_true(lw_latency_observe_at(latency, node, &sample, now) >= 0);
        for (uint32_t kind = 0; kind < 2 && sample.outcome != LW_OUTCOME_OK; kind++) {
            uint64_t after = lw_latency_score_at(latency, node, kind, 0, now);
            assert_true(after + (after >> 27) + 1 >= before[kind]); /* costs are kept in 29 bits */
        }
    }
    lw_latency_free(latency);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_nodes_share_alike),
        cmocka_unit_test(test_a_slow_node_gets_less),
        cmocka_unit_test(test_a_fast_failure_does_not_attract),
        cmocka_unit_test(test_a_new_node_that_fails_does_not_attract),
        cmocka_unit_test(test_a_node_that_is_well_again_comes_back),
        cmocka_unit_test(test_a_new_node_gets_its_share_at_once),
        cmocka_unit_test(test_the_unit_does_not_matter),
        cmocka_unit_test(test_no_failure_makes_a_node_look_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
