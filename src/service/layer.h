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
#include "base/param.h"
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
    const lw_layer *kind;
    const lw_service_ops *ops;
    size_t size, options;    /* of a struct that begins with lw__layer, and where its options stand */
    size_t call_size;        /* of a struct that begins with lw__call; 0: no calls of its own */
    bool outermost_of_nodes; /* it has no inner service */
    const char *(*misfit)(const void *options); /* what is wrong with options that are each in range, or NULL */
};

/* Makes a layer with these options, NULL for the defaults, and the inner service its own. Zeroed but for what all
   layers have; NULL: inner has been freed, and *error says why. */
void *lw__layer_new(const struct lw__layer_plan *plan, const lw_env *env, lw_clock *clock, lw_service *inner,
                    const void *options, int *error);
/* Cancels what is under way, frees the inner service and the layer. */
void lw__layer_free(lw_service *service);

/* The defaults of a kind; what has to be given stays 0. Checks options, whoever filled them in: LW_RANGE. */
void lw__layer_defaults(const lw_layer *kind, void *options);
int lw__layer_check(const lw_env *env, const lw_layer *kind, const void *options);

/* Those of a layer that does nothing there. */
int lw__layer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter);
void lw__layer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why);

/* A call for this exchange, derived and held; completed is who hears of the inner answer. NULL: no memory, and the
   exchange has been refused. */
void *lw__call_new(struct lw__layer *layer, lw_exchange *outer, void (*completed)(lw_exchange *inner));

/* Answers as the inner exchange was answered. The call is gone then. */
void lw__call_answer(struct lw__call *call);

/* Answers that the caller gave up, where nobody had it. The call is gone then. */
void lw__call_give_up(struct lw__call *call, uint32_t why);

/* The call is gone; its exchange is the layer's to complete. */
lw_exchange *lw__call_end(struct lw__call *call);

static inline struct lw__layer *lw__layer_of(lw_service *service) { return (struct lw__layer *)(void *)service; }
static inline void *lw__call_of(const lw_exchange *inner) { return inner->user; }

/* Did a node have it, and did it go well? */
static inline bool lw__exchange_is_good(const lw_exchange *exchange) {
    return exchange->reason == LW_OK && exchange->sample.outcome == LW_OUTCOME_OK;
}

/* ---- the kinds ---- */

extern const lw_layer lw__layer_adaptive_throttle, lw__layer_balance, lw__layer_buffer, lw__layer_circuit_breaker,
    lw__layer_concurrency_limit, lw__layer_hedge, lw__layer_load_shed, lw__layer_rate_limit, lw__layer_retry,
    lw__layer_timeout;

#endif
