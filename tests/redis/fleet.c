/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A fleet over a real server that comes and goes: pools that eject a bad node together, and a ledger behind a guard
 * that goes on by its policy while Redis stands still or is dead, tells it later what it has granted, and never grants
 * more than it may.
 */
#include "../stress/crew.h"
#include "site.h"

#include <inttypes.h>
#include <loadwise/loadwise.h>

enum {
    FLEET_POOLS = 10,
    FLEET_NODES = 20,
    FLEET_BAD = 3,
    FLEET_HANDS = 3,
    FLEET_ASKS = 200,
    FLEET_LIMIT = 3000,
    FLEET_OUTAGES = 4
};

#define FLEET_HOUR (3600 * SITE_SECOND)
#define FLEET_DEADLINE (50 * SITE_MS)
#define FLEET_SLACK (900 * SITE_MS)

static struct server fleet_server;

/* ---- pools ---- */

struct fleet_pool {
    lw_store *store;
    lw_pool *pool;
    uint32_t route, judged;
};

static void fleet_judged(void *user, uint64_t node, const char *who, const char *why, uint64_t until) {
    struct fleet_pool *fleet = user;
    fleet->judged += node == lw_id("node 3", 6) && who[0] != 0 && why[0] != 0 && until > 0;
}

static void fleet_pool_open(struct fleet_pool *fleet) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_node_spec specs[FLEET_NODES];
    char names[FLEET_NODES][16];
    observer.user = fleet;
    observer.judged = fleet_judged;
    options.sync = &sync;
    options.observer = &observer;
    for (int i = 0; i < FLEET_NODES; i++) {
        snprintf(names[i], sizeof *names, "node %d", i);
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
    }
    fleet->judged = 0;
    fleet->store = site_store(&fleet_server);
    assert_int_equal(lw_pool_new(&fleet->pool, NULL, &options), LW_OK);
    assert_int_equal(lw_pool_route(fleet->pool, "default", "random", NULL, &fleet->route), LW_OK);
    assert_int_equal(lw_pool_update(fleet->pool, specs, FLEET_NODES, 0, NULL), LW_OK);
}

/* So many requests at the bad node fail; others do not count. */
static void fleet_fail(struct fleet_pool *fleet, uint32_t failures) {
    lw_sample failed = LW_SAMPLE_INIT;
    failed.outcome = LW_OUTCOME_FAILURE;
    while (failures > 0) {
        lw_ticket ticket;
        assert_int_equal(lw_pick(fleet->pool, fleet->route, NULL, &ticket), LW_OK);
        if (ticket.node == lw_id("node 3", 6)) {
            assert_int_equal(lw_done(fleet->pool, &ticket, &failed), LW_OK);
            failures--;
        } else {
            lw_cancel(fleet->pool, &ticket);
        }
    }
}

/* Two failures each are nothing to anybody alone, and twenty together are enough. */
static void test_eject_together(void **state) {
    struct fleet_pool fleet[FLEET_POOLS];
    (void)state;
    server_tell(&fleet_server, "FLUSHALL");
    for (int i = 0; i < FLEET_POOLS; i++) {
        fleet_pool_open(&fleet[i]);
        fleet_fail(&fleet[i], 2);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FLEET_POOLS; i++) {
            assert_true(round > 0 || fleet[i].judged == 0);
            assert_int_equal(lw_pool_sync(fleet[i].pool, fleet[i].store, 0, NULL), LW_OK);
        }
    }
    for (int i = 0; i < FLEET_POOLS; i++) {
        lw_ticket ticket;
        assert_int_equal(fleet[i].judged, 1);
        for (int k = 0; k < 10 * FLEET_NODES; k++) {
            assert_int_equal(lw_pick(fleet[i].pool, fleet[i].route, NULL, &ticket), LW_OK);
            assert_true(ticket.node != lw_id("node 3", 6));
            lw_cancel(fleet[i].pool, &ticket);
        }
        assert_int_equal(lw_pool_sync_leave(fleet[i].pool, fleet[i].store, 0), LW_OK);
        lw_pool_free(fleet[i].pool);
        lw_store_free(fleet[i].store);
    }
}

/* ---- a ledger ---- */

struct fleet_ledger {
    crew crew;
    lw_store *redis, *guard;
    lw_ledger *ledger;
    uint64_t asks[FLEET_HANDS], granted[FLEET_HANDS];
    uint32_t late[FLEET_HANDS]; /* asks beyond their deadlines, what others kept the processor for, and FLEET_SLACK */
    uint32_t stop;
};

static struct fleet_ledger fleet_books;

static void fleet_ledger_open(uint32_t outage) {
    static const lw_quota_dimension dimension = {
        .size = sizeof dimension, .name = "rpm", .estimate = LW_QUOTA_FIXED, .fixed = 1, .window = FLEET_HOUR};
    static const lw_quota_limit limit = {0, 0, FLEET_LIMIT, 0};
    lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
    lw_guard_options guard = LW_GUARD_OPTIONS_INIT;
    struct fleet_ledger *books = &fleet_books;
    memset(books, 0, sizeof *books);
    server_tell(&fleet_server, "FLUSHALL");
    guard.pause = 10 * SITE_MS;
    guard.max_pause = 100 * SITE_MS;
    options.dimensions = &dimension;
    options.dimension_count = 1;
    options.outage = outage;
    books->redis = site_store_at(fleet_server.port, 100);
    assert_int_equal(lw_store_guard_new(&books->guard, NULL, books->redis, &guard), LW_OK);
    assert_int_equal(lw_ledger_new(&books->ledger, NULL, books->guard, &options), LW_OK);
    assert_int_equal(lw_ledger_limits(books->ledger, 7, &limit, 1), LW_OK);
}

static lw_ledger_stats fleet_stats(void) {
    lw_ledger_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_ledger_stats_of(fleet_books.ledger, &stats), LW_OK);
    return stats;
}

/* What the store counts, once it has been told all. */
static uint64_t fleet_settled(void) {
    lw_charge charge = LW_CHARGE_INIT;
    lw_posting posting = LW_POSTING_INIT;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "loadwise/{0000000000000007}/quota", .posting = &posting};
    for (uint64_t end = rig_now() + SITE_LONG; fleet_stats().owed > 0 || fleet_stats().away;) {
        assert_true(rig_now() < end);
        lw_ledger_beat(fleet_books.ledger, rig_now() + SITE_SECOND);
        server_wait(&fleet_server, 1);
    }
    charge.name = "rpm";
    charge.window = FLEET_HOUR;
    posting.charges = &charge;
    posting.count = 1;
    assert_int_equal(lw_store_batch(fleet_books.redis, &step, 1, rig_now() + SITE_LONG), LW_OK);
    assert_int_equal(step.answer, LW_OK);
    return charge.used;
}

static void fleet_ledger_close(void) {
    lw_ledger_free(fleet_books.ledger);
    lw_store_free(fleet_books.guard);
    lw_store_free(fleet_books.redis);
}

static int fleet_ask(uint64_t patience) {
    lw_reservation reservation;
    int code = lw_ledger_reserve(fleet_books.ledger, 7, NULL, 0, rig_now() + patience, &reservation, NULL);
    return code == LW_OK ? lw_ledger_commit(fleet_books.ledger, &reservation, NULL, 0, rig_now() + patience) : code;
}

/* Nobody runs far ahead of the others: there is something to grant in each outage. */
static void fleet_keep_together(const struct fleet_ledger *books, uint32_t hand) {
    for (uint32_t i = 0; i < FLEET_HANDS; i++) {
        while (books->asks[hand] > __atomic_load_n(&books->asks[i], __ATOMIC_ACQUIRE) + FLEET_ASKS &&
               !__atomic_load_n(&books->stop, __ATOMIC_RELAXED)) {
            sched_yield();
        }
    }
}

static void fleet_work(crew_hand *hand) {
    struct fleet_ledger *books = &fleet_books;
    while (!__atomic_load_n(&books->stop, __ATOMIC_RELAXED)) {
        uint64_t kept = rig_kept_waiting(), began = rig_now();
        int code = fleet_ask(FLEET_DEADLINE);
        uint64_t took = rig_now() - began;
        CREW_EXPECT(hand, code == LW_OK || code == LW_OVER_QUOTA);
        books->granted[hand->number] += code == LW_OK;
        books->late[hand->number] += took > 2 * FLEET_DEADLINE + FLEET_SLACK + (rig_kept_waiting() - kept);
        __atomic_fetch_add(&books->asks[hand->number], 1, __ATOMIC_RELEASE);
        fleet_keep_together(books, hand->number);
    }
}

static void fleet_await_asks(void) {
    uint64_t from[FLEET_HANDS];
    for (uint32_t i = 0; i < FLEET_HANDS; i++) {
        from[i] = __atomic_load_n(&fleet_books.asks[i], __ATOMIC_ACQUIRE);
    }
    for (uint32_t i = 0; i < FLEET_HANDS; i++) {
        crew_wait(&fleet_books.asks[i], from[i] + FLEET_ASKS);
    }
}

/* One process that knows that it is alone: whatever happens to the server, the limit is the limit. */
static void test_ledger_through_outages(void **state) {
    uint64_t granted = 0;
    (void)state;
    fleet_ledger_open(LW_OUTAGE_LOCAL_SHARE);
    crew_start(&fleet_books.crew, FLEET_HANDS, fleet_work);
    for (int i = 0; i < FLEET_OUTAGES / 2; i++) {
        fleet_await_asks();
        server_freeze(&fleet_server);
        fleet_await_asks();
        server_thaw(&fleet_server);
        fleet_await_asks();
        server_kill(&fleet_server);
        fleet_await_asks();
        server_restart(&fleet_server);
    }
    fleet_await_asks();
    __atomic_store_n(&fleet_books.stop, 1, __ATOMIC_RELAXED);
    crew_join(&fleet_books.crew);
    uint64_t used = fleet_settled();
    for (uint32_t i = 0; i < FLEET_HANDS; i++) {
        granted += fleet_books.granted[i];
        assert_in_range(fleet_books.late[i], 0, 1); /* a whole machine may stand still for once */
    }
    print_message("    granted %" PRIu64 " of %d, %" PRIu64 " of them while the store was away; it counts %" PRIu64
                  "\n",
                  granted, FLEET_LIMIT, fleet_stats().unasked, used);
    assert_true(fleet_stats().unasked > 0);
    assert_true(granted <= FLEET_LIMIT && used >= granted);
    assert_true(used <= (FLEET_OUTAGES + 1) * FLEET_LIMIT + 100); /* each may swallow the answer to a debt once */
    fleet_ledger_close();
}

/* What is granted while the store is away is told to it later, above the limit too. */
static void test_open(void **state) {
    uint64_t granted = 0;
    (void)state;
    fleet_ledger_open(LW_OUTAGE_OPEN);
    server_freeze(&fleet_server);
    uint64_t before = site_stats(fleet_books.redis).calls;
    for (int i = 0; i < FLEET_LIMIT + 100; i++) {
        assert_int_equal(fleet_ask(FLEET_DEADLINE), LW_OK);
        granted++;
    }
    uint64_t unheard = site_stats(fleet_books.redis).calls - before;
    assert_true(unheard < FLEET_LIMIT / 10);
    server_thaw(&fleet_server);
    uint64_t used = fleet_settled();
    assert_in_range(used, granted, granted + unheard); /* each asked for one */
    assert_int_equal(fleet_ask(SITE_LONG), LW_OVER_QUOTA);
    fleet_ledger_close();
}

static void test_closed(void **state) {
    (void)state;
    fleet_ledger_open(LW_OUTAGE_CLOSED);
    assert_int_equal(fleet_ask(SITE_LONG), LW_OK);
    server_freeze(&fleet_server);
    uint64_t before = site_stats(fleet_books.redis).calls;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fleet_ask(FLEET_DEADLINE), LW_OVER_QUOTA);
    }
    uint64_t unheard = site_stats(fleet_books.redis).calls - before;
    server_thaw(&fleet_server);
    assert_in_range(fleet_settled(), 1, 1 + unheard); /* each asked for one */
    uint64_t end = rig_now() + SITE_LONG;
    while (fleet_ask(FLEET_DEADLINE) != LW_OK) { /* until the guard lets it through */
        assert_true(rig_now() < end);
    }
    fleet_ledger_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eject_together),
        cmocka_unit_test(test_ledger_through_outages),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_closed),
    };
    server_start(&fleet_server, "appendonly yes\nappendfsync always");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_stop(&fleet_server);
    return failed;
}
