/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The client: a pool whose nodes are the services of node.c under the layers of a stack. The service of a node that is
 * not wanted any more stays until no node that has left the pool has a ticket out; a timer looks for that moment.
 */
#include "host.h"

#include <loadwise/client.h>
#include <loadwise/pool_stats.h>
#include <stdbool.h>

#define SWEEP_AGAIN UINT64_C(100000000)
#define DEFAULT_BODY (UINT64_C(16) << 20)
#define DEFAULT_STACK "timeout 10s | retry | balance p2c metric=peak_ewma"

enum { FIRST_ROOM = 4096 };

struct client_node {
    struct client_node *next;
    lw_service *service;
    uint64_t wanted; /* in which list of nodes it was last */
    char address[];
};

struct lw_client {
    lw_env env;
    lw_uv *uv;
    lw_pool *pool;
    lw_curl *curl;
    lw_stack *stack;
    struct client_node *nodes;
    uint64_t list; /* lists of nodes that were taken */
    lw_timer sweep;
    uint64_t max_body;
    bool closing;
};

/* ---- nodes ---- */

static void sweep_fired(lw_timer *timer) {
    lw_client *client = (lw_client *)(void *)((char *)timer - offsetof(lw_client, sweep));
    lw_clock *clock = lw_uv_clock(client->uv);
    lw_pool_stats stats = {.size = sizeof stats};
    lw_pool_tick(client->pool, 0, NULL);
    if (lw_pool_stats_read(client->pool, 0, &stats) != LW_OK || stats.leaving > 0) {
        lw_timer_start(clock, timer, lw_clock_now(clock) + SWEEP_AGAIN);
        return;
    }
    for (struct client_node **at = &client->nodes; *at != NULL;) {
        struct client_node *node = *at;
        if (node->wanted == client->list) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        lw_stack_drop(client->stack, node->service);
        lw__host_release(&client->env, node);
    }
}

static struct client_node *node_find(const lw_client *client, const char *address) {
    struct client_node *node = client->nodes;
    while (node != NULL && strcmp(node->address, address) != 0) {
        node = node->next;
    }
    return node;
}

/* NULL: *error says why not. */
static struct client_node *node_make(lw_client *client, const char *address, int *error) {
    lw_service *service;
    *error = lw_curl_node(client->curl, address, &service);
    if (*error != LW_OK) {
        return NULL;
    }
    size_t size = strlen(address) + 1;
    struct client_node *node = lw__host_alloc(&client->env, sizeof *node + size);
    if (node == NULL) {
        lw_service_free(service);
        *error = LW_NOMEM;
        return NULL;
    }
    *error = lw_stack_node(client->stack, service, &node->service);
    if (*error != LW_OK) {
        lw__host_release(&client->env, node);
        return NULL;
    }
    memcpy(node->address, address, size);
    node->next = client->nodes;
    client->nodes = node;
    return node;
}

static int nodes_specify(lw_client *client, const char *const *addresses, size_t count, lw_node_spec *specs,
                         struct client_node **nodes) {
    int error = LW_OK;
    for (size_t i = 0; i < count; i++) {
        if (addresses[i] == NULL) {
            return lw__host_fail(&client->env, LW_INVALID, "client: address %zu of %zu is NULL", i, count);
        }
        nodes[i] = node_find(client, addresses[i]);
        if (nodes[i] == NULL) {
            nodes[i] = node_make(client, addresses[i], &error);
        }
        if (nodes[i] == NULL) {
            return error;
        }
        specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        specs[i].name = nodes[i]->address;
        specs[i].weight = 1;
        specs[i].user = nodes[i]->service;
    }
    return LW_OK;
}

int lw_client_nodes(lw_client *client, const char *const *addresses, size_t count) {
    struct client_node **nodes = lw__host_alloc(&client->env, (count + 1) * sizeof(struct client_node *));
    lw_node_spec *specs = lw__host_alloc(&client->env, (count + 1) * sizeof *specs);
    int error = LW_NOMEM;
    if (nodes != NULL && specs != NULL) {
        error = nodes_specify(client, addresses, count, specs, nodes);
        error = error == LW_OK ? lw_pool_update(client->pool, specs, count, LW_UPDATE_ALLOW_EMPTY, NULL) : error;
    }
    if (error == LW_OK) {
        client->list++;
        for (size_t i = 0; i < count && nodes[i] != NULL; i++) {
            nodes[i]->wanted = client->list;
        }
    }
    lw_timer_start(lw_uv_clock(client->uv), &client->sweep, 0);
    lw__host_release(&client->env, specs);
    lw__host_release(&client->env, nodes);
    return error;
}

/* ---- requests ---- */

struct client_call {
    lw_exchange exchange;
    lw_http http;
    lw_client *client;
    lw_client_done *done;
    void *user;
    char *body;
    size_t bytes, room;
    bool starved; /* there was no memory for the body */
    const char *header;
    char type[]; /* of lw_client_post */
};

static bool call_grow(struct client_call *call, size_t wanted) {
    const lw_env *env = &call->client->env;
    size_t room = call->room != 0 ? call->room : FIRST_ROOM;
    while (room < wanted) {
        room *= 2;
    }
    if (room == call->room) {
        return true;
    }
    char *body = lw__host_alloc(env, room);
    if (body == NULL) {
        call->starved = true;
        return false;
    }
    if (call->bytes > 0) {
        memcpy(body, call->body, call->bytes);
    }
    lw__host_release(env, call->body);
    call->body = body;
    call->room = room;
    return true;
}

/* One byte more, for the NUL. */
static int call_received(lw_http *http, const void *bytes, size_t size) {
    struct client_call *call = (struct client_call *)(void *)((char *)http - offsetof(struct client_call, http));
    if (size > call->client->max_body - call->bytes || !call_grow(call, call->bytes + size + 1)) {
        return 1;
    }
    memcpy(call->body + call->bytes, bytes, size);
    call->bytes += size;
    return 0;
}

static void call_completed(lw_exchange *exchange) {
    struct client_call *call = (struct client_call *)(void *)exchange;
    lw_env env = call->client->env; /* the client may be freed by whoever is told */
    if (call->body != NULL) {
        call->body[call->bytes] = '\0';
    }
    lw_answer answer = {
        .size = sizeof answer,
        .reason = call->starved ? LW_NOMEM : exchange->reason,
        .outcome = exchange->sample.outcome,
        .status = exchange->reason == LW_OK ? call->http.status : 0,
        .tries = exchange->tries,
        .body = call->body != NULL ? call->body : "",
        .bytes = call->bytes,
        .exchange = exchange,
    };
    call->done(call->user, &answer);
    lw__host_release(&env, call->body);
    lw__host_release(&env, call);
}

/* Ready to be sent, but for the members of http that are not the client's; NULL: no memory. */
static struct client_call *call_new(lw_client *client, size_t spare, lw_client_done *done, void *user) {
    struct client_call *call = lw__host_alloc(&client->env, sizeof *call + spare);
    if (call != NULL) {
        call->exchange = (lw_exchange)LW_EXCHANGE_INIT;
        call->exchange.request = &call->http;
        call->exchange.completed = call_completed;
        call->http = (lw_http)LW_HTTP_INIT;
        call->client = client;
        call->done = done;
        call->user = user;
    }
    return call;
}

static void call_send(struct client_call *call, uint32_t flags) {
    call->http.received = call_received;
    call->exchange.flags = flags;
    lw_service_call(lw_stack_service(call->client->stack), &call->exchange);
}

int lw_client_send(lw_client *client, const lw_http *http, uint32_t flags, lw_client_done *done, void *user) {
    struct client_call *call = client->closing ? NULL : call_new(client, 0, done, user);
    if (call == NULL) {
        return client->closing ? LW_UNAVAILABLE : LW_NOMEM;
    }
    memcpy(&call->http, http, http->size < sizeof call->http ? http->size : sizeof call->http);
    call_send(call, flags);
    return LW_OK;
}

int lw_client_get(lw_client *client, const char *path, lw_client_done *done, void *user) {
    lw_http http = LW_HTTP_INIT;
    http.path = path;
    return lw_client_send(client, &http, LW_EXCHANGE_SAFE, done, user);
}

int lw_client_post(lw_client *client, const char *path, const char *type, const void *body, size_t size,
                   lw_client_done *done, void *user) {
    static const char name[] = "Content-Type: ";
    size_t length = type != NULL ? strlen(type) + 1 : 0;
    struct client_call *call = client->closing ? NULL : call_new(client, sizeof name + length, done, user);
    if (call == NULL) {
        return client->closing ? LW_UNAVAILABLE : LW_NOMEM;
    }
    if (type != NULL) {
        memcpy(call->type, name, sizeof name - 1);
        memcpy(call->type + sizeof name - 1, type, length);
        call->header = call->type;
        call->http.headers = &call->header;
        call->http.header_count = 1;
    }
    call->http.method = "POST";
    call->http.path = path;
    call->http.body = body;
    call->http.body_size = size;
    call_send(call, 0);
    return LW_OK;
}

/* ---- birth and end ---- */

static int client_open(lw_client *client, const lw_client_options *options) {
    const char *spec = options->stack != NULL ? options->stack : DEFAULT_STACK;
    lw_clock *clock = lw_uv_clock(client->uv);
    int error = lw_pool_new(&client->pool, &client->env, options->pool);
    error = error == LW_OK ? lw_curl_new(&client->curl, &client->env, client->uv, options->curl) : error;
    return error == LW_OK ? lw_stack_new(&client->stack, &client->env, clock, client->pool, spec, NULL) : error;
}

int lw_client_new(lw_client **out, const lw_env *given, lw_uv *uv, const lw_client_options *options) {
    lw_env env;
    lw_client_options wanted = LW_CLIENT_OPTIONS_INIT;
    *out = NULL;
    int error = lw__host_env(&env, given);
    if (error != LW_OK) {
        return error;
    }
    lw_client *client = lw__host_alloc(&env, sizeof *client);
    if (client == NULL) {
        return LW_NOMEM;
    }
    if (options != NULL) {
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
    }
    client->env = env;
    client->uv = uv;
    client->sweep.fired = sweep_fired;
    client->max_body = wanted.max_body != 0 ? wanted.max_body : DEFAULT_BODY;
    error = client_open(client, &wanted);
    if (error != LW_OK) {
        lw_client_free(client);
        return error;
    }
    *out = client;
    return LW_OK;
}

void lw_client_free(lw_client *client) {
    if (client == NULL) {
        return;
    }
    client->closing = true;
    lw_timer_stop(lw_uv_clock(client->uv), &client->sweep);
    lw_stack_free(client->stack);
    lw_curl_free(client->curl);
    lw_pool_free(client->pool);
    while (client->nodes != NULL) {
        struct client_node *node = client->nodes;
        client->nodes = node->next;
        lw__host_release(&client->env, node);
    }
    lw_env env = client->env;
    lw__host_release(&env, client);
}

lw_pool *lw_client_pool(lw_client *client) { return client->pool; }

lw_stack *lw_client_stack(lw_client *client) { return client->stack; }
