/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Feedback to strategies: whatever becomes of a choice, each begin of a node has one done of the same node, and the
 * strategy's memory of a node that nothing is under way on is where it was.
 */
#include "pool_stand.h"

#include <loadwise/ops.h>

static stand s;

/* What the listener has heard, by node. */
static struct heard {
    uint32_t begins, dones;
    uint32_t last_outcome;
    uint64_t last_time;
} heard[STAND_MOST];

static int open_feedback(void **state) {
    (void)state;
    memset(heard, 0, sizeof heard);
    stand_open(&s, 11);
    return 0;
}

static int close_feedback(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static uint32_t number_of(const lw_view *view, uint32_t index) {
    return stand_index(&s, lw_u64_at(&view->nodes->id, index));
}

static void listener_begin(const lw_view *view, uint32_t index) {
    int64_t *under_way = lw_view_scratch(view, index);
    heard[number_of(view, index)].begins++;
    ++*under_way;
}

static void listener_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct heard *ear = &heard[number_of(view, index)];
    int64_t *under_way = lw_view_scratch(view, index);
    ear->dones++;
    ear->last_outcome = sample->outcome;
    ear->last_time = sample->now;
    --*under_way;
    assert_true(*under_way >= 0);
}

/* The first that may be chosen, and looks at its load, as those who learn do. */
static ptrdiff_t listener_pick(const lw_view *view) {
    for (uint32_t i = 0; i < view->count; i++) {
        if (lw_view_may(view, i)) {
            return lw_view_load(view, i) >= 0 ? (ptrdiff_t)i : LW_SATURATED;
        }
    }
    return LW_FILTERED;
}

static const lw_param listener_params[] = {
    {"metric", LW_PARAM_CHOICE, 0, "load", NULL, NULL, LW_SIGNAL_NAMES, "What counts as load?"}};

static const lw_strategy_ops listener = {
    .size = sizeof listener,
    .name = "listener",
    .help = "Listens.",
    .params = listener_params,
    .param_count = 1,
    .config_size = 8,
    .needs = LW_HAS(id) | LW_HAS(load),
    .scratch_size = 8,
    .pick = listener_pick,
    .begin = listener_begin,
    .done = listener_done,
};

static void found_listener(const char *spec, uint32_t count) {
    static const lw_strategy_ops *const ops[] = {&listener};
    s.options.ops = ops;
    s.options.ops_count = 1;
    stand_found(&s, spec, count);
}

static void assert_heard(uint32_t node, uint32_t begins, uint32_t dones) {
    assert_int_equal(heard[node].begins, begins);
    assert_int_equal(heard[node].dones, dones);
}

static void assert_balanced(void) {
    for (uint32_t i = 0; i < STAND_MOST; i++) {
        assert_int_equal(heard[i].begins, heard[i].dones);
    }
}

/* ---- how requests end ---- */

static void test_every_end(void **state) {
    (void)state;
    s.options.ticket_ttl = 10 * SECOND;
    found_listener("listener", 1);
    lw_ticket done = stand_pick(&s, NULL), cancelled = stand_pick(&s, NULL);
    stand_pick(&s, NULL);
    assert_heard(0, 3, 0);
    s.book.now += SECOND;
    stand_done(&s, &done, LW_OUTCOME_TIMEOUT);
    assert_heard(0, 3, 1);
    assert_int_equal(heard[0].last_outcome, LW_OUTCOME_TIMEOUT);
    assert_int_equal(heard[0].last_time, s.book.now);
    stand_cancel(&s, &cancelled);
    assert_heard(0, 3, 2);
    assert_int_equal(heard[0].last_outcome, LW_OUTCOME_CANCELLED);
    assert_int_equal(lw_cancel(s.pool, &done), LW_ALREADY);
    assert_heard(0, 3, 2);
    s.book.now += 10 * SECOND;
    stand_tick(&s);
    assert_heard(0, 3, 3);
    assert_int_equal(heard[0].last_outcome, LW_OUTCOME_CANCELLED);
}

/* A pick that does not say the time ends at the clock's. */
static void test_clock(void **state) {
    (void)state;
    lw_ticket ticket;
    found_listener("listener", 1);
    assert_int_equal(lw_pick(s.pool, s.route, NULL, &ticket), LW_OK);
    s.book.now += 5;
    assert_int_equal(lw_done(s.pool, &ticket, NULL), LW_OK);
    assert_int_equal(heard[0].last_time, STAND_START + 5);
}

/* Both members of a chain hear, whoever chose: as they would on floor one. */
static void test_tree(void **state) {
    (void)state;
    found_listener("chain(ring absent_key=next, listener, listener)", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_heard(0, 2, 0);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 2, 2);
}

/* ---- choices that come to nothing ---- */

/* The first has no quota left for so much; the second is charged. Of the first the strategy hears nothing. */
static void test_uncharged(void **state) {
    (void)state;
    lw_amount amount = {0, 11};
    lw_request request = LW_REQUEST_INIT;
    stand_limit(&s, 1, 10);
    request.amounts = &amount;
    request.amount_count = 1;
    found_listener("listener", 2);
    lw_ticket ticket = stand_pick(&s, &request);
    assert_int_equal(stand_index(&s, ticket.node), 1);
    assert_heard(0, 0, 0);
    assert_heard(1, 1, 0);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_balanced();
    stand_update(&s, 1);
    assert_int_equal(stand_refused(&s, &request, LW_OVER_QUOTA).retry, LW_RETRY_NEVER);
    assert_heard(0, 0, 0);
}

static void test_no_slots(void **state) {
    (void)state;
    s.options.max_tickets = 1;
    found_listener("listener", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    for (int i = 0; i < 3; i++) {
        stand_refused(&s, NULL, LW_NO_SLOTS);
    }
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 1);
}

/* Slow start passes the one that is well again over, often. */
static void test_ramping(void **state) {
    (void)state;
    s.options.slow_start = 100 * SECOND;
    found_listener("listener", 2);
    s.book.now += 100 * SECOND;
    stand_verdict(&s, 0, LW_VERDICT_DOWN);
    stand_verdict(&s, 0, LW_VERDICT_UP);
    uint64_t counts[STAND_MOST] = {0};
    stand_tally(&s, NULL, 1000, counts);
    assert_heard(0, (uint32_t)counts[0], (uint32_t)counts[0]); /* though it was the first choice each time */
    assert_true(counts[0] < 200 && counts[1] > 800);
    assert_heard(1, (uint32_t)counts[1], (uint32_t)counts[1]);
}

/* A dry run is not told of. */
static void test_dry_run(void **state) {
    (void)state;
    lw_explanation why = LW_EXPLANATION_INIT;
    found_listener("listener", 2);
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, NULL, &why), LW_OK);
    assert_heard(0, 0, 0);
    lw_ticket ticket;
    assert_int_equal(lw_explain(s.pool, s.route, NULL, s.book.now, &ticket, &why), LW_OK);
    assert_heard(0, 1, 0);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 1);
}

/* Nodes that are drawn to be explored are placed past the strategy, which hears of them all the same. */
static void test_explored(void **state) {
    (void)state;
    s.options.explore = 5000;
    found_listener("listener metric=peak_ewma", 3);
    uint32_t explored = 0;
    for (int i = 0; i < 1000; i++) {
        lw_ticket ticket = stand_pick(&s, NULL);
        explored += (ticket.flags & LW_TICKET_EXPLORED) != 0;
        stand_done(&s, &ticket, LW_OUTCOME_OK);
    }
    assert_in_range(explored, 400, 600);
    assert_balanced();
    assert_int_equal(heard[0].begins + heard[1].begins + heard[2].begins, 1000);
}

/* ---- changes under way ---- */

static void test_kept_over_updates(void **state) {
    (void)state;
    found_listener("listener", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    s.spec[0].weight = 4;
    stand_update(&s, 5);
    lw_node_spec first = s.spec[0];
    s.spec[0] = s.spec[1], s.spec[1] = first;
    stand_update(&s, 2);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 1);
    assert_balanced();
}

/* A node that has left has no place in the strategy's memory any more: the end is not told. */
static void test_removed(void **state) {
    (void)state;
    found_listener("listener", 3);
    lw_ticket ticket = stand_pick(&s, NULL);
    lw_node_spec first = s.spec[0];
    s.spec[0] = s.spec[2];
    stand_update(&s, 2);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 0);
    assert_heard(1, 0, 0);
    assert_heard(2, 0, 0);
    s.spec[0] = first; /* it comes back as another one */
    stand_update(&s, 1);
    ticket = stand_pick(&s, NULL);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 2, 1);
}

/* What the old strategy began the new one is not told of, also where it has the same name. */
static void test_swapped(void **state) {
    (void)state;
    found_listener("listener", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(lw_pool_route(s.pool, "default", "listener metric=inflight", NULL, &s.route), LW_OK);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 0);
    ticket = stand_pick(&s, NULL);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 2, 1);
}

/* The same specification again, and another filter, leave the strategy what it knows. */
static void test_set_again(void **state) {
    (void)state;
    found_listener("listener", 2);
    lw_ticket ticket = stand_pick(&s, NULL);
    assert_int_equal(lw_pool_route(s.pool, "default", "listener", NULL, &s.route), LW_OK);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 1, 1);
}

/* Only the strategy of the route that placed it hears. */
static void test_several_routes(void **state) {
    (void)state;
    lw_ticket ticket;
    uint32_t other;
    found_listener("listener", 2);
    assert_int_equal(lw_pool_route(s.pool, "other", "random", NULL, &other), LW_OK);
    assert_int_equal(lw_pick_at(s.pool, other, NULL, s.book.now, &ticket), LW_OK);
    stand_done(&s, &ticket, LW_OUTCOME_OK);
    assert_heard(0, 0, 0);
    assert_heard(1, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_end, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_clock, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_tree, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_uncharged, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_no_slots, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_ramping, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_dry_run, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_explored, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_kept_over_updates, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_removed, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_swapped, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_set_again, open_feedback, close_feedback),
        cmocka_unit_test_setup_teardown(test_several_routes, open_feedback, close_feedback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
