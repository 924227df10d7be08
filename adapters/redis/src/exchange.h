/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An exchange: commands for several servers at one time. All are written to before any is waited for, and whatever is
 * to be done first (to connect, to say who we are) happens for all at one time as well.
 *
 *     dialling -> greeting -> working
 */
#ifndef LW_REDIS_EXCHANGE_H
#define LW_REDIS_EXCHANGE_H

#include "server.h"

enum lw__redis_phase { LW__REDIS_DIALLING, LW__REDIS_GREETING, LW__REDIS_WORKING };

/* One server's part of it. */
struct lw__redis_leg {
    struct lw__redis_server *server; /* held by the caller */
    struct lw__redis_queue queue;
    int error; /* written. 0: all was answered. Else why not, LW_UNAVAILABLE above all */
    bool away; /* written: the server was not reached at all, so nothing was sent */

    struct lw__redis_connection *connection; /* while the leg is under way */
    struct lw__redis_queue greeting;
    struct lw__redis_command greetings[2];
    enum lw__redis_phase phase;
    uint32_t dialled;     /* how many addresses */
    uint32_t address;     /* the last of them */
    uint64_t dial_until;  /* when this address is given up, */
    uint64_t greet_until; /* and when the server is */
};

/* Carries commands to the servers and replies back, until all is answered, has failed, or the deadline has come. Legs
   are in the order of their servers, so that those who wait for connections never wait for each other. True when the
   deadline has come. */
bool lw__redis_exchange(struct lw__redis_common *common, struct lw__redis_leg *legs, size_t count, uint64_t deadline);

/* Waits so long, or until the deadline. */
void lw__redis_wait(const lw_env *env, uint64_t span, uint64_t deadline);

#endif
