/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Statistics: every number of a pool and of a node, in a life of which all of them are known; and memory. */
#include "pool_stand.h"

static stand s;

static int open_stats(void **state) {
    (void)state;
    stand_open(&s, 61);
    return 0;
}

static int close_stats(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

/* Each statistic but bytes, by its name; all others must be 0. */
struct known {
    const char *name;
    uint64_t value;
};

static void assert_stats(const struct known *known, size_t count) {
    lw_pool_stats stats = stand_stats(&s);
    const char *names[] = {
#define NAME(type, member, meaning) #member,
        LW_POOL_STATS_LIST(NAME)
#undef NAME
    };
    const uint64_t values[] = {
#define VALUE(type, member, meaning) stats.member,
        LW_POOL_STATS_LIST(VALUE)
#undef VALUE
    };
    for (size_t i = 0; i < STAND_COUNT(names); i++) {
        uint64_t expected = 0;
        for (size_t k = 0; k < count; k++) {
            expected = strcmp(known[k].name, names[i]) == 0 ? known[k].value : expected;
        }
        if (values[i] != expected && strcmp(names[i], "bytes") != 0) {
            fail_msg("%s is %llu in place of %llu", names[i], (unsigned long long)values[i],
                     (unsigned long long)expected);
        }
    }
}

#define ASSERT_STATS(...)                                                                                              \
    do {                                                                                                               \
        const struct known known[] = {__VA_ARGS__};                                                                    \
        assert_stats(known, STAND_COUNT(known));                                                                       \
    } while (0)

/* ---- the pool ---- */

static void test_counts(void **state) {
    (void)state;
    lw_ticket held[3];
    uint32_t other;
    s.options.grace = 10 * SECOND;
    assert_int_equal(lw_pool_new(&s.pool, &s.env, &s.options), LW_OK);
    ASSERT_STATS({"nodes", 0});
    assert_int_equal(lw_pool_route(s.pool, "default", "random", NULL, &s.route), LW_OK);
    stand_update(&s, 3);
    uint64_t waiting = stand_stats(&s).waiting;
    ASSERT_STATS({"nodes", 3}, {"eligible", 3}, {"routes", 1}, {"updates", 1}, {"plans", 1}, {"waiting", waiting});
    stand_update(&s, 3); /* nothing changes */
    held[0] = stand_pick_node(&s, 0);
    s.book.now += 7;
    held[1] = stand_pick_node(&s, 1);
    held[2] = stand_pick_node(&s, 2);
    s.book.now += 5;
    stand_admin(&s, 1, LW_ADMIN_DISABLED, 0);
    waiting = stand_stats(&s).waiting;
    ASSERT_STATS({"nodes", 3}, {"eligible", 2}, {"routes", 1}, {"updates", 1}, {"plans", 1}, {"waiting", waiting},
                 {"tickets", 3}, {"oldest", 12}, {"picks", 3});
    stand_done(&s, &held[0], LW_OUTCOME_OK);
    assert_int_equal(lw_done(s.pool, &held[0], NULL), LW_ALREADY);
    stand_cancel(&s, &held[2]);
    stand_admin(&s, 0, LW_ADMIN_DISABLED, 0);
    stand_admin(&s, 2, LW_ADMIN_DISABLED, 0);
    stand_refused(&s, NULL, LW_DRAINING);
    assert_int_equal(lw_pool_route(s.pool, "other", "ring", NULL, &other), LW_OK);
    stand_update(&s, 1);
    waiting = stand_stats(&s).waiting;
    ASSERT_STATS({"nodes", 1}, {"routes", 2}, {"updates", 2}, {"plans", 4}, {"waiting", waiting}, {"tickets", 1},
                 {"oldest", 5}, {"picks", 3}, {"refusals", 1}, {"ended", 2}, {"already", 1}, {"leaving", 1},
                 {"resting", 2});
    for (int i = 0; i < 6; i++) {
        s.book.now += 2 * SECOND;
        stand_tick(&s);
    }
    ASSERT_STATS({"nodes", 1}, {"routes", 2}, {"updates", 2}, {"plans", 4}, {"tickets", 1}, {"oldest", 12 * SECOND + 5},
                 {"picks", 3}, {"refusals", 1}, {"ended", 2}, {"already", 1}, {"leaving", 1});
    stand_done(&s, &held[1], LW_OUTCOME_OK);
}

/* A program with an older, shorter header gets what it knows of. */
static void test_shorter(void **state) {
    (void)state;
    lw_pool_stats stats = {.size = offsetof(lw_pool_stats, routes), .routes = 77};
    stand_found(&s, "random", 3);
    assert_int_equal(lw_pool_stats_read(s.pool, s.book.now, &stats), LW_OK);
    assert_int_equal(stats.nodes, 3);
    assert_int_equal(stats.routes, 77);
    assert_int_equal(stats.size, offsetof(lw_pool_stats, routes));
    stats.size = 0;
    assert_int_equal(lw_pool_stats_read(s.pool, s.book.now, &stats), LW_INVALID);
}

/* ---- a node ---- */

static void test_node(void **state) {
    (void)state;
    int mark;
    s.options.slow_start = 100 * SECOND;
    s.options.instances = 2;
    s.spec[1].weight = 9;
    s.spec[1].priority = 3;
    s.spec[1].max_inflight = 7;
    s.spec[1].user = &mark;
    stand_found(&s, "random", 2);
    uint64_t others[STAND_MOST];
    lw_request request = stand_only(&s, 1, others);
    request.cost = 12;
    lw_ticket ticket = stand_pick(&s, &request);
    assert_int_equal(lw_pool_report_load(s.pool, stand_id(&s, 1), 0.5, s.book.now), LW_OK);
    s.book.now += 50 * SECOND;
    lw_node_info info = stand_info(&s, 1);
    assert_int_equal(info.node, lw_id("n1", 2));
    assert_string_equal(info.name, "n1");
    assert_ptr_equal(info.user, &mark);
    assert_int_equal(info.weight, 9);
    assert_int_equal(info.priority, 3);
    assert_int_equal(info.admin, LW_ADMIN_ACTIVE);
    assert_int_equal(info.status, LW_HEALTHY);
    assert_int_equal(info.reasons, 0);
    assert_int_equal(info.retry_at, 0);
    assert_int_equal(info.inflight, 1);
    assert_int_equal(info.max_inflight, 4);
    assert_int_equal(info.cost, 12);
    assert_int_equal(info.started, 1);
    assert_int_equal(info.ejections, 0);
    assert_true(info.external == 0.5);
    assert_true(fabs(info.ramp - 0.5) < 1e-6);
    assert_true(info.remaining == 1);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_int_equal(stand_info(&s, 1).cost, 0);
    assert_true(isnan(stand_info(&s, 0).external));
}

static void test_unknown_node(void **state) {
    (void)state;
    lw_node_info info = {.size = sizeof info};
    stand_found(&s, "random", 1);
    assert_int_equal(lw_pool_node(s.pool, 5, s.book.now, &info), LW_UNKNOWN);
    info.size = 4;
    assert_int_equal(lw_pool_node(s.pool, stand_id(&s, 0), s.book.now, &info), LW_INVALID);
}

/* ---- each ---- */

struct walk {
    uint32_t seen[STAND_MOST], count, stop_at;
};

static int walk_on(void *user, const lw_node_info *info) {
    struct walk *walk = user;
    walk->seen[walk->count++] = stand_index(&s, info->node);
    return walk->count == walk->stop_at ? -9 : 0;
}

/* In the order in which they came, whatever the order of later lists. */
static void test_each(void **state) {
    (void)state;
    struct walk walk = {0};
    static const uint32_t order[] = {0, 2, 3, 1};
    stand_found(&s, "random", 3);
    lw_node_spec first = s.spec[0], second = s.spec[1];
    s.spec[0] = s.spec[2], s.spec[1] = s.spec[3], s.spec[2] = first;
    stand_update(&s, 3);
    s.spec[3] = second;
    stand_update(&s, 4);
    assert_int_equal(lw_pool_each(s.pool, s.book.now, walk_on, &walk), 0);
    assert_int_equal(walk.count, 4);
    assert_memory_equal(walk.seen, order, sizeof order);
    memset(&walk, 0, sizeof walk);
    walk.stop_at = 2;
    assert_int_equal(lw_pool_each(s.pool, s.book.now, walk_on, &walk), -9);
    assert_int_equal(walk.count, 2);
}

/* ---- memory ---- */

enum { MANY = 10000, NAME = 12 };

static lw_node_spec *many_specs(void) {
    static char names[MANY][NAME];
    static lw_node_spec specs[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], NAME, "node-%u", (unsigned)i);
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
    }
    return specs;
}

/* 10,000 nodes take less than 512 bytes each beyond their names, as the ledger sees it. `bytes` says most of it: not
   the map of ids, nor what blocks are rounded up to. */
static void test_memory(void **state) {
    (void)state;
    static const char *const specs[] = {"random", "p2c metric=peak_ewma", "round_robin", "least_load"};
    for (size_t i = 0; i < STAND_COUNT(specs); i++) {
        stand_close(&s);
        stand_open(&s, 61);
        s.options.max_tickets = 1;
        stand_found(&s, specs[i], 0);
        uint64_t before = s.book.live_bytes;
        assert_int_equal(lw_pool_update(s.pool, many_specs(), MANY, 0, NULL), LW_OK);
        stand_tick(&s);
        stand_tick(&s);
        uint64_t used = s.book.live_bytes - before, names = MANY * NAME;
        assert_true(used > names);
        double each = (double)(used - names) / MANY, told = (double)stand_stats(&s).bytes / MANY;
        if (!(each < 512 && told < each && told > 0.75 * each)) {
            fail_msg("%s: %.1f bytes, told %.1f", specs[i], each, told);
        }
    }
}

/* However often nodes come and go, memory comes back. */
static void test_memory_is_flat(void **state) {
    (void)state;
    uint64_t after_first = 0;
    lw_node_spec *specs = many_specs();
    s.options.observer = NULL;
    stand_found(&s, "ring vnodes=4", 0);
    for (int round = 0; round < 200; round++) {
        assert_int_equal(lw_pool_update(s.pool, specs + round, 100, 0, NULL), LW_OK);
        for (int i = 0; i < 8; i++) {
            stand_tick(&s);
        }
        assert_int_equal(stand_stats(&s).waiting, 0);
        after_first = round == 0 ? s.book.live_bytes : after_first;
        assert_in_range(s.book.live_bytes, after_first - 2000, after_first + 2000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_shorter, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_node, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_unknown_node, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_each, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_memory, open_stats, close_stats),
        cmocka_unit_test_setup_teardown(test_memory_is_flat, open_stats, close_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
