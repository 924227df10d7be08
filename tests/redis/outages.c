/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server that is stopped, killed, emptied, locked, read-only or full, while threads call it. What each of these comes
 * to is in docs/redis.md, and held here; load.h says what holds for all of them.
 */
#include "load.h"

enum { OUTAGE_BEFORE = 40, OUTAGE_DURING = 3, OUTAGE_AFTER = 40 };

static struct server outage_server;
static struct load outage_load;

static lw_store *outage_begin(const char *lines, uint64_t patience, bool lossy) {
    server_start(&outage_server, lines);
    lw_store *store = site_store_at(outage_server.port, 100);
    load_begin(&outage_load, store, patience, lossy);
    load_await(&outage_load, LOAD_DONE, OUTAGE_BEFORE);
    return store;
}

static void outage_end(lw_store *store, uint32_t others) {
    load_await(&outage_load, LOAD_DONE, OUTAGE_AFTER);
    load_end(&outage_load, others);
    lw_store_free(store);
    server_stop(&outage_server);
}

/* Calls end at their deadline, and what the server then does with what it was sent counts once. */
static void test_frozen(void **state) {
    lw_store *store = outage_begin(NULL, LOAD_PATIENCE, false);
    (void)state;
    server_freeze(&outage_server);
    load_await(&outage_load, LOAD_UNAVAILABLE, OUTAGE_DURING);
    server_thaw(&outage_server);
    outage_end(store, 1 << LOAD_UNAVAILABLE);
}

/* What was answered had been written to disk, so it is there again. */
static void test_killed(void **state) {
    lw_store *store = outage_begin("appendonly yes\nappendfsync always", LOAD_PATIENCE, false);
    (void)state;
    for (int i = 0; i < 2; i++) {
        server_kill(&outage_server);
        load_await(&outage_load, LOAD_UNAVAILABLE, OUTAGE_DURING);
        server_restart(&outage_server);
        load_await(&outage_load, LOAD_DONE, OUTAGE_AFTER);
    }
    outage_end(store, 1 << LOAD_UNAVAILABLE);
}

/* A server that keeps nothing begins again at zero. */
static void test_killed_without_memory(void **state) {
    lw_store *store = outage_begin(NULL, LOAD_PATIENCE, true);
    (void)state;
    server_kill(&outage_server);
    load_await(&outage_load, LOAD_UNAVAILABLE, OUTAGE_DURING);
    server_restart(&outage_server);
    outage_end(store, 1 << LOAD_UNAVAILABLE);
}

/* Scripts are sent again: nobody notices. */
static void test_scripts_flushed(void **state) {
    lw_store *store = outage_begin(NULL, LOAD_PATIENT, false);
    uint64_t before = site_stats(store).scripts;
    (void)state;
    for (int i = 0; i < 10; i++) {
        server_tell(&outage_server, "SCRIPT FLUSH");
        load_await(&outage_load, LOAD_DONE, OUTAGE_BEFORE / 4);
    }
    assert_true(site_stats(store).scripts > before);
    outage_end(store, 0);
}

/* Everything begins again at zero, and what is then given back is not there any more. */
static void test_flushed(void **state) {
    lw_store *store = outage_begin(NULL, LOAD_PATIENT, true);
    (void)state;
    for (int i = 0; i < 10; i++) {
        server_tell(&outage_server, "FLUSHALL");
        load_await(&outage_load, LOAD_DONE, OUTAGE_BEFORE / 4);
    }
    outage_end(store, 0);
}

/* An account that was lost gives nothing back: a limit of 10 stays one. */
static void test_refund_after_flush(void **state) {
    lw_posting posting;
    lw_charge charge;
    (void)state;
    server_start(&outage_server, NULL);
    lw_store *store = site_store(&outage_server);
    lw_store_step step = load_posting(&posting, &charge, 10);
    charge.limit = 10;
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    assert_int_equal(charge.granted, 10);
    uint64_t stamp[2] = {charge.stamp[0], charge.stamp[1]};
    server_tell(&outage_server, "FLUSHALL");
    step = load_posting(&posting, &charge, -10);
    memcpy(charge.stamp, stamp, sizeof stamp);
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    assert_int_equal(charge.used, 0);
    step = load_posting(&posting, &charge, 11);
    charge.limit = 10;
    posting.mode = LW_POSTING_PART;
    assert_int_equal(lw_store_batch(store, &step, 1, 0), LW_OK);
    assert_int_equal(charge.granted, 10);
    lw_store_free(store);
    server_stop(&outage_server);
}

/* The password changes, and connections that were let in before are thrown out. */
static void test_locked_out(void **state) {
    lw_store *store = outage_begin(NULL, LOAD_PATIENCE, false);
    (void)state;
    server_tell(&outage_server, "CONFIG SET requirepass secret");
    server_tell(&outage_server, "AUTH secret");
    server_tell(&outage_server, "CLIENT KILL TYPE normal SKIPME yes");
    load_await(&outage_load, LOAD_DENIED, OUTAGE_DURING);
    redisReply *reply = redisCommand(outage_server.line, "CONFIG SET requirepass %s", "");
    rig_need(reply != NULL && reply->type == REDIS_REPLY_STATUS, "no password again");
    freeReplyObject(reply);
    outage_end(store, 1 << LOAD_UNAVAILABLE | 1 << LOAD_DENIED);
}

static void test_wrong_password(void **state) {
    static const char *const urls[] = {"redis://:wrong@127.0.0.1", "redis://127.0.0.1", "redis://nobody:x@127.0.0.1"};
    char value[8];
    (void)state;
    server_start(&outage_server, "requirepass secret");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        lw_redis_options options = LW_REDIS_OPTIONS_INIT;
        lw_store *store;
        options.url = urls[i];
        options.port = outage_server.port;
        options.timeout = options.connect_timeout = SITE_LONG;
        assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(lw_store_get(store, "x", value, sizeof value, 0), LW_DENIED);
            assert_int_equal(lw_store_put(store, "x", "1", 1, 0, 0), LW_DENIED);
        }
        lw_store_free(store);
    }
    server_stop(&outage_server);
}

/* The right one is let in; a user who may not write is denied just that. */
static void test_right_password(void **state) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    char value[8];
    lw_store *store;
    (void)state;
    server_start(&outage_server, "requirepass se:cr@t\nuser reader on >pass ~* &* +@read +@connection");
    options.url = "redis://:se%3Acr%40t@127.0.0.1";
    options.port = outage_server.port;
    options.timeout = options.connect_timeout = SITE_LONG;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    assert_int_equal(lw_store_put(store, "x", "1", 1, 0, 0), LW_OK);
    lw_store_free(store);
    options.url = "redis://reader:pass@127.0.0.1";
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    assert_int_equal(lw_store_get(store, "x", value, sizeof value, 0), 1);
    assert_int_equal(lw_store_put(store, "x", "2", 1, 0, 0), LW_DENIED);
    assert_int_equal(lw_store_add(store, "x", 1, 0, NULL, 0), LW_DENIED);
    assert_int_equal(lw_store_get(store, "x", value, sizeof value, 0), 1);
    assert_int_equal(value[0], '1');
    lw_store_free(store);
    server_stop(&outage_server);
}

/* A server that has become a replica refuses to write until it is a master again. */
static void test_read_only(void **state) {
    struct server master;
    char value[8];
    (void)state;
    server_start(&master, NULL);
    lw_store *store = outage_begin("repl-diskless-sync-delay 0", LOAD_PATIENCE, true);
    server_tell(&outage_server, "REPLICAOF 127.0.0.1 %u", master.port);
    load_await(&outage_load, LOAD_DENIED, OUTAGE_DURING);
    assert_int_equal(lw_store_get(store, "nothing", value, sizeof value, rig_now() + LOAD_PATIENT), LW_UNKNOWN);
    server_tell(&outage_server, "REPLICAOF NO ONE");
    outage_end(store, 1 << LOAD_UNAVAILABLE | 1 << LOAD_DENIED);
    server_stop(&master);
}

/* Writes are refused, reads are not; nothing is half done. */
static void test_out_of_memory(void **state) {
    lw_store *store = outage_begin("maxmemory-policy noeviction", LOAD_PATIENT, false);
    char value[32];
    (void)state;
    server_tell(&outage_server, "CONFIG SET maxmemory 1");
    load_await(&outage_load, LOAD_FULL, OUTAGE_DURING);
    assert_true(lw_store_get(store, "load/0", value, sizeof value, rig_now() + LOAD_PATIENT) > 0);
    server_tell(&outage_server, "CONFIG SET maxmemory 0");
    outage_end(store, 1 << LOAD_FULL);
}

/* A server that was never there: every call says so by its deadline, and soon. */
static void test_nobody_there(void **state) {
    lw_store *store = site_store_at(rig_port(), 100);
    char value[8];
    uint32_t late = 0;
    (void)state;
    for (int i = 0; i < 20; i++) {
        uint64_t began = rig_now(), kept = rig_kept_waiting();
        assert_int_equal(lw_store_get(store, "x", value, sizeof value, began + LOAD_PATIENCE), LW_UNAVAILABLE);
        late += rig_now() - began > LOAD_PATIENCE + LOAD_SLACK + (rig_kept_waiting() - kept);
    }
    assert_in_range(late, 0, 1); /* a whole machine may stand still for once */
    assert_true(site_stats(store).failed_connects > 0);
    assert_int_equal(site_stats(store).connects, 0);
    lw_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_without_memory),
        cmocka_unit_test(test_scripts_flushed),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test(test_refund_after_flush),
        cmocka_unit_test(test_locked_out),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_right_password),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
