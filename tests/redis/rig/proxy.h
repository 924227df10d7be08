/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A proxy between a client and a server on loopback, that does to the replies what the test says. Requests always go
 * through, so the server has done what the client may never hear of.
 */
#ifndef LOADWISE_TESTS_RIG_PROXY_H
#define LOADWISE_TESTS_RIG_PROXY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum proxy_mood {
    PROXY_PASS = 0,
    PROXY_CUT = 1,   /* `amount` bytes of replies go through, then the connection ends */
    PROXY_LIE = 2,   /* `lie` goes in place of each piece of a reply */
    PROXY_HOLD = 3,  /* replies wait for the next mood that lets them go */
    PROXY_DRIP = 4,  /* each byte goes alone */
    PROXY_CLOSE = 5, /* connections end as they come */
};

enum { PROXY_LINKS = 64, PROXY_HELD = 65536 };

struct proxy_link {
    int client, server; /* -1: not in use */
    size_t held, passed;
    char bytes[PROXY_HELD];
};

struct proxy {
    uint32_t port, target;
    int door, bell[2];
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    uint32_t mood;        /* enum proxy_mood */
    size_t amount;
    const char *lie;
    size_t lie_size;
    uint32_t done; /* times that it did not just let pass */
    uint32_t stop;
    struct proxy_link links[PROXY_LINKS];
};

/* Begins to listen, in the mood PROXY_PASS. The struct is large: not for the stack. */
void proxy_start(struct proxy *proxy, uint32_t target);
void proxy_stop(struct proxy *proxy);

/* From now on. amount is for PROXY_CUT. */
void proxy_set(struct proxy *proxy, uint32_t mood, size_t amount);

/* PROXY_LIE with these bytes, which are borrowed. */
void proxy_lie(struct proxy *proxy, const char *lie, size_t size);

/* How often it has done since the last call what the mood says. */
uint32_t proxy_done(struct proxy *proxy);

#endif
