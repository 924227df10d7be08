/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* prequal and nodes that fail: what they say of themselves is worth less, until it is forgiven. */
#include "probed.h"

/* A node that answers at once, wrongly, says that it is idle and quick. With a share of failures of 1 - (3/4)^k it is
   held to be slower by 2 f times the slowest, w: here as slow as another that says w = 1 ms / (1 - 2f). */
static void a_sinkhole_fills_up(void **state) {
    (void)state;
    static const double equals[] = {1e6, 2e6, 8e6}; /* f = 0, 1/4, 7/16 */
    answers *a = probed_open("prequal quantile=1 probes=0", 2, 9);
    for (uint32_t k = 0; k < 10; k++, a->now++) {
        say(a, 0, 0, 1000000);
        for (int side = 0; k < LAW_COUNT(equals) && side < 2; side++) {
            say(a, 1, 0, (uint64_t)(equals[k] * (side == 0 ? 1.0001 : 0.9999)));
            assert_int_equal(foretold(a), side);
        }
        if (k >= LAW_COUNT(equals)) { /* worse than anyone */
            say(a, 1, 0, 1000000000000);
            assert_int_equal(foretold(a), 1);
        }
        answers_bad(a, 0, k % 2 == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OVERLOAD, 1);
    }
    answers_close(a);
}

/* The same with what is under way: after one failure half of the greatest number and one. */
static void a_sinkhole_is_full_too(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=0 probes=0", 2, 10);
    answers_bad(a, 0, LW_OUTCOME_CONNECT_FAILURE, 1);
    say(a, 0, 4, 10);
    say(a, 1, 11, 10); /* 4 + 6 */
    assert_int_equal(foretold(a), 0);
    say(a, 0, 6, 10); /* 6 + 6 */
    assert_int_equal(foretold(a), 1);
    say(a, 0, 0, 10);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(foretold(a), i < 2 ? 0 : 1);
        answers_bad(a, 0, LW_OUTCOME_CONNECT_FAILURE, 1);
    }
    answers_close(a);
}

/* Also where nobody has anything under way, and where answers are removed: the worst is the one that fails. */
static void a_sinkhole_is_the_worst(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        answers *a = probed_open("prequal quantile=0 probes=0", 2, seed);
        for (int i = 0; i < 3; i++) {
            answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
        }
        say(a, 0, 0, 10);
        say(a, 1, 0, 10);
        assert_int_equal(foretold(a), 1);
        answers_close(a);
    }
    answers *a = probed_open("prequal quantile=1 probes=2", 9, 21);
    for (uint32_t i = 5; i-- > 0; a->now++) {
        say(a, i, 0, 10 + i);
        answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
    }
    place_elsewhere(a, 8); /* the oldest, 4 */
    place_elsewhere(a, 8); /* the worst, 0 and not 3 */
    for (int i = 0; i < 30; i++) {
        answers_good(a, 0, 1);
    }
    assert_int_equal(foretold(a), 1);
    answers_close(a);
}

/* Good answers make it good, so does time; what the caller did does nothing. */
static void failures_are_forgiven(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=1 probes=0 max_age=3600", 2, 11);
    for (int i = 0; i < 40; i++) {
        answers_bad(a, 0, LW_OUTCOME_TIMEOUT, 1);
    }
    say(a, 0, 0, 1000000);
    say(a, 1, 0, 1999999); /* as slow as the other with f = 1/4 */
    answers_bad(a, 0, LW_OUTCOME_CANCELLED, 1);
    answers_bad(a, 0, LW_OUTCOME_CALLER_FAULT, 1);
    a->now += 19 * ANSWERS_SECOND;
    assert_int_equal(foretold(a), 1);
    a->now += ANSWERS_SECOND;
    assert_int_equal(foretold(a), 0);
    a->now -= 20 * ANSWERS_SECOND;
    for (int i = 0; i < 5; i++) { /* (3/4)^5 is less than a quarter, (3/4)^4 more */
        assert_int_equal(foretold(a), 1);
        answers_good(a, 0, 5);
    }
    assert_int_equal(foretold(a), 0);
    answers_close(a);
}

/* Forty failures, twenty seconds later worth a quarter; then one more, or a good answer. */
static void failures_fade_before_they_count_on(void **state) {
    (void)state;
    for (int good = 0; good < 2; good++) {
        answers *a = probed_open("prequal quantile=1 probes=0", 2, 18);
        for (int i = 0; i < 40; i++) {
            answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
        }
        a->now += 20 * ANSWERS_SECOND;
        answers_bad(a, 0, good ? LW_OUTCOME_OK : LW_OUTCOME_FAILURE, 1);
        double f = good ? 0.25 * 0.75 : 0.25 * 0.75 + 0.25;
        for (int side = 0; side < 2; side++) {
            say(a, 0, 0, 1000000);
            say(a, 1, 0, (uint64_t)(1e6 / (1 - 2 * f) * (side == 0 ? 1.001 : 0.999)));
            assert_int_equal(foretold(a), side);
            a->now++;
        }
        answers_close(a);
    }
}

/* A new version of the set begins without answers, but what is known of failures follows the id. */
static void failures_follow_the_id(void **state) {
    (void)state;
    answers *a = probed_open("prequal quantile=1 probes=0", 3, 12);
    for (int i = 0; i < 40; i++) {
        answers_bad(a, 0, LW_OUTCOME_FAILURE, 1);
    }
    a->set->id[0] = 1002;
    a->set->id[2] = 1000;
    a->set->nodes.version++;
    say(a, 0, 0, 20);
    say(a, 2, 0, 10);
    assert_int_equal(foretold(a), 0);
    answers_close(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sinkhole_fills_up),
        cmocka_unit_test(a_sinkhole_is_full_too),
        cmocka_unit_test(a_sinkhole_is_the_worst),
        cmocka_unit_test(failures_are_forgiven),
        cmocka_unit_test(failures_fade_before_they_count_on),
        cmocka_unit_test(failures_follow_the_id),
    };
    return cmocka_run_group_tests_name("prequal and failures", tests, NULL, NULL);
}
