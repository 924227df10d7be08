/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out: a whole life of a store in memory, again and again, with allocation 1, 2, 3 ... failing until it
 * gets through. Every failure comes back as LW_NOMEM and changes nothing; the same call succeeds once there is memory.
 */
#include "../unit/ledger.h"

#include <loadwise/store.h>

static ledger book;
static uint32_t shortages;
static lw_store *store;

static void expect(const char *key, const char *value) {
    char out[32];
    ptrdiff_t size = lw_store_get(store, key, out, sizeof out, 0);
    assert_int_equal(size, value != NULL ? (ptrdiff_t)strlen(value) : LW_UNKNOWN);
    assert_true(value == NULL || memcmp(out, value, strlen(value)) == 0);
}

/* Was this call short of memory? */
static bool is_short(int answer) {
    shortages += answer == LW_NOMEM;
    return answer == LW_NOMEM;
}

static void put(const char *key, const char *before, const char *value) {
    expect(key, before);
    while (is_short(lw_store_put(store, key, value, strlen(value), 5, 0))) {
        expect(key, before);
    }
    expect(key, value);
}

static void swap(const char *key, const char *before, const char *value) {
    int answer;
    while (is_short(answer = lw_store_compare_and_set(store, key, before, before != NULL ? strlen(before) : 0, value,
                                                      strlen(value), 0, 0))) {
        expect(key, before);
    }
    assert_int_equal(answer, 1);
    expect(key, value);
}

static void add(const char *key, const char *before, int64_t amount, const char *value) {
    int64_t sum = 77;
    while (is_short(lw_store_add(store, key, amount, 0, &sum, 0))) {
        assert_int_equal(sum, 77);
        expect(key, before);
    }
    expect(key, value);
}

static void live(void) {
    lw_env env = ledger_env(&book, 1);
    while (is_short(lw_store_memory_new(&store, &env, NULL))) {
        assert_null(store);
    }
    put("a", NULL, "one");
    put("a", "one", "two");
    swap("b", NULL, "three");
    swap("b", "three", "four");
    add("c", NULL, 9, "9");
    add("c", "9", 1, "10");
    assert_int_equal(lw_store_remove(store, "a", 0), 1);
    lw_store_free(store);
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    uint64_t lives = 0;
    do {
        ledger_open(&book);
        book.fail_at = ++lives;
        shortages = 0;
        live();
        assert_int_equal(shortages, book.asked >= lives);
        ledger_close(&book);
    } while (shortages != 0);
    assert_int_equal(lives, 8); /* the store, six writes, and a life without want */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
