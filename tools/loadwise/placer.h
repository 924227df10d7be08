/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine at work: a strategy bound to the fleet, with those nodes left out that may not be chosen. */
#ifndef LOADWISE_TOOL_PLACER_H
#define LOADWISE_TOOL_PLACER_H

#include "fleet.h"
#include "pick_options.h"
#include "problem.h"
#include "quotas.h"
#include "requests.h"
#include "said.h"

#include <loadwise/loadwise.h>
#include <stddef.h>

struct placer {
    lw_strategy *strategy;
    key_hash_fn *hash;
    lw_nodes nodes;
    uint64_t *healthy; /* eligibility bitmap; NULL when the file says nothing about health */
    uint64_t exclude[EXCLUDES_MOST];
    size_t exclude_count;
    struct quotas quotas;
    uint64_t *open; /* bitmap, with quotas: not barred, and could take the request at hand */
    struct problem *problem;
    struct said said;
};

/* The fleet is borrowed until the close; the problem is where a later placer_place reports an error. */
enum status placer_open(struct placer *placer, const struct pick_options *options, const struct fleet *fleet,
                        struct problem *problem);
void placer_close(struct placer *placer);

/* What became of a request. */
struct placement {
    ptrdiff_t node;          /* its index, or a negative code: a refusal, or an error that the problem explains */
    struct quotas_wait wait; /* with LW_OVER_QUOTA */
};

struct placement placer_place(struct placer *placer, const struct request_row *row);

/* A bitmap of the nodes whose health lets them be chosen, to be freed; or NULL: out of memory. */
uint64_t *placer_usable(const lw_nodes *nodes);

/* May this node be chosen at all? NULL, or why not: "unhealthy", "excluded". */
const char *placer_bars(const struct placer *placer, uint32_t node);

#endif
