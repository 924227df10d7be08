/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One layer around one executor, with a clock that the test sets, and callers who note how they were answered. */
#ifndef TESTS_UNIT_SERVICE_DESK_H
#define TESTS_UNIT_SERVICE_DESK_H

#include "../executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { DESK_CALLS = 64 };
#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct client {
    lw_exchange exchange;
    int busy, completed, heard;
};

struct desk {
    lw_clock *clock;
    lw_stack *stack;
    struct executor node;
    struct client client[DESK_CALLS];
};

static inline lw_env desk_env(void) {
    lw_env env = LW_ENV_INIT;
    env.now = executor_now;
    env.seed = 42;
    return env;
}

static inline void desk_open(struct desk *desk, const char *spec) {
    lw_env env = desk_env();
    lw_stack_options options = LW_STACK_OPTIONS_INIT;
    executor_time = 1000 * SECOND;
    *desk = (struct desk){0};
    executor_init(&desk->node);
    options.inner = &desk->node.service;
    assert_int_equal(lw_clock_new(&desk->clock, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_stack_new(&desk->stack, &env, desk->clock, NULL, spec, &options), LW_OK);
}

static inline void desk_close(struct desk *desk) {
    lw_stack_free(desk->stack);
    assert_int_equal(desk->node.freed, 1);
    assert_true(lw_clock_next(desk->clock) == UINT64_MAX);
    lw_clock_free(desk->clock);
}

static inline lw_service *desk_top(const struct desk *desk) { return lw_stack_service(desk->stack); }

static inline void client_completed(lw_exchange *exchange) {
    struct client *client = (struct client *)(void *)exchange;
    assert_int_equal(client->busy, 1);
    client->busy = 0;
    client->completed = 1;
}

static inline int client_begins(lw_exchange *exchange) {
    ((struct client *)(void *)exchange)->heard++;
    return 1;
}

/* Client number `who` calls, with these flags. */
static inline struct client *desk_call(struct desk *desk, size_t who, uint32_t flags) {
    struct client *client = &desk->client[who];
    assert_int_equal(client->busy, 0);
    *client = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    client->exchange.completed = client_completed;
    client->exchange.begins = client_begins;
    client->exchange.request = client;
    client->exchange.flags = flags;
    lw_service_call(desk_top(desk), &client->exchange);
    return client;
}

/* Time passes; timers fire one after the other, each at its time. */
static inline void desk_wait(struct desk *desk, uint64_t ns) {
    uint64_t until = executor_time + ns;
    while (lw_clock_next(desk->clock) <= until) {
        uint64_t next = lw_clock_next(desk->clock);
        executor_time = next > executor_time ? next : executor_time;
        lw_clock_run(desk->clock);
    }
    executor_time = until;
}

static inline void client_refused(const struct client *client, int reason, uint32_t retry) {
    assert_int_equal(client->completed, 1);
    assert_int_equal(client->exchange.reason, reason);
    assert_int_equal(client->exchange.retry, retry);
}

static inline void client_answered(const struct client *client, uint32_t outcome) {
    assert_int_equal(client->completed, 1);
    assert_int_equal(client->exchange.reason, LW_OK);
    assert_int_equal(client->exchange.sample.outcome, outcome);
}

#endif
