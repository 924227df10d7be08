/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two tools of the plans from inside: the sort by high halves and the map from id to index. */
#include "ledger.h"

#include "base/idmap.h"
#include "base/sort.h"

#include <loadwise/error.h>

enum { KEYS_MOST = 5000 };

static uint64_t from[KEYS_MOST], to[KEYS_MOST], ids[KEYS_MOST];
static const uint32_t sizes[] = {0, 1, 2, 63, 64, 65, 1000, KEYS_MOST};

static uint64_t scramble(uint64_t number) {
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

/* Ascending by the high half, and within equal ones by position, which the low half holds. */
static void check_order(uint32_t count) {
    uint64_t positions = 0;
    lw__sort_high(from, to, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || to[i - 1] >> 32 < to[i] >> 32 ||
                    (to[i - 1] >> 32 == to[i] >> 32 && (uint32_t)to[i - 1] < (uint32_t)to[i]));
        positions += (uint32_t)to[i];
    }
    assert_int_equal(positions, count == 0 ? 0 : (uint64_t)count * (count - 1) / 2);
}

static void test_sort(void **state) {
    (void)state;
    static const uint64_t masks[] = {UINT32_MAX, 0, 7, 0xff000000, 0x80000001, 0x003ff800};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
            for (uint32_t i = 0; i < sizes[s]; i++) {
                from[i] = (scramble(i) & masks[m]) << 32 | i;
            }
            check_order(sizes[s]);
        }
    }
}

static void test_sort_of_the_sorted_and_the_reverse(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (uint32_t i = 0; i < sizes[s]; i++) {
            from[i] = (uint64_t)i << 32 | i;
        }
        check_order(sizes[s]);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            from[i] = (uint64_t)(UINT32_MAX - i) << 32 | i;
        }
        check_order(sizes[s]);
    }
}

static ledger book;
static struct lw__idmap map;

static int build_map(uint32_t count, uint32_t *first, uint32_t *second) {
    lw_env env = ledger_env(&book, 1);
    return lw__idmap_init(&map, &env, ids, count, first, second);
}

static void drop_map(void) {
    lw_env env = ledger_env(&book, 1);
    lw__idmap_free(&map, &env);
}

static int open_book(void **state) {
    (void)state;
    ledger_open(&book);
    return 0;
}

static int close_book(void **state) {
    (void)state;
    ledger_close(&book);
    return 0;
}

static void test_map_finds_each_and_no_other(void **state) {
    (void)state;
    uint32_t first, second;
    for (int mixed = 0; mixed < 2; mixed++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (uint32_t i = 0; i < sizes[s]; i++) {
                ids[i] = mixed ? scramble(i) : i * 2; /* 0 is an id like any other */
            }
            assert_int_equal(build_map(sizes[s], &first, &second), LW_OK);
            for (uint32_t i = 0; i < sizes[s]; i++) {
                assert_int_equal(lw__idmap_find(&map, ids[i]), i);
                assert_int_equal(lw__idmap_find(&map, mixed ? scramble(i + KEYS_MOST) : i * 2 + 1), -1);
            }
            drop_map();
        }
    }
}

static void test_map_names_the_two_that_are_alike(void **state) {
    (void)state;
    uint32_t first, second;
    for (uint32_t i = 0; i < 100; i++) {
        ids[i] = scramble(i);
    }
    ids[71] = ids[17];
    assert_int_equal(build_map(100, &first, &second), LW_DUPLICATE);
    assert_int_equal(first, 17);
    assert_int_equal(second, 71);
}

static void test_map_without_memory(void **state) {
    (void)state;
    uint32_t first, second;
    book.fail_at = 1;
    assert_int_equal(build_map(100, &first, &second), LW_NOMEM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_of_the_sorted_and_the_reverse),
        cmocka_unit_test_setup_teardown(test_map_finds_each_and_no_other, open_book, close_book),
        cmocka_unit_test_setup_teardown(test_map_names_the_two_that_are_alike, open_book, close_book),
        cmocka_unit_test_setup_teardown(test_map_without_memory, open_book, close_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
