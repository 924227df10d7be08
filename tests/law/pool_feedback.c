/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Strategies hear of requests in pairs: each beginning has one end, whoever chose the node, whether it could be
 * charged, and however the request ends.
 */
#include "pool_yard.h"

#include <loadwise/ops.h>

enum { NODES = 4 };

static uint64_t begun, ended, early;

/* Never picks itself, and counts. */
static ptrdiff_t bystander_pick(const lw_view *view) {
    (void)view;
    return LW_NO_KEY;
}

static void bystander_begin(const lw_view *view, uint32_t index) {
    (void)view, (void)index;
    begun++;
}

static void bystander_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)view, (void)index, (void)sample;
    ended++;
    early += ended > begun;
}

static const lw_strategy_ops bystander = {
    .size = sizeof bystander,
    .name = "bystander",
    .help = "Looks on.",
    .pick = bystander_pick,
    .begin = bystander_begin,
    .done = bystander_done,
};

static void hear(const char *spec, uint32_t explore, uint64_t slow_start) {
    const lw_strategy_ops *const own[] = {&bystander};
    static const lw_quota_dimension slots = {
        sizeof slots, "slots", LW_QUOTA_CONCURRENCY, LW_QUOTA_EXACT, 0, 0, LW_QUOTA_COVER_FULL, 0, 0};
    const lw_quota_limit limit = {0, 0, 3, 0};
    const lw_amount two = {0, 2};
    lw_request request = law_keyed(5);
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    yard y;
    options.ops = own;
    options.ops_count = 1;
    options.explore = explore;
    options.tries = LW_POOL_TRIES;
    options.slow_start = slow_start;
    options.dimensions = &slots;
    options.dimension_count = 1;
    request.amounts = &two;
    request.amount_count = 1;
    begun = ended = early = 0;
    yard_found(&y, &options, 7);
    yard_strategy(&y, spec);
    for (uint32_t i = 0; i <= NODES; i++) {
        y.spec[i].limits = &limit;
        y.spec[i].limit_count = 1;
    }
    y.count = NODES;
    yard_update(&y);
    y.now += 2 * slow_start;
    y.count = NODES + 1; /* one ramps */
    yard_update(&y);
    for (uint32_t i = 0; i < 500; i++) {
        lw_ticket ticket[NODES + 2];
        uint32_t held = 0;
        while (yard_try(&y, &request, &ticket[held]) == LW_OK) {
            held++;
        }
        assert_int_equal(held, NODES + 1);
        while (held > 0) {
            held--;
            if (held % 2 == 0) {
                yard_cancel(&y, &ticket[held]);
            } else {
                yard_done(&y, &ticket[held], LW_OUTCOME_OK, MS);
            }
        }
        assert_int_equal(begun, ended);
    }
    assert_int_equal(early, 0);
    assert_true(explore == 10000 || begun > 500);
    yard_close(&y);
}

static void test_pairs(void **state) {
    (void)state;
    hear("chain(bystander, random)", 0, 0);
    hear("chain(bystander, round_robin)", 0, 100 * SECOND);
    hear("chain(bystander, p2c metric=peak_ewma)", 0, 0);
    hear("chain(bystander, p2c metric=peak_ewma)", 5000, 100 * SECOND);
    hear("chain(bystander, least_load metric=ewma)", 10000, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
