/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the golden programs share. They need no test library, so that they also build for machines that have none: the
 * same vectors must come out on every platform, big-endian ones included.
 */
#ifndef LOADWISE_TESTS_GOLDEN_H
#define LOADWISE_TESTS_GOLDEN_H

#include "vectors.h"

#include <loadwise/loadwise.h>
#include <stdbool.h>
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

#define GOLDEN_OWNERS(spec, nodes, expected)                                                                           \
    golden_owners(__FILE__, __LINE__, (spec), (nodes), (expected), GOLDEN_COUNT(expected), 1)

/* So many nodes a key, one after the other. */
#define GOLDEN_ORDERS(spec, nodes, expected, room)                                                                     \
    golden_owners(__FILE__, __LINE__, (spec), (nodes), (expected), GOLDEN_COUNT(expected), (room))

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

/* Nodes of which nothing but the weights is known. */
static inline lw_nodes golden_weighted(const uint32_t *weights, size_t count) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, (uint32_t)count);
    LW_SET_VALUES(nodes, weight, weights);
    nodes.set = 1;
    return nodes;
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

/* Every third node is not eligible. */
static inline void golden_some(lw_nodes *nodes, uint64_t *words) {
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (i % 3 != 1) {
            lw_bitmap_set(words, i);
        }
    }
    nodes->eligible = words;
}

/* Is this the order of a key, and its head the owner? */
static inline bool golden_order(lw_strategy *strategy, const lw_nodes *nodes, uint64_t i, const uint8_t *expected,
                                uint32_t room) {
    uint32_t order[8] = {0};
    lw_request request = golden_key(i);
    bool right = lw_select(strategy, nodes, &request) == expected[0] &&
                 lw_replicas(strategy, nodes, request.key, order, room) == room;
    for (uint32_t k = 0; k < room; k++) {
        right = right && order[k] == expected[k];
    }
    return right;
}

/* The keys of the vectors must have these nodes, `room` for each. */
static inline void golden_owners(const char *file, int line, const char *spec, const lw_nodes *nodes,
                                 const uint8_t *expected, size_t count, uint32_t room) {
    lw_strategy *strategy = golden_strategy(spec);
    for (size_t i = 0; i < count; i += room) {
        if (!golden_order(strategy, nodes, i / room, &expected[i], room)) {
            printf("%s:%d: %s: the nodes of key %zu are others\n", file, line, spec, i / room);
            golden_failures++;
        }
    }
    lw_strategy_free(strategy);
}

#endif
