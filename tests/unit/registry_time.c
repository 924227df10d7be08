/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Look-ups that need the time: it is what was given, else what the clock says, asked once; whatever the node. */
#include "base/registry.h"
#include "ledger.h"

#include <loadwise/error.h>

static ledger book;
static lw_env env;
static struct lw__registry registry;

static void look(uint64_t id, bool known, const uint64_t *given) {
    struct lw__reading reading;
    uint64_t now = 1, reads = book.clock_reads;
    const struct lw__record *record = lw__registry_find_when(&registry, id, &reading, given, &now);
    assert_int_equal(record != NULL, known);
    assert_true(record == NULL || record->id == id);
    assert_true(now == (given != NULL ? *given : book.now));
    assert_int_equal(book.clock_reads - reads, given == NULL);
    lw__registry_leave(&registry, &reading);
}

static void look_at_all(uint64_t first, uint64_t known, uint64_t beyond) {
    static const uint64_t given[] = {0, 7, UINT64_MAX};
    for (uint64_t id = 0; id < beyond; id++) {
        bool is_known = id >= first && id < known;
        look(id, is_known, NULL);
        for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
            look(id, is_known, &given[i]);
        }
    }
}

/* None, some, many, and what was forgotten. */
static void test_time_of_a_look(void **state) {
    static const struct lw__registry_kind kind = {.record_size = sizeof(struct lw__record)};
    (void)state;
    ledger_open(&book);
    env = ledger_env(&book, 5);
    book.now = 99;
    assert_int_equal(lw__registry_init(&registry, &env, &kind, NULL, 1000), LW_OK);
    look_at_all(0, 0, 10);
    for (uint64_t id = 0; id < 500; id++) {
        assert_int_equal(lw__registry_add(&registry, id), LW_OK);
    }
    look_at_all(0, 500, 1000);
    for (uint64_t id = 0; id < 300; id++) {
        assert_non_null(lw__registry_forget(&registry, id));
    }
    look_at_all(300, 500, 1000);
    lw__registry_close(&registry);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_time_of_a_look)};
    return cmocka_run_group_tests_name("registry_time", tests, NULL, NULL);
}
