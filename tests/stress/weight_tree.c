/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tree of weighted_random live=true from many threads: all pick, and some change weights all the while. A node
 * whose weight is always 0 is never picked; when all is quiet again the shares are exact.
 */
#include "../law/laws.h"
#include "crew.h"

enum { NODES = 100, NEVER = 10, HANDS = 4, ROUNDS = 16, TURNS = 30000, PICKS = 200000 };

struct worker {
    uint32_t weight;
};

static struct worker workers[NODES];
static lw_nodes nodes;
static lw_strategy *strategy;
static crew hands;

/* Every hand picks; the odd ones change a weight before each pick, at times to nothing or to the most there is. The
   first NEVER nodes stay at 0, and the last one is never there. */
static void pick_and_change(crew_hand *hand) {
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        if (hand->number % 2 == 1) {
            uint32_t i = NEVER + (uint32_t)(crew_random(hand) % (NODES - NEVER));
            uint32_t kind = (uint32_t)(crew_random(hand) % 4);
            uint32_t weight = kind == 0 ? 0 : kind == 1 ? UINT32_MAX : (uint32_t)(crew_random(hand) % 1000);
            __atomic_store_n(&workers[i].weight, i == NODES - 1 ? weight | 1 : weight, __ATOMIC_RELAXED);
        }
        ptrdiff_t index = lw_select_at(strategy, &nodes, NULL, 0);
        CREW_EXPECT(hand, index >= NEVER && index < NODES);
    }
}

static bool picks_fit(const double *shares, size_t picks) {
    uint64_t counts[NODES] = {0};
    law_tally(strategy, &nodes, NULL, picks, counts);
    return law_fits(counts, shares, NODES);
}

/* What was drawn before depends on who met whom, so no seed makes these draws the same: once in 100,000 times chance
   alone has them not fit. A wrong sum stays wrong, and more draws show it better. */
static void check_shares(void) {
    double shares[NODES];
    for (uint32_t i = 0; i < NODES; i++) { /* nobody so heavy that all others are too rare to be counted */
        workers[i].weight %= 1000;
        shares[i] = workers[i].weight;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        assert_true(lw_select_at(strategy, &nodes, NULL, 0) >= NEVER);
    }
    assert_true(picks_fit(shares, PICKS) || picks_fit(shares, 4 * PICKS));
}

static void test_sums_are_right_when_it_is_quiet(void **state) {
    (void)state;
    lw_env env = LW_ENV_INIT;
    env.seed = 17;
    assert_int_equal(lw_strategy_new(&strategy, &env, "weighted_random live=true"), LW_OK);
    lw_nodes_init(&nodes, NODES);
    LW_SET_ATOMIC(nodes, weight, workers, weight);
    nodes.set = nodes.version = 1;
    for (uint32_t i = NEVER; i < NODES; i++) {
        workers[i].weight = i;
    }
    for (uint32_t round = 0; round < ROUNDS * crew_factor(); round++) {
        crew_run(&hands, HANDS, pick_and_change);
        check_shares();
    }
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums_are_right_when_it_is_quiet)};
    return cmocka_run_group_tests_name("weight_tree", tests, NULL, NULL);
}
