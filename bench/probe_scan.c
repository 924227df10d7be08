/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The scans as plain loops: the lowest load, and the highest remaining share with all that tie within PROBE_EPSILON.
   They stand in where the vectors of probe_scan_wide.c are not to be had. */
#include "probes.h"

#include <math.h>
#include <stddef.h>

static inline uint32_t plain_lowest(const struct probe *probe, const uint64_t *eligible) {
    const double *loads = probe->fleet->loads;
    double best = INFINITY;
    uint32_t place = 0;
    for (uint32_t i = 0; i < probe->fleet->count; i++) {
        if (loads[i] < best && (eligible == NULL || probe_may(probe, i))) {
            best = loads[i];
            place = i;
        }
    }
    return place;
}

static inline uint32_t plain_highest(const struct probe *probe, struct probe_lane *lane, const uint64_t *eligible) {
    const double *remaining = probe->fleet->remaining;
    double best = -INFINITY;
    for (uint32_t i = 0; i < probe->fleet->count; i++) {
        best = remaining[i] > best && (eligible == NULL || probe_may(probe, i)) ? remaining[i] : best;
    }
    uint32_t place = 0;
    uint32_t ties = 0;
    for (uint32_t i = 0; i < probe->fleet->count; i++) {
        if (remaining[i] >= best - PROBE_EPSILON && (eligible == NULL || probe_may(probe, i)) &&
            probe_below((uint32_t)(probe_draw(lane) >> 32), ++ties) == 0) {
            place = i;
        }
    }
    return place;
}

PROBE_LOOP(lowest_whole, plain_lowest(probe, NULL))
PROBE_LOOP(lowest_partial, plain_lowest(probe, probe->fleet->eligible))
PROBE_LOOP(highest_whole, plain_highest(probe, lane, NULL))
PROBE_LOOP(highest_partial, plain_highest(probe, lane, probe->fleet->eligible))

const struct probe_kind probe_least_load = {
    "least_load", "a plain loop over the loads, the first of equals", NULL, {lowest_whole}, {lowest_partial}, NULL};
const struct probe_kind probe_most_available = {
    "most_available", "two plain loops over the shares", NULL, {highest_whole}, {highest_partial}, NULL};
