/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What follows from a report: the built-in policies, and the user's where given.
 *
 * consecutive: degraded at ceil(t/2) failures in a row, unhealthy at t; rate: unhealthy when failures / reports inside
 * the window reach the share and the reports the volume, degraded at half the share. Both: a failure while recovering
 * is unhealthy again, a success leads from unhealthy to recovering and, once there are enough, to healthy. Back-off:
 * interval x factor^(ejections - 1), capped, in whole numbers; the jitter is a hash of (seed, node, epoch), so that it
 * need not be stored. Source: loadwise 0.1.0, Finagle. Cost: O(1); O(ejections) for the back-off.
 */
#include "base/random.h"
#include "health/health.h"

static uint32_t healthy_or_worse(const struct lw__health_rules *rules, const lw_health_state *state) {
    const lw_health_options *options = &rules->options;
    if (options->policy == LW_HEALTH_CONSECUTIVE) {
        uint32_t failures = state->consecutive_failures, threshold = options->failure_threshold;
        return failures >= threshold ? LW_UNHEALTHY : failures >= (threshold + 1) / 2 ? LW_DEGRADED : LW_HEALTHY;
    }
    uint64_t failed = (uint64_t)state->window_failures * 100;
    uint64_t bound = (uint64_t)state->window_total * options->rate_percent;
    if (state->window_total < options->rate_volume || failed * 2 < bound || failed == 0) {
        return LW_HEALTHY;
    }
    return failed >= bound ? LW_UNHEALTHY : LW_DEGRADED;
}

static void after_failure(const struct lw__health_rules *rules, lw_health_state *state) {
    bool tried_out = state->status == LW_RECOVERING || state->status == LW_UNHEALTHY;
    state->status = tried_out ? (uint32_t)LW_UNHEALTHY : healthy_or_worse(rules, state);
}

static void after_success(const struct lw__health_rules *rules, lw_health_state *state) {
    if (state->status == LW_RECOVERING || state->status == LW_UNHEALTHY) {
        bool enough = state->consecutive_successes >= rules->options.recovery_successes;
        state->status = enough ? LW_HEALTHY : LW_RECOVERING;
    } else {
        uint32_t found = healthy_or_worse(rules, state);
        state->status = found == LW_UNHEALTHY ? (uint32_t)LW_DEGRADED : found; /* a success never ejects */
    }
}

void lw__health_judge(const struct lw__health_rules *rules, lw_health_state *state, uint32_t outcome, uint32_t effect,
                      uint64_t now) {
    const lw_health_policy_ops *own = &rules->policy;
    if (own->on_outcome != NULL) {
        own->on_outcome(own->user, state, outcome, now);
    } else if (effect == LW_EFFECT_SUCCESS && own->on_success != NULL) {
        own->on_success(own->user, state, now);
    } else if (effect == LW_EFFECT_FAILURE && own->on_failure != NULL) {
        own->on_failure(own->user, state, now);
    } else if (effect == LW_EFFECT_SUCCESS) {
        after_success(rules, state);
    } else {
        after_failure(rules, state);
    }
}

static uint64_t add_saturating(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

static uint64_t backed_off(const lw_health_options *options, uint32_t ejections) {
    uint64_t interval = options->probe_interval;
    for (uint32_t i = 1; i < ejections && interval < options->probe_interval_max; i++) {
        uint64_t more = interval / 100 * (options->backoff_percent - 100);
        if (more == 0) {
            break;
        }
        interval = add_saturating(interval, more);
    }
    return interval < options->probe_interval_max ? interval : options->probe_interval_max;
}

uint64_t lw__health_probe_at(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                             uint32_t epoch) {
    uint64_t interval = backed_off(&rules->options, state->ejections);
    uint64_t share = lw__seed(rules->seed ^ id, epoch) >> 32; /* of 2^32 */
    uint64_t jitter = interval / 100 * rules->options.jitter_percent;
    jitter = (jitter >> 32) * share + ((jitter & UINT32_MAX) * share >> 32);
    return add_saturating(state->last_failure, add_saturating(interval, jitter));
}

bool lw__health_probe_due(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                          uint32_t epoch, uint64_t now) {
    if (rules->policy.should_probe != NULL) {
        return rules->policy.should_probe(rules->policy.user, state, now);
    }
    return now >= lw__health_probe_at(rules, state, id, epoch);
}
