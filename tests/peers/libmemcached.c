/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ketama beside the real libmemcached: 10,000 keys, the same server for each, whatever names, weights and removals. */
#include <libmemcached/memcached.h>
#include <loadwise/loadwise.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { PEER_KEYS = 10000, PEER_MOST = 100, PEER_NAME = 64 };

struct peers {
    char name[PEER_MOST][PEER_NAME], host[PEER_MOST][PEER_NAME];
    const char *names[PEER_MOST];
    in_port_t port[PEER_MOST];
    uint32_t weight[PEER_MOST];
    uint32_t count;
};

/* Everything is set before the servers are added, as libmemcached wants it. */
static memcached_st *open_memcached(bool weighted) {
    memcached_st *memcached = memcached_create(NULL);
    assert_non_null(memcached);
    if (weighted) {
        assert_int_equal(memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1), MEMCACHED_SUCCESS);
        return memcached;
    }
    assert_int_equal(memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_KETAMA, 1), MEMCACHED_SUCCESS);
    return memcached;
}

static void add_server(memcached_st *memcached, const struct peers *peers, uint32_t i) {
    memcached_return_t added =
        peers->host[i][0] == '/'
            ? memcached_server_add_unix_socket_with_weight(memcached, peers->host[i], peers->weight[i])
            : memcached_server_add_with_weight(memcached, peers->host[i], peers->port[i], peers->weight[i]);
    assert_int_equal(added, MEMCACHED_SUCCESS);
}

static void view_peers(struct peers *peers, lw_nodes *nodes) {
    static uint64_t version;
    lw_nodes_init(nodes, peers->count);
    for (uint32_t i = 0; i < peers->count; i++) {
        peers->names[i] = peers->name[i];
    }
    LW_SET_VALUES(*nodes, name, peers->names);
    LW_SET_VALUES(*nodes, weight, peers->weight);
    nodes->set = 1;
    nodes->version = ++version;
}

static lw_request peer_key(uint32_t number, char *text) {
    lw_request request = LW_REQUEST_INIT;
    snprintf(text, PEER_NAME, "user:%u:session", (unsigned)number * 7919);
    request.flags = LW_REQUEST_KEYED;
    request.key = lw_key_libmemcached(text, strlen(text));
    return request;
}

/* Both choose alike for every key; with `down`, among the others, against a library that never knew it. */
static void compare(struct peers *peers, bool weighted, uint32_t down) {
    uint64_t up[LW_BITMAP_WORDS(PEER_MOST)] = {0};
    uint32_t position[PEER_MOST], count = 0, seen = 0;
    memcached_st *memcached = open_memcached(weighted);
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i != down) {
            lw_bitmap_set(up, i);
            add_server(memcached, peers, i);
            position[count++] = i;
        }
    }
    lw_nodes nodes;
    lw_strategy *strategy = NULL;
    view_peers(peers, &nodes);
    nodes.eligible = down < peers->count ? up : NULL;
    assert_int_equal(lw_strategy_new(&strategy, NULL, weighted ? "ketama flavour=libmemcached_weighted" : "ketama"),
                     LW_OK);
    for (uint32_t k = 0; k < PEER_KEYS; k++) {
        char text[PEER_NAME];
        lw_request request = peer_key(k, text);
        uint32_t theirs = memcached_generate_hash(memcached, text, strlen(text));
        ptrdiff_t ours = lw_select(strategy, &nodes, &request);
        assert_true(theirs < count);
        assert_int_equal(ours, position[theirs]);
        seen += theirs > 0;
    }
    assert_true(count == 1 || seen > 0);
    lw_strategy_free(strategy);
    memcached_free(memcached);
}

static const uint32_t nobody = UINT32_MAX;

static void name_peer(struct peers *peers, const char *host, unsigned port, const char *name, uint32_t weight) {
    uint32_t i = peers->count++;
    snprintf(peers->host[i], PEER_NAME, "%s", host);
    snprintf(peers->name[i], PEER_NAME, "%s", name);
    peers->port[i] = (in_port_t)port;
    peers->weight[i] = weight;
}

/* Servers 10.0.x.y, on the default port and others. Weights from 1 to most. */
static struct peers *many_peers(uint32_t count, uint32_t most) {
    struct peers *peers = calloc(1, sizeof *peers);
    assert_non_null(peers);
    for (uint32_t i = 0; i < count; i++) {
        char host[32], name[PEER_NAME];
        unsigned port = i % 3 == 0 ? 11211 : 11211 + i;
        snprintf(host, sizeof host, "10.0.%u.%u", (unsigned)i / 250, (unsigned)i % 250);
        snprintf(name, sizeof name, "%s:%u", host, port);
        name_peer(peers, host, port, name, 1 + (i * 7 + 3) % most);
    }
    return peers;
}

static void without_peer(struct peers *peers, uint32_t gone) {
    peers->count--;
    for (uint32_t i = gone; i < peers->count; i++) {
        memcpy(peers->host[i], peers->host[i + 1], PEER_NAME);
        memcpy(peers->name[i], peers->name[i + 1], PEER_NAME);
        peers->port[i] = peers->port[i + 1];
        peers->weight[i] = peers->weight[i + 1];
    }
}

/* libmemcached itself ends at 100 servers. */
static const uint32_t sizes[] = {1, 2, 3, 7, 10, 37, 64, 100};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void plain_and_weighted(void **state) {
    (void)state;
    for (uint32_t s = 0; s < SIZES; s++) {
        for (uint32_t most = 1; most <= 16; most += 5) {
            struct peers *peers = many_peers(sizes[s], most);
            compare(peers, false, nobody);
            compare(peers, true, nobody);
            free(peers);
        }
    }
}

/* A library that was made without the node, and the same set of nodes without it. */
static void after_a_removal(void **state) {
    (void)state;
    for (uint32_t most = 1; most <= 6; most += 5) {
        struct peers *peers = many_peers(11, most);
        without_peer(peers, 4);
        compare(peers, false, nobody);
        compare(peers, true, nobody);
        without_peer(peers, 9);
        compare(peers, true, nobody);
        free(peers);
    }
}

/* One that is down is like one that was never there, where weights do not decide on the number of points. */
static void with_one_down(void **state) {
    (void)state;
    for (uint32_t down = 0; down < 11; down += 5) {
        struct peers *peers = many_peers(11, 1);
        compare(peers, false, down);
        free(peers);
    }
}

static void names_of_every_kind(void **state) {
    (void)state;
    struct peers *peers = calloc(1, sizeof *peers);
    assert_non_null(peers);
    name_peer(peers, "cache-1", 0, "cache-1", 1);
    name_peer(peers, "cache-2", 11211, "cache-2:11211", 1);
    name_peer(peers, "cache-3", 0, "cache-3:0", 1);
    name_peer(peers, "cache-4", 80, "cache-4:80", 1);
    name_peer(peers, "cache-4", 81, "cache-4:0081", 1);
    name_peer(peers, "::1", 11212, "[::1]:11212", 1);
    name_peer(peers, "fe80::2", 11211, "[fe80::2]", 1);
    name_peer(peers, "/run/memcached.sock", 0, "/run/memcached.sock", 1);
    name_peer(peers, "/run/other.sock", 0, "unix:/run/other.sock", 1);
    compare(peers, false, nobody);
    compare(peers, true, nobody);
    peers->weight[3] = 5;
    peers->weight[7] = 3;
    compare(peers, false, nobody);
    free(peers);
}

/* A weight so small that no point is left, and the largest that there is. */
static void weights_far_apart(void **state) {
    (void)state;
    struct peers *peers = many_peers(6, 1);
    peers->weight[0] = 200;
    peers->weight[3] = 100;
    compare(peers, false, nobody);
    peers->weight[0] = UINT32_MAX;
    peers->weight[5] = UINT32_MAX / 3;
    compare(peers, true, nobody);
    free(peers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_weighted),  cmocka_unit_test(after_a_removal),   cmocka_unit_test(with_one_down),
        cmocka_unit_test(names_of_every_kind), cmocka_unit_test(weights_far_apart),
    };
    return cmocka_run_group_tests_name("libmemcached", tests, NULL, NULL);
}
