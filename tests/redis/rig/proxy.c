/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One thread and poll. A change of mood rings the bell, so that held replies go at once. */
#include "proxy.h"
#include "server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXY_DOOR = 2 * PROXY_LINKS, PROXY_BELL, PROXY_POLLED, PROXY_PIECE = 16384 };

static struct sockaddr_in proxy_address(uint32_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int proxy_socket(void) {
    int yes = 1, made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rig_need(made >= 0, "a socket");
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return made;
}

/* ---- links ---- */

static void link_close(struct proxy_link *link) {
    close(link->client);
    close(link->server);
    link->client = link->server = -1;
    link->held = link->passed = 0;
}

static void link_open(struct proxy *proxy) {
    struct sockaddr_in target = proxy_address(proxy->target);
    int yes = 1, client = accept4(proxy->door, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) {
        return;
    }
    if (proxy->mood == PROXY_CLOSE) {
        proxy->done++;
        close(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int server = proxy_socket();
    struct proxy_link *link = proxy->links;
    while (link < proxy->links + PROXY_LINKS && link->client >= 0) {
        link++;
    }
    rig_need(link < proxy->links + PROXY_LINKS, "so many connections through the proxy");
    link->client = client;
    link->server = server;
    link->held = link->passed = 0;
    if (connect(server, (const struct sockaddr *)&target, sizeof target) != 0) {
        link_close(link);
    }
}

static void link_send(struct proxy_link *link, const char *bytes, size_t size, size_t piece) {
    while (size > 0) {
        ssize_t sent = send(link->client, bytes, size < piece ? size : piece, MSG_NOSIGNAL);
        if (sent <= 0) {
            link_close(link);
            return;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void link_let_go(struct proxy_link *link) {
    size_t size = link->held;
    link->held = 0;
    link_send(link, link->bytes, size, size);
}

static void link_hold(struct proxy_link *link, const char *bytes, size_t size) {
    rig_need(link->held + size <= PROXY_HELD, "room for what is held");
    memcpy(link->bytes + link->held, bytes, size);
    link->held += size;
}

static void link_cut(struct proxy *proxy, struct proxy_link *link, const char *bytes, size_t size) {
    size_t left = proxy->amount > link->passed ? proxy->amount - link->passed : 0;
    size_t part = size < left ? size : left;
    link->passed += part;
    link_send(link, bytes, part, part);
    if (part < size && link->client >= 0) {
        proxy->done++;
        link_close(link);
    }
}

static void link_reply(struct proxy *proxy, struct proxy_link *link) {
    char bytes[PROXY_PIECE];
    ssize_t size = recv(link->server, bytes, sizeof bytes, 0);
    if (size <= 0) {
        link_close(link);
        return;
    }
    proxy->done += proxy->mood != PROXY_PASS && proxy->mood != PROXY_CUT;
    switch (proxy->mood) {
    case PROXY_CUT: link_cut(proxy, link, bytes, (size_t)size); break;
    case PROXY_LIE: link_send(link, proxy->lie, proxy->lie_size, proxy->lie_size); break;
    case PROXY_HOLD: link_hold(link, bytes, (size_t)size); break;
    case PROXY_CLOSE: link_close(link); break;
    default: link_send(link, bytes, (size_t)size, proxy->mood == PROXY_DRIP ? 1 : (size_t)size);
    }
}

static void link_ask(struct proxy_link *link) {
    char bytes[PROXY_PIECE];
    ssize_t size = recv(link->client, bytes, sizeof bytes, 0);
    for (ssize_t sent = 0, now; sent < size; sent += now) {
        now = send(link->server, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL);
        if (now <= 0) {
            size = 0;
            break;
        }
    }
    if (size <= 0) {
        link_close(link);
    }
}

/* ---- the thread ---- */

static void proxy_look(struct proxy *proxy, struct pollfd *polled) {
    for (uint32_t i = 0; i < PROXY_LINKS; i++) {
        struct proxy_link *link = &proxy->links[i];
        if (link->client >= 0 && link->held > 0 && proxy->mood != PROXY_HOLD) {
            link_let_go(link);
        }
        polled[2 * i] = (struct pollfd){link->client, POLLIN, 0};
        polled[2 * i + 1] = (struct pollfd){link->server, POLLIN, 0};
    }
    polled[PROXY_DOOR] = (struct pollfd){proxy->door, POLLIN, 0};
    polled[PROXY_BELL] = (struct pollfd){proxy->bell[0], POLLIN, 0};
}

static void proxy_act(struct proxy *proxy, const struct pollfd *polled) {
    for (uint32_t i = 0; i < PROXY_LINKS; i++) {
        struct proxy_link *link = &proxy->links[i];
        if (link->client >= 0 && polled[2 * i].fd == link->client && polled[2 * i].revents != 0) {
            link_ask(link);
        }
        if (link->client >= 0 && polled[2 * i + 1].fd == link->server && polled[2 * i + 1].revents != 0) {
            link_reply(proxy, link);
        }
    }
    if (polled[PROXY_DOOR].revents != 0) {
        link_open(proxy);
    }
}

static void *proxy_run(void *argument) {
    struct proxy *proxy = argument;
    struct pollfd polled[PROXY_POLLED];
    char rung[64];
    for (uint32_t stop = 0; !stop;) {
        pthread_mutex_lock(&proxy->lock);
        proxy_look(proxy, polled);
        pthread_mutex_unlock(&proxy->lock);
        poll(polled, PROXY_POLLED, -1);
        pthread_mutex_lock(&proxy->lock);
        if (polled[PROXY_BELL].revents != 0) {
            rig_need(read(proxy->bell[0], rung, sizeof rung) > 0, "a bell");
        }
        proxy_act(proxy, polled);
        stop = proxy->stop;
        pthread_mutex_unlock(&proxy->lock);
    }
    return NULL;
}

static void proxy_ring(struct proxy *proxy) { rig_need(write(proxy->bell[1], "!", 1) == 1, "a bell"); }

void proxy_start(struct proxy *proxy, uint32_t target) {
    struct sockaddr_in address;
    memset(proxy, 0, sizeof *proxy);
    proxy->target = target;
    proxy->port = rig_port();
    address = proxy_address(proxy->port);
    proxy->door = proxy_socket();
    rig_need(bind(proxy->door, (const struct sockaddr *)&address, sizeof address) == 0, "a port for the proxy");
    rig_need(listen(proxy->door, PROXY_LINKS) == 0, "a proxy that listens");
    rig_need(pipe2(proxy->bell, O_CLOEXEC) == 0, "a bell");
    for (uint32_t i = 0; i < PROXY_LINKS; i++) {
        proxy->links[i].client = proxy->links[i].server = -1;
    }
    pthread_mutex_init(&proxy->lock, NULL);
    rig_need(pthread_create(&proxy->thread, NULL, proxy_run, proxy) == 0, "a thread");
}

void proxy_stop(struct proxy *proxy) {
    pthread_mutex_lock(&proxy->lock);
    proxy->stop = 1;
    pthread_mutex_unlock(&proxy->lock);
    proxy_ring(proxy);
    pthread_join(proxy->thread, NULL);
    for (uint32_t i = 0; i < PROXY_LINKS; i++) {
        if (proxy->links[i].client >= 0) {
            link_close(&proxy->links[i]);
        }
    }
    close(proxy->door);
    close(proxy->bell[0]);
    close(proxy->bell[1]);
    pthread_mutex_destroy(&proxy->lock);
}

void proxy_set(struct proxy *proxy, uint32_t mood, size_t amount) {
    pthread_mutex_lock(&proxy->lock);
    proxy->mood = mood;
    proxy->amount = amount;
    for (uint32_t i = 0; i < PROXY_LINKS; i++) {
        proxy->links[i].passed = 0;
    }
    pthread_mutex_unlock(&proxy->lock);
    proxy_ring(proxy);
}

void proxy_lie(struct proxy *proxy, const char *lie, size_t size) {
    pthread_mutex_lock(&proxy->lock);
    proxy->lie = lie;
    proxy->lie_size = size;
    pthread_mutex_unlock(&proxy->lock);
    proxy_set(proxy, PROXY_LIE, 0);
}

uint32_t proxy_done(struct proxy *proxy) {
    pthread_mutex_lock(&proxy->lock);
    uint32_t done = proxy->done;
    proxy->done = 0;
    pthread_mutex_unlock(&proxy->lock);
    return done;
}
