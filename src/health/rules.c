/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the health machine may be told: defaults, ranges, and what a restored node may say. */
#include "base/env.h"
#include "health/health.h"

#include <inttypes.h>
#include <loadwise/error.h>
#include <string.h>

#define DEFAULT_WINDOW UINT64_C(30000000000)

struct range {
    const char *name;
    uint64_t value, least, most;
};

static int check_ranges(const lw_env *env, const struct range *ranges, size_t count) {
    for (const struct range *range = ranges; range < ranges + count; range++) {
        if (range->value < range->least || range->value > range->most) {
            return lw__fail(env, LW_RANGE, "health: %s=%" PRIu64 " must be from %" PRIu64 " to %" PRIu64, range->name,
                            range->value, range->least, range->most);
        }
    }
    return LW_OK;
}

static int check_effects(const lw_env *env, const lw_health_options *options) {
    for (uint32_t i = 0; i < sizeof options->effects; i++) {
        if (options->effects[i] > LW_EFFECT_FAILURE) {
            return lw__fail(env, LW_RANGE, "health: effects[%u]=%u must be from 0 to %d", i, options->effects[i],
                            LW_EFFECT_FAILURE);
        }
    }
    return LW_OK;
}

static int check_options(const lw_env *env, const lw_health_options *options) {
    const struct range ranges[] = {
        {"policy", options->policy, LW_HEALTH_CONSECUTIVE, LW_HEALTH_RATE},
        {"failure_threshold", options->failure_threshold, 1, 4095},
        {"recovery_successes", options->recovery_successes, 1, 4095},
        {"rate_percent", options->rate_percent, 1, 100},
        {"rate_volume", options->rate_volume, 1, 1048575},
        {"window", options->window, options->window == 0 ? 0 : LW__HEALTH_BUCKETS, UINT64_MAX},
        {"probe_interval", options->probe_interval, 0, options->probe_interval_max},
        {"backoff_percent", options->backoff_percent, 100, 1000},
        {"jitter_percent", options->jitter_percent, 0, 100},
        {"probes", options->probes, 1, 255},
        {"probe_timeout", options->probe_timeout, 1, UINT64_MAX},
        {"max_nodes", options->max_nodes, 1, UINT32_MAX},
    };
    int error = check_ranges(env, ranges, sizeof ranges / sizeof *ranges);
    return error != LW_OK ? error : check_effects(env, options);
}

/* Copies what both sides know of a struct that begins with its size. */
static int copy_given(const lw_env *env, const char *name, void *to, size_t room, const void *from) {
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size) {
        return lw__fail(env, LW_INVALID, "health: %s: size=%zu, is it initialised?", name, size);
    }
    memcpy(to, from, size < room ? size : room);
    return LW_OK;
}

int lw__health_rules_init(struct lw__health_rules *rules, const lw_env *env, const lw_health_options *given) {
    lw_health_options *options = &rules->options;
    int error = LW_OK;
    *rules = (struct lw__health_rules){.options = LW_HEALTH_OPTIONS_INIT, .seed = env->seed};
    if (given != NULL) {
        error = copy_given(env, "options", options, sizeof *options, given);
    }
    if (error == LW_OK && options->policy_ops != NULL) {
        error = copy_given(env, "policy_ops", &rules->policy, sizeof rules->policy, options->policy_ops);
    }
    if (error == LW_OK && options->observer != NULL) {
        error = copy_given(env, "observer", &rules->observer, sizeof rules->observer, options->observer);
    }
    if (options->policy == LW_HEALTH_RATE && options->window == 0) {
        options->window = DEFAULT_WINDOW;
    }
    return error != LW_OK ? error : check_options(env, options);
}

int lw__health_info_check(const lw_env *env, const lw_health_info *info) {
    const struct range ranges[] = {
        {"state.status", info->state.status, LW_HEALTHY, LW_RECOVERING},
        {"state.consecutive_failures", info->state.consecutive_failures, 0, 4095},
        {"state.consecutive_successes", info->state.consecutive_successes, 0, 4095},
        {"state.ejections", info->state.ejections, 0, 255},
    };
    if (info->size < sizeof *info) {
        return lw__fail(env, LW_INVALID, "health: info: size=%zu, is it set?", info->size);
    }
    return check_ranges(env, ranges, sizeof ranges / sizeof *ranges);
}
