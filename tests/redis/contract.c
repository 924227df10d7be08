/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every store must do, held against Redis: one server, a Unix socket, a database of its own, a cluster. Expiry is
 * looked at on the store in memory alone, whose clock can be moved; here it is looked at by what the server says.
 */
#include "../store_contract.h"
#include "rig/cluster.h"
#include "site.h"

static struct server contract_server;
static struct cluster contract_cluster;

static lw_store *contract_open(const char *format, ...) {
    char url[256];
    va_list list;
    lw_store *store = NULL;
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    va_start(list, format);
    vsnprintf(url, sizeof url, format, list);
    va_end(list);
    options.url = url;
    options.timeout = options.connect_timeout = SITE_LONG;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    return store;
}

static void test_single(void **state) {
    lw_store *store = contract_open("redis://127.0.0.1:%u", contract_server.port);
    (void)state;
    store_contract(store, NULL, NULL);
    lw_store_free(store);
}

static void test_socket(void **state) {
    lw_store *store = contract_open("unix://%s/socket?db=3", contract_server.folder);
    (void)state;
    store_contract(store, NULL, NULL);
    lw_store_free(store);
}

static void test_cluster(void **state) {
    lw_store *store = contract_open("%s", contract_cluster.url);
    (void)state;
    store_contract(store, NULL, NULL);
    lw_store_free(store);
}

/* Two stores with prefixes of their own do not see each other; two databases neither. */
static void test_apart(void **state) {
    lw_store *one = contract_open("redis://127.0.0.1:%u/1", contract_server.port);
    lw_store *two = contract_open("redis://127.0.0.1:%u/2", contract_server.port);
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_store *named;
    (void)state;
    options.port = contract_server.port;
    options.database = 1;
    options.prefix = "other:";
    options.timeout = options.connect_timeout = SITE_LONG;
    assert_int_equal(lw_store_redis_new(&named, NULL, &options), LW_OK);
    assert_int_equal(lw_store_put(one, "key", "1", 1, 0, 0), LW_OK);
    assert_int_equal(lw_store_get(two, "key", NULL, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_store_get(named, "key", NULL, 0, 0), LW_UNKNOWN);
    assert_int_equal(lw_store_remove(named, "key", 0), 0);
    assert_int_equal(lw_store_get(one, "key", NULL, 0, 0), 1);
    lw_store_free(one);
    lw_store_free(two);
    lw_store_free(named);
}

/* ---- expiry, as the server has it ---- */

static long long contract_left(const char *type, const char *key) {
    return server_count(&contract_server, "PTTL lw:%s:%s", type, key);
}

/* It has been given from `least` to `most` ms, at some moment since then. */
static void contract_lives(const char *type, const char *key, long long least, long long most, uint64_t since) {
    long long left = contract_left(type, key), gone = (long long)((rig_now() - since) / SITE_MS) + 2;
    if (left < 0 || left < least - gone || left > most) {
        fail_msg("%s has %lld ms left, of %lld to %lld ms at most %lld ms ago", key, left, least, most, gone);
    }
}

static void test_expiry(void **state) {
    uint64_t began = rig_now();
    lw_store *store = contract_open("redis://127.0.0.1:%u", contract_server.port);
    (void)state;
    assert_int_equal(lw_store_put(store, "forever", "1", 1, 0, 0), LW_OK);
    assert_int_equal(contract_left("e", "forever"), -1);
    assert_int_equal(lw_store_put(store, "hour", "1", 1, 3600 * SITE_SECOND, 0), LW_OK);
    contract_lives("e", "hour", 3600000, 3600000, began);
    assert_int_equal(lw_store_add(store, "hour", 1, 60 * SITE_SECOND, NULL, 0), LW_OK); /* keeps its own */
    contract_lives("e", "hour", 3600000, 3600000, began);
    assert_int_equal(lw_store_add(store, "sum", 1, 60 * SITE_SECOND, NULL, 0), LW_OK);
    contract_lives("e", "sum", 60000, 60000, began);
    assert_int_equal(lw_store_compare_and_set(store, "sum", "1", 1, "2", 1, 0, 0), 1);
    assert_int_equal(contract_left("e", "sum"), -1);
    assert_int_equal(lw_store_put(store, "longest", "1", 1, UINT64_MAX, 0), LW_OK);
    assert_true(contract_left("e", "longest") == -1 || contract_left("e", "longest") > 3600000);
    assert_int_equal(lw_store_put(store, "shortest", "1", 1, 1, 0), LW_OK); /* 1 ns: at once, or a ms later */
    long long left = contract_left("e", "shortest");
    assert_true(left == -2 || left == 0 || left == 1);
    lw_store_free(store);
}

/* Accounts and meetings go by themselves when nothing of them counts: a window, the hold, and a little. */
static void test_expiry_of_accounts(void **state) {
    lw_store *store = contract_open("redis://127.0.0.1:%u", contract_server.port);
    lw_charge charge = LW_CHARGE_INIT;
    lw_posting posting = LW_POSTING_INIT;
    lw_store_step steps[] = {
        {.op = LW_STORE_CHARGE, .key = "account", .posting = &posting},
        {.op = LW_STORE_MEET, .key = "meeting", .value = "me", .value_size = 2, .ttl = 60 * SITE_SECOND}};
    uint64_t began = rig_now();
    (void)state;
    charge.name = "rpm";
    charge.window = 60 * SITE_SECOND;
    charge.amount = 1;
    posting.charges = &charge;
    posting.count = 1;
    posting.hold = 6 * SITE_SECOND;
    assert_int_equal(lw_store_batch(store, steps, 2, 0), LW_OK);
    assert_int_equal(steps[0].answer, LW_OK);
    assert_int_equal(steps[1].answer, 1);
    contract_lives("a", "account", 66000, 75000, began);
    contract_lives("m", "meeting", 60000, 60000, began);
    steps[1].ttl = 0;
    assert_int_equal(lw_store_batch(store, &steps[1], 1, 0), LW_OK);
    assert_int_equal(steps[1].answer, 0);
    assert_int_equal(contract_left("m", "meeting"), -2);
    lw_store_free(store);
}

/* Both come so soon after each other that the first is still there: on a busy machine for a time that is long enough.
   Returns when it began. */
static uint64_t contract_meet(lw_store *store, lw_store_step steps[2]) {
    uint64_t began;
    do {
        began = rig_now();
        steps[0].ttl *= 2;
        assert_int_equal(lw_store_batch(store, steps, 2, 0), LW_OK);
    } while (steps[1].answer == 1 && rig_now() - began >= steps[0].ttl);
    return began;
}

/* Who does not come again in time is not counted any more, by the clock of the server. */
static void test_expiry_of_members(void **state) {
    lw_store *store = contract_open("redis://127.0.0.1:%u", contract_server.port);
    lw_store_step steps[] = {
        {.op = LW_STORE_MEET, .key = "brief", .value = "brief", .value_size = 5, .amount = 7, .ttl = 15 * SITE_MS},
        {.op = LW_STORE_MEET,
         .key = "brief",
         .value = "long",
         .value_size = 4,
         .amount = 1,
         .ttl = 3600 * SITE_SECOND}};
    (void)state;
    uint64_t began = contract_meet(store, steps);
    assert_int_equal(steps[1].answer, 2);
    assert_int_equal(steps[1].sum, 8);
    do {
        server_wait(&contract_server, 1);
        assert_int_equal(lw_store_batch(store, &steps[1], 1, 0), LW_OK);
        assert_true(rig_now() - began < SITE_LONG);
    } while (steps[1].answer == 2);
    assert_true(rig_now() - began >= steps[0].ttl - SITE_MS);
    assert_int_equal(steps[1].answer, 1);
    assert_int_equal(steps[1].sum, 1);
    lw_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_cluster),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_expiry_of_accounts),
        cmocka_unit_test(test_expiry_of_members),
    };
    server_start(&contract_server, "unixsocket socket");
    cluster_start(&contract_cluster, false);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_stop(&contract_server);
    cluster_stop(&contract_cluster);
    return failed;
}
