/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An HTTP/1.1 server that is as slow, broken or overloaded as a test wants; behaviour.h has the words.
 *
 *     test_http_server [WORD=VALUE]...      prints "HOST:PORT" once it listens, and ends with its parent
 *
 *     /control?...   changes the behaviour from now on
 *     /count         "SERVED UNDER_WAY MOST_UNDER_WAY OPEN\n"
 *     /echo          the body of the request
 *     the rest       the name of the server
 *
 * One thread, one epoll, thousands of connections. What has to wait for its time is in a wheel of milliseconds.
 */
#include "behaviour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NEVER INT64_MAX /* due at no time, but when others are there */

enum { WHEEL = 4096, FILES = 65536, EVENTS = 256, READ_AT_ONCE = 65536, REQUEST_MOST = 1 << 26 };

struct bytes {
    char *at;
    size_t size, room;
};

struct connection {
    int fd;
    bool busy;   /* a request is being answered */
    bool counts; /* that request */
    bool silent; /* what comes is read and forgotten */
    struct bytes in, out;
    size_t sent;
    long drip; /* ms between two bytes */
    enum behaviour_end end;
    int64_t due; /* in the wheel; 0: not there */
    struct connection *next, **before;
};

static struct {
    struct behaviour usual;
    int epoll, listener;
    struct connection *connections[FILES]; /* by descriptor */
    struct connection *wheel[WHEEL];
    int64_t turned; /* the wheel, up to this millisecond */
    long waiting;   /* in it */
    long served, under_way, most_under_way, open;
    long turns;    /* percent of a turn to misbehave */
    bool complete; /* the crowd that some wait for */
    uint64_t chance;
} server;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void need(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "test_http_server: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* From 0 to most - 1. */
static long draw(long most) {
    server.chance = server.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return most > 0 ? (long)((server.chance >> 33) % (uint64_t)most) : 0;
}

static void bytes_add(struct bytes *bytes, const void *what, size_t size) {
    if (bytes->size + size > bytes->room) {
        bytes->room = (bytes->size + size) * 2;
        bytes->at = realloc(bytes->at, bytes->room);
        need(bytes->at != NULL, "memory");
    }
    if (size > 0 && bytes->at != NULL) {
        memcpy(bytes->at + bytes->size, what, size);
    }
    bytes->size += size;
}

static void bytes_drop(struct bytes *bytes, size_t size) {
    bytes->size -= size;
    if (bytes->size > 0) {
        memmove(bytes->at, bytes->at + size, bytes->size);
    }
}

/* ---- the wheel ---- */

static void wheel_add(struct connection *connection, int64_t due) {
    due = due > server.turned ? due : server.turned + 1;
    struct connection **slot = &server.wheel[due % WHEEL];
    connection->due = due;
    connection->next = *slot;
    connection->before = slot;
    if (*slot != NULL) {
        (*slot)->before = &connection->next;
    }
    *slot = connection;
    server.waiting++;
}

static void wheel_take(struct connection *connection) {
    if (connection->due != 0) {
        *connection->before = connection->next;
        if (connection->next != NULL) {
            connection->next->before = connection->before;
        }
        connection->due = 0;
        server.waiting--;
    }
}

/* ---- connections ---- */

static void watch(const struct connection *connection, int how, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = connection->fd};
    need(epoll_ctl(server.epoll, how, connection->fd, &event) == 0, "epoll_ctl");
}

static void answered(struct connection *connection) {
    if (connection->busy && connection->counts) {
        server.under_way--;
        server.served++;
    }
    connection->busy = false;
}

static void hang_up(struct connection *connection, bool reset) {
    struct linger linger = {1, 0};
    if (reset) {
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    answered(connection);
    wheel_take(connection);
    server.connections[connection->fd] = NULL;
    close(connection->fd);
    free(connection->in.at);
    free(connection->out.at);
    free(connection);
    server.open--;
}

static void meet(void) {
    int fd, yes = 1;
    while ((fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        need(connection != NULL && fd < FILES, "memory");
        server.connections[fd] = connection;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        connection->fd = fd;
        server.open++;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/* ---- requests ---- */

struct request {
    char target[512];
    bool head, chunked;
    size_t size; /* of line and headers */
    size_t body; /* its length, where it is not chunked */
};

static const char *header_of(const char *text, const char *end, const char *name) {
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = memchr(line, '\n', (size_t)(end - line))) {
        line += line > text; /* behind the end of the line before */
        if (strncasecmp(line, name, size) == 0) {
            return line + size;
        }
    }
    return NULL;
}

/* 0: more has to come. */
static int request_read(const struct connection *connection, struct request *request) {
    const struct bytes *in = &connection->in;
    const char *end = in->size > 0 ? memmem(in->at, in->size, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return 0;
    }
    const char *target = memchr(in->at, ' ', in->size);
    const char *length = header_of(in->at, end, "Content-Length:");
    memset(request, 0, sizeof *request);
    if (target == NULL || sscanf(target, " %511s", request->target) != 1) {
        return -1;
    }
    request->size = (size_t)(end - in->at) + 4;
    request->head = strncmp(in->at, "HEAD ", 5) == 0;
    request->chunked = header_of(in->at, end, "Transfer-Encoding:") != NULL;
    request->body = length != NULL ? strtoul(length, NULL, 10) : 0;
    return request->body <= REQUEST_MOST ? 1 : -1;
}

/* Joins the chunks. The bytes that were read, or 0: more have to come. */
static size_t take_chunks(const struct bytes *in, size_t at, struct bytes *body) {
    for (;;) {
        const char *line = in->at + at, *end = memmem(line, in->size - at, "\r\n", 2);
        size_t size = end != NULL ? strtoul(line, NULL, 16) : 0, begin = end != NULL ? (size_t)(end - in->at) + 2 : 0;
        if (end == NULL || size > REQUEST_MOST || begin + size + 2 > in->size) {
            return 0;
        }
        bytes_add(body, in->at + begin, size);
        at = begin + size + 2;
        if (size == 0) {
            return at;
        }
    }
}

/* ---- answers ---- */

static void put_head(struct bytes *out, const struct behaviour *behaviour, size_t body) {
    char line[256];
    bytes_add(out, line,
              (size_t)snprintf(line, sizeof line, "HTTP/1.1 %ld As asked\r\nContent-Length: %zu\r\n", behaviour->status,
                               body));
    if (behaviour->retry_after[0] != '\0') {
        bytes_add(out, line, (size_t)snprintf(line, sizeof line, "Retry-After: %s\r\n", behaviour->retry_after));
    }
    if (behaviour->header > 0) {
        bytes_add(out, "X-Long: ", 8);
        for (long i = 0; i < behaviour->header; i++) {
            bytes_add(out, "x", 1);
        }
        bytes_add(out, "\r\n", 2);
    }
    bytes_add(out, "\r\n", 2);
}

static void put_answer(struct bytes *out, const struct behaviour *behaviour, const struct bytes *body, bool head) {
    size_t size = behaviour->bytes > 0 ? (size_t)behaviour->bytes : body->size;
    if (behaviour->garbage != 0) {
        bytes_add(out, "\x16\x03\x01\x02 nonsense\r\n\r\n", 17);
        return;
    }
    put_head(out, behaviour, size);
    for (size_t i = 0; i < size && !head; i++) {
        bytes_add(out, behaviour->bytes > 0 ? &"abcdefghijklmnopqrstuvwxyz012345"[i % 32] : body->at + i, 1);
    }
}

/* Whoever asks for counts does not change them. */
static bool is_about_us(const struct request *request) {
    return strncmp(request->target, "/control", 8) == 0 || strncmp(request->target, "/count", 6) == 0;
}

static void name_body(struct bytes *body, const struct request *request, const struct behaviour *behaviour) {
    char text[160];
    if (strncmp(request->target, "/echo", 5) == 0) {
        return;
    }
    body->size = 0;
    if (strncmp(request->target, "/count", 6) == 0) {
        bytes_add(body, text,
                  (size_t)snprintf(text, sizeof text, "%ld %ld %ld %ld\n", server.served, server.under_way,
                                   server.most_under_way, server.open));
    } else {
        bytes_add(body, text, (size_t)snprintf(text, sizeof text, "%s\n", behaviour->name));
    }
}

/* Evenly: where it were drawn, now and then there would be none, or many in a row. */
static bool has_turn(long share) {
    server.turns = (server.turns + share) % 100;
    return server.turns < share;
}

/* What is asked for, or what is usual; others than `share` percent of the requests go well. */
static struct behaviour behave(const struct request *request) {
    struct behaviour behaviour = server.usual;
    const char *query = strchr(request->target, '?');
    bool control = strncmp(request->target, "/control", 8) == 0;
    if (is_about_us(request)) {
        behaviour_plain(&behaviour);
    }
    if (query != NULL && !behaviour_read(control ? &server.usual : &behaviour, query + 1, strlen(query + 1))) {
        behaviour_plain(&behaviour);
        behaviour.status = 400;
    }
    if (!has_turn(behaviour.share)) {
        struct behaviour well;
        behaviour_plain(&well);
        memcpy(well.name, behaviour.name, sizeof well.name);
        well.ms = behaviour.ms;
        well.spread = behaviour.spread;
        return well;
    }
    return behaviour;
}

static void say(struct connection *connection);

static void answer_crowd(void) {
    for (size_t fd = 0; fd < FILES && server.complete; fd++) {
        struct connection *connection = server.connections[fd];
        if (connection != NULL && connection->due == NEVER) {
            wheel_take(connection);
            say(connection);
        }
    }
    server.complete = false;
}

static void answer(struct connection *connection, const struct request *request, struct bytes *body) {
    connection->busy = true;
    connection->counts = !is_about_us(request);
    server.under_way += connection->counts ? 1 : 0;
    server.most_under_way = server.under_way > server.most_under_way ? server.under_way : server.most_under_way;
    struct behaviour behaviour = behave(request);
    long swing = behaviour.ms * behaviour.spread / 100, wait = behaviour.ms - swing + draw(2 * swing + 1);
    name_body(body, request, &behaviour);
    connection->out.size = connection->sent = 0;
    put_answer(&connection->out, &behaviour, body, request->head);
    if (behaviour.cut >= 0 && (size_t)behaviour.cut < connection->out.size) {
        connection->out.size = (size_t)behaviour.cut;
    }
    connection->drip = behaviour.drip;
    connection->end = behaviour.end;
    if (behaviour.crowd > 0) {
        wheel_add(connection, NEVER);
        server.complete |= server.under_way >= behaviour.crowd;
    } else if (wait > 0) {
        wheel_add(connection, now_ms() + wait);
    } else {
        say(connection);
    }
}

/* The request that has come, if it is whole. The connection may be gone afterwards. */
static void serve(struct connection *connection) {
    struct request request;
    struct bytes body = {NULL, 0, 0};
    int whole = request_read(connection, &request);
    size_t size = whole == 1 ? request.size + request.body : 0;
    if (whole == 1 && request.chunked) {
        size = take_chunks(&connection->in, request.size, &body);
    } else if (whole == 1 && size <= connection->in.size) {
        bytes_add(&body, connection->in.at + request.size, request.body);
    }
    if (whole < 0) {
        hang_up(connection, false);
    } else if (size > 0 && size <= connection->in.size) {
        bytes_drop(&connection->in, size);
        answer(connection, &request, &body);
    }
    free(body.at);
}

static void finish(struct connection *connection) {
    switch (connection->end) {
    case END_KEEP:
        answered(connection);
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        serve(connection);
        return;
    case END_HALF:
        shutdown(connection->fd, SHUT_WR);
        connection->silent = true;
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        return;
    case END_HANG: connection->silent = true; return;
    default: hang_up(connection, connection->end == END_RESET); return;
    }
}

static void say(struct connection *connection) {
    while (connection->sent < connection->out.size) {
        size_t size = connection->drip > 0 ? 1 : connection->out.size - connection->sent;
        ssize_t sent = send(connection->fd, connection->out.at + connection->sent, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (sent < 0) {
            hang_up(connection, false);
            return;
        }
        connection->sent += (size_t)sent;
        if (connection->drip > 0) {
            wheel_add(connection, now_ms() + connection->drip);
            return;
        }
    }
    finish(connection);
}

static void hear(struct connection *connection) {
    static char buffer[READ_AT_ONCE];
    ssize_t size = recv(connection->fd, buffer, sizeof buffer, 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) {
            hang_up(connection, false);
        }
        return;
    }
    if (!connection->silent) {
        bytes_add(&connection->in, buffer, (size_t)size);
    }
    if (!connection->busy) {
        serve(connection);
    }
}

/* ---- the loop ---- */

static void wheel_turn(void) {
    int64_t now = now_ms();
    while (server.turned < now) {
        server.turned++;
        for (struct connection *at = server.wheel[server.turned % WHEEL], *next; at != NULL; at = next) {
            next = at->next;
            if (at->due <= server.turned) {
                wheel_take(at);
                say(at);
            }
        }
    }
}

static void loop(void) {
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(server.epoll, events, EVENTS, server.waiting > 0 ? 1 : -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = server.connections[events[i].data.fd];
            if (events[i].data.fd == server.listener) {
                meet();
            } else if ((events[i].events & EPOLLOUT) != 0) {
                say(connection);
            } else {
                hear(connection);
            }
        }
        answer_crowd();
        wheel_turn();
    }
}

static void listen_at(const char *host, long port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int yes = 1;
    need(inet_pton(AF_INET, host, &address.sin_addr) == 1, "host");
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server.listener};
    setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    need(bind(server.listener, (const struct sockaddr *)&address, sizeof address) == 0, "bind");
    need(listen(server.listener, 4096) == 0, "listen");
    need(getsockname(server.listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    need(epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event) == 0, "epoll");
    printf("%s:%u\n", host, (unsigned)ntohs(address.sin_port));
    fclose(stdout); /* whoever reads that line need not wait for more */
}

int main(int argc, char **argv) {
    struct rlimit limit;
    pid_t parent = getppid();
    need(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent, "the parent is gone");
    behaviour_plain(&server.usual);
    for (int i = 1; i < argc; i++) {
        if (!behaviour_read(&server.usual, argv[i], strlen(argv[i]))) {
            fprintf(stderr, "test_http_server: \"%s\" is not a word of behaviour.h\n", argv[i]);
            return 2;
        }
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    server.turned = now_ms();
    server.chance = (uint64_t)getpid();
    listen_at(server.usual.host, server.usual.port);
    loop();
}
