/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The packed word of a node from inside: what wraps, what must differ, and that the core alone is enough. */
#include "health/health.h"
#include "ledger.h"

#include <loadwise/error.h>

static struct lw__health_rules rules;
static struct lw__health_node node;
static uint64_t buckets[LW__HEALTH_BUCKETS];

static int open_node(void **state) {
    (void)state;
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    options.failure_threshold = 1;
    options.probe_interval = 0;
    assert_int_equal(lw__health_rules_init(&rules, &env, &options), LW_OK);
    lw__health_node_init(&node, 0, buckets);
    return 0;
}

static int report(uint32_t outcome, const lw_health_permit *permit) {
    return lw__health_report(&rules, &node, 5, outcome, permit, 1);
}

static lw_health_permit admit(uint64_t now) {
    lw_health_permit permit;
    assert_int_equal(lw__health_admit(&rules, &node, 5, now, &permit), 1);
    return permit;
}

static lw_health_info info(void) {
    lw_health_info found;
    lw__health_info(&rules, &node, 5, 1, &found);
    return found;
}

/* A permit given and brought back without a word leaves another word behind: whoever looked before must look again,
   for in between the time of the latest permit has changed. */
static void test_no_word_comes_back_soon(void **state) {
    (void)state;
    uint64_t words[16];
    report(LW_OUTCOME_FAILURE, NULL);
    for (int i = 0; i < 16; i++) {
        lw_health_permit permit = admit(1);
        words[i] = node.word;
        for (int j = 0; j < i; j++) {
            assert_true(words[j] != words[i]);
        }
        report(LW_OUTCOME_CANCELLED, &permit);
    }
}

/* 8192 epochs, and each start anew tells late from in time. */
static void test_epochs_wrap(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 9000; i++) {
        lw_health_permit late = admit(1);
        assert_int_equal(report(LW_OUTCOME_FAILURE, NULL), 1);
        assert_int_equal(report(LW_OUTCOME_OK, &late), 0);
        assert_int_equal(info().epoch, (2 * i + 1) % 8192);
        lw_health_permit probe = admit(1);
        assert_int_equal(report(LW_OUTCOME_OK, &probe), 1);
        assert_int_equal(report(LW_OUTCOME_OK, NULL), 1);
        assert_int_equal(info().status, LW_HEALTHY);
        assert_int_equal(info().probes_out, 0);
    }
}

static void test_rounds_wrap(void **state) {
    (void)state;
    uint64_t now = 1;
    lw_health_permit permits[15];
    report(LW_OUTCOME_FAILURE, NULL);
    for (uint32_t i = 0; i < 1000; i++, now += rules.options.probe_timeout) {
        permits[i % 15] = admit(now);
        assert_int_equal(info().probes_out, 1);
        assert_int_equal(info().epoch, 1);
    }
    for (uint32_t i = 0; i < 15; i++) {
        if (i != 999 % 15) {
            assert_int_equal(report(LW_OUTCOME_CANCELLED, &permits[i]), 0);
            assert_int_equal(info().probes_out, 1);
        }
    }
    report(LW_OUTCOME_CANCELLED, &permits[999 % 15]);
    assert_int_equal(info().probes_out, 0);
}

/* Of a life 20 bits are told apart. */
static void test_lives(void **state) {
    (void)state;
    static const uint32_t lives[] = {0, 1, 0xfffff, 0x80000};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            lw__health_node_init(&node, lives[j], buckets);
            lw_health_permit first = lw__health_first_permit(lives[i]), second = admit(1);
            assert_int_equal(report(LW_OUTCOME_OK, &first), i == j);
            assert_int_equal(report(LW_OUTCOME_OK, &second), 1);
        }
    }
    lw__health_node_init(&node, 0x12345678, buckets);
    lw_health_permit wrapped = lw__health_first_permit(0x00045678);
    assert_int_equal(report(LW_OUTCOME_OK, &wrapped), 1);
}

/* 255 permits fill their bits, and no neighbour's. */
static void test_most_permits(void **state) {
    (void)state;
    lw_health_permit permit, other;
    rules.options.probes = 255;
    report(LW_OUTCOME_FAILURE, NULL);
    lw_health_info before = info();
    for (uint32_t i = 1; i <= 255; i++) {
        permit = admit(1);
        assert_int_equal(info().probes_out, i);
    }
    assert_int_equal(lw__health_admit(&rules, &node, 5, 1, &other), 0);
    for (uint32_t i = 255; i > 0; i--) {
        report(LW_OUTCOME_CANCELLED, &permit);
        assert_int_equal(info().probes_out, i - 1);
    }
    lw_health_info after = info();
    assert_memory_equal(&after, &before, sizeof after);
}

#define ON_NODE(test) cmocka_unit_test_setup(test, open_node)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_NODE(test_no_word_comes_back_soon),
        ON_NODE(test_epochs_wrap),
        ON_NODE(test_rounds_wrap),
        ON_NODE(test_lives),
        ON_NODE(test_most_permits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
