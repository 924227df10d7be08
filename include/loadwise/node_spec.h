/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a pool is told of one node: its wish, not its state. */
#ifndef LOADWISE_NODE_SPEC_H
#define LOADWISE_NODE_SPEC_H

#include <loadwise/quota.h>

enum lw_node_spec_bound { LW_NODE_NAME_MAX = 255 };

enum lw_node_flag {
    LW_NODE_LAST_RESORT = 1, /* gets requests only in a panic of policy LW_PANIC_LAST_RESORT */
};

/* Strings and limits are copied, `user` is not. */
typedef struct lw_node_spec {
    size_t size;           /* sizeof(lw_node_spec), so that the struct can grow; the same in all specs of an update */
    const char *name;      /* 1 to LW_NODE_NAME_MAX bytes; the node's id is lw_id of it */
    uint32_t weight;       /* relative share; 0: never, except where a strategy does not look at weights */
    uint32_t priority;     /* 0 is used first; at most LW_POOL_LEVELS different ones in a route */
    const char *zone;      /* where it stands; NULL: nowhere in particular */
    const char *tags;      /* "key=value,key=value", for filters of routes; NULL: none */
    uint32_t max_inflight; /* most requests under way, for all instances together; 0: no limit */
    uint32_t flags;        /* enum lw_node_flag */
    const lw_quota_limit *limits; /* in the dimensions of the pool's options, for all instances together */
    size_t limit_count;
    void *user; /* handed out with every ticket; must stay valid until the tickets that carry it have ended, the last of
                   them when lw_observer.forgotten is told */
} lw_node_spec;

#define LW_NODE_SPEC_INIT                                                                                              \
    { sizeof(lw_node_spec), NULL, 1, 0, NULL, NULL, 0, 0, NULL, 0, NULL }

#endif
