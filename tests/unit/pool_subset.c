/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Strategies that do not use all nodes of a pool: what the pool does around a choice keeps to what they use. A subset
 * keeps its nodes where the pool knows who has least under way and where it explores; fill_first goes by the pool's
 * caps.
 */
#include "pool_stand.h"

static stand s;

enum { NODES = 12, SIZE = 4, HELD = 40 };

static int open_subset(void **state) {
    (void)state;
    stand_open(&s, 21);
    return 0;
}

static int close_subset(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static uint32_t nodes_used(const uint64_t *counts) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        used += counts[i] > 0;
    }
    return used;
}

/* Outside of a subset the pool finds the least by its tally, over all: here the tally must not be asked. */
static void test_least_in_flight(void **state) {
    (void)state;
    static const char *const specs[] = {"subset(least_load metric=inflight, size=4, client=3)",
                                        "subset(least_load metric=inflight, size=4, client=8, by=lots)"};
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        lw_ticket held[HELD];
        uint64_t counts[STAND_MOST] = {0};
        stand_close(&s);
        stand_open(&s, 21);
        stand_found(&s, specs[i], NODES);
        for (uint32_t k = 0; k < HELD; k++) {
            held[k] = stand_pick(&s, NULL);
            uint64_t count = ++counts[stand_index(&s, held[k].node)];
            assert_true(count <= k / SIZE + 1); /* always one of the least */
        }
        assert_int_equal(nodes_used(counts), SIZE);
        for (uint32_t k = 0; k < HELD; k++) {
            stand_done(&s, &held[k], LW_OUTCOME_OK);
        }
    }
}

/* However much the pool explores, no request of this client goes to other nodes. */
static void test_exploring(void **state) {
    (void)state;
    static const char *const specs[] = {"p2c metric=peak_ewma", "least_load metric=ewma", "least_time"};
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        char spec[96];
        uint64_t counts[STAND_MOST] = {0};
        stand_close(&s);
        stand_open(&s, 21);
        s.options.explore = 5000;
        snprintf(spec, sizeof spec, "subset(%s, size=4, client=3)", specs[i]);
        stand_found(&s, spec, NODES);
        for (uint32_t k = 0; k < 400; k++) {
            lw_ticket ticket = stand_pick(&s, NULL);
            counts[stand_index(&s, ticket.node)]++;
            s.book.now += (1 + k % 7) * MS;
            stand_done(&s, &ticket, LW_OUTCOME_OK);
        }
        assert_in_range(nodes_used(counts), 1, SIZE);
    }
}

/* One node after the other, each up to its cap; a place that becomes free is the next to be filled. */
static void test_filling(void **state) {
    (void)state;
    static const uint32_t caps[] = {2, 0, 1, 3}, filled[] = {0, 0, 1, 1, 1, 1, 2, 3, 3, 3};
    lw_ticket held[STAND_COUNT(filled)];
    for (uint32_t i = 0; i < STAND_COUNT(caps); i++) {
        s.spec[i].max_inflight = caps[i];
    }
    stand_found(&s, "fill_first limit=4", STAND_COUNT(caps));
    for (uint32_t k = 0; k < STAND_COUNT(filled); k++) {
        held[k] = stand_pick(&s, NULL);
        assert_int_equal(stand_index(&s, held[k].node), filled[k]);
    }
    stand_refused(&s, NULL, LW_SATURATED);
    for (uint32_t k = 2; k < 8; k += 2) {
        stand_done(&s, &held[k], LW_OUTCOME_OK);
        held[k] = stand_pick(&s, NULL);
        assert_int_equal(stand_index(&s, held[k].node), filled[k]);
    }
}

/* A higher priority is filled before the next one is begun. */
static void test_filling_by_priority(void **state) {
    (void)state;
    static const uint32_t priorities[] = {1, 0, 1, 0}, filled[] = {1, 1, 3, 3, 0, 0, 2, 2};
    for (uint32_t i = 0; i < STAND_COUNT(priorities); i++) {
        s.spec[i].max_inflight = 2;
        s.spec[i].priority = priorities[i];
    }
    stand_found(&s, "fill_first", STAND_COUNT(priorities));
    for (uint32_t k = 0; k < STAND_COUNT(filled); k++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        assert_int_equal(stand_index(&s, ticket.node), filled[k]);
    }
    stand_refused(&s, NULL, LW_SATURATED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_least_in_flight, open_subset, close_subset),
        cmocka_unit_test_setup_teardown(test_exploring, open_subset, close_subset),
        cmocka_unit_test_setup_teardown(test_filling, open_subset, close_subset),
        cmocka_unit_test_setup_teardown(test_filling_by_priority, open_subset, close_subset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
