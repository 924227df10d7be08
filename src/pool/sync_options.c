/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the caller wants of syncs, over the defaults, and checked against the dimensions that are shared. */
#include "pool/sync.h"

#include "pool/options.h"
#include <string.h>

#define SYNC_SECOND UINT64_C(1000000000)
#define SYNC_HOUR (UINT64_C(3600) * SYNC_SECOND)

enum { STEM = 18, SUFFIX = 8 /* of "{0123456789abcdef}" and "/answers" */ };

/* A tenth of the shortest window that is shared. */
static uint64_t longest_lease(const lw_pool *pool) {
    uint64_t most = SYNC_HOUR;
    for (uint32_t left = pool->rules.quota.shared; left != 0;) {
        uint64_t tenth = pool->rules.quota.dimension[lw__quota_next(&left)].window / 10;
        most = tenth < most ? tenth : most;
    }
    return most;
}

static void sync_defaults(const lw_pool *pool, lw_sync_options *options) {
    uint64_t longest = longest_lease(pool);
    options->share =
        options->share != 0 ? options->share : LW_SHARE_HEALTH | LW_SHARE_LATENCY | LW_SHARE_LOAD | LW_SHARE_QUOTA;
    options->instances = options->instances != 0 ? options->instances : pool->rules.options.instances;
    options->interval = options->interval != 0 ? options->interval : SYNC_SECOND;
    options->window = options->window != 0 ? options->window : 10 * SYNC_SECOND;
    options->failure_percent = options->failure_percent != 0 ? options->failure_percent : 50;
    options->failure_volume = options->failure_volume != 0 ? options->failure_volume : 20;
    options->lease_percent = options->lease_percent != 0 ? options->lease_percent : 25;
    options->stale = options->stale != 0 ? options->stale : 10 * SYNC_SECOND;
    if (options->ejection == 0) {
        options->ejection = options->window > 30 * SYNC_SECOND ? options->window : 30 * SYNC_SECOND;
    }
    if (options->lease == 0) {
        options->lease = 3 * options->interval < longest ? 3 * options->interval : longest;
    }
}

static int sync_check(const lw_pool *pool, const lw_sync_options *options) {
    uint64_t longest = longest_lease(pool);
    bool leases = pool->rules.quota.shared != 0;
    const struct lw__bound bounds[] = {
        {"share", options->share, 1, LW_SHARE_HEALTH | LW_SHARE_LATENCY | LW_SHARE_LOAD | LW_SHARE_QUOTA},
        {"instances", options->instances, 1, 1 << 20},
        {"interval", options->interval, 1000000, SYNC_HOUR},
        {"window", options->window, 1000000, 24 * SYNC_HOUR},
        {"failure_percent", options->failure_percent, 1, 100},
        {"failure_volume", options->failure_volume, 1, UINT32_MAX},
        {"ejection", options->ejection, options->window, 7 * 24 * SYNC_HOUR},
        {"lease", options->lease, leases ? options->interval + 1 : 0, leases ? longest : UINT64_MAX},
        {"lease_percent", options->lease_percent, 1, 100},
        {"outage", options->outage, LW_OUTAGE_LOCAL_SHARE, LW_OUTAGE_STALE},
        {"stale", options->stale, 1, UINT64_C(1) << 62},
    };
    if (leases && (options->share & LW_SHARE_QUOTA) == 0) {
        return lw__fail(&pool->env, LW_INVALID, "sync: a dimension is shared, but share=%u has no LW_SHARE_QUOTA",
                        options->share);
    }
    return lw__bounds_check(&pool->env, "sync", bounds, sizeof bounds / sizeof *bounds);
}

int lw__sync_open(lw_pool *pool) {
    const lw_sync_options *given = pool->rules.options.sync;
    if (given == NULL) {
        return LW_OK;
    }
    struct lw__sync *sync = pool->sync = lw__alloc(&pool->env, sizeof *sync);
    if (sync == NULL) {
        return LW_NOMEM;
    }
    lw_sync_options options = LW_SYNC_OPTIONS_INIT;
    int error = lw__struct_take(&pool->env, "sync", &options, sizeof options, given);
    if (error != LW_OK) {
        return error;
    }
    sync_defaults(pool, &options);
    error = sync_check(pool, &options);
    if (error == LW_OK) {
        error = lw__fleet_names_take(&sync->names, &pool->env, "sync", options.prefix, options.instance);
    }
    if (error != LW_OK) {
        return error;
    }
    sync->options = options;
    sync->shared = (uint32_t)__builtin_popcount(pool->rules.quota.shared);
    sync->options.prefix = sync->options.instance = NULL;
    sync->key_size = strlen(sync->names.prefix) + STEM + SUFFIX + 1;
    return LW_OK;
}

void lw__sync_close(lw_pool *pool) {
    if (pool->sync != NULL) {
        lw__sync_release(pool);
        lw__release(&pool->env, pool->sync);
    }
}
