/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Readers and the writer do not wait for each other. A strategy of ours can be held still in the middle of a pick, or
 * in the middle of building a plan; what the rest of the library does meanwhile is the test. If something did wait, the
 * program would hang, and an alarm ends it.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include "../unit/fleet.h"

#include <loadwise/ops.h>
#include <unistd.h>

enum { NODES = 6, VERSIONS = 30, ALARM_SECONDS = 120 };

/* A gate: the strategy walks up to it, says that it is there, and waits to be let through. */
struct gate {
    uint64_t arrived, opened;
    bool closed;
};

static struct gate picking, building;
static uint64_t plans_freed, plans_built;

static void pass(struct gate *gate) {
    if (__atomic_load_n(&gate->closed, __ATOMIC_ACQUIRE)) {
        uint64_t number = __atomic_add_fetch(&gate->arrived, 1, __ATOMIC_ACQ_REL);
        crew_wait(&gate->opened, number);
    }
}

static void gate_close(struct gate *gate) { __atomic_store_n(&gate->closed, true, __ATOMIC_RELEASE); }

static void gate_open(struct gate *gate) {
    __atomic_store_n(&gate->closed, false, __ATOMIC_RELEASE);
    __atomic_store_n(&gate->opened, UINT64_MAX, __ATOMIC_RELEASE);
}

static int gated_build(const lw_build *build, void **out) {
    uint64_t *plan = lw_build_alloc(build, sizeof *plan);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    pass(&building);
    *plan = build->ids[0];
    *out = plan;
    __atomic_add_fetch(&plans_built, 1, __ATOMIC_RELAXED);
    return LW_OK;
}

static void gated_free(const lw_build *build, void *plan) {
    *(uint64_t *)plan = 0;
    __atomic_add_fetch(&plans_freed, 1, __ATOMIC_RELAXED);
    lw_build_release(build, plan);
}

/* A keyed pick goes through the gate. The plan must be the same before and after. */
static ptrdiff_t gated_pick(const lw_view *view) {
    const uint64_t *plan = lw_view_plan(view);
    uint64_t before = *plan;
    if (view->request->flags & LW_REQUEST_KEYED) {
        pass(&picking);
    }
    return *plan == before && before == view->nodes->version ? 1 : LW_INVALID;
}

static ptrdiff_t gated_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    (void)key;
    (void)room;
    out[0] = view->count - 1;
    return 1;
}

static const lw_strategy_ops gated_ops = {
    .size = sizeof gated_ops,
    .name = "gated",
    .help = "Waits at gates.",
    .needs = LW_HAS(id) | LW_NEEDS_PLAN,
    .plan_build = gated_build,
    .plan_free = gated_free,
    .pick = gated_pick,
    .sequence = gated_sequence,
};

static ledger book;
static lw_strategy *strategy;
static fleet editions[VERSIONS + 1]; /* by version; the first node's id is the version */
static crew hands;

static int open_gates(void **state) {
    (void)state;
    const lw_strategy_ops *const own[] = {&gated_ops};
    alarm(ALARM_SECONDS);
    ledger_open(&book);
    memset(&picking, 0, sizeof picking);
    memset(&building, 0, sizeof building);
    plans_built = plans_freed = 0;
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        fleet_open(&editions[version], NODES, 1);
        editions[version].nodes.version = version;
        editions[version].member[0].id = version;
    }
    lw_env env = ledger_env(&book, 1);
    return lw_strategy_from_ops(&strategy, &env, own, 1, "gated");
}

static int close_gates(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    assert_int_equal(plans_built, plans_freed);
    ledger_close(&book);
    return 0;
}

static void pick_through_the_gate(crew_hand *hand) {
    lw_request request = keyed(1);
    CREW_EXPECT(hand, lw_select(strategy, &editions[1].nodes, &request) == 1);
}

static void prepare_second(crew_hand *hand) { CREW_EXPECT(hand, lw_prepare(strategy, &editions[2].nodes) == LW_OK); }

/* While picks stand still on version 1, versions come and go; the plan they read stays until they have left. */
static void hold_readers(uint32_t readers) {
    assert_int_equal(lw_prepare(strategy, &editions[1].nodes), LW_OK);
    gate_close(&picking);
    crew_start(&hands, readers, pick_through_the_gate);
    crew_wait(&picking.arrived, readers);
    for (uint32_t version = 2; version <= VERSIONS; version++) {
        assert_int_equal(lw_prepare(strategy, &editions[version].nodes), LW_OK);
        assert_int_equal(lw_select(strategy, &editions[version].nodes, NULL), 1);
    }
    gate_open(&picking);
    crew_join(&hands); /* each found its plan unchanged */
    assert_int_equal(lw_prepare(strategy, &editions[VERSIONS].nodes), LW_OK);
    assert_int_equal(plans_built, VERSIONS);
    assert_int_equal(plans_built - plans_freed, 2); /* the last two versions */
}

static void test_a_plan_stays_under_its_reader(void **state) {
    (void)state;
    hold_readers(1);
}

static void test_a_plan_stays_under_many_readers(void **state) {
    (void)state;
    hold_readers(LW_LANES + 20);
}

/* A preparation that takes its time holds the lock; nobody who picks from what is prepared notices. */
static void test_picks_do_not_wait_for_a_preparation(void **state) {
    (void)state;
    const lw_nodes *first = &editions[1].nodes;
    lw_request prepared = LW_REQUEST_INIT;
    lw_sample sample = LW_SAMPLE_INIT;
    uint32_t replica;
    assert_int_equal(lw_prepare(strategy, first), LW_OK);
    gate_close(&building);
    crew_start(&hands, 1, prepare_second);
    crew_wait(&building.arrived, 1);
    prepared.flags = LW_REQUEST_PREPARED_ONLY;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(lw_select(strategy, first, NULL), 1);
        assert_int_equal(lw_select(strategy, &editions[2].nodes, &prepared), LW_NOT_PREPARED);
        assert_int_equal(lw_feedback(strategy, first, 0, &sample), LW_OK);
        assert_int_equal(lw_replicas(strategy, first, 1, &replica, 1), 1);
    }
    gate_open(&building);
    crew_join(&hands);
    assert_int_equal(lw_select(strategy, &editions[2].nodes, &prepared), 1);
}

/* Readers of one strategy are no business of another. */
static void test_strategies_do_not_wait_for_each_other(void **state) {
    (void)state;
    const lw_strategy_ops *const own[] = {&gated_ops};
    lw_env env = ledger_env(&book, 1);
    lw_strategy *other;
    assert_int_equal(lw_strategy_from_ops(&other, &env, own, 1, "gated"), LW_OK);
    assert_int_equal(lw_prepare(strategy, &editions[1].nodes), LW_OK);
    gate_close(&picking);
    crew_start(&hands, 3, pick_through_the_gate);
    crew_wait(&picking.arrived, 3);
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        assert_int_equal(lw_prepare(other, &editions[version].nodes), LW_OK);
    }
    assert_true(plans_built - plans_freed <= 3); /* nothing of the other's waits */
    lw_strategy_free(other);
    assert_int_equal(plans_built - plans_freed, 1);
    gate_open(&picking);
    crew_join(&hands);
}

#define WITH_GATES(test) cmocka_unit_test_setup_teardown(test, open_gates, close_gates)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_GATES(test_a_plan_stays_under_its_reader),
        WITH_GATES(test_a_plan_stays_under_many_readers),
        WITH_GATES(test_picks_do_not_wait_for_a_preparation),
        WITH_GATES(test_strategies_do_not_wait_for_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
