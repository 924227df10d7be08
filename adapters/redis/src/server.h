/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A server and the connections to it, shared by all threads.
 *
 * A call borrows a connection and gives it back; when all are lent out it stands in line, and nobody comes before it.
 * The latest to come back is the first to be lent, so that as few stay warm as are needed. A server that could not be
 * reached is left alone for a while, drawn evenly between 0 and a bound that doubles with each failure (full jitter:
 * many who lost a server at one time come back spread out); meanwhile nobody waits.
 *
 * Source of the back-off: Brooker, Exponential Backoff and Jitter, 2015.
 */
#ifndef LW_REDIS_SERVER_H
#define LW_REDIS_SERVER_H

#include "connection.h"

#include <pthread.h>

/* Atomic counters; see lw_redis_stats. */
struct lw__redis_counts {
#define LW__REDIS_COUNT(member, meaning) uint64_t member;
    LW_REDIS_STATS_LIST(LW__REDIS_COUNT)
#undef LW__REDIS_COUNT
};

static inline void lw__redis_count(uint64_t *count, uint64_t more) {
    __atomic_fetch_add(count, more, __ATOMIC_RELAXED);
}

/* What all servers of a store share. */
struct lw__redis_common {
    lw_env env;
    struct lw__redis_config config;
    struct lw__redis_command greeting[2]; /* AUTH and SELECT, as far as they are needed */
    uint32_t greetings;
    struct lw__redis_counts counts;
};

struct lw__redis_server {
    struct lw__redis_common *common;
    uint32_t holders; /* of the pointer; the map's lock is over it */
    pthread_mutex_t lock;
    struct waiter *waiting;                                /* who stands in line, the first first */
    struct lw__redis_address address[LW__REDIS_ADDRESSES]; /* all of one server */
    uint32_t addresses;
    uint32_t good; /* the address that worked */
    struct lw__redis_connection *idle;
    uint32_t lent;     /* connections lent out */
    uint32_t idles;    /* idle ones */
    uint32_t greeted;  /* of both together, those that are connected */
    uint32_t failures; /* in a row */
    uint64_t draws;    /* of the jitter */
    uint64_t again_at; /* when it may be tried again */
    bool suspect;      /* it let a call wait in vain; atomic */
};

struct lw__redis_server *lw__redis_server_new(struct lw__redis_common *common, const struct lw__redis_address *address,
                                              uint32_t count);
void lw__redis_server_free(struct lw__redis_server *server);

/* In a child, before anything else: connections and locks of the parent are not its own. */
void lw__redis_server_after_fork(struct lw__redis_server *server);

/* Other addresses; connections stay. */
void lw__redis_server_move(struct lw__redis_server *server, const struct lw__redis_address *address, uint32_t count);

/* A connection, greeted or to be dialled. LW_UNAVAILABLE: not by the deadline, or not now; LW_NOMEM. */
int lw__redis_server_borrow(struct lw__redis_server *server, uint64_t deadline, struct lw__redis_connection **out);

/* Gives one back: a sound one, which has answered all that it was asked, or one that is to be closed. */
void lw__redis_server_give_back(struct lw__redis_server *server, struct lw__redis_connection *connection, bool sound);

/* A connection was made, to that address. */
void lw__redis_server_greeted(struct lw__redis_server *server, struct lw__redis_connection *connection, uint32_t good);

/* It could not be reached, or ended a connection without ever having answered on it. */
void lw__redis_server_failed(struct lw__redis_server *server);

#endif
