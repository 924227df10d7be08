/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cursors of listings: what is written is read back; and a listing that stops at any entry, with pages of any size,
   gives all that stays once, while others come and go in thousands and the table of the server grows and shrinks. */
#include "site.h"

#include "list.h"

enum { MARKS_STAYING = 300, MARKS_PASSING = 6000, MARKS_LISTINGS = 12, MARKS_MISSED = 3 };

static void marks_there_and_back(const struct lw__redis_mark *mark) {
    uint64_t cursor = lw__redis_mark_write(mark);
    struct lw__redis_mark back = lw__redis_mark_read(cursor);
    assert_int_equal(back.master, mark->master);
    assert_true(back.scan == mark->scan);
    assert_int_equal(back.inside, mark->inside);
    assert_int_equal(cursor >> 63, mark->inside);
    if (mark->inside) {
        assert_int_equal(back.count, mark->count);
        assert_int_equal(back.seed, mark->seed);
        assert_int_equal(back.check, mark->check);
        assert_true(back.hash == mark->hash);
    }
}

static void test_there_and_back(void **state) {
    (void)state;
    uint64_t chance = 6;
    for (int i = 0; i < 100000; i++) {
        struct lw__redis_mark mark = {.master = (uint32_t)site_below(&chance, 1024)};
        mark.inside = site_below(&chance, 2) == 1;
        mark.scan = site_random(&chance) >> (64 - 1 - site_below(&chance, mark.inside ? 36 : LW__REDIS_SCAN_BITS));
        mark.count = (uint32_t)site_below(&chance, 16);
        uint32_t bits = lw__redis_mark_bits(mark.scan, mark.count);
        mark.seed = (uint32_t)site_below(&chance, LW__REDIS_SEED_TRIES);
        mark.check = (uint32_t)site_below(&chance, UINT64_C(1) << lw__redis_mark_check_bits(mark.scan, mark.count));
        mark.hash = bits > 0 ? site_random(&chance) >> (64 - bits) : 0;
        marks_there_and_back(&mark);
    }
}

/* Puts thousands of others beside them, or takes those away again. */
static void marks_pass(lw_store *store, uint32_t op) {
    static lw_store_step steps[MARKS_PASSING];
    static char keys[MARKS_PASSING][24];
    for (int i = 0; i < MARKS_PASSING; i++) {
        snprintf(keys[i], sizeof keys[i], "passing/%d", i);
        steps[i] = (lw_store_step){.op = op, .key = keys[i]};
    }
    assert_int_equal(lw_store_batch(store, steps, MARKS_PASSING, 0), LW_OK);
}

struct marks_seen {
    uint32_t times[MARKS_STAYING];
    uint32_t stop_after;
    bool stopped;
};

static int marks_see(void *user, const char *key, const void *value, size_t size) {
    struct marks_seen *seen = user;
    uint32_t number;
    assert_false(seen->stopped); /* not called again after it has said stop */
    assert_int_equal(size, 1);
    assert_memory_equal(value, "v", 1);
    assert_int_equal(sscanf(key, "staying/*/%u", &number), 1);
    assert_true(number < MARKS_STAYING);
    seen->times[number]++;
    seen->stopped = --seen->stop_after == 0;
    return seen->stopped;
}

static void marks_stay(lw_store *store) {
    for (int i = 0; i < MARKS_STAYING; i++) {
        char key[24];
        snprintf(key, sizeof key, "staying/*/%d", i);
        assert_int_equal(lw_store_put(store, key, "v", 1, 0, 0), LW_OK);
    }
}

/* A listing that stops anywhere, on a server of its own; whether it has given all that stays. */
static bool marks_list(uint64_t chance) {
    static struct marks_seen seen;
    struct server server;
    uint64_t cursor = 0;
    bool all = true;
    int calls = 0;
    memset(&seen, 0, sizeof seen);
    server_start(&server, NULL);
    lw_store *store = site_store(&server);
    marks_stay(store);
    do {
        seen.stop_after = 1 + (uint32_t)site_below(&chance, 5);
        seen.stopped = false;
        uint32_t page = (uint32_t)site_below(&chance, 200);
        assert_true(lw_store_list(store, "staying/*/", &cursor, page, marks_see, &seen, 0) >= 0);
        if (calls % 40 == 20) {
            marks_pass(store, LW_STORE_PUT);
        } else if (calls % 40 == 39) {
            marks_pass(store, LW_STORE_REMOVE);
        }
        assert_true(++calls < 20000);
    } while (cursor != 0);
    for (int i = 0; i < MARKS_STAYING; i++) {
        all = all && seen.times[i] >= 1;
    }
    lw_store_free(store);
    server_stop(&server);
    return all;
}

/* The check in a cursor errs at times where a table is resized inside a page (list.h), and each server draws for itself
   where a key has its place: one listing in about 250 misses something here. Without the check nearly all would. */
static void test_stops_anywhere(void **state) {
    (void)state;
    uint32_t missed = 0;
    for (uint64_t i = 0; i < MARKS_LISTINGS; i++) {
        missed += !marks_list(17 + i);
    }
    assert_in_range(missed, 0, MARKS_MISSED);
}

/* Each call gives at most one, and goes on behind it; twice what the server moves in its table just then. */
static void test_one_at_a_time(void **state) {
    (void)state;
    static struct marks_seen seen;
    struct server server;
    uint64_t cursor = 0;
    int calls = 0;
    server_start(&server, NULL);
    lw_store *store = site_store(&server);
    marks_stay(store);
    do {
        seen.stop_after = 1;
        seen.stopped = false;
        int given = lw_store_list(store, "staying/*/", &cursor, 0, marks_see, &seen, 0);
        assert_in_range(given, 0, 1);
        assert_true(++calls < 2 * MARKS_STAYING);
    } while (cursor != 0);
    for (int i = 0; i < MARKS_STAYING; i++) {
        assert_in_range(seen.times[i], 1, 2);
    }
    lw_store_free(store);
    server_stop(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_stops_anywhere),
        cmocka_unit_test(test_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
