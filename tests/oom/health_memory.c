/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each allocation of a health tracker's life fails in turn: the call says so, nothing is lost, and it goes on. */
#include "../unit/ledger.h"

#include <loadwise/error.h>
#include <loadwise/health.h>

enum { NODES = 40 };

/* Every way to make a node known. */
static int make_known(lw_health *health, uint64_t node) {
    lw_health_info info = {.size = sizeof info, .node = node, .state.status = LW_DEGRADED};
    switch (node % 4) {
    case 0: return lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, node);
    case 1: return lw_health_verdict(health, node, LW_VERDICT_DOWN);
    case 2: return lw_health_add(health, node);
    default: return lw_health_restore_at(health, &info, node);
    }
}

/* Returns how many calls failed. */
static int live(lw_health *health, const ledger *book) {
    lw_health_info info = {.size = sizeof info};
    int failures = 0;
    for (uint64_t node = 0; node < NODES; node++) {
        uint64_t asked = book->asked;
        int answer = make_known(health, node);
        bool failed = book->fail_at > asked && book->fail_at <= book->asked;
        assert_int_equal(answer, failed ? LW_NOMEM : node % 4 == 0 ? 1 : LW_OK);
        assert_int_equal(lw_health_get_at(health, node, 0, &info), failed ? LW_UNKNOWN : LW_OK);
        assert_int_equal(lw_health_status(health, node), failed ? (uint32_t)LW_HEALTHY : info.status);
        failures += failed;
        assert_true(make_known(health, node) >= 0); /* the second time there is memory */
    }
    for (uint64_t node = 0; node < NODES; node++) {
        assert_int_equal(lw_health_forget(health, node), 1);
    }
    return failures;
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        ledger book;
        lw_health *health = (lw_health *)&book;
        ledger_open(&book);
        book.fail_at = fail_at;
        lw_env env = ledger_env(&book, 1);
        int error = lw_health_new(&health, &env, NULL);
        int failures = error == LW_OK ? live(health, &book) : 0;
        assert_int_equal(error, fail_at <= 2 ? LW_NOMEM : LW_OK);
        assert_true(error == LW_OK || health == NULL);
        lw_health_free(health);
        ledger_close(&book);
        if (error == LW_OK && failures == 0) {
            assert_in_range(fail_at, NODES, 3 * NODES);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
