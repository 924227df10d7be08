/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as a stack: either one that takes a few exchanges and ends each once, or a documented error with one
 * message that points into the text. Nothing is left behind.
 */
#include <loadwise/loadwise.h>
#include <loadwise/stack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_SIZE = 1024, STACK_CALLS = 4 };

struct stack_watch {
    size_t blocks;
    int told, code;
    size_t column; /* that the message names; 0: none */
    uint64_t time;
};

static void stack_check(int holds) {
    if (!holds) {
        abort();
    }
}

static void *stack_alloc(void *user, size_t size) {
    ((struct stack_watch *)user)->blocks++;
    return malloc(size);
}

static void stack_release(void *user, void *memory) {
    ((struct stack_watch *)user)->blocks--;
    free(memory);
}

static uint64_t stack_now(void *user) { return ((struct stack_watch *)user)->time; }

static void stack_log(void *user, int code, const char *message) {
    struct stack_watch *watch = user;
    watch->told++;
    watch->code = code;
    stack_check(message[0] != '\0');
    if (sscanf(message, "column %zu:", &watch->column) != 1) {
        watch->column = 0;
    }
}

/* A node that answers at once, not always well. */

struct stack_leaf {
    lw_service service;
    unsigned calls, freed;
};

static int leaf_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    (void)service, (void)exchange, (void)retry_at, (void)waiter;
    return LW_OK;
}

static void leaf_call(lw_service *service, lw_exchange *exchange) {
    struct stack_leaf *leaf = (struct stack_leaf *)(void *)service;
    exchange->reason = LW_OK;
    exchange->sample.outcome = leaf->calls++ % 3 == 1 ? LW_OUTCOME_OVERLOAD : LW_OUTCOME_OK;
    lw_exchange_complete(exchange);
}

static void leaf_cancel(lw_service *service, lw_exchange *exchange, uint32_t why) {
    (void)service, (void)exchange, (void)why;
    abort(); /* it never has one */
}

static void leaf_free(lw_service *service) { ((struct stack_leaf *)(void *)service)->freed++; }

static const lw_service_ops leaf_ops = {sizeof leaf_ops, "leaf", leaf_ready, leaf_call, leaf_cancel, leaf_free};

static unsigned completed;
static void call_completed(lw_exchange *exchange) {
    (void)exchange;
    completed++;
}

static void check_stack(lw_stack *stack, lw_clock *clock, struct stack_watch *watch) {
    lw_exchange exchange[STACK_CALLS];
    completed = 0;
    for (int i = 0; i < STACK_CALLS; i++) {
        exchange[i] = (lw_exchange)LW_EXCHANGE_INIT;
        exchange[i].completed = call_completed;
        lw_service_call(lw_stack_service(stack), &exchange[i]);
        for (int k = 0; k < 20 && lw_clock_next(clock) != UINT64_MAX; k++) {
            watch->time = lw_clock_next(clock) > watch->time ? lw_clock_next(clock) : watch->time;
            lw_clock_run(clock);
        }
    }
    lw_stack_free(stack);
    stack_check(completed == STACK_CALLS);
}

static void check_error(int error, const struct stack_watch *watch, size_t length) {
    stack_check(error == LW_SYNTAX || error == LW_UNKNOWN || error == LW_RANGE || error == LW_INVALID ||
                error == LW_UNSUPPORTED || error == LW_NOMEM || error == LW_TOO_LARGE);
    stack_check(error == LW_NOMEM || (watch->told == 1 && watch->code == error));
    stack_check(watch->column <= length + 1);
    stack_check((error != LW_SYNTAX && error != LW_UNKNOWN) || watch->column > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char spec[STACK_SIZE] = "";
    struct stack_watch watch = {.time = 1000};
    struct stack_leaf leaf = {{&leaf_ops}, 0, 0};
    lw_env env = LW_ENV_INIT;
    lw_stack_options options = LW_STACK_OPTIONS_INIT;
    lw_pool_options small = LW_POOL_OPTIONS_INIT;
    lw_stack *stack = NULL;
    lw_clock *clock = NULL;
    lw_pool *pool = NULL;
    memcpy(spec, bytes, size < sizeof spec ? size : sizeof spec - 1);
    env.user = &watch;
    env.alloc = stack_alloc;
    env.release = stack_release;
    env.now = stack_now;
    env.log = stack_log;
    env.seed = 1;
    int balances = strstr(spec, "balance") != NULL;
    options.inner = balances ? NULL : &leaf.service;
    stack_check(lw_clock_new(&clock, &env, NULL, NULL) == LW_OK);
    small.max_tickets = 16;
    stack_check(!balances || lw_pool_new(&pool, &env, &small) == LW_OK);
    int error = lw_stack_new(&stack, &env, clock, pool, spec, &options);
    stack_check((error == LW_OK) == (stack != NULL));
    if (error == LW_OK) {
        stack_check(watch.told == 0);
        check_stack(stack, clock, &watch);
    } else {
        check_error(error, &watch, strlen(spec));
    }
    stack_check(leaf.freed == !balances);
    lw_pool_free(pool);
    stack_check(lw_clock_next(clock) == UINT64_MAX);
    lw_clock_free(clock);
    stack_check(watch.blocks == 0);
    return 0;
}
