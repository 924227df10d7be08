/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Gates: refuse, or let in, hand on, and tell who waits when somebody has left. Cost: a record. */
#include "service/gate.h"

static struct lw__gate *gate_of(struct lw__layer *layer) { return (struct lw__gate *)(void *)layer; }

int lw__gate_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    struct lw__gate *gate = gate_of(lw__layer_of(service));
    struct lw__verdict verdict = gate->gate->ready(&gate->layer, lw_clock_now(gate->layer.clock));
    if (verdict.reason == LW_OK) {
        return lw__layer_ready(service, exchange, retry_at, waiter);
    }
    *retry_at = verdict.retry_at;
    lw_waiters_add(&gate->waiters, waiter);
    return verdict.reason;
}

static void gate_completed(lw_exchange *inner) {
    struct lw__gate_call *call = lw__call_of(inner);
    struct lw__gate *gate = gate_of(call->call.layer);
    gate->gate->left(&gate->layer, call, lw_clock_now(gate->layer.clock));
    lw__call_answer(&call->call);
    lw_waiters_tell(&gate->waiters);
}

void lw__gate_call(lw_service *service, lw_exchange *exchange) {
    struct lw__gate *gate = gate_of(lw__layer_of(service));
    struct lw__gate_call *call = lw__call_new(&gate->layer, exchange, gate_completed);
    if (call == NULL) {
        return;
    }
    struct lw__verdict verdict = gate->gate->enter(&gate->layer, call, lw_clock_now(gate->layer.clock));
    if (verdict.reason == LW_OK) {
        lw_service_call(gate->layer.inner, &call->call.inner);
        return;
    }
    lw_exchange_refuse(lw__call_end(&call->call), verdict.reason, lw__retry_of(verdict.retry_at), verdict.retry_at);
}
