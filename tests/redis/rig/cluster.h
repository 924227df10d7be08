/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A real Redis Cluster on loopback: three masters that share the slots evenly, and a replica of each where wanted. */
#ifndef LOADWISE_TESTS_RIG_CLUSTER_H
#define LOADWISE_TESTS_RIG_CLUSTER_H

#include "server.h"

enum { CLUSTER_MASTERS = 3, CLUSTER_SLOTS = 16384, CLUSTER_ID = 41, CLUSTER_URL = 128 };

struct cluster {
    struct server nodes[2 * CLUSTER_MASTERS]; /* first the masters, then their replicas in the same order */
    char ids[2 * CLUSTER_MASTERS][CLUSTER_ID];
    uint32_t count;
    char url[CLUSTER_URL]; /* "redis-cluster://..." of all masters */
};

/* Starts it and waits until all nodes agree that it is whole. */
void cluster_start(struct cluster *cluster, bool replicas);
void cluster_stop(struct cluster *cluster);

/* The slot of a key, and the master that has it. */
uint32_t cluster_slot(struct cluster *cluster, const char *key);
uint32_t cluster_owner(struct cluster *cluster, uint32_t slot);

/* Moves a slot in three steps: from the first on, keys that `from` does not have are answered with ASK; in the second
   the keys go; from the third on `from` answers MOVED. */
void cluster_open_slot(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to);
uint32_t cluster_move_keys(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to);
void cluster_close_slot(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to);

/* Makes a replica the master in the place of its own, and waits until it says that it is. */
void cluster_take_over(struct cluster *cluster, uint32_t node);

#endif
