/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Slow start: a node that is new, or well again, gets its share by and by.
 *
 *     f(node) = max(floor, (elapsed / slow_start)^(100 / aggression)), relative to that of the eldest node of the group
 *
 * A chosen node is accepted with probability f, or else chosen once more without it, and that one is looked at in the
 * same way, up to LW__RAMPING times. That thins out its share by f, whatever the strategy and however little traffic
 * there is; dividing loads by f instead would starve the node while the others are idle. Relative to the eldest, since
 * where all began together there is nobody who could take more.
 *
 * Source: Envoy's slow start (floor, aggression), less its weights. Cost: nothing while nobody ramps; the eldest is
 * looked for again when the health of a member has changed, O(members).
 */
#include "pool/pick.h"

#include "base/fixed.h"

void lw__ramp_begin(lw_pool *pool, struct lw__node *node, uint64_t now) {
    uint64_t end = lw__after(now, pool->rules.options.slow_start);
    if (pool->rules.options.slow_start == 0 || now == 0) {
        return;
    }
    __atomic_store_n(&node->ramp_since, now, __ATOMIC_SEQ_CST);
    lw__raise(&pool->ramp_until, end);
}

uint64_t lw__ramp_factor(const lw_pool *pool, uint64_t since, uint64_t now) {
    const lw_pool_options *options = &pool->rules.options;
    uint64_t elapsed = now > since ? now - since : 1, whole = options->slow_start;
    if (since == 0 || elapsed >= whole) {
        return LW__ONE;
    }
    uint64_t halvings = (lw__log2(whole) - lw__log2(elapsed)) * 100 / options->slow_start_aggression;
    uint64_t factor = lw__exp2_neg(halvings), floor = LW__ONE / 100 * options->slow_start_floor;
    return factor > floor ? factor : floor;
}

static uint64_t find_eldest(const struct lw__group *group) {
    uint64_t eldest = UINT64_MAX;
    for (uint32_t i = 0; i < group->count; i++) {
        const struct lw__node *node = group->node[i];
        uint64_t since = __atomic_load_n(&node->ramp_since, __ATOMIC_RELAXED);
        uint32_t reasons = __atomic_load_n(&node->reasons, __ATOMIC_RELAXED);
        if ((reasons & (LW__ABSENT | LW__UNWELL)) == 0 && since < eldest) {
            eldest = since;
        }
    }
    return eldest;
}

/* Threads that look for it at the same time find the same, or a newer one. */
static uint64_t eldest_of(struct lw__group *group) {
    uint32_t changes = __atomic_load_n(&group->changes, __ATOMIC_SEQ_CST) + 1;
    if (__atomic_load_n(&group->eldest_at, __ATOMIC_SEQ_CST) != changes) {
        __atomic_store_n(&group->eldest, find_eldest(group), __ATOMIC_SEQ_CST);
        __atomic_store_n(&group->eldest_at, changes, __ATOMIC_SEQ_CST);
    }
    return __atomic_load_n(&group->eldest, __ATOMIC_SEQ_CST);
}

bool lw__ramp_accepts(struct lw__pick *pick, struct lw__group *group, const struct lw__node *node) {
    uint64_t since = __atomic_load_n(&node->ramp_since, __ATOMIC_RELAXED);
    uint64_t eldest = eldest_of(group);
    if (since == 0 || !group->chooser->ramps || eldest >= since) {
        return true;
    }
    uint64_t own = lw__ramp_factor(pick->pool, since, pick->now), best = lw__ramp_factor(pick->pool, eldest, pick->now);
    return (lw__pick_random(pick) >> 32) * best >> 32 < own;
}
