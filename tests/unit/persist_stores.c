/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stores that fail at the n-th call, that are full, that list an entry twice; and what the store is asked with. */
#include "persist_shelf.h"

enum { NODES = 200, PAGES = (NODES + 63) / 64 };

/* Hands on to a store in memory, until its time to fail comes. */
struct moody {
    lw_store store;
    lw_store *inner;
    uint64_t ttl, deadline; /* of the last call */
    int calls, fail_at, error;
    int repeats; /* how often each entry is listed */
};

static bool moody_fails(struct moody *moody, uint64_t deadline) {
    moody->deadline = deadline;
    return ++moody->calls == moody->fail_at;
}

static int moody_put(lw_store *store, const char *key, const void *value, size_t size, uint64_t ttl,
                     uint64_t deadline) {
    struct moody *moody = (struct moody *)store;
    moody->ttl = ttl;
    return moody_fails(moody, deadline) ? moody->error : lw_store_put(moody->inner, key, value, size, ttl, deadline);
}

struct repeating {
    struct moody *moody;
    lw_store_each *each;
    void *user;
};

static int repeat(void *user, const char *key, const void *value, size_t size) {
    const struct repeating *repeating = user;
    int answer = 0;
    for (int i = 0; i < repeating->moody->repeats && answer == 0; i++) {
        answer = repeating->each(repeating->user, key, value, size);
    }
    return answer;
}

static int moody_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page, lw_store_each *each,
                      void *user, uint64_t deadline) {
    struct moody *moody = (struct moody *)store;
    struct repeating repeating = {moody, each, user};
    return moody_fails(moody, deadline)
               ? moody->error
               : lw_store_list(moody->inner, prefix, cursor, page, repeat, &repeating, deadline);
}

static const lw_store_ops moody_ops = {.size = sizeof moody_ops, .put = moody_put, .list = moody_list};

static void moody_open(struct moody *moody, shelf *own) {
    shelf_open(own);
    *moody = (struct moody){.store.ops = &moody_ops, .inner = own->store, .repeats = 1};
    own->where.store = &moody->store;
}

static void moody_reset(struct moody *moody, int fail_at, int error) {
    moody->calls = 0;
    moody->fail_at = fail_at;
    moody->error = error;
}

/* ---- the trackers, one function each for saving and loading ---- */

struct room {
    void *tracker;
    void *(*make)(void);
    int (*save)(const lw_persist *where, void *tracker);
    int (*load)(const lw_persist *where, void *tracker);
    void (*free)(void *tracker);
    int records; /* of NODES nodes */
};

static void *health_make(void) {
    lw_health *health;
    assert_int_equal(lw_health_new(&health, NULL, NULL), LW_OK);
    return health;
}

static void *latency_make(void) {
    lw_latency *latency;
    assert_int_equal(lw_latency_new(&latency, NULL, NULL), LW_OK);
    return latency;
}

static void *quota_make(void) {
    lw_quota *quota;
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "tpm", .window = 60 * SHELF_SECOND};
    lw_quota_limit limit = {0, 0, 1000, 0};
    options.dimensions = &dimension;
    options.dimension_count = 1;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    for (uint64_t node = 0; node < NODES; node++) {
        assert_int_equal(lw_quota_register(quota, node, &limit, 1, 0), LW_OK);
    }
    return quota;
}

static int health_save(const lw_persist *where, void *tracker) { return lw_persist_save_health(where, tracker); }
static int health_load(const lw_persist *where, void *tracker) { return lw_persist_load_health(where, tracker); }
static int latency_save(const lw_persist *where, void *tracker) { return lw_persist_save_latency(where, tracker); }
static int latency_load(const lw_persist *where, void *tracker) { return lw_persist_load_latency(where, tracker); }
static int quota_save(const lw_persist *where, void *tracker) { return lw_persist_save_quota(where, tracker); }
static int quota_load(const lw_persist *where, void *tracker) { return lw_persist_load_quota(where, tracker); }
static void health_free(void *tracker) { lw_health_free(tracker); }
static void latency_free(void *tracker) { lw_latency_free(tracker); }
static void quota_free(void *tracker) { lw_quota_free(tracker); }

enum { ROOMS = 3 };
static const struct room rooms[ROOMS] = {
    {NULL, health_make, health_save, health_load, health_free, NODES},
    {NULL, latency_make, latency_save, latency_load, latency_free, NODES + 1},
    {NULL, quota_make, quota_save, quota_load, quota_free, NODES},
};

static struct room room_open(int which) {
    struct room room = rooms[which];
    lw_sample sample = LW_SAMPLE_INIT;
    lw_amount amount = {0, 10};
    sample.latency = SHELF_MS;
    room.tracker = room.make();
    for (uint64_t node = 0; node < NODES; node++) {
        int answer = which == 0   ? lw_health_report_at(room.tracker, node, LW_OUTCOME_FAILURE, NULL, SHELF_NOW)
                     : which == 1 ? lw_latency_observe_at(room.tracker, node, &sample, SHELF_NOW)
                                  : lw_quota_record_at(room.tracker, node, &amount, 1, SHELF_NOW);
        assert_int_equal(answer, 1);
    }
    return room;
}

/* ---- */

static void test_saving_stops_where_the_store_fails(void **state) {
    (void)state;
    for (int which = 0; which < ROOMS; which++) {
        shelf own;
        struct moody moody;
        struct room room = room_open(which);
        moody_open(&moody, &own);
        for (int at = 1; at <= room.records; at++) {
            int error = at % 2 == 0 ? LW_UNAVAILABLE : LW_FULL;
            moody_reset(&moody, at, error);
            assert_int_equal(room.save(&own.where, room.tracker), error);
            assert_int_equal(moody.calls, at);
        }
        moody_reset(&moody, room.records + 1, LW_UNAVAILABLE);
        assert_int_equal(room.save(&own.where, room.tracker), room.records);
        room.free(room.tracker);
        shelf_close(&own);
    }
}

static void test_loading_stops_where_the_store_fails(void **state) {
    (void)state;
    for (int which = 0; which < ROOMS; which++) {
        shelf own;
        struct moody moody;
        struct room room = room_open(which);
        moody_open(&moody, &own);
        assert_int_equal(room.save(&own.where, room.tracker), room.records);
        moody_reset(&moody, 0, 0);
        void *fresh = room.make();
        assert_int_equal(room.load(&own.where, fresh), room.records);
        int pages = moody.calls;
        assert_true(pages >= PAGES);
        room.free(fresh);
        for (int at = 1; at <= pages; at++) {
            fresh = room.make();
            moody_reset(&moody, at, LW_UNAVAILABLE);
            assert_int_equal(room.load(&own.where, fresh), LW_UNAVAILABLE);
            assert_int_equal(moody.calls, at);
            room.free(fresh);
        }
        room.free(room.tracker);
        shelf_close(&own);
    }
}

/* A real bound: what was written before it stays, and loads. */
static void test_a_full_store(void **state) {
    (void)state;
    for (int which = 0; which < ROOMS; which++) {
        shelf own;
        lw_store_memory_options options = LW_STORE_MEMORY_OPTIONS_INIT;
        struct room room = room_open(which);
        void *fresh = room.make();
        shelf_open(&own);
        options.max_entries = 10;
        assert_int_equal(lw_store_memory_new(&own.where.store, NULL, &options), LW_OK);
        assert_int_equal(room.save(&own.where, room.tracker), LW_FULL);
        assert_int_equal(room.load(&own.where, fresh), 10);
        lw_store_free(own.where.store);
        room.free(fresh);
        room.free(room.tracker);
        shelf_close(&own);
    }
}

/* A store may list an entry more than once: it counts once all the same, and is refused once. */
static void test_entries_that_are_listed_twice(void **state) {
    (void)state;
    for (int which = 0; which < ROOMS; which++) {
        shelf own;
        struct moody moody;
        struct room room = room_open(which);
        void *fresh = room.make();
        moody_open(&moody, &own);
        assert_int_equal(room.save(&own.where, room.tracker), room.records);
        shelf_lay(&own, "t/health/bad", "", 0);
        shelf_lay(&own, "t/latency/bad", "", 0);
        shelf_lay(&own, "t/quota/bad", "", 0);
        moody.repeats = 3;
        assert_int_equal(room.load(&own.where, fresh), room.records);
        assert_int_equal(own.refused, 1);
        for (uint64_t node = 0; which == 2 && node < NODES; node++) {
            lw_quota_reading reading = LW_QUOTA_READING_INIT;
            assert_int_equal(lw_quota_read_at(fresh, node, 0, SHELF_NOW, &reading), LW_OK);
            assert_int_equal(reading.used, 10);
        }
        room.free(fresh);
        room.free(room.tracker);
        shelf_close(&own);
    }
}

static void test_ttl_and_deadline_are_handed_on(void **state) {
    (void)state;
    for (int which = 0; which < ROOMS; which++) {
        shelf own;
        struct moody moody;
        struct room room = room_open(which);
        moody_open(&moody, &own);
        own.where.ttl = 77;
        own.where.deadline = 88;
        assert_int_equal(room.save(&own.where, room.tracker), room.records);
        assert_int_equal(moody.ttl, 77);
        assert_int_equal(moody.deadline, 88);
        own.where.deadline = 99;
        assert_true(room.load(&own.where, room.tracker) >= 0);
        assert_int_equal(moody.deadline, 99);
        room.free(room.tracker);
        shelf_close(&own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saving_stops_where_the_store_fails),
        cmocka_unit_test(test_loading_stops_where_the_store_fails),
        cmocka_unit_test(test_a_full_store),
        cmocka_unit_test(test_entries_that_are_listed_twice),
        cmocka_unit_test(test_ttl_and_deadline_are_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
