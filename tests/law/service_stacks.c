/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stacks under random events: calls, answers of every outcome, beginnings of answers, cancellations, time that passes.
 * Whatever the stack and the order, every exchange is completed exactly once, no service is left with one, and the pool
 * has no ticket out.
 */
#include "../executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NODES = 4, CALLS = 64, STEPS = 4000, SEEDS = 20 };
#define MS UINT64_C(1000000)

struct caller {
    lw_exchange exchange;
    unsigned completed;
    int busy;
};

struct world {
    lw_clock *clock;
    lw_pool *pool;
    lw_stack *stack;
    struct executor node[NODES];
    struct caller caller[CALLS];
    uint64_t random;
};

static uint64_t draw(struct world *world, uint64_t below) {
    world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (world->random >> 33) % below;
}

static void caller_completed(lw_exchange *exchange) {
    struct caller *caller = (struct caller *)(void *)exchange;
    assert_int_equal(caller->busy, 1);
    assert_int_equal(caller->completed, 0);
    assert_true(exchange->reason <= LW_OK && exchange->sample.outcome <= LW_OUTCOME_CANCELLED);
    assert_null(exchange->holder);
    caller->completed++;
    caller->busy = 0;
}

static void world_open(struct world *world, const char *spec, uint64_t seed) {
    lw_env env = LW_ENV_INIT;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_node_spec specs[NODES] = {0};
    char name[NODES][16];
    env.now = executor_now;
    env.seed = seed;
    executor_time = 1000 * MS;
    *world = (struct world){.random = seed};
    options.max_tickets = 1024;
    assert_int_equal(lw_clock_new(&world->clock, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_pool_new(&world->pool, &env, &options), LW_OK);
    assert_int_equal(lw_stack_new(&world->stack, &env, world->clock, world->pool, spec, NULL), LW_OK);
    for (int i = 0; i < NODES; i++) {
        lw_service *service;
        executor_init(&world->node[i]);
        assert_int_equal(lw_stack_node(world->stack, &world->node[i].service, &service), LW_OK);
        snprintf(name[i], sizeof name[i], "node-%d", i);
        specs[i] = (lw_node_spec){.size = sizeof *specs, .name = name[i], .weight = 1, .user = service};
        specs[i].max_inflight = i % 2 == 0 ? 4 : 0;
    }
    assert_int_equal(lw_pool_update(world->pool, specs, NODES, 0, NULL), LW_OK);
}

static void world_close(struct world *world) {
    lw_stack_free(world->stack);
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(world->pool, executor_time, &stats), LW_OK);
    assert_int_equal(stats.tickets, 0);
    assert_int_equal(stats.already, 0);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(world->caller[i].busy, 0);
    }
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(world->node[i].count, 0);
        assert_int_equal(world->node[i].freed, 1);
    }
    assert_true(lw_clock_next(world->clock) == UINT64_MAX);
    lw_pool_free(world->pool);
    lw_clock_free(world->clock);
}

static void step_call(struct world *world) {
    struct caller *caller = &world->caller[draw(world, CALLS)];
    if (caller->busy) {
        return;
    }
    *caller = (struct caller){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    caller->exchange.completed = caller_completed;
    caller->exchange.flags = draw(world, 3) > 0 ? LW_EXCHANGE_SAFE : 0;
    caller->exchange.deadline = draw(world, 4) == 0 ? executor_time + draw(world, 300 * MS) : 0;
    lw_service_call(lw_stack_service(world->stack), &caller->exchange);
}

static void step_answer(struct world *world) {
    static const uint32_t outcomes[] = {LW_OUTCOME_OK,           LW_OUTCOME_OK,       LW_OUTCOME_OK,
                                        LW_OUTCOME_FAILURE,      LW_OUTCOME_OVERLOAD, LW_OUTCOME_CONNECT_FAILURE,
                                        LW_OUTCOME_RATE_LIMITED, LW_OUTCOME_TIMEOUT,  LW_OUTCOME_CALLER_FAULT};
    struct executor *node = &world->node[draw(world, NODES)];
    if (node->count == 0) {
        return;
    }
    size_t which = draw(world, node->count);
    uint32_t outcome = outcomes[draw(world, sizeof outcomes / sizeof *outcomes)];
    if (draw(world, 4) == 0) {
        lw_exchange *exchange = node->out[which];
        size_t before = node->count;
        exchange->sample.outcome = outcome;
        lw_exchange_begins(exchange);
        if (node->count != before || node->out[which] != exchange) {
            return; /* its beginning made others end */
        }
    }
    executor_end(node, which, outcome);
}

static void step_cancel(struct world *world) {
    struct caller *caller = &world->caller[draw(world, CALLS)];
    if (caller->busy) {
        lw_service_cancel(lw_stack_service(world->stack), &caller->exchange, LW_OUTCOME_CANCELLED);
        assert_int_equal(caller->completed, 1);
        assert_int_equal(caller->busy, 0);
    }
}

static void step_time(struct world *world) {
    uint64_t next = lw_clock_next(world->clock);
    executor_time += draw(world, 40 * MS);
    if (draw(world, 3) == 0 && next != UINT64_MAX && next > executor_time && next < executor_time + 1000 * MS) {
        executor_time = next;
    }
    lw_clock_run(world->clock);
}

static void step_readiness(struct world *world) {
    struct executor *node = &world->node[draw(world, NODES)];
    node->reason = node->reason == LW_OK && draw(world, 3) == 0 ? LW_SATURATED : LW_OK;
    if (node->reason == LW_OK) {
        lw_waiters_tell(&node->waiters);
    }
}

static void play(const char *spec, uint64_t seed) {
    struct world world;
    uint64_t completed = 0;
    world_open(&world, spec, seed);
    for (int i = 0; i < STEPS; i++) {
        switch (draw(&world, 12)) {
        case 0:
        case 1:
        case 2:
        case 3: step_call(&world); break;
        case 4: step_cancel(&world); break;
        case 5:
        case 6: step_time(&world); break;
        case 7: step_readiness(&world); break;
        default: step_answer(&world); break;
        }
    }
    for (int i = 0; i < NODES; i++) {
        completed += world.node[i].calls;
    }
    assert_true(completed > STEPS / 100);
    world_close(&world);
}

static void every_exchange_is_completed_once(void **state) {
    static const char *const specs[] = {
        "balance p2c",
        "timeout 100ms | balance p2c",
        "retry max=4 backoff=5ms | balance random",
        "timeout 200ms | retry max=3 budget=1000 | balance p2c | timeout 50ms",
        "hedge p50 min_samples=1 budget=100 | balance round_robin",
        "timeout 300ms | retry max=5 budget=1000 patience=50ms | hedge p60 min_samples=2 budget=100 least=0 | balance "
        "wait=30ms p2c | timeout 60ms",
        "buffer room=16 patience=80ms | concurrency_limit initial=3 | balance p2c",
        "buffer room=8 lifo=true | load_shed | balance wait=50ms room=4 random",
        "retry max=3 budget=1000 | balance p2c | circuit_breaker failures=2 pause=50ms | concurrency_limit vegas "
        "initial=3",
        "adaptive_throttle | rate_limit 100 burst=10 | concurrency_limit gradient initial=4 | balance wait=20ms "
        "least_request",
        "load_shed 10 | timeout 80ms | hedge p50 min_samples=1 budget=100 least=0 | retry budget=1000 backoff=1ms | "
        "balance jiq",
    };
    (void)state;
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            play(specs[s], seed * 7919 + s);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_exchange_is_completed_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
