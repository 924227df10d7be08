/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Leases as one pool and a few see them: taken ahead of need, sized by what was spent, given back, and gone when they
 * end. A limit of 1000 a minute, a sync each second, leases of 3 seconds.
 */
#include "sync_convoy.h"

#include <sys/wait.h>
#include <unistd.h>

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

static ship *launch_synced(void) {
    ship *s = convoy_launch(&c);
    ship_sync(s, LW_OK);
    s->diary[0] = 0;
    return s;
}

static uint64_t leased(ship *s) { return ship_info(s, 0).leased; }

/* ---- what may be spent ---- */

static void test_nothing_before_the_first_sync(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = convoy_launch(&c);
    assert_int_equal(ship_try(s, 1, &ticket), LW_OVER_QUOTA);
    assert_int_equal(ticket.retry, LW_RETRY_ON_COMPLETION);
    assert_diary(s, "spent:rpm ");
    ship_sync(s, LW_OK);
    assert_diary(s, "freed:rpm ");
    assert_int_equal(ship_try(s, 1, &ticket), LW_OK);
}

static void test_first_lease(void **state) {
    (void)state;
    c.sync.instances = 5;
    ship *s = launch_synced();
    assert_int_equal(leased(s), LIMIT / 4 / 5); /* lease_percent, divided */
    assert_int_equal(convoy_used(&c), LIMIT / 4 / 5);
    assert_int_equal(ship_use(s, 1, UINT64_MAX), LIMIT / 4 / 5);
}

/* When more is asked for than is leased, the next sync is when to ask again. */
static void test_retry(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    ship_use(s, 1, UINT64_MAX);
    assert_int_equal(ship_try(s, 1, &ticket), LW_OVER_QUOTA);
    assert_int_equal(ticket.retry, LW_RETRY_AT);
    assert_int_equal(ticket.retry_at, c.book.now + SECOND);
    assert_int_equal(ship_try(s, LIMIT + 1, &ticket), LW_OVER_QUOTA);
    assert_int_equal(ticket.retry, LW_RETRY_NEVER);
}

static void test_end_of_a_lease(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    c.book.now += 3 * SECOND - 1;
    assert_int_equal(ship_use(s, 1, 1), 1);
    c.book.now++;
    assert_int_equal(ship_try(s, 1, &ticket), LW_OVER_QUOTA);
    assert_int_equal(leased(s), 0);
}

/* A quarter more than was spent; doubled where it ran out; by and by less where it was not used. */
static void test_slices_adapt(void **state) {
    (void)state;
    ship *s = launch_synced();
    assert_int_equal(leased(s), 250);
    ship_use(s, 1, 80);
    convoy_sail(&c, SECOND, SECOND); /* half of the last one: 250 / 2 */
    c.book.now += SECOND;
    ship_use(s, 1, 80);
    ship_sync(s, LW_OK);
    ship_use(s, 1, 80);
    c.book.now += SECOND;
    ship_sync(s, LW_OK);
    assert_int_equal(leased(s), 100);
    assert_int_equal(ship_use(s, 1, UINT64_MAX), 100);
    c.book.now += SECOND;
    ship_sync(s, LW_OK);
    assert_int_equal(leased(s), 200);
    for (int i = 0; i < 20; i++) {
        convoy_sail(&c, SECOND, SECOND);
    }
    assert_int_equal(leased(s), 1);
    c.book.now += 61 * SECOND + 3 * SECOND + 3 * SECOND;
    assert_true(convoy_used(&c) <= 1);
}

/* The largest amount that was refused fits the next lease, also beyond lease_percent. */
static void test_large_amounts(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    assert_int_equal(ship_try(s, 700, &ticket), LW_OVER_QUOTA);
    c.book.now += SECOND;
    ship_sync(s, LW_OK);
    assert_int_equal(ship_try(s, 700, &ticket), LW_OK);
}

/* What one does not use, another one gets, at once: not after a window. */
static void test_unused_slices_return(void **state) {
    (void)state;
    convoy_launch_all(&c, 4);
    convoy_sync(&c);
    assert_int_equal(convoy_used(&c), LIMIT); /* nobody has heard of the others yet */
    convoy_sail(&c, 15 * SECOND, SECOND);
    assert_true(convoy_used(&c) <= 8);
    uint64_t got = 0;
    for (int i = 0; i < 20; i++) {
        got += ship_use(&c.ship[0], 1, UINT64_MAX);
        convoy_sail(&c, SECOND, SECOND);
    }
    assert_true(got >= LIMIT - 8);
}

/* An idle pool renews its lease when it is about to end, and not each time. */
static void test_idle_is_cheap(void **state) {
    (void)state;
    ship *s = launch_synced();
    convoy_sail(&c, 20 * SECOND, SECOND);
    uint64_t before = c.gate.steps;
    convoy_sail(&c, 20 * SECOND, SECOND);
    assert_int_equal(ship_sync(s, LW_OK).instances, 1);
    assert_true(c.gate.steps - before <= 20 * 3 + 2 * 10 + 5); /* meeting, tick, status; a return and a lease by twos */
}

/* ---- settling ---- */

/* While the lease lasts a refund goes back into it, later to the store. */
static void test_refunds(void **state) {
    (void)state;
    lw_ticket first, second;
    ship *s = launch_synced();
    assert_int_equal(ship_try(s, 100, &first), LW_OK);
    assert_int_equal(ship_try(s, 100, &second), LW_OK);
    assert_int_equal(leased(s), 50);
    ship_settle(s, &first, 10);
    assert_int_equal(leased(s), 140);
    convoy_sail(&c, 2 * SECOND, SECOND);
    uint64_t before = convoy_used(&c), held = leased(s);
    ship_settle(s, &second, 10);
    assert_int_equal(leased(s), held);
    assert_int_equal(convoy_used(&c), before);
    convoy_sail(&c, 12 * SECOND, SECOND);
    assert_true(convoy_used(&c) <= 20 + leased(s) + 1);
}

/* Half a minute later it still finds its way back. */
static void test_late_refunds(void **state) {
    (void)state;
    enum { REQUESTS = 30 };
    lw_ticket tickets[REQUESTS];
    ship *s = launch_synced();
    for (uint32_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(ship_try(s, 20, &tickets[i]), LW_OK);
        convoy_sail(&c, SECOND, SECOND);
    }
    assert_true(convoy_used(&c) >= 20 * REQUESTS);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        ship_settle(s, &tickets[i], 1);
    }
    convoy_sail(&c, 5 * SECOND, SECOND);
    assert_true(convoy_used(&c) <= REQUESTS + 3 * leased(s) + 20);
}

/* A debt comes out of the lease; what is beyond that is told to the store. */
static void test_debts(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    assert_int_equal(ship_try(s, 10, &ticket), LW_OK);
    ship_settle(s, &ticket, 60);
    assert_int_equal(leased(s), 190);
    assert_int_equal(ship_try(s, 10, &ticket), LW_OK);
    ship_settle(s, &ticket, 2000);
    assert_int_equal(leased(s), 0);
    c.book.now += SECOND;
    ship_sync(s, LW_OK);
    assert_int_equal(convoy_used(&c), 60 + 2000);
    assert_int_equal(leased(s), 0);
    assert_int_equal(ship_try(s, 1, &ticket), LW_OVER_QUOTA);
    assert_true(ticket.retry == LW_RETRY_AT && ticket.retry_at > c.book.now + 50 * SECOND);
}

/* What is settled after the end of a lease is used then, and counts for a window from then on. */
static void test_debts_after_the_end(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    assert_int_equal(ship_try(s, 10, &ticket), LW_OK);
    c.book.now += 40 * SECOND;
    ship_settle(s, &ticket, 60);
    assert_int_equal(lw_pool_sync_leave(s->pool, &c.gate.store, 0), LW_OK);
    c.book.now += 59 * SECOND;
    assert_int_equal(convoy_used(&c), 50);
    c.book.now += 4 * SECOND;
    assert_int_equal(convoy_used(&c), 0);
}

/* ---- coming and going ---- */

static void test_leave(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced(), *other = convoy_launch(&c);
    assert_int_equal(ship_sync(other, LW_OK).instances, 2);
    ship_use(s, 1, 30);
    assert_int_equal(lw_pool_sync_leave(s->pool, &c.gate.store, 0), LW_OK);
    assert_int_equal(convoy_used(&c), 30 + leased(other));
    assert_int_equal(ship_try(s, 1, &ticket), LW_OVER_QUOTA);
    assert_int_equal(ship_sync(other, LW_OK).instances, 1);
    assert_int_equal(ship_sync(s, LW_OK).instances, 2);
    assert_int_equal(ship_try(s, 1, &ticket), LW_OK);
}

/* Who is not heard of for three intervals is gone. */
static void test_vanished(void **state) {
    (void)state;
    ship *s = launch_synced();
    convoy_launch(&c);
    ship_sync(&c.ship[1], LW_OK);
    c.book.now += 3 * SECOND - 1;
    assert_int_equal(ship_sync(s, LW_OK).instances, 2);
    c.book.now++;
    assert_int_equal(ship_sync(s, LW_OK).instances, 1);
}

static void set_nodes(ship *s, const lw_node_spec *specs, uint32_t count) {
    assert_int_equal(lw_pool_update(s->pool, specs, count, LW_UPDATE_ALLOW_EMPTY, NULL), LW_OK);
}

/* Nodes come, go and come back between syncs; what a node held that is gone goes back. */
static void test_updates(void **state) {
    (void)state;
    c.nodes = 3;
    c.options.grace = MINUTE;
    ship *s = launch_synced();
    assert_int_equal(ship_use(s, 1, 30), 30);
    set_nodes(s, c.node + 1, 2);
    ship_sync(s, LW_OK);
    assert_true(convoy_used(&c) <= 30);
    set_nodes(s, c.node, 3); /* it resumes, without a lease */
    assert_int_equal(leased(s), 0);
    ship_sync(s, LW_OK);
    assert_true(leased(s) > 0);
    set_nodes(s, c.node, 0);
    ship_sync(s, LW_OK);
    set_nodes(s, c.node, 20);
    ship_sync(s, LW_OK);
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(ship_info(s, i).leased > 0);
    }
}

/* Other limits hold from the next lease on; without one everything is granted, and the lease goes back. */
static void test_other_limits(void **state) {
    (void)state;
    ship *s = launch_synced();
    c.limit.limit = 40;
    set_nodes(s, c.node, 1);
    convoy_sail(&c, 4 * SECOND, SECOND);
    assert_true(leased(s) <= 20 && leased(s) > 0);
    c.node[0].limit_count = 0;
    set_nodes(s, c.node, 1);
    assert_int_equal(ship_use(s, 1, 5000), 5000);
    convoy_sail(&c, 2 * SECOND, SECOND);
    assert_int_equal(convoy_used(&c), 0);
}

/* Limits of a shared dimension are those of the fleet, however many instances there are. */
static void test_not_divided(void **state) {
    (void)state;
    c.options.instances = 10;
    c.sync.lease_percent = 100;
    c.sync.instances = 1;
    ship *s = launch_synced();
    assert_int_equal(ship_use(s, 1, UINT64_MAX), LIMIT);
}

/* A child has no lease of its parent, nor anything to tell, and another name. */
static void test_fork(void **state) {
    (void)state;
    c.sync.outage = LW_OUTAGE_CLOSED;
    ship *s = convoy_launch(&c);
    lw_ticket ticket;
    ship_sync(s, LW_OK);
    assert_int_equal(ship_try(s, 5, &ticket), LW_OK);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lw_sync_report report = LW_SYNC_REPORT_INIT;
        int fault = 0;
        fault |= lw_pool_sync(s->pool, &c.gate.store, 0, &report) != LW_FORKED ? 1 : 0;
        fault |= lw_pool_after_fork(s->pool) != LW_OK ? 2 : 0;
        fault |= ship_try(s, 1, &ticket) != LW_OVER_QUOTA ? 4 : 0;
        fault |= lw_pool_sync(s->pool, &c.gate.store, 0, &report) != LW_OK ? 8 : 0;
        fault |= ship_try(s, 1, &ticket) != LW_OK ? 16 : 0;
        fault |= convoy_used(&c) != 250 + leased(s) + 1 ? 32 : 0; /* of the parent, and its own */
        _exit(fault);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(leased(s), 245);
}

/* A drawn name is another one in the child: both are counted. */
static void test_fork_of_the_nameless(void **state) {
    (void)state;
    int ends[2];
    ship *s = &c.ship[0];
    ship_observe(s);
    s->convoy = &c;
    c.ships = 1;
    c.sync.instance = NULL;
    c.options.sync = &c.sync;
    assert_int_equal(lw_pool_new(&s->pool, &c.env, &c.options), LW_OK);
    assert_int_equal(ship_sync(s, LW_OK).instances, 1);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lw_sync_report report = LW_SYNC_REPORT_INIT;
        lw_pool_after_fork(s->pool);
        lw_pool_sync(s->pool, &c.gate.store, 0, &report); /* the child's copy of the store knows the parent */
        _exit((int)report.instances);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 2);
    close(ends[0]);
    close(ends[1]);
}

/* ---- a store that lies ---- */

static void test_lies(void **state) {
    (void)state;
    lw_ticket ticket;
    ship *s = launch_synced();
    c.gate.mood = GATE_LYING;
    for (int i = 0; i < 5; i++) {
        c.book.now += SECOND;
        ship_sync(s, LW_OK);
        assert_true(leased(s) <= LIMIT);
        ship_serve(s, 0, LW_OUTCOME_FAILURE, MS);
    }
    c.gate.mood = GATE_REFUSING;
    c.book.now += SECOND;
    ship_sync(s, LW_DENIED);
    c.gate.mood = GATE_OPEN;
    c.book.now += SECOND;
    ship_sync(s, LW_OK);
    assert_int_equal(ship_try(s, 1, &ticket), LW_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_convoy, close_convoy)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_before_the_first_sync),
        TEST(test_first_lease),
        TEST(test_retry),
        TEST(test_end_of_a_lease),
        TEST(test_slices_adapt),
        TEST(test_large_amounts),
        TEST(test_unused_slices_return),
        TEST(test_idle_is_cheap),
        TEST(test_refunds),
        TEST(test_late_refunds),
        TEST(test_debts),
        TEST(test_debts_after_the_end),
        TEST(test_leave),
        TEST(test_vanished),
        TEST(test_updates),
        TEST(test_other_limits),
        TEST(test_not_divided),
        TEST(test_fork),
        TEST(test_fork_of_the_nameless),
        TEST(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
