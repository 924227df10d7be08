/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A gate: what the layers share that let some exchanges in and refuse others at once. The layer only says who may enter
 * (ready looks, enter takes) and hears who has left.
 */
#ifndef LW_SERVICE_GATE_H
#define LW_SERVICE_GATE_H

#include "service/layer.h"

/* An answer of a gate: LW_OK, or why not and until when. */
struct lw__verdict {
    int reason;
    uint64_t retry_at; /* UINT64_MAX: when something ends; 0: not by waiting */
};

struct lw__gate_call {
    struct lw__call call;
    uint64_t pass[4]; /* the gate's */
};

struct lw__gate_ops {
    /* Would it be let in? Changes nothing. */
    struct lw__verdict (*ready)(struct lw__layer *layer, uint64_t now);
    /* Lets it in, and keeps what it needs in its pass. */
    struct lw__verdict (*enter)(struct lw__layer *layer, struct lw__gate_call *call, uint64_t now);
    /* It has left, as its inner exchange says. */
    void (*left)(struct lw__layer *layer, const struct lw__gate_call *call, uint64_t now);
};

/* A layer that begins so is a gate, with these as its operations. */
struct lw__gate {
    struct lw__layer layer;
    const struct lw__gate_ops *gate;
    lw_waiters waiters;
};

int lw__gate_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter);
void lw__gate_call(lw_service *service, lw_exchange *exchange);

#endif
