/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All that a run of `loadwise fetch` holds: a pool and a stack over HTTP services on a loop, and what came of it. */
#ifndef LOADWISE_TOOL_FETCH_SESSION_H
#define LOADWISE_TOOL_FETCH_SESSION_H

#include "fetch_tally.h"
#include "said.h"

#include <loadwise/curl.h>
#include <stdio.h>

struct fetch_call {
    lw_exchange exchange;
    lw_http http;
    struct fetch *fetch;
    uint64_t began;
    struct fetch_call *next; /* of those that are idle */
};

struct fetch {
    struct fetch_options options;
    struct fleet fleet;
    struct fetch_tally tally;
    struct problem *problem;
    lw_uv *uv;
    lw_pool *pool;
    lw_curl *curl;
    lw_stack *stack;
    uint64_t *ids; /* of the nodes */
    struct fetch_call *calls, *idle;
    FILE *csv;
    uint64_t began, started, answered, under_way;
    uint64_t stopped;              /* since when nothing begins any more; 0: it goes on */
    uint64_t paced_at, paced_from; /* for the progress: then so many had been answered */
    double pace;                   /* answers a second */
    lw_timer fill, look;
    bool progress, memory;
    struct said said, chosen; /* by all, and by the pool, which speaks of a strategy alone */
};

/* Reads the nodes and makes everything that the options ask for; the observer is the caller's. */
enum status fetch_open(struct fetch *fetch, const lw_observer *observer);

/* May follow whatever the open said. */
void fetch_close(struct fetch *fetch);

/* Its place in the fleet, or the fleet's count. */
uint32_t fetch_node_of(const struct fetch *fetch, uint64_t id);

#endif
