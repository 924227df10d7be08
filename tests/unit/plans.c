/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Plans: built once for a version of a set, kept while sets alternate, freed when replaced. A strategy of our own
 * counts what the engine asks of it, the ledger what it takes. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 6, SET = 500 };

/* What the census saw. A plan is two blocks, so that plan_free has something to do. */
static struct {
    uint32_t built, freed;
    uint64_t seed;
    uint64_t ids[NODES];
    uint32_t weights[NODES];
    uint32_t was[NODES];
    uint32_t count;
    uint32_t refuse; /* the next builds fail */
} census;

struct census_plan {
    uint64_t *ids;
    uint32_t count;
};

static int census_build(const lw_build *build, void **out) {
    if (census.refuse) {
        return lw_build_fail(build, LW_TOO_LARGE, 2, "does not suit the census");
    }
    struct census_plan *plan = lw_build_alloc(build, sizeof *plan);
    uint64_t *ids = lw_build_alloc(build, build->count * sizeof *ids);
    if (plan == NULL || ids == NULL) {
        lw_build_release(build, plan);
        lw_build_release(build, ids);
        return LW_NOMEM;
    }
    memcpy(ids, build->ids, build->count * sizeof *ids);
    *plan = (struct census_plan){ids, build->count};
    census.built++;
    census.seed = build->seed;
    census.count = build->count;
    const uint32_t *was;
    assert_int_equal(lw_build_was(build, &was), LW_OK);
    assert_int_equal(was != NULL, build->previous != NULL);
    for (uint32_t i = 0; i < NODES && i < build->count; i++) {
        census.ids[i] = build->ids[i];
        census.weights[i] = build->weights[i];
        census.was[i] = was != NULL ? was[i] : LW_BUILD_NEW;
    }
    *out = plan;
    return LW_OK;
}

static void census_free(const lw_build *build, void *memory) {
    struct census_plan *plan = memory;
    census.freed++;
    lw_build_release(build, plan->ids);
    lw_build_release(build, plan);
}

/* The node whose id is the key, by the plan alone. */
static ptrdiff_t census_pick(const lw_view *view) {
    const struct census_plan *plan = lw_view_plan(view);
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->ids[i] == view->request->key) {
            return i;
        }
    }
    return LW_NO_KEY;
}

static const lw_strategy_ops census_ops = {
    .size = sizeof census_ops,
    .name = "census",
    .help = "Counts its plans.",
    .needs = LW_HAS(id) | LW_NEEDS_PLAN,
    .plan_build = census_build,
    .plan_free = census_free,
    .pick = census_pick,
};

static const lw_strategy_ops *const own[] = {&census_ops};
static fleet nodes, others;
static ledger book;
static lw_strategy *strategy;

static int open_census(void **state) {
    (void)state;
    memset(&census, 0, sizeof census);
    ledger_open(&book);
    lw_env env = ledger_env(&book, 77);
    fleet_open(&nodes, NODES, SET);
    fleet_open(&others, NODES, SET + 1);
    for (uint32_t i = 0; i < NODES; i++) {
        others.member[i].id += 100;
    }
    return lw_strategy_from_ops(&strategy, &env, own, 1, "census");
}

static int close_census(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    ledger_close(&book);
    assert_int_equal(census.built, census.freed);
    return 0;
}

static ptrdiff_t find(const lw_nodes *among, uint64_t id) {
    lw_request request = keyed(id);
    return lw_select(strategy, among, &request);
}

static ptrdiff_t find_prepared(const lw_nodes *among, uint64_t id) {
    lw_request request = keyed(id);
    request.flags |= LW_REQUEST_PREPARED_ONLY;
    return lw_select(strategy, among, &request);
}

static uint32_t plans_alive(void) { return census.built - census.freed; }

static void test_prepare_is_idempotent(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_int_equal(find(&nodes.nodes, 1003), 3);
    }
    assert_int_equal(census.built, 1);
    uint64_t asked = book.asked;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_int_equal(find_prepared(&nodes.nodes, 1005), 5);
    assert_int_equal(book.asked, asked);
}

static void test_the_first_pick_prepares(void **state) {
    (void)state;
    assert_int_equal(find_prepared(&nodes.nodes, 1002), LW_NOT_PREPARED);
    assert_int_equal(census.built, 0);
    assert_int_equal(find(&nodes.nodes, 1002), 2);
    assert_int_equal(find(&nodes.nodes, 1004), 4);
    assert_int_equal(find_prepared(&nodes.nodes, 1002), 2);
    assert_int_equal(census.built, 1);
}

static void test_what_a_build_is_given(void **state) {
    (void)state;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_true(census.seed == 77);
    assert_int_equal(census.count, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(census.ids[i] == nodes.member[i].id);
        assert_int_equal(census.weights[i], nodes.member[i].weight);
    }
    nodes.nodes.present = LW_HAS(name);
    nodes.nodes.version++;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(census.ids[i] == lw_id(nodes.name[i], strlen(nodes.name[i])));
        assert_int_equal(census.weights[i], 1);
    }
}

static void test_where_nodes_stood_before(void **state) {
    (void)state;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(census.was[i], LW_BUILD_NEW);
    }
    member first = nodes.member[0];
    nodes.member[0] = nodes.member[4];
    nodes.member[4] = first;
    nodes.member[2].id = 77;
    nodes.nodes.version++;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    static const uint32_t was[NODES] = {4, 1, LW_BUILD_NEW, 3, 0, 5};
    assert_memory_equal(census.was, was, sizeof was);
}

static void test_two_strategies_share_nothing(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 78);
    lw_strategy *second;
    assert_int_equal(lw_strategy_from_ops(&second, &env, own, 1, "census"), LW_OK);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_int_equal(lw_prepare(second, &nodes.nodes), LW_OK);
    assert_int_equal(census.built, 2);
    lw_strategy_free(second);
    assert_int_equal(census.freed, 1);
    assert_int_equal(find_prepared(&nodes.nodes, 1001), 1);
}

static void test_a_new_version_builds_anew(void **state) {
    (void)state;
    lw_nodes old = nodes.nodes;
    assert_int_equal(find(&old, 1000), 0);
    nodes.member[0].id = 9;
    nodes.nodes.version = 2;
    assert_int_equal(find_prepared(&nodes.nodes, 9), LW_NOT_PREPARED);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_int_equal(census.built, 2);
    assert_int_equal(find_prepared(&nodes.nodes, 9), 0);
    assert_int_equal(find_prepared(&nodes.nodes, 1000), LW_NO_KEY);
}

/* Any change of the number is a new version, also a lower one. */
static void test_versions_are_compared_for_equality(void **state) {
    (void)state;
    static const uint64_t versions[] = {5, 4, UINT64_MAX, 0};
    for (uint32_t i = 0; i < 4; i++) {
        nodes.nodes.version = versions[i];
        nodes.member[0].id = i;
        assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
        assert_int_equal(find_prepared(&nodes.nodes, i), 0);
        assert_int_equal(census.built, i + 1);
    }
}

/* Threads that still hold the version before do not make it anew. */
static void test_the_last_two_versions_are_kept(void **state) {
    (void)state;
    lw_nodes old = nodes.nodes;
    assert_int_equal(lw_prepare(strategy, &old), LW_OK);
    nodes.nodes.version = 2;
    for (int turn = 0; turn < 10; turn++) {
        assert_int_equal(find(&nodes.nodes, 1001), 1);
        assert_int_equal(find(&old, 1001), 1);
    }
    assert_int_equal(census.built, 2);
    nodes.nodes.version = 3;
    assert_int_equal(find(&nodes.nodes, 1001), 1);
    assert_int_equal(find_prepared(&old, 1001), LW_NOT_PREPARED);
}

/* Nor do those that hold older ones, in any order, drive the newest out: picks that may not prepare go by it. */
static void test_late_versions_leave_the_newest(void **state) {
    (void)state;
    lw_nodes versions[4];
    for (uint32_t i = 0; i < 4; i++) {
        versions[i] = nodes.nodes;
        versions[i].version = i + 1;
    }
    assert_int_equal(lw_prepare(strategy, &versions[2]), LW_OK);
    assert_int_equal(lw_prepare(strategy, &versions[3]), LW_OK);
    for (uint32_t turn = 0; turn < 10; turn++) {
        assert_int_equal(find(&versions[turn % 3], 1001), 1);
        assert_int_equal(find_prepared(&versions[3], 1001), 1);
    }
}

static void test_count_is_part_of_the_key(void **state) {
    (void)state;
    assert_int_equal(find(&nodes.nodes, 1005), 5);
    nodes.nodes.count = NODES - 1;
    assert_int_equal(find_prepared(&nodes.nodes, 1005), LW_NOT_PREPARED);
    assert_int_equal(find(&nodes.nodes, 1005), LW_NO_KEY);
    assert_int_equal(census.built, 2);
}

static void test_loads_and_bitmap_are_free_to_change(void **state) {
    (void)state;
    assert_int_equal(find(&nodes.nodes, 1005), 5);
    fleet_nobody(&nodes);
    nodes.member[1].load = 1e9;
    nodes.member[2].health = LW_UNHEALTHY;
    assert_int_equal(find_prepared(&nodes.nodes, 1005), 5);
    assert_int_equal(census.built, 1);
}

static void test_eight_sets_alternate_without_building(void **state) {
    (void)state;
    static const uint64_t sets[] = {1, 2, SET, SET + 1, SET + 1000, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    for (int turn = 0; turn < 20; turn++) {
        for (uint32_t i = 0; i < 8; i++) {
            nodes.nodes.set = others.nodes.set = sets[i];
            const lw_nodes *set = i % 2 ? &others.nodes : &nodes.nodes;
            assert_int_equal(turn % 2 ? lw_prepare(strategy, set) : LW_OK, LW_OK);
            assert_int_equal(find(set, i % 2 ? 1101 : 1001), 1);
        }
    }
    assert_int_equal(census.built, 8);
    assert_int_equal(census.freed, 0);
}

static void test_replaced_plans_are_freed(void **state) {
    (void)state;
    assert_int_equal(find(&others.nodes, 1101), 1);
    for (uint64_t version = 1; version <= 100; version++) {
        nodes.nodes.version = version;
        nodes.member[3].id = version;
        assert_int_equal(version % 2                        ? lw_prepare(strategy, &nodes.nodes)
                         : find(&nodes.nodes, version) == 3 ? 0
                                                            : 1,
                         0);
        assert_int_equal(find_prepared(&nodes.nodes, version), 3);
        assert_true(plans_alive() <= 3); /* the other set's and the last two of this one */
    }
    assert_int_equal(census.built, 101);
    assert_int_equal(find_prepared(&others.nodes, 1101), 1);
}

static void test_many_sets_push_out_the_oldest(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (uint64_t set = 1; set <= 20; set++) {
            nodes.nodes.set = set;
            nodes.member[0].id = set;
            assert_int_equal(find(&nodes.nodes, set), 0);
            assert_int_equal(find_prepared(&nodes.nodes, set), 0);
            assert_true(plans_alive() <= 8);
        }
    }
    assert_true(census.built >= 20);
}

/* Set 0: the content is the key. */
static void test_set_zero_goes_by_content(void **state) {
    (void)state;
    nodes.nodes.set = 0;
    assert_int_equal(find(&nodes.nodes, 1000), 0);
    assert_int_equal(find(&nodes.nodes, 1004), 4);
    nodes.nodes.version = 99; /* which is not looked at */
    nodes.member[2].load = 4;
    assert_int_equal(find_prepared(&nodes.nodes, 1004), 4);
    assert_int_equal(census.built, 1);
    nodes.member[4].id = 44;
    assert_int_equal(find_prepared(&nodes.nodes, 44), LW_NOT_PREPARED);
    assert_int_equal(find(&nodes.nodes, 44), 4);
    nodes.member[4].weight++;
    assert_int_equal(find(&nodes.nodes, 44), 4);
    assert_int_equal(census.built, 3);
    assert_int_equal(census.weights[4], nodes.member[4].weight);
}

static void test_set_zero_alternates_too(void **state) {
    (void)state;
    nodes.nodes.set = others.nodes.set = 0;
    for (int turn = 0; turn < 20; turn++) {
        assert_int_equal(find(&nodes.nodes, 1001), 1);
        assert_int_equal(find(&others.nodes, 1101), 1);
    }
    assert_int_equal(census.built, 2);
}

static void test_a_failed_build_leaves_the_plan_before(void **state) {
    (void)state;
    lw_nodes old = nodes.nodes;
    assert_int_equal(find(&old, 1003), 3);
    census.refuse = 1;
    nodes.nodes.version = 2;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_TOO_LARGE);
    assert_told(&book, LW_TOO_LARGE, "does not suit the census");
    assert_told(&book, LW_TOO_LARGE, "2"); /* the node */
    assert_told(&book, LW_TOO_LARGE, "census:");
    assert_int_equal(find(&nodes.nodes, 1003), LW_TOO_LARGE);
    assert_int_equal(find_prepared(&old, 1003), 3);
    census.refuse = 0;
    assert_int_equal(find(&nodes.nodes, 1003), 3);
    assert_int_equal(census.built, 2);
}

/* One member's failure takes the finished plan of the other along. */
static void test_a_tree_builds_whole_or_not_at_all(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *tree;
    assert_int_equal(lw_strategy_from_ops(&tree, &env, own, 1, "chain(census, census, ring max_points=1)"), LW_OK);
    uint64_t live = book.live;
    assert_int_equal(lw_prepare(tree, &nodes.nodes), LW_TOO_LARGE);
    assert_int_equal(census.built, 2);
    assert_int_equal(census.freed, 2);
    assert_int_equal(book.live, live);
    lw_strategy_free(tree);
}

static int build_nothing(const lw_build *build, void **plan) {
    (void)build;
    (void)plan;
    census.built++;
    return LW_OK;
}

static ptrdiff_t pick_without(const lw_view *view) { return lw_view_plan(view) == NULL ? 3 : LW_INVALID; }

static void free_nothing(const lw_build *build, void *plan) {
    (void)build;
    assert_non_null(plan);
}

static void test_a_plan_may_stay_null(void **state) {
    (void)state;
    lw_strategy_ops ops = census_ops;
    const lw_strategy_ops *const table[] = {&ops};
    lw_env env = ledger_env(&book, 1);
    lw_strategy *empty;
    ops.plan_build = build_nothing;
    ops.plan_free = free_nothing;
    ops.pick = pick_without;
    assert_int_equal(lw_strategy_from_ops(&empty, &env, table, 1, "census"), LW_OK);
    assert_int_equal(lw_select(empty, &nodes.nodes, NULL), 3);
    assert_int_equal(lw_select(empty, &nodes.nodes, NULL), 3);
    assert_int_equal(census.built, 1);
    lw_strategy_free(empty);
    census.freed = 1;
}

static int build_one_block(const lw_build *build, void **plan) {
    *plan = lw_build_alloc(build, 1);
    assert_int_equal((uintptr_t)*plan % 64, 0);
    return *plan != NULL ? LW_OK : LW_NOMEM;
}

static void test_one_block_is_freed_by_the_engine(void **state) {
    (void)state;
    lw_strategy_ops ops = census_ops;
    const lw_strategy_ops *const table[] = {&ops};
    lw_env env = ledger_env(&book, 1);
    lw_strategy *simple;
    ops.plan_build = build_one_block;
    ops.plan_free = NULL;
    ops.pick = lw_view_uniform;
    assert_int_equal(lw_strategy_from_ops(&simple, &env, table, 1, "census"), LW_OK);
    for (nodes.nodes.version = 1; nodes.nodes.version < 10; nodes.nodes.version++) {
        assert_int_equal(lw_prepare(simple, &nodes.nodes), LW_OK);
    }
    lw_strategy_free(simple);
}

static void test_no_plan_needs_no_preparation(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *planless;
    assert_int_equal(lw_strategy_new(&planless, &env, "p2c"), LW_OK);
    uint64_t asked = book.asked;
    for (nodes.nodes.version = 1; nodes.nodes.version < 10; nodes.nodes.version++) {
        assert_int_equal(lw_prepare(planless, &nodes.nodes), LW_OK);
        assert_true(lw_select(planless, &nodes.nodes, NULL) >= 0);
    }
    assert_int_equal(book.asked, asked);
    lw_strategy_free(planless);
}

#define WITH_CENSUS(test) cmocka_unit_test_setup_teardown(test, open_census, close_census)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_CENSUS(test_prepare_is_idempotent),
        WITH_CENSUS(test_the_first_pick_prepares),
        WITH_CENSUS(test_what_a_build_is_given),
        WITH_CENSUS(test_where_nodes_stood_before),
        WITH_CENSUS(test_two_strategies_share_nothing),
        WITH_CENSUS(test_a_new_version_builds_anew),
        WITH_CENSUS(test_versions_are_compared_for_equality),
        WITH_CENSUS(test_the_last_two_versions_are_kept),
        WITH_CENSUS(test_late_versions_leave_the_newest),
        WITH_CENSUS(test_count_is_part_of_the_key),
        WITH_CENSUS(test_loads_and_bitmap_are_free_to_change),
        WITH_CENSUS(test_eight_sets_alternate_without_building),
        WITH_CENSUS(test_replaced_plans_are_freed),
        WITH_CENSUS(test_many_sets_push_out_the_oldest),
        WITH_CENSUS(test_set_zero_goes_by_content),
        WITH_CENSUS(test_set_zero_alternates_too),
        WITH_CENSUS(test_a_failed_build_leaves_the_plan_before),
        WITH_CENSUS(test_a_tree_builds_whole_or_not_at_all),
        WITH_CENSUS(test_a_plan_may_stay_null),
        WITH_CENSUS(test_one_block_is_freed_by_the_engine),
        WITH_CENSUS(test_no_plan_needs_no_preparation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
