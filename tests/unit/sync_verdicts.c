/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ejections by the fleet: a few failures in each process are enough together, told with name and reason, within the
 * caps of each process, once per event, and over when the record says so. Half of 20 requests in 10 seconds eject a
 * node for 30.
 */
#include "sync_voyage.h"

enum { NODES = 20 };

static int open_convoy(void **state) {
    (void)state;
    return voyage_of_nodes(NODES);
}

static void fail_at(ship *s, uint32_t node, uint32_t failures, uint32_t successes) {
    for (uint32_t i = 0; i < successes; i++) {
        ship_serve(s, node, LW_OUTCOME_OK, MS);
    }
    for (uint32_t i = 0; i < failures; i++) {
        ship_serve(s, node, LW_OUTCOME_FAILURE, MS);
    }
}

static bool is_out(ship *s, uint32_t node) { return (ship_info(s, node).reasons & LW_REASON_EJECTED) != 0; }

static void status_key(uint32_t node, char *key, size_t room) {
    snprintf(key, room, "loadwise/{%016llx}/status", (unsigned long long)convoy_id(&c, node));
}

/* ---- together ---- */

/* Two failures each: nobody alone would think of it. */
static void test_together(void **state) {
    (void)state;
    convoy_launch_all(&c, 10);
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 3, 2, 0);
        assert_int_equal(ship_info(&c.ship[i], 3).status, LW_DEGRADED);
    }
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(ship_sync(&c.ship[i], LW_OK).ejected, 0);
        assert_false(is_out(&c.ship[i], 3));
    }
    assert_int_equal(ship_sync(&c.ship[9], LW_OK).ejected, 1);
    assert_diary(&c.ship[9], "out:3f judged:3@p9 ");
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(ship_sync(&c.ship[i], LW_OK).ejected, 1);
        assert_true(is_out(&c.ship[i], 3));
        assert_diary(&c.ship[i], "out:3f judged:3@p9 ");
    }
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_diary(&c.ship[i], "");
        assert_int_equal(ship_info(&c.ship[i], 3).judged_until, c.book.now + 30 * SECOND);
    }
}

static void test_neither_too_few_nor_too_seldom(void **state) {
    (void)state;
    c.options.health = NULL;
    convoy_launch_all(&c, 3);
    for (uint32_t i = 0; i < 3; i++) {
        fail_at(&c.ship[i], 0, 2, 4); /* a third of 18 */
        fail_at(&c.ship[i], 1, 2, 6); /* a quarter of 24 */
    }
    convoy_sync(&c);
    fail_at(&c.ship[0], 0, 1, 0); /* 7 of 19 */
    convoy_sync(&c);
    fail_at(&c.ship[0], 2, 1, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_diary(&c.ship[i], "");
    }
}

/* All nodes at once, with all that there is to tell of each besides. */
static void test_everywhere(void **state) {
    (void)state;
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    c.nodes = 16;
    c.spec = "least_load metric=external";
    c.options.latency = &latency;
    c.sync.failure_volume = 2;
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, 1000, 0);
    ship *s = convoy_launch(&c);
    convoy_sail(&c, 5 * SECOND, SECOND);
    for (uint32_t i = 0; i < 300; i++) {
        lw_ticket ticket;
        if (ship_try(s, 1, &ticket) == LW_OK) {
            ship_settle(s, &ticket, i % 3 == 0 ? 40 : 0);
        }
    }
    convoy_sail(&c, 70 * SECOND, SECOND);
    for (uint32_t i = 0; i < 16; i++) {
        fail_at(s, i, 2, 1);
    }
    lw_sync_report report = ship_sync(s, LW_OK);
    assert_int_equal(report.ejected, 1); /* a tenth */
    assert_true(report.steps >= 2 + 16 * (5 + 2));
}

/* What is out of the window does not count. */
static void test_window(void **state) {
    (void)state;
    convoy_launch_all(&c, 10);
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 3, 2, 0);
        ship_sync(&c.ship[i], LW_OK);
        c.book.now += i == 4 ? 11 * SECOND : 0;
    }
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_diary(&c.ship[i], "");
    }
}

/* ---- afterwards ---- */

static void eject_third(void) {
    convoy_launch_all(&c, 10);
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 3, 2, 0);
    }
    convoy_sync(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(is_out(&c.ship[i], 3));
        c.ship[i].diary[0] = 0;
    }
}

/* It comes back by itself, ramps up, and what led to it is not held against it once more. */
static void test_comes_back(void **state) {
    (void)state;
    c.options.slow_start = 10 * SECOND;
    eject_third();
    convoy_sail(&c, 30 * SECOND - MS, 30 * SECOND - MS);
    assert_true(is_out(&c.ship[0], 3));
    c.book.now += MS;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(lw_pool_tick(c.ship[i].pool, c.book.now, NULL), LW_OK);
        assert_diary(&c.ship[i], "in:3f ");
    }
    assert_true(ship_info(&c.ship[0], 3).ramp < 0.2);
    fail_at(&c.ship[0], 3, 1, 0);
    convoy_sail(&c, 5 * SECOND, SECOND);
    for (uint32_t i = 0; i < 10; i++) {
        assert_diary(&c.ship[i], "");
    }
}

/* With an ejection no longer than the window, failures of before may be counted yet: one more is not enough. */
static void test_not_twice_for_the_same(void **state) {
    (void)state;
    c.sync.ejection = 10 * SECOND;
    eject_third();
    c.book.now += 10 * SECOND;
    for (uint32_t i = 0; i < 10; i++) {
        lw_pool_tick(c.ship[i].pool, c.book.now, NULL);
        c.ship[i].diary[0] = 0;
    }
    fail_at(&c.ship[0], 3, 1, 0);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_diary(&c.ship[i], "");
    }
}

/* If it fails again, it is out again. */
static void test_again(void **state) {
    (void)state;
    eject_third();
    c.book.now += 32 * SECOND;
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 3, 2, 1); /* three in a row would be a matter of its health */
    }
    convoy_sync(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_diary(&c.ship[i], "in:3f out:3f judged:3@p6 ");
    }
}

/* Each obeys within its own cap, here one of ten nodes; the rest waits for its turn. */
static void test_cap(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    c.nodes = 10;
    c.options.outlier = &outlier;
    convoy_launch_all(&c, 10);
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 0, 2, 0);
        fail_at(&c.ship[i], 1, 2, 0);
    }
    convoy_sync(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(is_out(&c.ship[i], 0) + is_out(&c.ship[i], 1), 1);
    }
}

static void test_never_the_last(void **state) {
    (void)state;
    c.nodes = 1;
    convoy_launch_all(&c, 10);
    for (uint32_t i = 0; i < 10; i++) {
        fail_at(&c.ship[i], 0, 2, 0);
    }
    convoy_sync(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        assert_false(is_out(&c.ship[i], 0));
        assert_diary(&c.ship[i], "");
    }
}

/* ---- records ---- */

static void put_record(uint32_t node, const char *record) {
    char key[64];
    status_key(node, key, sizeof key);
    assert_int_equal(lw_store_put(c.gate.inner, key, record, strlen(record), 0, 0), LW_OK);
}

static void test_records_are_text(void **state) {
    (void)state;
    char key[64], record[256] = {0}, expected[256];
    eject_third();
    status_key(3, key, sizeof key);
    assert_true(lw_store_get(c.gate.inner, key, record, sizeof record - 1, 0) > 0);
    snprintf(expected, sizeof expected, "loadwise ejection 1\nuntil %llu\nby p9\nwhy 20 of 20 requests failed\n",
             (unsigned long long)((CONVOY_EPOCH + c.book.now + 30 * SECOND) / 1000));
    assert_string_equal(record, expected);
    c.book.now += 30 * SECOND;
    assert_int_equal(lw_store_get(c.gate.inner, key, record, sizeof record, 0), LW_UNKNOWN);
}

/* Of an operator, or of a newer process that says more. */
static void test_record_by_hand(void **state) {
    (void)state;
    char record[256];
    ship *s = convoy_launch(&c);
    snprintf(record, sizeof record, "loadwise ejection 1\nuntil %llu\nby me\nwhy maintenance\nwho else\n",
             (unsigned long long)((CONVOY_EPOCH + c.book.now + 5 * SECOND) / 1000));
    put_record(2, record);
    ship_sync(s, LW_OK);
    assert_diary(s, "out:2f judged:2@me ");
    assert_int_equal(ship_info(s, 2).judged_until, c.book.now + 5 * SECOND);
}

static void test_damaged_records(void **state) {
    static const char *const damaged[] = {
        "",
        "x",
        "loadwise ejection 2\nuntil 99999999999999999\nby a\nwhy b\n",
        "loadwise ejection 1\n",
        "loadwise ejection 1\nuntil\nby a\nwhy b\n",
        "loadwise ejection 1\nuntil 1e99\nby a\nwhy b\n",
        "loadwise ejection 1\nuntil -5\nby a\nwhy b\n",
        "loadwise ejection 1\nuntil 99999999999999999999\nby a\nwhy b\n",
        "loadwise ejection 1\nuntil 1800000000000000\nby \nwhy b\n",
        "loadwise ejection 1\nuntil 1800000000000000\nby a\x01z\nwhy b\n",
        "loadwise ejection 1\nuntil 1800000000000000\nwhy b\nby a\n",
        "loadwise ejection 1\nuntil 1800000000000000\nby a\nwhy b",
    };
    (void)state;
    ship *s = convoy_launch(&c);
    for (uint32_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        uint64_t told = c.book.told;
        put_record(2, damaged[i]);
        ship_sync(s, LW_OK);
        assert_diary(s, "");
        assert_int_equal(c.book.told, told + 1);
        assert_int_equal(c.book.code, LW_CORRUPT);
    }
    char large[1000];
    memset(large, 'a', sizeof large);
    large[sizeof large - 1] = 0;
    put_record(2, large);
    ship_sync(s, LW_OK);
    assert_diary(s, "");
}

/* Nobody is kept out for longer than our own options would; and one that is over is nothing. */
static void test_far_ends(void **state) {
    (void)state;
    ship *s = convoy_launch(&c);
    put_record(2, "loadwise ejection 1\nuntil 9999999999999999\nby a\nwhy b\n");
    put_record(4, "loadwise ejection 1\nuntil 1\nby a\nwhy b\n");
    ship_sync(s, LW_OK);
    assert_diary(s, "out:2f judged:2@a ");
    assert_int_equal(ship_info(s, 2).judged_until, c.book.now + 30 * SECOND);
    c.book.now += 31 * SECOND;
    ship_sync(s, LW_OK); /* obeyed once */
    assert_int_equal(lw_pool_tick(s->pool, c.book.now, NULL), LW_OK);
    assert_diary(s, "in:2f ");
}

/* Failures here are told after so many seconds of outage, and then those of another, who is returned. */
static ship *tell_after(uint32_t seconds) {
    convoy_launch_all(&c, 2);
    fail_at(&c.ship[0], 3, 2, 0);
    c.gate.mood = GATE_SHUT;
    for (uint32_t i = 0; i < seconds; i++) {
        c.book.now += SECOND;
        ship_sync(&c.ship[0], LW_UNAVAILABLE);
    }
    c.gate.mood = GATE_OPEN;
    c.sync.failure_volume = 4;
    ship *s = convoy_launch(&c);
    fail_at(s, 3, 2, 0);
    ship_sync(&c.ship[0], LW_OK);
    ship_sync(s, LW_OK);
    return s;
}

/* The verdict cannot be told: it holds here all the same. And failures that could not be told are told later. */
static void test_away(void **state) {
    (void)state;
    ship *s = tell_after(3);
    assert_diary(s, "out:3f judged:3@p2 ");
}

/* But not what is older than the window by then. */
static void test_away_for_long(void **state) {
    (void)state;
    ship *s = tell_after(12);
    assert_diary(s, "");
}

/* A record that may not be written: the node is out here, and the caller hears why only here. */
static void test_denied(void **state) {
    (void)state;
    c.sync.failure_volume = 2;
    ship *s = convoy_launch(&c);
    fail_at(s, 3, 2, 0);
    c.gate.mood = GATE_READING;
    ship_sync(s, LW_DENIED);
    assert_told(&c.book, LW_DENIED, "/status");
    assert_diary(s, "out:3f judged:3@p0 ");
}

int main(void) {
#define TEST(name) VOYAGE(name, open_convoy)
    const struct CMUnitTest tests[] = {
        TEST(test_together),       TEST(test_neither_too_few_nor_too_seldom),
        TEST(test_everywhere),     TEST(test_window),
        TEST(test_comes_back),     TEST(test_not_twice_for_the_same),
        TEST(test_again),          TEST(test_cap),
        TEST(test_never_the_last), TEST(test_records_are_text),
        TEST(test_record_by_hand), TEST(test_damaged_records),
        TEST(test_far_ends),       TEST(test_away),
        TEST(test_away_for_long),  TEST(test_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
