/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is asked: one request looking for a node. NULL wherever a request is taken means a plain one.
 *
 * Everything is borrowed for the duration of the call. A request may be used from one thread at a time or, unchanged,
 * from many.
 */
#ifndef LOADWISE_REQUEST_H
#define LOADWISE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

/* So much of one dimension: {1 request}, {1200 tokens}. The dimension is a small integer resolved once by name. */
typedef struct lw_amount {
    uint32_t dimension;
    uint64_t amount;
} lw_amount;

enum lw_request_flag {
    LW_REQUEST_KEYED = 1,         /* `key` is set */
    LW_REQUEST_PREPARED_ONLY = 2, /* never prepare a node set inside this pick: answer LW_NOT_PREPARED instead */
    LW_REQUEST_TRIAL = 4,         /* only tell what the pick would be: no cursor, no chance, no strategy moves on. Not
                                     for lw_pick, which ignores it: see lw_explain */
};

typedef struct lw_request {
    size_t size;    /* sizeof(lw_request), so that the struct can grow */
    uint32_t flags; /* enum lw_request_flag */
    uint64_t key;   /* what key strategies hash; any bits will do, they are mixed again. lw_id() makes one from bytes.
                       But ketama takes the low 32 bits as they are: see key.h */

    /* Nodes that must not be chosen, for a retry: their indexes at floor one, their ids at floor two.
       Kept short: each is compared with each node that is considered. */
    const uint64_t *exclude;
    size_t exclude_count;

    const lw_amount *amounts; /* what serving this will take; read by quotas */
    size_t amount_count;

    const char *tags; /* "key=value,key=value", for predicates of the caller's own; NULL: none */

    uint64_t cost; /* pools: how heavy this request is beside others, for metric=inflight_cost; 0 counts as 1 */
} lw_request;

#define LW_REQUEST_INIT                                                                                                \
    { sizeof(lw_request), 0, 0, NULL, 0, NULL, 0, NULL, 0 }

#endif
