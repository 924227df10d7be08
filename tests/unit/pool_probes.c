/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Probes at floor two: wishes of strategies reach the host of the pool, answers reach the strategies of every route
 * that may see the node; and strategies that learn are told how long a request took, where the caller does not say.
 */
#include "pool_stand.h"

#include <loadwise/ops.h>

static stand yard;

/* ---- a strategy that writes down what it hears ---- */

static struct {
    uint32_t asked_count, told_count, done_count;
    uint64_t asked[64], told[64], told_now, latency;
} heard;

static ptrdiff_t scribe_pick(const lw_view *view) { return lw_view_uniform(view); }

static void scribe_begin(const lw_view *view, uint32_t index) { lw_view_ask(view, index); }

static void scribe_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)view;
    (void)index;
    heard.latency = sample->latency;
    heard.done_count++;
}

static void scribe_probed(const lw_view *view, uint32_t index, const lw_probe *probe) {
    heard.told[heard.told_count++] = lw_nodes_id(view->nodes, index) + probe->inflight;
    heard.told_now = view->now;
}

static const lw_strategy_ops scribe = {
    .size = sizeof scribe,
    .name = "scribe",
    .help = "Writes down what it hears.",
    .needs = LW_NEEDS_CLOCK,
    .pick = scribe_pick,
    .begin = scribe_begin,
    .done = scribe_done,
    .probed = scribe_probed,
};

static void note_wish(void *user, uint64_t id) {
    assert_ptr_equal(user, &yard.book);
    heard.asked[heard.asked_count++] = id;
}

static void open_yard(const char *spec, uint32_t count) {
    static const lw_strategy_ops *const own[] = {&scribe};
    memset(&heard, 0, sizeof heard);
    stand_open(&yard, 3);
    yard.env.probe = note_wish;
    yard.options.ops = own;
    yard.options.ops_count = 1;
    stand_found(&yard, spec, count);
}

static int answer_probe(uint64_t id, uint32_t inflight, uint64_t latency) {
    lw_probe probe = LW_PROBE_INIT;
    probe.inflight = inflight;
    probe.latency = latency;
    return lw_pool_probed(yard.pool, id, &probe);
}

static void test_wishes_reach_the_host_of_a_pool(void **state) {
    (void)state;
    open_yard("scribe", 5);
    for (uint32_t i = 0; i < 20; i++) {
        lw_ticket ticket = stand_pick(&yard, NULL);
        assert_int_equal(heard.asked_count, i + 1);
        assert_int_equal(heard.asked[i], ticket.node);
        stand_done(&yard, &ticket, LW_OUTCOME_OK);
    }
    stand_close(&yard);
}

/* Every member of every route that may see the node, and no other; with the pool's time, where the answer has none. */
static void test_answers_reach_every_route(void **state) {
    (void)state;
    uint32_t other, third;
    lw_tag_filter large = lw_filter_tag("model", "large");
    open_yard("scribe", 4);
    yard.spec[2].tags = "model=large";
    stand_update(&yard, 4);
    assert_int_equal(lw_pool_route(yard.pool, "other", "chain(scribe, scribe)", &large.filter, &other), LW_OK);
    assert_int_equal(lw_pool_route(yard.pool, "third", "random", NULL, &third), LW_OK);
    assert_int_equal(answer_probe(stand_id(&yard, 2), 9, 1), LW_OK);
    assert_int_equal(heard.told_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(heard.told[i], stand_id(&yard, 2) + 9);
    }
    assert_int_equal(heard.told_now, yard.book.now);
    lw_probe probe = LW_PROBE_INIT;
    probe.now = 77;
    assert_int_equal(lw_pool_probed(yard.pool, stand_id(&yard, 1), &probe), LW_OK);
    assert_int_equal(heard.told_count, 4);
    assert_int_equal(heard.told_now, 77);
    stand_close(&yard);
}

static void test_answers_of_nobody(void **state) {
    (void)state;
    open_yard("scribe", 3);
    assert_int_equal(answer_probe(stand_id(&yard, 5), 1, 1), LW_UNKNOWN);
    lw_probe probe = LW_PROBE_INIT;
    probe.size = sizeof probe - 1;
    assert_int_equal(lw_pool_probed(yard.pool, stand_id(&yard, 0), &probe), LW_INVALID);
    assert_int_equal(answer_probe(stand_id(&yard, 2), 1, 1), LW_OK);
    stand_update(&yard, 2); /* the node has gone when its next answer comes */
    assert_int_equal(answer_probe(stand_id(&yard, 2), 1, 1), LW_UNKNOWN);
    assert_int_equal(heard.told_count, 1);
    stand_close(&yard);
}

/* prequal in a pool: what nodes say of themselves decides, in this version of the nodes and the next. */
static void test_a_pool_chooses_by_answers(void **state) {
    (void)state;
    open_yard("prequal quantile=1 probes=2", 6);
    for (uint32_t count = 6; count > 4; count--) {
        stand_update(&yard, count);
        answer_probe(stand_id(&yard, 3), 0, 20 * MS);
        answer_probe(stand_id(&yard, 4), 0, 10 * MS);
        heard.asked_count = 0;
        lw_ticket ticket = stand_pick(&yard, NULL);
        assert_int_equal(stand_index(&yard, ticket.node), 4);
        assert_int_equal(heard.asked_count, 2);
        stand_done(&yard, &ticket, LW_OUTCOME_OK);
    }
    stand_close(&yard);
}

/* A draining node is not chosen, whatever it says. */
static void test_answers_do_not_make_eligible(void **state) {
    (void)state;
    open_yard("prequal quantile=1 probes=0", 3);
    for (uint32_t i = 0; i < 3; i++) {
        answer_probe(stand_id(&yard, i), 0, (1 + i) * MS);
    }
    stand_admin(&yard, 0, LW_ADMIN_DRAINING, 0);
    lw_ticket ticket = stand_pick(&yard, NULL);
    assert_int_equal(stand_index(&yard, ticket.node), 1);
    stand_cancel(&yard, &ticket);
    stand_close(&yard);
}

/* The latency of the ticket, unless the caller says another. */
static void test_strategies_are_told_how_long_it_took(void **state) {
    (void)state;
    open_yard("scribe", 1);
    lw_ticket ticket = stand_pick(&yard, NULL);
    yard.book.now += 30 * MS;
    stand_done(&yard, &ticket, LW_OUTCOME_OK);
    assert_int_equal(heard.latency, 30 * MS);
    stand_serve(&yard, 0, LW_OUTCOME_OK, 7 * MS);
    assert_int_equal(heard.latency, 7 * MS);
    assert_int_equal(heard.done_count, 2);
    stand_close(&yard);
}

/* So least_time and c3 learn in a pool by themselves. */
static void test_a_pool_learns_by_its_tickets(void **state) {
    (void)state;
    static const char *const specs[] = {"least_time", "c3"};
    for (uint32_t s = 0; s < STAND_COUNT(specs); s++) {
        open_yard(specs[s], 3);
        for (uint32_t i = 0; i < 3; i++) {
            lw_ticket ticket = stand_pick_node(&yard, i);
            yard.book.now += (i == 1 ? 50 : 100) * MS;
            stand_done(&yard, &ticket, LW_OUTCOME_OK);
        }
        for (uint32_t i = 0; i < 20; i++) {
            lw_ticket ticket = stand_pick(&yard, NULL);
            assert_int_equal(stand_index(&yard, ticket.node), 1);
            stand_cancel(&yard, &ticket);
        }
        stand_close(&yard);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wishes_reach_the_host_of_a_pool),
        cmocka_unit_test(test_answers_reach_every_route),
        cmocka_unit_test(test_answers_of_nobody),
        cmocka_unit_test(test_a_pool_chooses_by_answers),
        cmocka_unit_test(test_answers_do_not_make_eligible),
        cmocka_unit_test(test_strategies_are_told_how_long_it_took),
        cmocka_unit_test(test_a_pool_learns_by_its_tickets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
