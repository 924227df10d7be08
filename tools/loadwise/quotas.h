/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The limits of the nodes file at work, in the time of the requests: who can take a request, what it then charges, and
 * how long to wait when nobody can.
 */
#ifndef LOADWISE_TOOL_QUOTAS_H
#define LOADWISE_TOOL_QUOTAS_H

#include "fleet.h"
#include "pick_options.h"
#include "problem.h"
#include "requests.h"
#include "share.h"

#include <loadwise/loadwise.h>
#include <loadwise/quota.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTAS_NEVER UINT64_MAX

/* Until the first node can take the request. */
struct quotas_wait {
    uint64_t ns;        /* QUOTAS_NEVER: it takes more than any limit */
    uint32_t dimension; /* what holds that node back */
};

struct quotas {
    const struct pick_options *options;
    const struct fleet *fleet;
    lw_nodes nodes; /* for the ids, and without any bitmap */
    lw_quota *tracker;
    struct share share;        /* of --store: then the tracker counts what this command has placed */
    struct quotas_wait *waits; /* of nodes that the store refused for the request at hand; ns 0: it did not */
    uint64_t *granting;        /* bitmap: could take the request at hand */
    uint64_t *peaks;           /* [node][dimension]: most of a limit that was in use */
    uint64_t first;            /* time of the first request, by its column */
    uint64_t now;              /* what the library is told: ns since then, from 1 on */
    bool started;
    char note[256];
};

/* Does nothing without --quota; then no other function but the close may be called. The fleet and the options are
 * borrowed until the close. */
enum status quotas_open(struct quotas *quotas, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem);
void quotas_close(struct quotas *quotas);

/* The time of the next request. Never back: an earlier one counts as no time passed. */
void quotas_advance(struct quotas *quotas, uint64_t time);

/* Writes `granting`. */
void quotas_find(struct quotas *quotas, const lw_request *request);

/* Charges a node that is granting. LW_OK, or the code of the library: LW_OVER_QUOTA when other commands have used it
   up, and then it is not granting any more. */
int quotas_charge(struct quotas *quotas, uint32_t node, const lw_request *request);

/* What this node, which is not granting, waits for. */
struct quotas_wait quotas_wait_of(struct quotas *quotas, uint32_t node, const lw_request *request);

/* The limit of a node in a dimension, 0 for none, and the most of it that was in use. */
uint64_t quotas_limit(const struct quotas *quotas, uint32_t node, size_t dimension);
uint64_t quotas_peak(const struct quotas *quotas, uint32_t node, size_t dimension);

/* A `remaining` column for lw_nodes: the free share of a node at that time. user is a struct quotas. */
double quotas_free_share(const void *user, size_t node, uint64_t now);

#endif
