/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * No pick waits for Redis: what the slowest of a hundred picks takes is the same while the server stands still for
 * longer than any deadline, with one thread that syncs all the time and one that picks.
 *
 * Rounds with the server running and standing take turns, and the quietest of each are compared, so that a busy machine
 * hurts both alike; where none has been quiet yet, they go on. A pick that waited would take a deadline, which is a
 * hundred thousand times as long.
 */
#include "site.h"

#include <inttypes.h>
#include <loadwise/loadwise.h>
#include <pthread.h>
#include <stdlib.h>

enum { PICKS_ROUNDS = 6, PICKS_MOST_ROUNDS = 60, PICKS_ROUND = 20000, PICKS_SYNCS = 3, PICKS_NODES = 4 };

#define PICKS_DEADLINE (30 * SITE_MS)
#define PICKS_SLACK (900 * SITE_MS)

struct picks {
    lw_store *store;
    lw_pool *pool;
    uint32_t route, stop;
    uint64_t good, bad; /* syncs so far */
    uint64_t longest;   /* of them */
    uint32_t late;      /* beyond their deadline, what others kept the processor for, and PICKS_SLACK */
};

static struct server picks_server;
static uint64_t picks_took[PICKS_ROUND];

static void picks_open(struct picks *picks) {
    static const lw_quota_dimension dimensions[] = {
        {.size = sizeof *dimensions,
         .name = "rpm",
         .shared = 1,
         .fixed = 1,
         .estimate = LW_QUOTA_FIXED,
         .window = SITE_SECOND},
        {.size = sizeof *dimensions, .name = "tpm", .shared = 1, .kind = LW_QUOTA_GCRA, .window = SITE_SECOND}};
    static const lw_quota_limit limits[] = {{0, 0, 1000000, 0}, {1, 0, 10000000, 10000000}};
    static const char *const names[PICKS_NODES] = {"a", "b", "c", "d"};
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
    lw_node_spec specs[PICKS_NODES];
    for (int i = 0; i < PICKS_NODES; i++) {
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = names[i];
        specs[i].limits = limits;
        specs[i].limit_count = 2;
    }
    memset(picks, 0, sizeof *picks);
    sync.interval = 10 * SITE_MS;
    options.sync = &sync;
    options.dimensions = dimensions;
    options.dimension_count = 2;
    picks->store = site_store(&picks_server);
    assert_int_equal(lw_pool_new(&picks->pool, NULL, &options), LW_OK);
    assert_int_equal(lw_pool_route(picks->pool, "default", "p2c", NULL, &picks->route), LW_OK);
    assert_int_equal(lw_pool_update(picks->pool, specs, PICKS_NODES, 0, NULL), LW_OK);
}

/* As a host would: a thread that syncs, one call after the other. */
static void *picks_sync(void *argument) {
    struct picks *picks = argument;
    while (!__atomic_load_n(&picks->stop, __ATOMIC_RELAXED)) {
        uint64_t kept = rig_kept_waiting(), began = rig_now();
        int code = lw_pool_sync(picks->pool, picks->store, began + PICKS_DEADLINE, NULL);
        uint64_t took = rig_now() - began;
        picks->late += took > PICKS_DEADLINE + PICKS_SLACK + (rig_kept_waiting() - kept);
        picks->longest = took > picks->longest ? took : picks->longest;
        __atomic_fetch_add(code == LW_OK ? &picks->good : &picks->bad, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void picks_await(const uint64_t *count, uint64_t more) {
    uint64_t from = __atomic_load_n(count, __ATOMIC_ACQUIRE), end = rig_now() + SITE_LONG;
    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < from + more) {
        assert_true(rig_now() < end);
        server_wait(&picks_server, 1);
    }
}

static int picks_by_size(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* ns that 99 of 100 picks stay below, their ends included. */
static uint64_t picks_p99(struct picks *picks) {
    lw_amount amount = {1, 10};
    lw_request request = LW_REQUEST_INIT;
    request.amounts = &amount;
    request.amount_count = 1;
    for (uint32_t i = 0; i < PICKS_ROUND; i++) {
        lw_ticket ticket;
        uint64_t began = rig_now();
        int code = lw_pick(picks->pool, picks->route, &request, &ticket);
        if (code == LW_OK) {
            lw_done(picks->pool, &ticket, NULL);
        }
        picks_took[i] = rig_now() - began;
        if (code != LW_OK && !lw_is_refusal(code)) {
            fail_msg("a pick was answered %s", lw_error_name(code));
        }
    }
    qsort(picks_took, PICKS_ROUND, sizeof *picks_took, picks_by_size);
    return picks_took[PICKS_ROUND * 99 / 100];
}

static void test_picks_do_not_wait(void **state) {
    struct picks picks;
    pthread_t thread;
    uint64_t running = UINT64_MAX, standing = UINT64_MAX;
    (void)state;
    server_start(&picks_server, NULL);
    picks_open(&picks);
    assert_int_equal(pthread_create(&thread, NULL, picks_sync, &picks), 0);
    for (int i = 0; i < PICKS_ROUNDS || (i < PICKS_MOST_ROUNDS && standing > 3 * running); i++) {
        picks_await(&picks.good, PICKS_SYNCS);
        uint64_t took = picks_p99(&picks);
        running = took < running ? took : running;
        server_freeze(&picks_server);
        picks_await(&picks.bad, 1);
        took = picks_p99(&picks);
        standing = took < standing ? took : standing;
        server_thaw(&picks_server);
    }
    picks_await(&picks.good, PICKS_SYNCS);
    __atomic_store_n(&picks.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    print_message("    p99 of a pick: %" PRIu64 " ns, %" PRIu64 " ns while Redis stands; longest sync %.1f ms\n",
                  running, standing, (double)picks.longest / 1e6);
    assert_true(standing <= 3 * running);
    assert_in_range(picks.late, 0, 1); /* a whole machine may stand still for once */
    lw_pool_free(picks.pool);
    lw_store_free(picks.store);
    server_stop(&picks_server);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_picks_do_not_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
