/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a strategy has counted, by the names of the strategy in its tree and of the counter. */
#ifndef LOADWISE_TESTS_COUNTED_H
#define LOADWISE_TESTS_COUNTED_H

#include <loadwise/loadwise.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { COUNTED_MOST = 8 };

static inline uint64_t counted(const lw_strategy *tree, const char *strategy, const char *name) {
    lw_counter counters[COUNTED_MOST];
    size_t count = lw_strategy_counters(tree, counters, COUNTED_MOST);
    assert_true(count <= COUNTED_MOST);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(counters[i].strategy, strategy) == 0 && strcmp(counters[i].name, name) == 0) {
            return counters[i].value;
        }
    }
    fail_msg("no counter %s of %s", name, strategy);
    return 0;
}

#endif
