/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The probes whose load is what a pool itself keeps, so that choice and charge work on the same words.
 *
 * Two choices: the in-flight counts of both nodes are read, then one of them goes up and down. With peak EWMA both
 * estimates are also aged while they are read, and the request that comes back writes one.
 *
 * Least in flight: all nodes stand in one array, sorted by their counts. One request more or less moves a node across
 * the border of its count, which is one swap; the least are what stands first, and any of them is drawn.
 */
#include "probes.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 64, STEP = 1000 }; /* STEP: ns between two picks of a thread */

static const double time_constant = 10e9; /* ns */

/* ---- two choices ---- */

static inline uint32_t any_of_all(const struct probe *probe, struct probe_lane *lane) {
    return probe_below((uint32_t)(probe_draw(lane) >> 32), probe->fleet->count);
}

static inline uint32_t any_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t index;
    do {
        index = any_of_all(probe, lane);
    } while (!probe_may(probe, index));
    return index;
}

struct pair {
    uint32_t one, other;
};

static inline struct pair pair_of_all(const struct probe *probe, struct probe_lane *lane) {
    uint64_t bits = probe_draw(lane);
    uint32_t one = probe_below((uint32_t)(bits >> 32), probe->fleet->count);
    uint32_t other = probe_below((uint32_t)bits, probe->fleet->count - 1);
    return (struct pair){one, other + (other >= one)};
}

static inline struct pair pair_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t one = any_eligible(probe, lane), other;
    do {
        other = any_eligible(probe, lane);
    } while (other == one);
    return (struct pair){one, other};
}

static inline uint32_t under_way(const struct probe *probe, uint32_t index) {
    return __atomic_load_n(&probe->nodes[index].inflight, __ATOMIC_RELAXED);
}

static inline uint32_t less_busy(const struct probe *probe, struct pair pair) {
    return probe_choose(under_way(probe, pair.other) < under_way(probe, pair.one), pair.other, pair.one);
}

PROBE_LOOP(p2c_inflight_charged, probe_charge(probe, less_busy(probe, pair_of_all(probe, lane))))
PROBE_LOOP(p2c_inflight_held, probe_hold(lane, probe_charge(probe, less_busy(probe, pair_of_all(probe, lane)))))
PROBE_LOOP(p2c_eligible_charged, probe_charge(probe, less_busy(probe, pair_eligible(probe, lane))))
PROBE_LOOP(p2c_eligible_held, probe_hold(lane, probe_charge(probe, less_busy(probe, pair_eligible(probe, lane)))))

/* ---- peak EWMA ---- */

/* e to the -x, x from 0 to 700: a power of two and a short series, to five digits. */
static inline double faded(double x) {
    double halvings = x * 1.4426950408889634;
    uint64_t whole = (uint64_t)halvings;
    double rest = (halvings - (double)whole) * 0.6931471805599453;
    uint64_t bits = (1023 - whole) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale * (1 - rest * (1 - rest * (0.5 - rest * (1 / 6.0 - rest * (1 / 24.0 - rest / 120)))));
}

static inline double age_factor(const struct probe_node *node, uint64_t now) {
    uint64_t stamp = __atomic_load_n(&node->stamp, __ATOMIC_RELAXED);
    return stamp < now ? faded((double)(now - stamp) / time_constant) : 1;
}

static inline double estimate_of(const struct probe_node *node) {
    double estimate;
    __atomic_load(&node->estimate, &estimate, __ATOMIC_RELAXED);
    return estimate;
}

static inline double peak_load(const struct probe *probe, uint32_t index, uint64_t now) {
    const struct probe_node *node = &probe->nodes[index];
    return estimate_of(node) * age_factor(node, now) * (double)(under_way(probe, index) + 1);
}

/* A latency above the estimate counts at once, one below it by the age of the estimate. */
static inline uint32_t learn_peak(const struct probe *probe, uint32_t index, uint64_t now, double latency) {
    struct probe_node *node = &probe->nodes[index];
    double estimate = estimate_of(node);
    estimate = latency > estimate ? latency : latency + (estimate - latency) * age_factor(node, now);
    __atomic_store(&node->estimate, &estimate, __ATOMIC_RELAXED);
    __atomic_store_n(&node->stamp, now, __ATOMIC_RELAXED);
    return index;
}

static inline uint32_t pick_and_learn(const struct probe *probe, struct probe_lane *lane, struct pair pair,
                                      uint64_t i) {
    uint64_t now = lane->cursor += STEP;
    double latency = (double)(probe->fleet->keys[i % FLEET_KEYS] % 65536 + 1000000);
    bool other_is_less = peak_load(probe, pair.other, now) < peak_load(probe, pair.one, now);
    return learn_peak(probe, probe_choose(other_is_less, pair.other, pair.one), now, latency);
}

PROBE_LOOP(p2c_peak_charged, probe_charge(probe, pick_and_learn(probe, lane, pair_of_all(probe, lane), i)))
PROBE_LOOP(p2c_peak_held,
           probe_hold(lane, probe_charge(probe, pick_and_learn(probe, lane, pair_of_all(probe, lane), i))))
PROBE_LOOP(p2c_peak_eligible_charged, probe_charge(probe, pick_and_learn(probe, lane, pair_eligible(probe, lane), i)))
PROBE_LOOP(p2c_peak_eligible_held,
           probe_hold(lane, probe_charge(probe, pick_and_learn(probe, lane, pair_eligible(probe, lane), i))))

/* ---- least in flight ---- */

struct probe_lists {
    uint32_t *order, *place, *busy; /* nodes by their counts; where in order a node stands; its count */
    uint32_t ends[LEVELS];          /* of each count, in order */
    bool shared;
    _Alignas(128) uint32_t lock;
};

static inline void swap_places(struct probe_lists *lists, uint32_t a, uint32_t b) {
    uint32_t node = lists->order[a], other = lists->order[b];
    lists->order[a] = other;
    lists->order[b] = node;
    lists->place[other] = a;
    lists->place[node] = b;
}

static inline uint32_t take_least(struct probe_lists *lists, struct probe_lane *lane) {
    uint32_t level = 0, begin = 0;
    while (lists->ends[level] == 0) {
        level++;
    }
    uint32_t end = --lists->ends[level];
    uint32_t at = begin + probe_below((uint32_t)(probe_draw(lane) >> 32), end + 1 - begin);
    uint32_t node = lists->order[at];
    swap_places(lists, at, end);
    lists->busy[node]++;
    return node;
}

static inline void drop_one(struct probe_lists *lists, uint32_t node) {
    uint32_t level = --lists->busy[node];
    swap_places(lists, lists->place[node], lists->ends[level]++);
}

static inline void lock_lists(struct probe_lists *lists) {
    while (lists->shared && __atomic_exchange_n(&lists->lock, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lists->lock, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("" ::: "memory");
        }
    }
}

static inline void unlock_lists(struct probe_lists *lists) {
    if (lists->shared) {
        __atomic_store_n(&lists->lock, 0, __ATOMIC_RELEASE);
    }
}

/* The lists are the in-flight counts: there is nothing else to charge. */
static inline uint32_t take_and_drop(struct probe_lists *lists, struct probe_lane *lane) {
    lock_lists(lists);
    uint32_t node = take_least(lists, lane);
    unlock_lists(lists);
    __asm__ volatile("" ::: "memory");
    lock_lists(lists);
    drop_one(lists, node);
    unlock_lists(lists);
    return node;
}

PROBE_LOOP(least_inflight_charged, take_and_drop(&probe->lists[0], lane))
PROBE_LOOP(least_inflight_held, probe_hold(lane, take_and_drop(&probe->lists[0], lane)))
PROBE_LOOP(least_eligible_charged, take_and_drop(&probe->lists[1], lane))
PROBE_LOOP(least_eligible_held, probe_hold(lane, take_and_drop(&probe->lists[1], lane)))

static int fill_lists(const struct probe *probe, struct probe_lists *lists, bool partial) {
    uint32_t count = probe->fleet->count, size = 0;
    lists->order = calloc(count, sizeof *lists->order);
    lists->place = calloc(count, sizeof *lists->place);
    lists->busy = calloc(count, sizeof *lists->busy);
    if (lists->order == NULL || lists->place == NULL || lists->busy == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!partial || probe_may(probe, i)) {
            lists->place[i] = size;
            lists->order[size++] = i;
        }
    }
    for (uint32_t level = 0; level < LEVELS; level++) {
        lists->ends[level] = size;
    }
    return 0;
}

/* ---- opening ---- */

int probe_open_nodes(struct probe *probe, bool shared) {
    const struct fleet *fleet = probe->fleet;
    probe->nodes = aligned_alloc(sizeof *probe->nodes, fleet->count * sizeof *probe->nodes);
    probe->lists = aligned_alloc(128, 2 * sizeof *probe->lists);
    if (probe->nodes == NULL || probe->lists == NULL) {
        return -1;
    }
    memset(probe->nodes, 0, fleet->count * sizeof *probe->nodes);
    memset(probe->lists, 0, 2 * sizeof *probe->lists);
    for (uint32_t i = 0; i < fleet->count; i++) {
        probe->nodes[i].estimate = 1e6 * (1 + fleet->loads[i]);
    }
    for (int partial = 0; partial < 2; partial++) {
        probe->lists[partial].shared = shared;
        if (fill_lists(probe, &probe->lists[partial], partial) != 0) {
            return -1;
        }
    }
    return 0;
}

void probe_close_nodes(struct probe *probe) {
    for (int partial = 0; partial < 2 && probe->lists != NULL; partial++) {
        free(probe->lists[partial].order);
        free(probe->lists[partial].place);
        free(probe->lists[partial].busy);
    }
    free(probe->lists);
    free(probe->nodes);
}

const struct probe_kind probe_p2c_inflight = {"p2c",
                                              "two in-flight counts compared",
                                              NULL,
                                              {NULL, p2c_inflight_charged, p2c_inflight_held},
                                              {NULL, p2c_eligible_charged, p2c_eligible_held},
                                              NULL};
const struct probe_kind probe_p2c_peak = {"p2c",
                                          "two estimates aged and compared, one learnt",
                                          NULL,
                                          {NULL, p2c_peak_charged, p2c_peak_held},
                                          {NULL, p2c_peak_eligible_charged, p2c_peak_eligible_held},
                                          NULL};
const struct probe_kind probe_least_inflight = {"least_load",
                                                "an array sorted by counts, behind a lock for two threads",
                                                NULL,
                                                {NULL, least_inflight_charged, least_inflight_held},
                                                {NULL, least_eligible_charged, least_eligible_held},
                                                NULL};
