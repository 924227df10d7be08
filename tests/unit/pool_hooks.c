/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside hooks: what would change the pool is refused, all else works, and nothing waits for itself.
 *
 * Each test brings about one kind of event. The hook then tries everything that a hook may and may not do. A program
 * that waits for itself is ended by its alarm clock.
 */
#include "pool_stand.h"

#include <unistd.h>

static stand s;
static uint32_t calls; /* of the hook under test */
static uint32_t inner; /* of hooks while one is under way */
static bool under_way;

static int open_hooks(void **state) {
    (void)state;
    stand_open(&s, 47);
    s.options.observer = &s.observer;
    s.observer = (lw_observer)LW_OBSERVER_INIT;
    s.observer.user = &s;
    calls = inner = 0;
    under_way = false;
    alarm(120);
    return 0;
}

static int close_hooks(void **state) {
    (void)state;
    alarm(0);
    stand_close(&s);
    return 0;
}

/* ---- what a hook tries ---- */

static void try_changes(void) {
    uint32_t route;
    uint64_t next;
    assert_int_equal(lw_pool_update(s.pool, s.spec, s.count + 1, 0, NULL), LW_BUSY);
    assert_told(&s.book, LW_BUSY, "hook");
    assert_int_equal(lw_pool_update(s.pool, NULL, 0, LW_UPDATE_KEEP_LAST, NULL), LW_BUSY);
    assert_int_equal(lw_pool_route(s.pool, "another", "random", NULL, &route), LW_BUSY);
    assert_int_equal(lw_pool_route(s.pool, "default", "ring", NULL, &route), LW_BUSY);
    assert_int_equal(lw_pool_tick(s.pool, s.book.now, &next), LW_BUSY);
    assert_int_equal(lw_pool_after_fork(s.pool), LW_BUSY);
    lw_pool_free(s.pool);
}

static int read_node(void *user, const lw_node_info *info) {
    lw_node_info again = {.size = sizeof again};
    (*(uint32_t *)user)++;
    assert_int_equal(lw_pool_node(s.pool, info->node, s.book.now, &again), LW_OK);
    assert_string_equal(again.name, info->name);
    return 0;
}

static void try_reads(void) {
    uint32_t nodes = 0, route;
    lw_pool_stats stats = stand_stats(&s);
    assert_int_equal(lw_pool_each(s.pool, s.book.now, read_node, &nodes), 0);
    assert_int_equal(nodes, stats.nodes);
    assert_int_equal(lw_pool_route_number(s.pool, "default", &route), LW_OK);
    assert_int_equal(route, s.route);
}

static void try_picks(void) {
    lw_ticket ticket;
    lw_explanation why = LW_EXPLANATION_INIT;
    uint64_t tickets = stand_stats(&s).tickets;
    int error = stand_try(&s, NULL, &ticket);
    assert_true(error == LW_OK || lw_is_refusal(error));
    if (error == LW_OK) {
        assert_int_equal(stand_stats(&s).tickets, tickets + 1);
        stand_done(&s, &ticket, LW_OUTCOME_OK);
    }
    if (stand_try(&s, NULL, &ticket) == LW_OK) {
        stand_cancel(&s, &ticket);
    }
    assert_int_equal(stand_stats(&s).tickets, tickets);
    lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why);
}

static void try_all(void) {
    if (under_way) {
        inner++;
        return;
    }
    under_way = true;
    calls++;
    try_changes();
    try_reads();
    try_picks();
    try_changes(); /* a hook within a hook does not open the pool again */
    under_way = false;
}

static void hook_selected(void *user, uint64_t node, const char *strategy) {
    (void)user;
    assert_string_equal(strategy, "random");
    stand_index(&s, node);
    try_all();
}

static void hook_refused(void *user, int reason) {
    (void)user;
    assert_true(lw_is_refusal(reason));
    try_all();
}

static void hook_finished(void *user, uint64_t node, const lw_sample *sample) {
    (void)user;
    (void)node;
    assert_non_null(sample);
    try_all();
}

static void hook_changed(void *user, uint64_t node, uint32_t from, uint32_t to, uint32_t cause) {
    (void)user;
    (void)node;
    (void)from;
    (void)to;
    (void)cause;
    try_all();
}

static void hook_exhausted(void *user, uint64_t node, const char *dimension, uint64_t until) {
    (void)user;
    (void)node;
    (void)until;
    assert_string_equal(dimension, "rpm");
    try_all();
}

static void hook_released(void *user, uint64_t node, const char *dimension) {
    (void)user;
    (void)node;
    (void)dimension;
    try_all();
}

static void hook_probe(void *user, uint64_t node, int begins) {
    (void)user;
    (void)node;
    (void)begins;
    try_all();
}

static void hook_node(void *user, uint64_t node) {
    (void)user;
    (void)node;
    try_all();
}

static void hook_panic(void *user, uint32_t route, uint32_t priority, int begins) {
    (void)user;
    (void)route;
    (void)priority;
    (void)begins;
    try_all();
}

static void hook_lost(void *user, uint64_t node, uint64_t age) {
    (void)user;
    (void)node;
    (void)age;
    try_all();
}

/* After the hooks the pool may be changed as ever. */
static void assert_changes_again(void) {
    stand_update(&s, s.count + 1);
    stand_tick(&s);
    assert_int_equal(lw_pool_route(s.pool, "default", "random", NULL, &s.route), LW_OK);
}

/* ---- events ---- */

static void test_selected(void **state) {
    (void)state;
    s.observer.selected = hook_selected;
    stand_found(&s, "random", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(calls, 1);
    assert_true(inner >= 2);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_changes_again();
}

static void test_refused(void **state) {
    (void)state;
    s.observer.refused = hook_refused;
    stand_found(&s, "random", 2);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    stand_refused(&s, NULL, LW_DRAINING);
    assert_int_equal(calls, 1);
    assert_changes_again();
}

static void test_finished(void **state) {
    (void)state;
    s.observer.finished = hook_finished;
    stand_found(&s, "random", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    stand_done(&s, &ticket, LW_OUTCOME_FAILURE);
    assert_int_equal(calls, 1);
    ticket = stand_pick(&s, NULL);
    stand_cancel(&s, &ticket);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

static void test_health(void **state) {
    (void)state;
    s.observer.health_changed = hook_changed;
    s.observer.probe = hook_probe;
    stand_found(&s, "random", 2);
    stand_serve_times(&s, 0, LW_OUTCOME_FAILURE, 3);
    assert_int_equal(calls, 2);
    s.book.now += 10 * SECOND;
    stand_serve(&s, 0, LW_OUTCOME_OK, 0);
    assert_in_range(calls, 4, 5); /* probe begins, probe ends, recovering */
    uint32_t before = calls;
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    assert_int_equal(calls, before + 1);
    assert_changes_again();
}

static void test_panic(void **state) {
    (void)state;
    s.observer.panic = hook_panic;
    stand_found(&s, "random", 1);
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_pick(&s, NULL);
    assert_int_equal(calls, 1);
    assert_changes_again();
}

static void test_drained(void **state) {
    (void)state;
    s.observer.drained = hook_node;
    stand_found(&s, "random", 2);
    lw_ticket ticket = stand_pick_node(&s, 0);
    stand_admin(&s, 0, LW_ADMIN_DRAINING, 0);
    stand_admin(&s, 1, LW_ADMIN_DRAINING, 0);
    assert_int_equal(calls, 1);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

static void test_lost(void **state) {
    (void)state;
    s.observer.lost = hook_lost;
    s.options.ticket_ttl = SECOND;
    stand_found(&s, "random", 2);
    stand_pick(&s, NULL);
    stand_pick(&s, NULL);
    s.book.now += SECOND;
    stand_tick(&s);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

static void test_forgotten(void **state) {
    (void)state;
    s.observer.forgotten = hook_node;
    stand_found(&s, "random", 3);
    stand_update(&s, 1);
    for (int i = 0; i < 8; i++) {
        stand_tick(&s);
    }
    assert_int_equal(calls, 2);
    assert_changes_again();
}

static void test_quotas(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension,
                                    .name = "rpm",
                                    .kind = LW_QUOTA_GCRA,
                                    .estimate = LW_QUOTA_FIXED,
                                    .window = SECOND,
                                    .fixed = 1};
    lw_quota_limit limit = {.limit = 10, .burst = 2};
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    s.spec[0].limits = &limit;
    s.spec[0].limit_count = 1;
    s.observer.quota_exhausted = hook_exhausted;
    s.observer.quota_released = hook_released;
    stand_found(&s, "random", 1);
    stand_pick(&s, NULL);
    stand_pick(&s, NULL);
    stand_refused(&s, NULL, LW_OVER_QUOTA);
    assert_int_equal(calls, 1);
    s.book.now += SECOND;
    stand_pick(&s, NULL);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

/* An ejection that ends is told by whoever finds out: a pick, a tick, or an update. */
static void found_ejected(void) {
    static lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    static lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    health.failure_threshold = 100;
    s.options.outlier = &outlier;
    s.options.health = &health;
    stand_found(&s, "random", 3);
    stand_serve_times(&s, 1, LW_OUTCOME_FAILURE, 5);
    s.book.now += 30 * SECOND;
}

static void test_back_in_an_update(void **state) {
    (void)state;
    s.observer.health_changed = hook_changed;
    found_ejected();
    assert_int_equal(calls, 1);
    lw_node_spec first = s.spec[0], second = s.spec[1];
    s.spec[1] = s.spec[2];
    stand_update(&s, 2); /* without the one that was ejected */
    s.spec[0] = first, s.spec[1] = second;
    stand_update(&s, 3);
    stand_tick(&s);
    assert_in_range(calls, 1, 2);
}

static void test_back_in_a_tick(void **state) {
    (void)state;
    s.observer.health_changed = hook_changed;
    found_ejected();
    stand_tick(&s);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

static void test_back_in_a_change(void **state) {
    (void)state;
    s.observer.health_changed = hook_changed;
    found_ejected();
    s.spec[1].weight = 7;
    stand_update(&s, 3);
    assert_int_equal(lw_pool_route(s.pool, "default", "ring", NULL, &s.route), LW_OK);
    stand_tick(&s);
    assert_int_equal(calls, 2);
}

/* ---- lw_pool_each is a hook, too ---- */

static int each_tries(void *user, const lw_node_info *info) {
    (void)info;
    try_all();
    return ++*(int *)user == 2 ? 77 : 0;
}

static void test_each(void **state) {
    (void)state;
    int seen = 0;
    stand_found(&s, "random", 3);
    assert_int_equal(lw_pool_each(s.pool, s.book.now, each_tries, &seen), 77);
    assert_int_equal(seen, 2);
    assert_int_equal(calls, 2);
    assert_changes_again();
}

/* All hooks at once, in a pool where much goes on: nothing waits for itself, nothing is lost. */
static void test_all_at_once(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    s.observer.selected = hook_selected;
    s.observer.refused = hook_refused;
    s.observer.finished = hook_finished;
    s.observer.health_changed = hook_changed;
    s.observer.probe = hook_probe;
    s.observer.forgotten = hook_node;
    s.observer.drained = hook_node;
    s.observer.panic = hook_panic;
    s.observer.lost = hook_lost;
    s.options.outlier = &outlier;
    s.options.ticket_ttl = 60 * SECOND;
    stand_found(&s, "random", 4);
    for (uint32_t i = 0; i < 400; i++) {
        lw_ticket ticket;
        if (stand_try(&s, NULL, &ticket) == LW_OK && i % 7 != 0) {
            stand_done(&s, &ticket, i % 3 == 0 ? LW_OUTCOME_OK : LW_OUTCOME_FAILURE);
        }
        if (i % 10 == 0) {
            stand_admin(&s, 0, i % 20 == 0 ? LW_ADMIN_DRAINING : LW_ADMIN_ACTIVE, 0);
        }
        s.book.now += SECOND;
        stand_tick(&s);
        stand_update(&s, 3 + i % 4);
    }
    assert_true(calls > 1000);
    s.book.now += 60 * SECOND;
    stand_tick(&s);
    assert_int_equal(stand_stats(&s).tickets, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_selected, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_refused, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_finished, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_health, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_panic, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_drained, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_lost, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_forgotten, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_quotas, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_back_in_an_update, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_back_in_a_tick, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_back_in_a_change, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_each, open_hooks, close_hooks),
        cmocka_unit_test_setup_teardown(test_all_at_once, open_hooks, close_hooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
