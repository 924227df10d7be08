/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A cluster of three masters under load: slots that move, a master that dies with and without a replica to follow it.
 * Stated outcomes: a slot that moves costs nobody an answer; while a slot has no master its calls are LW_UNAVAILABLE
 * and all others go on; what a replica had not yet heard is lost, so that counts may be too low, never too high.
 */
#include "load.h"

#include "rig/cluster.h"

enum { CLUSTER_BEFORE = 30, CLUSTER_DURING = 3, CLUSTER_KEYS = 40 };

static struct cluster cluster_of_all;
static struct load cluster_load;

static lw_store *cluster_store(uint64_t timeout_ms) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_store *store = NULL;
    options.url = cluster_of_all.url;
    options.timeout = timeout_ms * SITE_MS;
    options.connect_timeout = timeout_ms * SITE_MS;
    options.backoff = SITE_MS;
    options.max_backoff = 20 * SITE_MS;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    return store;
}

static int cluster_open(void **state) {
    (void)state;
    cluster_start(&cluster_of_all, false);
    return 0;
}

static int cluster_open_with_replicas(void **state) {
    (void)state;
    cluster_start(&cluster_of_all, true);
    return 0;
}

static int cluster_empty(void **state) {
    (void)state;
    for (uint32_t i = 0; i < CLUSTER_MASTERS; i++) {
        server_tell(&cluster_of_all.nodes[i], "FLUSHALL");
    }
    return 0;
}

static int cluster_close(void **state) {
    (void)state;
    cluster_stop(&cluster_of_all);
    return 0;
}

/* The slot of an account of load.h, found where it is: by the keys of the server. */
static uint32_t slot_of_account(void) { return cluster_slot(&cluster_of_all, "lw:a:load/account"); }

/* Keys of all slots through one store, in one batch; those of a node together. */
static void test_batch_over_masters(void **state) {
    lw_store *store = cluster_store(60000);
    lw_store_step steps[CLUSTER_KEYS];
    char keys[CLUSTER_KEYS][32];
    long long total = 0;
    (void)state;
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < CLUSTER_KEYS; i++) {
            snprintf(keys[i], sizeof *keys, "{%016x}/sum", i);
            steps[i] = (lw_store_step){.op = LW_STORE_ADD, .key = keys[i], .amount = i};
        }
        assert_int_equal(lw_store_batch(store, steps, CLUSTER_KEYS, 0), LW_OK);
        for (int i = 0; i < CLUSTER_KEYS; i++) {
            assert_int_equal(steps[i].answer, LW_OK);
            assert_int_equal(steps[i].sum, round * i);
        }
    }
    for (uint32_t i = 0; i < CLUSTER_MASTERS; i++) {
        long long keys_here = server_count(&cluster_of_all.nodes[i], "DBSIZE");
        assert_true(keys_here > 0);
        total += keys_here;
    }
    assert_int_equal(total, CLUSTER_KEYS);
    assert_true(site_stats(store).maps >= 1);
    lw_store_free(store);
}

/* A slot moves to another master and back, again and again: MOVED and ASK are followed, and nobody notices. */
static void test_migration(void **state) {
    lw_store *store = cluster_store(60000);
    uint32_t slot = slot_of_account(), keys = 0;
    (void)state;
    load_begin(&cluster_load, store, LOAD_PATIENT, false);
    load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
    for (int i = 0; i < 6; i++) {
        uint32_t from = cluster_owner(&cluster_of_all, slot), to = (from + 1) % CLUSTER_MASTERS;
        cluster_open_slot(&cluster_of_all, slot, from, to);
        load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
        keys += cluster_move_keys(&cluster_of_all, slot, from, to);
        load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE); /* by ASK */
        cluster_close_slot(&cluster_of_all, slot, from, to);
        load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE); /* by MOVED */
    }
    lw_redis_stats stats = site_stats(store);
    print_message("    moved %" PRIu64 ", asked %" PRIu64 ", maps %" PRIu64 "\n", stats.moved, stats.asked, stats.maps);
    assert_true(keys >= 6 && stats.asked > 0 && stats.moved > 0);
    load_end(&cluster_load, 0);
    lw_store_free(store);
}

/* All of the cluster is there again, as far as the load goes: those that were told of it first answered first. */
static void cluster_await_answers(lw_store *store) {
    for (uint64_t end = rig_now() + LOAD_TOO_LONG;;) {
        lw_posting posting;
        lw_charge charge;
        lw_store_step steps[] = {load_posting(&posting, &charge, 0), {.op = LW_STORE_ADD, .key = "load/sum"}};
        if (lw_store_batch(store, steps, 2, 0) == LW_OK && steps[0].answer == LW_OK && steps[1].answer == LW_OK) {
            return;
        }
        assert_true(rig_now() < end);
        server_wait(&cluster_of_all.nodes[0], 5);
    }
}

/* A master dies and its replica follows it. */
static void test_failover(void **state) {
    lw_store *store = cluster_store(200);
    uint32_t slot = slot_of_account(), owner = cluster_owner(&cluster_of_all, slot);
    (void)state;
    load_begin(&cluster_load, store, LOAD_PATIENCE, true);
    load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
    server_kill(&cluster_of_all.nodes[owner]);
    load_await(&cluster_load, LOAD_UNAVAILABLE, CLUSTER_DURING);
    cluster_take_over(&cluster_of_all, owner + CLUSTER_MASTERS);
    cluster_await_answers(store);
    load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
    load_end(&cluster_load, 1 << LOAD_UNAVAILABLE);
    lw_store_free(store);
}

/* A master dies and nobody follows: its slots are away until it is back, the others are not. */
static void test_lost_master(void **state) {
    lw_store *store = cluster_store(200);
    uint32_t slot = slot_of_account(), owner = cluster_owner(&cluster_of_all, slot);
    int here = 0, away = 0;
    (void)state;
    load_begin(&cluster_load, store, LOAD_PATIENCE, true);
    load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
    server_kill(&cluster_of_all.nodes[owner]);
    load_await(&cluster_load, LOAD_UNAVAILABLE, CLUSTER_DURING);
    for (int i = 0; i < CLUSTER_KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "lost/%d", i);
        int answer = lw_store_put(store, key, "x", 1, 0, 0);
        assert_true(answer == LW_OK || answer == LW_UNAVAILABLE);
        here += answer == LW_OK;
        away += answer != LW_OK;
    }
    print_message("    %d keys here, %d away\n", here, away);
    assert_true(here > 0 && away > 0);
    server_restart(&cluster_of_all.nodes[owner]);
    cluster_await_answers(store);
    load_await(&cluster_load, LOAD_DONE, CLUSTER_BEFORE);
    load_end(&cluster_load, 1 << LOAD_UNAVAILABLE);
    lw_store_free(store);
}

int main(void) {
    const struct CMUnitTest alone[] = {
        cmocka_unit_test_setup(test_batch_over_masters, cluster_empty),
        cmocka_unit_test_setup(test_migration, cluster_empty),
        cmocka_unit_test_setup(test_lost_master, cluster_empty),
    };
    const struct CMUnitTest followed[] = {cmocka_unit_test(test_failover)};
    return cmocka_run_group_tests(alone, cluster_open, cluster_close) +
           cmocka_run_group_tests(followed, cluster_open_with_replicas, cluster_close);
}
