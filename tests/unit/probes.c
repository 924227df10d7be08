/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Probes at floor one: the list of answers and the board that threads share, and what the engine does with wishes and
 * answers.
 */
#include "fleet.h"
#include "ledger.h"

#include "strategy/probes.h"

#include <string.h>

/* ---- the list ---- */

static void put(struct lw__probes *list, uint64_t node, uint64_t inflight, uint64_t latency, uint64_t came) {
    struct lw__probe_entry entry = {node, 2, inflight, latency, came};
    lw__probes_put(list, &entry);
}

/* The nodes of a list as bits. */
static uint64_t nodes_of(const struct lw__probes *list) {
    uint64_t bits = 0;
    for (uint64_t i = 0; i < list->count; i++) {
        assert_int_equal(bits >> list->entry[i].node & 1, 0);
        bits |= UINT64_C(1) << list->entry[i].node;
    }
    return bits;
}

static void remove_one(struct lw__probes *list, double share) {
    struct lw__probes judged = *list;
    lw__probes_remove(list, &judged, share);
}

static void test_removal_takes_turns(void **state) {
    (void)state;
    struct lw__probes list = {0};
    put(&list, 0, 1, 10, 100); /* the oldest */
    put(&list, 1, 1, 80, 101);
    put(&list, 2, 9, 30, 102); /* the fullest */
    put(&list, 3, 8, 30, 103);
    put(&list, 4, 2, 60, 104);
    put(&list, 5, 2, 99, 105); /* the slowest */
    put(&list, 6, 3, 50, 106);
    remove_one(&list, 0.5);
    assert_int_equal(nodes_of(&list), 0x7e);
    remove_one(&list, 0.5); /* of 1, 9, 8, 2, 2, 3 the median is 2, so that three are hot */
    assert_int_equal(nodes_of(&list), 0x7a);
    remove_one(&list, 0.5);
    assert_int_equal(nodes_of(&list), 0x78);
    remove_one(&list, 1); /* none is hot: the slowest */
    assert_int_equal(nodes_of(&list), 0x58);
    remove_one(&list, 1);
    assert_int_equal(nodes_of(&list), 0x50);
    remove_one(&list, 1);
    assert_int_equal(nodes_of(&list), 0x50); /* two stay */
}

/* What the chooser thinks of the answers counts, not what they say. */
static void test_the_worst_is_a_judgement(void **state) {
    (void)state;
    struct lw__probes list = {.turns = 1}, judged;
    put(&list, 0, 1, 10, 100);
    put(&list, 1, 1, 20, 101);
    put(&list, 2, 1, 30, 102);
    judged = list;
    judged.entry[0].latency = 1000;
    lw__probes_remove(&list, &judged, 1);
    assert_int_equal(nodes_of(&list), 6);
}

static void test_thresholds(void **state) {
    (void)state;
    struct lw__probes list = {0};
    uint64_t threshold;
    assert_false(lw__probes_threshold(&list, 1, &threshold)); /* nobody is there */
    static const uint64_t inflight[] = {20, 1, 9, 5};
    for (uint64_t i = 0; i < 4; i++) {
        put(&list, i, inflight[i], 1, 1);
    }
    static const struct {
        double share;
        uint64_t threshold;
    } cases[] = {{1, 20}, {0.76, 20}, {0.75, 9}, {0.51, 9}, {0.5, 5}, {0.25, 1}, {0.01, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(lw__probes_threshold(&list, cases[i].share, &threshold));
        assert_int_equal(threshold, cases[i].threshold);
    }
    assert_false(lw__probes_threshold(&list, 0, &threshold));
}

static void test_uses_end(void **state) {
    (void)state;
    struct lw__probes list = {0};
    put(&list, 3, 7, 1, 1);
    put(&list, 4, 0, 1, 1);
    lw__probes_use(&list, 5); /* nobody knows it */
    lw__probes_use(&list, 3);
    assert_int_equal(nodes_of(&list), 0x18);
    assert_int_equal(list.entry[0].inflight, 8);
    assert_int_equal(list.entry[1].inflight, 0);
    lw__probes_use(&list, 3);
    assert_int_equal(nodes_of(&list), 0x10);
}

static void test_age_ends(void **state) {
    (void)state;
    struct lw__probes list = {0};
    for (uint64_t i = 0; i < LW__PROBES; i++) {
        put(&list, i, 0, 1, 100 + i % 4);
    }
    lw__probes_expire(&list, 100);
    assert_int_equal(nodes_of(&list), 0xffff);
    lw__probes_expire(&list, 102);
    assert_int_equal(nodes_of(&list), 0xcccc);
    lw__probes_expire(&list, 104);
    assert_int_equal(nodes_of(&list), 0);
}

static void test_there_is_room_for_sixteen(void **state) {
    (void)state;
    struct lw__probes list = {0};
    for (uint64_t i = 0; i < LW__PROBES; i++) {
        put(&list, i, 0, 1, i == 5 ? 10 : 100);
    }
    put(&list, 16, 0, 1, 101);
    assert_int_equal(nodes_of(&list), 0x1ffdf);
    put(&list, 16, 3, 1, 102); /* a later answer of the same node takes its own place */
    assert_int_equal(nodes_of(&list), 0x1ffdf);
    put(&list, 16, 4, 1, 101); /* an earlier one comes too late */
    assert_int_equal(list.entry[5].node, 16);
    assert_int_equal(list.entry[5].inflight, 3);
}

/* ---- the board ---- */

static void test_the_board_keeps_the_list(void **state) {
    (void)state;
    struct lw__probe_board board;
    struct lw__probes list, copy;
    memset(&board, 0, sizeof board);
    assert_true(lw__probes_read(&board, &copy));
    assert_int_equal(copy.count, 0);
    assert_true(lw__probes_open(&board, &list));
    for (uint64_t i = 0; i < LW__PROBES; i++) {
        put(&list, i, 10 * i, 20 * i, 30 * i);
    }
    list.turns = 77;
    assert_false(lw__probes_read(&board, &copy)); /* half written */
    assert_false(lw__probes_open(&board, &copy));
    lw__probes_close(&board, &list);
    memset(&copy, 0xff, sizeof copy);
    assert_true(lw__probes_read(&board, &copy));
    assert_memory_equal(&copy, &list, sizeof list);
}

/* ---- the engine ---- */

static struct diary {
    uint64_t asked[8], told_latency[8];
    uint32_t told_index[8], told_inflight[8], told_count, asked_count;
    uint64_t told_now[8];
} diary;

static ptrdiff_t curious_pick(const lw_view *view) { return lw_view_uniform(view); }

static void curious_begin(const lw_view *view, uint32_t index) {
    lw_view_ask(view, index);
    lw_view_ask(view, (index + 1) % view->count);
}

static void curious_probed(const lw_view *view, uint32_t index, const lw_probe *probe) {
    diary.told_index[diary.told_count] = index;
    diary.told_inflight[diary.told_count] = probe->inflight;
    diary.told_now[diary.told_count] = view->now;
    diary.told_latency[diary.told_count++] = probe->latency;
}

static const lw_strategy_ops curious = {
    .size = sizeof curious,
    .name = "curious",
    .help = "Asks for the node that it picked and the one after.",
    .needs = LW_NEEDS_CLOCK,
    .pick = curious_pick,
    .begin = curious_begin,
    .probed = curious_probed,
};

static void note_wish(void *user, uint64_t id) {
    (void)user;
    diary.asked[diary.asked_count++] = id;
}

static lw_strategy *make_curious(ledger *book, const char *spec, bool hears) {
    static const lw_strategy_ops *const own[] = {&curious};
    lw_strategy *strategy;
    lw_env env = ledger_env(book, 5);
    env.probe = hears ? note_wish : NULL;
    memset(&diary, 0, sizeof diary);
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    return strategy;
}

/* Wishes come by id, once for each member of the tree, and without a listener nothing happens. */
static void test_wishes_reach_the_host(void **state) {
    (void)state;
    static fleet nodes;
    static ledger book;
    ledger_open(&book);
    fleet_open(&nodes, 4, 1);
    lw_strategy *strategy = make_curious(&book, "chain(random, curious)", true);
    ptrdiff_t index = lw_select(strategy, &nodes.nodes, NULL);
    assert_int_equal(diary.asked_count, 2);
    assert_int_equal(diary.asked[0], 1000 + index);
    assert_int_equal(diary.asked[1], 1000 + (index + 1) % 4);
    lw_strategy_free(strategy);
    strategy = make_curious(&book, "curious", false);
    assert_true(lw_select(strategy, &nodes.nodes, NULL) >= 0);
    assert_int_equal(diary.asked_count, 0);
    lw_strategy_free(strategy);
    ledger_close(&book);
}

static void test_answers_reach_every_member(void **state) {
    (void)state;
    static fleet nodes;
    static ledger book;
    ledger_open(&book);
    book.now = 55;
    fleet_open(&nodes, 4, 1);
    lw_strategy *strategy = make_curious(&book, "chain(curious, random, curious)", true);
    lw_probe probe = LW_PROBE_INIT;
    probe.inflight = 7;
    probe.latency = 8;
    assert_int_equal(lw_probed(strategy, &nodes.nodes, 2, &probe), LW_OK);
    assert_int_equal(diary.told_count, 2);
    probe.now = 44;
    assert_int_equal(lw_probed(strategy, &nodes.nodes, 3, &probe), LW_OK);
    assert_int_equal(diary.told_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(diary.told_index[i], 2 + i / 2);
        assert_int_equal(diary.told_inflight[i], 7);
        assert_int_equal(diary.told_latency[i], 8);
        assert_int_equal(diary.told_now[i], i < 2 ? 55 : 44);
    }
    lw_strategy_free(strategy);
    ledger_close(&book);
}

static void test_wrong_answers_are_refused(void **state) {
    (void)state;
    static fleet nodes;
    static ledger book;
    ledger_open(&book);
    fleet_open(&nodes, 4, 1);
    lw_strategy *strategy = make_curious(&book, "curious", true);
    lw_probe probe = LW_PROBE_INIT;
    assert_int_equal(lw_probed(strategy, &nodes.nodes, 4, &probe), LW_INVALID);
    probe.size = 0;
    assert_int_equal(lw_probed(strategy, &nodes.nodes, 0, &probe), LW_INVALID);
    assert_int_equal(diary.told_count, 0);
    lw_strategy_free(strategy);
    strategy = make_curious(&book, "random", true); /* whoever does not probe ignores it */
    assert_int_equal(lw_probed(strategy, &nodes.nodes, 0, &(lw_probe)LW_PROBE_INIT), LW_OK);
    lw_strategy_free(strategy);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removal_takes_turns),
        cmocka_unit_test(test_the_worst_is_a_judgement),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_uses_end),
        cmocka_unit_test(test_age_ends),
        cmocka_unit_test(test_there_is_room_for_sixteen),
        cmocka_unit_test(test_the_board_keeps_the_list),
        cmocka_unit_test(test_wishes_reach_the_host),
        cmocka_unit_test(test_answers_reach_every_member),
        cmocka_unit_test(test_wrong_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
