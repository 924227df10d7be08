/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Keys that have one node in a list and another in the next: how many, from whom to whom.
 *
 * Nodes are numbers below count; who has no node is count itself. Memory is as the pairs that occur, not as the keys.
 */
#ifndef LOADWISE_TOOL_MOVES_H
#define LOADWISE_TOOL_MOVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct move {
    uint32_t from, to;
    uint64_t keys;
};

struct moves_node {
    uint64_t before, after; /* keys it has */
    uint64_t left, arrived; /* of them, those that went and came */
};

struct moves {
    struct moves_node *nodes; /* count + 1 */
    uint32_t count;
    uint64_t keys, moved;
    struct move *pairs;
    size_t pair_count, room;
};

/* False: out of memory, and then moves_free as well. */
bool moves_init(struct moves *moves, uint32_t count);
bool moves_add(struct moves *moves, uint32_t from, uint32_t to);
void moves_free(struct moves *moves);

/* Puts the pairs in order, those of most keys first. */
void moves_sort(struct moves *moves);

#endif
