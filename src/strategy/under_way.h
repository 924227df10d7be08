/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests under way as a strategy counts them for itself, from begin to done: per node in its scratch, all together in
 * its state. The sum is right whatever becomes of nodes: one that leaves takes its part along, and an end without a
 * beginning, reported twice or begun when the node was another one, takes nothing off.
 *
 * A strategy may be used with several sets of nodes, so there are 8 totals, and a set takes one by its number, as it
 * does a cursor of a rotation. Cost: two locked operations at either end.
 */
#ifndef LW_STRATEGY_UNDER_WAY_H
#define LW_STRATEGY_UNDER_WAY_H

#include "base/random.h"

#include <loadwise/ops.h>

enum { LW__TOTALS = 8 };

struct lw__total {
    _Alignas(64) uint64_t under_way;
};

/* All of the state. */
struct lw__totals {
    struct lw__total of[LW__TOTALS];
};

/* All of the scratch of one node. */
struct lw__counted {
    uint32_t under_way;
    uint32_t total; /* which of them it adds to */
};

static inline uint32_t lw__total_number(const lw_view *view) { return (uint32_t)(view->nodes->set * LW__GOLDEN >> 61); }

static inline uint64_t lw__under_way(const lw_view *view) {
    const struct lw__totals *totals = (const struct lw__totals *)lw_view_state(view);
    return __atomic_load_n(&totals->of[lw__total_number(view)].under_way, __ATOMIC_RELAXED);
}

static inline uint32_t lw__under_way_at(const lw_view *view, uint32_t index) {
    const struct lw__counted *node = (const struct lw__counted *)lw_view_scratch(view, index);
    return __atomic_load_n(&node->under_way, __ATOMIC_RELAXED);
}

/* For the ops. begin: the total first, so that it is never below what the nodes add up to. */
void lw__under_way_begin(const lw_view *view, uint32_t index);
void lw__under_way_done(const lw_view *view, uint32_t index, const lw_sample *sample);
void lw__under_way_leave(const lw_memory *memory, void *scratch);

/* Over all sets. */
uint64_t lw__under_way_sum(const lw_memory *memory);

#endif
