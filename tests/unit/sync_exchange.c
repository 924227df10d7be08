/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What else goes around: loads as sums over all processes, latencies as means of what the others measured, and nothing
 * of what is off. And the mistakes that callers make.
 */
#include "sync_convoy.h"

enum { NODES = 4 };

static convoy c;

static int open_convoy(void **state) {
    (void)state;
    convoy_open(&c);
    c.nodes = NODES;
    return 0;
}

static int close_convoy(void **state) {
    (void)state;
    convoy_close(&c);
    return 0;
}

/* ---- load ---- */

static lw_ticket pick_node(ship *s, uint32_t node) {
    uint64_t others[NODES];
    lw_request request = LW_REQUEST_INIT;
    lw_ticket ticket;
    request.exclude = others;
    for (uint32_t i = 0; i < NODES; i++) {
        if (i != node) {
            others[request.exclude_count++] = convoy_id(&c, i);
        }
    }
    assert_int_equal(lw_pick_at(s->pool, s->route, &request, c.book.now, &ticket), LW_OK);
    return ticket;
}

static void test_loads_add_up(void **state) {
    (void)state;
    c.spec = "least_load metric=external";
    c.options.external_unit = 2;
    convoy_launch_all(&c, 3);
    lw_ticket held[6];
    for (uint32_t i = 0; i < 6; i++) {
        held[i] = pick_node(&c.ship[i % 3], i < 5 ? 1 : 2); /* 2, 2 and 1 at n1, one at n2 */
    }
    convoy_sync(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(ship_info(&c.ship[i], 1).external == 5 * 2.0);
        assert_true(ship_info(&c.ship[i], 2).external == 1 * 2.0);
        assert_true(ship_info(&c.ship[i], 0).external == 0);
    }
    ship_end(&c.ship[0], &held[0], LW_OUTCOME_OK, MS);
    convoy_sync(&c);
    assert_true(ship_info(&c.ship[2], 1).external == 4 * 2.0);
    assert_int_equal(lw_pool_sync_leave(c.ship[1].pool, &c.gate.store, 0), LW_OK);
    convoy_sync(&c);
    c.book.now += 3 * SECOND; /* of who is not heard of, the load goes too */
    ship_sync(&c.ship[0], LW_OK);
    assert_true(ship_info(&c.ship[0], 1).external == 1 * 2.0);
}

/* They go where the others are not. */
static void test_loads_spread(void **state) {
    (void)state;
    c.spec = "least_load metric=external";
    c.options.explore = 10001;
    convoy_launch_all(&c, 2);
    for (uint32_t i = 0; i < 6; i++) {
        pick_node(&c.ship[0], i % 3);
    }
    convoy_sync(&c);
    lw_ticket ticket;
    assert_int_equal(ship_try(&c.ship[1], 0, &ticket), LW_OK);
    assert_int_equal(ticket.node, convoy_id(&c, 3));
}

/* ---- latency ---- */

static void test_latencies(void **state) {
    (void)state;
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    latency.min_samples = 1;
    c.options.latency = &latency;
    convoy_launch_all(&c, 3);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        ship_serve(&c.ship[0], 1, LW_OUTCOME_OK, 20 * MS);
        ship_serve(&c.ship[1], 1, LW_OUTCOME_OK, 40 * MS);
    }
    convoy_sync(&c);
    assert_int_equal(ship_info(&c.ship[2], 1).mean, 30 * MS); /* knows both */
    uint64_t first = ship_info(&c.ship[0], 1).mean;
    assert_int_equal(first, 20 * MS); /* came before the second one */
    c.book.now += SECOND;
    convoy_sync(&c);
    assert_true(ship_info(&c.ship[0], 1).mean > first && ship_info(&c.ship[0], 1).mean < 30 * MS);
    uint64_t before = ship_info(&c.ship[2], 1).mean;
    convoy_sync(&c); /* nothing new, nothing learnt */
    assert_int_equal(ship_info(&c.ship[2], 1).mean, before);
}

/* What is told from here does not come back as news. */
static void test_own_latencies_count_once(void **state) {
    (void)state;
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    c.options.latency = &latency;
    ship *s = convoy_launch(&c);
    convoy_sync(&c);
    for (uint32_t i = 1; i < 20; i++) {
        c.book.now += 100 * MS;
        ship_serve(s, 1, LW_OUTCOME_OK, i * i * MS);
    }
    c.book.now += SECOND;
    uint64_t mean = ship_info(s, 1).mean;
    convoy_sync(&c);
    assert_int_equal(ship_info(s, 1).mean, mean);
}

/* Counters that begin anew do not look like answers. */
static void test_counters_begin_anew(void **state) {
    (void)state;
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    char key[64];
    latency.min_samples = 1;
    c.options.latency = &latency;
    convoy_launch_all(&c, 2);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 10; i++) {
        ship_serve(&c.ship[0], 1, LW_OUTCOME_OK, 20 * MS);
    }
    convoy_sync(&c);
    uint64_t mean = ship_info(&c.ship[1], 1).mean;
    snprintf(key, sizeof key, "loadwise/{%016llx}/answers", (unsigned long long)convoy_id(&c, 1));
    assert_int_equal(c.gate.inner->ops->remove(c.gate.inner, key, 0), 1);
    ship_serve(&c.ship[0], 1, LW_OUTCOME_OK, 20 * MS);
    convoy_sync(&c);
    convoy_sync(&c);
    assert_int_equal(ship_info(&c.ship[1], 1).mean, mean);
    ship_serve(&c.ship[0], 1, LW_OUTCOME_OK, 90 * MS);
    c.book.now += SECOND;
    convoy_sync(&c);
    assert_true(ship_info(&c.ship[1], 1).mean > mean);
}

/* ---- what is off ---- */

static int no_entry(void *user, const char *key, const void *value, size_t size) {
    (void)user, (void)value, (void)size;
    fail_msg("there is an entry %s", key);
    return 0;
}

/* Only the meeting and the time, when there is nothing to share. */
static void test_nothing_of_what_is_off(void **state) {
    (void)state;
    uint64_t cursor = 0;
    c.sync.share = LW_SHARE_LOAD;
    convoy_launch_all(&c, 1);
    ship_serve(&c.ship[0], 1, LW_OUTCOME_FAILURE, MS);
    assert_int_equal(ship_sync(&c.ship[0], LW_OK).steps, 2);
    assert_int_equal(c.gate.inner->ops->list(c.gate.inner, "", &cursor, 0, no_entry, NULL, 0), 0);
    c.sync.share = LW_SHARE_HEALTH;
    convoy_launch(&c);
    ship_serve(&c.ship[1], 1, LW_OUTCOME_OK, MS);
    assert_int_equal(ship_sync(&c.ship[1], LW_OK).steps, 2 + NODES + 1);
    assert_int_equal(ship_sync(&c.ship[1], LW_OK).steps, 2 + NODES);
}

/* Names decide, not order or number; other prefixes are other fleets. */
static void test_prefixes(void **state) {
    (void)state;
    convoy_launch(&c);
    c.sync.prefix = "elsewhere/";
    convoy_launch(&c);
    convoy_sync(&c);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(ship_sync(&c.ship[i], LW_OK).instances, 1);
    }
}

/* ---- mistakes ---- */

static void assert_pool_refused(int error, const char *words) {
    lw_pool *pool;
    c.options.sync = &c.sync;
    assert_int_equal(lw_pool_new(&pool, &c.env, &c.options), error);
    assert_null(pool);
    if (strstr(c.book.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, c.book.message);
    }
}

static void test_options(void **state) {
    (void)state;
#define REFUSE(member, value, error)                                                                                   \
    c.sync = (lw_sync_options)LW_SYNC_OPTIONS_INIT;                                                                    \
    c.sync.member = (value);                                                                                           \
    assert_pool_refused(error, #member)
    REFUSE(share, 16, LW_RANGE);
    REFUSE(instances, (1 << 20) + 1, LW_RANGE);
    REFUSE(interval, MS - 1, LW_RANGE);
    REFUSE(interval, 3601 * SECOND, LW_RANGE);
    REFUSE(window, MS - 1, LW_RANGE);
    REFUSE(failure_percent, 101, LW_RANGE);
    REFUSE(ejection, 10 * SECOND - 1, LW_RANGE);
    REFUSE(lease_percent, 101, LW_RANGE);
    REFUSE(outage, 4, LW_RANGE);
    REFUSE(prefix, "with{brace", LW_INVALID);
    REFUSE(instance, "", LW_INVALID);
    REFUSE(instance, "new\nline", LW_INVALID);
    REFUSE(size, 3, LW_INVALID);
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, 10, 0);
    REFUSE(lease, SECOND, LW_RANGE);         /* the interval */
    REFUSE(lease, 6 * SECOND + 1, LW_RANGE); /* a tenth of the window */
    REFUSE(share, LW_SHARE_HEALTH, LW_INVALID);
    c.sync = (lw_sync_options)LW_SYNC_OPTIONS_INIT;
    c.dimension.window = 5 * SECOND; /* a tenth is less than the interval */
    assert_pool_refused(LW_RANGE, "lease");
    c.sync.interval = 300 * MS;
    lw_pool *pool;
    assert_int_equal(lw_pool_new(&pool, &c.env, &c.options), LW_OK);
    lw_pool_free(pool);
}

static void test_dimensions(void **state) {
    (void)state;
    lw_quota_options quota = LW_QUOTA_OPTIONS_INIT;
    lw_quota *tracker;
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, 10, 0);
    quota.dimensions = &c.dimension;
    quota.dimension_count = 1;
    assert_int_equal(lw_quota_new(&tracker, &c.env, &quota), LW_UNSUPPORTED);
    assert_non_null(strstr(c.book.message, "'rpm'"));
    c.options.sync = NULL;
    lw_pool *pool;
    assert_int_equal(lw_pool_new(&pool, &c.env, &c.options), LW_UNSUPPORTED);
    c.dimension.kind = LW_QUOTA_CONCURRENCY;
    assert_pool_refused(LW_INVALID, "in flight");
    c.dimension.kind = LW_QUOTA_SLIDING;
    c.dimension.cover = LW_QUOTA_COVER_SEED;
    assert_pool_refused(LW_INVALID, "covers");
    c.dimension.cover = LW_QUOTA_COVER_FULL;
    c.dimension.name = "per minute";
    assert_pool_refused(LW_INVALID, "printable");
    c.dimension.name = "rpm";
    c.dimension.size = offsetof(lw_quota_dimension, shared); /* of an older header: not shared */
    assert_int_equal(lw_quota_new(&tracker, &c.env, &quota), LW_OK);
    lw_quota_free(tracker);
}

static ship *hooked;

static void sync_in_a_hook(void *user, uint64_t node, const lw_sample *sample) {
    (void)user, (void)node, (void)sample;
    assert_int_equal(lw_pool_sync(hooked->pool, &c.gate.store, 0, NULL), LW_BUSY);
}

static void test_calls(void **state) {
    (void)state;
    lw_pool *plain;
    lw_sync_report report = {.size = 3};
    assert_int_equal(lw_pool_new(&plain, &c.env, NULL), LW_OK);
    assert_int_equal(lw_pool_sync(plain, &c.gate.store, 0, NULL), LW_INVALID);
    lw_pool_free(plain);
    hooked = convoy_launch(&c);
    assert_int_equal(lw_pool_sync(hooked->pool, NULL, 0, NULL), LW_INVALID);
    assert_int_equal(lw_pool_sync(hooked->pool, &c.gate.store, 0, &report), LW_INVALID);
    assert_int_equal(lw_pool_sync(hooked->pool, &c.gate.store, 0, NULL), LW_OK);
    lw_sync_report full = ship_sync(hooked, LW_OK);
    assert_int_equal(full.next, c.book.now + SECOND);
    lw_observer observer = LW_OBSERVER_INIT;
    observer.finished = sync_in_a_hook;
    c.options.observer = &observer;
    assert_int_equal(lw_pool_new(&plain, &c.env, &c.options), LW_OK);
    ship *s = hooked;
    lw_pool *kept = s->pool;
    s->pool = plain;
    assert_int_equal(lw_pool_route(plain, "default", "random", NULL, &s->route), LW_OK);
    assert_int_equal(lw_pool_update(plain, c.node, NODES, 0, NULL), LW_OK);
    ship_serve(s, 0, LW_OUTCOME_OK, MS);
    s->pool = kept;
    lw_pool_free(plain);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_convoy, close_convoy)
    const struct CMUnitTest tests[] = {
        TEST(test_loads_add_up),
        TEST(test_loads_spread),
        TEST(test_latencies),
        TEST(test_own_latencies_count_once),
        TEST(test_counters_begin_anew),
        TEST(test_nothing_of_what_is_off),
        TEST(test_prefixes),
        TEST(test_options),
        TEST(test_dimensions),
        TEST(test_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
