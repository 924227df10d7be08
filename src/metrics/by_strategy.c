/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Selections by strategy: a small table that only fills, claimed slot by slot with a compare-and-swap. A program has a
 * handful of strategies; what is beyond the table, or no fit label, is counted together.
 * Cost: a hash of the name and mostly one look.
 */
#include "metrics/metrics.h"

#include <loadwise/id.h>
#include <string.h>

static uint64_t *claim_slot(struct lw__strategy_metrics *slot, uint64_t id, const char *name, size_t size) {
    uint64_t nobody = 0;
    if (__atomic_compare_exchange_n(&slot->id, &nobody, id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        lw__label_escape(name, size, slot->label);
        __atomic_store_n(&slot->ready, 1, __ATOMIC_RELEASE);
        return &slot->selections;
    }
    return nobody == id ? &slot->selections : NULL;
}

uint64_t *lw__strategy_counter(lw_metrics *metrics, const char *strategy) {
    size_t size = strategy != NULL ? strlen(strategy) : 0;
    uint64_t id = lw_id(strategy, size) | 1; /* 0 is a free slot */
    for (uint32_t i = 0; i < LW__STRATEGIES; i++) {
        struct lw__strategy_metrics *slot = &metrics->strategies[(id / 2 + i) % LW__STRATEGIES];
        uint64_t owner = lw__count(&slot->id);
        if (owner == id) {
            return &slot->selections;
        }
        if (owner == 0) {
            uint64_t *counter = lw__label_is_fit(strategy, size) ? claim_slot(slot, id, strategy, size) : NULL;
            if (counter != NULL) {
                return counter;
            }
        }
    }
    return &metrics->other_strategies;
}
