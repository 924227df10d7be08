/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A small event loop for server.c: sockets on the loopback that say and hear one short line each, and timers. It knows
 * nothing of pools. Its time is that of the system or, simulated, stands still while any socket has something to say
 * and then jumps to the next timer.
 */
#ifndef EXAMPLES_LOOP_H
#define EXAMPLES_LOOP_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define NEVER UINT64_MAX
enum { MOST_LINKS = 128, LINE = 96 };

struct link {
    void (*ready)(struct link *link); /* the socket has something to say; NULL: this link is free */
    void (*late)(struct link *link);  /* the time is `due` */
    void *data;
    uint64_t due;   /* NEVER: no timer */
    uint64_t born;  /* the turn in which it was opened; it acts from the next one on */
    int fd, writes; /* writes: waits until it can be written, which is when it has connected */
    size_t length;
    char line[LINE];
};

static struct {
    uint64_t clock, turns;
    int simulated;
    struct link links[MOST_LINKS];
    struct pollfd polled[MOST_LINKS];
} loop;

static void require(int good, const char *what) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

/* Monotonic ns, in the form of lw_env.now. */
static uint64_t loop_clock(void *user) {
    struct timespec time;
    (void)user;
    if (!loop.simulated) {
        clock_gettime(CLOCK_MONOTONIC, &time);
        loop.clock = (uint64_t)time.tv_sec * 1000 * MS + (uint64_t)time.tv_nsec;
    }
    return loop.clock;
}

/* NULL when there is no socket or no room. */
static struct link *link_open(int fd, void (*ready)(struct link *), void (*late)(struct link *), void *data) {
    for (struct link *link = loop.links; fd >= 0 && link < loop.links + MOST_LINKS; link++) {
        if (link->ready == NULL) {
            require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
            *link = (struct link){ready, late, data, NEVER, loop.turns, fd, 0, 0, ""};
            return link;
        }
    }
    (void)(fd >= 0 && close(fd));
    return NULL;
}

static void link_close(struct link *link) {
    close(link->fd);
    link->ready = NULL;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

/* Answers the port, which the system chooses for port 0. */
static int link_listen(int port, void (*ready)(struct link *), void *data) {
    struct sockaddr_in at = loopback(port);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    require(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, MOST_LINKS) == 0, "listen");
    require(getsockname(fd, (struct sockaddr *)&at, &size) == 0, "getsockname");
    require(link_open(fd, ready, NULL, data) != NULL, "link_open");
    return ntohs(at.sin_port);
}

/* Begins to connect. */
static struct link *link_connect(int port, void (*ready)(struct link *), void (*late)(struct link *), void *data) {
    struct sockaddr_in at = loopback(port);
    struct link *link = link_open(socket(AF_INET, SOCK_STREAM, 0), ready, late, data);
    if (link != NULL) {
        link->writes = 1;
        (void)connect(link->fd, (struct sockaddr *)&at, sizeof at);
    }
    return link;
}

static int link_connected(const struct link *link) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* The line is short and the socket fresh, so it goes out at once or not at all. */
static void link_say(struct link *link, const char *who, const char *what) {
    char text[2 * LINE];
    int length = snprintf(text, sizeof text, "%s%s%s\n", who, *who != '\0' ? ": " : "", what);
    (void)send(link->fd, text, (size_t)length, MSG_NOSIGNAL);
    link->writes = 0;
}

/* 1 when the line is complete, 0 when there is more to come, -1 when nothing more comes. */
static int link_hear(struct link *link) {
    ssize_t got = recv(link->fd, link->line + link->length, sizeof link->line - link->length - 1, 0);
    if (got <= 0) {
        return -1;
    }
    link->length += (size_t)got;
    link->line[link->length] = '\0';
    char *end = strpbrk(link->line, "\r\n");
    if (end != NULL) {
        *end = '\0';
    }
    return end != NULL;
}

/* Waits until a socket or a timer, or `due`, has something to say. */
static void loop_wait(uint64_t due) {
    uint64_t now = loop_clock(NULL);
    for (size_t i = 0; i < MOST_LINKS; i++) {
        const struct link *link = &loop.links[i];
        loop.polled[i].fd = link->ready != NULL ? link->fd : -1;
        loop.polled[i].events = link->writes ? POLLOUT : POLLIN;
        due = link->ready != NULL && link->due < due ? link->due : due;
    }
    int wait = due == NEVER ? -1 : due > now ? (int)((due - now) / MS) + 1 : 0;
    int ready = poll(loop.polled, MOST_LINKS, loop.simulated ? 0 : wait);
    if (loop.simulated && ready == 0 && due > now && due != NEVER) {
        loop.clock = due;
    }
}

/* Lets each link act that has reason to. Answers the time of this turn. */
static uint64_t loop_turn(uint64_t due) {
    loop_wait(due);
    uint64_t now = loop_clock(NULL);
    loop.turns++;
    for (size_t i = 0; i < MOST_LINKS; i++) {
        struct link *link = &loop.links[i];
        if (link->ready != NULL && link->born < loop.turns && loop.polled[i].revents != 0) {
            link->ready(link);
        }
        if (link->ready != NULL && link->due <= now) {
            link->due = NEVER;
            link->late(link);
        }
    }
    return now;
}

static void loop_close(void) {
    for (struct link *link = loop.links; link < loop.links + MOST_LINKS; link++) {
        if (link->ready != NULL) {
            link_close(link);
        }
    }
}

#endif
