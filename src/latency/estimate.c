/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The estimates of one node, and of the group.
 *
 *     keep(t)  = 2^(-t / half-life), half-life = tau ln 2
 *     observe  mean: x + (mean - x) keep(dt), times (k - 1) / k for the first min_samples, which so count evenly
 *              peak: x if x >= peak, else x + (peak - x) keep(dt)
 *     read     group + (cost - group) keep(now - stamp) min(k, min_samples) / min_samples
 *
 * x is the sample, k its number since the node became known, dt the time since the sample before. An interval belongs
 * to the sample at its end, so of the samples inside one tick (2^-15 of tau) only the first moves the mean: at high
 * rates one in each tick is an even choice among them, and nothing is written for the others. The peak sees every
 * sample. Reading applies the same formula with the group in the place of the sample that has not come.
 *
 * The group's mean takes good samples only. If charges moved it, one failing node would make every new node and every
 * idle one look bad, and they would never be tried.
 *
 * A third word keeps the history: when the last sample came (48 bits, in 2^16 ns: no wrap) and how many there were
 * (16 bits, saturating). It alone says whether a node is known; the stamps of the costs, which wrap, are read only
 * inside the expiry. Threads race for each word by itself: a reader that meets words of two samples sees a mixture of
 * two true states, never one that is out of their range.
 *
 * Source: peak EWMA as in Finagle; charges after brpc (at least the timeout) and Linkerd (a penalty for 429 and 503).
 * Cost: reading is 3 loads and a power, observing 3 compare-and-swaps, the group's word once in a tick.
 */
#include "base/fixed.h"
#include "latency/latency.h"
#include "latency/word.h"

enum { UNIT_BITS = 20, SCORE_BITS = 8, SEEN_SHIFT = 16 };

/* ---- history ---- */

static uint64_t history_time(uint64_t history) { return history >> SEEN_SHIFT; }

/* Samples that still count at `now`; 0: the node is not known. */
static uint32_t samples_at(const struct lw__latency_rules *rules, uint64_t history, uint64_t now) {
    uint64_t time = now >> SEEN_SHIFT, last = history_time(history);
    return time > last && time - last > rules->expiry ? 0 : (uint32_t)(history & LW__LATENCY_SAMPLES);
}

/* Books so many samples, 1 or 0: no sample, but a sign of life. Returns how many there are now. */
static uint32_t book(const struct lw__latency_rules *rules, uint64_t *history, uint32_t samples, uint64_t now) {
    uint64_t old = __atomic_load_n(history, __ATOMIC_RELAXED), fresh, time = now >> SEEN_SHIFT;
    uint32_t count;
    do {
        count = samples_at(rules, old, now);
        count += count < LW__LATENCY_SAMPLES ? samples : 0;
        fresh = (time > history_time(old) ? time : history_time(old)) << SEEN_SHIFT | count;
    } while (fresh != old &&
             !__atomic_compare_exchange_n(history, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return count;
}

/* ---- one cost ---- */

/* The share of a cost that is left after its age. */
static uint64_t share_left(const struct lw__latency_rules *rules, int32_t age) {
    if (age < LW__LATENCY_SHARES) {
        return age <= 0 ? LW__ONE : rules->share[age];
    }
    return lw__exp2_neg(((uint64_t)age * rules->halvings) >> 12);
}

static uint64_t folded(const struct lw__latency_rules *rules, uint64_t word, uint32_t kind, uint32_t number,
                       uint64_t sample, uint64_t tick) {
    int32_t age = lw__word_age(word, tick);
    uint64_t cost = lw__word_cost(word), share = share_left(rules, age);
    if (number == 1 || word == 0) {
        return lw__word(sample, tick);
    }
    if (kind == LW_LATENCY_PEAK && sample >= cost) {
        share = 0;
    } else if (kind == LW_LATENCY_MEAN && number <= rules->min_samples) {
        share = share * (number - 1) / number;
    }
    return lw__word(lw__between(sample, cost, share), age < 0 ? word : tick);
}

static void fold(const struct lw__latency_rules *rules, uint64_t *cost, uint32_t kind, uint32_t number, uint64_t sample,
                 uint64_t now) {
    uint64_t old = __atomic_load_n(cost, __ATOMIC_RELAXED), fresh;
    do {
        fresh = folded(rules, old, kind, number, sample, now >> rules->tick_shift);
    } while (fresh != old && !__atomic_compare_exchange_n(cost, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/* ---- reading ---- */

uint64_t lw__latency_group_cost(const struct lw__latency_group *group) {
    uint64_t word = __atomic_load_n(&group->mean, __ATOMIC_RELAXED);
    return word != 0 ? lw__word_cost(word) : group->rules.initial;
}

uint64_t lw__latency_cost(const struct lw__latency_group *group, const struct lw__latency_node *node, uint32_t kind,
                          uint64_t now) {
    const struct lw__latency_rules *rules = &group->rules;
    uint64_t typical = lw__latency_group_cost(group);
    if (node == NULL) {
        return typical;
    }
    uint32_t samples = samples_at(rules, __atomic_load_n(&node->history, __ATOMIC_RELAXED), now);
    uint64_t word = __atomic_load_n(&node->cost[kind == LW_LATENCY_PEAK], __ATOMIC_RELAXED);
    if (word == 0) {
        return typical;
    }
    uint64_t share = share_left(rules, lw__word_age(word, now >> rules->tick_shift));
    if (samples < rules->min_samples) { /* with 0 samples nothing is left of it */
        share = share * samples / rules->min_samples;
    }
    return lw__between(typical, lw__word_cost(word), share);
}

uint64_t lw__latency_score(uint64_t cost, uint64_t in_flight) {
    uint64_t score, unit = cost >> (UNIT_BITS - SCORE_BITS);
    if (in_flight == UINT64_MAX || __builtin_mul_overflow(unit, in_flight + 1, &score)) {
        return UINT64_MAX;
    }
    return score;
}

/* ---- observing ---- */

static uint64_t higher(uint64_t a, uint64_t b) { return a > b ? a : b; }

static uint64_t cost_of_latency(uint64_t latency) {
    return (latency < LW__LATENCY_MOST ? latency : LW__LATENCY_MOST) << UNIT_BITS;
}

bool lw__latency_introduces(uint32_t outcome, uint64_t latency) {
    return outcome == LW_OUTCOME_OK ? latency != 0
                                    : outcome != LW_OUTCOME_CALLER_FAULT && outcome != LW_OUTCOME_CANCELLED;
}

/* No less than was to be expected, so that whatever it says of the node, it never says "faster". */
static uint64_t charge(const struct lw__latency_group *group, const struct lw__latency_node *node, uint64_t least,
                       uint64_t cost, uint64_t now) {
    uint64_t expected = higher(lw__latency_cost(group, node, LW_LATENCY_PEAK, now), lw__latency_group_cost(group));
    return higher(higher(cost, least), expected);
}

/* A request given up after this long would have taken longer: news only where less was expected, and no less than an
   average request takes, or it would count as "faster". */
static uint64_t abandoned(const struct lw__latency_group *group, const struct lw__latency_node *node, uint32_t kind,
                          uint64_t cost, uint64_t now) {
    bool known = samples_at(&group->rules, __atomic_load_n(&node->history, __ATOMIC_RELAXED), now) != 0;
    return known && cost > lw__latency_cost(group, node, kind, now) ? higher(cost, lw__latency_group_cost(group)) : 0;
}

/* What one estimate is told; 0: nothing. */
static uint64_t sample_for(const struct lw__latency_group *group, const struct lw__latency_node *node, uint32_t kind,
                           uint32_t outcome, uint64_t cost, uint64_t now) {
    switch (outcome) {
    case LW_OUTCOME_OK: return cost;
    case LW_OUTCOME_RATE_LIMITED:
    case LW_OUTCOME_OVERLOAD: return charge(group, node, group->rules.penalty, cost, now);
    case LW_OUTCOME_CALLER_FAULT: return 0;
    case LW_OUTCOME_CANCELLED: return abandoned(group, node, kind, cost, now);
    default: return charge(group, node, group->rules.timeout, cost, now);
    }
}

static void group_sample(struct lw__latency_group *group, uint64_t sample, uint64_t now) {
    uint32_t number = book(&group->rules, &group->history, 1, now);
    fold(&group->rules, &group->mean, LW_LATENCY_MEAN, number, sample, now);
}

bool lw__latency_observe(struct lw__latency_group *group, struct lw__latency_node *node, uint32_t outcome,
                         uint64_t latency, uint64_t now) {
    uint64_t sample[LW__LATENCY_KINDS];
    for (uint32_t kind = 0; kind < LW__LATENCY_KINDS; kind++) {
        sample[kind] = sample_for(group, node, kind, outcome, cost_of_latency(latency), now);
    }
    if (sample[LW_LATENCY_MEAN] == 0 && sample[LW_LATENCY_PEAK] == 0) {
        return false;
    }
    bool whole = outcome != LW_OUTCOME_CANCELLED;
    uint32_t number = book(&group->rules, &node->history, whole ? 1 : 0, now);
    number = whole ? number : LW__LATENCY_SAMPLES; /* half a sample has the weight of its time alone */
    for (uint32_t kind = 0; kind < LW__LATENCY_KINDS; kind++) {
        if (sample[kind] != 0) {
            fold(&group->rules, &node->cost[kind], kind, number, sample[kind], now);
        }
    }
    if (outcome == LW_OUTCOME_OK) {
        group_sample(group, sample[LW_LATENCY_MEAN], now);
    }
    return true;
}

/* ---- keeping ---- */

bool lw__latency_info(const struct lw__latency_node *node, lw_latency_info *info) {
    uint64_t history = __atomic_load_n(&node->history, __ATOMIC_RELAXED);
    uint64_t mean = __atomic_load_n(&node->cost[LW_LATENCY_MEAN], __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&node->cost[LW_LATENCY_PEAK], __ATOMIC_RELAXED);
    info->mean = lw__word_cost(mean);
    info->peak = lw__word_cost(peak);
    info->last = history_time(history) << SEEN_SHIFT;
    info->samples = (uint32_t)(history & LW__LATENCY_SAMPLES);
    return mean != 0 && peak != 0;
}

void lw__latency_restore(const struct lw__latency_group *group, struct lw__latency_node *node,
                         const lw_latency_info *info) {
    uint64_t tick = info->last >> group->rules.tick_shift;
    __atomic_store_n(&node->cost[LW_LATENCY_MEAN], lw__word(info->mean, tick), __ATOMIC_RELAXED);
    __atomic_store_n(&node->cost[LW_LATENCY_PEAK], lw__word(info->peak, tick), __ATOMIC_RELAXED);
    __atomic_store_n(&node->history, info->last >> SEEN_SHIFT << SEEN_SHIFT | info->samples, __ATOMIC_RELAXED);
}

void lw__latency_restore_group(struct lw__latency_group *group, uint64_t cost, uint64_t now) {
    __atomic_store_n(&group->mean, lw__word(cost, now >> group->rules.tick_shift), __ATOMIC_RELAXED);
    __atomic_store_n(&group->history, now >> SEEN_SHIFT << SEEN_SHIFT | 1, __ATOMIC_RELAXED);
}
