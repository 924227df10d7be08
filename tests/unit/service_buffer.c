/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The buffer: who waits, in which order they are handed on, and what those are told that waited in vain. */
#include "service_desk.h"

/* Who is handed on next, as the executor sees it. */
static size_t next_served(struct desk *desk) {
    executor_end(&desk->node, 0, LW_OUTCOME_OK);
    return desk->node.count == 0 ? DESK_CALLS : (size_t)((struct client *)desk->node.out[0]->request - desk->client);
}

static void first_come_first_served(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "buffer room=4 | concurrency_limit initial=1");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(desk_call(&desk, i, 0)->busy, 1);
    }
    client_refused(desk_call(&desk, 5, 0), LW_SATURATED, LW_RETRY_ON_COMPLETION);
    for (size_t i = 1; i < 5; i++) {
        assert_int_equal(next_served(&desk), i);
    }
    assert_int_equal(next_served(&desk), DESK_CALLS);
    desk_close(&desk);
}

static void the_last_first_while_more_than_half_full(void **state) {
    static const size_t order[] = {4, 3, 1, 2};
    struct desk desk;
    (void)state;
    desk_open(&desk, "buffer room=4 lifo=true | concurrency_limit initial=1");
    for (size_t i = 0; i < 5; i++) {
        desk_call(&desk, i, 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(next_served(&desk), order[i]);
    }
    desk_close(&desk);
}

static void patience_and_deadlines_end(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "buffer patience=100ms | concurrency_limit initial=1");
    uint64_t began = executor_time;
    desk_call(&desk, 0, 0);
    struct client *patient = desk_call(&desk, 1, 0), *hasty = &desk.client[2];
    *hasty = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    hasty->exchange.completed = client_completed;
    hasty->exchange.deadline = began + 40 * MS;
    lw_service_call(desk_top(&desk), &hasty->exchange);
    desk_wait(&desk, 40 * MS - 1);
    assert_int_equal(hasty->busy, 1);
    desk_wait(&desk, 1);
    client_refused(hasty, LW_SATURATED, LW_RETRY_ON_COMPLETION);
    desk_wait(&desk, 60 * MS - 1);
    assert_int_equal(patient->busy, 1);
    desk_wait(&desk, 1);
    client_refused(patient, LW_SATURATED, LW_RETRY_ON_COMPLETION);
    desk_close(&desk);
}

static void asks_again_when_it_was_told_to(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "buffer patience=1s | rate_limit 10");
    uint64_t began = executor_time;
    for (size_t i = 0; i < 5; i++) {
        desk_call(&desk, i, 0);
    }
    for (size_t i = 1; i < 5; i++) {
        assert_int_equal(desk.node.count, i);
        assert_true(lw_clock_next(desk.clock) >= began + i * 100 * MS);
        desk_wait(&desk, lw_clock_next(desk.clock) - executor_time);
        assert_true(executor_time <= began + i * 100 * MS + MS);
    }
    assert_int_equal(desk.node.count, 5);
    desk_close(&desk);
}

/* An executor whose `ready` learns only from a call that it is full, as a balance does. */
static int full;

static int hopeful_ready(lw_service *service, const lw_exchange *exchange, uint64_t *retry_at, lw_waiter *waiter) {
    struct executor *node = executor_of(service);
    (void)exchange;
    *retry_at = UINT64_MAX;
    if (full) {
        lw_waiters_add(&node->waiters, waiter);
    }
    return full ? LW_SATURATED : LW_OK;
}

static void hopeful_arrived(struct executor *node, lw_exchange *exchange) {
    (void)exchange;
    if (node->count > 1) {
        full = 1;
        executor_refuse(node, node->count - 1, LW_SATURATED);
    }
}

static void what_was_refused_at_once_waits_on(void **state) {
    lw_service_ops ops = executor_ops;
    struct desk desk;
    (void)state;
    ops.ready = hopeful_ready;
    full = 0;
    desk_open(&desk, "buffer room=4");
    desk.node.service.ops = &ops;
    desk.node.arrived = hopeful_arrived;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(desk_call(&desk, i, 0)->busy, 1);
    }
    for (size_t i = 1; i < 4; i++) {
        full = 0;
        executor_end(&desk.node, 0, LW_OUTCOME_OK);
        lw_waiters_tell(&desk.node.waiters);
        assert_int_equal(desk.node.count, 1);
        assert_ptr_equal(desk.node.out[0]->request, &desk.client[i]); /* still in order */
        assert_int_equal(desk.client[i - 1].completed, 1);
    }
    desk.node.arrived = NULL;
    full = 0;
    desk_call(&desk, 10, 0);
    full = 1;
    executor_refuse(&desk.node, 1, LW_SATURATED); /* later: that is the answer */
    client_refused(&desk.client[10], LW_SATURATED, LW_RETRY_ON_COMPLETION);
    desk_close(&desk);
}

static int told;
static void told_ready(lw_waiter *waiter) {
    (void)waiter;
    told++;
}

static void who_waits_for_a_full_buffer_is_told(void **state) {
    lw_waiter waiter = {.ready = told_ready};
    struct desk desk;
    uint64_t retry_at;
    (void)state;
    desk_open(&desk, "buffer room=1 | concurrency_limit initial=1");
    for (int way = 0; way < 3; way++) { /* handed on, given up, out of patience */
        told = 0;
        desk_call(&desk, 0, 0);
        assert_int_equal(lw_service_ready(desk_top(&desk), NULL, &retry_at, &waiter), LW_OK);
        desk_call(&desk, 1, 0);
        assert_int_equal(lw_service_ready(desk_top(&desk), NULL, &retry_at, &waiter), LW_SATURATED);
        if (way == 0) {
            executor_end(&desk.node, 0, LW_OUTCOME_OK);
        } else if (way == 1) {
            lw_service_cancel(desk_top(&desk), &desk.client[1].exchange, LW_OUTCOME_CANCELLED);
            client_answered(&desk.client[1], LW_OUTCOME_CANCELLED);
        } else {
            desk_wait(&desk, SECOND);
        }
        assert_int_equal(told, 1);
        executor_end(&desk.node, 0, LW_OUTCOME_OK);
        assert_int_equal(desk.node.count, 0);
    }
    desk_close(&desk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_served),           cmocka_unit_test(the_last_first_while_more_than_half_full),
        cmocka_unit_test(patience_and_deadlines_end),        cmocka_unit_test(asks_again_when_it_was_told_to),
        cmocka_unit_test(what_was_refused_at_once_waits_on), cmocka_unit_test(who_waits_for_a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
