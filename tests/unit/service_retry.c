/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Retry: what is tried again, when, how often, and what the caller hears of it. */
#include "service_desk.h"

/* Ends the first try so; true: it is tried again. */
static int tried_again(uint32_t outcome, uint32_t flags, uint32_t mark) {
    struct desk desk;
    desk_open(&desk, "retry budget=1000 | timeout 1h");
    struct client *client = desk_call(&desk, 0, flags);
    desk.node.out[0]->flags |= mark; /* as the answer says it, through the layer between */
    executor_end(&desk.node, 0, outcome);
    desk_wait(&desk, SECOND);
    int again = desk.node.count > 0;
    if (!again) {
        client_answered(client, outcome);
    }
    desk_close(&desk);
    return again;
}

static void the_table(void **state) {
    static const struct {
        uint32_t outcome;
        int plain, safe;
    } rows[] = {{LW_OUTCOME_OK, 0, 0},           {LW_OUTCOME_FAILURE, 0, 1},  {LW_OUTCOME_CONNECT_FAILURE, 1, 1},
                {LW_OUTCOME_TIMEOUT, 0, 1},      {LW_OUTCOME_OVERLOAD, 1, 1}, {LW_OUTCOME_RATE_LIMITED, 1, 1},
                {LW_OUTCOME_CALLER_FAULT, 0, 0}, {LW_OUTCOME_CANCELLED, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tried_again(rows[i].outcome, 0, 0), rows[i].plain);
        assert_int_equal(tried_again(rows[i].outcome, LW_EXCHANGE_SAFE, 0), rows[i].safe);
        assert_int_equal(tried_again(rows[i].outcome, LW_EXCHANGE_SAFE, LW_EXCHANGE_SPENT), 0);
        assert_int_equal(tried_again(rows[i].outcome, LW_EXCHANGE_SAFE, LW_EXCHANGE_BEGUN), 0);
    }
}

/* Full jitter: even below the cap, which doubles and then stays. */
static void waits_at_random_below_a_cap(void **state) {
    enum { ROUNDS = 4000 };
    static const uint64_t caps[] = {25 * MS, 50 * MS, 100 * MS, 200 * MS, 250 * MS, 250 * MS};
    double sums[6] = {0}, low[6] = {0};
    struct desk desk;
    (void)state;
    desk_open(&desk, "retry max=7 budget=1000");
    for (int i = 0; i < ROUNDS; i++) {
        desk_call(&desk, 0, 0);
        for (int k = 0; k < 6; k++) {
            uint64_t now = executor_time;
            executor_end(&desk.node, 0, LW_OUTCOME_CONNECT_FAILURE);
            uint64_t wait = lw_clock_next(desk.clock) - now;
            assert_true(wait <= caps[k]);
            sums[k] += (double)wait / (double)caps[k];
            low[k] += wait < caps[k] / 4;
            desk_wait(&desk, wait);
        }
        executor_end(&desk.node, 0, LW_OUTCOME_CONNECT_FAILURE);
        assert_int_equal(desk.client[0].completed, 1); /* the seventh was the last */
        executor_time += SECOND;
    }
    for (int k = 0; k < 6; k++) {
        assert_true(sums[k] / ROUNDS > 0.48 && sums[k] / ROUNDS < 0.52); /* 3.5 standard errors */
        assert_true(low[k] / ROUNDS > 0.22 && low[k] / ROUNDS < 0.28);
    }
    desk_close(&desk);
}

static lw_retry_stats stats_of(const struct desk *desk) {
    lw_retry_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_retry_stats_of(lw_stack_layer(desk->stack, "retry"), &stats), LW_OK);
    return stats;
}

/* In one window: a fifth of the requests, and 10 a second. */
static void the_budget_is_exact(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "retry max=2 backoff=0");
    for (int i = 0; i < 1000; i++) {
        desk_call(&desk, 0, 0);
        executor_end(&desk.node, 0, LW_OUTCOME_CONNECT_FAILURE);
        desk_wait(&desk, 0);
        if (desk.node.count > 0) {
            executor_end(&desk.node, 0, LW_OUTCOME_OK);
        }
        uint64_t allowed = 100 + (uint64_t)(i + 1) * 20 / 100, wanted = (uint64_t)i + 1;
        assert_int_equal(stats_of(&desk).retries, wanted < allowed ? wanted : allowed);
    }
    assert_int_equal(stats_of(&desk).retries, 300);
    assert_int_equal(stats_of(&desk).unfunded, 700);
    assert_int_equal(stats_of(&desk).rescued, 300);
    assert_int_equal(stats_of(&desk).requests, 1000);
    executor_time += 11 * SECOND; /* all that is past */
    desk_call(&desk, 0, 0);
    executor_end(&desk.node, 0, LW_OUTCOME_CONNECT_FAILURE);
    assert_int_equal(stats_of(&desk).waiting, 1);
    desk_close(&desk);
}

static void refuses(struct desk *desk, int reason, uint32_t retry, uint64_t retry_at) {
    lw_exchange_refuse(executor_take(&desk->node, 0), reason, retry, retry_at);
}

static void refusals_are_waited_for_within_patience(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "retry patience=100ms");
    struct client *client = desk_call(&desk, 0, 0);
    uint64_t began = executor_time;
    refuses(&desk, LW_OVER_QUOTA, LW_RETRY_AT, began + 60 * MS);
    assert_true(lw_clock_next(desk.clock) == began + 60 * MS);
    desk_wait(&desk, 60 * MS);
    assert_int_equal(desk.node.count, 1);
    refuses(&desk, LW_OVER_QUOTA, LW_RETRY_AT, executor_time); /* has come: not at once, but soon */
    assert_true(lw_clock_next(desk.clock) == began + 61 * MS);
    desk_wait(&desk, MS);
    refuses(&desk, LW_OVER_QUOTA, LW_RETRY_AT, began + 101 * MS); /* patience is for all of them */
    client_refused(client, LW_OVER_QUOTA, LW_RETRY_AT);
    assert_int_equal(stats_of(&desk).retries, 0);

    client = desk_call(&desk, 0, 0);
    refuses(&desk, LW_SATURATED, LW_RETRY_ON_COMPLETION, UINT64_MAX);
    client_refused(client, LW_SATURATED, LW_RETRY_ON_COMPLETION);
    client = desk_call(&desk, 0, 0);
    refuses(&desk, LW_SHED, LW_RETRY_NEVER, 0);
    client_refused(client, LW_SHED, LW_RETRY_NEVER);
    client = desk_call(&desk, 0, 0); /* a refusal afterwards says less than the answer before */
    executor_end(&desk.node, 0, LW_OUTCOME_OVERLOAD);
    desk_wait(&desk, 25 * MS);
    refuses(&desk, LW_NO_NODES, LW_RETRY_NEVER, 0);
    client_answered(client, LW_OUTCOME_OVERLOAD);
    desk_close(&desk);
}

static void deadlines_and_wishes_are_kept(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "timeout 100ms | retry backoff=0 max_backoff=0 budget=0 floor=1 patience=80ms");
    struct client *client = desk_call(&desk, 0, 0);
    desk.node.out[0]->sample.retry_after = 90 * MS; /* longer than we are patient */
    executor_end(&desk.node, 0, LW_OUTCOME_RATE_LIMITED);
    client_answered(client, LW_OUTCOME_RATE_LIMITED);
    client = desk_call(&desk, 0, 0);
    desk_wait(&desk, 50 * MS);
    desk.node.out[0]->sample.retry_after = 50 * MS; /* past the deadline, which takes nothing from the budget */
    executor_end(&desk.node, 0, LW_OUTCOME_OVERLOAD);
    client_answered(client, LW_OUTCOME_OVERLOAD);
    client = desk_call(&desk, 0, 0);
    desk.node.out[0]->sample.retry_after = 70 * MS;
    uint64_t began = executor_time;
    executor_end(&desk.node, 0, LW_OUTCOME_OVERLOAD);
    assert_true(lw_clock_next(desk.clock) == began + 70 * MS);
    desk_wait(&desk, 70 * MS);
    assert_int_equal(desk.node.count, 1);
    assert_true(desk.node.out[0]->deadline == began + 100 * MS);
    desk_wait(&desk, 30 * MS);
    client_answered(client, LW_OUTCOME_TIMEOUT);
    client = desk_call(&desk, 0, 0); /* cancelled between two tries; the budget of 10 has 9 left */
    executor_end(&desk.node, 0, LW_OUTCOME_OVERLOAD);
    lw_service_cancel(desk_top(&desk), &client->exchange, LW_OUTCOME_CANCELLED);
    client_answered(client, LW_OUTCOME_CANCELLED);
    client = desk_call(&desk, 0, LW_EXCHANGE_SAFE); /* and in a try, as a timeout would, which is never tried again */
    lw_service_cancel(lw_stack_layer(desk.stack, "retry"), desk.node.out[0]->parent, LW_OUTCOME_TIMEOUT);
    client_answered(client, LW_OUTCOME_TIMEOUT);
    assert_int_equal(stats_of(&desk).waiting, 0);
    assert_int_equal(stats_of(&desk).unfunded, 0);
    desk_close(&desk);
}

static void only_the_last_answer_is_heard(void **state) {
    struct desk desk;
    (void)state;
    desk_open(&desk, "retry max=2 backoff=0");
    struct client *client = desk_call(&desk, 0, LW_EXCHANGE_SAFE);
    desk.node.out[0]->sample.outcome = LW_OUTCOME_FAILURE;
    assert_int_equal(lw_exchange_begins(desk.node.out[0]), 0);
    executor_end(&desk.node, 0, LW_OUTCOME_FAILURE);
    desk_wait(&desk, 0);
    desk.node.out[0]->sample.outcome = LW_OUTCOME_FAILURE;
    assert_int_equal(lw_exchange_begins(desk.node.out[0]), 1);
    assert_int_equal(client->heard, 1);
    assert_int_equal(client->exchange.sample.outcome, LW_OUTCOME_FAILURE);
    executor_end(&desk.node, 0, LW_OUTCOME_FAILURE);
    client_answered(client, LW_OUTCOME_FAILURE);
    client = desk_call(&desk, 0, LW_EXCHANGE_SAFE); /* what was heard is not tried again */
    assert_int_equal(lw_exchange_begins(desk.node.out[0]), 1);
    executor_end(&desk.node, 0, LW_OUTCOME_FAILURE);
    client_answered(client, LW_OUTCOME_FAILURE);
    lw_retry_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_retry_stats_of(&desk.node.service, &stats), LW_INVALID);
    desk_close(&desk);
}

/* The exclusions of the next try: the caller's first, then nodes in the order in which they were chosen. */
static void nodes_are_excluded_exactly(void **state) {
    uint64_t given[128];
    lw_request pick = LW_REQUEST_INIT;
    struct desk desk;
    (void)state;
    for (uint64_t i = 0; i < 128; i++) {
        given[i] = 1000 + i;
    }
    pick.exclude = given;
    pick.key = 77;
    for (size_t count = 0; count <= 128; count += 32) {
        desk_open(&desk, "retry backoff=0");
        struct client *client = &desk.client[0];
        *client = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
        client->exchange.completed = client_completed;
        client->exchange.pick = &pick;
        pick.exclude_count = count;
        lw_service_call(desk_top(&desk), &client->exchange);
        assert_ptr_equal(desk.node.out[0]->pick, &pick);
        lw_exchange_chosen(desk.node.out[0], 7);
        if (count < 128) {
            lw_exchange_chosen(desk.node.out[0], 8); /* a hedge */
        }
        executor_end(&desk.node, 0, LW_OUTCOME_OVERLOAD);
        desk_wait(&desk, 0);
        if (count == 128) { /* no room to exclude one: it might get the request twice */
            client_answered(client, LW_OUTCOME_OVERLOAD);
            desk_close(&desk);
            continue;
        }
        const lw_request *next = desk.node.out[0]->pick;
        assert_int_equal(next->key, 77);
        assert_int_equal(next->exclude_count, count + 2);
        assert_memory_equal(next->exclude, given, count * sizeof *given);
        assert_int_equal(next->exclude[count], 7);
        assert_int_equal(next->exclude[count + 1], 8);
        refuses(&desk, LW_EXCLUDED, LW_RETRY_NEVER, 0); /* a new round, with the caller's own only */
        desk_wait(&desk, 0);
        assert_int_equal(desk.node.out[0]->pick->exclude_count, count);
        refuses(&desk, LW_EXCLUDED, LW_RETRY_NEVER, 0); /* but just one */
        client_answered(client, LW_OUTCOME_OVERLOAD);
        assert_int_equal(client->exchange.tries, count < 128 ? 2 : 1);
        desk_close(&desk);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(waits_at_random_below_a_cap),
        cmocka_unit_test(the_budget_is_exact),
        cmocka_unit_test(refusals_are_waited_for_within_patience),
        cmocka_unit_test(deadlines_and_wishes_are_kept),
        cmocka_unit_test(only_the_last_answer_is_heard),
        cmocka_unit_test(nodes_are_excluded_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
