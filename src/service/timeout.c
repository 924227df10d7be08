/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The timeout: a timer per call, which cancels what is inside as a timeout. So the inner layers complete it themselves,
 * and a balance among them reports a timeout of the node that had it.
 * Cost: a timer started and stopped.
 */
#include "service/layer.h"

#include <loadwise/timeout.h>

struct timeout_layer {
    struct lw__layer layer;
    lw_timeout_options options;
};

struct timeout_call {
    struct lw__call call;
    lw_timer timer;
};

static struct timeout_call *timeout_of(lw_timer *timer) {
    return (struct timeout_call *)(void *)((char *)timer - offsetof(struct timeout_call, timer));
}

static void timeout_completed(lw_exchange *inner) {
    struct timeout_call *timed = lw__call_of(inner);
    lw_timer_stop(timed->call.layer->clock, &timed->timer);
    lw__call_answer(&timed->call);
}

static void timeout_fired(lw_timer *timer) {
    struct lw__call *call = &timeout_of(timer)->call;
    lw_service_cancel(call->layer->inner, &call->inner, LW_OUTCOME_TIMEOUT);
}

static void timeout_call(lw_service *service, lw_exchange *exchange) {
    struct timeout_layer *timeout = (struct timeout_layer *)(void *)service;
    uint64_t now = lw_clock_now(timeout->layer.clock), due = lw__after(now, timeout->options.after);
    due = exchange->deadline != 0 && exchange->deadline < due ? exchange->deadline : due;
    if (due <= now) {
        exchange->reason = LW_OK;
        exchange->sample = (lw_sample)LW_SAMPLE_INIT;
        exchange->sample.outcome = LW_OUTCOME_TIMEOUT;
        lw_exchange_complete(exchange);
        return;
    }
    struct timeout_call *timed = lw__call_new(&timeout->layer, exchange, timeout_completed);
    if (timed != NULL) {
        timed->call.inner.deadline = due;
        timed->timer.fired = timeout_fired;
        lw_timer_start(timeout->layer.clock, &timed->timer, due);
        lw_service_call(timeout->layer.inner, &timed->call.inner);
    }
}

static const lw_service_ops timeout_ops = {
    .size = sizeof timeout_ops,
    .name = "timeout",
    .ready = lw__layer_ready,
    .call = timeout_call,
    .cancel = lw__layer_cancel,
    .free = lw__layer_free,
};

int lw_timeout_new(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner,
                   const lw_timeout_options *options) {
    static const struct lw__layer_plan plan = {
        .kind = &lw__layer_timeout,
        .ops = &timeout_ops,
        .size = sizeof(struct timeout_layer),
        .options = offsetof(struct timeout_layer, options),
        .call_size = sizeof(struct timeout_call),
    };
    int error;
    *out = lw__layer_new(&plan, env, clock, inner, options, &error);
    return error;
}

static int timeout_make(lw_service **out, const lw_env *env, lw_clock *clock, lw_service *inner, const void *options) {
    return lw_timeout_new(out, env, clock, inner, options);
}

static const lw_param timeout_params[] = {
    {"after", LW_PARAM_TIME, offsetof(lw_timeout_options, after), NULL, "1us", "24h", NULL,
     "Time after which an exchange is given up."},
};

const lw_layer lw__layer_timeout = {
    sizeof(lw_layer),
    "timeout",
    "Gives up what takes too long.",
    timeout_params,
    sizeof timeout_params / sizeof *timeout_params,
    sizeof(lw_timeout_options),
    timeout_make,
    NULL,
};
