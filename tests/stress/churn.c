/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads come and go by the hundred. Nothing registers them, so nothing may be lost with them: the rotation goes on
 * where they left it, old plans are freed, and a thread that ended does not hold anything back.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include "../unit/fleet.h"

#include <loadwise/ops.h>

enum { NODES = 7, GENERATIONS = 60, AT_ONCE = 10, PICKS_EACH = 30 };

static fleet nodes;
static ledger book;
static lw_strategy *rotation, *ring;
static crew hands;
static uint64_t counts[NODES];

static int open_fleet(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 2);
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    memset(counts, 0, sizeof counts);
    assert_int_equal(lw_strategy_new(&rotation, &env, "round_robin"), LW_OK);
    assert_int_equal(lw_strategy_new(&ring, &env, "ring vnodes=10"), LW_OK);
    return 0;
}

static int close_fleet(void **state) {
    (void)state;
    lw_strategy_free(rotation);
    lw_strategy_free(ring);
    ledger_close(&book);
    return 0;
}

/* One short life. */
static void pick_and_go(crew_hand *hand) {
    for (int i = 0; i < PICKS_EACH; i++) {
        lw_request request = keyed(crew_random(hand));
        ptrdiff_t index = lw_select(rotation, &nodes.nodes, NULL);
        CREW_EXPECT(hand, index >= 0 && index < NODES);
        __atomic_add_fetch(&counts[index < 0 ? 0 : index], 1, __ATOMIC_RELAXED);
        index = lw_select(ring, &nodes.nodes, &request);
        CREW_EXPECT(hand, index >= 0 && index < NODES);
    }
}

static void test_the_rotation_goes_on(void **state) {
    (void)state;
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    uint32_t generations = GENERATIONS * crew_factor();
    for (uint32_t g = 0; g < generations; g++) {
        crew_run(&hands, AT_ONCE, pick_and_go);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
        sum += counts[i];
    }
    assert_int_equal(sum, (uint64_t)generations * AT_ONCE * PICKS_EACH);
    assert_in_range(most - least, 0, LW_LANES);
}

static void test_old_plans_are_freed_between_generations(void **state) {
    (void)state;
    uint64_t settled = 0;
    for (uint32_t g = 0; g < GENERATIONS * crew_factor(); g++) {
        crew_run(&hands, AT_ONCE, pick_and_go);
        nodes.nodes.version++;
        assert_int_equal(lw_prepare(ring, &nodes.nodes), LW_OK);
        if (g == 2) { /* both of the versions that are kept have been made */
            settled = book.live_bytes;
        }
        assert_true(g <= 2 || book.live_bytes == settled);
    }
}

/* Objects are made, used and freed by threads that share nothing else. */
static void live_alone(crew_hand *hand) {
    char spec[FLEET_SPEC];
    lw_env env = ledger_env(&book, 1 + hand->number);
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *own;
        CREW_EXPECT(hand, lw_strategy_new(&own, &env, spec) == LW_OK);
        CREW_EXPECT(hand, lw_select(own, &nodes.nodes, NULL) >= 0);
        CREW_EXPECT(hand, lw_select(ring, &nodes.nodes, NULL) >= 0);
        lw_strategy_free(own);
    }
}

static void test_objects_of_many_threads(void **state) {
    (void)state;
    for (int g = 0; g < 10; g++) {
        crew_run(&hands, 20, live_alone);
    }
}

#define WITH_FLEET(test) cmocka_unit_test_setup_teardown(test, open_fleet, close_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_the_rotation_goes_on),
        WITH_FLEET(test_old_plans_are_freed_between_generations),
        WITH_FLEET(test_objects_of_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
