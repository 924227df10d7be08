/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads move requests between a few leaves and take leaves out, all at once. Nobody who asks is ever told that there
 * is none, as one leaf stays; and when all have come home, no word of the tree is stale.
 */
#include "../stress/crew.h"
#include "tally_bench.h"

enum { HANDS = 4, ROUNDS = 600, STEPS = 150, HELD = 8 };

static tally_bench bench;
static crew hands;

static void begin_one(crew_hand *hand, uint32_t *held) {
    ptrdiff_t leaf = lw__tally_least(bench.tally, crew_random(hand) << 11);
    CREW_EXPECT(hand, leaf >= 0 && leaf < (ptrdiff_t)bench.count);
    *held = leaf >= 0 && crew_random(hand) % 4 != 0 ? (uint32_t)leaf : (uint32_t)(crew_random(hand) % bench.count);
    __atomic_fetch_add(&bench.traffic[*held], 1, __ATOMIC_RELAXED);
    tally_bench_set(&bench, *held);
}

static void end_one(uint32_t held) {
    __atomic_fetch_sub(&bench.traffic[held], 1, __ATOMIC_RELAXED);
    tally_bench_set(&bench, held);
}

/* All but the first leaf come and go. */
static void toggle_one(crew_hand *hand) {
    if (bench.count > 1) {
        uint32_t leaf = 1 + (uint32_t)(crew_random(hand) % (bench.count - 1));
        __atomic_fetch_xor(&bench.reasons[leaf], 1, __ATOMIC_RELAXED);
        tally_bench_set(&bench, leaf);
    }
}

static void move_about(crew_hand *hand) {
    uint32_t held[HELD], count = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        if (crew_random(hand) % 8 == 0) {
            toggle_one(hand);
        } else if (count == HELD || (count > 0 && crew_random(hand) % 2 == 0)) {
            end_one(held[--count]);
        } else {
            begin_one(hand, &held[count++]);
        }
    }
    while (count > 0 && hand->number % 2 == 0) { /* some leave requests behind */
        end_one(held[--count]);
    }
}

static void rounds_with(uint32_t count) {
    tally_bench_open(&bench, count);
    for (uint32_t leaf = 0; leaf < count; leaf++) {
        tally_bench_set(&bench, leaf);
    }
    for (uint32_t round = 0; round < ROUNDS * crew_factor(); round++) {
        crew_run(&hands, HANDS, move_about);
        tally_bench_check(&bench);
    }
    tally_bench_close(&bench);
}

/* All at the same few leaves. */
static void test_three_leaves(void **state) {
    (void)state;
    rounds_with(3);
}

/* All at the same word above them. */
static void test_one_level(void **state) {
    (void)state;
    rounds_with(18);
}

static void test_three_groups(void **state) {
    (void)state;
    rounds_with(40);
}

static void test_two_levels(void **state) {
    (void)state;
    rounds_with(270);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_leaves),
        cmocka_unit_test(test_one_level),
        cmocka_unit_test(test_three_groups),
        cmocka_unit_test(test_two_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
