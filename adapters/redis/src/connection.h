/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection: a socket that never blocks, and hiredis' reader. Whoever has borrowed it from its server is its only
 * user. Nothing here waits.
 */
#ifndef LW_REDIS_CONNECTION_H
#define LW_REDIS_CONNECTION_H

#include "address.h"
#include "command.h"

struct lw__redis_connection {
    int socket;
    bool greeted; /* connected, and the server knows who we are */
    bool proven;  /* it has answered a command */
    redisReader *reader;
    redisReplyObjectFunctions *hiredis, functions; /* how it makes replies, and how it does here */
    bool absurd;                                   /* a reply has announced more than we ever ask for */
    struct lw__redis_connection *next;             /* while it is idle */
};

/* Zero, without a socket; NULL when out of memory. */
struct lw__redis_connection *lw__redis_connection_new(const lw_env *env);
void lw__redis_connection_free(struct lw__redis_connection *connection, const lw_env *env);

/* Begins to connect, in place of what it was connected to: 0, or errno. Poll for writing, then ask for the outcome. */
int lw__redis_connection_dial(struct lw__redis_connection *connection, const struct lw__redis_address *address);
int lw__redis_connection_outcome(const struct lw__redis_connection *connection);

/* Is it as it was left: open, and silent? */
bool lw__redis_connection_is_quiet(const struct lw__redis_connection *connection);

/* Commands on their way through a connection, in a row. */
struct lw__redis_queue {
    struct lw__redis_command *unsent;     /* the first not sent as a whole */
    size_t sent;                          /* bytes of it, ASKING included */
    struct lw__redis_command *unanswered; /* the first not answered */
    struct lw__redis_command *last;
    bool allowed; /* ASKING of the first not answered has been answered */
};

void lw__redis_queue_add(struct lw__redis_queue *queue, struct lw__redis_command *command);

/* Sends what goes at once, and takes in what has come. 0: fine so far; LW_UNAVAILABLE (it has ended), LW_CORRUPT (not
   Redis' protocol) or LW_NOMEM. Adds those sent as a whole to *commands. */
int lw__redis_connection_send(struct lw__redis_connection *connection, struct lw__redis_queue *queue,
                              uint64_t *commands);
int lw__redis_connection_receive(struct lw__redis_connection *connection, struct lw__redis_queue *queue);

#endif
