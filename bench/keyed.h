/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The loop that asks a strategy with the keys of a fleet, one after the other. */
#ifndef BENCH_KEYED_H
#define BENCH_KEYED_H

#include "fleet.h"

#include <loadwise/loadwise.h>

static inline uint64_t keyed_picks(lw_strategy *strategy, const lw_nodes *nodes, const uint64_t *keys, uint64_t picks) {
    lw_request request = LW_REQUEST_INIT;
    uint64_t sum = 0;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = keys[i % FLEET_KEYS];
        sum += (uint64_t)lw_select(strategy, nodes, &request);
    }
    return sum;
}

#endif
