/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The adaptive throttle: two counts per part of the window, the current part and ten before it, and a draw per request.
 * Cost: O(parts) per request.
 */
#include "service/gate.h"

#include <loadwise/adaptive_throttle.h>

#include "base/random.h"

enum { THROTTLE_PARTS = 11 };

struct throttle_part {
    uint64_t requests, accepts;
};

struct throttle_layer {
    struct lw__gate gate;
    lw_adaptive_throttle_options options;
    uint64_t current; /* number of the part that is counted in */
    struct throttle_part part[THROTTLE_PARTS];
    uint64_t drawn; /* random numbers so far */
};

static struct throttle_layer *throttle_of(struct lw__layer *layer) { return (struct throttle_layer *)(void *)layer; }

static struct throttle_part *throttle_now(struct throttle_layer *throttle, uint64_t now) {
    uint64_t part = now / (throttle->options.window / (THROTTLE_PARTS - 1));
    for (uint64_t gone = 0; throttle->current < part && gone < THROTTLE_PARTS; gone++) {
        uint64_t next = part - throttle->current > THROTTLE_PARTS ? part - THROTTLE_PARTS : throttle->current + 1;
        throttle->part[next % THROTTLE_PARTS] = (struct throttle_part){0, 0};
        throttle->current = next;
    }
    return &throttle->part[throttle->current % THROTTLE_PARTS];
}

/* The chance to be refused. */
static double throttle_chance(const struct throttle_layer *throttle) {
    double requests = 0, accepts = 0, most = (double)throttle->options.most / 100;
    for (int i = 0; i < THROTTLE_PARTS; i++) {
        requests += (double)throttle->part[i].requests;
        accepts += (double)throttle->part[i].accepts;
    }
    double chance = (requests - throttle->options.k * accepts) / (requests + 1);
    return chance < 0 ? 0 : chance > most ? most : chance;
}

/* Nobody knows before the draw. */
static struct lw__verdict throttle_ready(struct lw__layer *layer, uint64_t now) {
    (void)layer, (void)now;
    return (struct lw__verdict){LW_OK, 0};
}

static struct lw__verdict throttle_enter(struct lw__layer *layer, void *pass, uint64_t now) {
    struct throttle_layer *throttle = throttle_of(layer);
    struct throttle_part *part = throttle_now(throttle, now);
    double drawn = (double)(lw__seed(layer->env.seed, throttle->drawn++) >> 11) * 0x1p-53;
    bool refused = drawn < throttle_chance(throttle);
    (void)pass;
    part->requests++;
    return (struct lw__verdict){refused ? LW_SHED : LW_OK, now};
}

static void throttle_left(struct lw__layer *layer, void *pass, const lw_exchange *inner, uint64_t now) {
    struct throttle_part *part = throttle_now(throttle_of(layer), now);
    (void)pass;
    if (inner->reason != LW_OK) {
        return;
    }
    switch (inner->sample.outcome) {
    case LW_OUTCOME_OK:
    case LW_OUTCOME_CALLER_FAULT:
    case LW_OUTCOME_FAILURE: part->accepts++; break;
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
    THROTTLE_PARAM(window, LW_PARAM_TIME, "2m", "1s", "1h",
                   "Time over which both are counted; longer than any request takes."),
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
};
