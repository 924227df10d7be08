/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parameter metric: which of the nodes' signals is the load, for each strategy of a tree by itself. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 14 };

static const char *const signal_names[LW_SIGNALS] = {"load",      "inflight", "inflight_cost", "ewma",
                                                     "peak_ewma", "external", "user"};

static fleet nodes;
static ledger book;
static double values[LW_SIGNALS][NODES];
static lw_f64_column signals[LW_SIGNALS];

/* By the signal, the node of the same number has the lowest load; and with weights, the one seven further. */
static void fill_signals(void) {
    memset(signals, 0, sizeof signals);
    for (uint32_t s = 0; s < LW_SIGNALS; s++) {
        for (uint32_t i = 0; i < NODES; i++) {
            values[s][i] = 10 + i;
        }
        values[s][s] = 1;
        values[s][s + 7] = 5;
        signals[s].at = lw_layout_strided(values[s], sizeof(double), 0);
    }
    signals[LW_SIGNAL_LOAD].at = lw_layout_strided(NULL, 0, 0); /* is not read */
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].load = values[LW_SIGNAL_LOAD][i];
        nodes.member[i].weight = i < 7 ? 1 : 20;
    }
    nodes.nodes.signals = signals;
    nodes.nodes.present |= LW_HAS_SIGNALS;
}

static int open_fleet(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    fill_signals();
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

static lw_strategy *make_own(const lw_strategy_ops *const *own, size_t count, const char *spec) {
    lw_env env = ledger_env(&book, 4);
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, count, spec), LW_OK);
    return strategy;
}

static lw_strategy *make(const char *spec) { return make_own(NULL, 0, spec); }

static ptrdiff_t pick_once(const char *spec, const lw_request *request) {
    lw_strategy *strategy = make(spec);
    ptrdiff_t index = lw_select(strategy, &nodes.nodes, request);
    lw_strategy_free(strategy);
    return index;
}

/* ---- one strategy ---- */

static void assert_each_signal(const char *strategy, uint32_t further) {
    for (uint32_t s = 0; s < LW_SIGNALS; s++) {
        char spec[FLEET_SPEC];
        snprintf(spec, sizeof spec, "%s metric=%s", strategy, signal_names[s]);
        assert_int_equal(pick_once(spec, NULL), s + further);
        snprintf(spec, sizeof spec, "chain(%s metric=%s)", strategy, signal_names[s]);
        assert_int_equal(pick_once(spec, NULL), s + further);
    }
}

static void test_each_signal(void **state) {
    (void)state;
    assert_each_signal("least_load", 0);
    assert_each_signal("least_load tie=first", 0);
    assert_each_signal("least_load weighted=true", 7);
    assert_each_signal("p2c choices=14", 0);
    assert_each_signal("p2c choices=14 weighted=true", 7);
}

/* Of two nodes p2c draws both, on each of its ways. */
static void test_two_nodes(void **state) {
    (void)state;
    static uint64_t third = 2;
    lw_request request = excluding(&third, 1);
    values[LW_SIGNAL_EWMA][0] = 9;
    values[LW_SIGNAL_EWMA][1] = 8;
    values[LW_SIGNAL_EWMA][2] = 7;
    nodes.nodes.count = 2;
    lw_strategy *strategy = make("p2c metric=ewma");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 1);
    }
    nodes.nodes.count = 3;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(lw_select(strategy, &nodes.nodes, &request), 1);
        assert_true(lw_select(strategy, &nodes.nodes, NULL) != 0); /* never the busiest of three */
    }
    lw_strategy_free(strategy);
}

static void test_other_layouts(void **state) {
    (void)state;
    static struct server { double cost; } server[NODES], *pointers[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        server[i].cost = i == 9 ? 0 : 1;
        pointers[i] = &server[i];
    }
    signals[LW_SIGNAL_INFLIGHT_COST].at = lw_layout_pointers(pointers, LW_OFFSET(pointers, cost), 1);
    assert_int_equal(pick_once("least_load metric=inflight_cost", NULL), 9);
    assert_int_equal(pick_once("p2c metric=inflight_cost choices=14", NULL), 9);
}

static uint64_t asked_at;

static double decay(const void *user, size_t index, uint64_t now) {
    asked_at = now;
    return user == values && index == 11 ? 0 : 1;
}

/* Computed signals are told the time: the caller's, or the clock's, read once. */
static void test_computed_signals(void **state) {
    (void)state;
    signals[LW_SIGNAL_USER] = (lw_f64_column){.compute = decay};
    signals[LW_SIGNAL_USER].at.base = values;
    signals[LW_SIGNAL_USER].at.kind = LW_LAYOUT_COMPUTED;
    lw_strategy *strategy = make("least_load metric=user");
    book.now = 123;
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 11);
    assert_int_equal(asked_at, 123);
    assert_int_equal(book.clock_reads, 1);
    assert_int_equal(lw_select_at(strategy, &nodes.nodes, NULL, 77), 11);
    assert_int_equal(asked_at, 77);
    assert_int_equal(book.clock_reads, 1);
    lw_strategy_free(strategy);
}

static void test_unknown_metrics(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy;
    assert_int_equal(lw_strategy_new(&strategy, &env, "p2c metric=latency"), LW_RANGE);
    assert_told(&book, LW_RANGE, LW_SIGNAL_NAMES);
    assert_int_equal(lw_strategy_new(&strategy, &env, "ring metric=ewma"), LW_UNKNOWN);
}

/* ---- columns that are not there ---- */

static void refuse(const char *spec, const char *words) {
    lw_strategy *strategy = make(spec);
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), LW_NO_COLUMN);
    assert_told(&book, LW_NO_COLUMN, words);
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_NO_COLUMN);
    lw_strategy_free(strategy);
}

static void test_no_signals(void **state) {
    (void)state;
    nodes.nodes.present &= ~LW_HAS_SIGNALS;
    nodes.nodes.signals = NULL;
    refuse("p2c metric=peak_ewma", "p2c: metric: the nodes have no signals");
    refuse("least_load metric=user", "least_load: metric: the nodes have no signals");
    refuse("chain(ring, p2c, least_load metric=ewma)", "least_load: metric: the nodes have no signals");
    assert_int_equal(pick_once("least_load metric=load", NULL), 0);
    assert_int_equal(pick_once("least_load", NULL), 0);
    nodes.nodes.present &= ~LW_HAS(weight);
    refuse("least_load metric=ewma weighted=true", "least_load: the nodes have no weight column");
}

/* Who goes by a signal takes no load column. */
static void test_no_load_column(void **state) {
    (void)state;
    nodes.nodes.present &= ~LW_HAS(load);
    assert_int_equal(pick_once("least_load metric=external", NULL), LW_SIGNAL_EXTERNAL);
    refuse("least_load", "least_load: the nodes have no load column");
    refuse("chain(least_load metric=external, p2c)", "p2c: the nodes have no load column");
}

/* ---- trees ---- */

static ptrdiff_t answers[LW_CHILDREN];

/* Asks all its children, twice over. */
static ptrdiff_t ask_all(const lw_view *view) {
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < lw_view_children(view); i++) {
            answers[i] = lw_view_child_pick(view, i);
        }
    }
    return lw_view_load(view, 13) < 1 ? 13 : LW_FILTERED;
}

static const lw_param metric_param[] = {
    {"metric", LW_PARAM_CHOICE, 0, "ewma", NULL, NULL, LW_SIGNAL_NAMES, "What the asker itself goes by."}};

static const lw_strategy_ops asker = {.size = sizeof asker,
                                      .name = "asker",
                                      .help = "Asks everyone.",
                                      .params = metric_param,
                                      .param_count = 1,
                                      .config_size = 8,
                                      .children_min = 1,
                                      .children_max = LW_CHILDREN,
                                      .needs = LW_HAS(load),
                                      .pick = ask_all};

static const lw_strategy_ops *const own[] = {&asker};

static void test_each_member_has_its_own(void **state) {
    (void)state;
    values[LW_SIGNAL_EWMA][13] = 0; /* after its children the asker goes by its own metric again */
    lw_strategy *strategy = make_own(own, 1,
                                     "asker(least_load metric=inflight, p2c choices=14 metric=external, least_load, "
                                     "chain(ring absent_key=next, p2c choices=14 metric=user), "
                                     "asker(least_load metric=peak_ewma) metric=inflight_cost)");
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 13);
    assert_int_equal(answers[0], LW_SIGNAL_PEAK_EWMA); /* of the inner asker, which came last */
    assert_int_equal(answers[1], LW_SIGNAL_EXTERNAL);
    assert_int_equal(answers[2], LW_SIGNAL_LOAD);
    assert_int_equal(answers[3], LW_SIGNAL_USER);
    assert_int_equal(answers[4], LW_FILTERED);
    lw_strategy_free(strategy);
}

/* A chain goes on to a member with another metric; none of them is drawn into the other's. */
static void test_chains(void **state) {
    (void)state;
    static const char *const spec = "chain(ring absent_key=next, chain(ring absent_key=next, least_load metric=ewma))";
    lw_request request = keyed(5);
    assert_int_equal(pick_once(spec, NULL), LW_SIGNAL_EWMA);
    assert_int_equal(pick_once(spec, &request), pick_once("ring", &request));
    for (uint32_t s = 0; s < LW_SIGNALS; s++) { /* the first answers, whatever stands behind */
        char two[FLEET_SPEC];
        snprintf(two, sizeof two, "chain(least_load metric=%s, p2c metric=%s)", signal_names[s],
                 signal_names[(s + 1) % LW_SIGNALS]);
        assert_int_equal(pick_once(two, NULL), s);
    }
}

static void test_trials_go_by_it_too(void **state) {
    (void)state;
    lw_request trial = LW_REQUEST_INIT;
    trial.flags = LW_REQUEST_TRIAL;
    assert_int_equal(pick_once("least_load metric=inflight", &trial), LW_SIGNAL_INFLIGHT);
    assert_int_equal(pick_once("chain(ring absent_key=next, p2c choices=14 metric=user)", &trial), LW_SIGNAL_USER);
}

/* ---- strangers ---- */

static double heard;

static ptrdiff_t pick_none(const lw_view *view) { return lw_view_loads(view) == &signals[LW_SIGNAL_EWMA] ? 1 : 2; }

static void hear(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)sample;
    heard = lw_view_load(view, index);
}

static void test_feedback_goes_by_it_too(void **state) {
    (void)state;
    lw_strategy_ops ops = asker;
    const lw_strategy_ops *const table[] = {&ops};
    lw_sample sample = LW_SAMPLE_INIT;
    ops.children_min = 0;
    ops.pick = pick_none;
    ops.done = hear;
    values[LW_SIGNAL_EWMA][2] = 77;
    lw_strategy *strategy = make_own(table, 1, "chain(asker, least_load metric=user)");
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 1);
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 2, &sample), LW_OK);
    assert_true(heard == 77);
    lw_strategy_free(strategy);
}

/* The name means something, so it may not mean something else. */
static void test_the_name_is_taken(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_strategy *strategy;
    lw_param wrong[] = {{"metric", LW_PARAM_U64, 0, "1", "0", "100", NULL, "A number."}};
    lw_strategy_ops ops = asker;
    const lw_strategy_ops *const table[] = {&ops};
    ops.params = wrong;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, "random"), LW_INVALID);
    assert_told(&book, LW_INVALID, "metric");
    wrong[0] = (lw_param){"metric", LW_PARAM_CHOICE, 0, "miles", NULL, NULL, "miles|metres", "A unit."};
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, "random"), LW_INVALID);
    wrong[0].name = "unit";
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, table, 1, "random"), LW_OK);
    lw_strategy_free(strategy);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_each_signal),
        WITH_FLEET(test_two_nodes),
        WITH_FLEET(test_other_layouts),
        WITH_FLEET(test_computed_signals),
        WITH_FLEET(test_unknown_metrics),
        WITH_FLEET(test_no_signals),
        WITH_FLEET(test_no_load_column),
        WITH_FLEET(test_each_member_has_its_own),
        WITH_FLEET(test_chains),
        WITH_FLEET(test_trials_go_by_it_too),
        WITH_FLEET(test_feedback_goes_by_it_too),
        WITH_FLEET(test_the_name_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
