/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out while trackers are saved and loaded: allocation 1, 2, 3 ... fails until all gets through. Saving and
 * loading answer LW_NOMEM and give all back; the same call succeeds once there is memory.
 */
#include "../unit/persist_shelf.h"

enum { NODES = 70 }; /* more than one page, and the list of keys grows */

static lw_health *health;
static lw_latency *latency;
static lw_quota *quota;

static void make_trackers(void) {
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "tpm", .window = 60 * SHELF_SECOND};
    lw_quota_limit limit = {0, 0, 1000, 0};
    options.dimensions = &dimension;
    options.dimension_count = 1;
    assert_int_equal(lw_health_new(&health, NULL, NULL), LW_OK);
    assert_int_equal(lw_latency_new(&latency, NULL, NULL), LW_OK);
    assert_int_equal(lw_quota_new(&quota, NULL, &options), LW_OK);
    for (uint64_t node = 0; node < NODES; node++) {
        assert_int_equal(lw_quota_register(quota, node, &limit, 1, 0), LW_OK);
    }
}

static void free_trackers(void) {
    lw_health_free(health);
    lw_latency_free(latency);
    lw_quota_free(quota);
}

static void use_trackers(void) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_amount amount = {0, 10};
    sample.latency = SHELF_MS;
    for (uint64_t node = 0; node < NODES; node++) {
        assert_int_equal(lw_health_report_at(health, node, LW_OUTCOME_OK, NULL, SHELF_NOW), 1);
        assert_int_equal(lw_latency_observe_at(latency, node, &sample, SHELF_NOW), 1);
        for (uint64_t back = 60; back > 0; back -= 3) { /* a record that grows its buffer more than once */
            assert_int_equal(lw_quota_record_at(quota, node, &amount, 1, SHELF_NOW - back * SHELF_SECOND), 1);
        }
    }
}

static int save_health(shelf *own) { return lw_persist_save_health(&own->where, health); }
static int save_latency(shelf *own) { return lw_persist_save_latency(&own->where, latency); }
static int save_quota(shelf *own) { return lw_persist_save_quota(&own->where, quota); }
static int load_health(shelf *own) { return lw_persist_load_health(&own->where, health); }
static int load_latency(shelf *own) { return lw_persist_load_latency(&own->where, latency); }
static int load_quota(shelf *own) { return lw_persist_load_quota(&own->where, quota); }

/* The call, with the first allocation failing, then the second, until none does. */
static void run_short(shelf *own, int (*call)(shelf *own), int records) {
    int answer, shortages = 0;
    do {
        ledger book;
        ledger_open(&book);
        lw_env env = ledger_env(&book, 1);
        own->where.env = &env;
        book.fail_at = (uint64_t)shortages + 1;
        answer = call(own);
        if (book.asked >= book.fail_at) {
            assert_int_equal(answer, LW_NOMEM);
            shortages++;
        }
        ledger_close(&book);
    } while (answer == LW_NOMEM);
    assert_int_equal(answer, records);
    assert_true(shortages > 0);
    assert_int_equal(own->refused, 0);
}

static void test_saving_and_loading_without_memory(void **state) {
    (void)state;
    shelf own;
    shelf_open(&own);
    make_trackers();
    use_trackers();
    run_short(&own, save_health, NODES);
    run_short(&own, save_latency, NODES + 1);
    run_short(&own, save_quota, NODES);
    free_trackers();
    make_trackers();
    run_short(&own, load_health, NODES);
    run_short(&own, load_latency, NODES + 1);
    run_short(&own, load_quota, NODES);
    free_trackers();
    shelf_close(&own);
}

/* The trackers themselves are short: each record that was refused was refused for that, and none is half there. */
static void test_trackers_without_memory(void **state) {
    (void)state;
    shelf own;
    ledger book;
    shelf_open(&own);
    make_trackers();
    use_trackers();
    assert_int_equal(save_health(&own), NODES);
    lw_health_free(health);
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_health_new(&health, &env, NULL), LW_OK);
    book.fail_at = book.asked + 6;
    book.fail_on = true;
    assert_int_equal(load_health(&own), 5);
    assert_int_equal(own.refused, NODES - 5);
    assert_int_equal(own.why, LW_NOMEM);
    book.fail_at = 0;
    own.refused = 0;
    assert_int_equal(load_health(&own), NODES);
    assert_int_equal(own.refused, 0);
    free_trackers();
    ledger_close(&book);
    shelf_close(&own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saving_and_loading_without_memory),
        cmocka_unit_test(test_trackers_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
