/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rate limit: a GCRA of quota.h, taken and settled at once. Cost: a reserve. */
#include "service/gate.h"

#include <loadwise/rate_limit.h>

enum { RATE_NODE = 1 };

struct rate_layer {
    struct lw__gate gate;
    lw_rate_limit_options options;
    lw_quota *quota;
};

static struct rate_layer *rate_of(struct lw__layer *layer) { return (struct rate_layer *)(void *)layer; }

static struct lw__verdict rate_ready(struct lw__layer *layer, uint64_t now) {
    lw_quota_reading reading = LW_QUOTA_READING_INIT;
    lw_quota_read_at(rate_of(layer)->quota, RATE_NODE, 0, now, &reading);
    return (struct lw__verdict){reading.remaining > 0 ? LW_OK : LW_OVER_QUOTA, reading.more_at};
}

static struct lw__verdict rate_enter(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now) {
    struct rate_layer *rate = rate_of(layer);
    lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
    lw_reservation reservation;
    (void)call;
    int reason = lw_quota_reserve_at(rate->quota, RATE_NODE, NULL, 0, now, &reservation, &refusal);
    if (reason == LW_OK) {
        lw_quota_commit_at(rate->quota, &reservation, NULL, 0, now);
    }
    return (struct lw__verdict){reason, refusal.retry_at};
}

static void rate_left(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now) {
    (void)layer, (void)call, (void)now;
}

static const struct lw__gate_ops rate_gate = {rate_ready, rate_enter, rate_left};

static void rate_free(lw_service *service) {
    lw_quota *quota = rate_of(lw__layer_of(service))->quota;
    lw__layer_free(service);
    lw_quota_free(quota);
}

/* A tracker of one node and one dimension; the log is told of a rate that it cannot count. */
static int rate_tracker(struct rate_layer *rate) {
    const lw_rate_limit_options *options = &rate->options;
    lw_quota_dimension dimension = {.size = sizeof dimension,
                                    .name = "rate",
                                    .kind = LW_QUOTA_GCRA,
                                    .estimate = LW_QUOTA_FIXED,
                                    .window = options->per,
                                    .fixed = 1};
    lw_quota_limit limit = {.dimension = 0, .limit = options->rate, .burst = options->burst};
    lw_quota_options wanted = LW_QUOTA_OPTIONS_INIT;
    wanted.dimensions = &dimension;
    wanted.dimension_count = 1;
    wanted.max_nodes = 1;
    wanted.max_reservations = 1;
    int error = lw_quota_new(&rate->quota, &rate->gate.layer.env, &wanted);
    return error == LW_OK ? lw_quota_register(rate->quota, RATE_NODE, &limit, 1, 0) : error;
}

static const lw_service_ops rate_ops = {
    .size = sizeof rate_ops,
    .name = "rate_limit",
    .ready = lw__gate_ready,
    .call = lw__gate_call,
    .cancel = lw__layer_cancel,
    .free = rate_free,
};

/* ---- birth ---- */

int lw_rate_limit_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                      const lw_rate_limit_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_rate_limit,
        .ops = &rate_ops,
        .size = sizeof(struct rate_layer),
        .options = offsetof(struct rate_layer, options),
        .call_size = sizeof(struct lw__gate_call),
    };
    int error;
    struct rate_layer *rate = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (rate != NULL) {
        rate->gate.gate = &rate_gate;
        error = rate_tracker(rate);
    }
    if (error != LW_OK && rate != NULL) {
        lw_service_free(&rate->gate.layer.service);
        rate = NULL;
    }
    *out = rate != NULL ? &rate->gate.layer.service : NULL;
    return error;
}

static int rate_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_rate_limit_new(out, env, clock, inner, options);
}

#define RATE_PARAM(member, type, fallback, min, max, help)                                                             \
    { #member, type, offsetof(lw_rate_limit_options, member), fallback, min, max, NULL, help }

static const lw_param rate_params[] = {
    RATE_PARAM(rate, LW_PARAM_U64, NULL, "1", "1000000000", "Exchanges per `per`, over time."),
    RATE_PARAM(per, LW_PARAM_TIME, "1s", "1ms", "24h", "What the rate is counted over."),
    RATE_PARAM(burst, LW_PARAM_U64, "1", "1", "1000000000", "Exchanges at one moment."),
};

const lw_layer lw__layer_rate_limit = {
    sizeof(lw_layer),
    "rate_limit",
    "Lets exchanges in at a steady rate.",
    rate_params,
    sizeof rate_params / sizeof *rate_params,
    sizeof(lw_rate_limit_options),
    rate_make,
    NULL,
};
