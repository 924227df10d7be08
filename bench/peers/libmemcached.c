/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* peer-libmemcached: its ketama with MD5, as `ketama flavour=libmemcached` has it. No connection is ever made. Its
   handle is for one thread, and it stops the program above 100 servers. */
#include "protocol.h"

#include <libmemcached/memcached.h>
#include <malloc.h>
#include <stdlib.h>

enum { MOST = 100 };

struct counted {
    memcached_st *memcached;
    memcached_server_list_st servers, fewer; /* fewer: without the one in the middle; made by the first change */
    const struct scene *scene;
    size_t bytes;
};

static memcached_server_list_st list_servers(const struct scene *scene, uint32_t without) {
    memcached_server_list_st servers = NULL;
    memcached_return_t code = MEMCACHED_SUCCESS;
    for (uint32_t i = 0; i < scene->fleet.count; i++) {
        if (i != without) {
            servers = memcached_server_list_append(servers, scene->fleet.names[i], 11211, &code);
        }
    }
    return servers;
}

static bool set_up(struct counted *counted) {
    memcached_st *memcached = counted->memcached;
    return memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5) == MEMCACHED_SUCCESS &&
           memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_KETAMA, 1) == MEMCACHED_SUCCESS &&
           memcached_server_push(memcached, counted->servers) == MEMCACHED_SUCCESS;
}

static void counted_close(void *subject) {
    struct counted *counted = subject;
    memcached_free(counted->memcached);
    memcached_server_list_free(counted->servers);
    memcached_server_list_free(counted->fewer);
    free(counted);
}

static void *counted_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    (void)kind;
    if (scene->fleet.count > MOST) {
        *why = "stops the program above 100 servers";
        return NULL;
    }
    struct counted *counted = calloc(1, sizeof *counted);
    if (counted == NULL) {
        return NULL;
    }
    counted->scene = scene;
    counted->servers = list_servers(scene, UINT32_MAX);
    size_t before = mallinfo2().uordblks;
    counted->memcached = memcached_create(NULL);
    if (counted->servers == NULL || counted->memcached == NULL || !set_up(counted)) {
        *why = "libmemcached could not be set up";
        counted_close(counted);
        return NULL;
    }
    counted->bytes = mallinfo2().uordblks - before;
    return counted;
}

static uint64_t counted_pick(void *subject, uint32_t thread, uint64_t picks) {
    const struct counted *counted = subject;
    uint64_t sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        sum += memcached_generate_hash(counted->memcached, counted->scene->texts[i % PROTOCOL_KEYS], PROTOCOL_KEY_SIZE);
    }
    return sum;
}

/* It cannot drop one server; its list is emptied and filled again. */
static int counted_change(void *subject) {
    struct counted *counted = subject;
    if (counted->fewer == NULL) {
        counted->fewer = list_servers(counted->scene, counted->scene->fleet.count / 2);
    }
    memcached_servers_reset(counted->memcached);
    if (memcached_server_push(counted->memcached, counted->fewer) != MEMCACHED_SUCCESS) {
        return -1;
    }
    memcached_servers_reset(counted->memcached);
    return memcached_server_push(counted->memcached, counted->servers) == MEMCACHED_SUCCESS ? 0 : -1;
}

static size_t counted_bytes(const void *subject) { return ((const struct counted *)subject)->bytes; }

int main(void) {
    static const char *const peers[] = {"libmemcached " LIBMEMCACHED_VERSION_STRING, NULL};
    static const struct peer_case cases[] = {{"libmemcached/ketama", "loadwise-text", NULL, false, counted_open,
                                              counted_close, counted_pick, false, counted_change, counted_bytes}};
    return protocol_serve(peers, cases, 1);
}
