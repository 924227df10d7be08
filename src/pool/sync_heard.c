/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the answers say about one node, applied to it.
 *
 *   quota     the lease begins, until `lease` after the time before the store was asked: it counts for longer there
 *   answers, time   sums of the fleet; what they grew by since the last sync, less what was told from here, is what the
 *             others have measured, and its mean counts as one sample. Sums that shrank began anew
 *   load      requests under way in all, on top of which those count that were placed here since they were counted
 *
 * Cost: what granting, observing and reporting cost.
 */
#include "pool/sync.h"

uint32_t lw__sync_dimension(const lw_pool *pool, const lw_charge *charge) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    uint32_t i = 0;
    while (plan->dimension[i].name != charge->name) {
        i++;
    }
    return i;
}

static void hear_slice(lw_pool *pool, const struct lw__sync_entry *entry, struct lw__node *node) {
    const struct lw__sync *sync = pool->sync;
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t c = 0; c < entry->slice.count; c++) {
        uint32_t i = lw__sync_dimension(pool, &entry->slice.charges[c]);
        struct lw__quota_count *count = lw__quota_count_of(plan, node->quota, i);
        lw__lease_grant(&plan->dimension[i], count, &entry->slice.charges[c], lw__after(sync->now, sync->options.lease),
                        lw__after(sync->now, lw__sync_renewal(sync)), sync->now);
    }
}

static uint64_t sum_of(const struct lw__sync *sync, const struct lw__sync_entry *entry, uint32_t part) {
    int64_t sum = sync->memory.steps[entry->part[part]].sum;
    return sum > 0 ? (uint64_t)sum : 0;
}

static void hear_latency(lw_pool *pool, const struct lw__sync_entry *entry, struct lw__node *node) {
    struct lw__sync_node *own = node->sync;
    uint64_t answers = sum_of(pool->sync, entry, LW__PART_ANSWERS), time = sum_of(pool->sync, entry, LW__PART_TIME);
    uint64_t told = own->all_answers + entry->answers, told_time = own->all_time + entry->time / 1000;
    if (own->heard && answers > told && time > told_time) {
        uint64_t mean = (time - told_time) / (answers - told); /* us */
        uint64_t latency = mean < LW__LATENCY_MOST / 1000 ? mean * 1000 : LW__LATENCY_MOST;
        lw__latency_observe(&pool->latency, &node->latency, LW_OUTCOME_OK, latency, pool->sync->now);
    }
    own->all_answers = answers;
    own->all_time = time;
    own->heard = 1;
}

static void hear_load(lw_pool *pool, const struct lw__sync_entry *entry, struct lw__node *node) {
    double load = (double)sum_of(pool->sync, entry, LW__PART_LOAD) * pool->rules.options.external_unit;
    lw__node_report(node, load, entry->base, pool->sync->now);
}

void lw__sync_hear(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    const struct lw__sync *sync = pool->sync;
    if (lw__sync_answer(sync, entry, LW__PART_SLICE) == LW_OK) {
        hear_slice(pool, entry, node);
    }
    if (lw__sync_answer(sync, entry, LW__PART_ANSWERS) == LW_OK &&
        lw__sync_answer(sync, entry, LW__PART_TIME) == LW_OK) {
        hear_latency(pool, entry, node);
    }
    if (lw__sync_answer(sync, entry, LW__PART_LOAD) >= 0 && !sync->leaving) {
        hear_load(pool, entry, node);
    }
    if (lw__sync_answer(sync, entry, LW__PART_HEALTH) == LW_OK) {
        lw__sync_judge(pool, entry, node);
    }
}
