/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What layers share: birth and end, calls taken and answered. Cost: a record taken and given back per call. */
#include "service/layer.h"

#include <string.h>

/* ---- layers ---- */

int lw__layer_defaults(const lw_env *env, const lw_layer *kind, void *options) {
    int error = LW_OK;
    memset(options, 0, kind->options_size);
    for (uint32_t i = 0; i < kind->param_count && error == LW_OK; i++) {
        const lw_param *param = &kind->params[i];
        if (param->fallback != NULL) {
            error = lw__param_set(env, kind->name, param, options, param->fallback, strlen(param->fallback), 0);
        }
    }
    return error;
}

const char *lw__layer_misfit(const lw_layer *kind, const void *options) {
    bool has = kind->size >= sizeof *kind && kind->misfit != NULL;
    return has ? kind->misfit(options) : NULL;
}

static int layer_options(const struct lw__layer_plan *plan, const lw_env *env, const void *given, void *options) {
    const lw_layer *kind = plan->kind;
    int error = LW_OK;
    if (given != NULL) {
        memcpy(options, given, kind->options_size);
    } else {
        error = lw__layer_defaults(env, kind, options);
    }
    for (uint32_t i = 0; i < kind->param_count && error == LW_OK; i++) {
        error = lw__param_check(env, kind->name, &kind->params[i], options);
    }
    const char *misfit = error == LW_OK ? lw__layer_misfit(kind, options) : NULL;
    return misfit != NULL ? lw__fail(env, LW_RANGE, "%s: %s", kind->name, misfit) : error;
}

static struct lw__layer *layer_alloc(const struct lw__layer_plan *plan, const lw_env *env, const lw_clock *clock,
                                     const lw_service *inner, const void *options, int *error) {
    if (clock == NULL || (inner == NULL && !plan->innermost)) {
        *error = lw__fail(env, LW_INVALID, "%s: no clock, or no service to be around", plan->kind->name);
        return NULL;
    }
    struct lw__layer *layer = lw__alloc(env, plan->size);
    *error = layer == NULL ? LW_NOMEM : layer_options(plan, env, options, (char *)layer + plan->options);
    if (*error != LW_OK) {
        lw__release(env, layer);
        layer = NULL;
    }
    return layer;
}

void *lw__layer_new(const struct lw__layer_plan *plan, const lw_env *given, lw_clock *clock, lw_service *inner,
                    const void *options, int *error) {
    lw_env env;
    *error = lw__env_init(&env, given);
    struct lw__layer *layer = *error == LW_OK ? layer_alloc(plan, &env, clock, inner, options, error) : NULL;
    if (layer == NULL) {
        lw_service_free(inner);
        return NULL;
    }
    layer->service.ops = plan->ops;
    layer->env = env;
    layer->clock = clock;
    layer->inner = inner;
    lw__records_init(&layer->calls, &layer->env, plan->call_size,
                     plan->call_zeroed != 0 ? plan->call_zeroed : plan->call_size);
    return layer;
}

void lw__layer_end(struct lw__layer *layer) {
    layer->ending = true;
    while (layer->calls.used != NULL) {
        struct lw__call *call = (struct lw__call *)(void *)layer->calls.used;
        lw_service_cancel(&layer->service, call->outer, LW_OUTCOME_CANCELLED);
    }
}

void lw__layer_free(lw_service *service) {
    struct lw__layer *layer = lw__layer_of(service);
    lw_env env = layer->env;
    lw__layer_end(layer);
    lw_service_free(layer->inner);
    lw__records_free(&layer->calls);
    lw__release(&env, layer);
}

int lw__layer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    return lw_service_ready(lw__layer_of(service)->inner, exchange, retry_at, waiter);
}

void lw__layer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct lw__call *call = exchange->holder;
    lw_service_cancel(lw__layer_of(service)->inner, &call->inner, why);
}

/* ---- calls ---- */

static int call_begins(lw_exchange *inner) {
    struct lw__call *call = lw__call_of(inner);
    call->outer->sample = inner->sample;
    return lw_exchange_begins(call->outer);
}

void *lw__call_new(struct lw__layer *layer, lw_exchange *outer, void (*completed)(lw_exchange *inner)) {
    struct lw__call *call = layer->ending ? NULL : lw__records_take(&layer->calls);
    if (call == NULL) {
        lw_exchange_refuse(outer, layer->ending ? LW_DRAINING : LW_NOMEM, LW_RETRY_NEVER, 0);
        return NULL;
    }
    call->layer = layer;
    call->outer = outer;
    outer->holder = call;
    lw_exchange_derive(&call->inner, outer);
    call->inner.completed = completed;
    call->inner.begins = call_begins;
    call->inner.user = call;
    return call;
}

void lw__call_renew(struct lw__call *call) {
    lw_exchange before = call->inner;
    lw_exchange_derive(&call->inner, call->outer);
    call->inner.completed = before.completed;
    call->inner.begins = before.begins;
    call->inner.chosen = before.chosen;
    call->inner.user = call;
}

lw_exchange *lw__call_end(struct lw__call *call) {
    lw_exchange *outer = call->outer;
    lw__records_give(&call->layer->calls, call);
    return outer;
}

void lw__call_answer(struct lw__call *call) {
    lw_exchange_copy_answer(call->outer, &call->inner);
    lw_exchange_complete(lw__call_end(call));
}

void lw__call_give_up(struct lw__call *call, uint32_t why) {
    lw_exchange *outer = lw__call_end(call);
    outer->reason = LW_OK;
    outer->sample = (lw_sample)LW_SAMPLE_INIT;
    outer->sample.outcome = why;
    lw_exchange_complete(outer);
}
