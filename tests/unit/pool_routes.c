/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Routes: several ways to choose among the same nodes, each of which sees what all of them have placed. */
#include "pool_stand.h"

#include <loadwise/ops.h>

static stand s;

static int open_routes(void **state) {
    (void)state;
    stand_open(&s, 9);
    return 0;
}

static int close_routes(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static uint32_t make_route(const char *name, const char *spec, const lw_filter *filter) {
    uint32_t route = 77;
    assert_int_equal(lw_pool_route(s.pool, name, spec, filter, &route), LW_OK);
    return route;
}

/* Picks and cancels on a route; which node it was. */
static uint32_t place(uint32_t route) {
    lw_ticket ticket;
    assert_int_equal(lw_pick_at(s.pool, route, NULL, s.book.now, &ticket), LW_OK);
    stand_cancel(&s, &ticket);
    return stand_index(&s, ticket.node);
}

/* The route gives exactly the nodes of this set, as bits. */
static void assert_reaches(uint32_t route, uint32_t set) {
    uint32_t reached = 0;
    for (int i = 0; i < 400; i++) {
        reached |= 1U << place(route);
    }
    assert_int_equal(reached, set);
}

/* ---- filters ---- */

static bool in_zone_a(void *user, const lw_nodes *nodes, uint32_t index, const lw_request *request) {
    (void)user;
    (void)request;
    const char *zone = lw_string_at(&nodes->zone, index);
    return zone != NULL && strcmp(zone, "a") == 0;
}

static void test_filters(void **state) {
    (void)state;
    lw_tag_filter large = lw_filter_tag("model", "large");
    lw_predicate_filter zone = lw_filter_predicate(in_zone_a, NULL, LW_HAS(zone));
    const lw_filter *both[] = {&large.filter, &zone.filter};
    lw_set_filter all = lw_filter_all_of(both, 2);
    s.spec[1].tags = "model=large";
    s.spec[2].tags = "x=y,model=large";
    s.spec[2].zone = "a";
    s.spec[3].zone = "a";
    s.spec[0].tags = "model=larger";
    stand_found(&s, "random", 4);
    uint32_t by_tag = make_route("tag", "random", &large.filter);
    uint32_t by_zone = make_route("zone", "random", &zone.filter);
    uint32_t by_both = make_route("both", "random", &all.filter);
    assert_reaches(s.route, 0xf);
    assert_reaches(by_tag, 6);
    assert_reaches(by_zone, 0xc);
    assert_reaches(by_both, 4);
    s.spec[1].tags = NULL; /* the filter is asked again with every update */
    s.spec[3].tags = "model=large";
    stand_update(&s, 4);
    assert_reaches(by_tag, 0xc);
    assert_reaches(by_both, 0xc);
}

static void test_filter_lets_nobody_through(void **state) {
    (void)state;
    lw_tag_filter nobody = lw_filter_tag("no", "body");
    lw_ticket ticket;
    stand_found(&s, "random", 3);
    uint32_t route = make_route("empty", "random", &nobody.filter);
    assert_int_equal(lw_pick_at(s.pool, route, NULL, s.book.now, &ticket), LW_FILTERED);
    assert_int_equal(ticket.retry, LW_RETRY_NEVER);
    s.spec[1].tags = "no=body";
    stand_update(&s, 3);
    assert_int_equal(place(route), 1);
}

/* Filters may not read what changes by the minute. */
static void test_filter_that_reads_too_much(void **state) {
    (void)state;
    lw_health_filter healthy = lw_filter_health(LW_STATUS_BIT(LW_HEALTHY));
    uint32_t route = 0;
    stand_found(&s, "random", 2);
    assert_int_equal(lw_pool_route(s.pool, "bad", "random", &healthy.filter, &route), LW_NO_COLUMN);
    assert_int_equal(lw_pool_route_number(s.pool, "bad", &route), LW_UNKNOWN);
    assert_int_equal(lw_pool_route(s.pool, "default", "ring", &healthy.filter, &route), LW_NO_COLUMN);
    assert_reaches(s.route, 3); /* as it was */
}

/* ---- names and numbers ---- */

static void test_numbers(void **state) {
    (void)state;
    uint32_t number = 99;
    stand_found(&s, "random", 2);
    assert_int_equal(s.route, 0);
    assert_int_equal(make_route("second", "random", NULL), 1);
    assert_int_equal(make_route("third", "random", NULL), 2);
    assert_int_equal(make_route("second", "ring", NULL), 1);
    assert_int_equal(lw_pool_route_number(s.pool, "third", &number), LW_OK);
    assert_int_equal(number, 2);
    assert_int_equal(lw_pool_route_number(s.pool, "fourth", &number), LW_UNKNOWN);
    assert_told(&s.book, LW_UNKNOWN, "fourth");
    assert_int_equal(stand_stats(&s).routes, 3);
}

static void test_wrong_strategies(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        int error;
    } wrong[] = {{"", LW_SYNTAX},         {"nobody", LW_UNKNOWN},     {"p2c choices=99", LW_RANGE},
                 {"p2c x=1", LW_UNKNOWN}, {"p2c metric=x", LW_RANGE}, {"chain(p2c", LW_SYNTAX}};
    uint32_t route;
    stand_found(&s, "round_robin lanes=1 phase=0", 2);
    uint64_t live = s.book.live;
    for (size_t i = 0; i < STAND_COUNT(wrong); i++) {
        int error = lw_pool_route(s.pool, "default", wrong[i].spec, NULL, &route);
        if (error != wrong[i].error) {
            fail_msg("%s gives %s", wrong[i].spec, lw_error_name(error));
        }
        assert_int_equal(lw_pool_route(s.pool, "other", wrong[i].spec, NULL, &route), error);
        assert_int_equal(s.book.live, live);
    }
    assert_int_equal(stand_stats(&s).routes, 1);
    assert_reaches(s.route, 3);
}

static void test_too_many_levels(void **state) {
    (void)state;
    uint32_t route;
    stand_found(&s, "random", 0);
    for (uint32_t i = 0; i < 9; i++) {
        s.spec[i].priority = 10 * i;
    }
    stand_update(&s, LW_POOL_LEVELS);
    assert_int_equal(lw_pool_update(s.pool, s.spec, 9, 0, NULL), LW_TOO_LARGE);
    assert_int_equal(stand_stats(&s).nodes, LW_POOL_LEVELS);
    assert_int_equal(lw_pool_route(s.pool, "two", "random", NULL, &route), LW_OK);
}

/* Before there are nodes, and before there are routes. */
static void test_empty(void **state) {
    (void)state;
    lw_ticket ticket;
    assert_int_equal(lw_pool_new(&s.pool, &s.env, &s.options), LW_OK);
    assert_int_equal(lw_pick_at(s.pool, 0, NULL, s.book.now, &ticket), LW_UNKNOWN);
    stand_update(&s, 2);
    assert_int_equal(lw_pick_at(s.pool, 0, NULL, s.book.now, &ticket), LW_UNKNOWN);
    s.route = make_route("default", "random", NULL);
    assert_reaches(s.route, 3);
    stand_update(&s, 0);
    assert_int_equal(stand_refused(&s, NULL, LW_NO_NODES).retry, LW_RETRY_NEVER);
}

/* ---- the same nodes ---- */

/* Each route sees what the others have placed. */
static void test_shared_load(void **state) {
    (void)state;
    lw_ticket held[3];
    stand_found(&s, "least_load", 4);
    uint32_t other = make_route("other", "least_load", NULL);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(lw_pick_at(s.pool, i % 2 ? s.route : other, NULL, s.book.now, &held[i]), LW_OK);
        taken |= 1U << stand_index(&s, held[i].node);
    }
    assert_int_equal(__builtin_popcount(taken), 3);
    assert_reaches(other, 0xf & ~taken);
    assert_reaches(s.route, 0xf & ~taken);
    for (uint32_t i = 0; i < 3; i++) {
        stand_done(&s, &held[i], LW_OUTCOME_OK);
    }
}

static void test_shared_health(void **state) {
    (void)state;
    stand_found(&s, "random", 3);
    uint32_t other = make_route("other", "ring", NULL);
    stand_verdict(&s, 1, LW_VERDICT_DOWN);
    assert_reaches(s.route, 5);
    assert_reaches(other, 5);
}

/* A swap under outstanding tickets: they end as usual, and what is known of the nodes stays. */
static void test_swap(void **state) {
    (void)state;
    static const char *const specs[] = {"p2c metric=peak_ewma", "ring vnodes=20", "least_load",    "round_robin",
                                        "smooth_wrr",           "random",         "most_available"};
    lw_ticket held[STAND_COUNT(specs)];
    stand_found(&s, "random", 4);
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        held[i] = stand_pick(&s, NULL);
        assert_int_equal(make_route("default", specs[i], NULL), s.route);
        assert_int_equal(stand_stats(&s).tickets, i + 1);
    }
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        stand_done(&s, &held[i], LW_OUTCOME_OK);
    }
    uint64_t started = 0;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(stand_info(&s, i).inflight, 0);
        started += stand_info(&s, i).started;
    }
    assert_int_equal(started, STAND_COUNT(specs));
    for (int i = 0; i < 6; i++) {
        stand_tick(&s);
    }
    assert_int_equal(stand_stats(&s).waiting, 0);
}

/* An update that leaves the members of a route as they are leaves its rotation where it is. */
static void test_rotation_goes_on(void **state) {
    (void)state;
    lw_tag_filter mine = lw_filter_tag("mine", "1");
    s.spec[0].tags = s.spec[1].tags = s.spec[2].tags = "mine=1";
    stand_found(&s, "random", 4);
    uint32_t route = make_route("mine", "round_robin lanes=1 phase=0", &mine.filter);
    for (uint32_t i = 0; i < 30; i++) {
        s.spec[3].weight = i;
        stand_update(&s, 4 + i % 3);
        assert_int_equal(place(route), i % 3);
    }
}

/* ---- strategies of one's own ---- */

static ptrdiff_t pick_last(const lw_view *view) {
    for (uint32_t i = view->count; i > 0; i--) {
        if (lw_view_may(view, i - 1)) {
            return i - 1;
        }
    }
    return LW_FILTERED;
}

static void test_own_strategies(void **state) {
    (void)state;
    static const lw_strategy_ops last = {.size = sizeof last, .name = "last", .help = "Last.", .pick = pick_last};
    static const lw_strategy_ops random = {.size = sizeof random, .name = "random", .help = "Also.", .pick = pick_last};
    const lw_strategy_ops *ops[] = {&last, &random};
    s.options.ops = ops;
    s.options.ops_count = 2;
    stand_found(&s, "chain(ring absent_key=next, last)", 4);
    assert_reaches(s.route, 8);
    stand_admin(&s, 3, LW_ADMIN_DRAINING, 0);
    assert_reaches(s.route, 4);
    assert_reaches(make_route("own before built-in", "random", NULL), 4);
    stand_update(&s, 2);
    assert_reaches(s.route, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_filters, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_filter_lets_nobody_through, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_filter_that_reads_too_much, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_numbers, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_wrong_strategies, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_too_many_levels, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_empty, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_shared_load, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_shared_health, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_swap, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_rotation_goes_on, open_routes, close_routes),
        cmocka_unit_test_setup_teardown(test_own_strategies, open_routes, close_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
