/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the rotating strategies share: cursors in each lane and the parameters that say where they start.
 *
 * A lane holds 8 cursors, and a node set takes one by its number: with one cursor, two sets used in turn
 * would each see only every second ticket, and of two nodes the same one for ever.
 */
#ifndef LW_STRATEGY_ROTATION_H
#define LW_STRATEGY_ROTATION_H

#include "base/random.h"
#include "strategy/weighted.h"

#include <loadwise/ops.h>

enum { LW__PHASE_RANDOM = 0, LW__PHASE_ZERO = 1, LW__CURSORS = 8, LW__MISSES = 32 };

struct lw__rotation_config {
    uint64_t lanes;
    uint64_t phase;
};

struct lw__rotation_lane {
    uint64_t cursors[LW__CURSORS];
};

#define LW__ROTATION_PARAMS                                                                                            \
    {"lanes",                                                                                                          \
     LW_PARAM_POWER,                                                                                                   \
     offsetof(struct lw__rotation_config, lanes),                                                                      \
     "16",                                                                                                             \
     "1",                                                                                                              \
     "16",                                                                                                             \
     NULL,                                                                                                             \
     "counters that threads spread over; 1 gives one global order"},                                                   \
    {                                                                                                                  \
        "phase", LW_PARAM_CHOICE, offsetof(struct lw__rotation_config, phase), "random", NULL, NULL, "random|0",       \
            "where the cycle starts: drawn from the seed, so that many processes do not start alike, or at its head"   \
    }

/* Random starts stay below 2^31: uniform over any cycle that is short beside it, and cheap to divide. */
static inline void lw__rotation_lane_init(const void *config, void *lane, uint32_t number, uint64_t seed) {
    const struct lw__rotation_config *rotation = (const struct lw__rotation_config *)config;
    struct lw__rotation_lane *start = (struct lw__rotation_lane *)lane;
    (void)number;
    for (uint64_t i = 0; i < LW__CURSORS; i++) {
        start->cursors[i] = rotation->phase == LW__PHASE_RANDOM ? lw__mix(seed) >> 33 : 0;
    }
}

static inline uint64_t lw__rotation_next(const lw_view *view) {
    struct lw__rotation_lane *lane = (struct lw__rotation_lane *)lw_view_lane(view);
    return lw_view_ticket(view, &lane->cursors[view->nodes->set * LW__GOLDEN >> 61]);
}

/* ticket mod cycle; most tickets fit 32 bits, where division is twice as fast. */
static inline uint32_t lw__rotation_place(uint64_t ticket, uint32_t cycle) {
    return ticket >> 32 == 0 ? (uint32_t)ticket % cycle : (uint32_t)(ticket % cycle);
}

/* A pick of a weighted rotation when some nodes may not be chosen. Their turns are passed over, so that over each cycle
   the others get exact shares per lane; after LW__MISSES turns, or with exclusions, a draw by weight. */
static inline ptrdiff_t
lw__rotation_past_gaps(const lw_view *view, uint32_t (*next)(const lw_view *view, const void *plan), const void *plan) {
    for (int miss = 0; view->request->exclude_count == 0 && miss < LW__MISSES; miss++) {
        uint32_t index = next(view, plan);
        if (lw_view_may(view, index)) {
            return index;
        }
    }
    return lw__weighted_scan(view);
}

#endif
