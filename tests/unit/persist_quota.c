/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Quotas, saved by one process and loaded by the next. */
#include "persist_shelf.h"

enum { NODE = 7, SLIDING = 0, GCRA = 1, FLYING = 2, WINDOW = 60, BUCKET = 3 };

#define MARK (20 * SHELF_SECOND)

static const lw_quota_dimension dimensions[] = {
    {sizeof(lw_quota_dimension), "tpm", LW_QUOTA_SLIDING, LW_QUOTA_EXACT, WINDOW *SHELF_SECOND, 20, LW_QUOTA_COVER_FULL,
     0, 0},
    {sizeof(lw_quota_dimension), "rps", LW_QUOTA_GCRA, LW_QUOTA_EXACT, SHELF_SECOND, 0, 0, 0, 0},
    {sizeof(lw_quota_dimension), "flying", LW_QUOTA_CONCURRENCY, LW_QUOTA_EXACT, 0, 0, 0, 0, 0},
};

static lw_quota *tracker_of(const lw_quota_dimension *own, uint32_t count, uint32_t flags) {
    lw_quota *quota;
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    options.dimensions = own;
    options.dimension_count = count;
    options.flags = flags;
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    return quota;
}

static lw_quota *tracker(void) {
    lw_quota *quota = tracker_of(dimensions, 3, 0);
    lw_quota_limit limits[] = {{SLIDING, 0, 1000, 0}, {GCRA, 0, 10, 100}, {FLYING, 0, 5, 0}};
    assert_int_equal(lw_quota_register(quota, NODE, limits, 3, 0), LW_OK);
    return quota;
}

static void use(lw_quota *quota, uint32_t dimension, uint64_t amount, uint64_t now) {
    lw_amount one = {dimension, amount};
    assert_int_equal(lw_quota_record_at(quota, NODE, &one, 1, now), 1);
}

/* Uses of several ages, a mark, a debt in gcra's bucket, and something in flight. */
static lw_quota *populated(void) {
    lw_quota *quota = tracker();
    lw_amount flying = {FLYING, 2};
    lw_reservation reservation;
    use(quota, SLIDING, 100, SHELF_NOW - 50 * SHELF_SECOND);
    use(quota, SLIDING, 200, SHELF_NOW - 20 * SHELF_SECOND);
    use(quota, SLIDING, 30, SHELF_NOW);
    use(quota, GCRA, 40, SHELF_NOW);
    assert_int_equal(lw_quota_reserve_at(quota, NODE, &flying, 1, SHELF_NOW, &reservation, NULL), LW_OK);
    assert_int_equal(lw_quota_mark_exhausted_at(quota, NODE, MARK, SHELF_NOW), LW_OK);
    return quota;
}

static lw_quota_reading reading_of(lw_quota *quota, uint32_t dimension, uint64_t now) {
    lw_quota_reading reading = LW_QUOTA_READING_INIT;
    assert_int_equal(lw_quota_read_at(quota, NODE, dimension, now, &reading), LW_OK);
    return reading;
}

static uint64_t used(lw_quota *quota, uint32_t dimension, uint64_t now) {
    return reading_of(quota, dimension, now).used;
}

static uint64_t marked(lw_quota *quota, uint64_t now) {
    uint64_t until;
    assert_int_equal(lw_quota_exhausted_until_at(quota, NODE, now, &until), LW_OK);
    return until;
}

static void assert_unused(lw_quota *quota, uint64_t now) {
    for (uint32_t d = 0; d < 3; d++) {
        assert_int_equal(used(quota, d, now), 0);
    }
    assert_int_equal(marked(quota, now), 0);
}

/* At each moment from loading on, both trackers count the same. A shift by whole buckets keeps buckets apart as they
   were. */
static void test_uses_count_on_as_they_would_have(void **state) {
    (void)state;
    shelf own;
    const uint64_t later = 5 * SHELF_SECOND, shift = 1000 * BUCKET * SHELF_SECOND;
    lw_quota *before = populated(), *after = tracker();
    shelf_open(&own);
    assert_int_equal(lw_persist_save_quota(&own.where, before), 1);
    shelf_wake(&own, later, SHELF_NOW + later + shift);
    assert_int_equal(lw_persist_load_quota(&own.where, after), 1);
    assert_int_equal(own.refused, 0);
    for (uint64_t at = SHELF_NOW + later; at < SHELF_NOW + 70 * SHELF_SECOND; at += SHELF_SECOND) {
        assert_int_equal(used(after, SLIDING, at + shift), used(before, SLIDING, at));
        assert_int_equal(used(after, GCRA, at + shift), used(before, GCRA, at));
        assert_int_equal(marked(after, at + shift), marked(before, at) == 0 ? 0 : marked(before, at) + shift);
    }
    lw_quota_free(before);
    lw_quota_free(after);
    shelf_close(&own);
}

static void overlook(void *user, uint64_t node, const char *dimension, uint64_t until) {
    (void)user, (void)node, (void)dimension, (void)until;
}

/* A tracker with an observer looks at all dimensions whenever one is used, each time at that time: so no use may come
   before one that is older. */
static void test_uses_come_oldest_first_over_all_dimensions(void **state) {
    (void)state;
    shelf own;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_quota_dimension two[] = {dimensions[SLIDING], dimensions[SLIDING]};
    lw_quota_limit limits[] = {{0, 0, 1000, 0}, {1, 0, 1000, 0}};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota *quota[2];
    two[1].name = "rpm";
    observer.quota_exhausted = overlook;
    options.dimensions = two;
    options.dimension_count = 2;
    options.observer = &observer;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lw_quota_new(&quota[i], NULL, &options), LW_OK);
        assert_int_equal(lw_quota_register(quota[i], NODE, limits, 2, 0), LW_OK);
    }
    use(quota[0], 1, 20, SHELF_NOW - 50 * SHELF_SECOND);
    use(quota[0], 0, 10, SHELF_NOW - 30 * SHELF_SECOND);
    use(quota[0], 1, 40, SHELF_NOW - 10 * SHELF_SECOND);
    shelf_open(&own);
    assert_int_equal(lw_persist_save_quota(&own.where, quota[0]), 1);
    assert_int_equal(lw_persist_load_quota(&own.where, quota[1]), 1);
    for (uint64_t at = SHELF_NOW; at < SHELF_NOW + 70 * SHELF_SECOND; at += SHELF_SECOND) {
        assert_int_equal(used(quota[1], 0, at), used(quota[0], 0, at));
        assert_int_equal(used(quota[1], 1, at), used(quota[0], 1, at));
    }
    lw_quota_free(quota[0]);
    lw_quota_free(quota[1]);
    shelf_close(&own);
}

static void test_what_is_in_flight_stays_behind(void **state) {
    (void)state;
    shelf own;
    lw_quota *before = populated(), *after = tracker();
    shelf_open(&own);
    lw_persist_save_quota(&own.where, before);
    lw_persist_load_quota(&own.where, after);
    assert_int_equal(used(before, FLYING, SHELF_NOW), 2);
    assert_int_equal(used(after, FLYING, SHELF_NOW), 0);
    lw_quota_free(before);
    lw_quota_free(after);
    shelf_close(&own);
}

/* A clock that is younger than the uses: none is lost, all count from its first moment on, and what would have come
   back before it began does not count at all. */
static void test_clocks_that_began_just_now(void **state) {
    (void)state;
    shelf own;
    lw_quota *before = populated(), *soon = tracker(), *late = tracker();
    shelf_open(&own);
    lw_persist_save_quota(&own.where, before);
    shelf_wake(&own, SHELF_SECOND, 0);
    assert_int_equal(lw_persist_load_quota(&own.where, soon), 1);
    assert_int_equal(used(soon, SLIDING, 0), 330);
    assert_int_equal(used(soon, GCRA, 0), 40);
    assert_int_equal(marked(soon, 1), 1 + MARK - SHELF_SECOND);
    assert_int_equal(used(soon, SLIDING, (WINDOW + BUCKET) * SHELF_SECOND), 0);
    shelf_wake(&own, (WINDOW + BUCKET) * SHELF_SECOND, SHELF_SECOND);
    assert_int_equal(lw_persist_load_quota(&own.where, late), 1);
    assert_unused(late, SHELF_SECOND);
    lw_quota_free(before);
    lw_quota_free(soon);
    lw_quota_free(late);
    shelf_close(&own);
}

/* Another program numbers its dimensions otherwise, and has one more. */
static void test_dimensions_go_by_name(void **state) {
    (void)state;
    shelf own;
    lw_quota_dimension other[] = {dimensions[GCRA], dimensions[FLYING], dimensions[SLIDING], dimensions[SLIDING]};
    other[3].name = "more";
    lw_quota_limit limits[] = {{0, 0, 10, 100}, {2, 0, 1000, 0}, {3, 0, 1000, 0}};
    lw_quota *before = populated(), *after = tracker_of(other, 4, 0);
    assert_int_equal(lw_quota_register(after, NODE, limits, 3, 0), LW_OK);
    shelf_open(&own);
    lw_persist_save_quota(&own.where, before);
    assert_int_equal(lw_persist_load_quota(&own.where, after), 1);
    assert_int_equal(used(after, 0, SHELF_NOW), 40);
    assert_int_equal(used(after, 2, SHELF_NOW), 330);
    assert_int_equal(used(after, 3, SHELF_NOW), 0);
    lw_quota_free(before);
    lw_quota_free(after);
    shelf_close(&own);
}

/* The first dimension is fine and the next one is not: nothing of the record is taken, not the mark either. */
static void refuses(lw_quota_dimension changed, int why) {
    shelf own;
    lw_quota_dimension other[] = {dimensions[SLIDING], changed, dimensions[FLYING]};
    lw_quota_limit limits[] = {{0, 0, 1000, 0}};
    lw_quota *before = populated(), *after = tracker_of(other, 3, 0);
    assert_int_equal(lw_quota_register(after, NODE, limits, 1, 0), LW_OK);
    shelf_open(&own);
    lw_persist_save_quota(&own.where, before);
    assert_refuses(&own, lw_persist_load_quota(&own.where, after), why);
    assert_string_equal(own.key, "t/quota/0000000000000007");
    assert_unused(after, SHELF_NOW);
    lw_quota_free(before);
    lw_quota_free(after);
    shelf_close(&own);
}

static void test_dimensions_that_are_not_there(void **state) {
    (void)state;
    lw_quota_dimension renamed = dimensions[GCRA], flying = dimensions[FLYING];
    renamed.name = "rpm";
    flying.name = "rps"; /* used to count uses, now counts what is in flight */
    refuses(renamed, LW_UNKNOWN);
    refuses(flying, LW_UNSUPPORTED);
}

static void test_nodes_that_are_not_registered(void **state) {
    (void)state;
    shelf own;
    lw_quota *before = populated();
    shelf_open(&own);
    lw_persist_save_quota(&own.where, before);
    for (uint32_t flags = 0; flags <= LW_QUOTA_LENIENT; flags++) {
        lw_quota *after = tracker_of(dimensions, 3, flags);
        assert_refuses(&own, lw_persist_load_quota(&own.where, after), LW_UNKNOWN);
        lw_quota_free(after);
    }
    lw_quota_free(before);
    shelf_close(&own);
}

/* Also where nothing was used: such a record says "never" for the time when all is back. */
static void test_nodes_that_used_nothing(void **state) {
    (void)state;
    shelf own;
    unsigned char bytes[SHELF_RECORD];
    lw_quota *before = tracker(), *lenient = tracker_of(dimensions, 3, LW_QUOTA_LENIENT), *after = tracker();
    shelf_open(&own);
    assert_int_equal(lw_persist_save_quota(&own.where, before), 1);
    assert_true(shelf_take(&own, "t/quota/0000000000000007", bytes) > 56);
    for (int i = 48; i < 56; i++) {
        assert_int_equal(bytes[i], 0xff);
    }
    assert_refuses(&own, lw_persist_load_quota(&own.where, lenient), LW_UNKNOWN);
    assert_int_equal(lw_persist_load_quota(&own.where, after), 1);
    assert_unused(after, SHELF_NOW);
    lw_quota_free(before);
    lw_quota_free(lenient);
    lw_quota_free(after);
    shelf_close(&own);
}

/* The finest window has the longest record. */
static void test_a_thousand_buckets(void **state) {
    (void)state;
    shelf own;
    lw_quota_dimension fine = dimensions[SLIDING];
    lw_quota_limit limit = {0, 0, 1000000, 0};
    fine.resolution = LW_QUOTA_RESOLUTION;
    lw_quota *before = tracker_of(&fine, 1, 0), *after = tracker_of(&fine, 1, 0);
    lw_quota_register(before, NODE, &limit, 1, 0);
    lw_quota_register(after, NODE, &limit, 1, 0);
    shelf_open(&own);
    own.where.now = (WINDOW + 1) * SHELF_SECOND;
    for (uint64_t at = 0, amount = 1; at <= own.where.now; at += WINDOW * SHELF_MS, amount++) {
        use(before, 0, amount, at);
    }
    lw_persist_save_quota(&own.where, before);
    assert_int_equal(lw_persist_load_quota(&own.where, after), 1);
    for (uint64_t at = own.where.now; at < 125 * SHELF_SECOND; at += SHELF_SECOND / 4) {
        assert_int_equal(used(after, 0, at), used(before, 0, at));
    }
    lw_quota_free(before);
    lw_quota_free(after);
    shelf_close(&own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uses_count_on_as_they_would_have),
        cmocka_unit_test(test_uses_come_oldest_first_over_all_dimensions),
        cmocka_unit_test(test_what_is_in_flight_stays_behind),
        cmocka_unit_test(test_clocks_that_began_just_now),
        cmocka_unit_test(test_dimensions_go_by_name),
        cmocka_unit_test(test_dimensions_that_are_not_there),
        cmocka_unit_test(test_nodes_that_are_not_registered),
        cmocka_unit_test(test_nodes_that_used_nothing),
        cmocka_unit_test(test_a_thousand_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
