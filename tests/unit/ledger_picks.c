/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Picks of a pool that a ledger must agree to: others are tried, charges go together, and refusals say when. */
#include "ledger_yard.h"

#include <loadwise/id.h>
#include <loadwise/pool_stats.h>

enum { NODES = 3 };

static yard y;
static lw_pool *pool;
static uint32_t route;
static uint64_t ids[NODES];

/* Nodes a, b and c; the ledger limits the first so many of them to 5. */
static void open_pool(uint32_t limited) {
    static const char *const names[NODES] = {"a", "b", "c"};
    lw_node_spec specs[NODES];
    lw_quota_limit limit = {0, 0, 5, 0};
    yard_open(&y, 1);
    y.options.observer = NULL;
    assert_int_equal(lw_ledger_new(&y.ledger[0], &y.env, &y.fickle.store, &y.options), LW_OK);
    assert_int_equal(lw_pool_new(&pool, &y.env, NULL), LW_OK);
    assert_int_equal(lw_pool_route(pool, "all", "round_robin", NULL, &route), LW_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
        ids[i] = lw_id(names[i], 1);
        if (i < limited) {
            assert_int_equal(lw_ledger_limits(y.ledger[0], ids[i], &limit, 1), LW_OK);
        }
    }
    assert_int_equal(lw_pool_update(pool, specs, NODES, 0, NULL), LW_OK);
}

static void close_pool(void) {
    lw_pool_free(pool);
    yard_close(&y);
}

static int pick(uint64_t amount, lw_ticket *ticket, lw_reservation *reservation) {
    lw_amount one = {0, amount};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = &one;
    request.amount_count = 1;
    return lw_ledger_pick(y.ledger[0], pool, route, &request, 0, ticket, reservation);
}

static void all_that_the_fleet_has_is_found(void **state) {
    lw_ticket ticket;
    lw_reservation reservation;
    (void)state;
    open_pool(NODES);
    for (uint32_t i = 0; i < NODES * 5; i++) {
        assert_int_equal(pick(1, &ticket, &reservation), LW_OK);
        assert_int_equal(reservation.node, ticket.node);
        assert_int_equal(lw_done(pool, &ticket, NULL), LW_OK);
        assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
    }
    assert_int_equal(pick(1, &ticket, &reservation), LW_OVER_QUOTA);
    assert_int_equal(ticket.reason, LW_OVER_QUOTA);
    assert_int_equal(ticket.retry, LW_RETRY_AT);
    assert_in_range(ticket.retry_at, y.book.now + MINUTE, y.book.now + MINUTE + 3 * SECOND);
    assert_int_equal(lw_done(pool, &ticket, NULL), LW_INVALID);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_ALREADY);

    /* They wait in the pool: the next pick asks nobody. */
    uint64_t batches = y.fickle.batches;
    lw_ledger_stats before = yard_stats(&y, 0), after;
    assert_int_equal(lw_pick(pool, route, NULL, &ticket), LW_OVER_QUOTA);
    assert_int_equal(y.fickle.batches, batches);
    y.book.now += MINUTE + 3 * SECOND;
    assert_int_equal(pick(1, &ticket, &reservation), LW_OK);
    after = yard_stats(&y, 0);
    assert_int_equal(after.reserves, before.reserves + 1);
    close_pool();
}

static void nodes_without_limits_are_not_charged(void **state) {
    lw_ticket ticket;
    lw_reservation reservation;
    uint32_t free_picks = 0;
    (void)state;
    open_pool(2);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(pick(1, &ticket, &reservation), LW_OK);
        free_picks += ticket.node == ids[2];
        assert_int_equal(lw_done(pool, &ticket, NULL), LW_OK);
        assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_OK);
        assert_int_equal(lw_ledger_commit(y.ledger[0], &reservation, NULL, 0, 0), LW_ALREADY);
    }
    assert_int_equal(free_picks, 90);
    close_pool();
}

static void what_fails_leaves_no_ticket(void **state) {
    lw_ticket ticket;
    lw_reservation reservation;
    lw_amount strange = {9, 1};
    uint64_t excluded[LW_POOL_EXCLUDE + 1] = {0};
    lw_request request = LW_REQUEST_INIT;
    lw_node_info info = {.size = sizeof info};
    (void)state;
    open_pool(NODES);
    assert_int_equal(pick(6, &ticket, &reservation), LW_OVER_QUOTA); /* more than any limit */
    assert_int_equal(ticket.retry, LW_RETRY_NEVER);
    assert_int_equal(pick(5, &ticket, &reservation), LW_OK); /* and nobody was told to wait */
    assert_int_equal(lw_cancel(pool, &ticket), LW_OK);
    assert_int_equal(lw_ledger_cancel(y.ledger[0], &reservation, 0), LW_OK);
    request.amounts = &strange;
    request.amount_count = 1;
    assert_int_equal(lw_ledger_pick(y.ledger[0], pool, route, &request, 0, &ticket, &reservation), LW_UNKNOWN);
    request.amount_count = 0;
    request.exclude = excluded;
    request.exclude_count = LW_POOL_EXCLUDE + 1;
    assert_int_equal(lw_ledger_pick(y.ledger[0], pool, route, &request, 0, &ticket, &reservation), LW_RANGE);
    assert_int_equal(lw_ledger_pick(y.ledger[0], pool, 99, NULL, 0, &ticket, &reservation), LW_UNKNOWN);
    y.fickle.mood = FICKLE_SHUT;
    assert_int_equal(pick(1, &ticket, &reservation), LW_DENIED);
    assert_int_equal(lw_done(pool, &ticket, NULL), LW_INVALID);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(lw_pool_node(pool, ids[i], y.book.now, &info), LW_OK);
        assert_int_equal(info.inflight, 0);
    }
    close_pool();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_the_fleet_has_is_found),
        cmocka_unit_test(nodes_without_limits_are_not_charged),
        cmocka_unit_test(what_fails_leaves_no_ticket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
