/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What came of the requests of `loadwise fetch`, and how it is shown. */
#ifndef LOADWISE_TOOL_FETCH_TALLY_H
#define LOADWISE_TOOL_FETCH_TALLY_H

#include "fetch_options.h"
#include "fleet.h"
#include "sim/histogram.h"

#include <loadwise/loadwise.h>

enum { FETCH_OUTCOMES = LW_OUTCOME_CANCELLED + 1, FETCH_EVENTS = 32 };

/* Of one node, or of all. */
struct fetch_node {
    uint64_t answers[FETCH_OUTCOMES];
    uint64_t requests;
    struct sim_histogram latency;
};

/* A node that changed its health. */
struct fetch_event {
    uint64_t at; /* ns since the beginning */
    uint32_t node, from, to;
};

/* The last request that did not go well. */
struct fetch_fault {
    uint32_t node;       /* its place in the fleet; beyond: none had it */
    uint32_t status;     /* 0: no answer */
    const char *problem; /* libcurl's words, or NULL */
};

struct fetch_tally {
    struct fetch_node *nodes; /* one per node of the fleet */
    struct fetch_node all;    /* as the caller saw them: whole requests, tries included */
    struct fetch_fault last;
    uint64_t refused;
    int reason; /* of the last refusal */
    struct fetch_event event[FETCH_EVENTS];
    uint64_t events; /* may be more than are kept */
    uint64_t elapsed;
    lw_retry_stats retry;
    lw_hedge_stats hedge;
    bool retries, hedges; /* is there such a layer? */
};

void fetch_print_text(const struct fetch_tally *tally, const struct fleet *fleet);
/* False when memory ran out. */
bool fetch_print_json(const struct fetch_tally *tally, const struct fleet *fleet, const struct fetch_options *options);

/* "connect_failure" */
const char *fetch_outcome_name(uint32_t outcome);
/* "unhealthy" */
const char *fetch_health_name(uint32_t status);

#endif
