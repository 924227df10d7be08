/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One thread and one poll; sends are blocking, since those who ask read. */
#include "script.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what came ---- */

static const char *find(const char *text, size_t size, const char *wanted) {
    return size > 0 ? memmem(text, size, wanted, strlen(wanted)) : NULL;
}

/* Bytes of the first request in what came, 0: more are needed. */
static size_t request_size(const struct script_connection *connection, bool early) {
    const char *head = find(connection->bytes, connection->size, "\r\n\r\n");
    if (head == NULL) {
        return 0;
    }
    size_t size = (size_t)(head - connection->bytes) + 4;
    const char *length = find(connection->bytes, size, "Content-Length: ");
    if (early) {
        return size;
    }
    if (length != NULL) {
        size += strtoul(length + strlen("Content-Length: "), NULL, 10);
        return size <= connection->size ? size : 0;
    }
    if (find(connection->bytes, size, "Transfer-Encoding: chunked") != NULL) {
        const char *end = find(connection->bytes + size - 2, connection->size - size + 2, "\r\n0\r\n\r\n");
        return end != NULL ? (size_t)(end - connection->bytes) + 7 : 0;
    }
    return size;
}

static const struct script_answer *answer_for(struct script *script, const struct script_connection *connection) {
    const char *target = find(connection->bytes, connection->size, " ");
    for (size_t i = 0; i < script->count && target != NULL; i++) {
        const struct script_answer *answer = &script->answers[i];
        if (strncmp(target + 1, answer->target, strlen(answer->target)) == 0 &&
            (answer->times == 0 || script->given[i] < answer->times)) {
            return answer;
        }
    }
    return NULL;
}

/* ---- what goes ---- */

static void hang_up(struct script_connection *connection, bool reset) {
    struct linger linger = {1, 0};
    if (reset) {
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(connection->fd);
    free(connection->bytes);
    *connection = (struct script_connection){.fd = -1};
}

static void say(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        text += sent;
        size -= (size_t)sent;
    }
}

static void give(struct script_connection *connection, const struct script_answer *answer) {
    char filler[1024];
    memset(filler, 'x', sizeof filler);
    connection->held = NULL;
    if (answer->text != NULL) {
        say(connection->fd, answer->text, strlen(answer->text));
    }
    for (size_t left = answer->filler; left > 0;) {
        size_t size = left < sizeof filler ? left : sizeof filler;
        say(connection->fd, filler, size);
        left -= size;
    }
    if (answer->tail != NULL) {
        say(connection->fd, answer->tail, strlen(answer->tail));
    }
    switch (answer->end) {
    case SCRIPT_KEEP: return;
    case SCRIPT_HALF: shutdown(connection->fd, SHUT_WR); break;
    case SCRIPT_HANG: break;
    default: hang_up(connection, answer->end == SCRIPT_RESET); return;
    }
    connection->silent = true;
}

/* ---- the thread ---- */

static void serve(struct script *script, struct script_connection *connection) {
    const struct script_answer *answer = answer_for(script, connection);
    size_t size = request_size(connection, answer != NULL && answer->early);
    if (size == 0 || connection->held != NULL) {
        return;
    }
    pthread_mutex_lock(&script->lock);
    script->requests++;
    script->last_size = size;
    memcpy(script->last, connection->bytes, size);
    bool released = script->released;
    pthread_mutex_unlock(&script->lock);
    connection->size -= size;
    memmove(connection->bytes, connection->bytes + size, connection->size);
    if (answer == NULL) {
        hang_up(connection, false);
        return;
    }
    script->given[answer - script->answers]++;
    if (answer->held && !released) {
        connection->held = answer;
    } else {
        give(connection, answer);
    }
}

static void hear(struct script *script, struct script_connection *connection) {
    ssize_t got = recv(connection->fd, connection->bytes + connection->size, SCRIPT_ROOM - connection->size, 0);
    if (got <= 0) {
        hang_up(connection, false);
        return;
    }
    if (!connection->silent) {
        connection->size += (size_t)got;
        serve(script, connection);
    }
}

static void meet(struct script *script) {
    int fd = accept(script->listener, NULL, NULL);
    for (size_t i = 0; i < SCRIPT_CONNECTIONS && fd >= 0; i++) {
        if (script->connection[i].fd < 0) {
            script->connection[i] = (struct script_connection){.fd = fd, .bytes = malloc(SCRIPT_ROOM)};
            pthread_mutex_lock(&script->lock);
            script->connections++;
            pthread_mutex_unlock(&script->lock);
            return;
        }
    }
    close(fd);
}

static bool woken(struct script *script) {
    char byte;
    bool read_one = read(script->wake[0], &byte, 1) == 1;
    pthread_mutex_lock(&script->lock);
    bool stopping = script->stopping || !read_one;
    pthread_mutex_unlock(&script->lock);
    for (size_t i = 0; i < SCRIPT_CONNECTIONS && !stopping; i++) {
        struct script_connection *connection = &script->connection[i];
        if (connection->fd >= 0 && connection->held != NULL) {
            give(connection, connection->held);
        }
    }
    return !stopping;
}

static void *run(void *user) {
    struct script *script = user;
    struct pollfd polled[SCRIPT_CONNECTIONS + 2];
    for (;;) {
        polled[SCRIPT_CONNECTIONS] = (struct pollfd){.fd = script->listener, .events = POLLIN};
        polled[SCRIPT_CONNECTIONS + 1] = (struct pollfd){.fd = script->wake[0], .events = POLLIN};
        for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++) {
            polled[i] = (struct pollfd){.fd = script->connection[i].fd, .events = POLLIN};
        }
        poll(polled, SCRIPT_CONNECTIONS + 2, -1);
        for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++) {
            if (polled[i].fd >= 0 && polled[i].revents != 0) {
                hear(script, &script->connection[i]);
            }
        }
        if (polled[SCRIPT_CONNECTIONS].revents != 0) {
            meet(script);
        }
        if (polled[SCRIPT_CONNECTIONS + 1].revents != 0 && !woken(script)) {
            return NULL;
        }
    }
}

/* ---- from the test's thread ---- */

void script_start(struct script *script, const struct script_answer *answers, size_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(script, 0, sizeof *script);
    script->answers = answers;
    script->count = count;
    for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++) {
        script->connection[i].fd = -1;
    }
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = bind(script->listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                listen(script->listener, SCRIPT_CONNECTIONS) == 0 &&
                getsockname(script->listener, (struct sockaddr *)&address, &size) == 0 && pipe(script->wake) == 0 &&
                pthread_mutex_init(&script->lock, NULL) == 0;
    snprintf(script->base, sizeof script->base, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    if (!good || pthread_create(&script->thread, NULL, run, script) != 0) {
        abort();
    }
}

static void wake(struct script *script, bool stopping) {
    pthread_mutex_lock(&script->lock);
    script->released = true;
    script->stopping = stopping;
    pthread_mutex_unlock(&script->lock);
    if (write(script->wake[1], "", 1) != 1) {
        abort();
    }
}

void script_release(struct script *script) { wake(script, false); }

void script_stop(struct script *script) {
    wake(script, true);
    pthread_join(script->thread, NULL);
    for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++) {
        if (script->connection[i].fd >= 0) {
            hang_up(&script->connection[i], false);
        }
    }
    close(script->listener);
    close(script->wake[0]);
    close(script->wake[1]);
    pthread_mutex_destroy(&script->lock);
}

size_t script_requests(struct script *script) {
    pthread_mutex_lock(&script->lock);
    size_t requests = script->requests;
    pthread_mutex_unlock(&script->lock);
    return requests;
}

size_t script_connections(struct script *script) {
    pthread_mutex_lock(&script->lock);
    size_t connections = script->connections;
    pthread_mutex_unlock(&script->lock);
    return connections;
}

bool script_heard(struct script *script, const char *text) {
    pthread_mutex_lock(&script->lock);
    bool heard = find(script->last, script->last_size, text) != NULL;
    pthread_mutex_unlock(&script->lock);
    return heard;
}
