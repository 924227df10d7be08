/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every store must do, whatever it is made of. store_contract(store, pass, user) runs it all against one store,
 * and leaves nothing behind; entries, accounts and meetings other than those under "contract/" may be in it and stay
 * untouched. That is the whole interface; the three headers beside it are its parts.
 *
 * pass(user, ns) lets that much of the store's time go by, to the µs. NULL for a store whose clock cannot be moved:
 * what is said of the expiry of hours is then not looked at, only that of milliseconds, which are waited for by asking.
 */
#ifndef LOADWISE_TESTS_STORE_CONTRACT_H
#define LOADWISE_TESTS_STORE_CONTRACT_H

#include "account_contract.h"

#include <inttypes.h>
#include <loadwise/store.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

typedef void store_pass(void *user, uint64_t ns);

enum { CONTRACT_MANY = 500 };

#define CONTRACT "contract/"
#define CONTRACT_SECOND UINT64_C(1000000000)
#define CONTRACT_HOUR (3600 * CONTRACT_SECOND)

static inline void contract_expect(lw_store *store, const char *key, const char *value) {
    char out[64];
    ptrdiff_t size = lw_store_get(store, key, out, sizeof out, 0);
    if (value == NULL) {
        assert_int_equal(size, LW_UNKNOWN);
    } else {
        assert_int_equal(size, strlen(value));
        assert_memory_equal(out, value, strlen(value));
    }
}

static inline void contract_put(lw_store *store, const char *key, const char *value, uint64_t ttl) {
    assert_int_equal(lw_store_put(store, key, value, strlen(value), ttl, 0), LW_OK);
}

static inline int contract_swap(lw_store *store, const char *key, const char *expected, const char *value,
                                uint64_t ttl) {
    return lw_store_compare_and_set(store, key, expected, expected != NULL ? strlen(expected) : 0, value, strlen(value),
                                    ttl, 0);
}

static inline void contract_values(lw_store *store) {
    static const char key[] = CONTRACT "value";
    char out[8] = "-------";
    contract_expect(store, key, NULL);
    contract_put(store, key, "hello", 0);
    contract_expect(store, key, "hello");
    assert_int_equal(lw_store_get(store, key, out, 2, 0), 5); /* the whole size, part of the bytes */
    assert_memory_equal(out, "he-----", 7);
    assert_int_equal(lw_store_get(store, key, NULL, 0, 0), 5);
    contract_put(store, key, "other", 0);
    contract_expect(store, key, "other");
    contract_put(store, key, "", 0); /* empty is not absent */
    contract_expect(store, key, "");
    assert_int_equal(lw_store_put(store, key, NULL, 0, 0, 0), LW_OK);
    contract_expect(store, key, "");
    assert_int_equal(lw_store_remove(store, key, 0), 1);
    assert_int_equal(lw_store_remove(store, key, 0), 0);
    contract_expect(store, key, NULL);
}

static inline void contract_bytes(lw_store *store) {
    static const char key[] = CONTRACT "any bytes \x01\xc3\xa9\xff %s";
    unsigned char in[4096], out[4096];
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = (unsigned char)(i * 7);
    }
    assert_int_equal(lw_store_put(store, key, in, sizeof in, 0, 0), LW_OK);
    assert_int_equal(lw_store_get(store, key, out, sizeof out, 0), sizeof in);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

static inline void contract_refusals(lw_store *store) {
    static const char key[] = CONTRACT "refused";
    uint64_t cursor = 0;
    char out[4];
    assert_int_equal(lw_store_get(store, NULL, out, sizeof out, 0), LW_INVALID);
    assert_int_equal(lw_store_put(store, NULL, "x", 1, 0, 0), LW_INVALID);
    assert_int_equal(lw_store_put(store, key, NULL, 1, 0, 0), LW_INVALID);
    assert_int_equal(lw_store_remove(store, NULL, 0), LW_INVALID);
    assert_int_equal(lw_store_list(store, NULL, &cursor, 1, NULL, NULL, 0), LW_INVALID);
    assert_int_equal(lw_store_add(store, NULL, 1, 0, NULL, 0), LW_INVALID);
    assert_int_equal(lw_store_compare_and_set(store, NULL, NULL, 0, "x", 1, 0, 0), LW_INVALID);
    assert_int_equal(lw_store_compare_and_set(store, key, NULL, 0, NULL, 1, 0, 0), LW_INVALID);
    contract_expect(store, key, NULL);
}

static inline void contract_sums(lw_store *store) {
    static const char key[] = CONTRACT "sum";
    int64_t sum = 0;
    assert_int_equal(lw_store_add(store, key, 5, 0, &sum, 0), LW_OK);
    assert_int_equal(sum, 5);
    contract_expect(store, key, "5");
    assert_int_equal(lw_store_add(store, key, -15, 0, &sum, 0), LW_OK);
    assert_int_equal(sum, -10);
    contract_expect(store, key, "-10");
    assert_int_equal(lw_store_add(store, key, 10, 0, NULL, 0), LW_OK);
    contract_expect(store, key, "0");
    assert_int_equal(lw_store_add(store, key, INT64_MAX, 0, &sum, 0), LW_OK);
    assert_true(sum == INT64_MAX);
    assert_int_equal(lw_store_add(store, key, 1, 0, &sum, 0), LW_INVALID);
    contract_expect(store, key, "9223372036854775807");
    contract_put(store, key, "-9223372036854775807", 0);
    assert_int_equal(lw_store_add(store, key, -1, 0, &sum, 0), LW_OK);
    assert_true(sum == INT64_MIN);
    assert_int_equal(lw_store_add(store, key, -1, 0, &sum, 0), LW_INVALID);
    contract_expect(store, key, "-9223372036854775808");
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

static inline void contract_no_numbers(lw_store *store) {
    static const char key[] = CONTRACT "no number";
    static const char *const texts[] = {"",
                                        "x",
                                        "1x",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "01",
                                        "1.0",
                                        "0x1",
                                        "--1",
                                        "1-",
                                        "9223372036854775808",
                                        "-",
                                        "-9223372036854775809",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        contract_put(store, key, texts[i], 0);
        assert_int_equal(lw_store_add(store, key, 0, 0, NULL, 0), LW_INVALID);
        contract_expect(store, key, texts[i]);
    }
    assert_int_equal(lw_store_put(store, key, "1\0", 2, 0, 0), LW_OK);
    assert_int_equal(lw_store_add(store, key, 0, 0, NULL, 0), LW_INVALID);
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

static inline void contract_comparisons(lw_store *store) {
    static const char key[] = CONTRACT "compared";
    assert_int_equal(contract_swap(store, key, "x", "y", 0), 0); /* nothing there */
    assert_int_equal(contract_swap(store, key, "", "y", 0), 0);  /* empty is not absent */
    contract_expect(store, key, NULL);
    assert_int_equal(contract_swap(store, key, NULL, "one", 0), 1);
    assert_int_equal(contract_swap(store, key, NULL, "two", 0), 0);
    assert_int_equal(contract_swap(store, key, "on", "two", 0), 0);
    assert_int_equal(contract_swap(store, key, "one ", "two", 0), 0);
    assert_int_equal(contract_swap(store, key, "onE", "two", 0), 0);
    contract_expect(store, key, "one");
    assert_int_equal(contract_swap(store, key, "one", "", 0), 1);
    contract_expect(store, key, "");
    assert_int_equal(contract_swap(store, key, NULL, "two", 0), 0);
    assert_int_equal(contract_swap(store, key, "", "two", 0), 1);
    contract_expect(store, key, "two");
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

/* A deadline that is far away changes nothing. */
static inline void contract_deadlines(lw_store *store) {
    static const char key[] = CONTRACT "deadline";
    const uint64_t far = UINT64_MAX;
    char out[4];
    assert_int_equal(lw_store_put(store, key, "1", 1, 0, far), LW_OK);
    assert_int_equal(lw_store_get(store, key, out, sizeof out, far), 1);
    assert_int_equal(lw_store_add(store, key, 1, 0, NULL, far), LW_OK);
    assert_int_equal(lw_store_compare_and_set(store, key, "2", 1, "3", 1, 0, far), 1);
    assert_int_equal(lw_store_remove(store, key, far), 1);
}

/* ---- expiry ---- */

static inline void contract_expiry(lw_store *store, store_pass *pass, void *user) {
    static const char key[] = CONTRACT "expires";
    contract_put(store, key, "x", 2 * CONTRACT_SECOND);
    contract_expect(store, key, "x");
    pass(user, CONTRACT_SECOND);
    contract_expect(store, key, "x");
    pass(user, CONTRACT_SECOND);
    contract_expect(store, key, NULL);
    assert_int_equal(lw_store_remove(store, key, 0), 0);

    contract_put(store, key, "x", CONTRACT_SECOND);
    contract_put(store, key, "x", 0); /* each put sets its own */
    pass(user, CONTRACT_HOUR);
    contract_expect(store, key, "x");
    contract_put(store, key, "x", UINT64_MAX); /* longer than time itself */
    pass(user, CONTRACT_HOUR);
    contract_expect(store, key, "x");
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

static inline void contract_expiry_of_sums(lw_store *store, store_pass *pass, void *user) {
    static const char key[] = CONTRACT "sum that expires";
    int64_t sum;
    assert_int_equal(lw_store_add(store, key, 1, 2 * CONTRACT_SECOND, &sum, 0), LW_OK);
    pass(user, CONTRACT_SECOND);
    assert_int_equal(lw_store_add(store, key, 1, CONTRACT_HOUR, &sum, 0), LW_OK); /* keeps the ttl it has */
    assert_int_equal(sum, 2);
    pass(user, CONTRACT_SECOND);
    assert_int_equal(lw_store_add(store, key, 7, 0, &sum, 0), LW_OK); /* a new one, for ever */
    assert_int_equal(sum, 7);
    pass(user, CONTRACT_HOUR);
    contract_expect(store, key, "7");
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

static inline void contract_expiry_of_comparisons(lw_store *store, store_pass *pass, void *user) {
    static const char key[] = CONTRACT "lock";
    assert_int_equal(contract_swap(store, key, NULL, "me", 2 * CONTRACT_SECOND), 1);
    assert_int_equal(contract_swap(store, key, NULL, "you", 2 * CONTRACT_SECOND), 0);
    pass(user, CONTRACT_SECOND);
    assert_int_equal(contract_swap(store, key, "me", "me", 2 * CONTRACT_SECOND), 1); /* prolonged */
    pass(user, CONTRACT_SECOND);
    assert_int_equal(contract_swap(store, key, NULL, "you", 2 * CONTRACT_SECOND), 0);
    pass(user, CONTRACT_SECOND);
    assert_int_equal(contract_swap(store, key, "me", "me", 2 * CONTRACT_SECOND), 0);
    assert_int_equal(contract_swap(store, key, NULL, "you", 2 * CONTRACT_SECOND), 1);
    assert_int_equal(lw_store_remove(store, key, 0), 1);
}

/* For clocks that cannot be moved: asks until what lives a few milliseconds has gone. */
static inline void contract_short_lives(lw_store *store) {
    static const char key[] = CONTRACT "short", lock[] = CONTRACT "short lock";
    const uint64_t while_ns = CONTRACT_SECOND / 200;
    lw_store_step meeting = batch_meeting(BATCH "{short}", "a", while_ns, 1);
    contract_put(store, key, "x", while_ns);
    assert_int_equal(contract_swap(store, lock, NULL, "me", while_ns), 1);
    batch_run(store, &meeting, 1);
    assert_int_equal(meeting.answer, 1);
    while (lw_store_get(store, key, NULL, 0, 0) != LW_UNKNOWN) {
    }
    while (contract_swap(store, lock, NULL, "you", 0) != 1) {
    }
    while (batch_meet(store, BATCH "{short}", "b", 0, 0).answer != 0) {
    }
    assert_int_equal(lw_store_remove(store, key, 0), 0);
    assert_int_equal(lw_store_remove(store, lock, 0), 1);
}

/* ---- listing ---- */

typedef struct contract_listing {
    lw_store *store;
    uint32_t seen[CONTRACT_MANY];
    uint32_t others, stop_after;
    bool change; /* remove what comes, put something else */
} contract_listing;

static inline void contract_key(char key[64], const char *group, uint32_t number) {
    snprintf(key, 64, CONTRACT "%s/%" PRIu32, group, number);
}

static inline int contract_note(void *user, const char *key, const void *value, size_t size) {
    contract_listing *listing = user;
    uint32_t number;
    char expected[16];
    if (sscanf(key, CONTRACT "many/%" SCNu32, &number) != 1) {
        listing->others++;
        return 0;
    }
    assert_in_range(number, 0, CONTRACT_MANY - 1);
    assert_int_equal(size, snprintf(expected, sizeof expected, "%" PRIu32, number));
    assert_memory_equal(value, expected, size);
    listing->seen[number]++;
    if (listing->change && number % 2 == 0) { /* the store may be called from here */
        char other[64];
        assert_int_equal(lw_store_remove(listing->store, key, 0), 1);
        contract_key(other, "other", number);
        contract_put(listing->store, other, "x", 0);
    }
    return listing->stop_after != 0 && --listing->stop_after == 0;
}

static inline void contract_walk(contract_listing *listing, const char *prefix, uint32_t page) {
    uint64_t cursor = 0;
    uint32_t calls = 0;
    do {
        assert_true(lw_store_list(listing->store, prefix, &cursor, page, contract_note, listing, 0) >= 0);
        assert_true(++calls < 100000);
    } while (cursor != 0);
}

static inline void contract_fill(lw_store *store) {
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        char key[64], value[16];
        contract_key(key, "many", i);
        snprintf(value, sizeof value, "%" PRIu32, i);
        contract_put(store, key, value, 0);
    }
}

static inline void contract_listings(lw_store *store) {
    static const uint32_t pages[] = {0, 1, 7, 100, 100000};
    contract_fill(store);
    for (size_t p = 0; p < sizeof pages / sizeof *pages; p++) {
        contract_listing listing = {.store = store};
        contract_walk(&listing, CONTRACT "many/", pages[p]);
        for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
            assert_true(listing.seen[i] >= 1);
        }
        assert_int_equal(listing.others, 0); /* nothing without the prefix */
    }
    contract_listing few = {.store = store}, none = {.store = store};
    contract_walk(&few, CONTRACT "many/42", 10);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        assert_true((few.seen[i] > 0) == (i == 42 || (i >= 420 && i < 430)));
    }
    contract_walk(&none, CONTRACT "many/x*?[", 10);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        assert_int_equal(none.seen[i], 0);
    }
}

/* Stops often, and yet comes by everything. */
static inline void contract_stopped_listing(lw_store *store) {
    contract_listing listing = {.store = store};
    uint64_t cursor = 0;
    do {
        listing.stop_after = 3;
        int given = lw_store_list(store, CONTRACT "many/", &cursor, 50, contract_note, &listing, 0);
        assert_true(given == 3 || (given >= 0 && listing.stop_after > 0)); /* stopped, or never got so far */
    } while (cursor != 0);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        assert_true(listing.seen[i] >= 1);
    }
}

/* While others come and go, what stays is seen. Leaves the store without entries of the contract. */
static inline void contract_changing_listing(lw_store *store) {
    contract_listing listing = {.store = store, .change = true};
    contract_walk(&listing, CONTRACT "many/", 10);
    for (uint32_t i = 0; i < CONTRACT_MANY; i++) {
        char key[64];
        assert_true(i % 2 == 0 || listing.seen[i] >= 1);
        contract_key(key, i % 2 == 0 ? "other" : "many", i);
        assert_int_equal(lw_store_remove(store, key, 0), 1);
    }
}

static inline void store_contract(lw_store *store, store_pass *pass, void *user) {
    contract_values(store);
    contract_bytes(store);
    contract_refusals(store);
    contract_sums(store);
    contract_no_numbers(store);
    contract_comparisons(store);
    contract_deadlines(store);
    contract_listings(store);
    contract_stopped_listing(store);
    contract_changing_listing(store);
    batch_contract(store, pass, user);
    account_contract(store);
    if (pass == NULL) {
        contract_short_lives(store);
    } else {
        contract_expiry(store, pass, user);
        contract_expiry_of_sums(store, pass, user);
        contract_expiry_of_comparisons(store, pass, user);
    }
}

#endif
