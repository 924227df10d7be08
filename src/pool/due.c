/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What time brings: a cool-down, an ejection or a quota that ends, a probe that is due.
 *
 * One word says before when nothing is due. A pick that comes later claims the sweep with one exchange, others go on;
 * it walks the nodes, settles those that are due and stops after a bounded number, for the next pick to continue. The
 * times themselves are not kept: they follow from the nodes, so there is no heap that events would have to maintain.
 *
 * No time is lost: `kept` is emptied when a sweep begins and lowered by everybody who settles a node from then on, so
 * at its end it holds the times of all nodes that the sweep passed, before or after they changed.
 * Cost: a load and a comparison per pick; a sweep is O(nodes) in bounded steps, once per time at which something is
 * due.
 */
#include "pool/snapshot.h"

enum { STEP_NODES = 4096, STEP_SETTLED = 64 };

void lw__due_lower(lw_pool *pool, uint64_t due) {
    lw__lower(&pool->due_kept, due);
    lw__lower(&pool->next_due, due);
}

/* Looks at the nodes from the cursor on; true when it came to the end. */
static bool sweep_step(lw_pool *pool, const struct lw__snapshot *snapshot, uint64_t now) {
    uint32_t settled = 0, looked = 0, at = pool->due_cursor;
    for (; at < snapshot->count && looked < STEP_NODES && settled < STEP_SETTLED; at++, looked++) {
        struct lw__node *node = snapshot->node[at];
        if (__atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) != 0) {
            lw__node_settle(pool, node, now);
            settled++;
        }
    }
    pool->due_cursor = at < snapshot->count ? at : 0;
    return at >= snapshot->count;
}

static void outliers_due(lw_pool *pool, uint64_t now) {
    if (pool->rules.outliers) {
        lw__outlier_sweep(pool, now);
        lw__due_lower(pool, __atomic_load_n(&pool->next_outlier, __ATOMIC_SEQ_CST));
    }
}

void lw__due_run(lw_pool *pool, uint64_t now) {
    if (__atomic_exchange_n(&pool->due_busy, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    if (pool->due_cursor == 0) {
        __atomic_store_n(&pool->due_kept, UINT64_MAX, __ATOMIC_SEQ_CST);
        outliers_due(pool, now);
    }
    __atomic_store_n(&pool->next_due, UINT64_MAX, __ATOMIC_SEQ_CST);
    bool whole = sweep_step(pool, lw__snapshot_current(pool), now);
    lw__lower(&pool->next_due, whole ? __atomic_load_n(&pool->due_kept, __ATOMIC_SEQ_CST) : now);
    __atomic_store_n(&pool->due_busy, 0, __ATOMIC_SEQ_CST);
}
