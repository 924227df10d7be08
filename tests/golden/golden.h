/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the golden programs share. They need no test library, so that they also build for machines that have none: the
 * same vectors must come out on every platform, big-endian ones included.
 */
#ifndef LOADWISE_TESTS_GOLDEN_H
#define LOADWISE_TESTS_GOLDEN_H

#include "vectors.h"

#include <loadwise/loadwise.h>
#include <stdio.h>
#include <stdlib.h>

#define GOLDEN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int golden_failures;

/* Prints where an expectation failed and goes on; golden_verdict ends the program with the sum. */
#define GOLDEN_CHECK(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                     \
            golden_failures++;                                                                                         \
        }                                                                                                              \
    } while (0)

#define GOLDEN_PICKS(spec, nodes, request, expected)                                                                   \
    golden_picks(__FILE__, __LINE__, (spec), (nodes), (request), (expected), GOLDEN_COUNT(expected))

static inline int golden_verdict(void) {
    printf("%d failed\n", golden_failures);
    return golden_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline lw_strategy *golden_strategy(const char *spec) {
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    env.seed = VECTORS_SEED;
    if (lw_strategy_new(&strategy, &env, spec) != LW_OK) {
        printf("no strategy: %s\n", spec);
        exit(EXIT_FAILURE);
    }
    return strategy;
}

/* The keys of the vectors: a plain sequence, since strategies mix keys themselves. */
static inline lw_request golden_key(uint64_t i) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = i * UINT64_C(0x9e3779b97f4a7c15);
    return request;
}

/* A fresh strategy with the seed of the vectors must pick these nodes, one after the other. */
static inline void golden_picks(const char *file, int line, const char *spec, const lw_nodes *nodes,
                                const lw_request *request, const uint8_t *expected, size_t count) {
    lw_strategy *strategy = golden_strategy(spec);
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t index = lw_select_at(strategy, nodes, request, 0);
        if (index != expected[i]) {
            printf("%s:%d: %s: pick %zu is %td, not %d\n", file, line, spec, i, index, expected[i]);
            golden_failures++;
            break;
        }
    }
    lw_strategy_free(strategy);
}

#endif
