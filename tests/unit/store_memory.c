/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The store in memory: the contract of all stores, then its bounds, its clock and its memory. */
#include "ledger.h"

#include "../store_contract.h"

#define SECOND UINT64_C(1000000000)

static lw_store *store;
static ledger book;

static void open_with(uint64_t max_entries, uint64_t max_bytes) {
    ledger_open(&book);
    book.now = 7 * SECOND;
    lw_env env = ledger_env(&book, 5);
    lw_store_memory_options options = LW_STORE_MEMORY_OPTIONS_INIT;
    options.max_entries = max_entries;
    options.max_bytes = max_bytes;
    assert_int_equal(lw_store_memory_new(&store, &env, &options), LW_OK);
}

static int open_default(void **state) {
    (void)state;
    open_with(0, 0);
    return 0;
}

static int close_store(void **state) {
    (void)state;
    lw_store_free(store);
    ledger_close(&book);
    return 0;
}

static void pass_time(uint64_t ns) { book.now += ns; }

static void pass_for_contract(void *user, uint64_t ns) {
    (void)user;
    pass_time(ns);
}

static int put(const char *key, const char *value, uint64_t ttl) {
    return lw_store_put(store, key, value, strlen(value), ttl, 0);
}

static void test_the_contract(void **state) {
    (void)state;
    contract_put(store, "bystander", "untouched", 0);
    store_contract(store, pass_for_contract, NULL);
    contract_expect(store, "bystander", "untouched");
    assert_int_equal(book.live, 2); /* the store and the bystander */
}

static void test_the_contract_without_a_clock_to_move(void **state) {
    (void)state;
    lw_store *by_the_system;
    assert_int_equal(lw_store_memory_new(&by_the_system, NULL, NULL), LW_OK);
    store_contract(by_the_system, NULL, NULL);
    lw_store_free(by_the_system);
}

static void test_free_of_nothing(void **state) {
    (void)state;
    lw_store_free(NULL);
}

static void test_the_empty_key(void **state) {
    (void)state;
    assert_int_equal(put("", "x", 0), LW_OK);
    contract_expect(store, "", "x");
    assert_int_equal(lw_store_remove(store, "", 0), 1);
}

/* ---- bounds ---- */

static int open_small(void **state) {
    (void)state;
    open_with(3, 30);
    return 0;
}

static void test_the_bound_of_entries(void **state) {
    (void)state;
    assert_int_equal(put("a", "1", 0), LW_OK);
    assert_int_equal(put("b", "2", 0), LW_OK);
    assert_int_equal(put("c", "3", 0), LW_OK);
    assert_int_equal(put("d", "4", 0), LW_FULL);
    assert_told(&book, LW_FULL, "3 entries or 30 bytes");
    assert_int_equal(lw_store_add(store, "d", 1, 0, NULL, 0), LW_FULL);
    assert_int_equal(contract_swap(store, "d", NULL, "4", 0), LW_FULL);
    contract_expect(store, "d", NULL);
    assert_int_equal(put("b", "20", 0), LW_OK); /* what is there may change */
    assert_int_equal(lw_store_add(store, "c", 1, 0, NULL, 0), LW_OK);
    assert_int_equal(contract_swap(store, "a", "1", "10", 0), 1);
    assert_int_equal(lw_store_remove(store, "a", 0), 1);
    assert_int_equal(put("d", "4", 0), LW_OK);
}

static void test_the_bound_of_bytes(void **state) {
    (void)state;
    assert_int_equal(put("key", "123456789012345678901234567", 0), LW_OK); /* 3 + 27 */
    assert_int_equal(put("k", "", 0), LW_FULL);
    assert_int_equal(put("key", "1234567890123456789012345678", 0), LW_FULL);
    contract_expect(store, "key", "123456789012345678901234567"); /* the old value stays */
    assert_int_equal(put("key", "12345678901234567890", 0), LW_OK);
    assert_int_equal(put("k", "123456", 0), LW_OK); /* 7 of 7 */
    assert_int_equal(put("k", "1234567", 0), LW_FULL);
    contract_expect(store, "k", "123456");
    assert_int_equal(put("k", "9", 0), LW_OK);
    assert_int_equal(lw_store_add(store, "k", 9999999, 0, NULL, 0), LW_FULL); /* 8 digits */
    assert_int_equal(lw_store_add(store, "k", 999990, 0, NULL, 0), LW_OK);    /* 6 */
    contract_expect(store, "k", "999999");
    assert_int_equal(lw_store_add(store, "k", 1, 0, NULL, 0), LW_FULL);
    contract_expect(store, "k", "999999");
}

static void test_what_could_never_fit(void **state) {
    (void)state;
    uint64_t asked = book.asked;
    assert_int_equal(lw_store_put(store, "k", "", SIZE_MAX, 0, 0), LW_FULL);
    assert_int_equal(lw_store_put(store, "k", "", SIZE_MAX - 1, 0, 0), LW_FULL);
    assert_int_equal(put("a key of more than thirty bytes", "", 0), LW_FULL);
    assert_int_equal(book.asked, asked);
}

static void test_the_expired_do_not_stand_in_the_way(void **state) {
    (void)state;
    assert_int_equal(put("a", "1234567", 9 * SECOND), LW_OK);
    assert_int_equal(put("b", "1234567", 5 * SECOND), LW_OK);
    assert_int_equal(put("c", "1234567", 7 * SECOND), LW_OK);
    assert_int_equal(put("d", "1234567", 0), LW_FULL);
    pass_time(5 * SECOND);
    assert_int_equal(put("d", "1234567", 0), LW_OK);
    assert_int_equal(put("e", "1234567", 0), LW_FULL);
    pass_time(3 * SECOND);
    assert_int_equal(put("d", "12345678901234", 0), LW_OK); /* in the bytes of c */
    contract_expect(store, "a", "1234567");
}

static void test_all_that_expired_makes_way(void **state) {
    (void)state;
    lw_store *wide = store;
    char key[16], large[20000] = "";
    lw_env env = ledger_env(&book, 5);
    const lw_store_memory_options options = {sizeof options, 2000, 20000};
    assert_int_equal(lw_store_memory_new(&store, &env, &options), LW_OK);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%9d", i);
        assert_int_equal(put(key, "x", SECOND), LW_OK);
    }
    assert_int_equal(put("1", "", 0), LW_FULL);
    pass_time(SECOND);
    assert_int_equal(lw_store_put(store, "1", large, sizeof large - 1, 0, 0), LW_OK);
    lw_store_free(store);
    store = wide;
}

/* A store of which everything expires must not keep the memory for ever, whichever keys are written afterwards. */
static void test_writes_clear_out_the_expired(void **state) {
    (void)state;
    char key[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "old %d", i);
        assert_int_equal(put(key, "x", SECOND), LW_OK);
    }
    assert_int_equal(book.live, 1001);
    pass_time(SECOND);
    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof key, "new %d", i);
        assert_int_equal(put(key, "x", 0), LW_OK);
    }
    assert_int_equal(book.live, 601);
}

/* ---- time ---- */

static void test_time_that_steps_back(void **state) {
    (void)state;
    assert_int_equal(put("a", "x", SECOND), LW_OK);
    pass_time(2 * SECOND);
    contract_expect(store, "b", NULL); /* any call sees the time */
    book.now -= 2 * SECOND;
    contract_expect(store, "a", NULL);
    assert_int_equal(put("a", "y", SECOND), LW_OK); /* counts from the latest time seen */
    pass_time(2 * SECOND);
    contract_expect(store, "a", "y");
    pass_time(SECOND);
    contract_expect(store, "a", NULL);
}

static void test_the_end_of_time(void **state) {
    (void)state;
    assert_int_equal(put("a", "x", UINT64_MAX - 8 * SECOND), LW_OK);
    assert_int_equal(put("b", "x", UINT64_MAX), LW_OK);
    book.now = UINT64_MAX - SECOND;
    contract_expect(store, "a", NULL);
    contract_expect(store, "b", "x");
    assert_int_equal(put("c", "x", 2 * SECOND), LW_OK);
    contract_expect(store, "c", "x");
}

static void test_expired_entries_are_not_listed(void **state) {
    (void)state;
    contract_listing listing = {.store = store};
    contract_fill(store);
    for (uint32_t i = 0; i < CONTRACT_MANY; i += 3) {
        char key[64], value[16];
        contract_key(key, "many", i);
        snprintf(value, sizeof value, "%" PRIu32, i);
        assert_int_equal(put(key, value, SECOND), LW_OK);
    }
    pass_time(SECOND);
    contract_walk(&listing, "", 10);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        assert_int_equal(listing.seen[i], i % 3 != 0);
    }
}

/* In this store, where nothing changes, exactly once; and one call does not walk through everything. */
static void test_listings_are_exact_and_bounded(void **state) {
    (void)state;
    uint64_t cursor = 0;
    contract_listing listing = {.store = store};
    contract_fill(store);
    assert_int_equal(lw_store_list(store, CONTRACT "many/", &cursor, 9, contract_note, &listing, 0), 9);
    assert_true(cursor != 0);
    assert_int_equal(lw_store_list(store, "nobody", &cursor, 9, contract_note, &listing, 0), 0);
    assert_true(cursor != 0);
    assert_int_equal(lw_store_list(store, CONTRACT "many/", &cursor, 100000, contract_note, &listing, 0),
                     CONTRACT_MANY - 9 - 9 * 16);
    assert_true(cursor == 0);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        assert_in_range(listing.seen[i], 0, 1);
    }
}

/* ---- the object ---- */

static void test_other_sizes_of_options(void **state) {
    (void)state;
    struct {
        lw_store_memory_options options;
        unsigned char later[64];
    } grown;
    lw_store_memory_options older;
    lw_store *other;
    memset(&grown, 0xff, sizeof grown);
    memset(&older, 0xff, sizeof older);
    grown.options = (lw_store_memory_options){sizeof grown, 1, 0};
    older.size = offsetof(lw_store_memory_options, max_bytes);
    older.max_entries = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lw_store_memory_new(&other, NULL, i == 0 ? &grown.options : &older), LW_OK);
        assert_int_equal(lw_store_put(other, "a", "1", 1, 0, 0), LW_OK);
        assert_int_equal(lw_store_put(other, "b", "1", 1, 0, 0), LW_FULL);
        lw_store_free(other);
    }
}

static void test_half_an_allocator(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 1);
    lw_store *other = store;
    env.alloc = NULL;
    assert_int_equal(lw_store_memory_new(&other, &env, NULL), LW_INVALID);
    assert_null(other);
}

static void test_the_log_explains(void **state) {
    (void)state;
    assert_int_equal(put("name", "x", 0), LW_OK);
    assert_int_equal(book.told, 0);
    assert_int_equal(lw_store_add(store, "name", 1, 0, NULL, 0), LW_INVALID);
    assert_told(&book, LW_INVALID, "name is no counter");
    assert_int_equal(book.told, 1);
    char out[1];
    assert_int_equal(lw_store_get(store, NULL, out, 1, 0), LW_INVALID);
    assert_int_equal(lw_store_get(store, "name", NULL, 1, 0), LW_INVALID);
    assert_int_equal(book.told, 3);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_default, close_store)
#define SMALL(test) cmocka_unit_test_setup_teardown(test, open_small, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_the_contract),
        WITH_STORE(test_the_contract_without_a_clock_to_move),
        cmocka_unit_test(test_free_of_nothing),
        WITH_STORE(test_the_empty_key),
        SMALL(test_the_bound_of_entries),
        SMALL(test_the_bound_of_bytes),
        SMALL(test_what_could_never_fit),
        SMALL(test_the_expired_do_not_stand_in_the_way),
        WITH_STORE(test_all_that_expired_makes_way),
        WITH_STORE(test_writes_clear_out_the_expired),
        WITH_STORE(test_time_that_steps_back),
        WITH_STORE(test_the_end_of_time),
        WITH_STORE(test_expired_entries_are_not_listed),
        WITH_STORE(test_listings_are_exact_and_bounded),
        cmocka_unit_test(test_other_sizes_of_options),
        WITH_STORE(test_half_an_allocator),
        WITH_STORE(test_the_log_explains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
