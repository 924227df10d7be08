/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of the store in Redis share: a store on a server of the rig, and chance that is the same in each run.
 */
#ifndef LOADWISE_TESTS_REDIS_SITE_H
#define LOADWISE_TESTS_REDIS_SITE_H

#include "rig/server.h"

#include <loadwise/redis.h>
#include <loadwise/store.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define SITE_MS UINT64_C(1000000)
#define SITE_SECOND UINT64_C(1000000000)
#define SITE_LONG (60 * SITE_SECOND)                   /* nothing takes so long, however busy the machine */
#define SITE_BORN (UINT64_C(1700000000) * SITE_SECOND) /* a day in 2023, where callers' clocks begin */

/* A store on that port. Deadlines in ms are those of calls without their own. */
static inline lw_store *site_store_at(uint32_t port, uint64_t timeout_ms) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_store *store = NULL;
    options.port = port;
    options.timeout = timeout_ms * SITE_MS;
    options.connect_timeout = timeout_ms * SITE_MS;
    options.backoff = SITE_MS; /* a server that is back is found soon */
    options.max_backoff = 20 * SITE_MS;
    assert_int_equal(lw_store_redis_new(&store, NULL, &options), LW_OK);
    return store;
}

/* Patient, for tests in which nothing is meant to fail. */
static inline lw_store *site_store(const struct server *server) { return site_store_at(server->port, 60000); }

static inline lw_redis_stats site_stats(const lw_store *store) {
    lw_redis_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_store_redis_stats(store, &stats), LW_OK);
    return stats;
}

static inline uint64_t site_random(uint64_t *chance) {
    uint64_t x = *chance += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t site_below(uint64_t *chance, uint64_t bound) { return site_random(chance) % bound; }

#endif
