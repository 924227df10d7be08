/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options of a pool: what is out of range is named in the log, with its value and its range, and nothing is kept. */
#include "pool_stand.h"

static stand s;

static int open_options(void **state) {
    (void)state;
    stand_open(&s, 3);
    return 0;
}

static int close_options(void **state) {
    (void)state;
    stand_close(&s);
    return 0;
}

static void refuse_options(int error, const char *words) {
    s.pool = (lw_pool *)&s;
    s.book.told = 0;
    assert_int_equal(lw_pool_new(&s.pool, &s.env, &s.options), error);
    assert_null(s.pool);
    assert_told(&s.book, error, words);
    assert_int_equal(s.book.live, 0);
}

static void accept_options(void) {
    assert_int_equal(lw_pool_new(&s.pool, &s.env, &s.options), LW_OK);
    lw_pool_free(s.pool);
    s.pool = NULL;
    assert_int_equal(s.book.live, 0);
}

static void write_number(void *option, size_t size, uint64_t value) {
    uint32_t narrow = (uint32_t)value;
    memcpy(option, size == sizeof narrow ? (void *)&narrow : (void *)&value, size);
}

/* A number that is one too large or too small, and the nearest number that will do; then it is as it was. */
static void check_number(void *option, size_t size, const char *name, uint64_t wrong, uint64_t right,
                         const char *range) {
    char words[96];
    unsigned char before[sizeof(uint64_t)];
    memcpy(before, option, size);
    write_number(option, size, wrong);
    snprintf(words, sizeof words, "%s=%llu", name, (unsigned long long)wrong);
    refuse_options(LW_RANGE, words);
    refuse_options(LW_RANGE, range);
    write_number(option, size, right);
    accept_options();
    memcpy(option, before, size);
}

#define check_edge(options, member, wrong, right, range)                                                               \
    check_number(&(options).member, sizeof(options).member, #member, wrong, right, range)

static void test_ranges_of_the_pool(void **state) {
    (void)state;
    check_edge(s.options, max_tickets, (1U << 24) + 1, 70000, "16777216");
    check_edge(s.options, tries, LW_POOL_TRIES + 1, LW_POOL_TRIES, "16");
    check_edge(s.options, instances, (1U << 20) + 1, 1U << 20, "1048576");
    check_edge(s.options, reuse, 2U, 1U, "1");
    check_edge(s.options, slow_start_floor, 101U, 100U, "100");
    check_edge(s.options, slow_start_aggression, 9U, 10U, "10");
    check_edge(s.options, slow_start_aggression, 1001U, 1000U, "1000");
    check_edge(s.options, slow_start, (UINT64_C(1) << 53) + 1, UINT64_C(1) << 53, "9007199254740992");
    check_edge(s.options, panic, 3U, 2U, "2");
    check_edge(s.options, panic_enter, 101U, 100U, "100");
    check_edge(s.options, panic_leave, 101U, 100U, "100");
    check_edge(s.options, overprovision, 99U, 100U, "100");
    check_edge(s.options, overprovision, 1001U, 1000U, "1000");
    check_edge(s.options, external_stale, 3U, 2U, "2");
    check_edge(s.options, external_ttl, (UINT64_C(1) << 62) + 1, UINT64_C(1) << 62, "4611686018427387904");
}

/* A panic that would end before it begins. */
static void test_thresholds_fit_each_other(void **state) {
    (void)state;
    s.options.panic_enter = 50;
    check_edge(s.options, panic_leave, 49U, 50U, "50");
}

static void test_dimensions(void **state) {
    (void)state;
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = "rpm", .window = SECOND};
    s.options.dimensions = &dimension;
    check_edge(s.options, dimension_count, LW_QUOTA_DIMENSIONS + 1U, 1U, "32");
    s.options.dimension_count = 1;
    dimension.kind = 77;
    refuse_options(LW_RANGE, "kind");
    dimension.kind = LW_QUOTA_SLIDING;
    dimension.window = 1;
    refuse_options(LW_RANGE, "window");
    s.options.dimensions = NULL;
    refuse_options(LW_INVALID, "dimension");
}

static void test_unit_of_load(void **state) {
    (void)state;
    static const double wrong[] = {-1, INFINITY, NAN};
    for (size_t i = 0; i < STAND_COUNT(wrong); i++) {
        s.options.external_unit = wrong[i];
        refuse_options(LW_RANGE, "external_unit");
    }
    s.options.external_unit = 0.25;
    accept_options();
}

static void test_ranges_of_outliers(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    s.options.outlier = &outlier;
    check_edge(outlier, interval, MS - 1, MS, "1000000");
    check_edge(outlier, base_ejection, UINT64_C(0), UINT64_C(1), "1");
    check_edge(outlier, max_ejection, 30 * SECOND - 1, 30 * SECOND, "30000000000");
    check_edge(outlier, max_percent, 101U, 100U, "100");
    check_edge(outlier, consecutive, 4096U, 4095U, "4095");
    check_edge(outlier, success_rate_hosts, 2U, 3U, "3");
    check_edge(outlier, success_rate_volume, 0U, 1U, "1");
    check_edge(outlier, failure_percentage, 101U, 100U, "100");
    check_edge(outlier, failure_percentage_hosts, 0U, 1U, "1");
    check_edge(outlier, failure_percentage_volume, 0U, 1U, "1");
}

/* Those of the trackers are theirs to judge. */
static void test_ranges_of_trackers(void **state) {
    (void)state;
    lw_health_options health = LW_HEALTH_OPTIONS_INIT;
    lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    s.options.health = &health;
    health.failure_threshold = 4096;
    refuse_options(LW_RANGE, "failure_threshold");
    health.failure_threshold = 4095;
    accept_options();
    s.options.latency = &latency;
    latency.min_samples = 1001;
    refuse_options(LW_RANGE, "min_samples");
    latency.min_samples = 1000;
    accept_options();
}

static void test_sizes(void **state) {
    (void)state;
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    s.options.size = 0;
    refuse_options(LW_INVALID, "size=0");
    s.options.size = sizeof s.options;
    outlier.size = 0;
    s.options.outlier = &outlier;
    refuse_options(LW_INVALID, "outlier");
    outlier.size = sizeof outlier;
    s.observer.size = 0;
    refuse_options(LW_INVALID, "observer");
}

/* A struct of a program that was built with an older, shorter header: the rest is the default. */
static void test_shorter_options(void **state) {
    (void)state;
    s.options.size = offsetof(lw_pool_options, tries);
    s.options.max_tickets = 7;
    s.options.tries = 99;
    s.options.external_unit = NAN;
    accept_options();
}

/* Options are borrowed for the call alone. */
static void test_copied(void **state) {
    (void)state;
    char zone[] = "here", dimension_name[] = "rpm";
    lw_quota_dimension dimension = {.size = sizeof dimension, .name = dimension_name, .window = SECOND};
    lw_outlier_options outlier = LW_OUTLIER_OPTIONS_INIT;
    lw_quota_limit limit = {.limit = 1};
    lw_amount amount = {0, 1};
    lw_request request = LW_REQUEST_INIT;
    s.options.zone = zone;
    s.options.dimensions = &dimension;
    s.options.dimension_count = 1;
    s.options.outlier = &outlier;
    s.spec[0].zone = "here";
    s.spec[0].limits = &limit;
    s.spec[0].limit_count = 1;
    s.spec[1].zone = "there";
    assert_int_equal(lw_pool_new(&s.pool, &s.env, &s.options), LW_OK);
    memset(zone, 'x', sizeof zone - 1);
    memset(dimension_name, 'x', sizeof dimension_name - 1);
    memset(&dimension, 0xee, sizeof dimension);
    memset(&outlier, 0xee, sizeof outlier);
    memset(&s.observer, 0xee, sizeof s.observer);
    memset(&s.options, 0xee, sizeof s.options);
    memset(&s.env, 0xee, sizeof s.env);
    assert_int_equal(lw_pool_route(s.pool, "default", "random", NULL, &s.route), LW_OK);
    stand_update(&s, 2);
    request.amounts = &amount;
    request.amount_count = 1;
    lw_ticket ticket = stand_pick(&s, &request); /* half of the nodes, twice their share: always the own zone */
    assert_int_equal(stand_index(&s, ticket.node), 0);
    ticket = stand_pick(&s, &request); /* which has nothing left in that dimension now */
    assert_int_equal(stand_index(&s, ticket.node), 1);
}

static void test_no_options_at_all(void **state) {
    (void)state;
    lw_pool *pool;
    uint32_t route;
    lw_ticket ticket;
    lw_node_spec spec = LW_NODE_SPEC_INIT;
    spec.name = "only";
    assert_int_equal(lw_pool_new(&pool, NULL, NULL), LW_OK);
    assert_int_equal(lw_pool_route(pool, "default", "random", NULL, &route), LW_OK);
    assert_int_equal(lw_pool_update(pool, &spec, 1, 0, NULL), LW_OK);
    assert_int_equal(lw_pick(pool, route, NULL, &ticket), LW_OK);
    assert_int_equal(ticket.node, lw_id("only", 4));
    assert_int_equal(lw_done(pool, &ticket, NULL), LW_OK);
    lw_pool_free(pool);
    lw_pool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges_of_the_pool, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_thresholds_fit_each_other, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_dimensions, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_unit_of_load, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_ranges_of_outliers, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_ranges_of_trackers, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_sizes, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_shorter_options, open_options, close_options),
        cmocka_unit_test_setup_teardown(test_copied, open_options, close_options),
        cmocka_unit_test(test_no_options_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
