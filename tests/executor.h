/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A service for tests that does nothing by itself: what it is given waits until the test says how it ends. With a clock
 * that the test sets, whole stacks run in any order of events that a test can think of.
 */
#ifndef TESTS_EXECUTOR_H
#define TESTS_EXECUTOR_H

#include <loadwise/loadwise.h>
#include <stdlib.h>

enum { EXECUTOR_MOST = 256 };

/* The time of a test, as lw_env.now. */
static uint64_t executor_time;
static uint64_t executor_now(void *user) {
    (void)user;
    return executor_time;
}

/* Also where assert is compiled out. */
static void executor_must(int holds) {
    if (!holds) {
        abort();
    }
}

struct executor {
    lw_service service;
    lw_exchange *out[EXECUTOR_MOST]; /* in the order in which they came */
    size_t count;
    uint64_t calls, cancels, begun;
    int reason; /* not LW_OK: not ready, for this reason */
    int freed;
    lw_waiters waiters;
    /* Told of each exchange once it is under way, and may end it there and then; NULL: nobody is. */
    void (*arrived)(struct executor *executor, lw_exchange *exchange);
    void *user; /* of who is told */
};

static struct executor *executor_of(lw_service *service) { return (struct executor *)(void *)service; }

static int executor_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    struct executor *executor = executor_of(service);
    (void)exchange;
    if (executor->reason != LW_OK) {
        *retry_at = UINT64_MAX;
        lw_waiters_add(&executor->waiters, waiter);
    }
    return executor->reason;
}

static void executor_call(lw_service *service, lw_exchange *exchange) {
    struct executor *executor = executor_of(service);
    executor_must(executor->count < EXECUTOR_MOST && exchange->holder == NULL);
    exchange->holder = executor;
    executor->out[executor->count++] = exchange;
    executor->calls++;
    if (executor->arrived != NULL) {
        executor->arrived(executor, exchange);
    }
}

static lw_exchange *executor_take(struct executor *executor, size_t which) {
    lw_exchange *exchange = executor->out[which];
    executor_must(which < executor->count);
    for (size_t i = which + 1; i < executor->count; i++) {
        executor->out[i - 1] = executor->out[i];
    }
    executor->count--;
    return exchange;
}

/* Refuses exchange number `which` of those under way, to be tried again on completion. */
static inline void executor_refuse(struct executor *executor, size_t which, int reason) {
    lw_exchange_refuse(executor_take(executor, which), reason, LW_RETRY_ON_COMPLETION, UINT64_MAX);
}

/* Ends exchange number `which` of those under way. */
static void executor_end(struct executor *executor, size_t which, uint32_t outcome) {
    lw_exchange *exchange = executor_take(executor, which);
    exchange->reason = LW_OK;
    exchange->sample.outcome = outcome;
    lw_exchange_complete(exchange);
}

static void executor_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    struct executor *executor = executor_of(service);
    for (size_t i = 0; i < executor->count; i++) {
        if (executor->out[i] == exchange) {
            executor->cancels++;
            executor_end(executor, i, why);
            return;
        }
    }
    abort(); /* an exchange is cancelled that is not here */
}

static void executor_free(lw_service *service) {
    struct executor *executor = executor_of(service);
    while (executor->count > 0) {
        executor_end(executor, 0, LW_OUTCOME_CANCELLED);
    }
    executor->freed++;
}

static const lw_service_ops executor_ops = {
    .size = sizeof executor_ops,
    .name = "executor",
    .ready = executor_ready,
    .call = executor_call,
    .cancel = executor_cancel,
    .free = executor_free,
};

static void executor_init(struct executor *executor) { *executor = (struct executor){.service.ops = &executor_ops}; }

#endif
