/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The health of a node, as the trackers write it and filters read it. */
#ifndef LOADWISE_STATUS_H
#define LOADWISE_STATUS_H

#include <stdint.h>

enum lw_status {
    LW_HEALTHY = 0,    /* full traffic */
    LW_DEGRADED = 1,   /* full traffic, a warning */
    LW_UNHEALTHY = 2,  /* no traffic until a probe is allowed */
    LW_RECOVERING = 3, /* limited traffic until it has proved itself */
};

/* A set of statuses is the sum of such bits. */
#define LW_STATUS_BIT(status) (UINT32_C(1) << (status))

#endif
