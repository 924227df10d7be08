/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the caller wants of syncs, over the defaults, and checked against the dimensions that are shared. */
#include "pool/sync.h"

#include "base/entropy.h"
#include "pool/options.h"
#include <string.h>

#define SYNC_SECOND UINT64_C(1000000000)
#define SYNC_HOUR (UINT64_C(3600) * SYNC_SECOND)

enum { PREFIX_MOST = 100, STEM = 18, SUFFIX = 8 /* of "{0123456789abcdef}" and "/answers" */ };

static const char *sync_prefix(const struct lw__sync *sync) {
    return sync->options.prefix != NULL ? sync->options.prefix : "loadwise/";
}

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

/* Printable ASCII without `without`, at most so long. */
static bool sync_is_name(const char *text, size_t most, const char *without) {
    size_t size = strnlen(text, most + 1);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] > '~' || strchr(without, text[i]) != NULL) {
            return false;
        }
    }
    return size <= most;
}

void lw__sync_draw_name(struct lw__sync *sync) {
    uint64_t chance = lw__entropy();
    for (uint32_t i = 0; i < 16; i++) {
        sync->instance[i] = "0123456789abcdef"[chance >> 4 * i & 15];
    }
    sync->drawn = true;
}

static int sync_names(lw_pool *pool) {
    struct lw__sync *sync = pool->sync;
    const char *prefix = sync_prefix(sync), *instance = sync->options.instance;
    sync->options.prefix = NULL; /* not ours to free yet */
    if (!sync_is_name(prefix, PREFIX_MOST, "{}")) {
        return lw__fail(&pool->env, LW_INVALID, "sync: prefix: at most %d printable bytes, no { or }", PREFIX_MOST);
    }
    if (instance != NULL && (instance[0] == 0 || !sync_is_name(instance, LW__SYNC_NAME, ""))) {
        return lw__fail(&pool->env, LW_INVALID, "sync: instance: 1 to %d printable bytes", LW__SYNC_NAME);
    }
    if (instance != NULL) {
        memcpy(sync->instance, instance, strlen(instance) + 1);
    } else {
        lw__sync_draw_name(sync);
    }
    size_t size = strlen(prefix);
    char *texts = lw__alloc(&pool->env, 2 * size + 1 + sizeof "fleet");
    if (texts == NULL) {
        return LW_NOMEM;
    }
    memcpy(texts, prefix, size + 1);
    sync->options.prefix = texts;
    sync->meeting = texts + size + 1;
    memcpy(sync->meeting, prefix, size);
    memcpy(sync->meeting + size, "fleet", sizeof "fleet");
    sync->key_size = size + STEM + SUFFIX + 1;
    return LW_OK;
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
    if (error != LW_OK) {
        return error;
    }
    sync->options = options;
    sync->heard_at = lw__now(&pool->env);
    sync->shared = (uint32_t)__builtin_popcount(pool->rules.quota.shared);
    return sync_names(pool);
}

void lw__sync_close(lw_pool *pool) {
    if (pool->sync != NULL) {
        lw__sync_release(pool);
        lw__release(&pool->env, (char *)pool->sync->options.prefix);
        lw__release(&pool->env, pool->sync);
    }
}
