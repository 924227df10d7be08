/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads observe, ask, forget and save at the same time. Whatever the interleaving: an estimate lies among the samples
 * that were given, no sample is lost from a count, and what was forgotten is freed.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/latency.h>

enum { HANDS = 4, NODES = 8, ROUNDS = 4000, LEAST = 100, MOST = 200 };

static lw_latency *latency;
static ledger book;
static crew hands;
static uint64_t now;

static int open_tracker(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.timeout = options.penalty = options.initial = LEAST;
    now = 5000000000;
    return lw_latency_new(&latency, &env, &options);
}

static int close_tracker(void **state) {
    (void)state;
    lw_latency_free(latency);
    ledger_close(&book);
    return 0;
}

/* Time goes on for all, by a step now and then; a hand may hold a time that is already past. */
static uint64_t some_time(crew_hand *hand) {
    return __atomic_add_fetch(&now, crew_random(hand) % 3 == 0 ? crew_random(hand) % 1000000 : 0, __ATOMIC_RELAXED);
}

static void observe_some(crew_hand *hand, uint64_t node) {
    static const uint32_t outcomes[] = {LW_OUTCOME_OK, LW_OUTCOME_OK, LW_OUTCOME_TIMEOUT, LW_OUTCOME_OVERLOAD};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = outcomes[crew_random(hand) % 4];
    sample.latency = LEAST + crew_random(hand) % (MOST - LEAST + 1);
    CREW_EXPECT(hand, lw_latency_observe_at(latency, node, &sample, some_time(hand)) == 1);
}

static void ask(crew_hand *hand, uint64_t node) {
    uint64_t then = some_time(hand);
    for (uint32_t kind = LW_LATENCY_MEAN; kind <= LW_LATENCY_PEAK; kind++) {
        uint64_t estimate = lw_latency_estimate_at(latency, node, kind, then);
        CREW_EXPECT(hand, estimate >= LEAST && estimate <= MOST);
    }
    uint64_t group = lw_latency_group(latency) / LW_LATENCY_ONE;
    CREW_EXPECT(hand, group >= LEAST && group <= MOST);
}

static void observe_and_ask(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        observe_some(hand, crew_random(hand) % NODES);
        ask(hand, crew_random(hand) % NODES);
    }
}

static void test_estimates_stay_among_the_samples(void **state) {
    (void)state;
    crew_run(&hands, HANDS, observe_and_ask);
}

/* All at one node and one time, so that nothing but the count moves. */
static void observe_one(crew_hand *hand) {
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = LEAST;
    for (uint32_t i = 0; i < 65000 / HANDS; i++) {
        CREW_EXPECT(hand, lw_latency_observe_at(latency, hand->of->size, &sample, now) == 1);
    }
}

static void test_no_sample_is_lost(void **state) {
    (void)state;
    lw_latency_info info = {.size = sizeof info};
    for (uint32_t i = 0; i < 5 * crew_factor(); i++) {
        lw_latency_forget(latency, HANDS);
        crew_run(&hands, HANDS, observe_one);
        assert_int_equal(lw_latency_get(latency, HANDS, &info), LW_OK);
        assert_int_equal(info.samples, 65000 / HANDS * HANDS);
    }
}

static int is_sane(void *user, const lw_latency_info *info) {
    crew_hand *hand = user;
    CREW_EXPECT(hand, info->mean >= LEAST * LW_LATENCY_ONE && info->mean <= MOST * LW_LATENCY_ONE);
    CREW_EXPECT(hand, info->peak >= LEAST * LW_LATENCY_ONE && info->peak <= MOST * LW_LATENCY_ONE);
    return 0;
}

static void do_everything(crew_hand *hand) {
    lw_latency_info info = {.size = sizeof info};
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t node = crew_random(hand) % NODES;
        switch (crew_random(hand) % 8) {
        case 0: CREW_EXPECT(hand, lw_latency_forget(latency, node) >= 0); break;
        case 1: lw_latency_each(latency, is_sane, hand); break;
        case 2:
            if (lw_latency_get(latency, node, &info) == LW_OK) {
                CREW_EXPECT(hand, lw_latency_restore(latency, &info) == LW_OK);
            }
            break;
        case 3: ask(hand, node); break;
        default: observe_some(hand, node);
        }
    }
}

static void test_everything_at_once(void **state) {
    (void)state;
    crew_run(&hands, HANDS, do_everything);
    for (uint64_t node = 0; node < NODES; node++) {
        lw_latency_forget(latency, node);
    }
    for (uint64_t i = 0; i < 1000 && book.live > 2; i++) {
        lw_latency_forget(latency, i); /* each call may free some of what was left */
    }
    assert_int_equal(book.live, 2); /* the tracker and its directory */
}

#define WITH_TRACKER(test) cmocka_unit_test_setup_teardown(test, open_tracker, close_tracker)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TRACKER(test_estimates_stay_among_the_samples),
        WITH_TRACKER(test_no_sample_is_lost),
        WITH_TRACKER(test_everything_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
