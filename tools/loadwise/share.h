/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `--store`: the limits of the nodes are those of all commands that run with the same store, counted there. */
#ifndef LOADWISE_TOOL_SHARE_H
#define LOADWISE_TOOL_SHARE_H

#include "problem.h"

#include <loadwise/guard.h>
#include <loadwise/ledger.h>
#include <stdbool.h>
#include <stdint.h>

struct share {
    const char *url;
    lw_store *redis, *store; /* the store, and the guard around it that all use */
    lw_ledger *ledger;
    uint64_t now;  /* what the library is told, as in struct quotas */
    uint64_t time; /* by the column, which is the clock that all commands share */
    bool reached;  /* once: an outage from then on is told */
    int fault;     /* the error that the store answered last, or 0 */
    char note[256];
};

/*
 * Reaches for the store, so that a wrong address or password is told before the first decision. prefix NULL: the
 * library's. Then, for each node, the limits; borrows url until the close, which may follow whatever the open said.
 */
enum status share_open(struct share *share, const char *url, const char *prefix, const lw_quota_dimension *dimensions,
                       uint32_t count, struct problem *problem);
enum status share_limit(struct share *share, uint64_t node, const lw_quota_limit *limits, size_t count,
                        struct problem *problem);
void share_close(struct share *share);

/* Charges a node for good. LW_OK, LW_OVER_QUOTA (the refusal says when), or an error of the store. */
int share_charge(struct share *share, uint64_t node, const lw_amount *amounts, size_t count, lw_quota_refusal *refusal);

#endif
