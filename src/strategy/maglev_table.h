/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How the slots of a Maglev table are shared out: hosts take turns, and whoever's turn it is claims the first slot of
 * its own walk that is free. A walk begins anywhere and steps by the same distance round a table whose size is a
 * prime, so it meets every slot once.
 */
#ifndef LW_STRATEGY_MAGLEV_TABLE_H
#define LW_STRATEGY_MAGLEV_TABLE_H

#include <loadwise/api.h>
#include <stdbool.h>
#include <stdint.h>

struct lw__walk {
    uint32_t at;   /* the slot to look at next, below the size of the table */
    uint32_t step; /* 1 to size - 1 */
};

struct lw__maglev {
    uint32_t size;          /* slots; a prime */
    uint32_t hosts;         /* 1 to size */
    struct lw__walk *walks; /* by host; used up */
    const uint32_t *nodes;  /* by host: what its slots hold */
    const uint32_t *turns;  /* one host a slot; NULL: all hosts in order, again and again */
    uint64_t *taken;        /* a bit for each slot, 0 at first */
    void *slots;            /* the table: uint16_t each, or uint32_t if wide */
    bool wide;
};

/* Fills the table: O(size ln size) steps. */
void lw__maglev_fill(const struct lw__maglev *maglev);

/* Room for the counters of lw__maglev_turns: one for each round and one more. */
uint32_t lw__maglev_rounds(uint32_t size, const uint32_t *weights, uint32_t hosts);

/*
 * Whose turn it is, for each slot, when weights differ; none of them is 0. In round t = 1, 2, 3 ... each host in order
 * claims one slot if t * weight >= its target, which begins at 0 and grows by the largest weight at each claim. So a
 * host has claimed 1 + floor(t * weight / largest) slots after round t, the heaviest t. O(size + hosts + rounds).
 */
void lw__maglev_turns(uint32_t size, const uint32_t *weights, uint32_t hosts, uint32_t rounds, uint32_t *places,
                      uint32_t *turns);

#endif
