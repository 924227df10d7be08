/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Columns that know the node of their least element: who asks them, with what, and what happens when they cannot tell.
 */
#include "ledger.h"

#include "fleet.h"

#include <loadwise/ops.h>

enum { NODES = 20 };

static fleet nodes;
static lw_strategy *strategy;
static uint32_t asked, computed;
static bool can_tell;
static const void *asked_of;

static double compute(const void *user, size_t index, uint64_t now) {
    (void)user, (void)now;
    computed++;
    return index == 4 ? 0 : 1 + (double)index;
}

/* The highest index that may be chosen, which no scan would find. */
static ptrdiff_t tell(const void *user, const lw_view *view) {
    asked++;
    asked_of = user;
    for (uint32_t i = view->count; can_tell && i-- > 0;) {
        if (lw_view_may(view, i)) {
            return i;
        }
    }
    return LW_FILTERED;
}

static int open_fleet(void **state) {
    (void)state;
    fleet_open(&nodes, NODES, 1);
    LW_SET_COMPUTED(nodes.nodes, load, compute, &nodes);
    nodes.nodes.load.least = tell;
    asked = computed = 0;
    can_tell = true;
    asked_of = NULL;
    strategy = NULL;
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    lw_strategy_free(strategy);
    return 0;
}

static ptrdiff_t pick(const char *spec, const lw_request *request) {
    lw_strategy_free(strategy);
    assert_int_equal(lw_strategy_new(&strategy, NULL, spec), LW_OK);
    return lw_select(strategy, &nodes.nodes, request);
}

static void test_who_declares_it(void **state) {
    (void)state;
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        bool declares = (lw_strategy_builtin(i)->needs & LW_NEEDS_LEAST) != 0;
        assert_int_equal(declares, strcmp(lw_strategy_builtin(i)->name, "least_load") == 0);
    }
}

static void test_its_word_is_taken(void **state) {
    (void)state;
    assert_int_equal(pick("least_load", NULL), NODES - 1);
    assert_int_equal(pick("chain(ring absent_key=next, least_load)", NULL), NODES - 1);
    assert_int_equal(asked, 2);
    assert_int_equal(computed, 0); /* no element was asked for */
    assert_ptr_equal(asked_of, &nodes);
}

static void test_exclusions_and_bitmap(void **state) {
    (void)state;
    static const uint64_t out[] = {NODES - 1, 16, 5};
    lw_request request = excluding(out, 3);
    assert_int_equal(pick("least_load", &request), NODES - 2);
    fleet_nobody(&nodes);
    lw_bitmap_set(nodes.words, 5);
    lw_bitmap_set(nodes.words, 11);
    lw_bitmap_set(nodes.words, 16);
    assert_int_equal(pick("least_load", &request), 11);
    assert_int_equal(pick("least_load", NULL), 16);
    assert_int_equal(computed, 0);
}

/* Then all are looked at, as if it had not been there. */
static void test_it_cannot_tell(void **state) {
    (void)state;
    static const uint64_t fourth = 4;
    lw_request request = excluding(&fourth, 1);
    can_tell = false;
    assert_int_equal(pick("least_load", NULL), 4);
    assert_int_equal(asked, 1);
    assert_true(computed >= NODES);
    assert_int_equal(pick("least_load", &request), 0);
    fleet_nobody(&nodes);
    assert_int_equal(pick("least_load", NULL), LW_FILTERED);
    lw_bitmap_set(nodes.words, 4);
    assert_int_equal(pick("least_load", &request), LW_EXCLUDED);
    assert_int_equal(asked, 4);
}

/* Its least is by load alone, and its ties are drawn. */
static void test_who_does_not_ask(void **state) {
    (void)state;
    assert_int_equal(pick("least_load tie=first", NULL), 4);
    assert_int_equal(pick("least_load weighted=true", NULL), 4);
    assert_int_equal(pick("p2c choices=16", NULL) >= 0, 1);
    assert_true(pick("random", NULL) >= 0);
    assert_int_equal(asked, 0);
}

static void test_signals_may_know_too(void **state) {
    (void)state;
    static lw_f64_column signals[LW_SIGNALS];
    static double values[NODES];
    memset(signals, 0, sizeof signals);
    signals[LW_SIGNAL_INFLIGHT].at = lw_layout_strided(values, sizeof *values, 1);
    signals[LW_SIGNAL_INFLIGHT].least = tell;
    signals[LW_SIGNAL_EWMA].at = lw_layout_strided(values, sizeof *values, 1);
    nodes.nodes.signals = signals;
    nodes.nodes.present |= LW_HAS_SIGNALS;
    for (uint32_t i = 0; i < NODES; i++) {
        values[i] = i == 7 ? 0 : 3;
    }
    assert_int_equal(pick("least_load metric=inflight", NULL), NODES - 1);
    assert_ptr_equal(asked_of, values);
    assert_int_equal(asked, 1);
    assert_int_equal(pick("least_load metric=ewma", NULL), 7); /* the load column's word is not its */
    assert_int_equal(asked, 1);
    assert_int_equal(pick("chain(least_load metric=inflight, least_load)", NULL), NODES - 1);
    assert_ptr_equal(asked_of, values);
}

/* It may draw among ties, and a trial gives that back. */
static ptrdiff_t tell_by_chance(const void *user, const lw_view *view) {
    (void)user;
    return (ptrdiff_t)lw_view_below(view, view->count);
}

static void test_chance_of_a_trial(void **state) {
    (void)state;
    lw_request trial = LW_REQUEST_INIT;
    uint32_t different = 0;
    trial.flags = LW_REQUEST_TRIAL;
    nodes.nodes.load.least = tell_by_chance;
    ptrdiff_t before = pick("least_load", NULL);
    for (int i = 0; i < 100; i++) {
        ptrdiff_t told = lw_select(strategy, &nodes.nodes, &trial);
        ptrdiff_t picked = lw_select(strategy, &nodes.nodes, NULL);
        assert_int_equal(told, picked);
        different += picked != before;
        before = picked;
    }
    assert_true(different > 50);
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_who_declares_it),   WITH_FLEET(test_its_word_is_taken), WITH_FLEET(test_exclusions_and_bitmap),
        WITH_FLEET(test_it_cannot_tell),    WITH_FLEET(test_who_does_not_ask),  WITH_FLEET(test_signals_may_know_too),
        WITH_FLEET(test_chance_of_a_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
