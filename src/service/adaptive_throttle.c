/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The adaptive throttle: two counts per part of the window, the current part and ten before it, and a draw per request.
 * Cost: O(parts) per request.
 */
#include "service/gate.h"
#include "service/rolling.h"

#include <loadwise/adaptive_throttle.h>

#include "base/random.h"

struct throttle_layer {
    struct lw__gate gate;
    lw_adaptive_throttle_options options;
    struct lw__rolling rolling; /* requests, accepts */
    uint64_t drawn;             /* random numbers so far */
};

static struct throttle_layer *throttle_of(struct lw__layer *layer) { return (struct throttle_layer *)(void *)layer; }

/* The chance to be refused. */
static double throttle_chance(const struct throttle_layer *throttle) {
    struct lw__pair sum = lw__rolling_sum(&throttle->rolling);
    double requests = (double)sum.first, accepts = (double)sum.second, most = (double)throttle->options.most / 100;
    double chance = (requests - throttle->options.k * accepts) / (requests + 1);
    return chance < 0 ? 0 : chance > most ? most : chance;
}

/* Nobody knows before the draw. */
static struct lw__verdict throttle_ready(struct lw__layer *layer, uint64_t now) {
    (void)layer, (void)now;
    return (struct lw__verdict){LW_OK, 0};
}

static struct lw__verdict throttle_enter(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now) {
    struct throttle_layer *throttle = throttle_of(layer);
    struct lw__pair *part = lw__rolling_now(&throttle->rolling, now);
    double drawn = (double)(lw__seed(layer->env.seed, throttle->drawn++) >> 11) * 0x1p-53;
    bool refused = drawn < throttle_chance(throttle);
    part->first++;
    call->pass[0] = throttle->rolling.current;
    return (struct lw__verdict){refused ? LW_SHED : LW_OK, 0};
}

/* Counted where its request was; what nobody judged had better not been counted at all. */
static void throttle_left(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now) {
    struct lw__rolling *rolling = &throttle_of(layer)->rolling;
    const lw_exchange *inner = &call->call.inner;
    lw__rolling_now(rolling, now);
    struct lw__pair *part = lw__rolling_part(rolling, call->pass[0]);
    if (part == NULL) {
        return;
    }
    switch (inner->reason == LW_OK ? inner->sample.outcome : (uint32_t)LW_OUTCOME_CANCELLED) {
    case LW_OUTCOME_OK:
    case LW_OUTCOME_CALLER_FAULT:
    case LW_OUTCOME_FAILURE: part->second++; break;
    case LW_OUTCOME_CANCELLED: part->first--; break;
    default: break;
    }
}

static const struct lw__gate_ops throttle_gate = {throttle_ready, throttle_enter, throttle_left};

static const lw_service_ops throttle_ops = {
    .size = sizeof throttle_ops,
    .name = "adaptive_throttle",
    .ready = lw__gate_ready,
    .call = lw__gate_call,
    .cancel = lw__layer_cancel,
    .free = lw__layer_free,
};

/* ---- birth ---- */

int lw_adaptive_throttle_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                             const lw_adaptive_throttle_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_adaptive_throttle,
        .ops = &throttle_ops,
        .size = sizeof(struct throttle_layer),
        .options = offsetof(struct throttle_layer, options),
        .call_size = sizeof(struct lw__gate_call),
    };
    int error;
    struct throttle_layer *throttle = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (throttle != NULL) {
        throttle->gate.gate = &throttle_gate;
        lw__rolling_init(&throttle->rolling, throttle->options.window);
    }
    *out = throttle != NULL ? &throttle->gate.layer.service : NULL;
    return error;
}

static int throttle_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_adaptive_throttle_new(out, env, clock, inner, options);
}

#define THROTTLE_PARAM(member, type, fallback, min, max, help)                                                         \
    { #member, type, offsetof(lw_adaptive_throttle_options, member), fallback, min, max, NULL, help }

static const lw_param throttle_params[] = {
    THROTTLE_PARAM(k, LW_PARAM_F64, "2", "1", "10", "Requests that are let through for each that is accepted."),
    THROTTLE_PARAM(window, LW_PARAM_TIME, "2m", "1s", "1h", "Time over which both are counted."),
    THROTTLE_PARAM(most, LW_PARAM_U64, "90", "1", "100", "Most percent of requests that are refused."),
};

const lw_layer lw__layer_adaptive_throttle = {
    sizeof(lw_layer),
    "adaptive_throttle",
    "Sends less to what rejects much.",
    throttle_params,
    sizeof throttle_params / sizeof *throttle_params,
    sizeof(lw_adaptive_throttle_options),
    throttle_make,
    NULL,
};
