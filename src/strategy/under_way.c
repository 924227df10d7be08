/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting of requests under way; see under_way.h. */
#include "strategy/under_way.h"

void lw__under_way_begin(const lw_view *view, uint32_t index) {
    struct lw__totals *totals = lw_view_state(view);
    struct lw__counted *node = lw_view_scratch(view, index);
    uint32_t number = lw__total_number(view);
    __atomic_store_n(&node->total, number, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals->of[number].under_way, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&node->under_way, 1, __ATOMIC_RELAXED);
}

void lw__under_way_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct lw__totals *totals = lw_view_state(view);
    struct lw__counted *node = lw_view_scratch(view, index);
    uint32_t count = __atomic_load_n(&node->under_way, __ATOMIC_RELAXED);
    (void)sample; /* however it ended, it has ended */
    do {
        if (count == 0) {
            return;
        }
    } while (
        !__atomic_compare_exchange_n(&node->under_way, &count, count - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    uint32_t number = __atomic_load_n(&node->total, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&totals->of[number].under_way, 1, __ATOMIC_RELAXED);
}

void lw__under_way_leave(const lw_memory *memory, void *scratch) {
    struct lw__totals *totals = memory->state;
    const struct lw__counted *node = scratch;
    __atomic_fetch_sub(&totals->of[node->total].under_way, node->under_way, __ATOMIC_RELAXED);
}

uint64_t lw__under_way_sum(const lw_memory *memory) {
    const struct lw__totals *totals = memory->state;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LW__TOTALS; i++) {
        sum += __atomic_load_n(&totals->of[i].under_way, __ATOMIC_RELAXED);
    }
    return sum;
}
