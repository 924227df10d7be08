/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory that fails at every point of a stack's life: making it, its nodes, and the first exchanges. Each failure is
 * LW_NOMEM, told by the call or in the answer; nothing is lost, and the services that were handed over are freed.
 */
#include "../executor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct purse {
    long left; /* allocations until one fails; below 0: none does */
    long blocks;
};

static void *purse_alloc(void *user, size_t size) {
    struct purse *purse = user;
    if (purse->left == 0) {
        return NULL;
    }
    purse->left -= purse->left > 0;
    purse->blocks++;
    return malloc(size);
}

static void purse_release(void *user, void *memory) {
    ((struct purse *)user)->blocks--;
    free(memory);
}

static lw_env purse_env(struct purse *purse) {
    lw_env env = LW_ENV_INIT;
    env.user = purse;
    env.alloc = purse_alloc;
    env.release = purse_release;
    env.now = executor_now;
    env.seed = 1;
    return env;
}

static int completed, answer;

static void life_completed(lw_exchange *exchange) {
    completed++;
    answer = exchange->reason;
}

/* Makes a stack and a node and sends a request; true: nothing failed. */
static int live(struct purse *purse, const char *spec, lw_pool *pool) {
    lw_env env = purse_env(purse);
    lw_stack_options options = LW_STACK_OPTIONS_INIT;
    lw_exchange exchange = LW_EXCHANGE_INIT;
    struct executor node;
    lw_service *service = NULL;
    lw_stack *stack = NULL;
    lw_clock *clock = NULL;
    executor_init(&node);
    options.inner = pool == NULL ? &node.service : NULL;
    int error = lw_clock_new(&clock, &env, NULL, NULL);
    if (error == LW_OK) {
        error = lw_stack_new(&stack, &env, clock, pool, spec, &options);
        assert_int_equal(node.freed, error != LW_OK && pool == NULL);
    }
    if (error == LW_OK && pool != NULL) {
        error = lw_stack_node(stack, &node.service, &service);
        assert_int_equal(node.freed, error != LW_OK);
    }
    if (error == LW_OK && pool != NULL) {
        lw_node_spec specs = {.size = sizeof specs, .name = "a", .weight = 1, .user = service};
        assert_int_equal(lw_pool_update(pool, &specs, 1, 0, NULL), LW_OK);
    }
    if (error == LW_OK) {
        completed = 0;
        exchange.completed = life_completed;
        lw_service_call(lw_stack_service(stack), &exchange);
        if (node.count > 0) {
            executor_end(&node, 0, LW_OUTCOME_OK);
        }
        assert_int_equal(completed, 1);
        error = answer;
    }
    assert_true(error == LW_OK || error == LW_NOMEM);
    lw_stack_free(stack);
    lw_clock_free(clock);
    if (pool != NULL) {
        assert_int_equal(lw_pool_update(pool, NULL, 0, LW_UPDATE_ALLOW_EMPTY, NULL), LW_OK);
    }
    assert_int_equal(purse->blocks, 0);
    return error == LW_OK;
}

static void fails_at_every_point(const char *spec, int with_pool) {
    lw_pool *pool = NULL;
    lw_env env = LW_ENV_INIT;
    env.now = executor_now;
    env.seed = 1;
    executor_time = 1000000000;
    if (with_pool) {
        assert_int_equal(lw_pool_new(&pool, &env, NULL), LW_OK);
    }
    long point = 0;
    for (struct purse purse = {.left = 0}; !live(&purse, spec, pool); purse.left = ++point) {
        assert_true(point < 200);
    }
    assert_true(point > 3);
    lw_pool_free(pool);
}

static void every_layer(void **state) {
    static const char *const specs[] = {"timeout 1s",        "retry",     "hedge",           "buffer",
                                        "concurrency_limit", "load_shed", "circuit_breaker", "rate_limit 5",
                                        "adaptive_throttle"};
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        fails_at_every_point(specs[i], 0);
    }
}

static void whole_stacks(void **state) {
    (void)state;
    fails_at_every_point("timeout 2s | retry | hedge | balance wait=1s p2c | circuit_breaker | rate_limit 5 burst=9",
                         1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_layer), cmocka_unit_test(whole_stacks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
