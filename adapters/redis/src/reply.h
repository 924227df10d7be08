/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What replies mean: pure functions from what a server said to an answer, total over everything that it could say.
 */
#ifndef LW_REDIS_REPLY_H
#define LW_REDIS_REPLY_H

#include <hiredis/hiredis.h>
#include <loadwise/store.h>
#include <stdbool.h>

enum lw__redis_kind {
    LW__REDIS_DONE,       /* no error: to be read */
    LW__REDIS_REFUSED,    /* `error` says why; asking again will not help */
    LW__REDIS_LATER,      /* not carried out: the server cannot now, and will */
    LW__REDIS_NO_SCRIPT,  /* not carried out: it has not the script of this SHA-1 */
    LW__REDIS_MOVED,      /* not carried out: another server has the slot */
    LW__REDIS_ASK,        /* not carried out: another server has this key already */
    LW__REDIS_ONLY_READS, /* not carried out: a replica */
    LW__REDIS_TURNED_OFF, /* not carried out: the server takes no more connections, and closes this one */
};

struct lw__redis_verdict {
    enum lw__redis_kind kind;
    int error;
    uint32_t slot, port; /* of MOVED and ASK */
    char host[256];      /* of MOVED and ASK; "": the host that said so */
};

struct lw__redis_verdict lw__redis_judge(const redisReply *reply);

/* Writes what was answered to the step: its answer, out, sum, posting. False when it is no answer to such a step; then
   the answer of the step is LW_CORRUPT. The reply is no error. */
bool lw__redis_read(const redisReply *reply, lw_store_step *step);

/* One range of a slot map. */
struct lw__redis_range {
    uint32_t first, last;
    uint32_t port;
    const char *host;   /* of the master; "": the host that was asked */
    const char *number; /* its address where host is a name, or NULL */
};

/* Range number `index` of an answer to CLUSTER SLOTS; false when it is none. */
bool lw__redis_read_range(const redisReply *reply, size_t index, struct lw__redis_range *range);

/* An answer to SCAN: the next cursor, and the array of keys. NULL when it is none. */
const redisReply *lw__redis_read_scan(const redisReply *reply, uint64_t *cursor);

#endif
