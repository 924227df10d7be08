/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * jiq: never a busy node while an idle one is known; idle nodes share evenly; and where all are busy, p2c. What the
 * board says is a hint, so the laws set it right, wrong and anything between, by what they tell and what they keep.
 */
#include "crowds.h"

#include "pool_yard.h"

/* Idle nodes evenly; if there is none, what follows from listing every pair. */
static void list_jiq(const crowds *c, const lw_request *request, double *shares) {
    uint32_t count = c->set->nodes.count, idle = 0, left = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool may = law_may(&c->set->nodes, request, i);
        left += may;
        shares[i] = may && c->inflight[i] == 0 ? 1 : 0;
        idle += shares[i] > 0;
    }
    for (uint32_t first = 0; idle == 0 && first < count; first++) {
        for (uint32_t second = 0; second < count; second++) {
            bool both = law_may(&c->set->nodes, request, first) && law_may(&c->set->nodes, request, second);
            if (both && (first != second || left == 1)) {
                shares[c->inflight[second] < c->inflight[first] ? second : first] += 1;
            }
        }
    }
}

static void assert_jiq_shares(const crowds *c, const lw_request *request, uint64_t seed) {
    double shares[LAW_MOST];
    list_jiq(c, request, shares);
    crowds_assert_shares("jiq", c, request, shares, seed);
}

/* Nothing is told here, so the board soon calls every node busy that was picked. */
static void is_even_when_all_are_idle_and_p2c_when_none_is(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 10, 64, 65, 200};
    uint64_t chance = 61;
    for (uint32_t round = 0; round < 14; round++) {
        crowds *c = crowds_new(NULL, sizes[round % LAW_COUNT(sizes)]);
        for (uint32_t i = 0; i < c->set->nodes.count; i++) {
            c->inflight[i] = round < LAW_COUNT(sizes) ? 0 : 1 + law_below(&chance, 6);
        }
        assert_jiq_shares(c, NULL, 100 + round);
        crowds_free(c);
    }
}

/* Adds so many picks to counts, each told to have ended; every one must be idle while somebody is. */
static void tally_told(lw_strategy *strategy, const crowds *c, const lw_request *request, uint32_t picks,
                       uint64_t *counts) {
    lw_sample sample = LW_SAMPLE_INIT;
    bool idle = false;
    for (uint32_t i = 0; i < c->set->nodes.count; i++) {
        idle |= law_may(&c->set->nodes, request, i) && c->inflight[i] == 0;
    }
    for (uint32_t i = 0; i < picks; i++) {
        uint32_t index = law_pick(strategy, &c->set->nodes, request);
        assert_true(!idle || c->inflight[index] == 0);
        assert_int_equal(lw_feedback(strategy, &c->set->nodes, index, &sample), LW_OK);
        counts[index]++;
    }
}

static void assert_told_shares(const crowds *c, const lw_request *request, uint64_t seed) {
    double shares[LAW_MOST];
    uint64_t counts[LAW_MOST] = {0};
    lw_strategy *strategy = law_strategy("jiq", seed);
    list_jiq(c, request, shares);
    tally_told(strategy, c, request, 30000, counts);
    if (!law_fits(counts, shares, c->set->nodes.count)) {
        fail_msg("round %u over %u nodes", (unsigned)seed, (unsigned)c->set->nodes.count);
    }
    lw_strategy_free(strategy);
}

/* The board begins all idle, wrongly, and is told of every end. */
static void takes_idle_nodes_evenly_while_there_are_any(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 7, 63, 64, 65, 128, 300};
    uint64_t chance = 62;
    for (uint32_t round = 0; round < 54; round++) {
        crowds *c = crowds_new(NULL, sizes[round % LAW_COUNT(sizes)]);
        uint32_t rarity = 1 + round / 3 * 4; /* from half of them idle to hardly one */
        for (uint32_t i = 0; i < c->set->nodes.count; i++) {
            c->inflight[i] = law_below(&chance, 1 + rarity);
        }
        assert_told_shares(c, NULL, 200 + round);
        crowds_free(c);
    }
}

static void takes_them_over_a_part_of_the_nodes(void **state) {
    (void)state;
    uint64_t chance = 63, excluded[2];
    for (uint32_t round = 0; round < 60; round++) {
        crowds *c = crowds_new(NULL, 3 + law_below(&chance, 60));
        for (uint32_t i = 0; i < c->set->nodes.count; i++) {
            c->inflight[i] = law_below(&chance, round % 2 == 0 ? 2 : 20);
        }
        law_set_only(c->set, law_bits(&chance, 2) | 1);
        excluded[0] = 1 + law_below(&chance, 60);
        excluded[1] = 1 + law_below(&chance, 60);
        lw_request retry = law_excluding(excluded, law_below(&chance, 3));
        assert_told_shares(c, &retry, 300 + round);
        crowds_free(c);
    }
}

/* What one strategy learnt of nodes that were busy, it may keep; once they are idle and it was told, it finds them:
   with 2 of 500 idle, two draws alone would nearly never. */
static void hears_who_became_idle(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    crowds *c = crowds_new(NULL, 500);
    lw_strategy *strategy = law_strategy("jiq", 11);
    for (uint32_t i = 0; i < 500; i++) {
        c->inflight[i] = 1;
    }
    for (uint32_t i = 0; i < 10; i++) {
        law_pick(strategy, &c->set->nodes, NULL); /* mends the board */
    }
    for (uint32_t counted = 0; counted < 2; counted++) { /* ends are told after the count was lowered, or before */
        for (uint32_t node = 100; node < 400; node += 7) {
            c->inflight[node] = counted;
            assert_int_equal(lw_feedback(strategy, &c->set->nodes, node, &sample), LW_OK);
            c->inflight[node] = 0;
            assert_int_equal(law_pick(strategy, &c->set->nodes, NULL), node);
            c->inflight[node] = 1;
        }
    }
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* Where more is under way than the request that ended. */
static void an_end_at_a_busy_node_changes_nothing(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    crowds *c = crowds_new(NULL, 200);
    lw_strategy *strategy = law_strategy("jiq", 12);
    for (uint32_t i = 0; i < 200; i++) {
        c->inflight[i] = 1 + i % 2;
    }
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t index = law_pick(strategy, &c->set->nodes, NULL);
        c->inflight[index] = 9;
        assert_int_equal(lw_feedback(strategy, &c->set->nodes, index, &sample), LW_OK);
        c->inflight[index] = 1 + index % 2;
    }
    uint64_t counts[LAW_MOST] = {0};
    double shares[LAW_MOST];
    list_jiq(c, NULL, shares);
    law_tally(strategy, &c->set->nodes, NULL, 30000, counts);
    assert_true(law_fits(counts, shares, 200));
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* A hint of a busy node that nobody ever takes back: the node is still found, by the two draws. */
static void forgets_nobody_for_a_stale_hint(void **state) {
    (void)state;
    uint64_t counts[LAW_MOST] = {0}, before;
    crowds *c = crowds_new(NULL, 50);
    lw_strategy *strategy = law_strategy("jiq", 13);
    law_tally(strategy, &c->set->nodes, NULL, 2000, counts); /* all begun at, no end told */
    before = counts[17];
    law_tally(strategy, &c->set->nodes, NULL, 2000, counts);
    assert_true(counts[17] > before + 20);
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* The board says what it was told, no more: of 400 busy nodes one that falls idle unheard is left to the six draws,
   which find it once in 67 picks. */
static uint32_t find_unheard(lw_strategy *strategy, crowds *c, uint32_t node) {
    c->inflight[node] = 0;
    bool found = law_pick(strategy, &c->set->nodes, NULL) == node;
    c->inflight[node] = 1;
    return found;
}

static void hears_of_beginnings_and_ends_only(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    uint32_t mended = 0, begun = 0, ended = 0;
    crowds *c = crowds_new(NULL, 400);
    lw_strategy *strategy = law_strategy("jiq", 15);
    for (uint32_t i = 0; i < 400; i++) {
        c->inflight[i] = 1;
    }
    law_pick(strategy, &c->set->nodes, NULL); /* mends all hints */
    for (uint32_t node = 100; node < 200; node++) {
        mended += find_unheard(strategy, c, node);
        assert_int_equal(lw_feedback(strategy, &c->set->nodes, node, &sample), LW_OK);
        c->inflight[node] = 0;
        assert_int_equal(law_pick(strategy, &c->set->nodes, NULL), node);
        begun += find_unheard(strategy, c, node);
        c->inflight[node] = 2; /* one of two ends */
        assert_int_equal(lw_feedback(strategy, &c->set->nodes, node, &sample), LW_OK);
        ended += find_unheard(strategy, c, node);
    }
    assert_in_range(mended, 0, 10);
    assert_in_range(begun, 0, 10);
    assert_in_range(ended, 0, 10);
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* Ends that overlap: all are told while all are counted, then the counts fall, so that nobody hears who is idle. Picks
   look around: of 1000 nodes each finds one in 167 by chance, so 400 picks find 91 in 100 of the idle ones, where two
   draws alone would find 55. */
static void finds_idle_nodes_that_nobody_spoke_of(void **state) {
    (void)state;
    enum { NODES = 1000, LOST = 5, PICKS = 400, ROUNDS = 40 };
    lw_sample sample = LW_SAMPLE_INIT;
    uint32_t found = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        crowds *c = crowds_new(NULL, NODES);
        lw_strategy *strategy = law_strategy("jiq", 17 + round);
        for (uint32_t i = 0; i < NODES; i++) {
            c->inflight[i] = 2;
        }
        law_pick(strategy, &c->set->nodes, NULL); /* mends all hints: everybody is busy */
        for (uint32_t end = 0; end < 2 * LOST; end++) {
            assert_int_equal(lw_feedback(strategy, &c->set->nodes, 100 + end / 2 * 190, &sample), LW_OK);
        }
        for (uint32_t node = 0; node < LOST; node++) {
            c->inflight[100 + node * 190] = 0;
        }
        for (uint32_t i = 0; i < PICKS; i++) {
            uint32_t index = law_pick(strategy, &c->set->nodes, NULL);
            found += c->inflight[index] == 0;
            c->inflight[index]++;
        }
        lw_strategy_free(strategy);
        crowds_free(c);
    }
    assert_in_range(found, ROUNDS * LOST * 85 / 100, ROUNDS * LOST);
}

/* One idle node is called busy, for its end was not told; its share is that of the others all the same. */
static void gives_a_node_with_a_stale_hint_its_share(void **state) {
    (void)state;
    lw_sample sample = LW_SAMPLE_INIT;
    uint64_t counts[20] = {0};
    double shares[20];
    crowds *c = crowds_new(NULL, 20);
    lw_strategy *strategy = law_strategy("jiq", 16);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t index = law_pick(strategy, &c->set->nodes, NULL);
        counts[index]++;
        if (index != 7) {
            assert_int_equal(lw_feedback(strategy, &c->set->nodes, index, &sample), LW_OK);
        }
    }
    law_even_shares(&c->set->nodes, NULL, shares);
    assert_true(law_fits(counts, shares, 20));
    lw_strategy_free(strategy);
    crowds_free(c);
}

/* A new version of the set begins with an empty board; the first picks still never take a busy node. */
static void begins_each_version_without_hints(void **state) {
    (void)state;
    uint64_t counts[LAW_MOST] = {0};
    crowds *c = crowds_new(NULL, 300);
    lw_strategy *strategy = law_strategy("jiq", 14);
    for (uint32_t version = 0; version < 40; version++) {
        for (uint32_t i = 0; i < 300; i++) {
            c->inflight[i] = i != version * 7;
        }
        c->set->nodes.version++;
        tally_told(strategy, c, NULL, 20, counts);
    }
    lw_strategy_free(strategy);
    crowds_free(c);
}

static void jiq_refuses_as_all_do(void **state) {
    (void)state;
    crowds_assert_refusals("jiq", false);
    law_answers(&(law_answer){"jiq choices=2", LW_UNKNOWN}, 1);
}

static void jiq_repeats_and_tells(void **state) {
    (void)state;
    crowds_assert_repeatable("jiq");
}

static void finds_one_among_many(void **state) {
    (void)state;
    crowds_assert_found_among_many("jiq", 2000);
}

static void holds_for_one_and_two(void **state) {
    (void)state;
    crowds *c = crowds_new(NULL, 2);
    crowds_set(c, (const uint32_t[]){UINT32_MAX, UINT32_MAX - 1});
    crowds_assert_always("jiq", c, 1, 5);
    assert_jiq_shares(c, NULL, 6);
    crowds_free(c);
    c = crowds_new(NULL, 1);
    c->inflight[0] = 3;
    crowds_assert_always("jiq", c, 0, 7);
    crowds_free(c);
}

/* In a pool: the first so many requests find every node idle, and whoever ends is found next. */
static void queues_nobody_in_a_pool(void **state) {
    (void)state;
    enum { NODES = 40 };
    yard y;
    lw_ticket held[NODES];
    uint32_t at[NODES] = {0};
    yard_open(&y, NULL, "jiq", NODES, 5);
    for (uint32_t i = 0; i < NODES; i++) {
        held[i] = yard_pick(&y, NULL);
        at[yard_index(&y, held[i].node)]++;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(at[i], 1);
    }
    for (uint32_t i = 0; i < 10 * NODES; i++) {
        uint32_t which = i * 7 % NODES;
        uint64_t node = held[which].node;
        yard_done(&y, &held[which], LW_OUTCOME_OK, MS);
        held[which] = yard_pick(&y, NULL);
        assert_int_equal(held[which].node, node);
    }
    yard_close(&y);
}

/* What lw_explain tells is the next pick, though picks mend the board and dry runs do not. */
static void explains_the_next_pick_in_a_pool(void **state) {
    (void)state;
    enum { NODES = 40 };
    yard y;
    lw_ticket held[NODES];
    uint32_t deaf, jiq;
    yard_open(&y, NULL, "jiq", NODES, 6);
    assert_int_equal(lw_pool_route(y.pool, "deaf", "random", NULL, &deaf), LW_OK); /* the board does not hear of it */
    jiq = y.route;
    uint64_t chance = 64;
    for (uint32_t i = 0; i < NODES; i++) {
        y.route = law_below(&chance, 2) == 0 ? deaf : jiq;
        held[i] = yard_pick(&y, NULL);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t which = law_below(&chance, NODES);
        yard_done(&y, &held[which], LW_OUTCOME_OK, MS);
        y.route = law_below(&chance, 3) == 0 ? deaf : jiq;
        lw_explanation why = LW_EXPLANATION_INIT;
        assert_int_equal(lw_explain(y.pool, y.route, NULL, y.now, NULL, &why), LW_OK);
        held[which] = yard_pick(&y, NULL);
        assert_int_equal(held[which].node, why.node);
    }
    yard_close(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_even_when_all_are_idle_and_p2c_when_none_is),
        cmocka_unit_test(takes_idle_nodes_evenly_while_there_are_any),
        cmocka_unit_test(takes_them_over_a_part_of_the_nodes),
        cmocka_unit_test(hears_who_became_idle),
        cmocka_unit_test(an_end_at_a_busy_node_changes_nothing),
        cmocka_unit_test(forgets_nobody_for_a_stale_hint),
        cmocka_unit_test(hears_of_beginnings_and_ends_only),
        cmocka_unit_test(finds_idle_nodes_that_nobody_spoke_of),
        cmocka_unit_test(gives_a_node_with_a_stale_hint_its_share),
        cmocka_unit_test(begins_each_version_without_hints),
        cmocka_unit_test(jiq_refuses_as_all_do),
        cmocka_unit_test(jiq_repeats_and_tells),
        cmocka_unit_test(finds_one_among_many),
        cmocka_unit_test(holds_for_one_and_two),
        cmocka_unit_test(queues_nobody_in_a_pool),
        cmocka_unit_test(explains_the_next_pick_in_a_pool),
    };
    return cmocka_run_group_tests_name("jiq", tests, NULL, NULL);
}
