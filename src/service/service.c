/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all services share: exchanges that are handed on and back, and those who wait for a service to become ready.
 * Waiters are a ring in the order of coming. Who tells them moves it to one of his own first, so that a waiter which
 * asks again and has to wait again is not told twice. Cost: O(1), and telling O(waiters).
 */
#include <loadwise/service.h>

void lw_service_free(lw_service *service) {
    if (service != NULL) {
        service->ops->free(service);
    }
}

/* ---- exchanges ---- */

void lw_exchange_refuse(lw_exchange *exchange, int reason, uint32_t retry, uint64_t retry_at) {
    exchange->reason = reason;
    exchange->retry = retry;
    exchange->retry_at = retry_at;
    lw_exchange_complete(exchange);
}

void lw_exchange_derive(lw_exchange *inner, lw_exchange *outer) {
    *inner = (lw_exchange)LW_EXCHANGE_INIT;
    inner->request = outer->request;
    inner->pick = outer->pick;
    inner->deadline = outer->deadline;
    inner->flags = outer->flags;
    inner->parent = outer;
}

void lw_exchange_chosen(lw_exchange *exchange, uint64_t node) {
    for (; exchange != NULL; exchange = exchange->parent) {
        exchange->node = node;
        exchange->tries++;
        if (exchange->chosen != NULL) {
            exchange->chosen(exchange, node);
        }
    }
}

void lw_exchange_mark(lw_exchange *exchange, uint32_t flags) {
    for (; exchange != NULL; exchange = exchange->parent) {
        exchange->flags |= flags;
    }
}

void lw_exchange_copy_answer(lw_exchange *outer, const lw_exchange *inner) {
    outer->flags |= inner->flags & (LW_EXCHANGE_SPENT | LW_EXCHANGE_BEGUN);
    outer->reason = inner->reason;
    outer->retry = inner->retry;
    outer->retry_at = inner->retry_at;
    outer->sample = inner->sample;
    outer->response = inner->response;
    outer->node = inner->node != 0 ? inner->node : outer->node; /* inside of a node nobody is told of it */
}

/* ---- waiting ---- */

static void waiter_put_before(lw_waiter *place, lw_waiter *waiter) {
    waiter->next = place;
    waiter->before = place->before;
    place->before->next = waiter;
    place->before = waiter;
}

static void ring_init(lw_waiter *head) { head->next = head->before = head; }

/* All that stand in the ring of `from` go to that of `to`, which is empty. */
static void ring_move(lw_waiter *from, lw_waiter *to) {
    ring_init(to);
    if (from->next != from) {
        to->next = from->next;
        to->before = from->before;
        to->next->before = to->before->next = to;
        ring_init(from);
    }
}

void lw_waiters_add(lw_waiters *waiters, lw_waiter *waiter) {
    if (waiter == NULL || waiter->next != NULL) {
        return;
    }
    if (waiters->head.next == NULL) {
        ring_init(&waiters->head);
    }
    waiter_put_before(&waiters->head, waiter);
}

void lw_waiter_leave(lw_waiter *waiter) {
    if (waiter->next != NULL) {
        waiter->next->before = waiter->before;
        waiter->before->next = waiter->next;
        waiter->next = waiter->before = NULL;
    }
}

void lw_waiters_tell(lw_waiters *waiters) {
    lw_waiter told;
    if (waiters->head.next == NULL) {
        return;
    }
    ring_move(&waiters->head, &told);
    while (told.next != &told) {
        lw_waiter *waiter = told.next;
        lw_waiter_leave(waiter);
        waiter->ready(waiter);
    }
}
