/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The options of the health machine: defaults and ranges. */
#include "health/health.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

void lw_health_options_init(lw_health_options *options) {
    *options = (lw_health_options){
        .size = sizeof *options,
        .policy = LW_HEALTH_CONSECUTIVE,
        .failure_threshold = 3,
        .recovery_successes = 2,
        .rate_percent = 20,
        .rate_volume = 5,
        .probe_interval = 10 * SECOND,
        .probe_interval_max = 300 * SECOND,
        .backoff_percent = 100,
        .probes = 1,
        .probe_timeout = 60 * SECOND,
        .effects = {[LW_OUTCOME_OK] = LW_EFFECT_SUCCESS,
                    [LW_OUTCOME_FAILURE] = LW_EFFECT_FAILURE,
                    [LW_OUTCOME_CONNECT_FAILURE] = LW_EFFECT_FAILURE,
                    [LW_OUTCOME_TIMEOUT] = LW_EFFECT_FAILURE,
                    [LW_OUTCOME_OVERLOAD] = LW_EFFECT_FAILURE},
        .max_nodes = 65536,
        .auto_create = 1,
    };
}

static bool within(uint64_t value, uint64_t least, uint64_t most) { return value >= least && value <= most; }

static bool effects_are_known(const lw_health_options *options) {
    for (size_t i = 0; i < sizeof options->effects; i++) {
        if (options->effects[i] > LW_EFFECT_FAILURE) {
            return false;
        }
    }
    return true;
}

/* The option at fault and its range, or NULL. */
static const char *fault_of(const lw_health_options *options) {
    const struct {
        bool good;
        const char *rule;
    } checks[] = {
        {options->policy <= LW_HEALTH_RATE, "policy must be an enum lw_health_policy"},
        {within(options->failure_threshold, 1, 65535), "failure_threshold must be from 1 to 65535"},
        {within(options->recovery_successes, 1, 4095), "recovery_successes must be from 1 to 4095"},
        {within(options->rate_percent, 1, 100), "rate_percent must be from 1 to 100"},
        {within(options->rate_volume, 1, 1048575), "rate_volume must be from 1 to 1048575"},
        {options->window == 0 || options->window >= LW__HEALTH_BUCKETS, "window must be 0 or at least 10 ns"},
        {options->probe_interval <= options->probe_interval_max, "probe_interval must not exceed probe_interval_max"},
        {within(options->backoff_percent, 100, 1000), "backoff_percent must be from 100 to 1000"},
        {options->jitter_percent <= 100, "jitter_percent must be from 0 to 100"},
        {within(options->probes, 1, 255), "probes must be from 1 to 255"},
        {options->probe_timeout > 0, "probe_timeout must be above 0"},
        {effects_are_known(options), "effects must hold enum lw_health_effect"},
        {options->max_nodes > 0, "max_nodes must be above 0"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (!checks[i].good) {
            return checks[i].rule;
        }
    }
    return NULL;
}

static void copy_sized(void *to, size_t room, const void *from, size_t size) {
    memcpy(to, from, size < room ? size : room);
}

const char *lw__health_rules_init(struct lw__health_rules *rules, const lw_health_options *given, uint64_t seed) {
    lw_health_options *options = &rules->options;
    lw_health_options_init(options);
    if (given != NULL) {
        copy_sized(options, sizeof *options, given, given->size);
    }
    if (options->policy == LW_HEALTH_RATE && options->window == 0) {
        options->window = 30 * SECOND;
    }
    if (options->policy_ops != NULL) {
        copy_sized(&rules->policy, sizeof rules->policy, options->policy_ops, options->policy_ops->size);
    }
    if (options->observer != NULL) {
        copy_sized(&rules->observer, sizeof rules->observer, options->observer, options->observer->size);
    }
    rules->seed = seed;
    return fault_of(options);
}
