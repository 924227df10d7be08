/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The probes that draw: any node, one by weight, the better of two. A node that is out is drawn again. */
#include "probes.h"

#include <stdlib.h>

static inline uint32_t draw(const struct probe *probe, struct probe_lane *lane) {
    return probe_below((uint32_t)(probe_draw(lane) >> 32), probe->fleet->count);
}

static inline uint32_t draw_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t index;
    do {
        index = draw(probe, lane);
    } while (!probe_may(probe, index));
    return index;
}

PROBE_LOOPS(random_whole, draw(probe, lane))
PROBE_LOOPS(random_partial, draw_eligible(probe, lane))

/* An entry of the alias table: keep the drawn column below the threshold in the low half, else take the high half. */
static inline uint32_t alias(const struct probe *probe, struct probe_lane *lane) {
    uint64_t bits = probe_draw(lane);
    uint32_t column = probe_below((uint32_t)(bits >> 32), probe->fleet->count);
    uint64_t entry = probe->points[column];
    return probe_choose((uint32_t)bits < (uint32_t)entry, column, (uint32_t)(entry >> 32));
}

static inline uint32_t alias_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t index;
    do {
        index = alias(probe, lane);
    } while (!probe_may(probe, index));
    return index;
}

PROBE_LOOPS(weighted_random_whole, alias(probe, lane))
PROBE_LOOPS(weighted_random_partial, alias_eligible(probe, lane))

static uint32_t next_below(const uint64_t *share, uint64_t height, uint32_t from, uint32_t count) {
    while (from < count && share[from] >= height) {
        from++;
    }
    return from;
}

static uint32_t next_above(const uint64_t *share, uint64_t height, uint32_t from, uint32_t count) {
    while (from < count && share[from] < height) {
        from++;
    }
    return from;
}

/*
 * Shares are weight * count against columns of height total. One pass in order: each node below the height is filled up
 * by the next node above it. A giver that has given too much is filled up at once when the pass is already beyond it.
 */
static void level_columns(uint64_t *share, uint32_t count, uint64_t height, uint64_t *points) {
    uint32_t pass = next_below(share, height, 0, count);
    uint32_t giver = next_above(share, height, 0, count);
    uint32_t needy = pass;
    while (needy < count && giver < count) {
        uint32_t gave = giver;
        points[needy] = (uint64_t)giver << 32 | (share[needy] << 32) / height;
        share[giver] -= height - share[needy];
        giver = next_above(share, height, giver, count);
        if (giver != gave && gave < pass) {
            needy = gave;
        } else {
            needy = pass = next_below(share, height, pass + 1, count);
        }
    }
}

static int build_alias(struct probe *probe) {
    const struct fleet *fleet = probe->fleet;
    uint64_t *share = malloc(fleet->count * sizeof *share);
    uint64_t total = 0;
    probe->points = malloc(fleet->count * sizeof *probe->points);
    if (share == NULL || probe->points == NULL) {
        free(share);
        return -1;
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        share[i] = (uint64_t)fleet->weights[i] * fleet->count;
        total += fleet->weights[i];
        probe->points[i] = (uint64_t)i << 32 | UINT32_MAX;
    }
    level_columns(share, fleet->count, total, probe->points);
    free(share);
    return 0;
}

/* The one drawn first wins a tie, which is as good as a coin. */
static inline uint32_t lower(const struct probe *probe, uint32_t one, uint32_t other) {
    const double *loads = probe->fleet->loads;
    return probe_choose(loads[other] < loads[one], other, one);
}

static inline uint32_t pick_two(const struct probe *probe, struct probe_lane *lane) {
    uint64_t bits = probe_draw(lane);
    uint32_t one = probe_below((uint32_t)(bits >> 32), probe->fleet->count);
    uint32_t other = probe_below((uint32_t)bits, probe->fleet->count - 1);
    return lower(probe, one, other + (other >= one));
}

static inline uint32_t pick_two_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t one = draw_eligible(probe, lane);
    uint32_t other;
    do {
        other = draw_eligible(probe, lane);
    } while (other == one);
    return lower(probe, one, other);
}

PROBE_LOOP(p2c_whole, pick_two(probe, lane))
PROBE_LOOP(p2c_partial, pick_two_eligible(probe, lane))

const struct probe_kind probe_random = {
    "random", "one draw, one multiplication", NULL, PROBE_FORMS_OF(random_whole), PROBE_FORMS_OF(random_partial), NULL};
const struct probe_kind probe_weighted_random = {"weighted_random",
                                                 "an alias table of 8 bytes a node",
                                                 NULL,
                                                 PROBE_FORMS_OF(weighted_random_whole),
                                                 PROBE_FORMS_OF(weighted_random_partial),
                                                 build_alias};
const struct probe_kind probe_p2c = {"p2c", "one draw, two loads compared", NULL, {p2c_whole}, {p2c_partial}, NULL};
