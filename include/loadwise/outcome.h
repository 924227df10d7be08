/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a request ended, as the caller reports it. One report feeds every interested party: strategies today, health,
 * latency and quota beside them.
 */
#ifndef LOADWISE_OUTCOME_H
#define LOADWISE_OUTCOME_H

#include <loadwise/request.h>

enum lw_outcome {
    LW_OUTCOME_OK = 0,
    LW_OUTCOME_FAILURE = 1,         /* the node answered wrongly: 5xx, protocol error */
    LW_OUTCOME_CONNECT_FAILURE = 2, /* never reached the node */
    LW_OUTCOME_TIMEOUT = 3,         /* no answer in the caller's time */
    LW_OUTCOME_RATE_LIMITED = 4,    /* 429: the node is well and says "later"; see retry_after */
    LW_OUTCOME_OVERLOAD = 5,        /* 503: the node is well and has too much to do */
    LW_OUTCOME_CALLER_FAULT = 6,    /* 4xx: says nothing about the node */
    LW_OUTCOME_CANCELLED = 7,       /* the caller lost interest */
};

typedef struct lw_sample {
    size_t size;          /* sizeof(lw_sample), so that the struct can grow */
    uint32_t outcome;     /* enum lw_outcome */
    uint64_t latency;     /* ns, or any unit the caller keeps to; 0: unknown */
    uint64_t retry_after; /* ns; only read with LW_OUTCOME_RATE_LIMITED and LW_OUTCOME_OVERLOAD */
    uint64_t now;         /* monotonic ns at the end; 0: read the clock if anything needs it */

    const lw_amount *amounts; /* what was really used, for quotas; borrowed for the call */
    size_t amount_count;

    /* What the node said of itself in its answer, for strategies that rank by it (c3); 0: nothing. */
    uint64_t service; /* how long it worked on the request, without waiting; in the unit of latency */
    uint32_t queued;  /* requests that waited there */
} lw_sample;

#define LW_SAMPLE_INIT                                                                                                 \
    { sizeof(lw_sample), LW_OUTCOME_OK, 0, 0, 0, NULL, 0, 0, 0 }

#endif
