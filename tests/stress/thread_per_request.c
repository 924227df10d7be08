/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thread for every request: many short lives at the same time, each with a few picks. Lanes pass from the dead to
 * the living meanwhile, so what matters is that no lane ever has two owners: every ticket of every lane is given out
 * exactly once, and rotations stay as even as their lanes allow. Plans come and go while all that happens.
 */
#include "crew.h"
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>

enum { SPAWNERS = 28, LIVES = 60, PICKS = 12, NODES = 11 };

static lw_nodes nodes;
static uint32_t weights[NODES];
static uint8_t *given[LW_LANES]; /* how often each ticket was */
static uint32_t taken[LW_LANES];
static uint64_t lives, draws; /* of each spawner; of all lives */
static uint64_t counts[NODES], lives_over;
static lw_strategy *rotation, *wheel, *tickets;
static bool faulty;

static void note(bool good) {
    if (!good) {
        __atomic_store_n(&faulty, true, __ATOMIC_RELAXED);
    }
}

/* Draws a ticket in its lane and marks it. Lingers, so that an intruder would be met. */
static ptrdiff_t draw_ticket(const lw_view *view) {
    uint32_t lane = view->lane->number, nobody = 0;
    bool own = !view->lane->shared;
    note(!own || __atomic_compare_exchange_n(&taken[lane], &nobody, 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    sched_yield();
    uint64_t ticket = lw_view_ticket(view, lw_view_lane(view));
    note(ticket < draws && __atomic_fetch_add(&given[lane][ticket % draws], 1, __ATOMIC_RELAXED) == 0);
    if (own) {
        __atomic_store_n(&taken[lane], 0, __ATOMIC_RELAXED);
    }
    return (ptrdiff_t)(ticket % view->count);
}

static const lw_strategy_ops ticket_ops = {.size = sizeof ticket_ops,
                                           .name = "tickets",
                                           .help = "Draws tickets.",
                                           .lane_size = sizeof(uint64_t),
                                           .pick = draw_ticket};

static void *serve(void *hand) {
    (void)hand;
    for (int i = 0; i < PICKS; i++) {
        ptrdiff_t index = lw_select(rotation, &nodes, NULL);
        note(index >= 0 && index < NODES);
        if (index >= 0 && index < NODES) {
            __atomic_fetch_add(&counts[index], 1, __ATOMIC_RELAXED);
        }
        index = lw_select(wheel, &nodes, NULL);
        note(index >= 0 && index < NODES);
        note(lw_select(tickets, &nodes, NULL) >= 0);
    }
    return NULL;
}

static void spawn(crew_hand *hand) {
    for (uint64_t i = 0; i < lives; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, serve, NULL);
        CREW_EXPECT(hand, error == 0);
        if (error == 0) {
            pthread_join(thread, NULL);
        }
        __atomic_add_fetch(&lives_over, 1, __ATOMIC_RELEASE);
    }
}

static lw_strategy *make(const char *spec) {
    const lw_strategy_ops *const own[] = {&ticket_ops};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    env.seed = 12;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    return strategy;
}

/* The nodes stay the same while their versions pass, so nobody reads what is written here. */
static void publish_until_all_are_over(void) {
    lw_nodes next = nodes;
    while (__atomic_load_n(&lives_over, __ATOMIC_ACQUIRE) < SPAWNERS * lives) {
        next.version++;
        assert_int_equal(lw_prepare(wheel, &next), LW_OK);
        sched_yield();
    }
}

static void judge_tickets(void) {
    uint64_t drawn = 0;
    for (uint32_t lane = 0; lane < LW_LANES; lane++) {
        for (uint32_t ticket = 0; ticket < draws && given[lane][ticket] != 0; ticket++) {
            assert_int_equal(given[lane][ticket], 1);
            drawn++;
        }
    }
    assert_int_equal(drawn, draws); /* without gaps */
}

static void judge_rotation(void) {
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    assert_in_range(most - least, 0, LW_LANES);
}

static void test_lanes_pass_from_life_to_life(void **state) {
    (void)state;
    static crew c;
    for (uint32_t i = 0; i < NODES; i++) {
        weights[i] = 1 + i % 4;
    }
    lw_nodes_init(&nodes, NODES);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 5;
    rotation = make("round_robin");
    wheel = make("smooth_wrr");
    tickets = make("tickets");
    lives = (uint64_t)LIVES * crew_factor();
    draws = SPAWNERS * lives * PICKS;
    for (uint32_t lane = 0; lane < LW_LANES; lane++) { /* one of them may give out all */
        given[lane] = calloc(draws, 1);
        assert_non_null(given[lane]);
    }
    crew_start(&c, SPAWNERS, spawn);
    publish_until_all_are_over();
    crew_join(&c);
    assert_false(faulty);
    judge_tickets();
    judge_rotation();
    lw_strategy_free(rotation);
    lw_strategy_free(wheel);
    lw_strategy_free(tickets);
    for (uint32_t lane = 0; lane < LW_LANES; lane++) {
        free(given[lane]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_pass_from_life_to_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
