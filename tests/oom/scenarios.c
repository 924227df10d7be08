/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out: a whole life of a strategy, again and again, with allocation 1, 2, 3 ... failing until it gets
 * through. Every failure must come back as LW_NOMEM, leave nothing behind, and leave the object as it was before: what
 * was prepared still picks, and the same call succeeds once there is memory again.
 */
#include "../unit/ledger.h"

#include "../unit/fleet.h"

enum { NODES = 12, SETS = 10 };

static fleet nodes;
static ledger book;
static uint32_t shortages; /* calls that answered LW_NOMEM in this life */

/* ---- a stranger with every memory there is ---- */

struct two_blocks {
    uint64_t *ids;
};

static int hoard_build(const lw_build *build, void **out) {
    struct two_blocks *plan = lw_build_alloc(build, sizeof *plan);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    plan->ids = lw_build_alloc(build, build->count * sizeof *plan->ids);
    if (plan->ids == NULL) {
        lw_build_release(build, plan);
        return LW_NOMEM;
    }
    memcpy(plan->ids, build->ids, build->count * sizeof *plan->ids);
    *out = plan;
    return LW_OK;
}

static void hoard_free(const lw_build *build, void *plan) {
    lw_build_release(build, ((struct two_blocks *)plan)->ids);
    lw_build_release(build, plan);
}

static ptrdiff_t hoard_pick(const lw_view *view) {
    const struct two_blocks *plan = lw_view_plan(view);
    ptrdiff_t index = lw_view_uniform(view);
    return index < 0 || plan->ids[index] == lw_nodes_id(view->nodes, (uint32_t)index) ? index : LW_INVALID;
}

static void hoard_begin(const lw_view *view, uint32_t index) { ++*(uint64_t *)lw_view_scratch(view, index); }

static const lw_strategy_ops hoard_ops = {
    .size = sizeof hoard_ops,
    .name = "hoard",
    .help = "Keeps something of everything.",
    .children_max = LW_CHILDREN,
    .needs = LW_HAS(id) | LW_NEEDS_PLAN,
    .state_size = 100,
    .scratch_size = 24,
    .lane_size = 32,
    .plan_build = hoard_build,
    .plan_free = hoard_free,
    .pick = hoard_pick,
    .begin = hoard_begin,
};

/* ---- a life ---- */

/* Was this call short of memory? Then memory is back for the next. Any other failure is not for want of it. */
static bool is_short(ptrdiff_t answer) {
    if (answer != LW_NOMEM) {
        assert_true(answer >= 0);
        return false;
    }
    shortages++;
    book.fail_on = false;
    return true;
}

static lw_strategy *be_born(const char *spec) {
    const lw_strategy_ops *const own[] = {&hoard_ops};
    lw_env env = ledger_env(&book, 8);
    lw_strategy *strategy = (lw_strategy *)&env;
    if (is_short(lw_strategy_from_ops(&strategy, &env, own, 1, spec))) {
        assert_null(strategy);
        assert_int_equal(book.live, 0);
        assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    }
    assert_non_null(strategy);
    return strategy;
}

/* Picks among what is prepared; allocates nothing, so it cannot be short. */
static void assert_picks(lw_strategy *strategy, const lw_nodes *among) {
    lw_request request = keyed(17);
    uint64_t asked = book.asked;
    request.flags |= LW_REQUEST_PREPARED_ONLY;
    assert_in_range(lw_select(strategy, among, &request), 0, among->count - 1);
    assert_int_equal(book.asked, asked);
}

static ptrdiff_t by_prepare(lw_strategy *strategy, const lw_nodes *among) { return lw_prepare(strategy, among); }

static ptrdiff_t by_select(lw_strategy *strategy, const lw_nodes *among) {
    lw_request request = keyed(3);
    return lw_select(strategy, among, &request);
}

static ptrdiff_t by_replicas(lw_strategy *strategy, const lw_nodes *among) {
    uint32_t order[4];
    ptrdiff_t found = lw_replicas(strategy, among, 9, order, 4);
    return found == LW_UNSUPPORTED ? lw_prepare(strategy, among) : found;
}

static ptrdiff_t by_feedback(lw_strategy *strategy, const lw_nodes *among) {
    lw_sample sample = LW_SAMPLE_INIT;
    return lw_feedback(strategy, among, 2, &sample);
}

typedef ptrdiff_t meeting(lw_strategy *strategy, const lw_nodes *among);

/* The strategy meets nodes it does not know. If memory is short, what it knew (NULL: nothing) is as it was. */
static void meet(lw_strategy *strategy, meeting *how, const lw_nodes *fresh, const lw_nodes *known) {
    uint64_t live = book.live, bytes = book.live_bytes;
    if (is_short(how(strategy, fresh))) {
        assert_int_equal(book.live, live);
        assert_int_equal(book.live_bytes, bytes);
        if (known != NULL) {
            assert_picks(strategy, known);
        }
        assert_true(how(strategy, fresh) >= 0);
    }
    assert_picks(strategy, fresh);
}

static void live(const char *spec) {
    static meeting *const meetings[] = {by_prepare, by_select, by_replicas, by_feedback};
    lw_strategy *strategy = be_born(spec);
    lw_nodes known = nodes.nodes;
    meet(strategy, by_prepare, &known, NULL);
    for (uint32_t i = 0; i < 4; i++) { /* new versions, also smaller and larger ones */
        lw_nodes fresh = known;
        fresh.version++;
        fresh.count = NODES - (i % 2) * 5;
        meet(strategy, meetings[i], &fresh, &known);
        known = fresh;
    }
    for (uint32_t i = 0; i < SETS; i++) { /* more sets than are kept */
        lw_nodes fresh = known;
        fresh.set = 100 + i;
        meet(strategy, meetings[i % 4], &fresh, &known);
        known = fresh;
    }
    known.set = 0;
    meet(strategy, by_select, &known, NULL);
    lw_strategy_free(strategy);
}

/* Lives with each allocation failing in turn, alone or with all that follow until the library has noticed. */
static void live_through_all(const char *spec, bool fail_on) {
    for (uint64_t k = 1;; k++) {
        ledger_open(&book);
        book.fail_at = k;
        book.fail_on = fail_on;
        shortages = 0;
        live(spec);
        bool failed = book.asked >= k;
        ledger_close(&book);
        if (shortages != failed) {
            fail_msg("%s: allocation %u failed, and %u calls said so", spec, (unsigned)k, shortages);
        }
        if (!failed) {
            assert_true(k > 2);
            return;
        }
    }
}

static void test_every_builtin(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        live_through_all(spec, false);
        live_through_all(spec, true);
    }
}

static void test_other_plans(void **state) {
    (void)state;
    static const char *const specs[] = {
        "smooth_wrr max_period=1", /* golden steps instead of slots */
        "ring vnodes=3",
        "ketama flavour=nginx",
        "weighted_random live=true",
        "chain(ring, smooth_wrr, weighted_random, least_load)",
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        live_through_all(specs[i], false);
        live_through_all(specs[i], true);
    }
}

static void test_strangers(void **state) {
    (void)state;
    static const char *const specs[] = {"hoard", "hoard(hoard(random), ring, hoard)", "chain(hoard, ring)"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        live_through_all(specs[i], false);
        live_through_all(specs[i], true);
    }
}

/* Weights whose sum passes 32 bits take another form of the weighted table. */
static void test_huge_weights(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].weight = UINT32_MAX - i * i;
    }
    live_through_all("weighted_random", false);
    live_through_all("smooth_wrr", true);
}

/* Memory that runs out on the way to another error: one of the two is told, and nothing stays behind. */
static void test_bad_specifications(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        int error;
    } bad[] = {{"chain(ring, smooth_wrr, nonsense)", LW_UNKNOWN},
               {"chain(hoard, ring vnodes=0)", LW_RANGE},
               {"chain(hoard(hoard, ring), p2c", LW_SYNTAX}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int error = LW_NOMEM;
        for (uint64_t k = 1; error == LW_NOMEM; k++) {
            const lw_strategy_ops *const own[] = {&hoard_ops};
            ledger_open(&book);
            book.fail_at = k;
            lw_env env = ledger_env(&book, 8);
            lw_strategy *strategy = (lw_strategy *)&env;
            error = lw_strategy_from_ops(&strategy, &env, own, 1, bad[i].spec);
            assert_null(strategy);
            assert_true(error == LW_NOMEM ? book.asked >= k : error == bad[i].error);
            ledger_close(&book);
        }
    }
}

/* Preparations that fail for another reason free what they had, whatever failed first. */
static void test_bad_nodes(void **state) {
    (void)state;
    nodes.member[NODES - 1].id = nodes.member[3].id;
    ptrdiff_t answer = LW_NOMEM;
    for (uint64_t k = 1; answer == LW_NOMEM; k++) {
        ledger_open(&book);
        lw_strategy *strategy = be_born("chain(hoard, ring, smooth_wrr)");
        uint64_t blocks = book.live;
        book.fail_at = book.asked + k;
        answer = lw_prepare(strategy, &nodes.nodes);
        assert_true(answer == LW_NOMEM || answer == LW_DUPLICATE);
        assert_int_equal(book.live, blocks);
        lw_strategy_free(strategy);
        ledger_close(&book);
    }
}

static int open_fleet(void **state) {
    (void)state;
    fleet_open(&nodes, NODES, 1);
    return 0;
}

#define WITH_FLEET(test) cmocka_unit_test_setup(test, open_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_every_builtin), WITH_FLEET(test_other_plans),        WITH_FLEET(test_strangers),
        WITH_FLEET(test_huge_weights),  WITH_FLEET(test_bad_specifications), WITH_FLEET(test_bad_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
