/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lw_probe: what a node says of itself when it is asked, apart from any request.
 *
 * Strategies that probe (`prequal`) name the nodes they would like to hear of through lw_env.probe; the host asks them
 * in its own way, over its own connections, and hands the answers to lw_probed or lw_pool_probed whenever they come.
 * An answer that never comes does no harm.
 */
#ifndef LOADWISE_PROBE_H
#define LOADWISE_PROBE_H

#include <loadwise/api.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lw_probe {
    size_t size;       /* sizeof(lw_probe), so that the struct can grow */
    uint32_t inflight; /* requests under way on the node, from all its clients */
    uint64_t latency;  /* ns that a request takes there now, as the node estimates it at that many under way */
    uint64_t now;      /* monotonic ns when the answer came; 0: read the clock */
} lw_probe;

#define LW_PROBE_INIT                                                                                                  \
    { sizeof(lw_probe), 0, 0, 0 }

#endif
