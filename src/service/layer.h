/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What layers are made of: a service with an inner one, and a record for each call that is under way.
 *
 * A call holds the caller's exchange and one of its own, which goes to the inner service. Most layers look at a call
 * when it comes and when it is answered, and hand the rest on.
 */
#ifndef LW_SERVICE_LAYER_H
#define LW_SERVICE_LAYER_H

#include "base/env.h"
#include "base/raise.h"
#include "service/records.h"

#include <loadwise/layer.h>
#include <stdbool.h>

struct lw__layer {
    lw_service service;
    lw_env env;
    lw_clock *clock;
    lw_service *inner; /* owned */
    struct lw__records calls;
};

struct lw__call {
    struct lw__record record;
    struct lw__layer *layer;
    lw_exchange *outer;
    lw_exchange inner;
};

/* How to make a layer. */
struct lw__layer_plan {
    const lw_service_ops *ops;
    size_t size, call_size; /* of structs that begin with lw__layer and lw__call; 0: no calls of its own */
};

/* A zeroed layer; frees the inner service when that fails, and *error says why. */
void *lw__layer_new(const struct lw__layer_plan *plan, const lw_env *env, lw_clock *clock, lw_service *inner,
                    int *error);
/* Cancels what is under way, frees the inner service and the layer. */
void lw__layer_free(lw_service *service);

/* LW_RANGE, and the log is told, unless value is from least to most. */
int lw__layer_range(const lw_env *env, const char *layer, const char *option, uint64_t value, uint64_t least,
                    uint64_t most);

/* Those of a layer that does nothing there. */
int lw__layer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter);
void lw__layer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why);

/* A call for this exchange, derived and held; completed is who hears of the inner answer. NULL: no memory, and the
   exchange has been refused. */
void *lw__call_new(struct lw__layer *layer, lw_exchange *outer, void (*completed)(lw_exchange *inner));

/* Answers as the inner exchange was answered. The call is gone then. */
void lw__call_answer(struct lw__call *call);

/* The call is gone; its exchange is the layer's to complete. */
lw_exchange *lw__call_end(struct lw__call *call);

static inline struct lw__layer *lw__layer_of(lw_service *service) { return (struct lw__layer *)(void *)service; }
static inline void *lw__call_of(const lw_exchange *inner) { return inner->user; }

/* Did a node have it, and did it go well? */
static inline bool lw__exchange_is_good(const lw_exchange *exchange) {
    return exchange->reason == LW_OK && exchange->sample.outcome == LW_OUTCOME_OK;
}

#endif
