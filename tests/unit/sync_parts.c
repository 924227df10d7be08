/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A store that is away in part, as a cluster is that lacks a master, and nodes that leave while it is: each goes by the
 * answers to its own keys, one event tells of the whole, and what is owed is told by whoever has left too. A limit of
 * 1000 a minute, a sync each second, leases of 3 seconds.
 */
#include "sync_voyage.h"

enum { NODES = 8, MANY = 1100, KEPT = 1024 };

static bool is_odd(uint32_t node) { return convoy_id(&c, node) % 2 != 0; }

static uint32_t count_odd(void) {
    uint32_t odd = 0;
    for (uint32_t i = 0; i < c.nodes; i++) {
        odd += is_odd(i);
    }
    return odd;
}

static void launch(uint32_t ships, uint32_t nodes, uint32_t outage) {
    c.nodes = nodes;
    c.sync.outage = outage;
    convoy_launch_all(&c, ships);
    convoy_sync(&c);
    convoy_sail(&c, 20 * SECOND, SECOND);
    for (uint32_t i = 0; i < ships; i++) {
        c.ship[i].diary[0] = 0;
    }
}

static void sail(gate_mood mood, uint64_t span) {
    c.gate.mood = mood;
    for (uint64_t end = c.book.now + span; c.book.now < end;) {
        c.book.now += SECOND;
        for (uint32_t i = 0; i < c.ships; i++) {
            ship_sync(&c.ship[i], mood == GATE_OPEN ? LW_OK : LW_UNAVAILABLE);
        }
    }
}

/* As many requests as this very node is granted, at most so many. */
static uint64_t use_of(ship *s, uint32_t node, uint64_t most) {
    uint64_t others[CONVOY_NODES], granted = 0;
    lw_amount one = {0, 1};
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    request.amounts = &one;
    request.amount_count = 1;
    request.exclude = others;
    for (uint32_t i = 0; i < c.nodes; i++) {
        if (i != node) {
            others[request.exclude_count++] = convoy_id(&c, i);
        }
    }
    while (granted < most && lw_pick_at(s->pool, s->route, &request, c.book.now, &ticket) == LW_OK) {
        ship_end(s, &ticket, LW_OUTCOME_OK, 0);
        granted++;
    }
    return granted;
}

static uint64_t away_of(ship *s) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(s->pool, c.book.now, &stats), LW_OK);
    return stats.away;
}

/* Which is over. */
static void assert_one_outage(const ship *s) {
    const char *away = strstr(s->diary, "away "), *back = strstr(s->diary, "back ");
    assert_true(away != NULL && back != NULL && away < back);
    assert_null(strstr(away + 5, "away "));
    assert_null(strstr(back + 5, "back "));
}

static void tick(ship *s) {
    for (int i = 0; i < 6; i++) {
        assert_int_equal(lw_pool_tick(s->pool, c.book.now, NULL), LW_OK);
    }
}

static void keep_only(ship *s, uint32_t node) {
    assert_int_equal(lw_pool_update(s->pool, c.node + node, 1, 0, NULL), LW_OK);
    tick(s);
}

/* ---- parts ---- */

/* For 50 seconds two processes take what they can of all nodes. Whose keys are asked meets the limit, whose are not
   goes by its policy, and each process is told once. */
static void test_policies(void **state) {
    static const uint64_t least[] = {LIMIT, 2 * 3000, 0},
                          most[] = {LIMIT + 500, 2 * 3000, 500}; /* and the last lease */
    (void)state;
    for (uint32_t outage = LW_OUTAGE_LOCAL_SHARE; outage <= LW_OUTAGE_CLOSED; outage++) {
        uint64_t used[NODES] = {0};
        voyage_end(NULL);
        voyage_with_limit(NULL);
        launch(2, NODES, outage);
        assert_in_range(count_odd(), 1, NODES - 1);
        for (int second = 0; second < 50; second++) {
            sail(GATE_ODD, SECOND);
            for (uint32_t i = 0; i < 2 * NODES; i++) {
                used[i / 2] += use_of(&c.ship[i % 2], i / 2, 60);
            }
        }
        for (uint32_t i = 0; i < NODES; i++) {
            assert_in_range(used[i], is_odd(i) ? least[outage] : LIMIT * 9 / 10, is_odd(i) ? most[outage] : LIMIT);
        }
        sail(GATE_OPEN, 5 * SECOND);
        for (uint32_t i = 0; i < 2; i++) {
            assert_one_outage(&c.ship[i]);
            assert_int_equal(away_of(&c.ship[i]), 0);
        }
    }
}

/* Who shares is still heard of, and counts. */
static void test_shares_shrink(void **state) {
    (void)state;
    launch(2, NODES, LW_OUTAGE_LOCAL_SHARE);
    sail(GATE_ODD, 2 * SECOND);
    convoy_launch(&c);
    sail(GATE_ODD, 2 * SECOND);
    for (uint32_t i = 0; i < NODES; i++) {
        uint64_t granted = use_of(&c.ship[0], i, 600);
        assert_in_range(granted, is_odd(i) ? (LIMIT + 2) / 3 : 0, is_odd(i) ? (LIMIT + 2) / 3 : LIMIT / 4);
    }
}

static void test_whole(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    launch(1, NODES, LW_OUTAGE_CLOSED);
    sail(GATE_ODD, 2 * SECOND);
    assert_int_equal(away_of(s), count_odd());
    sail(GATE_SHUT, 5 * SECOND); /* more of them is nothing new */
    assert_int_equal(away_of(s), NODES);
    sail(GATE_ODD, 5 * SECOND);
    assert_int_equal(away_of(s), count_odd());
    assert_null(strstr(s->diary, "back"));
    sail(GATE_OPEN, SECOND);
    assert_int_equal(away_of(s), 0);
    assert_one_outage(s);
}

/* For 10 seconds from when it was lost itself. */
static void test_stale(void **state) {
    uint64_t sum[2] = {0};
    uint32_t odd = 0, even = 0;
    (void)state;
    launch(1, NODES, LW_OUTAGE_STALE);
    while (!is_odd(odd)) {
        odd++;
    }
    while (is_odd(even)) {
        even++;
    }
    for (int second = 0; second < 28; second++) {
        sail(second < 10 ? GATE_OPEN : second < 18 ? GATE_ODD : GATE_SHUT, SECOND);
        const uint32_t node[] = {odd, even};
        const int lost_at[] = {10, 18};
        for (int i = 0; i < 2; i++) {
            int since = second - lost_at[i];
            uint64_t got = use_of(&c.ship[0], node[i], 5);
            sum[i] += since >= 0 ? got : 0;
            assert_true(since < 10 + 3 || got == 0); /* and the last lease, for 3 */
        }
    }
    assert_in_range(sum[0], 30, 60);
    assert_in_range(sum[1], 30, 50);
}

/* A node that has nothing to ask any more is found to be back all the same. */
static void test_nothing_to_ask(void **state) {
    (void)state;
    c.sync.share = LW_SHARE_QUOTA;
    launch(1, 1, LW_OUTAGE_LOCAL_SHARE);
    sail(GATE_SHUT, 5 * SECOND);
    assert_diary(&c.ship[0], "away ");
    c.node[0].limit_count = 0;
    assert_int_equal(lw_pool_update(c.ship[0].pool, c.node, 1, 0, NULL), LW_OK);
    sail(GATE_SHUT, 5 * SECOND);
    assert_int_equal(away_of(&c.ship[0]), 1);
    c.gate.mood = GATE_OPEN;
    ship_sync(&c.ship[0], LW_OK);
    assert_int_equal(away_of(&c.ship[0]), 0);
    assert_diary(&c.ship[0], "back ");
}

/* Whoever has left is not away: the whole is back without it. */
static void test_lost_ones_leave(void **state) {
    uint32_t even = 0;
    (void)state;
    launch(1, NODES, LW_OUTAGE_CLOSED);
    while (is_odd(even)) {
        even++;
    }
    sail(GATE_ODD, 2 * SECOND);
    keep_only(&c.ship[0], even);
    c.ship[0].diary[0] = 0;
    c.book.now += SECOND;
    ship_sync(&c.ship[0], LW_OK);
    assert_diary(&c.ship[0], "back ");
}

/* ---- leaving ---- */

static void leave_in_debt(ship *s) {
    launch(1, 2, LW_OUTAGE_OPEN);
    sail(GATE_SHUT, 5 * SECOND);
    assert_int_equal(use_of(s, 0, 1200), 1200);
    keep_only(s, 1);
}

/* What a node owes is told when the store is back, although it has left, and it goes when that is done. */
static void test_debts_of_those_who_left(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    leave_in_debt(s);
    uint64_t before = convoy_used(&c);
    sail(GATE_SHUT, 5 * SECOND); /* it tries */
    tick(s);
    assert_diary(s, "away ");
    sail(GATE_OPEN, SECOND);
    assert_in_range(convoy_used(&c), 1200, before + 1200);
    assert_diary(s, "back gone:0 ");
}

/* Not when that counts no more. */
static void test_debts_that_are_past(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    leave_in_debt(s);
    c.book.now += 58 * SECOND; /* and nobody syncs */
    tick(s);
    assert_null(strstr(s->diary, "gone"));
    c.book.now += 6 * SECOND;
    tick(s);
    assert_non_null(strstr(s->diary, "gone:0 "));
    sail(GATE_OPEN, SECOND);
    assert_int_equal(convoy_used(&c), 0);
}

static void leave_meanwhile(void) { keep_only(&c.ship[0], 1); }

/* While a sync is under way nobody goes, so that what was not answered is owed again. */
static void test_debts_on_their_way(void **state) {
    (void)state;
    launch(1, 2, LW_OUTAGE_OPEN);
    sail(GATE_SHUT, 5 * SECOND);
    assert_int_equal(use_of(&c.ship[0], 0, 1200), 1200);
    c.gate.meanwhile = leave_meanwhile;
    sail(GATE_SHUT, SECOND);
    tick(&c.ship[0]);
    assert_diary(&c.ship[0], "away ");
    sail(GATE_OPEN, SECOND);
    assert_in_range(convoy_used(&c), 1200, 1500);
}

/* ---- coming ---- */

static void keep_both(ship *s) { assert_int_equal(lw_pool_update(s->pool, c.node, 2, 0, NULL), LW_OK); }

/* The one that left goes once its debts are told; nobody forgets the one that came. */
static void test_another_of_the_same_id(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    leave_in_debt(s);
    sail(GATE_SHUT, 5 * SECOND);
    keep_both(s);
    sail(GATE_OPEN, 2 * SECOND);
    tick(s);
    assert_diary(s, "away back ");
    assert_in_range(convoy_used(&c), 1200, 2000);
}

/* Where all are away, who comes is so too, be it new or back within its grace. */
static void test_who_comes_in_the_dark(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    c.options.grace = 100 * SECOND;
    launch(1, 3, LW_OUTAGE_OPEN);
    assert_int_equal(lw_pool_update(s->pool, c.node, 2, 0, NULL), LW_OK);
    keep_only(s, 0);
    sail(GATE_OPEN, 5 * SECOND); /* it has given back what it had */
    sail(GATE_SHUT, 5 * SECOND);
    assert_int_equal(lw_pool_update(s->pool, c.node, 3, 0, NULL), LW_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(use_of(s, i, 2000), 2000);
    }
}

/* All that were asked have gone by the time of the answer. */
static void test_replaced_while_asked(void **state) {
    (void)state;
    launch(1, 2, LW_OUTAGE_OPEN);
    assert_int_equal(lw_pool_update(c.ship[0].pool, c.node, 1, 0, NULL), LW_OK);
    sail(GATE_SHUT, SECOND);
    c.gate.meanwhile = leave_meanwhile;
    sail(GATE_SHUT, SECOND);
    assert_int_equal(away_of(&c.ship[0]), 1);
    sail(GATE_OPEN, 2 * SECOND);
    assert_one_outage(&c.ship[0]);
}

/* And says nothing of the store. */
static void test_an_empty_pool(void **state) {
    ship *s = &c.ship[0];
    (void)state;
    launch(1, 2, LW_OUTAGE_CLOSED);
    sail(GATE_SHUT, 2 * SECOND);
    assert_int_equal(lw_pool_update(s->pool, NULL, 0, LW_UPDATE_ALLOW_EMPTY, NULL), LW_OK);
    sail(GATE_SHUT, 5 * SECOND);
    assert_null(strstr(s->diary, "back"));
    keep_both(s);
    sail(GATE_OPEN, 2 * SECOND);
    assert_one_outage(s);
}

static uint32_t turns;

static void swap_meanwhile(void) { keep_only(&c.ship[0], ++turns % 2); }

/* Ticks and updates come in the middle of syncs only, and those that left still go. */
static void test_syncs_without_a_pause(void **state) {
    enum { SWAPS = 8 };
    uint32_t gone = 0;
    (void)state;
    launch(1, 2, LW_OUTAGE_OPEN);
    assert_int_equal(lw_pool_update(c.ship[0].pool, c.node, 1, 0, NULL), LW_OK);
    for (int i = 0; i < SWAPS; i++) {
        c.gate.meanwhile = swap_meanwhile;
        sail(GATE_OPEN, SECOND);
    }
    for (const char *at = c.ship[0].diary; (at = strstr(at, "gone")) != NULL; at++) {
        gone++;
    }
    assert_in_range(gone, SWAPS - 3, SWAPS + 1);
}

/* ---- bounds ---- */

static uint32_t forgotten;

static void count_forgotten(void *user, uint64_t node) {
    (void)user, (void)node;
    forgotten++;
}

/* Of very many the first to leave are forgotten: memory is bounded. */
static void test_too_many(void **state) {
    static char names[MANY][8];
    static lw_node_spec specs[MANY];
    lw_observer observer = LW_OBSERVER_INIT;
    (void)state;
    c.sync.outage = LW_OUTAGE_OPEN;
    c.spec = "round_robin";
    ship *s = convoy_launch(&c);
    lw_pool_free(s->pool);
    observer.forgotten = count_forgotten;
    c.options.observer = &observer;
    forgotten = 0;
    assert_int_equal(lw_pool_new(&s->pool, &c.env, &c.options), LW_OK);
    assert_int_equal(lw_pool_route(s->pool, "default", c.spec, NULL, &s->route), LW_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof *names, "m%u", (unsigned)i);
        specs[i] = c.node[0];
        specs[i].name = names[i];
    }
    assert_int_equal(lw_pool_update(s->pool, specs, MANY, 0, NULL), LW_OK);
    c.gate.mood = GATE_SHUT;
    ship_sync(s, LW_UNAVAILABLE);
    assert_int_equal(ship_use(s, 1, MANY), MANY);
    keep_only(s, 0);
    assert_int_equal(forgotten, MANY - KEPT);
    c.gate.mood = GATE_OPEN;
    ship_sync(s, LW_OK);
    tick(s);
    assert_int_equal(forgotten, MANY);
}

int main(void) {
#define TEST(name) VOYAGE(name, voyage_with_limit)
    const struct CMUnitTest tests[] = {
        TEST(test_policies),
        TEST(test_shares_shrink),
        TEST(test_whole),
        TEST(test_stale),
        TEST(test_nothing_to_ask),
        TEST(test_lost_ones_leave),
        TEST(test_debts_of_those_who_left),
        TEST(test_debts_that_are_past),
        TEST(test_debts_on_their_way),
        TEST(test_another_of_the_same_id),
        TEST(test_who_comes_in_the_dark),
        TEST(test_replaced_while_asked),
        TEST(test_an_empty_pool),
        TEST(test_syncs_without_a_pause),
        TEST(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
