/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Feedback: a pick's begin and a report's done reach every strategy of the tree, once, with the right node and time. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 5, LISTENERS = 8 };

/* A listener is known by its number, and keeps count in memories of its own. */
struct heard {
    uint32_t begins, dones;
    uint32_t last_begin, last_done;
    uint64_t now;
    const lw_sample *sample;
};

static struct heard heard[LISTENERS];
static uint64_t scratch_begins[LISTENERS][NODES];

static uint64_t number_of(const lw_view *view) { return *(const uint64_t *)lw_view_config(view); }

static void hear_begin(const lw_view *view, uint32_t index) {
    struct heard *ear = &heard[number_of(view)];
    uint64_t *scratch = lw_view_scratch(view, index);
    ear->begins++;
    ear->last_begin = index;
    ear->now = view->now;
    scratch_begins[number_of(view)][index] = ++*scratch;
}

static void hear_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct heard *ear = &heard[number_of(view)];
    ear->dones++;
    ear->last_done = index;
    ear->now = view->now;
    ear->sample = sample;
}

/* Leaves to its first child, or takes the node of the key; refuses when the key is none. */
static ptrdiff_t hear_pick(const lw_view *view) {
    if (lw_view_children(view) > 0) {
        return lw_view_child_pick(view, 0);
    }
    return view->request->key < view->count ? (ptrdiff_t)view->request->key : LW_SATURATED;
}

static const lw_param hear_params[] = {{"number", LW_PARAM_U64, 0, "0", "0", "7", NULL, "Who is it?"}};

static lw_strategy_ops hear_ops = {
    .size = sizeof hear_ops,
    .name = "hear",
    .help = "Listens.",
    .params = hear_params,
    .param_count = 1,
    .config_size = 8,
    .children_max = LW_CHILDREN,
    .scratch_size = 8,
    .pick = hear_pick,
    .begin = hear_begin,
    .done = hear_done,
};

static fleet nodes;
static ledger book;
static lw_strategy *strategy;

static int open_hear(void **state) {
    (void)state;
    ledger_open(&book);
    memset(heard, 0, sizeof heard);
    memset(scratch_begins, 0, sizeof scratch_begins);
    fleet_open(&nodes, NODES, 1);
    hear_ops.needs = 0;
    strategy = NULL;
    return 0;
}

static int close_hear(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    ledger_close(&book);
    return 0;
}

static void make(const char *spec) {
    const lw_strategy_ops *const own[] = {&hear_ops};
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
}

static ptrdiff_t pick(uint64_t index) {
    lw_request request = keyed(index);
    return lw_select(strategy, &nodes.nodes, &request);
}

static const char family[] = "chain(hear(hear number=1, hear number=2), chain(random, hear number=3)) ";

static void test_begin_reaches_everyone(void **state) {
    (void)state;
    make(family);
    assert_int_equal(pick(2), 2);
    assert_int_equal(pick(4), 4);
    assert_int_equal(pick(4), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(heard[i].begins, 3);
        assert_int_equal(heard[i].last_begin, 4);
        assert_int_equal(heard[i].dones, 0);
        assert_int_equal(scratch_begins[i][2], 1);
        assert_int_equal(scratch_begins[i][4], 2);
    }
}

static void test_done_reaches_everyone(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = LW_OUTCOME_TIMEOUT;
    sample.latency = 12345;
    make(family);
    assert_int_equal(pick(1), 1);
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 1, &sample), LW_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(heard[i].dones, 1);
        assert_int_equal(heard[i].last_done, 1);
        assert_ptr_equal(heard[i].sample, &sample);
    }
}

/* The node of a fallback is told to the member that refused, too. */
static void test_a_fallback_is_told_to_all(void **state) {
    (void)state;
    make("chain(hear, hear(random) number=1)");
    ptrdiff_t picked = pick(NODES);
    assert_in_range(picked, 0, NODES - 1);
    assert_int_equal(heard[0].begins, 1);
    assert_int_equal(heard[0].last_begin, picked);
    assert_int_equal(heard[1].begins, 1);
    assert_int_equal(heard[1].last_begin, picked);
}

static void test_a_refusal_begins_nothing(void **state) {
    (void)state;
    make("hear");
    assert_int_equal(pick(NODES), LW_SATURATED);
    assert_int_equal(heard[0].begins, 0);
}

static void test_replicas_begin_nothing(void **state) {
    (void)state;
    uint32_t order[2];
    make("chain(ring, hear)");
    assert_int_equal(lw_replicas(strategy, &nodes.nodes, 7, order, 2), 2);
    assert_int_equal(heard[0].begins, 0);
}

static void test_an_index_past_the_end(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    make("hear");
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, NODES, &sample), LW_INVALID);
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, UINT32_MAX, &sample), LW_INVALID);
    assert_int_equal(heard[0].dones, 0);
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, NODES - 1, &sample), LW_OK);
    assert_int_equal(heard[0].dones, 1);
}

/* Nobody has prepared, nobody has picked: the report does not care. */
static void test_a_report_prepares(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    make("chain(hear, ring)");
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 0, &sample), LW_OK);
    assert_int_equal(heard[0].dones, 1);
    nodes.nodes.version = 2;
    nodes.member[0].id = nodes.member[1].id;
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 0, &sample), LW_DUPLICATE);
    assert_int_equal(heard[0].dones, 1);
}

static void test_everyone_takes_feedback(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    lw_env env = ledger_env(&book, 1);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
        for (uint32_t outcome = LW_OUTCOME_OK; outcome <= LW_OUTCOME_CANCELLED; outcome++) {
            lw_sample sample = LW_SAMPLE_INIT;
            sample.outcome = outcome;
            assert_int_equal(lw_feedback(strategy, &nodes.nodes, outcome % NODES, &sample), LW_OK);
        }
        lw_strategy_free(strategy);
        strategy = NULL;
    }
}

/* A listener that needs neither plan nor scratch hears as much, also over nodes that nobody prepared. */
static void count_begin(const lw_view *view, uint32_t index) {
    (void)view;
    heard[0].begins++;
    heard[0].last_begin = index;
}

static void test_a_listener_without_memories(void **state) {
    (void)state;
    lw_strategy_ops ops = {.size = sizeof ops, .name = "ear", .help = "Listens.", .pick = lw_view_uniform};
    const lw_strategy_ops *const own[] = {&ops};
    lw_env env = ledger_env(&book, 1);
    ops.begin = count_begin;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, "ear"), LW_OK);
    for (uint32_t i = 1; i <= 10; i++) {
        ptrdiff_t picked = lw_select(strategy, &nodes.nodes, NULL);
        assert_in_range(picked, 0, NODES - 1);
        assert_int_equal(heard[0].begins, i);
        assert_int_equal(heard[0].last_begin, picked);
    }
}

static void test_the_time_of_a_report(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    hear_ops.needs = LW_NEEDS_CLOCK;
    make("hear");
    book.now = 500;
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 0, &sample), LW_OK);
    assert_int_equal(heard[0].now, 500);
    assert_int_equal(book.clock_reads, 1);
    sample.now = 700;
    assert_int_equal(lw_feedback(strategy, &nodes.nodes, 0, &sample), LW_OK);
    assert_int_equal(heard[0].now, 700);
    assert_int_equal(book.clock_reads, 1);
}

static void test_the_time_of_a_pick(void **state) {
    (void)state;
    lw_request request = keyed(1);
    hear_ops.needs = LW_NEEDS_CLOCK;
    make("chain(random, hear)");
    book.now = 800;
    assert_int_not_equal(pick(1), LW_SATURATED);
    assert_int_equal(heard[0].now, 800);
    assert_int_equal(book.clock_reads, 1); /* one for the whole tree */
    assert_true(lw_select_at(strategy, &nodes.nodes, &request, 900) >= 0);
    assert_int_equal(heard[0].now, 900);
    assert_int_equal(book.clock_reads, 1);
}

#define WITH_HEAR(test) cmocka_unit_test_setup_teardown(test, open_hear, close_hear)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_HEAR(test_begin_reaches_everyone),      WITH_HEAR(test_done_reaches_everyone),
        WITH_HEAR(test_a_fallback_is_told_to_all),   WITH_HEAR(test_a_refusal_begins_nothing),
        WITH_HEAR(test_replicas_begin_nothing),      WITH_HEAR(test_an_index_past_the_end),
        WITH_HEAR(test_a_report_prepares),           WITH_HEAR(test_everyone_takes_feedback),
        WITH_HEAR(test_a_listener_without_memories), WITH_HEAR(test_the_time_of_a_report),
        WITH_HEAR(test_the_time_of_a_pick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
