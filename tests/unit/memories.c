/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The memories of a strategy: zero at the start, its own, and scratch that follows a node by its id. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 8, SET = 3, STATE_SIZE = 200, SCRATCH_SIZE = 40 };

/* What the visitor saw in its last pick, and how often it was at each node. */
static struct {
    const lw_memory *memory;
    void *state, *lane, *scratch[FLEET_MOST];
    uint64_t visits[FLEET_MOST];
    uint64_t picks, lane_picks;
    bool rubbish; /* memory that was new was not zero */
} seen;

static bool is_zero(const unsigned char *memory, size_t size) {
    size_t i = 0;
    while (i < size && memory[i] == 0) {
        i++;
    }
    return i == size;
}

struct note {
    uint64_t count;
    unsigned char rest[SCRATCH_SIZE - sizeof(uint64_t)];
};

/* Goes to the node that the key names, and leaves a mark there, in its state and in its lane. */
static ptrdiff_t visit(const lw_view *view) {
    uint32_t at = (uint32_t)view->request->key;
    struct note *state = lw_view_state(view), *lane = lw_view_lane(view);
    memset(&seen.visits, 0, sizeof seen.visits);
    seen.memory = view->memory;
    seen.state = state;
    seen.lane = lane;
    seen.picks = state->count++;
    seen.lane_picks = lane->count++;
    seen.rubbish |= !is_zero((unsigned char *)(state + 1), STATE_SIZE - sizeof *state);
    seen.rubbish |= !is_zero((unsigned char *)(lane + 1), LW_LANE_SIZE - sizeof *lane);
    for (uint32_t i = 0; i < view->count; i++) {
        struct note *scratch = lw_view_scratch(view, i);
        seen.scratch[i] = scratch;
        seen.visits[i] = scratch->count;
        seen.rubbish |= !is_zero(scratch->rest, sizeof scratch->rest);
    }
    ((struct note *)lw_view_scratch(view, at))->count++;
    return at;
}

static const lw_strategy_ops visit_ops = {
    .size = sizeof visit_ops,
    .name = "visit",
    .help = "Leaves marks.",
    .state_size = STATE_SIZE,
    .scratch_size = SCRATCH_SIZE,
    .lane_size = LW_LANE_SIZE,
    .pick = visit,
};

static const lw_strategy_ops *const own[] = {&visit_ops};
static fleet nodes;
static ledger book;
static lw_strategy *strategy;

static int open_visit(void **state) {
    (void)state;
    ledger_open(&book);
    memset(&seen, 0, sizeof seen);
    lw_env env = ledger_env(&book, 1);
    fleet_open(&nodes, NODES, SET);
    return lw_strategy_from_ops(&strategy, &env, own, 1, "visit");
}

static int close_visit(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    ledger_close(&book);
    assert_false(seen.rubbish);
    return 0;
}

static void go(uint32_t index) {
    lw_request request = keyed(index);
    assert_int_equal(lw_select(strategy, &nodes.nodes, &request), index);
}

/* Node i is visited i + 1 times. */
static void go_around(void) {
    for (uint32_t i = 0; i < nodes.nodes.count; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            go(i);
        }
    }
}

static void test_all_is_zero_at_first(void **state) {
    (void)state;
    go(0);
    assert_int_equal(seen.picks, 0);
    assert_int_equal(seen.lane_picks, 0);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(seen.visits[i], 0);
    }
    go(0);
    assert_int_equal(seen.picks, 1);
    assert_int_equal(seen.lane_picks, 1); /* one thread, one lane */
    assert_int_equal(seen.visits[0], 1);
}

static void test_memories_are_aligned_and_apart(void **state) {
    (void)state;
    go(0);
    assert_int_equal((uintptr_t)seen.state % 16, 0);
    assert_int_equal((uintptr_t)seen.lane % 64, 0);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal((uintptr_t)seen.scratch[i] % 16, 0);
        for (uint32_t k = 0; k < i; k++) {
            ptrdiff_t apart = (char *)seen.scratch[i] - (char *)seen.scratch[k];
            assert_true(apart >= SCRATCH_SIZE || apart <= -SCRATCH_SIZE);
        }
    }
}

static void test_scratch_stays_within_a_version(void **state) {
    (void)state;
    go_around();
    nodes.member[3].load = 17;
    go(0);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(seen.visits[i], i + 1);
    }
}

static void test_scratch_follows_a_new_order(void **state) {
    (void)state;
    go_around();
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].id = 1000 + NODES - 1 - i;
    }
    nodes.nodes.version++;
    go(0);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(seen.visits[i], NODES - i);
    }
}

static void test_scratch_of_new_nodes_is_zero(void **state) {
    (void)state;
    go_around();
    fleet_open(&nodes, NODES + 3, SET);
    nodes.nodes.version = 2;
    go(0);
    for (uint32_t i = 0; i < NODES + 3; i++) {
        assert_int_equal(seen.visits[i], i < NODES ? i + 1 : 0);
    }
}

static void test_scratch_survives_the_going_of_others(void **state) {
    (void)state;
    go_around();
    for (uint32_t i = 2; i + 1 < NODES; i++) { /* number 2 goes */
        nodes.member[i] = nodes.member[i + 1];
    }
    nodes.nodes.count--;
    nodes.nodes.version++;
    go(0);
    for (uint32_t i = 0; i < NODES - 1; i++) {
        assert_int_equal(seen.visits[i], i < 2 ? i + 1 : i + 2);
    }
}

/* Adds, removals, moves and new weights over many versions, against a model that keeps marks by id. */
static void test_scratch_over_many_versions(void **state) {
    (void)state;
    static uint64_t model[NODES + 4];
    memset(model, 0, sizeof model);
    uint64_t chance = 1;
    for (uint64_t version = 1; version <= 200; version++) {
        bool present[NODES + 4] = {false};
        nodes.nodes.count = 0;
        for (uint32_t k = 0; k < NODES + 4; k++) {
            chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint32_t which = (k * 5 + (uint32_t)version) % (NODES + 4); /* another order each time */
            if (chance >> 61 != 0) {
                nodes.member[nodes.nodes.count] = (member){.id = 50 + which, .weight = 1};
                nodes.nodes.count++;
                present[which] = true;
            } else {
                model[which] = 0; /* a node that went starts afresh when it returns */
            }
        }
        nodes.nodes.version = version;
        go((uint32_t)(version % nodes.nodes.count));
        for (uint32_t i = 0; i < nodes.nodes.count; i++) {
            assert_true(present[nodes.member[i].id - 50]);
            assert_int_equal(seen.visits[i], model[nodes.member[i].id - 50]);
        }
        model[nodes.member[version % nodes.nodes.count].id - 50]++;
    }
}

static void test_sets_have_scratch_of_their_own(void **state) {
    (void)state;
    go(2);
    nodes.nodes.set = SET + 1;
    go(2);
    assert_int_equal(seen.visits[2], 0);
    assert_int_equal(seen.picks, 1); /* while the state is one for the whole strategy */
    nodes.nodes.set = SET;
    go(2);
    assert_int_equal(seen.visits[2], 1);
}

/* Set 0 is whatever the content says, so no content is a version of another. */
static void test_set_zero_has_scratch_per_content(void **state) {
    (void)state;
    nodes.nodes.set = 0;
    go(2);
    go(2);
    assert_int_equal(seen.visits[2], 1);
    nodes.member[7].weight++;
    go(2);
    assert_int_equal(seen.visits[2], 0);
    nodes.member[7].weight--;
    go(2);
    assert_int_equal(seen.visits[2], 2);
}

static void test_by_names_and_by_index(void **state) {
    (void)state;
    nodes.nodes.present = LW_HAS(name);
    go_around();
    const char *first = nodes.member[0].name;
    nodes.member[0].name = nodes.member[7].name;
    nodes.member[7].name = first;
    nodes.nodes.version = 2;
    go(0);
    assert_int_equal(seen.visits[0], 8);
    assert_int_equal(seen.visits[7], 1);
}

static void test_scratch_takes_preparation(void **state) {
    (void)state;
    lw_request request = keyed(1);
    request.flags |= LW_REQUEST_PREPARED_ONLY;
    assert_int_equal(lw_select(strategy, &nodes.nodes, &request), LW_NOT_PREPARED);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    assert_int_equal(lw_select(strategy, &nodes.nodes, &request), 1);
}

static void test_scratch_needs_identity(void **state) {
    (void)state;
    nodes.member[1].id = nodes.member[2].id;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_DUPLICATE);
}

/* ---- several units ---- */

static void *states[2], *lanes[2], *scratches[2];
static const void *configs[2];

static ptrdiff_t remember(const lw_view *view, int which) {
    states[which] = lw_view_state(view);
    lanes[which] = lw_view_lane(view);
    scratches[which] = lw_view_scratch(view, 0);
    configs[which] = lw_view_config(view);
    return which == 0 ? lw_view_child_pick(view, 0) : 4;
}

static ptrdiff_t remember_parent(const lw_view *view) { return remember(view, 0); }
static ptrdiff_t remember_child(const lw_view *view) { return remember(view, 1); }

static const lw_param one_param[] = {{"size", LW_PARAM_U64, 0, "1", "0", "10", NULL, "A size."}};

static void test_units_share_nothing(void **state) {
    (void)state;
    lw_strategy_ops parent = visit_ops, child = visit_ops;
    const lw_strategy_ops *const two[] = {&parent, &child};
    lw_env env = ledger_env(&book, 1);
    lw_strategy *tree;
    parent.name = "parent";
    parent.children_min = parent.children_max = 1;
    parent.pick = remember_parent;
    child.name = "child";
    child.pick = remember_child;
    parent.params = child.params = one_param;
    parent.param_count = child.param_count = 1;
    parent.config_size = child.config_size = 8;
    assert_int_equal(lw_strategy_from_ops(&tree, &env, two, 2, "parent(child size=7) size=3"), LW_OK);
    assert_int_equal(lw_select(tree, &nodes.nodes, NULL), 4);
    assert_ptr_not_equal(states[0], states[1]);
    assert_ptr_not_equal(lanes[0], lanes[1]);
    assert_ptr_not_equal(scratches[0], scratches[1]);
    assert_int_equal(*(const uint64_t *)configs[0], 3);
    assert_int_equal(*(const uint64_t *)configs[1], 7);
    lw_strategy_free(tree);
}

/* ---- lanes ---- */

static uint32_t lanes_made;
static uint64_t lane_seeds[LW_LANES];

static void number_lane(const void *config, void *lane, uint32_t number, uint64_t seed) {
    lanes_made++;
    lane_seeds[number % LW_LANES] = seed;
    *(uint64_t *)lane = 100 + number + *(const uint64_t *)config;
}

static uint64_t lane_content;

static ptrdiff_t read_lane(const lw_view *view) {
    lane_content = *(uint64_t *)lw_view_lane(view);
    return 0;
}

static void make_laned(const char *spec, uint64_t seed, lw_strategy **out) {
    static const lw_param lanes_param[] = {{"lanes", LW_PARAM_U64, 0, "16", "1", "16", NULL, "How many lanes."}};
    static const lw_strategy_ops ops = {
        .size = sizeof ops,
        .name = "laned",
        .help = "Numbers its lanes.",
        .params = lanes_param,
        .param_count = 1,
        .config_size = 8,
        .lane_size = 8,
        .lane_init = number_lane,
        .pick = read_lane,
    };
    const lw_strategy_ops *const table[] = {&ops};
    lw_env env = ledger_env(&book, seed);
    lanes_made = 0;
    assert_int_equal(lw_strategy_from_ops(out, &env, table, 1, spec), LW_OK);
}

static void test_lanes_are_initialised(void **state) {
    (void)state;
    static const char *const specs[] = {"laned", "laned lanes=4", "laned lanes=1"};
    static const uint32_t counts[] = {LW_LANES, 4, 1};
    for (size_t i = 0; i < 3; i++) {
        lw_strategy *laned;
        make_laned(specs[i], 5, &laned);
        assert_int_equal(lanes_made, counts[i]);
        assert_int_equal(lw_select(laned, &nodes.nodes, NULL), 0);
        assert_int_equal(lane_content, 100 + counts[i]); /* one thread alone is in lane 0 */
        lw_strategy_free(laned);
    }
}

static void test_lanes_have_seeds_of_their_own(void **state) {
    (void)state;
    uint64_t first[LW_LANES];
    lw_strategy *laned;
    make_laned("laned", 5, &laned);
    lw_strategy_free(laned);
    memcpy(first, lane_seeds, sizeof first);
    for (uint32_t i = 0; i < LW_LANES; i++) {
        for (uint32_t k = 0; k < i; k++) {
            assert_true(first[i] != first[k]);
        }
    }
    make_laned("laned", 5, &laned);
    lw_strategy_free(laned);
    assert_memory_equal(first, lane_seeds, sizeof first);
    make_laned("laned", 6, &laned);
    lw_strategy_free(laned);
    assert_memory_not_equal(first, lane_seeds, sizeof first);
}

#define WITH_VISIT(test) cmocka_unit_test_setup_teardown(test, open_visit, close_visit)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_VISIT(test_all_is_zero_at_first),
        WITH_VISIT(test_memories_are_aligned_and_apart),
        WITH_VISIT(test_scratch_stays_within_a_version),
        WITH_VISIT(test_scratch_follows_a_new_order),
        WITH_VISIT(test_scratch_of_new_nodes_is_zero),
        WITH_VISIT(test_scratch_survives_the_going_of_others),
        WITH_VISIT(test_scratch_over_many_versions),
        WITH_VISIT(test_sets_have_scratch_of_their_own),
        WITH_VISIT(test_set_zero_has_scratch_per_content),
        WITH_VISIT(test_by_names_and_by_index),
        WITH_VISIT(test_scratch_takes_preparation),
        WITH_VISIT(test_scratch_needs_identity),
        WITH_VISIT(test_units_share_nothing),
        WITH_VISIT(test_lanes_are_initialised),
        WITH_VISIT(test_lanes_have_seeds_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
