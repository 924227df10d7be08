/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each allocation of the metrics' life fails in turn: no event is lost, what has no series counts in "#other". */
#include "../unit/ledger.h"
#include "../unit/metrics_page.h"

enum { NODES = 12 };

static page now;

/* Returns how many calls told of the failure. */
static int live(lw_metrics *metrics, ledger *book) {
    const lw_observer *tell = lw_metrics_observer(metrics);
    int failures = 0;
    for (uint64_t node = 0; node < NODES; node++) {
        char name[16];
        snprintf(name, sizeof name, "node-%d", (int)node);
        tell->selected(tell->user, node, "p2c");
        if (node % 2) {
            int answer = lw_metrics_name(metrics, node, name);
            assert_true(answer == 1 || answer == LW_NOMEM);
            failures += answer == LW_NOMEM;
        }
    }
    uint64_t sum = 0;
    page_read(&now, metrics);
    for (size_t i = 0; i < now.count; i++) {
        if (strncmp(now.lines[i], "loadwise_selections_total{", 26) == 0) {
            sum += (uint64_t)page_number(now.lines[i]);
        }
    }
    assert_int_equal(sum, NODES);
    assert_int_equal(book->strangers, 0);
    return failures + (int)page_mentions(&now, "loadwise_selections_total{node=\"#other\"}");
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        ledger book;
        lw_metrics *metrics = (lw_metrics *)&book;
        ledger_open(&book);
        book.fail_at = fail_at;
        lw_env env = ledger_env(&book, 1);
        int error = lw_metrics_new(&metrics, &env, NULL);
        assert_int_equal(error, fail_at <= 2 ? LW_NOMEM : LW_OK);
        assert_true(error == LW_OK || metrics == NULL);
        int failures = error == LW_OK ? live(metrics, &book) : 1;
        assert_int_equal(failures > 0, book.asked >= fail_at);
        lw_metrics_free(metrics);
        ledger_close(&book);
        if (failures == 0) {
            assert_in_range(fail_at, NODES, 3 * NODES);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
