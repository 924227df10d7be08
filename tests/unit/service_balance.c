/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The balance: tickets, who waits and in which order, nodes that are not ready, and what callers are told. */
#include "service_desk.h"

#include <string.h>

enum { NODES = 2 };

static struct executor node[NODES];
static lw_clock *tower;
static lw_pool *pool;
static lw_stack *stack;
static struct client callers[DESK_CALLS];
static char logged[256];

static void note_log(void *user, int code, const char *message) {
    (void)user, (void)code;
    snprintf(logged, sizeof logged, "%s", message);
}

static void yard_open(const char *spec, uint32_t inflight, int services) {
    static const char *const names[NODES] = {"a", "b"};
    lw_env env = desk_env();
    lw_node_spec specs[NODES] = {0};
    env.log = note_log;
    executor_time = 1000 * SECOND;
    assert_int_equal(lw_clock_new(&tower, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_pool_new(&pool, &env, NULL), LW_OK);
    assert_int_equal(lw_stack_new(&stack, &env, tower, pool, spec, NULL), LW_OK);
    for (int i = 0; i < NODES; i++) {
        lw_service *service = NULL;
        executor_init(&node[i]);
        assert_int_equal(lw_stack_node(stack, &node[i].service, &service), LW_OK);
        specs[i] =
            (lw_node_spec){.size = sizeof *specs, .name = names[i], .weight = 1, .user = services ? service : NULL};
        specs[i].max_inflight = inflight;
    }
    assert_int_equal(lw_pool_update(pool, specs, NODES, 0, NULL), LW_OK);
}

static uint64_t tickets(void) {
    lw_pool_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_pool_stats_read(pool, executor_time, &stats), LW_OK);
    assert_int_equal(stats.already, 0);
    return stats.tickets;
}

static void yard_close(void) {
    lw_stack_free(stack);
    assert_int_equal(tickets(), 0);
    assert_true(lw_clock_next(tower) == UINT64_MAX);
    lw_pool_free(pool);
    lw_clock_free(tower);
}

static struct client *yard_call(size_t who, const lw_request *pick) {
    callers[who] = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    callers[who].exchange.completed = client_completed;
    callers[who].exchange.request = &callers[who];
    callers[who].exchange.pick = pick;
    lw_service_call(lw_stack_service(stack), &callers[who].exchange);
    return &callers[who];
}

static void those_that_wait_come_in_order(void **state) {
    (void)state;
    yard_open("balance wait=100ms room=3 round_robin", 1, 1);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(yard_call(i, NULL)->busy, 1);
    }
    client_refused(yard_call(5, NULL), LW_SATURATED, LW_RETRY_ON_COMPLETION); /* no room */
    lw_service_cancel(lw_stack_service(stack), &callers[3].exchange, LW_OUTCOME_TIMEOUT);
    client_answered(&callers[3], LW_OUTCOME_TIMEOUT);
    executor_end(&node[1], 0, LW_OUTCOME_OK);
    assert_ptr_equal(node[1].out[0]->request, &callers[2]);
    executor_end(&node[0], 0, LW_OUTCOME_OK);
    assert_ptr_equal(node[0].out[0]->request, &callers[4]);
    assert_int_equal(tickets(), 2);
    uint64_t began = executor_time;
    yard_call(6, NULL);
    while (callers[6].busy) {
        executor_time = lw_clock_next(tower);
        lw_clock_run(tower);
    }
    assert_true(executor_time == began + 100 * MS);
    client_refused(&callers[6], LW_SATURATED, LW_RETRY_ON_COMPLETION);
    yard_close();
}

/* A place that another thread gave back is found by the poll. */
static void polls_for_what_others_give_back(void **state) {
    lw_ticket theirs[NODES];
    (void)state;
    yard_open("balance wait=1s poll=20ms round_robin", 1, 1);
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(lw_pick(pool, 0, NULL, &theirs[i]), LW_OK);
    }
    yard_call(0, NULL);
    executor_time += 20 * MS;
    lw_clock_run(tower); /* in vain */
    assert_true(lw_clock_next(tower) == executor_time + 20 * MS);
    assert_int_equal(lw_done(pool, &theirs[1], NULL), LW_OK);
    yard_call(1, NULL); /* who waits goes before who comes */
    assert_int_equal(node[0].count + node[1].count, 0);
    executor_time += 20 * MS;
    lw_clock_run(tower);
    assert_int_equal(node[0].count + node[1].count, 1);
    assert_ptr_equal(node[1].count > 0 ? node[1].out[0]->request : node[0].out[0]->request, &callers[0]);
    assert_int_equal(lw_done(pool, &theirs[0], NULL), LW_OK);
    yard_close();
}

static void nodes_that_are_not_ready_are_left_out(void **state) {
    (void)state;
    yard_open("balance round_robin", 0, 1);
    node[0].reason = LW_OVER_QUOTA;
    for (size_t i = 0; i < 6; i++) {
        yard_call(i, NULL);
    }
    assert_int_equal(node[0].count, 0);
    assert_int_equal(node[1].count, 6);
    assert_int_equal(tickets(), 6);
    node[1].reason = LW_OVER_QUOTA;
    client_refused(yard_call(6, NULL), LW_OVER_QUOTA, LW_RETRY_ON_COMPLETION);
    uint64_t retry_at = 0;
    assert_int_equal(lw_service_ready(lw_stack_service(stack), NULL, &retry_at, NULL), LW_OVER_QUOTA);
    assert_true(retry_at > executor_time);
    executor_end(&node[1], 0, LW_OUTCOME_OK); /* something has ended: worth another call */
    assert_int_equal(lw_service_ready(lw_stack_service(stack), NULL, &retry_at, NULL), LW_OK);
    yard_close();
}

static void refusals_of_exclusions_say_nothing_of_others(void **state) {
    uint64_t both[200] = {lw_id("a", 1), lw_id("b", 1)}, retry_at;
    lw_request pick = LW_REQUEST_INIT;
    (void)state;
    yard_open("balance wait=1s round_robin", 0, 1);
    pick.exclude = both;
    pick.exclude_count = 2;
    client_refused(yard_call(0, &pick), LW_EXCLUDED, LW_RETRY_NEVER);
    assert_int_equal(lw_service_ready(lw_stack_service(stack), NULL, &retry_at, NULL), LW_OK);
    pick.exclude_count = 1;
    node[1].reason = LW_SATURATED;
    assert_int_equal(yard_call(0, &pick)->busy, 1); /* waits for the one node that it may have */
    assert_int_equal(lw_service_ready(lw_stack_service(stack), NULL, &retry_at, NULL), LW_OK);
    lw_service_cancel(lw_stack_service(stack), &callers[0].exchange, LW_OUTCOME_CANCELLED);
    pick.exclude_count = 200; /* more than a pool takes, and not cut short */
    assert_int_equal(yard_call(0, &pick)->exchange.reason, LW_RANGE);
    yard_close();
}

/* Whatever the node's service says at its end, the ticket ends. */
static void tickets_end_however_it_ends(void **state) {
    static const lw_amount nonsense = {77, 1};
    (void)state;
    yard_open("balance round_robin", 0, 1);
    for (int way = 0; way < 4; way++) {
        struct client *client = yard_call(0, NULL);
        struct executor *holder = node[0].count > 0 ? &node[0] : &node[1];
        assert_int_equal(tickets(), 1);
        switch (way) {
        case 0: executor_refuse(holder, 0, LW_SATURATED); break;
        case 1: executor_end(holder, 0, 99); break;
        case 2:
            holder->out[0]->sample.amounts = &nonsense;
            holder->out[0]->sample.amount_count = 1;
            executor_end(holder, 0, LW_OUTCOME_OK);
            break;
        default: lw_exchange_refuse(executor_take(holder, 0), LW_NOMEM, LW_RETRY_NEVER, 0); break;
        }
        assert_int_equal(client->completed, 1);
        assert_int_equal(tickets(), 0);
    }
    yard_close();
}

static void a_node_without_a_service_is_an_error(void **state) {
    (void)state;
    yard_open("balance wait=1s round_robin", 0, 0);
    assert_int_equal(yard_call(0, NULL)->exchange.reason, LW_INVALID);
    assert_non_null(strstr(logged, "no service"));
    yard_close();
}

static void a_time_is_named_where_there_is_one(void **state) {
    (void)state;
    yard_open("balance round_robin | rate_limit 10", 0, 1);
    yard_call(0, NULL);
    executor_time += 30 * MS;
    yard_call(1, NULL);
    struct client *client = yard_call(2, NULL);
    client_refused(client, LW_OVER_QUOTA, LW_RETRY_AT); /* the earlier one of both */
    assert_true(client->exchange.retry_at >= executor_time + 70 * MS);
    assert_true(client->exchange.retry_at <= executor_time + 71 * MS);
    yard_close();
}

/* A Retry-After is of the node that said it, also with layers around each node: another node is asked at once. */
static void the_node_is_known_through_layers_around_it(void **state) {
    (void)state;
    yard_open("retry backoff=0 max_backoff=0 | balance round_robin | timeout 1s | load_shed", 0, 1);
    struct client *client = yard_call(0, NULL);
    size_t first = node[0].count > 0 ? 0 : 1;
    node[first].out[0]->sample.retry_after = 60 * SECOND;
    executor_end(&node[first], 0, LW_OUTCOME_RATE_LIMITED);
    lw_clock_run(tower);
    assert_int_equal(node[1 - first].count, 1);
    executor_end(&node[1 - first], 0, LW_OUTCOME_OK);
    client_answered(client, LW_OUTCOME_OK);
    assert_true(client->exchange.node == lw_id(first == 0 ? "b" : "a", 1));
    yard_close();
}

static int told;
static void told_ready(lw_waiter *waiter) {
    (void)waiter;
    told++;
}

static void ends_are_told_and_deadlines_kept(void **state) {
    lw_waiter waiter = {.ready = told_ready};
    uint64_t retry_at;
    (void)state;
    told = 0;
    yard_open("balance wait=1s round_robin", 1, 1);
    yard_call(0, NULL);
    yard_call(1, NULL);
    callers[2] = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    callers[2].exchange.completed = client_completed;
    callers[2].exchange.deadline = executor_time + 5 * MS;
    lw_service_call(lw_stack_service(stack), &callers[2].exchange);
    assert_int_equal(lw_service_ready(lw_stack_service(stack), NULL, &retry_at, &waiter), LW_SATURATED);
    executor_time += 5 * MS;
    lw_clock_run(tower);
    client_refused(&callers[2], LW_SATURATED, LW_RETRY_ON_COMPLETION);
    assert_int_equal(told, 0);
    executor_end(&node[0], 0, LW_OUTCOME_OK);
    assert_int_equal(told, 1);
    yard_close();
}

/* A second try that waited is not made once the first has spent the request. */
static void what_is_spent_is_not_placed(void **state) {
    (void)state;
    yard_open("hedge min_samples=1 budget=100 | balance wait=1s round_robin", 1, 1);
    struct client *client = yard_call(0, NULL);
    executor_time += MS;
    executor_end(node[0].count > 0 ? &node[0] : &node[1], 0, LW_OUTCOME_OK);
    callers[0] = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    client->exchange.completed = client_completed;
    client->exchange.flags = LW_EXCHANGE_SAFE;
    lw_service_call(lw_stack_service(stack), &client->exchange);
    struct executor *first = node[0].count > 0 ? &node[0] : &node[1], *other = first == node ? node + 1 : node;
    yard_call(1, NULL);
    executor_time += 5 * MS;
    lw_clock_run(tower);
    assert_int_equal(client->exchange.tries, 1); /* the second try waits */
    lw_exchange_mark(first->out[0], LW_EXCHANGE_SPENT);
    executor_end(other, 0, LW_OUTCOME_OK);
    assert_int_equal(other->count, 0);
    assert_int_equal(client->busy, 1);
    executor_end(first, 0, LW_OUTCOME_OK);
    client_answered(client, LW_OUTCOME_OK);
    yard_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_wait_come_in_order),
        cmocka_unit_test(polls_for_what_others_give_back),
        cmocka_unit_test(nodes_that_are_not_ready_are_left_out),
        cmocka_unit_test(refusals_of_exclusions_say_nothing_of_others),
        cmocka_unit_test(tickets_end_however_it_ends),
        cmocka_unit_test(a_node_without_a_service_is_an_error),
        cmocka_unit_test(a_time_is_named_where_there_is_one),
        cmocka_unit_test(ends_are_told_and_deadlines_kept),
        cmocka_unit_test(what_is_spent_is_not_placed),
        cmocka_unit_test(the_node_is_known_through_layers_around_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
