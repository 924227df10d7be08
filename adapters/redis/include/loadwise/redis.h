/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A store in Redis, or in a Redis Cluster: store.h for many processes. In libloadwise-redis.
 *
 *     lw_store *store;
 *     lw_redis_options options = LW_REDIS_OPTIONS_INIT;
 *     options.url = "redis://127.0.0.1:6379/0";              // or host and port, or a Unix socket
 *     lw_store_redis_new(&store, NULL, &options);
 *     ... everything that takes a store ...
 *     lw_store_free(store);
 *
 * Connections are made when they are first needed, kept, and shared by all threads; a call that finds none free waits
 * for one, within its deadline. No call outlives its deadline: then it is LW_UNAVAILABLE, and its connection is closed.
 * A server that went away is tried again after `backoff`, doubled each time up to max_backoff, with full jitter; calls
 * meanwhile are LW_UNAVAILABLE at once. (guard.h gives whole calls such a breaker.)
 *
 * Retries: a call that Redis cannot have carried out (no connection, nothing sent, MOVED, ASK, TRYAGAIN, LOADING,
 * NOSCRIPT) is tried again until its deadline. One that was sent and not answered is tried again, at most `retries`
 * times, where to do it twice is to do it once: get, put, list. The others are LW_UNAVAILABLE: nothing is known.
 *
 * Names are resolved by lw_store_redis_new and lw_store_redis_resolve alone, since to resolve may wait for ever. Other
 * answers: LW_DENIED (wrong password, no permission, a server that only reads and knows no other), LW_FULL (maxmemory),
 * LW_CORRUPT (an answer that is not Redis'; the connection is closed).
 *
 * Threads: any, as for every store. After a fork the child opens connections of its own. Deadlines are by env->now,
 * which must be CLOCK_MONOTONIC or run at its pace. Memory of replies is hiredis', by malloc.
 */
#ifndef LOADWISE_REDIS_H
#define LOADWISE_REDIS_H

#include <loadwise/store.h>

LW_BEGIN

/* A member left 0 means its default. */
typedef struct lw_redis_options {
    size_t size; /* sizeof(lw_redis_options), so that the struct can grow */

    /* Where: "redis://[user[:password]@]host[:port][/database]", "unix://[user[:password]@]path[?db=database]", or
       "redis-cluster://host:port[,host:port...]"; parts may be %-encoded. Or the members below, which win where set. */
    const char *url;
    const char *host; /* a name or a number; default "127.0.0.1" */
    const char *path; /* of a Unix socket */
    const char *user; /* needs a password */
    const char *password;
    uint32_t port;     /* default 6379 */
    uint32_t database; /* default 0; a cluster has no other */
    uint32_t cluster;  /* not 0: the servers of a cluster, of which one that answers is enough to find all */

    const char *prefix; /* of all keys; at most 100 bytes, no '{' or '}'; default "lw:". docs/redis.md has the layout */

    uint64_t connect_timeout; /* ns; default 500 ms */
    uint64_t timeout;         /* ns for a call without a deadline; default 500 ms */
    uint32_t connections;     /* most per server; 1 to 1024; default 8 */
    uint32_t retries;         /* 1 to 16; default 1. Above 16: none */
    uint64_t backoff;         /* ns; default 50 ms */
    uint64_t max_backoff;     /* ns, at least backoff; default 5 s */
} lw_redis_options;

#define LW_REDIS_OPTIONS_INIT                                                                                          \
    { sizeof(lw_redis_options), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0 }

/*
 * Makes a store, to be freed with lw_store_free. Resolves names, connects to nothing. env and options are copied; either
 * may be NULL. Errors: LW_INVALID and LW_RANGE (the log names the option, its value and what is allowed), LW_SYNTAX
 * (url), LW_UNAVAILABLE (a name that cannot be resolved), LW_NOMEM.
 */
LW_API int lw_store_redis_new(lw_store **out, const lw_env *env, const lw_redis_options *options);

/* Resolves the names of the options again; for hosts whose servers move. May wait as long as the resolver does. Errors:
   LW_INVALID (not a Redis store), LW_UNAVAILABLE, LW_NOMEM: the addresses are then as before. */
LW_API int lw_store_redis_resolve(lw_store *store);

/* X(member, meaning): what has happened since the store was made. */
#define LW_REDIS_STATS_LIST(X)                                                                                         \
    X(calls, "calls of the store, a batch being one")                                                                  \
    X(commands, "commands sent")                                                                                       \
    X(connects, "connections made")                                                                                    \
    X(failed_connects, "attempts that made none")                                                                      \
    X(broken, "connections that ended in the middle of something")                                                     \
    X(timeouts, "calls past their deadline")                                                                           \
    X(retries, "commands sent again")                                                                                  \
    X(moved, "times that a cluster said MOVED")                                                                        \
    X(asked, "times that a cluster said ASK")                                                                          \
    X(maps, "slot maps read")                                                                                          \
    X(scripts, "scripts that the server had not yet")

typedef struct lw_redis_stats {
    size_t size; /* sizeof(lw_redis_stats), so that the struct can grow; set by the caller */
#define LW_REDIS_STATS_MEMBER(member, meaning) uint64_t member;
    LW_REDIS_STATS_LIST(LW_REDIS_STATS_MEMBER)
#undef LW_REDIS_STATS_MEMBER
} lw_redis_stats;

/* Errors: LW_INVALID (not a Redis store, size). */
LW_API int lw_store_redis_stats(const lw_store *store, lw_redis_stats *stats);

LW_END

#endif
