/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Loads that are learnt, in a small simulated world: requests come at random times and take what the node that got them
 * takes. A node that was slow is tried again when its past has faded; one that fails fast does not draw the traffic;
 * one that hangs loses it before it has answered.
 */
#include "pool_yard.h"

enum { NODES = 4, UNDER_WAY = 256 };

/* tau of the defaults; an estimate halves in tau ln 2. */
#define TAU (10 * SECOND)
#define HALF_LIFE (TAU * 693147 / 1000000)

struct flight {
    lw_ticket ticket;
    uint64_t end, latency;
    uint32_t outcome;
};

struct world {
    yard yard;
    uint64_t chance;
    uint32_t flying;
    struct flight flight[UNDER_WAY];
    /* What a request to a node takes, give or take half of it, and how it ends. */
    uint64_t latency[NODES];
    uint32_t outcome[NODES];
    uint64_t picks[NODES], explored[NODES];
};

static void world_open(struct world *w, const char *strategy, uint32_t explore, uint64_t seed) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    memset(w, 0, sizeof *w);
    health.failure_threshold = 4095; /* the load alone shall do it */
    options.health = &health;
    options.explore = explore;
    yard_open(&w->yard, &options, strategy, NODES, seed);
    w->chance = seed;
    for (uint32_t i = 0; i < NODES; i++) {
        w->latency[i] = 20 * MS;
    }
}

static void world_close(struct world *w) { yard_close(&w->yard); }

static void land_first(struct world *w, uint32_t at) {
    struct flight *flight = &w->flight[at];
    w->yard.now = flight->end;
    yard_done(&w->yard, &flight->ticket, flight->outcome, flight->latency);
    w->flight[at] = w->flight[--w->flying];
}

/* Time moves on; what ends on the way ends in its order. */
static void move_on(struct world *w, uint64_t until) {
    for (;;) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < w->flying; i++) {
            first = w->flight[i].end < w->flight[first].end ? i : first;
        }
        if (w->flying == 0 || w->flight[first].end > until) {
            break;
        }
        land_first(w, first);
    }
    w->yard.now = until;
}

static void send_one(struct world *w) {
    lw_ticket ticket = yard_pick(&w->yard, NULL);
    uint32_t node = yard_index(&w->yard, ticket.node);
    uint64_t latency = w->latency[node] / 2 + law_random(&w->chance) % w->latency[node];
    assert_true(w->flying < UNDER_WAY);
    w->flight[w->flying++] = (struct flight){ticket, w->yard.now + latency, latency, w->outcome[node]};
    w->picks[node]++;
    w->explored[node] += (ticket.flags & LW_TICKET_EXPLORED) != 0;
}

/* So long, with a request every `gap` on average; counts afresh. */
static void pass(struct world *w, uint64_t span, uint64_t gap) {
    uint64_t end = w->yard.now + span;
    memset(w->picks, 0, sizeof w->picks);
    memset(w->explored, 0, sizeof w->explored);
    for (;;) {
        uint64_t next = w->yard.now + 1 + law_random(&w->chance) % (2 * gap);
        if (next > end) {
            break;
        }
        move_on(w, next);
        send_one(w);
    }
    move_on(w, end);
}

static double share_in(const struct world *w, uint32_t node) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        sum += w->picks[i];
    }
    return (double)w->picks[node] / (double)sum;
}

static const char *const learnt[] = {"p2c metric=peak_ewma", "p2c metric=ewma", "least_load metric=peak_ewma",
                                     "least_load metric=ewma"};

/* A minute of trouble on one node, a hundred times slower than the rest; then it is as well as they are, but nobody
   asks it, for it looks bad. Within k half-lives it has its share again. The trouble stands in the estimate as a
   hundredfold, so it takes log2 100 half-lives, about 7, to be less than double; the law allows 12. */
static void test_idle_node_regains_traffic(void **state) {
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct world w;
            world_open(&w, learnt[s], 10001, seed); /* never explores */
            pass(&w, 6 * TAU, 10 * MS);
            w.latency[0] = 2000 * MS;
            pass(&w, 6 * TAU, 10 * MS);
            assert_true(share_in(&w, 0) < 0.05);
            w.latency[0] = 20 * MS;
            pass(&w, HALF_LIFE, 10 * MS);
            assert_true(share_in(&w, 0) < 0.5 / NODES); /* what it did is not forgotten at once */
            pass(&w, 11 * HALF_LIFE, 10 * MS);
            assert_true(w.picks[0] > 0);
            pass(&w, HALF_LIFE, 10 * MS);
            assert_true(share_in(&w, 0) > 0.5 / NODES);
            world_close(&w);
        }
    }
}

/* By default a pool also explores, so that no node is forgotten however bad it looks: about 0.5 % of the picks are
   drawn evenly. */
static void test_nobody_starves(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(learnt); s++) {
        struct world w;
        world_open(&w, learnt[s], 0, 3);
        w.latency[0] = 2000 * MS;
        pass(&w, 2 * TAU, 10 * MS);
        pass(&w, 200 * TAU, 10 * MS);
        double all = 0, shares[NODES] = {1, 1, 1, 1};
        for (uint32_t i = 0; i < NODES; i++) {
            all += (double)w.explored[i];
        }
        double picks = 200.0 * TAU / (10 * MS), expected = 0.005 * picks;
        assert_true(w.picks[0] > 0);
        assert_true(law_fits(w.explored, shares, NODES));
        assert_true(fabs(all - expected) < 0.1 * expected);
        world_close(&w);
    }
}

/* Errors in 1 ms, where the others take 20 ms. */
static void test_fast_failures_do_not_attract(void **state) {
    (void)state;
    static const uint32_t outcomes[] = {LW_OUTCOME_FAILURE, LW_OUTCOME_CONNECT_FAILURE, LW_OUTCOME_TIMEOUT};
    for (size_t s = 0; s < LAW_COUNT(learnt); s++) {
        for (size_t o = 0; o < LAW_COUNT(outcomes); o++) {
            struct world w;
            world_open(&w, learnt[s], 0, s + 1);
            pass(&w, TAU, 5 * MS);
            w.latency[0] = MS;
            w.outcome[0] = outcomes[o];
            pass(&w, TAU, 5 * MS); /* one window: tau */
            if (share_in(&w, 0) >= 1.0 / NODES) {
                fail_msg("%s: its share is %.3f", learnt[s], share_in(&w, 0));
            }
            pass(&w, TAU, 5 * MS);
            assert_true(share_in(&w, 0) < 0.1 / NODES);
            world_close(&w);
        }
    }
}

/* Nor where it has failed from the start. */
static void test_failing_newcomer(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(learnt); s++) {
        struct world w;
        world_open(&w, learnt[s], 0, s + 1);
        w.latency[0] = MS;
        w.outcome[0] = LW_OUTCOME_CONNECT_FAILURE;
        pass(&w, TAU, 5 * MS);
        assert_true(share_in(&w, 0) < 1.0 / NODES);
        world_close(&w);
    }
}

/* A node that takes requests and does not answer looks worse by the moment, long before its first timeout. */
static void test_stalled_node(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(learnt); s++) {
        struct world w;
        world_open(&w, learnt[s], 10001, s + 1);
        pass(&w, TAU, 5 * MS);
        w.latency[0] = 60 * SECOND;
        pass(&w, SECOND, 5 * MS);
        uint64_t stuck = w.picks[0];
        pass(&w, SECOND, 5 * MS);
        assert_true(stuck > 0 && share_in(&w, 0) < 0.1 / NODES);
        world_close(&w);
    }
}

/* One request waits at node 0, three at node 1, which ends others all the time: while the one is young node 0 is the
   better choice, and no longer once it has waited for more than twice of what requests take. */
static void test_waiting_counts(void **state) {
    (void)state;
    for (size_t s = 2; s < LAW_COUNT(learnt); s++) {
        struct world w;
        world_open(&w, learnt[s], 10001, s + 1);
        yard *y = &w.yard;
        for (uint32_t i = 0; i < 200; i++) {
            lw_ticket ticket = yard_pick_node(y, i % NODES);
            y->now += 20 * MS;
            yard_done(y, &ticket, LW_OUTCOME_OK, 20 * MS);
        }
        y->count = 2;
        yard_update(y);
        yard_pick_node(y, 0);
        for (uint32_t i = 0; i < 3; i++) {
            yard_pick_node(y, 1);
        }
        for (uint64_t waited = 7; waited <= 140; waited += 7) {
            lw_ticket ticket = yard_pick_node(y, 1);
            y->now += 7 * MS;
            yard_done(y, &ticket, LW_OUTCOME_OK, 20 * MS);
            ticket = yard_pick(y, NULL);
            assert_int_equal(yard_index(y, ticket.node), waited > 40);
            yard_cancel(y, &ticket);
        }
        world_close(&w);
    }
}

/* Equal nodes share evenly, and a node that takes half as long gets more. */
static void test_better_nodes_get_more(void **state) {
    (void)state;
    for (size_t s = 0; s < LAW_COUNT(learnt); s++) {
        struct world w;
        world_open(&w, learnt[s], 0, s + 1);
        pass(&w, 20 * TAU, 5 * MS);
        for (uint32_t i = 0; i < NODES; i++) {
            assert_true(fabs(share_in(&w, i) - 1.0 / NODES) < 0.5 / NODES);
        }
        w.latency[0] = 10 * MS;
        pass(&w, 10 * TAU, 5 * MS);
        pass(&w, 20 * TAU, 5 * MS);
        assert_true(share_in(&w, 0) > 1.2 / NODES);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_node_regains_traffic),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_fast_failures_do_not_attract),
        cmocka_unit_test(test_failing_newcomer),
        cmocka_unit_test(test_stalled_node),
        cmocka_unit_test(test_waiting_counts),
        cmocka_unit_test(test_better_nodes_get_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
