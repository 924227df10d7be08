/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Put together by hand, since redis-cli takes seconds for it. Everyone meets everyone, so that gossip is quick. */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLUSTER_PATIENCE = 30000, CLUSTER_BEAT = 5, SLOT_KEYS = 100 };

/* Who has lost a master goes on without its slots, which Redis does not unless it is told to. Nodes miss nobody by
   themselves as long as a test lasts: on a busy machine they would give up those who are merely slow. */
static const char cluster_lines[] =
    "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout 300000\n"
    "cluster-require-full-coverage no\ncluster-replica-validity-factor 0\nrepl-diskless-sync-delay 0\n"
    "repl-ping-replica-period 1";

/* Whether the reply to a command has the text in it. */
static bool node_says(struct server *node, const char *command, const char *text) {
    redisReply *reply = server_ask(node, "%s", command);
    bool says = reply->str != NULL && strstr(reply->str, text) != NULL;
    freeReplyObject(reply);
    return says;
}

static void node_await(struct server *node, const char *command, const char *text) {
    for (int waited = 0; !node_says(node, command, text); waited += CLUSTER_BEAT) {
        rig_need(waited < CLUSTER_PATIENCE, text);
        server_wait(node, CLUSTER_BEAT);
    }
}

static void cluster_introduce(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->count; i++) {
        for (uint32_t k = 0; k < cluster->count; k++) {
            if (i != k) {
                server_tell(&cluster->nodes[i], "CLUSTER MEET 127.0.0.1 %u %u", cluster->nodes[k].port,
                            cluster->nodes[k].bus);
            }
        }
    }
}

static void cluster_await_all(struct cluster *cluster) {
    char known[32];
    snprintf(known, sizeof known, "cluster_known_nodes:%u\r", cluster->count);
    for (uint32_t i = 0; i < cluster->count; i++) {
        node_await(&cluster->nodes[i], "CLUSTER INFO", known);
        node_await(&cluster->nodes[i], "CLUSTER INFO", "cluster_slots_assigned:16384\r");
        node_await(&cluster->nodes[i], "CLUSTER INFO", "cluster_state:ok");
    }
}

static void cluster_give_replicas(struct cluster *cluster) {
    for (uint32_t i = CLUSTER_MASTERS; i < cluster->count; i++) {
        server_tell(&cluster->nodes[i], "CLUSTER REPLICATE %s", cluster->ids[i - CLUSTER_MASTERS]);
    }
    for (uint32_t i = CLUSTER_MASTERS; i < cluster->count; i++) {
        node_await(&cluster->nodes[i], "INFO replication", "master_link_status:up");
    }
}

void cluster_start(struct cluster *cluster, bool replicas) {
    const uint32_t share = (CLUSTER_SLOTS + CLUSTER_MASTERS - 1) / CLUSTER_MASTERS;
    memset(cluster, 0, sizeof *cluster);
    cluster->count = replicas ? 2 * CLUSTER_MASTERS : CLUSTER_MASTERS;
    for (uint32_t i = 0; i < cluster->count; i++) {
        server_start(&cluster->nodes[i], cluster_lines);
        redisReply *id = server_ask(&cluster->nodes[i], "CLUSTER MYID");
        snprintf(cluster->ids[i], CLUSTER_ID, "%s", id->str);
        freeReplyObject(id);
        server_tell(&cluster->nodes[i], "CLUSTER SET-CONFIG-EPOCH %u", i + 1);
    }
    for (uint32_t i = 0; i < CLUSTER_MASTERS; i++) {
        uint32_t last = (i + 1) * share < CLUSTER_SLOTS ? (i + 1) * share - 1 : CLUSTER_SLOTS - 1;
        server_tell(&cluster->nodes[i], "CLUSTER ADDSLOTSRANGE %u %u", i * share, last);
    }
    cluster_introduce(cluster);
    cluster_await_all(cluster);
    if (replicas) {
        cluster_give_replicas(cluster);
    }
    snprintf(cluster->url, CLUSTER_URL, "redis-cluster://127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u",
             cluster->nodes[0].port, cluster->nodes[1].port, cluster->nodes[2].port);
}

void cluster_stop(struct cluster *cluster) {
    for (uint32_t i = 0; i < cluster->count; i++) {
        server_stop(&cluster->nodes[i]);
    }
}

/* ---- slots ---- */

uint32_t cluster_slot(struct cluster *cluster, const char *key) {
    return (uint32_t)server_count(&cluster->nodes[0], "CLUSTER KEYSLOT %s", key);
}

/* Whether the node itself says that the slot is its own. */
static bool node_owns(struct server *node, uint32_t slot) {
    redisReply *map = server_ask(node, "CLUSTER SLOTS");
    bool owns = false;
    for (size_t i = 0; i < map->elements; i++) {
        redisReply **range = map->element[i]->element;
        bool inside = range[0]->integer <= slot && slot <= range[1]->integer;
        owns = owns || (inside && range[2]->element[1]->integer == node->port);
    }
    freeReplyObject(map);
    return owns;
}

/* What others say is hearsay: of a slot that has moved they hear a little later. */
uint32_t cluster_owner(struct cluster *cluster, uint32_t slot) {
    for (uint32_t i = 0; i < cluster->count; i++) {
        if (node_owns(&cluster->nodes[i], slot)) {
            return i;
        }
    }
    rig_fail("an owner of the slot");
}

void cluster_open_slot(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to) {
    server_tell(&cluster->nodes[to], "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster->ids[from]);
    server_tell(&cluster->nodes[from], "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster->ids[to]);
}

/* Keys may hold spaces, so they go by number of bytes. */
static void key_move(struct server *from, const struct server *to, const redisReply *key) {
    char port[16];
    snprintf(port, sizeof port, "%u", to->port);
    const char *words[] = {"MIGRATE", "127.0.0.1", port, key->str, "0", "60000"};
    const size_t sizes[] = {7, 9, strlen(port), key->len, 1, 5};
    redisReply *reply = redisCommandArgv(from->line, 6, words, sizes);
    rig_need(reply != NULL && reply->type == REDIS_REPLY_STATUS, "a key that migrates");
    freeReplyObject(reply);
}

uint32_t cluster_move_keys(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to) {
    uint32_t moved = 0;
    for (size_t found = 1; found > 0;) {
        redisReply *keys = server_ask(&cluster->nodes[from], "CLUSTER GETKEYSINSLOT %u %u", slot, (uint32_t)SLOT_KEYS);
        found = keys->elements;
        for (size_t i = 0; i < found; i++) {
            key_move(&cluster->nodes[from], &cluster->nodes[to], keys->element[i]);
            moved++;
        }
        freeReplyObject(keys);
    }
    return moved;
}

void cluster_close_slot(struct cluster *cluster, uint32_t slot, uint32_t from, uint32_t to) {
    server_tell(&cluster->nodes[to], "CLUSTER SETSLOT %u NODE %s", slot, cluster->ids[to]);
    server_tell(&cluster->nodes[from], "CLUSTER SETSLOT %u NODE %s", slot, cluster->ids[to]);
}

void cluster_take_over(struct cluster *cluster, uint32_t node) {
    server_tell(&cluster->nodes[node], "CLUSTER FAILOVER TAKEOVER");
    node_await(&cluster->nodes[node], "INFO replication", "role:master");
    node_await(&cluster->nodes[node], "CLUSTER INFO", "cluster_state:ok");
}
