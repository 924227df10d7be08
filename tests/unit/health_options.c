/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of the health tracker: defaults, ranges, and structs of other sizes. */
#include "health_ward.h"

static ward w;

static int open_ward(void **state) {
    (void)state;
    ward_open(&w);
    return 0;
}

static int close_ward(void **state) {
    (void)state;
    ledger_close(&w.book);
    return 0;
}

static void test_defaults(void **state) {
    (void)state;
    const lw_health_options *o = &w.options;
    assert_int_equal(o->size, sizeof *o);
    assert_int_equal(o->policy, LW_HEALTH_CONSECUTIVE);
    assert_int_equal(o->failure_threshold, 3);
    assert_int_equal(o->recovery_successes, 2);
    assert_int_equal(o->rate_percent, 20);
    assert_int_equal(o->rate_volume, 5);
    assert_int_equal(o->window, 0);
    assert_int_equal(o->probe_interval, SECONDS(10));
    assert_int_equal(o->probe_interval_max, SECONDS(300));
    assert_int_equal(o->backoff_percent, 100);
    assert_int_equal(o->jitter_percent, 0);
    assert_int_equal(o->probes, 1);
    assert_int_equal(o->probe_timeout, SECONDS(60));
    assert_int_equal(o->max_nodes, 65536);
    assert_int_equal(o->auto_create, 1);
    static const uint8_t effects[8] = {[LW_OUTCOME_OK] = LW_EFFECT_SUCCESS,
                                       [LW_OUTCOME_FAILURE] = LW_EFFECT_FAILURE,
                                       [LW_OUTCOME_CONNECT_FAILURE] = LW_EFFECT_FAILURE,
                                       [LW_OUTCOME_TIMEOUT] = LW_EFFECT_FAILURE,
                                       [LW_OUTCOME_OVERLOAD] = LW_EFFECT_FAILURE};
    assert_memory_equal(o->effects, effects, sizeof effects);
}

/* Each faulty option is refused, by name and with its range, and frees what was taken. */
static void refuse(int error, const char *name, const char *range) {
    lw_health *health = (lw_health *)&w;
    w.book.told = 0;
    assert_int_equal(lw_health_new(&health, &w.env, &w.options), error);
    assert_null(health);
    assert_int_equal(w.book.told, 1);
    assert_told(&w.book, error, name);
    assert_told(&w.book, error, range);
    assert_int_equal(w.book.live, 0);
    w.options = (lw_health_options)LW_HEALTH_OPTIONS_INIT;
}

static void accept(void) {
    lw_health *health;
    assert_int_equal(lw_health_new(&health, &w.env, &w.options), LW_OK);
    lw_health_free(health);
    w.options = (lw_health_options)LW_HEALTH_OPTIONS_INIT;
}

/* One below 0 is the largest number there is. */
#define BELOW_AND_ABOVE(option, least, most)                                                                           \
    do {                                                                                                               \
        w.options.option = UINT32_C(least) - 1;                                                                        \
        refuse(LW_RANGE, #option "=", "must be from " #least " to " #most);                                            \
        w.options.option = (least);                                                                                    \
        accept();                                                                                                      \
        w.options.option = (most);                                                                                     \
        accept();                                                                                                      \
        w.options.option = (most) + 1;                                                                                 \
        refuse(LW_RANGE, #option "=", "must be from " #least " to " #most);                                            \
    } while (0)

static void test_ranges(void **state) {
    (void)state;
    BELOW_AND_ABOVE(policy, 0, 1);
    BELOW_AND_ABOVE(failure_threshold, 1, 4095);
    BELOW_AND_ABOVE(recovery_successes, 1, 4095);
}

static void test_more_ranges(void **state) {
    (void)state;
    BELOW_AND_ABOVE(rate_percent, 1, 100);
    BELOW_AND_ABOVE(rate_volume, 1, 1048575);
    BELOW_AND_ABOVE(backoff_percent, 100, 1000);
    BELOW_AND_ABOVE(jitter_percent, 0, 100);
    BELOW_AND_ABOVE(probes, 1, 255);
}

static void test_ranges_without_an_end(void **state) {
    (void)state;
    w.options.window = 9;
    refuse(LW_RANGE, "window=9", "from 10 to");
    w.options.window = 10;
    accept();
    w.options.window = UINT64_MAX;
    accept();
    w.options.probe_timeout = 0;
    refuse(LW_RANGE, "probe_timeout=0", "from 1 to");
    w.options.probe_timeout = UINT64_MAX;
    accept();
    w.options.max_nodes = 0;
    refuse(LW_RANGE, "max_nodes=0", "from 1 to");
    w.options.max_nodes = UINT32_MAX;
    accept();
    w.options.probe_interval = SECONDS(300) + 1;
    refuse(LW_RANGE, "probe_interval=300000000001", "from 0 to 300000000000");
    w.options.probe_interval = w.options.probe_interval_max = 0;
    accept();
}

static void test_effects(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        w.options.effects[i] = 3;
        char name[16];
        snprintf(name, sizeof name, "effects[%d]=3", i);
        refuse(LW_RANGE, name, "from 0 to 2");
    }
}

static void test_sizes(void **state) {
    (void)state;
    w.options.size = 0;
    refuse(LW_INVALID, "options: size=0", "initialised");
    lw_health_policy_ops ops = {.size = 3};
    w.options.policy_ops = &ops;
    refuse(LW_INVALID, "policy_ops: size=3", "initialised");
    lw_observer observer = {.size = 0};
    w.options.observer = &observer;
    refuse(LW_INVALID, "observer: size=0", "initialised");
}

/* A program built against an older, shorter struct: what it does not know keeps its default. */
static void test_shorter_struct(void **state) {
    (void)state;
    w.options.size = offsetof(lw_health_options, recovery_successes);
    w.options.failure_threshold = 1;
    w.options.recovery_successes = 0; /* behind its end */
    w.options.observer = (const lw_observer *)&w.book;
    assert_int_equal(lw_health_new(&w.health, &w.env, &w.options), LW_OK);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'R');
    ward_succeed(&w);
    assert_int_equal(ward_status(&w), 'H');
    lw_health_free(w.health);
}

/* And one built against a newer, longer one. */
static void test_longer_struct(void **state) {
    (void)state;
    struct {
        lw_health_options known;
        uint64_t unknown;
    } longer = {LW_HEALTH_OPTIONS_INIT, 1};
    longer.known.size = sizeof longer;
    longer.known.failure_threshold = 1;
    assert_int_equal(lw_health_new(&w.health, &w.env, &longer.known), LW_OK);
    ward_fail_times(&w, 1);
    assert_int_equal(ward_status(&w), 'U');
    lw_health_free(w.health);
}

static void test_an_observer_that_knows_less(void **state) {
    (void)state;
    w.observer.size = offsetof(lw_observer, probe);
    w.options.failure_threshold = 1;
    assert_int_equal(lw_health_new(&w.health, &w.env, &w.options), LW_OK);
    lw_health_permit permit;
    ward_fail_times(&w, 1);
    w.now = SECONDS(10);
    assert_true(ward_admits(&w, &permit));
    assert_int_equal(lw_health_forget(w.health, NODE), 1);
    assert_diary(&w, "H>Ur ");
    lw_health_free(w.health);
}

static void test_without_options(void **state) {
    (void)state;
    assert_int_equal(lw_health_new(&w.health, &w.env, NULL), LW_OK);
    ward_fail_times(&w, 3);
    assert_int_equal(ward_status(&w), 'U');
    lw_health_free(w.health);
    assert_int_equal(lw_health_new(&w.health, NULL, NULL), LW_OK);
    assert_int_equal(lw_health_report(w.health, NODE, LW_OUTCOME_OK, NULL), 1);
    lw_health_free(w.health);
    lw_health_free(NULL);
}

static void test_half_an_allocator(void **state) {
    (void)state;
    w.env.release = NULL;
    w.health = (lw_health *)&w;
    assert_int_equal(lw_health_new(&w.health, &w.env, NULL), LW_INVALID);
    assert_null(w.health);
}

#define IN_WARD(test) cmocka_unit_test_setup_teardown(test, open_ward, close_ward)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WARD(test_defaults),
        IN_WARD(test_ranges),
        IN_WARD(test_more_ranges),
        IN_WARD(test_ranges_without_an_end),
        IN_WARD(test_effects),
        IN_WARD(test_sizes),
        IN_WARD(test_shorter_struct),
        IN_WARD(test_longer_struct),
        IN_WARD(test_an_observer_that_knows_less),
        IN_WARD(test_without_options),
        IN_WARD(test_half_an_allocator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
