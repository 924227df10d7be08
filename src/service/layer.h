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
    bool ending;       /* takes no calls any more */
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
    size_t size, options; /* of a struct that begins with lw__layer, and where its options stand */
    size_t call_size;     /* of a struct that begins with lw__call */
    size_t call_zeroed;   /* so much of its beginning is zero in a new call; 0: all */
    bool innermost;       /* it has no inner service */
};

/* Makes a layer with these options, NULL for the defaults, and the inner service its own. Zeroed but for what all
   layers have; NULL: inner has been freed, and *error says why. */
void *lw__layer_new(const struct lw__layer_plan *plan, const lw_env *given, lw_clock *clock, lw_service *inner,
                    const void *options, int *error);
/* Takes no more calls and cancels what is under way. */
void lw__layer_end(struct lw__layer *layer);
/* Ends it, frees the inner service and the layer. */
void lw__layer_free(lw_service *service);

/* The defaults of a kind; what has to be given stays 0. Errors: LW_RANGE, a kind with a fallback out of its range. */
int lw__layer_defaults(const lw_env *env, const lw_layer *kind, void *options);

/* What is wrong with options that are each in range; NULL: nothing. */
const char *lw__layer_misfit(const lw_layer *kind, const void *options);

/* Those of a layer that does nothing there. */
int lw__layer_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter);
void lw__layer_cancel(lw_service *service, lw_exchange *exchange, uint32_t why);

/* A call for this exchange, derived and held; completed is who hears of the inner answer. NULL: the
   exchange has been refused: no memory, or the layer is ending. */
void *lw__call_new(struct lw__layer *layer, lw_exchange *outer, void (*completed)(lw_exchange *inner));

/* Its inner exchange as it was at first, to be handed on once more. */
void lw__call_renew(struct lw__call *call);

/* Answers as the inner exchange was answered. The call is gone then. */
void lw__call_answer(struct lw__call *call);

/* Answers that the caller gave up, where nobody had it. The call is gone then. */
void lw__call_give_up(struct lw__call *call, uint32_t why);

/* The call is gone; its exchange is the layer's to complete. */
lw_exchange *lw__call_end(struct lw__call *call);

static inline struct lw__layer *lw__layer_of(lw_service *service) { return (struct lw__layer *)(void *)service; }
static inline void *lw__call_of(const lw_exchange *inner) { return inner->user; }

/* What retry_at says of how to ask again; UINT64_MAX: when something ends; 0: not by waiting. */
static inline uint32_t lw__retry_of(uint64_t retry_at) {
    return retry_at == UINT64_MAX ? LW_RETRY_ON_COMPLETION : retry_at == 0 ? LW_RETRY_NEVER : LW_RETRY_AT;
}

/* Did a node have it, and did it go well? */
static inline bool lw__exchange_is_good(const lw_exchange *exchange) {
    return exchange->reason == LW_OK && exchange->sample.outcome == LW_OUTCOME_OK;
}

/* ---- the kinds ---- */

extern const lw_layer lw__layer_adaptive_throttle, lw__layer_balance, lw__layer_buffer, lw__layer_circuit_breaker,
    lw__layer_concurrency_limit, lw__layer_hedge, lw__layer_load_shed, lw__layer_rate_limit, lw__layer_retry,
    lw__layer_timeout;

#endif
