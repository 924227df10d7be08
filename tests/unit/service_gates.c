/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Layers that let in or refuse: rate limit, circuit breaker, load shedding, adaptive throttle; and the timeout. */
#include "service_desk.h"

#include <math.h>

static void rates_are_exact(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "rate_limit 10 burst=3");
    uint64_t began = executor_time, retry_at = 0;
    for (int i = 0; i < 3; i++) {
        desk_call(&desk, (size_t)i, 0);
    }
    assert_int_equal(desk.node.count, 3);
    for (int i = 0; i < 5; i++) {
        struct client *client = desk_call(&desk, 3, 0);
        client_refused(client, LW_OVER_QUOTA, LW_RETRY_AT);
        retry_at = client->exchange.retry_at;
        assert_true(retry_at > executor_time && retry_at - began <= (uint64_t)(i + 1) * 100 * MS + MS);
        assert_true(retry_at - began >= (uint64_t)(i + 1) * 100 * MS);
        executor_time = retry_at - 1;
        client_refused(desk_call(&desk, 3, 0), LW_OVER_QUOTA, LW_RETRY_AT);
        uint64_t again = 0;
        assert_int_equal(lw_service_ready(desk_top(&desk), NULL, &again, NULL), LW_OVER_QUOTA);
        assert_true(again == retry_at);
        executor_time = retry_at;
        assert_int_equal(lw_service_ready(desk_top(&desk), NULL, &again, NULL), LW_OK);
        desk_call(&desk, 3, 0);
        assert_int_equal(desk.node.count, 4);
        executor_end(&desk.node, 3, LW_OUTCOME_OK);
    }
    executor_time = began; /* time that steps back brings nothing */
    client_refused(desk_call(&desk, 3, 0), LW_OVER_QUOTA, LW_RETRY_AT);
    desk_close(&desk);
}

static void a_breaker_opens_tries_out_and_closes(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "circuit_breaker failures=3 successes=2 pause=1s max_pause=3s permits=2");
    for (int i = 0; i < 3; i++) {
        desk_call(&desk, 0, 0);
        executor_end(&desk.node, 0, i == 1 ? LW_OUTCOME_TIMEOUT : LW_OUTCOME_FAILURE);
    }
    static const uint64_t pauses[] = {1, 2, 3, 3}; /* twice as long each time, at most max_pause */
    for (int i = 0; i < 4; i++) {
        uint64_t opened = executor_time, pause = pauses[i] * SECOND;
        struct client *client = desk_call(&desk, 0, 0);
        client_refused(client, LW_ALL_UNHEALTHY, LW_RETRY_AT);
        assert_true(client->exchange.retry_at >= opened + pause - pause / 5);
        assert_true(client->exchange.retry_at <= opened + pause + pause / 5);
        executor_time = client->exchange.retry_at - 1;
        assert_int_equal(desk_call(&desk, 0, 0)->completed, 1);
        executor_time++;
        desk_call(&desk, 0, 0);
        desk_call(&desk, 1, 0);
        assert_int_equal(desk.node.count, 2);
        client = desk_call(&desk, 2, 0); /* two permits; a minute later they would be void */
        client_refused(client, LW_ALL_UNHEALTHY, LW_RETRY_AT);
        assert_true(client->exchange.retry_at == executor_time + 60 * SECOND);
        lw_service_cancel(desk_top(&desk), &desk.client[1].exchange, LW_OUTCOME_CANCELLED); /* says nothing */
        executor_end(&desk.node, 0, i < 3 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK);
    }
    desk_call(&desk, 0, 0);
    desk_call(&desk, 1, 0);
    client_refused(desk_call(&desk, 2, 0), LW_ALL_UNHEALTHY, LW_RETRY_AT); /* one success is not enough */
    executor_end(&desk.node, 1, LW_OUTCOME_CANCELLED);
    executor_end(&desk.node, 0, LW_OUTCOME_CALLER_FAULT); /* says nothing of the node */
    desk_call(&desk, 0, 0);
    executor_end(&desk.node, 0, LW_OUTCOME_OK);
    for (size_t i = 0; i < 5; i++) {
        desk_call(&desk, i, 0);
    }
    assert_int_equal(desk.node.count, 5);
    desk_close(&desk);
}

static void sheds_what_would_wait(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "load_shed | buffer room=1 | concurrency_limit initial=1");
    desk_call(&desk, 0, 0);
    desk_call(&desk, 1, 0);
    client_refused(desk_call(&desk, 2, 0), LW_SATURATED, LW_RETRY_ON_COMPLETION);
    assert_int_equal(desk.client[1].busy, 1);
    executor_end(&desk.node, 0, LW_OUTCOME_OK);
    desk_call(&desk, 2, 0);
    assert_int_equal(desk.client[2].busy, 1);
    desk_close(&desk);
    desk_open(&desk, "load_shed 2");
    desk_call(&desk, 0, 0);
    desk_call(&desk, 1, 0);
    client_refused(desk_call(&desk, 2, 0), LW_SHED, LW_RETRY_ON_COMPLETION);
    executor_end(&desk.node, 0, LW_OUTCOME_OK);
    assert_int_equal(desk_call(&desk, 2, 0)->busy, 1);
    desk.node.reason = LW_OVER_QUOTA;
    executor_end(&desk.node, 0, LW_OUTCOME_OK);
    client_refused(desk_call(&desk, 3, 0), LW_OVER_QUOTA, LW_RETRY_ON_COMPLETION);
    desk_close(&desk);
}

/* So many requests of one moment, of which the node takes up a share; the formula says how many of more are refused. */
static void throttles_by_the_formula(void **state) {
    enum { COUNT = 4000 };
    static const struct {
        const char *spec;
        double k, accepted, most;
    } rows[] = {{"adaptive_throttle", 2, 0.25, 0.9},
                {"adaptive_throttle", 2, 0.6, 0.9},
                {"adaptive_throttle k=1.5", 1.5, 0.6, 0.9},
                {"adaptive_throttle", 2, 0, 0.9},
                {"adaptive_throttle most=50", 2, 0, 0.5}};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct desk desk;
        double requests = 0, accepts = 0, refused = 0, expected = 0, variance = 0;
        desk_open(&desk, rows[r].spec);
        for (int i = 0; i < COUNT; i++) {
            double chance = (requests - rows[r].k * accepts) / (requests + 1);
            chance = chance < 0 ? 0 : chance > rows[r].most ? rows[r].most : chance;
            expected += chance;
            variance += chance * (1 - chance);
            desk_call(&desk, 0, 0);
            requests++;
            if (desk.node.count == 0) {
                client_refused(&desk.client[0], LW_SHED, LW_RETRY_NEVER);
                refused++;
                continue;
            }
            int taken = (i * 37) % 100 < rows[r].accepted * 100;
            executor_end(&desk.node, 0, taken ? LW_OUTCOME_OK : LW_OUTCOME_OVERLOAD);
            accepts += taken;
        }
        assert_true(fabs(refused - expected) <= 4 * sqrt(variance) + 0.5);
        executor_time += 133 * SECOND; /* longer than the window with its current part */
        desk_call(&desk, 0, 0);
        assert_int_equal(desk.node.count, 1);
        desk_close(&desk);
    }
}

static int throttled_after(uint32_t outcome, int reason) {
    struct desk desk;
    int refused = 0;
    desk_open(&desk, "adaptive_throttle");
    for (int i = 0; i < 200; i++) {
        desk_call(&desk, 0, 0);
        if (desk.node.count == 0) {
            refused++;
        } else if (reason != LW_OK) {
            executor_refuse(&desk.node, 0, reason);
        } else {
            executor_end(&desk.node, 0, outcome);
        }
    }
    desk_close(&desk);
    return refused;
}

static void only_rejections_throttle(void **state) {
    static const int rejects[] = {0, 0, 1, 1, 1, 1, 0, 0};
    (void)state;
    for (uint32_t outcome = LW_OUTCOME_OK; outcome <= LW_OUTCOME_CANCELLED; outcome++) {
        assert_true((throttled_after(outcome, LW_OK) > 100) == rejects[outcome]);
        assert_true(rejects[outcome] || throttled_after(outcome, LW_OK) == 0);
    }
    assert_int_equal(throttled_after(LW_OUTCOME_OK, LW_SATURATED), 0);
}

static void a_timeout_ends_at_the_earlier_time(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "timeout 100ms | timeout 60ms");
    struct client *client = desk_call(&desk, 0, 0);
    assert_true(desk.node.out[0]->deadline == executor_time + 60 * MS);
    desk_wait(&desk, 60 * MS - 1);
    assert_int_equal(client->busy, 1);
    desk_wait(&desk, 1);
    client_answered(client, LW_OUTCOME_TIMEOUT);
    assert_int_equal(desk.node.cancels, 1);
    for (int i = 0; i < 2; i++) { /* a deadline of the caller's, before it and past */
        *client = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
        client->exchange.completed = client_completed;
        client->exchange.deadline = executor_time + 30 * MS * (uint64_t)(1 - i);
        lw_service_call(desk_top(&desk), &client->exchange);
        assert_int_equal(desk.node.count, 1 - i);
        desk_wait(&desk, 30 * MS);
        client_answered(client, LW_OUTCOME_TIMEOUT);
        assert_int_equal(client->exchange.tries, 0);
    }
    client = desk_call(&desk, 0, 0);
    executor_end(&desk.node, 0, LW_OUTCOME_FAILURE);
    client_answered(client, LW_OUTCOME_FAILURE);
    desk_close(&desk);
}

/* A caller who calls again whenever he is answered; freeing the service ends that. */
static void calls_again(lw_exchange *exchange) {
    struct desk *desk = exchange->request;
    struct client *client = (struct client *)(void *)exchange;
    client->completed++;
    if (exchange->reason != LW_DRAINING) {
        int completed = client->completed;
        *client = (struct client){.exchange = LW_EXCHANGE_INIT, .completed = completed};
        client->exchange.completed = calls_again;
        client->exchange.request = desk;
        lw_service_call(desk_top(desk), &client->exchange);
    }
}

static void a_service_that_is_freed_takes_no_calls(void **state) {
    static const char *const specs[] = {"timeout 1s",
                                        "retry",
                                        "hedge",
                                        "buffer",
                                        "concurrency_limit",
                                        "load_shed",
                                        "rate_limit 99 burst=9",
                                        "circuit_breaker",
                                        "adaptive_throttle"};
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct desk desk;
        desk_open(&desk, specs[i]);
        struct client *client = desk_call(&desk, 0, 0);
        client->exchange.completed = calls_again;
        client->exchange.request = &desk;
        desk_close(&desk);
        assert_int_equal(client->completed, 2);
        assert_int_equal(client->exchange.reason, LW_DRAINING);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_exact),
        cmocka_unit_test(a_breaker_opens_tries_out_and_closes),
        cmocka_unit_test(sheds_what_would_wait),
        cmocka_unit_test(throttles_by_the_formula),
        cmocka_unit_test(only_rejections_throttle),
        cmocka_unit_test(a_service_that_is_freed_takes_no_calls),
        cmocka_unit_test(a_timeout_ends_at_the_earlier_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
