/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Trials from inside: not a byte of the strategy changes, nobody is told of a request, errors are those of a pick. */
#include "ledger.h"

#include "fleet.h"
#include "strategy/unit.h"

enum { NODES = 30, LONGEST = 4096 };

static fleet nodes;
static ledger book;

static int open_fleet(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

static lw_strategy *make(const lw_strategy_ops *own, const char *spec) {
    lw_env env = ledger_env(&book, 9);
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, &own, own != NULL, spec), LW_OK);
    return strategy;
}

static ptrdiff_t attempt(lw_strategy *strategy, lw_request request) {
    request.flags |= LW_REQUEST_TRIAL;
    return lw_select_at(strategy, &nodes.nodes, &request, 1);
}

/* ---- every byte ---- */

typedef struct picture {
    lw_strategy strategy;
    unsigned char lanes[LW_SPEC_STRATEGIES][LW_LANES * LW_LANE_SIZE];
} picture;

static void take(picture *out, const lw_strategy *strategy) {
    memset(out, 0, sizeof *out);
    memcpy(&out->strategy, strategy, sizeof *strategy);
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        const lw_memory *memory = &strategy->units[u]->memory;
        if (memory->lanes != NULL) {
            memcpy(out->lanes[u], memory->lanes, ((size_t)memory->lane_mask + 1) * LW_LANE_SIZE);
        }
    }
}

static void assert_traceless(const char *spec) {
    static picture before, after;
    lw_strategy *strategy = make(NULL, spec);
    for (uint64_t key = 0; key < 200; key++) {
        static const uint64_t out[] = {3, 17, 4};
        lw_request request = key % 2 == 0 ? keyed(key) : excluding(out, key % 4 == 1 ? 3 : 0);
        lw_select_at(strategy, &nodes.nodes, &request, 1); /* has its lane and plan now */
        take(&before, strategy);
        assert_true(attempt(strategy, request) >= 0);
        take(&after, strategy);
        assert_memory_equal(&before, &after, sizeof before);
    }
    lw_strategy_free(strategy);
}

static void test_no_byte_changes(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_traceless(spec);
    }
    assert_traceless("round_robin lanes=1");
    assert_traceless("smooth_wrr lanes=4 max_period=2");
    assert_traceless("p2c choices=6 weighted=true");
}

/* As many strategies as a specification may have, each with a lane. */
static void test_the_largest_tree(void **state) {
    (void)state;
    char spec[LONGEST];
    size_t used = (size_t)snprintf(spec, sizeof spec, "chain(");
    for (uint32_t group = 0; group < 4; group++) {
        used += (size_t)snprintf(spec + used, sizeof spec - used, "%schain(", group > 0 ? ", " : "");
        for (uint32_t i = 0; i < (group < 3 ? 15U : 14U); i++) {
            bool last = group == 3 && i == 13;
            used += (size_t)snprintf(spec + used, sizeof spec - used, "%s%s", i > 0 ? ", " : "",
                                     last ? "round_robin phase=0" : "ring absent_key=next");
        }
        used += (size_t)snprintf(spec + used, sizeof spec - used, ")");
    }
    snprintf(spec + used, sizeof spec - used, ")");
    nodes.nodes.count = 3;
    lw_strategy *strategy = make(NULL, spec);
    assert_int_equal(strategy->unit_count, LW_SPEC_STRATEGIES);
    for (ptrdiff_t i = 0; i < 9; i++) {
        assert_int_equal(attempt(strategy, (lw_request)LW_REQUEST_INIT), i % 3);
        assert_int_equal(attempt(strategy, (lw_request)LW_REQUEST_INIT), i % 3);
        assert_int_equal(lw_select_at(strategy, &nodes.nodes, NULL, 1), i % 3);
    }
    lw_strategy_free(strategy);
}

/* ---- who is told ---- */

static uint32_t begins, tries;

static ptrdiff_t pick_third(const lw_view *view) {
    tries += (view->request->flags & LW_REQUEST_TRIAL) != 0;
    return 2;
}

static void count_begin(const lw_view *view, uint32_t index) {
    (void)view;
    begins += index == 2;
}

static void test_nobody_is_told(void **state) {
    (void)state;
    static const lw_strategy_ops ops = {.size = sizeof ops,
                                        .name = "third",
                                        .help = "The third.",
                                        .scratch_size = 8,
                                        .pick = pick_third,
                                        .begin = count_begin};
    lw_strategy *strategy = make(&ops, "chain(third, random)");
    begins = tries = 0;
    assert_int_equal(attempt(strategy, (lw_request)LW_REQUEST_INIT), 2);
    assert_int_equal(begins, 0);
    assert_int_equal(tries, 1); /* a strategy can see that it is one */
    assert_int_equal(lw_select(strategy, &nodes.nodes, NULL), 2);
    assert_int_equal(begins, 1);
    assert_int_equal(tries, 1);
    lw_strategy_free(strategy);
}

/* ---- what a trial answers when there is nothing to pick ---- */

static void test_refusals_and_errors(void **state) {
    (void)state;
    lw_strategy *strategy = make(NULL, "ring absent_key=error");
    assert_int_equal(attempt(strategy, (lw_request)LW_REQUEST_INIT), LW_KEY_REQUIRED);
    lw_request request = keyed(1);
    request.flags |= LW_REQUEST_PREPARED_ONLY;
    nodes.nodes.version++;
    assert_int_equal(attempt(strategy, request), LW_NOT_PREPARED);
    assert_true(attempt(strategy, keyed(1)) >= 0); /* which prepares, as a pick does */
    assert_true(attempt(strategy, request) >= 0);
    fleet_nobody(&nodes);
    assert_int_equal(attempt(strategy, keyed(1)), LW_FILTERED);
    nodes.nodes.eligible = NULL;
    nodes.nodes.count = 0;
    assert_int_equal(attempt(strategy, keyed(1)), LW_NO_NODES);
    request.size = 3;
    assert_int_equal(attempt(strategy, request), LW_INVALID);
    lw_strategy_free(strategy);
}

static void test_a_missing_column(void **state) {
    (void)state;
    lw_strategy *strategy = make(NULL, "p2c");
    nodes.nodes.present &= ~LW_HAS(load);
    assert_int_equal(attempt(strategy, (lw_request)LW_REQUEST_INIT), LW_NO_COLUMN);
    assert_told(&book, LW_NO_COLUMN, "p2c: the nodes have no load column");
    assert_int_equal(book.told, 1);
    lw_strategy_free(strategy);
}

/* The reader's mark is taken away again, so that plans can be freed. */
static void test_no_read_section_stays_open(void **state) {
    (void)state;
    lw_strategy *strategy = make(NULL, "ring");
    assert_true(attempt(strategy, keyed(1)) >= 0);
    nodes.nodes.count = 0;
    assert_true(attempt(strategy, keyed(1)) < 0);
    nodes.nodes.count = NODES;
    uint32_t epoch = strategy->lanes.epoch;
    assert_int_equal(lw__epoch_advance(&strategy->lanes), epoch + 2);
    lw_strategy_free(strategy);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_no_byte_changes),  WITH_FLEET(test_the_largest_tree),
        WITH_FLEET(test_nobody_is_told),   WITH_FLEET(test_refusals_and_errors),
        WITH_FLEET(test_a_missing_column), WITH_FLEET(test_no_read_section_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
