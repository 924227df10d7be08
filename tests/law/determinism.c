/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * With an explicit seed, an explicit time and one thread, the same calls give the same picks: for every strategy, on
 * whatever thread, prepared or not. Another seed gives other picks wherever chance has a say.
 */
#include "laws.h"
#include "specs.h"
#include <pthread.h>

enum { REPEAT_PICKS = 3000, REPEAT_NODES = 60 };

static const char *const every_spec[] = {
    SPECS_THAT_TURN,
    SPECS_THAT_CHOOSE,
    SPECS_THAT_PLACE,
    "round_robin lanes=2",
    "weighted_random live=true",
    "p2c choices=5 weighted=true",
    "maglev",
    "ketama",
    "chain(ring absent_key=next, p2c)",
    "chain(ring absent_key=next, chain(round_robin, random))",
    "bounded(ring)",
    "sticky(p2c, max=64)",
    "subset(jiq, size=60)",
};

/* No chance has a say there: the same picks whatever the seed. */
static bool is_all_rule(const char *spec) { return strcmp(spec, "fill_first") == 0; }

static law_set *motley(void) {
    uint64_t chance = 61;
    law_set *set = law_set_new(REPEAT_NODES);
    for (uint32_t i = 0; i < REPEAT_NODES; i++) {
        set->weight[i] = law_below(&chance, 10);
        set->load[i] = law_below(&chance, 3);
        set->remaining[i] = 0.01 * law_below(&chance, 20);
        set->inflight[i] = law_below(&chance, 3);
    }
    return set;
}

/* A fixed and varied course of calls, and its picks. */
static void play(lw_strategy *strategy, law_set *set, uint32_t *picks) {
    uint64_t chance = 62, excluded[3];
    for (uint32_t i = 0; i < REPEAT_PICKS; i++) {
        lw_request request = law_excluding(excluded, law_below(&chance, 6) == 0 ? 3 : 0);
        for (size_t e = 0; e < LAW_COUNT(excluded); e++) {
            excluded[e] = law_below(&chance, REPEAT_NODES);
        }
        request.key = law_random(&chance);
        request.flags = i % 3 == 0 ? LW_REQUEST_KEYED : 0;
        law_set_only(set, law_random(&chance));
        set->nodes.eligible = i % 5 == 0 ? set->words : NULL;
        picks[i] = law_pick(strategy, &set->nodes, &request);
    }
    set->nodes.eligible = NULL;
}

static void play_anew(const char *spec, uint64_t seed, bool prepared, uint32_t *picks) {
    law_set *set = motley();
    lw_strategy *strategy = law_strategy(spec, seed);
    if (prepared) {
        assert_int_equal(lw_prepare(strategy, &set->nodes), LW_OK);
    }
    play(strategy, set, picks);
    lw_strategy_free(strategy);
    free(set);
}

static void one_seed_gives_one_course_of_picks(void **state) {
    (void)state;
    static uint32_t first[REPEAT_PICKS], second[REPEAT_PICKS];
    for (size_t s = 0; s < LAW_COUNT(every_spec); s++) {
        play_anew(every_spec[s], 63, true, first);
        play_anew(every_spec[s], 63, false, second);
        if (memcmp(first, second, sizeof first) != 0) {
            fail_msg("%s", every_spec[s]);
        }
    }
}

static void another_seed_gives_another(void **state) {
    (void)state;
    static uint32_t first[REPEAT_PICKS], second[REPEAT_PICKS];
    for (size_t s = 0; s < LAW_COUNT(every_spec); s++) {
        play_anew(every_spec[s], 64, true, first);
        play_anew(every_spec[s], 65, true, second);
        if (is_all_rule(every_spec[s])) {
            assert_memory_equal(first, second, sizeof first);
        } else if (memcmp(first, second, sizeof first) == 0) {
            fail_msg("%s", every_spec[s]);
        }
    }
}

/* A seed that was drawn can be asked for, and repeats the run. */
static void a_drawn_seed_repeats_the_run(void **state) {
    (void)state;
    static uint32_t first[REPEAT_PICKS], second[REPEAT_PICKS];
    uint64_t drawn[2];
    for (int i = 0; i < 2; i++) {
        law_set *set = motley();
        lw_strategy *strategy = NULL;
        assert_int_equal(lw_strategy_new(&strategy, NULL, "random"), LW_OK);
        drawn[i] = lw_strategy_seed(strategy);
        assert_true(drawn[i] != 0);
        play(strategy, set, first);
        lw_strategy_free(strategy);
        free(set);
        play_anew("random", drawn[i], true, second);
        assert_memory_equal(first, second, sizeof first);
    }
    assert_true(drawn[0] != drawn[1]);
}

struct errand {
    lw_strategy *strategy;
    law_set *set;
    uint32_t picks[REPEAT_PICKS];
};

static void *run_errand(void *argument) {
    struct errand *errand = argument;
    play(errand->strategy, errand->set, errand->picks);
    return NULL;
}

/* One thread is lane 0, whichever thread it is and whatever others the process had before. */
static void any_single_thread_plays_the_same(void **state) {
    (void)state;
    static uint32_t expected[REPEAT_PICKS];
    static struct errand errand;
    for (size_t s = 0; s < LAW_COUNT(every_spec); s++) {
        play_anew(every_spec[s], 66, true, expected);
        for (int i = 0; i < 3; i++) {
            pthread_t thread;
            errand.set = motley();
            errand.strategy = law_strategy(every_spec[s], 66);
            assert_int_equal(pthread_create(&thread, NULL, run_errand, &errand), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
            assert_memory_equal(errand.picks, expected, sizeof expected);
            lw_strategy_free(errand.strategy);
            free(errand.set);
        }
    }
}

/* Two objects with one seed do not touch each other's chance. */
static void objects_do_not_share_chance(void **state) {
    (void)state;
    static uint32_t alone[REPEAT_PICKS], busy[REPEAT_PICKS];
    for (size_t s = 0; s < LAW_COUNT(every_spec); s++) {
        play_anew(every_spec[s], 67, true, alone);
        law_set *set = motley(), *other = motley();
        lw_strategy *strategy = law_strategy(every_spec[s], 67), *neighbour = law_strategy("random", 67);
        for (int i = 0; i < 100; i++) {
            law_pick(neighbour, &other->nodes, NULL);
        }
        play(strategy, set, busy);
        assert_memory_equal(alone, busy, sizeof alone);
        lw_strategy_free(strategy);
        lw_strategy_free(neighbour);
        free(set);
        free(other);
    }
}

/* Alternating between sets gives each set what it would get from a strategy that saw no other, where a plan decides. */
static void sets_do_not_share_plans(void **state) {
    (void)state;
    uint64_t chance = 68;
    law_set *sets[5];
    lw_strategy *shared = law_strategy("ring", 1), *own[5];
    for (size_t i = 0; i < LAW_COUNT(sets); i++) {
        sets[i] = motley();
        sets[i]->nodes.count = REPEAT_NODES - (uint32_t)i;
        own[i] = law_strategy("ring", 2);
    }
    for (int round = 0; round < 2000; round++) {
        size_t which = law_below(&chance, LAW_COUNT(sets));
        lw_request request = law_keyed(law_random(&chance));
        assert_int_equal(law_pick(shared, &sets[which]->nodes, &request),
                         law_pick(own[which], &sets[which]->nodes, &request));
    }
    for (size_t i = 0; i < LAW_COUNT(sets); i++) {
        free(sets[i]);
        lw_strategy_free(own[i]);
    }
    lw_strategy_free(shared);
}

/* Set 0 tells sets by their content, and picks as a numbered set would. */
static void an_unnumbered_set_is_told_by_its_content(void **state) {
    (void)state;
    static const char *const specs[] = {"ring", "smooth_wrr", "weighted_random"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        law_set *set = motley(), *bare = motley();
        bare->nodes.set = 0;
        lw_strategy *first = law_strategy(specs[s], 69), *second = law_strategy(specs[s], 69);
        for (uint32_t round = 0; round < 30; round++) {
            if (round % 2 == 0) {
                set->weight[round] = bare->weight[round] = 20 + round;
            } else {
                set->id[round] = bare->id[round] = 7000 + round;
            }
            set->nodes.version++;
            for (uint64_t key = 0; key < 50; key++) {
                lw_request request = law_keyed(key);
                assert_int_equal(law_pick(first, &set->nodes, &request), law_pick(second, &bare->nodes, &request));
            }
        }
        lw_strategy_free(first);
        lw_strategy_free(second);
        free(set);
        free(bare);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_gives_one_course_of_picks),
        cmocka_unit_test(another_seed_gives_another),
        cmocka_unit_test(a_drawn_seed_repeats_the_run),
        cmocka_unit_test(any_single_thread_plays_the_same),
        cmocka_unit_test(objects_do_not_share_chance),
        cmocka_unit_test(sets_do_not_share_plans),
        cmocka_unit_test(an_unnumbered_set_is_told_by_its_content),
    };
    return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}
