/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pool at work in the time of the requests: each is picked a node, is under way for its service time and ends, well
 * or badly. Nothing is sent and nobody sleeps.
 */
#ifndef LOADWISE_TOOL_REHEARSAL_H
#define LOADWISE_TOOL_REHEARSAL_H

#include "fleet.h"
#include "holding.h"
#include "pool_options.h"
#include "problem.h"
#include "requests.h"
#include "said.h"

#include <loadwise/loadwise.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REHEARSAL_REFUSALS = 16 };

struct rehearsal_node {
    uint64_t id;
    uint64_t service;  /* ns */
    uint64_t fail;     /* of 2^32 requests */
    uint64_t drain_at; /* UINT64_MAX: never */
    uint64_t placed, failed;
    uint32_t busiest; /* most that were under way */
    uint32_t under_way;
};

struct rehearsal {
    const struct pool_options *options;
    const struct fleet *fleet;
    lw_pool *pool;
    uint32_t route;
    struct rehearsal_node *nodes; /* one for each of the fleet */
    struct holding holding;
    uint64_t first, now; /* time of the first request, by its column; ns since then, from 1 on */
    uint64_t placed, skipped;
    uint64_t refused[REHEARSAL_REFUSALS]; /* by LW_REFUSALS_BEGIN - code */
    uint64_t next_tick, chance;
    uint32_t next_drain; /* the node that drains first */
    bool started;
    struct said said;
    struct problem *problem;
};

/* Options and fleet are borrowed until the close; the problem is where later faults are told. */
enum status rehearsal_open(struct rehearsal *rehearsal, const struct pool_options *options, const struct fleet *fleet,
                           struct problem *problem);
void rehearsal_close(struct rehearsal *rehearsal);

/* Lets the time come of a request, with all that happens before it, and picks. LW_OK, a refusal or an error. why may be
   NULL. */
int rehearsal_place(struct rehearsal *rehearsal, const struct request_row *row, lw_explanation *why);

uint64_t rehearsal_refusals(const struct rehearsal *rehearsal);

/* Position of the node with this id, or fleet->count. */
uint32_t rehearsal_find(const struct rehearsal *rehearsal, uint64_t id);

#endif
