/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The store goes away and comes back: one event each way, each mode as it is named, and afterwards everything that was
 * granted meanwhile is counted. A limit of 1000 a minute, a sync each second, leases of 3 seconds.
 */
#include "sync_convoy.h"

enum { LIMIT = 1000 };

static convoy c;

static int open_convoy(void **state) {
    (void)state;
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, LIMIT, 0);
    return 0;
}

static int close_convoy(void **state) {
    (void)state;
    convoy_close(&c);
    return 0;
}

static void fail_all(uint64_t span) {
    c.gate.mood = GATE_SHUT;
    for (uint64_t end = c.book.now + span; c.book.now < end;) {
        c.book.now += SECOND;
        for (uint32_t i = 0; i < c.ships; i++) {
            assert_int_equal(ship_sync(&c.ship[i], LW_UNAVAILABLE).away, 1);
        }
    }
}

static void come_back(void) {
    c.gate.mood = GATE_OPEN;
    c.book.now += SECOND;
    convoy_sync(&c);
}

static void launch(uint32_t ships, uint32_t outage) {
    c.sync.outage = outage;
    convoy_launch_all(&c, ships);
    convoy_sync(&c);
    convoy_sail(&c, 20 * SECOND, SECOND); /* all have heard of all, and hold next to nothing */
    for (uint32_t i = 0; i < ships; i++) {
        c.ship[i].diary[0] = 0;
    }
}

/* What the store counts as used: what is leased it counts too. */
static uint64_t counted(void) {
    uint64_t used = convoy_used(&c);
    for (uint32_t i = 0; i < c.ships; i++) {
        used -= ship_info(&c.ship[i], 0).leased;
    }
    return used;
}

static uint64_t use_all(void) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c.ships; i++) {
        sum += ship_use(&c.ship[i], 1, 100000);
    }
    return sum;
}

/* ---- events ---- */

static void test_events(void **state) {
    (void)state;
    launch(1, LW_OUTAGE_LOCAL_SHARE);
    lw_pool_stats stats = {.size = sizeof stats};
    for (int round = 0; round < 3; round++) {
        fail_all(5 * SECOND);
        assert_diary(&c.ship[0], "away ");
        assert_int_equal(lw_pool_stats_read(c.ship[0].pool, c.book.now, &stats), LW_OK);
        assert_int_equal(stats.away, 1);
        come_back();
        assert_diary(&c.ship[0], "back ");
        assert_int_equal(lw_pool_stats_read(c.ship[0].pool, c.book.now, &stats), LW_OK);
        assert_int_equal(stats.away, 0);
    }
    assert_int_equal(stats.syncs, 1 + 20 + 3);
}

/* ---- closed ---- */

static void test_closed(void **state) {
    (void)state;
    c.sync.outage = LW_OUTAGE_CLOSED;
    convoy_launch_all(&c, 1);
    convoy_sync(&c);
    fail_all(SECOND);
    assert_int_equal(ship_use(&c.ship[0], 1, 10), 10); /* of the lease */
    fail_all(2 * SECOND);
    assert_int_equal(ship_use(&c.ship[0], 1, 10), 0);
    come_back();
    assert_int_equal(ship_use(&c.ship[0], 1, 10), 10);
}

/* ---- open ---- */

/* Everything is granted, and on return the store hears of it; so for a window there is nothing. */
static void test_open(void **state) {
    (void)state;
    launch(2, LW_OUTAGE_OPEN);
    fail_all(5 * SECOND);
    assert_int_equal(ship_use(&c.ship[0], 7, 1000), 1000);
    assert_int_equal(ship_use(&c.ship[1], 1, 50), 50);
    come_back();
    assert_in_range(counted(), 7050, 7050 + 10);
    assert_int_equal(use_all(), 0);
    convoy_sail(&c, 70 * SECOND, SECOND);
    assert_true(use_all() > 0);
}

/* What is long past is not held against anybody. */
static void test_open_for_long(void **state) {
    (void)state;
    launch(1, LW_OUTAGE_OPEN);
    for (int i = 0; i < 10; i++) {
        fail_all(MINUTE);
        assert_int_equal(ship_use(&c.ship[0], 10, 30), 30);
    }
    come_back();
    assert_in_range(counted(), 300, 620);
}

/* ---- local share ---- */

/* n processes have ceil(limit / n) each, whatever they do. */
static void test_share(void **state) {
    static const uint32_t fleets[] = {1, 2, 3, 7};
    (void)state;
    for (uint32_t f = 0; f < 4; f++) {
        uint32_t ships = fleets[f];
        close_convoy(NULL);
        open_convoy(NULL);
        c.quiet = true;
        launch(ships, LW_OUTAGE_LOCAL_SHARE);
        fail_all(5 * SECOND);
        uint64_t share = (LIMIT + ships - 1) / ships;
        for (uint32_t i = 0; i < ships; i++) {
            assert_int_equal(ship_use(&c.ship[i], 1, 100000), share);
        }
        fail_all(30 * SECOND);
        assert_int_equal(use_all(), 0);
        fail_all(34 * SECOND);
        assert_int_equal(use_all(), share * ships);
        come_back();
        assert_in_range(counted(), share * ships, share * ships + ships);
        assert_true(use_all() <= 2 * ships); /* leased before the others had told what they owe */
    }
}

/* What a process had used before the outage counts: counters are warm. */
static void test_warm(void **state) {
    (void)state;
    launch(2, LW_OUTAGE_LOCAL_SHARE);
    uint64_t used = 0;
    while (used < 400) {
        used += ship_use(&c.ship[0], 1, 400 - used);
        convoy_sail(&c, SECOND, SECOND);
    }
    fail_all(SECOND);
    uint64_t held = ship_info(&c.ship[0], 0).leased; /* is spent first */
    used += ship_use(&c.ship[0], 1, 100000);
    assert_int_equal(used, 400 + held > LIMIT / 2 ? 400 + held : LIMIT / 2);
    assert_int_equal(ship_use(&c.ship[1], 1, 100000), LIMIT / 2);
    come_back();
    assert_in_range(counted(), used + LIMIT / 2, used + LIMIT / 2 + 200); /* what went back just then is lost */
}

/* A refund in an outage lowers what is owed. */
static void test_refund_of_what_is_owed(void **state) {
    (void)state;
    lw_ticket ticket;
    launch(1, LW_OUTAGE_LOCAL_SHARE);
    fail_all(5 * SECOND);
    assert_int_equal(ship_try(&c.ship[0], 500, &ticket), LW_OK);
    ship_settle(&c.ship[0], &ticket, 20);
    assert_int_equal(ship_try(&c.ship[0], LIMIT - 20, &ticket), LW_OK);
    assert_int_equal(lw_cancel_at(c.ship[0].pool, &ticket, c.book.now), LW_OK);
    come_back();
    assert_in_range(counted(), 20, 25);
}

/* Nodes that come in an outage have their share too; and all of the limit afterwards. */
static void test_nodes_come(void **state) {
    (void)state;
    launch(2, LW_OUTAGE_LOCAL_SHARE);
    fail_all(SECOND);
    assert_int_equal(lw_pool_update(c.ship[0].pool, c.node + 1, 1, 0, NULL), LW_OK);
    assert_int_equal(ship_use(&c.ship[0], 1, 100000), LIMIT / 2);
    come_back();
    uint64_t more = 0;
    for (int i = 0; i < 10; i++) {
        more += ship_use(&c.ship[0], 1, 100000);
        come_back();
    }
    assert_in_range(more, LIMIT / 2 - 10, LIMIT / 2);
}

static void test_share_of_gcra(void **state) {
    (void)state;
    close_convoy(NULL);
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_GCRA, MINUTE, 600, 100);
    launch(2, LW_OUTAGE_LOCAL_SHARE);
    fail_all(5 * SECOND);
    assert_int_equal(use_all(), 100);
    fail_all(10 * SECOND);
    assert_in_range(use_all(), 98, 100);
    come_back();
    assert_in_range(counted(), 85, 102);
}

/* ---- stale ---- */

/* As much as was leased last, each interval, for 10 seconds; then nothing. */
static void test_stale(void **state) {
    (void)state;
    c.sync.outage = LW_OUTAGE_STALE;
    convoy_launch_all(&c, 1);
    convoy_sync(&c);
    for (int i = 0; i < 12; i++) {
        ship_use(&c.ship[0], 1, 8);
        convoy_sail(&c, SECOND, SECOND);
    }
    assert_int_equal(ship_info(&c.ship[0], 0).leased, 10);
    uint64_t sum = ship_use(&c.ship[0], 1, 100000), before = counted();
    c.gate.mood = GATE_SHUT;
    for (int i = 0; i < 20; i++) {
        c.book.now += SECOND;
        ship_sync(&c.ship[0], LW_UNAVAILABLE);
        uint64_t got = ship_use(&c.ship[0], 1, 100000);
        assert_true(got <= 10);
        sum += got;
    }
    assert_in_range(sum, 10 + 70, 10 + 110);
    come_back();
    assert_in_range(counted(), before + sum - 10, before + sum + 10);
}

/* ---- lost answers ---- */

/* The batch was carried out, and nobody said so: nothing is granted twice, and debts are told until they are known. */
static void test_mute(void **state) {
    (void)state;
    lw_ticket ticket;
    c.sync.outage = LW_OUTAGE_CLOSED;
    convoy_launch_all(&c, 1);
    convoy_sync(&c);
    assert_int_equal(ship_try(&c.ship[0], 10, &ticket), LW_OK);
    ship_settle(&c.ship[0], &ticket, 300); /* 250 of the lease, 50 owed */
    c.gate.mood = GATE_MUTE;
    c.book.now += SECOND;
    ship_sync(&c.ship[0], LW_UNAVAILABLE);
    assert_int_equal(ship_use(&c.ship[0], 1, 10), 0);
    uint64_t lost = convoy_used(&c);
    assert_true(lost >= 300); /* the new lease is among it, which nobody has */
    come_back();
    assert_true(convoy_used(&c) >= 350);
    c.book.now += 70 * SECOND;
    come_back();
    assert_true(convoy_used(&c) <= 250);
}

static void test_half(void **state) {
    (void)state;
    c.nodes = 8;
    c.sync.outage = LW_OUTAGE_CLOSED;
    convoy_launch_all(&c, 2);
    convoy_sync(&c);
    c.gate.mood = GATE_HALF;
    c.book.now += 2 * SECOND;
    ship_sync(&c.ship[0], LW_UNAVAILABLE);
    assert_diary(&c.ship[0], "away ");
    c.book.now += 2 * SECOND;
    uint32_t leased = 0;
    for (uint32_t i = 0; i < 8; i++) {
        leased += ship_info(&c.ship[0], i).leased > 0;
    }
    assert_in_range(leased, 2, 6); /* those that were reached */
    come_back();
    assert_diary(&c.ship[0], "back ");
}

/* Not to be allowed is no outage. */
static void test_refused(void **state) {
    (void)state;
    launch(1, LW_OUTAGE_OPEN);
    c.gate.mood = GATE_REFUSING;
    for (int i = 0; i < 10; i++) {
        c.book.now += SECOND;
        assert_int_equal(ship_sync(&c.ship[0], LW_DENIED).away, 0);
    }
    assert_int_equal(ship_use(&c.ship[0], 1, 10), 0);
    assert_null(strstr(c.ship[0].diary, "away"));
    come_back();
    assert_true(ship_use(&c.ship[0], 1, 10) > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_convoy, close_convoy)
    const struct CMUnitTest tests[] = {
        TEST(test_events),
        TEST(test_closed),
        TEST(test_open),
        TEST(test_open_for_long),
        TEST(test_share),
        TEST(test_warm),
        TEST(test_refund_of_what_is_owed),
        TEST(test_nodes_come),
        TEST(test_share_of_gcra),
        TEST(test_stale),
        TEST(test_mute),
        TEST(test_half),
        TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
