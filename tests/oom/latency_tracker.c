/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory runs out: a whole life of a latency tracker, again and again, with allocation 1, 2, 3 ... failing until it
 * gets through. Every failure comes back as LW_NOMEM and changes nothing; the same call succeeds once there is memory.
 */
#include "../unit/ledger.h"

#include <loadwise/latency.h>

enum { NODES = 100 };

static ledger book;
static uint32_t shortages;

static lw_latency *be_born(void) {
    lw_latency *latency = NULL;
    lw_env env = ledger_env(&book, 1);
    while (lw_latency_new(&latency, &env, NULL) == LW_NOMEM) {
        assert_null(latency);
        assert_int_equal(book.live, 0);
        shortages++;
    }
    assert_non_null(latency);
    return latency;
}

static void live(void) {
    lw_latency *latency = be_born();
    lw_sample sample = LW_SAMPLE_INIT;
    sample.latency = 500;
    for (uint64_t node = 0; node < NODES; node++) {
        lw_latency_info info = {.size = sizeof info};
        int answer = lw_latency_observe_at(latency, node, &sample, 1000);
        if (answer == LW_NOMEM) {
            shortages++;
            assert_int_equal(lw_latency_get(latency, node, &info), LW_UNKNOWN);
            answer = lw_latency_observe_at(latency, node, &sample, 1000);
        }
        assert_int_equal(answer, 1);
        assert_int_equal(lw_latency_get(latency, node, &info), LW_OK);
        assert_int_equal(info.samples, 1);
    }
    lw_latency_free(latency);
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    uint64_t lives = 0;
    do {
        ledger_open(&book);
        book.fail_at = ++lives;
        shortages = 0;
        live();
        ledger_close(&book);
        assert_int_equal(shortages, book.asked >= lives);
    } while (shortages != 0);
    assert_true(lives > NODES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
