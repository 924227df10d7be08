/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The concurrency limit: a count, and what limit.h makes of how exchanges end. Cost: a few operations on doubles. */
#include "service/gate.h"
#include "service/limit.h"

struct concurrency_layer {
    struct lw__gate gate;
    lw_concurrency_limit_options options;
    struct lw__limit limit;
    uint64_t under_way;
};

static struct concurrency_layer *concurrency_of(struct lw__layer *layer) {
    return (struct concurrency_layer *)(void *)layer;
}

static struct lw__verdict concurrency_ready(struct lw__layer *layer, uint64_t now) {
    const struct concurrency_layer *c = concurrency_of(layer);
    (void)now;
    return (struct lw__verdict){c->under_way < lw__limit_now(&c->limit) ? LW_OK : LW_SATURATED, UINT64_MAX};
}

static struct lw__verdict concurrency_enter(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now) {
    struct concurrency_layer *c = concurrency_of(layer);
    struct lw__verdict verdict = concurrency_ready(layer, now);
    if (verdict.reason == LW_OK) {
        c->under_way++;
        call->pass[0] = now;
        call->pass[1] = c->under_way;
    }
    return verdict;
}

static void concurrency_left(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now) {
    struct concurrency_layer *c = concurrency_of(layer);
    const lw_exchange *inner = &call->call.inner;
    uint64_t began = call->pass[0];
    c->under_way--;
    if (inner->reason == LW_OK) {
        lw__limit_learn(&c->limit, &c->options, inner->sample.outcome, now > began ? now - began : 0, call->pass[1],
                        now);
    }
}

static const struct lw__gate_ops concurrency_gate = {concurrency_ready, concurrency_enter, concurrency_left};

static const lw_service_ops concurrency_ops = {
    .size = sizeof concurrency_ops,
    .name = "concurrency_limit",
    .ready = lw__gate_ready,
    .call = lw__gate_call,
    .cancel = lw__layer_cancel,
    .free = lw__layer_free,
};

int lw_concurrency_limit_read(const lw_service *service, uint64_t *now, uint64_t *under_way) {
    if (service == NULL || service->ops != &concurrency_ops) {
        return LW_INVALID;
    }
    const struct concurrency_layer *c = (const struct concurrency_layer *)(const void *)service;
    if (now != NULL) {
        *now = lw__limit_now(&c->limit);
    }
    if (under_way != NULL) {
        *under_way = c->under_way;
    }
    return LW_OK;
}

/* ---- birth ---- */

static const char *concurrency_misfit(const void *given) {
    const lw_concurrency_limit_options *options = given;
    if (options->least > options->most) {
        return "least is more than most";
    }
    bool learnt = options->kind != LW_LIMIT_FIXED;
    return learnt && (options->initial < options->least || options->initial > options->most)
               ? "initial is not from least to most"
               : NULL;
}

int lw_concurrency_limit_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                             const lw_concurrency_limit_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_concurrency_limit,
        .ops = &concurrency_ops,
        .size = sizeof(struct concurrency_layer),
        .options = offsetof(struct concurrency_layer, options),
        .call_size = sizeof(struct lw__gate_call),
    };
    int error;
    struct concurrency_layer *c = lw__layer_new(&plan, env, clock, inner, options, &error);
    if (c != NULL) {
        c->gate.gate = &concurrency_gate;
        lw__limit_init(&c->limit, &c->options, lw_clock_now(clock));
    }
    *out = c != NULL ? &c->gate.layer.service : NULL;
    return error;
}

static int concurrency_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                            const void *options) {
    return lw_concurrency_limit_new(out, env, clock, inner, options);
}

#define CONCURRENCY_PARAM(member, type, fallback, min, max, choices, help)                                             \
    { #member, type, offsetof(lw_concurrency_limit_options, member), fallback, min, max, choices, help }

static const lw_param concurrency_params[] = {
    CONCURRENCY_PARAM(kind, LW_PARAM_CHOICE, "fixed", NULL, NULL, "fixed|vegas|gradient", "How the limit is found."),
    CONCURRENCY_PARAM(initial, LW_PARAM_U64, "20", "1", "1000000", NULL, "The limit at first; if fixed, always."),
    CONCURRENCY_PARAM(least, LW_PARAM_U64, "3", "1", "1000000", NULL, "Least that it may become."),
    CONCURRENCY_PARAM(most, LW_PARAM_U64, "1000", "1", "1000000", NULL, "Most that it may become."),
    CONCURRENCY_PARAM(remeasure, LW_PARAM_TIME, "60s", "1s", "1h", NULL, "How often gradient measures the fastest."),
};

const lw_layer lw__layer_concurrency_limit = {
    sizeof(lw_layer),
    "concurrency_limit",
    "Lets at most so many exchanges in at a time.",
    concurrency_params,
    sizeof concurrency_params / sizeof *concurrency_params,
    sizeof(lw_concurrency_limit_options),
    concurrency_make,
    concurrency_misfit,
};
