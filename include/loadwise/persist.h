/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Persist: what the trackers know, saved to a store and read back, by the next process or another one.
 *
 *     lw_persist where = LW_PERSIST_INIT;
 *     where.store = store;
 *     where.prefix = "gateway/";
 *     where.now = monotonic;               // of the trackers' clock
 *     where.wall = unix_time;              // so that the time between saving and restoring counts
 *     lw_persist_save_health(&where, health);
 *
 * One record per node, under prefix + "health/", "latency/" or "quota/" + the id in hexadecimal. A record is versioned,
 * the same on every byte order, and ends with a checksum (docs/api/persist.md has its layout). Times are stored as
 * ages; what is older than the clock of the reading process counts as of its first ns. A record that is damaged, of a
 * newer version, under another's key, or that the tracker does not take is refused: it changes nothing, the hook is
 * told why, and the others go on.
 *
 * Threads: any; the trackers may be in use. Saving is not a picture of one moment: each node is saved as it is when its
 * turn comes. These calls do the store's I/O; nothing on a pick path calls them.
 */
#ifndef LOADWISE_PERSIST_H
#define LOADWISE_PERSIST_H

#include <loadwise/health.h>
#include <loadwise/latency.h>
#include <loadwise/quota.h>
#include <loadwise/store.h>

LW_BEGIN

typedef struct lw_persist {
    size_t size;        /* sizeof(lw_persist), so that the struct can grow */
    lw_store *store;    /* borrowed */
    const char *prefix; /* of the keys, at most 200 bytes; NULL: none */
    const lw_env *env;  /* memory and log; NULL: the defaults */

    uint64_t now;      /* monotonic ns, by the clock of the tracker */
    uint64_t wall;     /* ns since 1970; 0: unknown, then no time has passed between saving and restoring */
    uint64_t ttl;      /* ns that saved records live; 0: for ever */
    uint64_t deadline; /* for each call of the store; 0: its own default */

    /* Told of each record that was refused: LW_CORRUPT (damaged, newer, not of this key), LW_UNKNOWN (a node or
       dimension that the quotas do not have), or what else the tracker answered. Or NULL. */
    void (*refused)(void *user, const char *key, int why);
    void *user;
} lw_persist;

#define LW_PERSIST_INIT                                                                                                \
    { sizeof(lw_persist), NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL }

/*
 * Save all that the tracker knows. Return how many records were written. A node that is forgotten keeps its record
 * until the ttl. Errors: LW_INVALID (no store, size), LW_RANGE (prefix), LW_NOMEM, and those of the store's put, at
 * which saving stops.
 */
LW_API int lw_persist_save_health(const lw_persist *where, lw_health *health);
LW_API int lw_persist_save_latency(const lw_persist *where, lw_latency *latency);
LW_API int lw_persist_save_quota(const lw_persist *where, lw_quota *quota);

/*
 * Read records back into the tracker, over what it knows of those nodes. Return how many were taken. Quotas: the nodes
 * must be registered, with their limits; what was used is added, what was in flight is not restored, and a restored
 * tracker should be fresh, or uses count twice. Errors: LW_INVALID, LW_RANGE, LW_NOMEM, and those of the store's list.
 */
LW_API int lw_persist_load_health(const lw_persist *where, lw_health *health);
LW_API int lw_persist_load_latency(const lw_persist *where, lw_latency *latency);
LW_API int lw_persist_load_quota(const lw_persist *where, lw_quota *quota);

LW_END

#endif
