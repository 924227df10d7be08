/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A fleet of two processes over a cluster that lacks a master for a while. Stated outcomes, for a ledger and for pools:
 * nodes whose slots are with the others stay exact; those of the dead one go by their policy, each process by its
 * share; one event tells that some are away, one that none is any more, however calls of both kinds alternate; and what
 * was granted meanwhile is told to the master that comes back.
 */
#include "site.h"

#include "rig/cluster.h"

#include <inttypes.h>
#include <loadwise/loadwise.h>

enum { FLEET = 2, NODES = 6, BEFORE = 4, LIMIT = 40, POOL_LIMIT = 4000 };

#define AN_HOUR (3600 * SITE_SECOND)
#define TOO_LONG (2 * SITE_LONG)

struct events {
    uint32_t begun, ended;
};

static struct cluster cluster;
static char names[NODES][16]; /* two nodes of each master, in the order of the masters */
static uint64_t ids[NODES];
static uint32_t lost; /* the master that is dead */

static bool is_lost(uint32_t node) { return node / 2 == lost; }

static void tell(void *user, int begins) {
    struct events *events = user;
    events->begun += begins != 0;
    events->ended += begins == 0;
}

static lw_observer observe(struct events *events) {
    lw_observer observer = LW_OBSERVER_INIT;
    *events = (struct events){0};
    observer.user = events;
    observer.outage = tell;
    return observer;
}

static lw_store *open_store(void) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_store *store = NULL;
    options.url = cluster.url;
    options.timeout = options.connect_timeout = SITE_LONG;
    options.backoff = SITE_MS;
    options.max_backoff = 20 * SITE_MS;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    return store;
}

static uint32_t owner_of(uint64_t id) {
    char key[64];
    snprintf(key, sizeof key, "lw:a:loadwise/{%016" PRIx64 "}/quota", id);
    return cluster_owner(&cluster, cluster_slot(&cluster, key));
}

static void name_nodes(void) {
    uint32_t found[CLUSTER_MASTERS] = {0};
    for (uint32_t i = 0, named = 0; named < NODES; i++) {
        char name[16];
        size_t size = (size_t)snprintf(name, sizeof name, "node %u", i);
        uint32_t owner = owner_of(lw_id(name, size));
        if (found[owner] < 2) {
            uint32_t number = 2 * owner + found[owner]++;
            memcpy(names[number], name, sizeof name);
            ids[number] = lw_id(name, size);
            named++;
        }
    }
}

/* What the store counts of a node. */
static uint64_t used_of(lw_store *store, uint32_t node, uint64_t limit) {
    lw_charge charge = LW_CHARGE_INIT;
    lw_posting posting = LW_POSTING_INIT;
    char key[64];
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = key, .posting = &posting};
    snprintf(key, sizeof key, "loadwise/{%016" PRIx64 "}/quota", ids[node]);
    charge.name = "rpm";
    charge.window = AN_HOUR;
    charge.limit = limit;
    posting.charges = &charge;
    posting.count = 1;
    assert_int_equal(lw_store_batch(store, &step, 1, rig_now() + SITE_LONG), LW_OK);
    assert_int_equal(step.answer, LW_OK);
    return charge.used;
}

static void empty_all(void) {
    for (uint32_t i = 0; i < CLUSTER_MASTERS; i++) {
        server_tell(&cluster.nodes[i], "FLUSHALL");
    }
}

/* ---- ledgers ---- */

static struct events ledger_events[FLEET];
static lw_store *ledger_store[FLEET];
static lw_ledger *ledgers[FLEET];

static void ledgers_open(void) {
    static const lw_quota_dimension dimension = {
        .size = sizeof dimension, .name = "rpm", .estimate = LW_QUOTA_FIXED, .fixed = 1, .window = AN_HOUR};
    static const lw_quota_limit limit = {0, 0, LIMIT, 0};
    empty_all();
    for (uint32_t i = 0; i < FLEET; i++) {
        lw_observer observer = observe(&ledger_events[i]);
        lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
        options.dimensions = &dimension;
        options.dimension_count = 1;
        options.instances = FLEET;
        options.observer = &observer;
        ledger_store[i] = open_store();
        assert_int_equal(lw_ledger_new(&ledgers[i], NULL, ledger_store[i], &options), LW_OK);
        for (uint32_t node = 0; node < NODES; node++) {
            assert_int_equal(lw_ledger_limits(ledgers[i], ids[node], &limit, 1), LW_OK);
        }
    }
    for (uint32_t i = 0; i < 2 * FLEET; i++) {
        assert_int_equal(lw_ledger_beat(ledgers[i % FLEET], rig_now() + SITE_LONG), LW_OK);
    }
}

static lw_ledger_stats ledger_stats(uint32_t process) {
    lw_ledger_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_ledger_stats_of(ledgers[process], &stats), LW_OK);
    return stats;
}

/* Turn by turn so many of each node; granted[] grows. */
static void ledger_take(uint32_t process, uint32_t turns, uint64_t granted[NODES]) {
    for (uint32_t i = 0; i < turns * NODES; i++) {
        lw_reservation reservation;
        uint32_t node = i % NODES;
        int answer = lw_ledger_reserve(ledgers[process], ids[node], NULL, 0, rig_now() + SITE_LONG, &reservation, NULL);
        assert_true(answer == LW_OK || answer == LW_OVER_QUOTA);
        granted[node] += answer == LW_OK;
        if (answer == LW_OK) {
            assert_int_equal(lw_ledger_commit(ledgers[process], &reservation, NULL, 0, 0), LW_OK);
        }
    }
}

static void ledger_await(uint32_t process) {
    for (uint64_t end = rig_now() + TOO_LONG; ledger_stats(process).away > 0 || ledger_stats(process).owed > 0;) {
        assert_true(rig_now() < end);
        lw_ledger_beat(ledgers[process], rig_now() + SITE_LONG);
        server_wait(&cluster.nodes[lost], 1);
    }
}

static void lose_from_ledgers(uint32_t master) {
    uint64_t granted[FLEET][NODES] = {0};
    lost = CLUSTER_MASTERS;
    ledgers_open();
    ledger_take(0, BEFORE, granted[0]);
    ledger_take(1, BEFORE, granted[1]);
    lost = master;
    server_kill(&cluster.nodes[master]);
    ledger_take(0, LIMIT, granted[0]);
    ledger_take(1, LIMIT, granted[1]);
    for (uint32_t node = 0; node < NODES; node++) {
        assert_int_equal(granted[0][node], is_lost(node) ? LIMIT / FLEET : LIMIT - BEFORE);
        assert_int_equal(granted[1][node], is_lost(node) ? LIMIT / FLEET : BEFORE);
    }
    for (uint32_t i = 0; i < FLEET; i++) {
        assert_int_equal(ledger_stats(i).away, 2);
        assert_int_equal(ledger_stats(i).unasked, 2 * (LIMIT / FLEET - BEFORE));
        assert_int_equal(ledger_events[i].begun, 1);
        assert_int_equal(ledger_events[i].ended, 0);
    }
    server_restart(&cluster.nodes[master]);
    for (uint32_t i = 0; i < FLEET; i++) {
        ledger_await(i);
        assert_int_equal(ledger_events[i].begun, 1);
        assert_int_equal(ledger_events[i].ended, 1);
    }
    for (uint32_t node = 0; node < NODES; node++) { /* a master that keeps nothing knows only what it was told now */
        assert_int_equal(used_of(ledger_store[0], node, LIMIT), is_lost(node) ? LIMIT - 2 * BEFORE : LIMIT);
    }
    for (uint32_t i = 0; i < FLEET; i++) {
        lw_ledger_free(ledgers[i]);
        lw_store_free(ledger_store[i]);
    }
}

static void test_ledgers(void **state) {
    (void)state;
    for (uint32_t master = 0; master < CLUSTER_MASTERS; master++) { /* that of the meeting too */
        lose_from_ledgers(master);
    }
}

/* ---- pools ---- */

static struct events pool_events[FLEET];
static lw_store *pool_store[FLEET];
static lw_pool *pools[FLEET];
static uint32_t pool_route[FLEET];

static void pools_open(void) {
    static const lw_quota_dimension dimension = {.size = sizeof dimension,
                                                 .name = "rpm",
                                                 .estimate = LW_QUOTA_FIXED,
                                                 .fixed = 1,
                                                 .window = AN_HOUR,
                                                 .shared = 1};
    static const lw_quota_limit limit = {0, 0, POOL_LIMIT, 0};
    empty_all();
    for (uint32_t i = 0; i < FLEET; i++) {
        lw_observer observer = observe(&pool_events[i]);
        lw_pool_options options = LW_POOL_OPTIONS_INIT;
        lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
        lw_node_spec specs[NODES];
        sync.lease_percent = 10;
        options.sync = &sync;
        options.observer = &observer;
        options.dimensions = &dimension;
        options.dimension_count = 1;
        for (uint32_t node = 0; node < NODES; node++) {
            specs[node] = (lw_node_spec)LW_NODE_SPEC_INIT;
            specs[node].name = names[node];
            specs[node].limits = &limit;
            specs[node].limit_count = 1;
        }
        pool_store[i] = open_store();
        assert_int_equal(lw_pool_new(&pools[i], NULL, &options), LW_OK);
        assert_int_equal(lw_pool_route(pools[i], "default", "random", NULL, &pool_route[i]), LW_OK);
        assert_int_equal(lw_pool_update(pools[i], specs, NODES, 0, NULL), LW_OK);
    }
    for (uint32_t i = 0; i < 2 * FLEET; i++) {
        assert_int_equal(lw_pool_sync(pools[i % FLEET], pool_store[i % FLEET], rig_now() + SITE_LONG, NULL), LW_OK);
    }
}

/* All that each node grants; used[] grows. */
static void pool_take(uint32_t process, uint64_t used[NODES]) {
    lw_ticket ticket;
    while (lw_pick(pools[process], pool_route[process], NULL, &ticket) == LW_OK) {
        lw_sample sample = LW_SAMPLE_INIT;
        assert_int_equal(lw_done(pools[process], &ticket, &sample), LW_OK);
        for (uint32_t node = 0; node < NODES; node++) {
            used[node] += ticket.node == ids[node];
        }
    }
}

static uint32_t pool_sync(uint32_t process) {
    lw_sync_report report = LW_SYNC_REPORT_INIT;
    int answer = lw_pool_sync(pools[process], pool_store[process], rig_now() + SITE_LONG, &report);
    assert_true(answer == LW_OK || answer == LW_UNAVAILABLE);
    return report.away;
}

static void test_pools(void **state) {
    uint64_t used[FLEET][NODES] = {0};
    (void)state;
    pools_open();
    lost = 1;
    server_kill(&cluster.nodes[lost]);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < FLEET; i++) {
            assert_int_equal(pool_sync(i), 2);
            pool_take(i, used[i]);
        }
    }
    for (uint32_t node = 0; node < NODES; node++) {
        uint64_t sum = used[0][node] + used[1][node];
        for (uint32_t i = 0; i < FLEET && is_lost(node); i++) { /* what was leased is spent first, and counts */
            assert_in_range(used[i][node], POOL_LIMIT / FLEET, POOL_LIMIT / FLEET + POOL_LIMIT / 10);
        }
        assert_in_range(sum, POOL_LIMIT * 9 / 10, is_lost(node) ? 2 * POOL_LIMIT : POOL_LIMIT);
    }
    server_restart(&cluster.nodes[lost]);
    for (uint32_t i = 0; i < FLEET; i++) {
        assert_int_equal(pool_events[i].begun, 1);
        assert_int_equal(pool_events[i].ended, 0);
        for (uint64_t end = rig_now() + TOO_LONG; pool_sync(i) != 0;) {
            assert_true(rig_now() < end);
            server_wait(&cluster.nodes[lost], 1);
        }
        assert_int_equal(pool_events[i].begun, 1);
        assert_int_equal(pool_events[i].ended, 1);
    }
    for (uint32_t node = 0; node < NODES; node++) {
        uint64_t sum = used[0][node] + used[1][node], most = POOL_LIMIT / 10 * FLEET;
        assert_true(used_of(pool_store[0], node, POOL_LIMIT) + most >= sum);
    }
    for (uint32_t i = 0; i < FLEET; i++) {
        lw_pool_free(pools[i]);
        lw_store_free(pool_store[i]);
    }
}

static int masters_open(void **state) {
    (void)state;
    cluster_start(&cluster, false);
    name_nodes();
    return 0;
}

static int masters_close(void **state) {
    (void)state;
    cluster_stop(&cluster);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledgers),
        cmocka_unit_test(test_pools),
    };
    return cmocka_run_group_tests(tests, masters_open, masters_close);
}
