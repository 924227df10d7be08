/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A voyage: the convoy `c`, which each test of a program has for itself, and how it begins and ends. */
#ifndef LOADWISE_TESTS_SYNC_VOYAGE_H
#define LOADWISE_TESTS_SYNC_VOYAGE_H

#include "sync_convoy.h"

enum { LIMIT = 1000 }; /* a minute, of a voyage that has one */

static convoy c;

static inline int voyage_of_nodes(uint32_t nodes) {
    convoy_open(&c);
    c.nodes = nodes;
    return 0;
}

static inline int voyage_with_limit(void **state) {
    (void)state;
    convoy_open(&c);
    convoy_limit(&c, LW_QUOTA_SLIDING, MINUTE, LIMIT, 0);
    return 0;
}

static inline int voyage_end(void **state) {
    (void)state;
    convoy_close(&c);
    return 0;
}

#define VOYAGE(name, begin) cmocka_unit_test_setup_teardown(name, begin, voyage_end)

#endif
