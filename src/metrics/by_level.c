/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Panics by route and priority: a small table that only fills, as the one of strategies. Levels have a slot from their
 * first panic on; what is beyond the table is counted together.
 * Cost: a hash of two numbers and mostly one look.
 */
#include "metrics/metrics.h"

#include "base/random.h"

struct lw__level_metrics *lw__level_counters(lw_metrics *metrics, uint32_t route, uint32_t priority) {
    uint64_t level = ((uint64_t)route << 32 | priority) + 1; /* 0 is a free slot */
    for (uint32_t i = 0; i < LW__LEVELS && level != 0; i++) {
        struct lw__level_metrics *slot = &metrics->levels[(lw__mix(level) + i) % LW__LEVELS];
        uint64_t owner = lw__count(&slot->level);
        if (owner == 0) {
            __atomic_compare_exchange_n(&slot->level, &owner, level, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        }
        if (owner == 0 || owner == level) {
            return slot;
        }
    }
    return &metrics->other_levels;
}
