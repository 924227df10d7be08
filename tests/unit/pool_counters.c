/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What strategies count, through a pool: summed over the groups of a route, in the order of the specification. */
#include "pool_stand.h"

static stand s;

enum { ROOM = 16 };

static lw_counter counters[ROOM];

static int open_counters(void **state) {
    (void)state;
    stand_open(&s, 31);
    return 0;
}

static int close_counters(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static ptrdiff_t read_counters(void) { return lw_pool_counters(s.pool, s.route, counters, ROOM); }

/* The counter of this name, which must be there once. */
static uint64_t value_of(const char *strategy, const char *name) {
    ptrdiff_t found = read_counters();
    uint64_t value = 0, times = 0;
    for (ptrdiff_t i = 0; i < found; i++) {
        bool meant = strcmp(counters[i].strategy, strategy) == 0 && strcmp(counters[i].name, name) == 0;
        times += meant;
        value = meant ? counters[i].value : value;
    }
    assert_int_equal(times, 1);
    return value;
}

/* Two priorities are two groups: what is under way in both is the sum. */
static void test_sums(void **state) {
    (void)state;
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    for (uint32_t i = 0; i < 6; i++) {
        s.spec[i].priority = i / 3;
        s.spec[i].max_inflight = 2;
    }
    stand_found(&s, "subset(bounded(ring, factor=1), size=3)", 6);
    assert_int_equal(value_of("bounded", "under_way"), 0);
    for (uint32_t i = 0; i < 11; i++) {
        stand_pick(&s, &request);
        assert_int_equal(value_of("bounded", "under_way"), i + 1);
    }
    assert_true(value_of("bounded", "overflows") > 0);
    assert_int_equal(read_counters(), 4);
    assert_string_equal(counters[0].name, "spills"); /* parents first */
}

/* Only so many are written as there is room for, and how many there are is told all the same. */
static void test_room(void **state) {
    (void)state;
    stand_found(&s, "chain(sticky(bounded(ring)), sticky(random))", 4);
    ptrdiff_t all = read_counters();
    assert_in_range(all, 2, ROOM - 1);
    assert_int_equal(lw_pool_counters(s.pool, s.route, NULL, 0), all);
    memset(counters, 1, sizeof counters);
    const lw_counter untouched = counters[1];
    assert_int_equal(lw_pool_counters(s.pool, s.route, counters, 1), all);
    assert_string_equal(counters[0].strategy, "sticky");
    assert_memory_equal(&counters[1], &untouched, sizeof untouched);
}

static void test_none(void **state) {
    (void)state;
    stand_found(&s, "sticky(random)", 0);
    assert_int_equal(read_counters(), 0); /* no nodes, no groups */
    stand_update(&s, 2);
    assert_true(read_counters() > 0);
    assert_int_equal(lw_pool_route(s.pool, "default", "random", NULL, &s.route), LW_OK);
    assert_int_equal(read_counters(), 0);
    assert_int_equal(lw_pool_counters(s.pool, s.route + 1, counters, ROOM), LW_UNKNOWN);
    assert_non_null(strstr(s.book.message, "route 1"));
}

/* Another strategy in the place of the first begins at 0, and so does the same one made anew. */
static void test_another_strategy(void **state) {
    (void)state;
    stand_found(&s, "bounded(ring, factor=1)", 4);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(value_of("bounded", "under_way"), 1);
    stand_update(&s, 5);
    assert_int_equal(value_of("bounded", "under_way"), 1);
    assert_int_equal(lw_pool_route(s.pool, "default", "bounded(ring, factor=2)", NULL, &s.route), LW_OK);
    assert_int_equal(value_of("bounded", "under_way"), 0);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_int_equal(value_of("bounded", "under_way"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums, open_counters, close_counters),
        cmocka_unit_test_setup_teardown(test_room, open_counters, close_counters),
        cmocka_unit_test_setup_teardown(test_none, open_counters, close_counters),
        cmocka_unit_test_setup_teardown(test_another_strategy, open_counters, close_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
