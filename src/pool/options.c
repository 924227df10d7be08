/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the caller wants of a pool, over the defaults, and checked. */
#include "pool/options.h"

#include <string.h>

#define POOL_SECOND UINT64_C(1000000000)

int lw__bounds_check(const lw_env *env, const char *what, const struct lw__bound *bounds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bounds[i].value < bounds[i].least || bounds[i].value > bounds[i].most) {
            return lw__fail(env, LW_RANGE, "%s: %s=%llu must be from %llu to %llu", what, bounds[i].name,
                            (unsigned long long)bounds[i].value, (unsigned long long)bounds[i].least,
                            (unsigned long long)bounds[i].most);
        }
    }
    return LW_OK;
}

int lw__struct_take(const lw_env *env, const char *what, void *to, size_t room, const void *from) {
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size) {
        return lw__fail(env, LW_INVALID, "%s: size=%zu, is it initialised?", what, size);
    }
    memcpy(to, from, size < room ? size : room);
    return LW_OK;
}

static void default_32(uint32_t *value, uint32_t otherwise) { *value = *value != 0 ? *value : otherwise; }

static void default_64(uint64_t *value, uint64_t otherwise) { *value = *value != 0 ? *value : otherwise; }

static void fill_defaults(lw_pool_options *options) {
    default_32(&options->max_tickets, 65536);
    default_32(&options->tries, 3);
    default_32(&options->instances, 1);
    default_32(&options->slow_start_floor, 10);
    default_32(&options->slow_start_aggression, 100);
    default_32(&options->panic_leave, options->panic_enter < 90 ? options->panic_enter + 10 : 100);
    default_32(&options->overprovision, 140);
    default_32(&options->zone_skew, 200);
    default_32(&options->explore, 50);
    default_64(&options->external_ttl, 10 * POOL_SECOND);
    default_64(&options->cooldown, POOL_SECOND);
    default_64(&options->max_cooldown, 86400 * POOL_SECOND);
    options->external_unit = options->external_unit != 0 ? options->external_unit : 1;
    options->explore = options->explore > 10000 ? 0 : options->explore;
}

static int check_pool(const lw_env *env, const lw_pool_options *options) {
    const struct lw__bound bounds[] = {
        {"max_tickets", options->max_tickets, 1, 1 << 24},
        {"tries", options->tries, 1, LW_POOL_TRIES},
        {"instances", options->instances, 1, 1 << 20},
        {"reuse", options->reuse, LW_REUSE_SOLE, LW_REUSE_NEVER},
        {"dimension_count", options->dimension_count, 0, LW_QUOTA_DIMENSIONS},
        {"slow_start_floor", options->slow_start_floor, 1, 100},
        {"slow_start_aggression", options->slow_start_aggression, 10, 1000},
        {"slow_start", options->slow_start, 0, UINT64_C(1) << 53},
        {"panic", options->panic, LW_PANIC_FAIL_OPEN, LW_PANIC_LAST_RESORT},
        {"panic_enter", options->panic_enter, 0, 100},
        {"panic_leave", options->panic_leave, options->panic_enter, 100},
        {"overprovision", options->overprovision, 100, 1000},
        {"zone_skew", options->zone_skew, 1, 1000000},
        {"external_ttl", options->external_ttl, 1, UINT64_C(1) << 62},
        {"external_stale", options->external_stale, LW_STALE_IGNORE, LW_STALE_SATURATED},
    };
    if (!(options->external_unit > 0) || __builtin_isinf(options->external_unit)) {
        return lw__fail(env, LW_RANGE, "pool: external_unit=%g must be above 0 and finite", options->external_unit);
    }
    return lw__bounds_check(env, "pool", bounds, sizeof bounds / sizeof *bounds);
}

static int check_outlier(const lw_env *env, const lw_outlier_options *options) {
    const struct lw__bound bounds[] = {
        {"interval", options->interval, 1000000, UINT64_C(1) << 62},
        {"base_ejection", options->base_ejection, 1, UINT64_C(1) << 62},
        {"max_ejection", options->max_ejection, options->base_ejection, UINT64_C(1) << 62},
        {"max_percent", options->max_percent, 0, 100},
        {"consecutive", options->consecutive, 0, 4095},
        {"success_rate_hosts", options->success_rate_hosts, 3, UINT32_MAX},
        {"success_rate_volume", options->success_rate_volume, 1, UINT32_MAX},
        {"failure_percentage", options->failure_percentage, 0, 100},
        {"failure_percentage_hosts", options->failure_percentage_hosts, 1, UINT32_MAX},
        {"failure_percentage_volume", options->failure_percentage_volume, 1, UINT32_MAX},
    };
    return lw__bounds_check(env, "outlier", bounds, sizeof bounds / sizeof *bounds);
}

static int take_pool(struct lw__rules *rules, const lw_env *env, const lw_pool_options *given) {
    int error = LW_OK;
    rules->options = (lw_pool_options)LW_POOL_OPTIONS_INIT;
    if (given != NULL) {
        error = lw__struct_take(env, "pool", &rules->options, sizeof rules->options, given);
    }
    fill_defaults(&rules->options);
    if (error == LW_OK) {
        error = check_pool(env, &rules->options);
    }
    if (error == LW_OK && rules->options.observer != NULL) {
        error = lw__struct_take(env, "observer", &rules->observer, sizeof rules->observer, rules->options.observer);
    }
    return error;
}

static int take_outlier(struct lw__rules *rules, const lw_env *env) {
    rules->outlier = (lw_outlier_options)LW_OUTLIER_OPTIONS_INIT;
    rules->outliers = rules->options.outlier != NULL;
    if (!rules->outliers) {
        return LW_OK;
    }
    int error = lw__struct_take(env, "outlier", &rules->outlier, sizeof rules->outlier, rules->options.outlier);
    return error == LW_OK ? check_outlier(env, &rules->outlier) : error;
}

/* The trackers' cores tell the pool's observer. */
static int take_health(struct lw__rules *rules, const lw_env *env) {
    int error = lw__health_rules_init(&rules->health, env, rules->options.health);
    rules->health.observer = rules->observer;
    return error;
}

static int take_quota(struct lw__rules *rules, const lw_env *env) {
    lw_quota_options quota = LW_QUOTA_OPTIONS_INIT;
    if (rules->options.dimension_count == 0) {
        return LW_OK;
    }
    quota.dimensions = rules->options.dimensions;
    quota.dimension_count = rules->options.dimension_count;
    return rules->options.sync != NULL ? lw__quota_plan_init_leased(&rules->quota, env, &quota)
                                       : lw__quota_plan_init(&rules->quota, env, &quota);
}

/* The zone outlives the call. */
static int keep_zone(struct lw__rules *rules, const lw_env *env) {
    if (rules->options.zone == NULL) {
        return LW_OK;
    }
    size_t size = strlen(rules->options.zone) + 1;
    char *zone = lw__alloc(env, size);
    rules->options.zone = zone != NULL ? memcpy(zone, rules->options.zone, size) : NULL;
    return zone != NULL ? LW_OK : LW_NOMEM;
}

int lw__rules_init(struct lw__rules *rules, const lw_env *env, const lw_pool_options *given) {
    int error = take_pool(rules, env, given);
    const char *zone = rules->options.zone;
    rules->options.zone = NULL; /* not ours to free yet */
    if (error == LW_OK) {
        error = take_outlier(rules, env);
    }
    if (error == LW_OK) {
        error = take_health(rules, env);
    }
    if (error == LW_OK) {
        error = take_quota(rules, env);
    }
    if (error == LW_OK) {
        rules->options.zone = zone;
        error = keep_zone(rules, env);
    }
    return error;
}

void lw__rules_free(struct lw__rules *rules, const lw_env *env) {
    lw__release(env, (char *)rules->options.zone);
    if (rules->quota.count > 0) {
        lw__quota_plan_free(&rules->quota, env);
    }
}
