/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* chain: the first member that answers decides; a refusal passes the question on, an error ends it. */
#include "laws.h"
#include <loadwise/ops.h>

/* Members whose answer is written on them, and that count how often they are asked. */
static uint32_t asked[4];

static ptrdiff_t answer_full(const lw_view *view) {
    (void)view;
    asked[0]++;
    return LW_SATURATED;
}

static ptrdiff_t answer_spent(const lw_view *view) {
    (void)view;
    asked[1]++;
    return LW_OVER_QUOTA;
}

static ptrdiff_t answer_broken(const lw_view *view) {
    (void)view;
    asked[2]++;
    return LW_INVALID;
}

static ptrdiff_t answer_first(const lw_view *view) {
    asked[3]++;
    return lw_view_nth(view, 0);
}

/* Feedback as two members hear it: begun and done, by node. */
static uint32_t heard[2][2][3];

static void hear_begin_first(const lw_view *view, uint32_t index) {
    (void)view;
    heard[0][0][index]++;
}

static void hear_done_first(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)view;
    heard[0][1][index] += sample->outcome == LW_OUTCOME_TIMEOUT;
}

static void hear_begin_full(const lw_view *view, uint32_t index) {
    (void)view;
    heard[1][0][index]++;
}

static void hear_done_full(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)view;
    heard[1][1][index] += sample->outcome == LW_OUTCOME_TIMEOUT;
}

static const lw_strategy_ops full = {.size = sizeof full,
                                     .name = "full",
                                     .help = "Refuses.",
                                     .pick = answer_full,
                                     .begin = hear_begin_full,
                                     .done = hear_done_full};
static const lw_strategy_ops spent = {.size = sizeof spent, .name = "spent", .help = "Refuses.", .pick = answer_spent};
static const lw_strategy_ops broken = {.size = sizeof broken, .name = "broken", .help = "Errs.", .pick = answer_broken};
static const lw_strategy_ops first = {.size = sizeof first,
                                      .name = "first",
                                      .help = "Answers.",
                                      .pick = answer_first,
                                      .begin = hear_begin_first,
                                      .done = hear_done_first};
static const lw_strategy_ops *const members[] = {&full, &spent, &broken, &first};

static lw_strategy *chain_of(const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, members, LAW_COUNT(members), spec), LW_OK);
    return strategy;
}

/* What a chain of these answers, with the counts of questions begun anew. */
static ptrdiff_t ask(const char *spec, const lw_nodes *nodes, const lw_request *request) {
    lw_strategy *strategy = chain_of(spec);
    for (size_t i = 0; i < LAW_COUNT(asked); i++) {
        asked[i] = 0;
    }
    ptrdiff_t answer = lw_select(strategy, nodes, request);
    lw_strategy_free(strategy);
    return answer;
}

static void assert_asked(uint32_t of_full, uint32_t of_spent, uint32_t of_broken, uint32_t of_first) {
    assert_int_equal(asked[0], of_full);
    assert_int_equal(asked[1], of_spent);
    assert_int_equal(asked[2], of_broken);
    assert_int_equal(asked[3], of_first);
}

static void takes_the_first_answer(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    assert_int_equal(ask("chain(first)", &set->nodes, NULL), 0);
    assert_int_equal(ask("chain(full, spent, first, broken)", &set->nodes, NULL), 0);
    assert_asked(1, 1, 0, 1);
    assert_int_equal(ask("chain(first, full, broken)", &set->nodes, NULL), 0);
    assert_asked(0, 0, 0, 1);
    free(set);
}

static void gives_the_last_refusal(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    assert_int_equal(ask("chain(full)", &set->nodes, NULL), LW_SATURATED);
    assert_int_equal(ask("chain(full, spent)", &set->nodes, NULL), LW_OVER_QUOTA);
    assert_int_equal(ask("chain(spent, spent, full)", &set->nodes, NULL), LW_SATURATED);
    assert_asked(1, 2, 0, 0);
    free(set);
}

static void stops_at_an_error(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    assert_int_equal(ask("chain(full, broken, first)", &set->nodes, NULL), LW_INVALID);
    assert_asked(1, 0, 1, 0);
    free(set);
}

static void may_hold_chains(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    assert_int_equal(ask("chain(chain(full, spent), chain(full, first))", &set->nodes, NULL), 0);
    assert_asked(2, 1, 0, 1);
    assert_int_equal(ask("chain(chain(full, broken), first)", &set->nodes, NULL), LW_INVALID);
    assert_int_equal(ask("chain(chain(full), chain(chain(spent)))", &set->nodes, NULL), LW_OVER_QUOTA);
    free(set);
}

/* A ring without a key: by its policy it errs, which ends the chain, or refuses, which does not. */
static void tells_a_required_key_from_a_missing_one(void **state) {
    (void)state;
    lw_request keyed = law_keyed(42);
    law_set *set = law_set_new(3);
    assert_int_equal(ask("chain(ring absent_key=error, first)", &set->nodes, NULL), LW_KEY_REQUIRED);
    assert_int_equal(ask("chain(ring absent_key=next, first)", &set->nodes, NULL), 0);
    assert_asked(0, 0, 0, 1);
    assert_int_equal(ask("chain(ring absent_key=next, full)", &set->nodes, NULL), LW_SATURATED);
    assert_int_equal(ask("chain(full, ring absent_key=next)", &set->nodes, NULL), LW_NO_KEY);
    assert_int_equal(ask("chain(ring absent_key=next, first)", &set->nodes, &keyed), ask("ring", &set->nodes, &keyed));
    assert_asked(0, 0, 0, 0);
    free(set);
}

/* Weights of 0 make the weighted member refuse, not the whole set: the plan of one member must not fail the other. */
static void goes_on_when_a_member_has_no_weight(void **state) {
    (void)state;
    static const uint32_t none[] = {0, 0, 0};
    static const char *const weighted[] = {"weighted_random", "smooth_wrr", "ring", "p2c weighted=true"};
    lw_request keyed = law_keyed(42);
    law_set *set = law_set_weighted(none, 3);
    for (size_t i = 0; i < LAW_COUNT(weighted); i++) {
        char spec[64];
        snprintf(spec, sizeof spec, "chain(%s, first)", weighted[i]);
        assert_int_equal(ask(spec, &set->nodes, &keyed), 0);
        assert_asked(0, 0, 0, 1);
    }
    free(set);
}

static void passes_on_exclusions_and_bitmap(void **state) {
    (void)state;
    static const uint64_t excluded[] = {0, 2};
    lw_request retry = law_excluding(excluded, 2);
    law_set *set = law_set_new(5);
    assert_int_equal(ask("chain(full, first)", &set->nodes, &retry), 1);
    law_set_only(set, 0x1d);
    assert_int_equal(ask("chain(full, first)", &set->nodes, &retry), 3);
    law_set_only(set, 0x05);
    assert_int_equal(ask("chain(full, random)", &set->nodes, &retry), LW_EXCLUDED);
    free(set);
}

/* Each member keeps a rotation of its own. */
static void keeps_the_memories_of_members_apart(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    lw_request keyed = law_keyed(7);
    lw_strategy *strategy = law_strategy("chain(ring absent_key=next, round_robin phase=0 lanes=1)", 2);
    for (uint32_t i = 0; i < 12; i++) {
        law_pick(strategy, &set->nodes, &keyed);
        assert_int_equal(law_pick(strategy, &set->nodes, NULL), i % 3);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* Whoever picked, every member learns of the start and of the end: a load counted by one is true for all. */
static void lets_every_member_hear_of_every_request(void **state) {
    (void)state;
    law_set *set = law_set_new(3);
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = LW_OUTCOME_TIMEOUT;
    lw_strategy *strategy = chain_of("chain(full, first)");
    memset(heard, 0, sizeof heard);
    assert_int_equal(law_pick(strategy, &set->nodes, NULL), 0);
    assert_int_equal(law_pick(strategy, &set->nodes, NULL), 0);
    assert_int_equal(lw_feedback(strategy, &set->nodes, 0, &sample), LW_OK);
    assert_int_equal(lw_feedback(strategy, &set->nodes, 2, &sample), LW_OK);
    assert_int_equal(lw_feedback(strategy, &set->nodes, 3, &sample), LW_INVALID);
    for (size_t member = 0; member < 2; member++) {
        static const uint32_t expected[2][3] = {{2, 0, 0}, {1, 0, 1}};
        assert_memory_equal(heard[member], expected, sizeof expected);
    }
    lw_strategy_free(strategy);
    free(set);
}

/* The order behind a key is that of the first member that has one. */
static void tells_the_replicas_of_its_first_ordered_member(void **state) {
    (void)state;
    uint64_t chance = 71;
    law_set *set = law_set_new(12);
    lw_strategy *chain = chain_of("chain(p2c, ring, ring vnodes=7)"), *ring = chain_of("ring"), *none = chain_of("p2c");
    for (int round = 0; round < 200; round++) {
        uint32_t one[12], other[12];
        uint64_t key = law_random(&chance);
        assert_int_equal(lw_replicas(chain, &set->nodes, key, one, 12), 12);
        assert_int_equal(lw_replicas(ring, &set->nodes, key, other, 12), 12);
        assert_memory_equal(one, other, sizeof one);
        assert_int_equal(lw_replicas(none, &set->nodes, key, one, 12), LW_UNSUPPORTED);
    }
    lw_strategy_free(chain);
    lw_strategy_free(ring);
    lw_strategy_free(none);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_first_answer),
        cmocka_unit_test(gives_the_last_refusal),
        cmocka_unit_test(stops_at_an_error),
        cmocka_unit_test(may_hold_chains),
        cmocka_unit_test(tells_a_required_key_from_a_missing_one),
        cmocka_unit_test(goes_on_when_a_member_has_no_weight),
        cmocka_unit_test(passes_on_exclusions_and_bitmap),
        cmocka_unit_test(keeps_the_memories_of_members_apart),
        cmocka_unit_test(lets_every_member_hear_of_every_request),
        cmocka_unit_test(tells_the_replicas_of_its_first_ordered_member),
    };
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
