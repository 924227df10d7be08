/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nodes come and go by the hundred thousand, and each time another one, with requests under way and without: memory
 * stays what the nodes of the moment need, the caller hears of each that is gone, and beside it picks find their way.
 * LOADWISE_STRESS=10 makes it a million rounds.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <inttypes.h>
#include <loadwise/loadwise.h>

enum { CYCLES = 100000, SETTLED = 1000, NODES = 4, PICKERS = 3, UPDATES = 3000 };

static ledger book;
static lw_pool *pool;
static crew hands;
static uint32_t route;
static uint64_t forgotten, stop;

static void note_forgotten(void *user, uint64_t node) {
    (void)user, (void)node;
    __atomic_fetch_add(&forgotten, 1, __ATOMIC_RELAXED);
}

static void open_pool(const char *spec, uint64_t grace) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_env env = ledger_env(&book, 4);
    ledger_open(&book);
    book.now = 1000;
    forgotten = 0;
    observer.forgotten = note_forgotten;
    options.observer = &observer;
    options.max_tickets = 256;
    options.grace = grace;
    assert_int_equal(lw_pool_new(&pool, &env, &options), LW_OK);
    assert_int_equal(lw_pool_route(pool, "default", spec, NULL, &route), LW_OK);
}

static void close_pool(void) {
    lw_pool_free(pool);
    ledger_close(&book);
}

/* The nodes [first, first + NODES) of an endless row: one goes, one comes. */
static int update_to(uint64_t first) {
    char names[NODES][24];
    lw_node_spec specs[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(names[i], sizeof names[i], "n%08" PRIu64, first + i);
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
        specs[i].tags = "a=b";
        specs[i].zone = "z";
    }
    return lw_pool_update(pool, specs, NODES, 0, NULL);
}

static lw_pool_stats read_stats(void) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(pool, book.now, &stats), LW_OK);
    return stats;
}

/* ---- one thread ---- */

static void end_ticket(const lw_ticket *ticket) { assert_int_equal(lw_done(pool, ticket, NULL), LW_OK); }

/* One ticket at a time is out, and belongs to a node that is about to go. */
static void churn(const char *spec, uint64_t grace) {
    lw_ticket held = {0};
    uint64_t least = UINT64_MAX, most = 0, cycles = CYCLES * (uint64_t)crew_factor();
    open_pool(spec, grace);
    for (uint64_t i = 0; i < cycles; i++) {
        book.now++;
        assert_int_equal(update_to(i), LW_OK);
        if (i % 2 != 0) {
            end_ticket(&held);
        } else {
            assert_int_equal(lw_pick(pool, route, NULL, &held), LW_OK);
        }
        if (i >= SETTLED) {
            least = book.live_bytes < least ? book.live_bytes : least;
            most = book.live_bytes > most ? book.live_bytes : most;
        }
    }
    assert_in_range(most - least, 0, 16384);
    for (int i = 0; i < 8; i++) { /* what waited for readers goes with the next ticks */
        book.now += grace;
        assert_int_equal(lw_pool_tick(pool, book.now, NULL), LW_OK);
    }
    lw_pool_stats stats = read_stats();
    assert_int_equal(stats.nodes, NODES);
    assert_int_equal(stats.leaving + stats.resting + stats.waiting + stats.tickets, 0);
    assert_int_equal(forgotten, cycles - 1);
    close_pool();
}

static void test_flat_memory(void **state) {
    (void)state;
    churn("p2c", 0);
}

static void test_flat_memory_with_plans(void **state) {
    (void)state;
    churn("chain(ring vnodes=4, least_load metric=inflight)", 0);
}

static void test_flat_memory_with_grace(void **state) {
    (void)state;
    churn("round_robin", 20);
}

/* ---- several ---- */

static void pick_on(crew_hand *hand) {
    lw_ticket held[8];
    uint32_t count = 0;
    while (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) == 0) {
        lw_request request = LW_REQUEST_INIT;
        lw_ticket ticket;
        request.flags = LW_REQUEST_KEYED;
        request.key = crew_random(hand);
        CREW_EXPECT(hand, lw_pick_at(pool, route, &request, 5, &ticket) == LW_OK);
        if (ticket.reason == LW_OK) {
            held[count++] = ticket;
        }
        if (count == 8 || crew_random(hand) % 4 == 0) {
            while (count > 0) {
                CREW_EXPECT(hand, lw_done(pool, &held[--count], NULL) == LW_OK);
            }
        }
    }
    while (count > 0) {
        CREW_EXPECT(hand, lw_done(pool, &held[--count], NULL) == LW_OK);
    }
}

/* Every pick beside the updates finds somebody, and every node that left is told of once all readers have gone. */
static void test_churn_beside_picks(void **state) {
    (void)state;
    uint64_t updates = UPDATES * (uint64_t)crew_factor(), bytes = 0;
    open_pool("ring vnodes=8", 0);
    stop = 0;
    assert_int_equal(update_to(0), LW_OK);
    crew_start(&hands, PICKERS, pick_on);
    for (uint64_t i = 1; i <= updates; i++) {
        assert_int_equal(update_to(i), LW_OK);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    crew_join(&hands);
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < 8; i++) {
            assert_int_equal(lw_pool_tick(pool, 5, NULL), LW_OK);
        }
        assert_int_equal(forgotten, updates);
        assert_true(turn == 0 || book.live_bytes == bytes);
        bytes = book.live_bytes;
    }
    assert_int_equal(read_stats().leaving + read_stats().waiting + read_stats().tickets, 0);
    close_pool();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_memory),
        cmocka_unit_test(test_flat_memory_with_plans),
        cmocka_unit_test(test_flat_memory_with_grace),
        cmocka_unit_test(test_churn_beside_picks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
