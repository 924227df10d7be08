/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What follows from a report: the built-in policies, and the user's where given.
 *
 * consecutive: degraded at ceil(t/2) failures in a row, unhealthy at t. rate: unhealthy when failures / reports inside
 * the window reach the share and the reports the volume, degraded at half the share. Both: a failure while recovering
 * is unhealthy again, a success leads from unhealthy to recovering and, once there are enough, to healthy. Back-off:
 * interval x factor^(ejections - 1), capped, in whole numbers; the jitter is a hash of (seed, node, epoch), so that it
 * need not be stored. Source: loadwise 0.1.0, Finagle. Cost: O(1); O(ejections) for the back-off.
 */
#include "base/raise.h"
#include "base/random.h"
#include "health/health.h"

static uint32_t by_row(const lw_health_options *options, const lw_health_state *state) {
    uint32_t failures = state->consecutive_failures, threshold = options->failure_threshold;
    return failures >= threshold ? LW_UNHEALTHY : failures >= (threshold + 1) / 2 ? LW_DEGRADED : LW_HEALTHY;
}

static uint32_t by_rate(const lw_health_options *options, const lw_health_state *state) {
    uint64_t failed = (uint64_t)state->window_failures * 100;
    uint64_t bound = (uint64_t)state->window_total * options->rate_percent;
    if (state->window_total < options->rate_volume) {
        return LW_HEALTHY;
    }
    return failed >= bound ? LW_UNHEALTHY : failed * 2 >= bound ? LW_DEGRADED : LW_HEALTHY;
}

static uint32_t serving_or_worse(const lw_health_options *options, const lw_health_state *state) {
    return options->policy == LW_HEALTH_RATE ? by_rate(options, state) : by_row(options, state);
}

static bool is_tried_out(const lw_health_state *state) {
    return state->status == LW_RECOVERING || state->status == LW_UNHEALTHY;
}

static uint32_t after_failure(const lw_health_options *options, const lw_health_state *state) {
    return is_tried_out(state) ? (uint32_t)LW_UNHEALTHY : serving_or_worse(options, state);
}

static uint32_t after_success(const lw_health_options *options, const lw_health_state *state) {
    if (is_tried_out(state)) {
        return state->consecutive_successes >= options->recovery_successes ? LW_HEALTHY : LW_RECOVERING;
    }
    uint32_t found = serving_or_worse(options, state);
    return found == LW_UNHEALTHY ? (uint32_t)LW_DEGRADED : found; /* a success never ejects */
}

static uint32_t built_in(const lw_health_options *options, const lw_health_state *state, uint32_t effect) {
    switch (effect) {
    case LW_EFFECT_SUCCESS: return after_success(options, state);
    case LW_EFFECT_FAILURE: return after_failure(options, state);
    default: return state->status;
    }
}

/* On a copy of the state, of which only the status is taken, and only if it is one. */
void lw__health_judge(const struct lw__health_rules *rules, lw_health_state *state, uint32_t outcome, uint32_t effect,
                      uint64_t now) {
    const lw_health_policy_ops *own = &rules->policy;
    lw_health_state copy = *state;
    if (own->on_outcome != NULL) {
        own->on_outcome(own->user, &copy, outcome, now);
    } else if (effect == LW_EFFECT_SUCCESS && own->on_success != NULL) {
        own->on_success(own->user, &copy, now);
    } else if (effect == LW_EFFECT_FAILURE && own->on_failure != NULL) {
        own->on_failure(own->user, &copy, now);
    } else {
        copy.status = built_in(&rules->options, state, effect);
    }
    state->status = copy.status <= LW_RECOVERING ? copy.status : state->status;
}

/* ---- when to probe ---- */

/* percent of the value, rounded down, or the end of time. */
static uint64_t share_of(uint64_t value, uint32_t percent) {
    if (percent > 100 && value / 100 > UINT64_MAX / percent) {
        return UINT64_MAX;
    }
    return lw__after(value / 100 * percent, value % 100 * percent / 100);
}

static uint64_t backed_off(const lw_health_options *options, uint32_t ejections) {
    uint64_t interval = options->probe_interval;
    for (uint32_t i = 1; i < ejections && interval < options->probe_interval_max; i++) {
        uint64_t next = share_of(interval, options->backoff_percent);
        if (next == interval) {
            break;
        }
        interval = next;
    }
    return interval < options->probe_interval_max ? interval : options->probe_interval_max;
}

uint64_t lw__health_probe_at(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                             uint32_t epoch) {
    uint64_t interval = backed_off(&rules->options, state->ejections);
    uint64_t most = share_of(interval, rules->options.jitter_percent);
    uint64_t share = lw__seed(rules->seed ^ id, epoch) >> 32; /* of 2^32 */
    uint64_t jitter = (most >> 32) * share + ((most & UINT32_MAX) * share >> 32);
    return lw__after(state->last_failure, lw__after(interval, jitter));
}

bool lw__health_probe_due(const struct lw__health_rules *rules, const lw_health_state *state, uint64_t id,
                          uint32_t epoch, uint64_t now) {
    if (rules->policy.should_probe != NULL) {
        return rules->policy.should_probe(rules->policy.user, state, now);
    }
    return now >= lw__health_probe_at(rules, state, id, epoch);
}
