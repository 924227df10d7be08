/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Services: whatever turns a request into an answer later. An HTTP client for one node is one; so is a timeout around
 * it, and a pool of such clients with a choice among them. They nest: each layer is a service around another one.
 *
 *     struct order { lw_exchange exchange; ... };                     // the exchange is embedded in your own struct
 *     order->exchange = (lw_exchange)LW_EXCHANGE_INIT;
 *     order->exchange.request = &http;                                // what the innermost service understands
 *     order->exchange.completed = order_done;
 *     lw_service_call(service, &order->exchange);
 *
 * The law of exchanges: `completed` is called exactly once for each call, perhaps before the call returns, whatever
 * happens: an answer, a failure, a refusal, a timeout, a cancellation. From the call to that moment the exchange
 * belongs to the service and stays where it is; in `completed` and after it, it is the caller's again. To be called
 * again it has to be as LW_EXCHANGE_INIT has it once more, but for the caller's part.
 *
 * Threads: a service belongs to the thread of its clock. No service starts threads, opens descriptors or waits; none
 * allocates per call but what its header states. From inside of a callback everything may be called but what frees
 * services or the clock. A service that is being freed refuses further calls: LW_DRAINING.
 */
#ifndef LOADWISE_SERVICE_H
#define LOADWISE_SERVICE_H

#include <loadwise/outcome.h>
#include <loadwise/quota.h>

LW_BEGIN

typedef struct lw_service lw_service;
typedef struct lw_exchange lw_exchange;
typedef struct lw_waiter lw_waiter;

enum lw_exchange_flag {
    /* By the caller: to do it twice is to do it once. Else it is tried again only when no node can have begun with it.
     */
    LW_EXCHANGE_SAFE = 1,
    /* By the innermost service, with lw_exchange_mark: part of the request is gone and cannot be said again. No other
       try after this. */
    LW_EXCHANGE_SPENT = 2,
    /* By any service: the caller has heard the beginning of an answer. No other try after this. */
    LW_EXCHANGE_BEGUN = 4,
    /* By a layer: not to a node that pick excludes, also where the pool would lend it as the only one left. */
    LW_EXCHANGE_ELSEWHERE = 8,
};

/* One request on its way through a service. */
struct lw_exchange {
    size_t size; /* sizeof(lw_exchange), so that the struct can grow */

    /* The caller's; services change none of these but the flags, by adding. */
    void *request;          /* borrowed until completed */
    const lw_request *pick; /* key, amounts, exclusions, cost for whoever chooses; NULL: plain */
    uint64_t
        deadline;   /* monotonic ns; 0: none. Nobody waits past it; a timeout layer or the innermost service ends it */
    uint32_t flags; /* enum lw_exchange_flag */
    void (*completed)(lw_exchange *exchange); /* required */
    /* An answer begins; sample.outcome says what it looks like. 1: go on, it is heard. 0: nobody wants it; the service
       lets the rest pass by. NULL: 1. Not every service tells. */
    int (*begins)(lw_exchange *exchange);
    /* A node has been chosen for it, perhaps one of several; for layers that remember which. NULL: nobody is told. It
       may only note it. */
    void (*chosen)(lw_exchange *exchange, uint64_t node);
    void *user;

    /* The answer; valid in `completed`. */
    int32_t reason;    /* LW_OK: a node had it, and sample says how it went. Else a refusal or an error of a layer */
    uint32_t retry;    /* after a refusal: enum lw_retry */
    uint64_t retry_at; /* monotonic ns */
    lw_sample sample;
    void *response; /* by the innermost service: its own business */
    uint64_t node;  /* id of the node that had it last; 0: none */
    uint32_t tries; /* how often a node was chosen */
    uint32_t spare;

    void *holder;        /* of the service that has it; NULL: none. Not for callers */
    lw_exchange *parent; /* whose part it is, see lw_exchange_derive */
};

#define LW_EXCHANGE_INIT                                                                                               \
    {                                                                                                                  \
        sizeof(lw_exchange), NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, LW_OK, 0, 0, LW_SAMPLE_INIT, NULL, 0, 0, 0,     \
            NULL, NULL                                                                                                 \
    }

/* Who waits for a service to become ready. Zero before its first use; must stay where it is while it waits. */
struct lw_waiter {
    void (*ready)(lw_waiter *waiter); /* set by its owner: ask again. The waiter waits no longer then */
    lw_waiter *next, *before;         /* the service's */
};

/* What a service does. Every entry is required. */
typedef struct lw_service_ops {
    size_t size; /* sizeof(lw_service_ops), so that the struct can grow */
    const char *name;

    /* Would a call be taken now, for all that can be known before? LW_OK, or a refusal; *retry_at is then when to ask
       again by time alone, UINT64_MAX: only when something ends. waiter, if not NULL, is told once when something has
       ended that may have changed the answer; it is not kept with LW_OK. */
    int (*ready)(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter);

    /* See the law of exchanges. Sets exchange->holder before anything else, so that it can be cancelled from anywhere.
     */
    void (*call)(lw_service *service, lw_exchange *exchange);

    /* The caller gives up: `completed` is called before this returns, with LW_OK and the outcome `why`
       (LW_OUTCOME_CANCELLED, LW_OUTCOME_TIMEOUT), or as it was if it just had. exchange->holder is not NULL. */
    void (*cancel)(lw_service *service, lw_exchange *exchange, uint32_t why);

    /* Ends the service and all that it owns. Exchanges under way are cancelled first. */
    void (*free)(lw_service *service);
} lw_service_ops;

/* A service is a struct that begins so. */
struct lw_service {
    const lw_service_ops *ops;
};

/* The operations as calls; see lw_service_ops. exchange may be NULL: a plain one. */
static inline int lw_service_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at,
                                   lw_waiter *waiter) {
    return service->ops->ready(service, exchange, retry_at, waiter);
}
static inline void lw_service_call(lw_service *service, lw_exchange *exchange) {
    service->ops->call(service, exchange);
}
/* Does nothing when it is not under way. service: the one that was called. */
static inline void lw_service_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    if (exchange->holder != NULL) {
        service->ops->cancel(service, exchange, why);
    }
}
/* NULL-safe. */
LW_API void lw_service_free(lw_service *service);

/* Takes a waiter out of wherever it waits. */
LW_API void lw_waiter_leave(lw_waiter *waiter);

/* ---- for those who write services ---- */

/* Who waits for this service; zero at the start. */
typedef struct lw_waiters {
    lw_waiter head; /* a ring through this one; its `ready` is not used */
} lw_waiters;

/* Lets it wait, unless it waits already. NULL-safe. */
LW_API void lw_waiters_add(lw_waiters *waiters, lw_waiter *waiter);

/* Tells all of them, the longest waiting first, but none that comes meanwhile. */
LW_API void lw_waiters_tell(lw_waiters *waiters);

/* Hands the exchange back to its caller: reason and answer are set. */
static inline void lw_exchange_complete(lw_exchange *exchange) {
    exchange->holder = NULL;
    exchange->completed(exchange);
}

/* The same with a refusal or an error. */
LW_API void lw_exchange_refuse(lw_exchange *exchange, int reason, uint32_t retry, uint64_t retry_at);

/* Begins an exchange `inner` for the same request, to be handed on; completed, begins, chosen and user are the caller's
   to set. copy_answer takes the answer of inner over, with SPENT and BEGUN of its flags. */
LW_API void lw_exchange_derive(lw_exchange *inner, lw_exchange *outer);
LW_API void lw_exchange_copy_answer(lw_exchange *outer, const lw_exchange *inner);

/* A node has been chosen for it: told to all whose part it is, so that they know it while it is under way. */
LW_API void lw_exchange_chosen(lw_exchange *exchange, uint64_t node);

/* Adds SPENT or BEGUN to its flags and those of all whose part it is, so that they know it while it is under way. */
LW_API void lw_exchange_mark(lw_exchange *exchange, uint32_t flags);

/* Says that an answer begins, and whether anybody wants it. Whoever hears it may cancel the exchange there and then. */
static inline int lw_exchange_begins(lw_exchange *exchange) {
    return exchange->begins != NULL ? exchange->begins(exchange) : 1;
}

LW_END

#endif
