/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting of requests under way; see under_way.h. */
#include "strategy/under_way.h"

/* ---- totals ---- */

static struct lw__total *total_for(const lw_build *build) {
    const struct lw__counting *previous = build->previous;
    if (previous != NULL) {
        return previous->total;
    }
    struct lw__total *total = lw_build_alloc(build, sizeof *total);
    if (total != NULL) {
        *total = (struct lw__total){0, 0};
    }
    return total;
}

void *lw__counting_plan_new(const lw_build *build, size_t size) {
    struct lw__counting *plan = lw_build_alloc(build, size);
    struct lw__total *total = plan != NULL ? total_for(build) : NULL;
    if (total == NULL) {
        lw_build_release(build, plan);
        return NULL;
    }
    total->plans++;
    plan->total = total;
    return plan;
}

void lw__counting_plan_free(const lw_build *build, void *plan) {
    struct lw__total *total = ((struct lw__counting *)plan)->total;
    if (--total->plans == 0) {
        lw_build_release(build, total);
    }
    lw_build_release(build, plan);
}

static void change_totals(const lw_memory *memory, uint64_t by) {
    const struct lw__counting *plan = memory->plan;
    struct lw__grand_total *grand = memory->state;
    __atomic_fetch_add(&plan->total->under_way, by, __ATOMIC_RELAXED);
    __atomic_fetch_add(&grand->under_way, by, __ATOMIC_RELAXED);
}

/* ---- from begin to done ---- */

void lw__under_way_begin(const lw_view *view, uint32_t index) {
    struct lw__counted *node = lw_view_scratch(view, index);
    change_totals(view->memory, 1);
    __atomic_fetch_add(&node->under_way, 1, __ATOMIC_RELAXED);
}

void lw__under_way_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct lw__counted *node = lw_view_scratch(view, index);
    uint32_t count = __atomic_load_n(&node->under_way, __ATOMIC_RELAXED);
    (void)sample; /* however it ended, it has ended */
    do {
        if (count == 0) {
            return;
        }
    } while (
        !__atomic_compare_exchange_n(&node->under_way, &count, count - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    change_totals(view->memory, UINT64_MAX); /* one less */
}

void lw__under_way_leave(const lw_memory *memory, void *scratch) {
    const struct lw__counted *node = scratch;
    change_totals(memory, 0 - (uint64_t)node->under_way);
}

uint64_t lw__under_way_sum(const lw_memory *memory) {
    const struct lw__grand_total *grand = memory->state;
    return __atomic_load_n(&grand->under_way, __ATOMIC_RELAXED);
}
