/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads share one store: sums are exact, one swap in each round wins, readers never see half a value, bounds hold at
 * every moment, and a listing sees what stays while the rest comes and goes.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/store.h>

enum { HANDS = 4, ROUNDS = 2000, COUNTERS = 5, STAYING = 100, BOUND = 40 };

static lw_store *store;
static ledger book;
static crew hands;

static int open_store(void **state) {
    (void)state;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    return lw_store_memory_new(&store, &env, NULL);
}

static int close_store(void **state) {
    (void)state;
    lw_store_free(store);
    ledger_close(&book);
    return 0;
}

static const char *name(char room[32], const char *what, uint64_t number) {
    snprintf(room, 32, "%s/%llu", what, (unsigned long long)number);
    return room;
}

/* ---- sums and swaps ---- */

static void add_some(crew_hand *hand) {
    char key[32];
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        CREW_EXPECT(hand, lw_store_add(store, name(key, "sum", i % COUNTERS), 3, 0, NULL, 0) == LW_OK);
    }
}

static void test_sums_are_exact(void **state) {
    (void)state;
    int64_t sum, total = 0;
    char key[32];
    crew_run(&hands, HANDS, add_some);
    for (uint64_t i = 0; i < COUNTERS; i++) {
        assert_int_equal(lw_store_add(store, name(key, "sum", i), 0, 0, &sum, 0), LW_OK);
        total += sum;
    }
    assert_int_equal(total, (int64_t)HANDS * ROUNDS * crew_factor() * 3);
}

/* Adds one by swapping alone: what one hand has put on, no other may take off. */
static void swap_some(crew_hand *hand) {
    for (uint32_t done = 0; done < ROUNDS * crew_factor();) {
        uint64_t value = 0, next;
        ptrdiff_t size = lw_store_get(store, "swapped", &value, sizeof value, 0);
        CREW_EXPECT(hand, size == sizeof value || size == LW_UNKNOWN);
        next = value + 1;
        int won = lw_store_compare_and_set(store, "swapped", size < 0 ? NULL : &value, sizeof value, &next, sizeof next,
                                           0, 0);
        CREW_EXPECT(hand, won == 0 || won == 1);
        done += won == 1;
    }
}

static void test_no_swap_is_lost(void **state) {
    (void)state;
    uint64_t value = 0;
    crew_run(&hands, HANDS, swap_some);
    assert_int_equal(lw_store_get(store, "swapped", &value, sizeof value, 0), sizeof value);
    assert_int_equal(value, (uint64_t)HANDS * ROUNDS * crew_factor());
}

/* ---- whole values ---- */

static void put_and_get(crew_hand *hand) {
    unsigned char value[200];
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        if (crew_random(hand) % 2 == 0) {
            size_t size = 1 + crew_random(hand) % sizeof value;
            memset(value, (int)size, size);
            CREW_EXPECT(hand, lw_store_put(store, "whole", value, size, 0, 0) == LW_OK);
        } else {
            ptrdiff_t size = lw_store_get(store, "whole", value, sizeof value, 0);
            for (ptrdiff_t at = 0; at < size; at++) {
                CREW_EXPECT(hand, value[at] == (unsigned char)size);
            }
        }
    }
}

static void test_values_are_whole(void **state) {
    (void)state;
    crew_run(&hands, HANDS, put_and_get);
}

/* ---- listings and expiry ---- */

static int tick_off(void *user, const char *key, const void *value, size_t size) {
    uint32_t *seen = user;
    (void)value, (void)size;
    if (strncmp(key, "stay/", 5) == 0) {
        seen[strtoul(key + 5, NULL, 10)]++;
    }
    return 0;
}

static void come_and_go(crew_hand *hand) {
    char key[32];
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t number = crew_random(hand) % 300;
        switch (crew_random(hand) % 4) {
        case 0: lw_store_remove(store, name(key, "go", number), 0); break;
        case 1: __atomic_add_fetch(&book.now, 1, __ATOMIC_RELAXED); break;
        default: CREW_EXPECT(hand, lw_store_put(store, name(key, "go", number), "x", 1, number % 50, 0) == LW_OK);
        }
    }
}

static void list_or_change(crew_hand *hand) {
    if (hand->number > 1) {
        come_and_go(hand);
        return;
    }
    for (uint32_t round = 0; round < 20 * crew_factor(); round++) {
        uint32_t seen[STAYING] = {0};
        uint64_t cursor = 0;
        do {
            CREW_EXPECT(hand, lw_store_list(store, hand->number == 0 ? "stay/" : "", &cursor,
                                            1 + (uint32_t)(crew_random(hand) % 20), tick_off, seen, 0) >= 0);
        } while (cursor != 0);
        for (uint32_t i = 0; i < STAYING; i++) {
            CREW_EXPECT(hand, seen[i] == 1); /* once at least by the contract, and in this store exactly */
        }
    }
}

static void test_listings_see_what_stays(void **state) {
    (void)state;
    char key[32];
    for (uint64_t i = 0; i < STAYING; i++) {
        assert_int_equal(lw_store_put(store, name(key, "stay", i), "x", 1, 0, 0), LW_OK);
    }
    crew_run(&hands, HANDS, list_or_change);
}

/* ---- bounds ---- */

static uint64_t in_the_store; /* entries, counted after each change: one too many for each hand at most */

static void crowd(crew_hand *hand) {
    char key[32];
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        uint64_t number = crew_random(hand) % BOUND * HANDS + hand->number; /* keys of its own */
        if (lw_store_remove(store, name(key, "k", number), 0) == 0) {
            int answer = lw_store_put(store, key, "x", 1, 0, 0);
            CREW_EXPECT(hand, answer == LW_OK || answer == LW_FULL);
            if (answer == LW_OK) {
                CREW_EXPECT(hand, __atomic_add_fetch(&in_the_store, 1, __ATOMIC_SEQ_CST) <= BOUND + HANDS);
            }
        } else {
            __atomic_sub_fetch(&in_the_store, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static int count_one(void *user, const char *key, const void *value, size_t size) {
    (void)key, (void)value, (void)size;
    ++*(uint64_t *)user;
    return 0;
}

static void test_bounds_hold(void **state) {
    (void)state;
    uint64_t cursor = 0, counted = 0;
    lw_store *wide = store;
    lw_env env = ledger_env(&book, 2);
    env.log = NULL;
    const lw_store_memory_options options = {sizeof options, BOUND, 0};
    assert_int_equal(lw_store_memory_new(&store, &env, &options), LW_OK);
    in_the_store = 0;
    crew_run(&hands, HANDS, crowd);
    assert_true(lw_store_list(store, "", &cursor, 10000, count_one, &counted, 0) >= 0);
    assert_int_equal(counted, in_the_store);
    lw_store_free(store);
    store = wide;
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_sums_are_exact),          WITH_STORE(test_no_swap_is_lost), WITH_STORE(test_values_are_whole),
        WITH_STORE(test_listings_see_what_stays), WITH_STORE(test_bounds_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
