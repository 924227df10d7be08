/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A call: commands that are to be carried out by a deadline, wherever they belong, with what may have to be done again.
 *
 * Turn by turn: each command that waits goes to the server of its slot, all servers at one time; then it is judged.
 *
 *     answered                       it has its reply
 *     not carried out                it waits for the next turn: nothing sent, MOVED, ASK, LOADING, NOSCRIPT, ...
 *     sent and not answered          where to do it twice is to do it once it waits again, at most `retries` times;
 *                                    else it has failed, LW_UNAVAILABLE
 *
 * Commands with one key stay in order: one that waits again though a later one with its key may have been carried out
 * has failed instead.
 */
#ifndef LW_REDIS_CALL_H
#define LW_REDIS_CALL_H

#include "map.h"

/* A store in Redis. */
struct lw__redis {
    lw_store store;
    struct lw__redis_common common;
    struct lw__redis_map map;
    pthread_mutex_t fork_lock;
    int32_t process; /* whose it is; atomic */
};

/* Every command ends as LW__REDIS_ANSWERED with a reply that is no error, or as LW__REDIS_FAILED with one. */
void lw__redis_carry_out(struct lw__redis *redis, struct lw__redis_command *commands, size_t count, uint64_t deadline);

/* Begins a call: puts the default for a deadline of 0. False when the deadline has passed. */
bool lw__redis_begin(struct lw__redis *redis, uint64_t *deadline);

#endif
