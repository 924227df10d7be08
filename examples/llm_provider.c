/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection has one request under way. Limits are kept exactly: each key remembers when its latest requests came
 * and what they were allowed to take, which the end of the answer corrects to what they took.
 */
#include "llm_provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST = 2048, BACKLOG = 64, PACE = 5, TOKENS_A_WORD = 8 };

struct provider {
    uv_tcp_t listener;
    struct provider_key *keys;
    size_t key_count;
    uint64_t window;
    struct connection *connections;
};

struct connection {
    uv_tcp_t tcp;
    uv_timer_t timer; /* of the words */
    int handles;      /* that are not closed */
    struct provider *provider;
    struct connection *next, **place;
    char request[REQUEST + 1];
    size_t filled;
    unsigned words; /* still to be said */
    unsigned tokens;
    struct provider_key *key;
    struct provider_grant *grant;
};

/* ---- keys and limits ---- */

static struct provider_key *find_key(const struct provider *provider, const char *request) {
    const char *bearer = strstr(request, "Authorization: Bearer ");
    for (size_t i = 0; bearer != NULL && i < provider->key_count; i++) {
        size_t length = strlen(provider->keys[i].name);
        const char *name = bearer + strlen("Authorization: Bearer ");
        if (strncmp(name, provider->keys[i].name, length) == 0 && name[length] == '\r') {
            return &provider->keys[i];
        }
    }
    return NULL;
}

/* Within its limits it is granted: 0. Else the ms until the oldest request leaves the window. */
static uint64_t charge(struct provider_key *key, unsigned tokens, uint64_t now, uint64_t window) {
    unsigned requests = 0, sum = 0;
    uint64_t oldest = now;
    for (unsigned i = 0; i < key->answered && i < PROVIDER_GRANTS; i++) {
        const struct provider_grant *grant = &key->grants[i];
        if (grant->at + window > now) {
            requests++;
            sum += grant->tokens;
            oldest = grant->at < oldest ? grant->at : oldest;
        }
    }
    if (requests >= key->requests || sum + tokens > key->tokens) {
        key->refused++;
        return oldest + window - now;
    }
    key->grants[key->answered++ % PROVIDER_GRANTS] = (struct provider_grant){now, tokens};
    return 0;
}

/* ---- answering ---- */

static void connection_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;
    if (--connection->handles == 0) {
        free(connection);
    }
}

static void connection_close(struct connection *connection) {
    if (uv_is_closing((uv_handle_t *)&connection->tcp)) {
        return;
    }
    *connection->place = connection->next;
    if (connection->next != NULL) {
        connection->next->place = connection->place;
    }
    uv_close((uv_handle_t *)&connection->tcp, connection_closed);
    uv_close((uv_handle_t *)&connection->timer, connection_closed);
}

/* So little always fits into the socket, or nobody reads. */
static void say(struct connection *connection, const char *text) {
    char copy[256];
    uv_buf_t bytes = uv_buf_init(copy, (unsigned)snprintf(copy, sizeof copy, "%s", text));
    if (uv_try_write((uv_stream_t *)&connection->tcp, &bytes, 1) != (int)bytes.len) {
        connection_close(connection);
    }
}

static void say_piece(struct connection *connection, const char *event) {
    char chunk[128];
    snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(event), event);
    say(connection, chunk);
}

static void next_word(uv_timer_t *timer) {
    struct connection *connection = timer->data;
    char event[64];
    if (connection->words > 0) {
        connection->words--;
        say_piece(connection, "data: word\n\n");
        return;
    }
    uv_timer_stop(timer);
    connection->grant->tokens = connection->tokens;
    connection->key->used += connection->tokens;
    snprintf(event, sizeof event, "data: {\"usage\": {\"total_tokens\": %u}}\n\n", connection->tokens);
    say_piece(connection, event);
    say(connection, "0\r\n\r\n");
}

static void answer(struct connection *connection) {
    const struct provider *provider = connection->provider;
    const char *asked = strstr(connection->request, "\"max_tokens\": ");
    struct provider_key *key = find_key(provider, connection->request);
    unsigned most = asked != NULL ? (unsigned)strtoul(asked + strlen("\"max_tokens\": "), NULL, 10) : 0;
    if (key == NULL || most == 0) {
        say(connection, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    uint64_t wait = charge(key, most, uv_now(connection->timer.loop), provider->window);
    if (wait > 0) {
        char refusal[128];
        snprintf(refusal, sizeof refusal,
                 "HTTP/1.1 429 Too Many Requests\r\nRetry-After: %u\r\nContent-Length: 0\r\n\r\n",
                 (unsigned)(wait / 1000 + 1));
        say(connection, refusal);
        return;
    }
    connection->tokens = most / 2; /* it turns out to take half of what it was allowed */
    connection->words = connection->tokens / TOKENS_A_WORD;
    connection->key = key;
    connection->grant = &key->grants[(key->answered - 1) % PROVIDER_GRANTS];
    say(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    uv_timer_start(&connection->timer, next_word, PACE, PACE);
}

/* ---- hearing ---- */

static int is_whole(const char *request) {
    const char *head = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
    size_t body = length != NULL ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0;
    return head != NULL && strlen(head + 4) >= body;
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *room) {
    struct connection *connection = handle->data;
    (void)size;
    *room = uv_buf_init(connection->request + connection->filled, (unsigned)(REQUEST - connection->filled));
}

static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    struct connection *connection = stream->data;
    (void)bytes;
    if (size < 0) { /* the client is gone, or its request is too long */
        connection_close(connection);
        return;
    }
    connection->filled += (size_t)size;
    connection->request[connection->filled] = '\0';
    if (is_whole(connection->request)) {
        connection->filled = 0;
        answer(connection);
    }
}

static void connected(uv_stream_t *listener, int status) {
    struct provider *provider = listener->data;
    struct connection *connection = status == 0 ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        return;
    }
    connection->provider = provider;
    connection->handles = 2;
    connection->tcp.data = connection->timer.data = connection;
    connection->next = provider->connections;
    connection->place = &provider->connections;
    if (connection->next != NULL) {
        connection->next->place = &connection->next;
    }
    provider->connections = connection;
    uv_tcp_init(listener->loop, &connection->tcp);
    uv_timer_init(listener->loop, &connection->timer);
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&connection->tcp, give_room, heard) != 0) {
        connection_close(connection);
    }
}

/* ---- birth and end ---- */

static void provider_closed(uv_handle_t *handle) { free(handle->data); }

struct provider *provider_open(uv_loop_t *loop, struct provider_key *keys, size_t count, uint64_t window) {
    struct provider *provider = calloc(1, sizeof *provider);
    struct sockaddr_in any;
    if (provider == NULL || uv_tcp_init(loop, &provider->listener) != 0) {
        free(provider);
        return NULL;
    }
    provider->keys = keys;
    provider->key_count = count;
    provider->window = window;
    provider->listener.data = provider;
    uv_ip4_addr("127.0.0.1", 0, &any);
    if (uv_tcp_bind(&provider->listener, (const struct sockaddr *)&any, 0) != 0 ||
        uv_listen((uv_stream_t *)&provider->listener, BACKLOG, connected) != 0) {
        provider_close(provider);
        return NULL;
    }
    return provider;
}

int provider_port(const struct provider *provider) {
    struct sockaddr_in address = {0};
    int size = sizeof address;
    uv_tcp_getsockname(&provider->listener, (struct sockaddr *)&address, &size);
    const unsigned char *port = (const unsigned char *)&address.sin_port;
    return port[0] << 8 | port[1];
}

void provider_close(struct provider *provider) {
    while (provider->connections != NULL) {
        connection_close(provider->connections);
    }
    uv_close((uv_handle_t *)&provider->listener, provider_closed);
}
