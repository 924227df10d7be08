/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Filters: each alone, then combined; what they write and what they leave alone. */
#include "ledger.h"

#include "fleet.h"

#include <math.h>

enum { NODES = 70 }; /* two words, the second partly used */

static fleet nodes;
static uint64_t words[LW_BITMAP_WORDS(NODES) + 1];

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static int open_fleet(void **state) {
    (void)state;
    fleet_open(&nodes, NODES, 1);
    return 0;
}

static int apply(const lw_filter *filter) {
    memset(words, 0x5a, sizeof words);
    int passed = lw_filter_apply(filter, &nodes.nodes, NULL, 0, words);
    assert_true(words[LW_BITMAP_WORDS(NODES)] == UNTOUCHED);
    return passed;
}

/* The filter lets through exactly the nodes that the expectation names; the rest of the last word is 0. */
static void assert_passes(const lw_filter *filter, bool (*expected)(uint32_t index)) {
    int passed = apply(filter), count = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(lw_bitmap_get(words, i), expected(i));
        count += expected(i);
    }
    for (uint32_t i = NODES; i < LW_BITMAP_WORDS(NODES) * 64; i++) {
        assert_int_equal(lw_bitmap_get(words, i), 0);
    }
    assert_int_equal(passed, count);
}

static bool everyone(uint32_t index) { return index < NODES; }
static bool nobody(uint32_t index) { return index >= NODES; }
static bool third_is_two(uint32_t index) { return index % 3 == 2; }
static bool third_is_not_two(uint32_t index) { return index % 3 != 2; }
static bool even(uint32_t index) { return index % 2 == 0; }
static bool odd(uint32_t index) { return index % 2 == 1; }
static bool even_and_third(uint32_t index) { return even(index) && third_is_two(index); }
static bool even_or_third(uint32_t index) { return even(index) || third_is_two(index); }
static bool only_nine(uint32_t index) { return index == 9; }

static void test_health(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].health = i % 3;
    }
    lw_health_filter unhealthy = lw_filter_health(LW_STATUS_BIT(LW_UNHEALTHY));
    lw_health_filter usable = lw_filter_health(LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED));
    lw_health_filter none = lw_filter_health(0);
    assert_passes(&unhealthy.filter, third_is_two);
    assert_passes(&usable.filter, third_is_not_two);
    assert_passes(&none.filter, nobody);
}

/* A number that is no status is in no set, not even one of all bits. */
static void test_health_that_is_no_status(void **state) {
    (void)state;
    lw_health_filter all = lw_filter_health(UINT32_MAX);
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].health = i == 9 ? 0 : 32 + i;
    }
    assert_passes(&all.filter, only_nine);
}

static void test_remaining(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].remaining = even(i) ? 0.25 : 0.125;
    }
    lw_remaining_filter inclusive = lw_filter_remaining(0.25), lower = lw_filter_remaining(0.1),
                        higher = lw_filter_remaining(0.26);
    assert_passes(&inclusive.filter, even);
    assert_passes(&lower.filter, everyone);
    assert_passes(&higher.filter, nobody);
}

static void test_remaining_that_is_not_a_number(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].remaining = even(i) ? (double)INFINITY : (double)NAN;
    }
    lw_remaining_filter some = lw_filter_remaining(0.5), any = lw_filter_remaining((double)-INFINITY);
    assert_passes(&some.filter, even);
    assert_passes(&any.filter, even);
}

static void test_weighted(void **state) {
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].weight = even(i) ? UINT32_MAX - i : 0;
    }
    lw_filter weighted = lw_filter_weighted();
    assert_passes(&weighted, even);
}

static void assert_tag(const char *tags, const char *key, const char *value, bool holds) {
    lw_tag_filter filter = lw_filter_tag(key, value);
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].tags = i == 9 ? tags : NULL;
    }
    assert_passes(&filter.filter, holds ? only_nine : nobody);
}

static void test_tags(void **state) {
    (void)state;
    assert_tag("gpu=a100", "gpu", "a100", true);
    assert_tag("gpu=a100,tier=1,rack=r7", "gpu", "a100", true);
    assert_tag("gpu=a100,tier=1,rack=r7", "tier", "1", true);
    assert_tag("gpu=a100,tier=1,rack=r7", "rack", "r7", true);
    assert_tag("gpu=h100,gpu=a100", "gpu", "a100", true);
    assert_tag("gpu=", "gpu", "", true);
    assert_tag("tier=1,gpu=,rack=2", "gpu", "", true);
    assert_tag("model=a=b", "model", "a=b", true);
}

static void test_tags_that_only_look_alike(void **state) {
    (void)state;
    assert_tag(NULL, "gpu", "a100", false);
    assert_tag("", "gpu", "a100", false);
    assert_tag("", "", "", false);
    assert_tag("gpu=a1000", "gpu", "a100", false);
    assert_tag("gpu=a10", "gpu", "a100", false);
    assert_tag("xgpu=a100", "gpu", "a100", false);
    assert_tag("gp=a100", "gpu", "a100", false);
    assert_tag("GPU=a100", "gpu", "a100", false);
    assert_tag("gpu=a100", "gpu", "", false);
    assert_tag("gpu", "gpu", "", false);
    assert_tag("tier=gpu=a100", "gpu", "a100", false);
    assert_tag("gpu=h100,tier=a100", "gpu", "a100", false);
}

static bool is_even_keyed(void *user, const lw_nodes *all, uint32_t index, const lw_request *request) {
    return request != NULL && all->count == NODES && index % 2 == *(const uint32_t *)user + request->key;
}

static void test_predicate(void **state) {
    (void)state;
    uint32_t remainder = 0;
    lw_predicate_filter filter = lw_filter_predicate(is_even_keyed, &remainder, 0);
    assert_passes(&filter.filter, even); /* NULL stands for a plain request, whose key is 0 */
    lw_request request = LW_REQUEST_INIT;
    request.key = 1;
    assert_int_equal(lw_filter_apply(&filter.filter, &nodes.nodes, &request, 0, words), NODES / 2);
    assert_int_equal(lw_bitmap_get(words, 1), 1);
}

static void prepare_two_traits(void) {
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].health = i % 3;
        nodes.member[i].weight = even(i);
    }
}

static void test_combinators(void **state) {
    (void)state;
    prepare_two_traits();
    lw_health_filter third = lw_filter_health(LW_STATUS_BIT(2));
    lw_filter weighted = lw_filter_weighted();
    const lw_filter *const members[] = {&third.filter, &weighted};
    lw_set_filter all = lw_filter_all_of(members, 2), any = lw_filter_any_of(members, 2);
    lw_not_filter unweighted = lw_filter_not(&weighted);
    assert_passes(&all.filter, even_and_third);
    assert_passes(&any.filter, even_or_third);
    assert_passes(&unweighted.filter, odd);
    lw_set_filter first = lw_filter_any_of(members, 1);
    assert_passes(&first.filter, third_is_two);
}

static void test_combinators_of_none(void **state) {
    (void)state;
    lw_set_filter all = lw_filter_all_of(NULL, 0), any = lw_filter_any_of(NULL, 0);
    assert_passes(&all.filter, everyone);
    assert_passes(&any.filter, nobody);
}

static void test_combinators_nest(void **state) {
    (void)state;
    prepare_two_traits();
    lw_health_filter third = lw_filter_health(LW_STATUS_BIT(2));
    lw_filter weighted = lw_filter_weighted();
    /* not (not a or not b) is a and b */
    lw_not_filter not_third = lw_filter_not(&third.filter), not_weighted = lw_filter_not(&weighted);
    const lw_filter *const negations[] = {&not_third.filter, &not_weighted.filter};
    lw_set_filter either = lw_filter_any_of(negations, 2);
    lw_not_filter both = lw_filter_not(&either.filter);
    assert_passes(&both.filter, even_and_third);
}

static void assert_misses_a_column(const lw_filter *filter) {
    assert_int_equal(apply(filter), LW_NO_COLUMN);
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(NODES); w++) {
        assert_true(words[w] == UNTOUCHED);
    }
}

static void test_a_missing_column_leaves_the_words_alone(void **state) {
    (void)state;
    uint32_t remainder = 0;
    lw_health_filter health = lw_filter_health(1);
    lw_remaining_filter remaining = lw_filter_remaining(0);
    lw_filter weighted = lw_filter_weighted();
    lw_tag_filter tag = lw_filter_tag("a", "b");
    lw_predicate_filter predicate = lw_filter_predicate(is_even_keyed, &remainder, LW_HAS(zone));
    const lw_filter *const each[] = {&health.filter, &remaining.filter, &weighted, &tag.filter, &predicate.filter};
    static const uint32_t columns[] = {LW_HAS(health), LW_HAS(remaining), LW_HAS(weight), LW_HAS(tags), LW_HAS(zone)};
    for (size_t i = 0; i < 5; i++) {
        lw_set_filter all = lw_filter_all_of(each, 5), any = lw_filter_any_of(each, 5);
        lw_not_filter opposite = lw_filter_not(each[i]);
        assert_true(apply(each[i]) >= 0);
        nodes.nodes.present &= ~columns[i];
        assert_misses_a_column(each[i]);
        assert_misses_a_column(&all.filter);
        assert_misses_a_column(&any.filter);
        assert_misses_a_column(&opposite.filter);
        nodes.nodes.present |= columns[i];
    }
}

static double now_is(const void *user, size_t index, uint64_t now) { return now == 55 && user != NULL && index == 9; }

static void test_computed_columns_get_the_time(void **state) {
    (void)state;
    lw_remaining_filter filter = lw_filter_remaining(0.5);
    LW_SET_COMPUTED(nodes.nodes, remaining, now_is, &nodes);
    assert_int_equal(lw_filter_apply(&filter.filter, &nodes.nodes, NULL, 55, words), 1);
    assert_int_equal(lw_bitmap_get(words, 9), 1);
    assert_int_equal(lw_filter_apply(&filter.filter, &nodes.nodes, NULL, 54, words), 0);
}

static void test_at_every_count(void **state) {
    (void)state;
    lw_filter weighted = lw_filter_weighted();
    static const uint32_t counts[] = {0, 1, 63, 64, 65, NODES};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        uint32_t count = counts[c];
        fleet_open(&nodes, count, 1);
        memset(words, 0x5a, sizeof words);
        assert_int_equal(lw_filter_apply(&weighted, &nodes.nodes, NULL, 0, words), count);
        assert_int_equal(lw_bitmap_count(words, count), count);
        assert_true(words[LW_BITMAP_WORDS(count)] == UNTOUCHED);
        assert_true(count % 64 == 0 || words[count / 64] >> count % 64 == 0);
    }
}

/* A filter of one's own: the interface first in a struct. */
typedef struct zone_filter {
    lw_filter filter;
    const char *zone;
} zone_filter;

static bool in_zone(const lw_filter *filter, const lw_nodes *all, uint32_t index, const lw_request *request,
                    uint64_t now) {
    (void)now;
    return request != NULL && strcmp(lw_string_at(&all->zone, index), ((const zone_filter *)filter)->zone) == 0;
}

static void test_a_filter_of_ones_own(void **state) {
    (void)state;
    zone_filter west = {{sizeof(lw_filter), LW_HAS(zone), in_zone}, "west"};
    lw_not_filter elsewhere = lw_filter_not(&west.filter);
    assert_passes(&west.filter, even);
    assert_passes(&elsewhere.filter, odd);
    nodes.nodes.present &= ~LW_HAS(zone);
    assert_misses_a_column(&elsewhere.filter);
}

#define WITH_FLEET(test) cmocka_unit_test_setup(test, open_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_health),
        WITH_FLEET(test_health_that_is_no_status),
        WITH_FLEET(test_remaining),
        WITH_FLEET(test_remaining_that_is_not_a_number),
        WITH_FLEET(test_weighted),
        WITH_FLEET(test_tags),
        WITH_FLEET(test_tags_that_only_look_alike),
        WITH_FLEET(test_predicate),
        WITH_FLEET(test_combinators),
        WITH_FLEET(test_combinators_of_none),
        WITH_FLEET(test_combinators_nest),
        WITH_FLEET(test_a_missing_column_leaves_the_words_alone),
        WITH_FLEET(test_computed_columns_get_the_time),
        WITH_FLEET(test_at_every_count),
        WITH_FLEET(test_a_filter_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
