/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests under way as a strategy counts them for itself, from begin to done: per node in its scratch, all of a set
 * together in a total of that set, and over all sets in the state. A total is made with the first plan of a set, handed
 * from each plan to the next, and gone with the last, when the scratch of all nodes is gone too. So it is at any time
 * the sum of what stands at the nodes of the last versions: a node that leaves takes its part along, and a count is
 * never below 0, however many ends are told.
 *
 * Cost: three locked operations at either end.
 */
#ifndef LW_STRATEGY_UNDER_WAY_H
#define LW_STRATEGY_UNDER_WAY_H

#include <loadwise/ops.h>

/* Of one set. */
struct lw__total {
    _Alignas(64) uint64_t under_way;
    uint32_t plans; /* that lead here; guarded by the strategy's lock */
};

/* What a plan begins with. */
struct lw__counting {
    struct lw__total *total;
};

/* All of the state: over all sets. */
struct lw__grand_total {
    uint64_t under_way;
};

/* All of the scratch of one node. */
struct lw__counted {
    uint32_t under_way;
};

static inline uint64_t lw__under_way(const lw_view *view) {
    const struct lw__counting *plan = (const struct lw__counting *)lw_view_plan(view);
    return __atomic_load_n(&plan->total->under_way, __ATOMIC_RELAXED);
}

static inline uint32_t lw__under_way_at(const lw_view *view, uint32_t index) {
    const struct lw__counted *node = (const struct lw__counted *)lw_view_scratch(view, index);
    return __atomic_load_n(&node->under_way, __ATOMIC_RELAXED);
}

/* For plan_build: room for a plan, with the total of the plan before or a new one; NULL without memory. And plan_free.
 */
void *lw__counting_plan_new(const lw_build *build, size_t size);
void lw__counting_plan_free(const lw_build *build, void *plan);

/* For the ops. begin: the total first, so that it is never below what the nodes add up to. */
void lw__under_way_begin(const lw_view *view, uint32_t index);
void lw__under_way_done(const lw_view *view, uint32_t index, const lw_sample *sample);
void lw__under_way_leave(const lw_memory *memory, void *scratch);

/* Over all sets. */
uint64_t lw__under_way_sum(const lw_memory *memory);

#endif
