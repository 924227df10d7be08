/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hedge: when the second try goes out, to whom, who wins, and what is learnt of both. */
#include "service_desk.h"

#include "service/percentile.h"

enum { NODES = 3 };

/* A hedge over a pool of executors. */
struct yard {
    lw_clock *clock;
    lw_pool *pool;
    lw_stack *stack;
    struct executor node[NODES];
    struct client client[DESK_CALLS];
};

static void yard_open(struct yard *yard, const char *spec, int nodes) {
    static const char *const names[NODES] = {"a", "b", "c"};
    lw_env env = desk_env();
    lw_node_spec specs[NODES] = {0};
    executor_time = 1000 * SECOND;
    *yard = (struct yard){0};
    assert_int_equal(lw_clock_new(&yard->clock, &env, NULL, NULL), LW_OK);
    assert_int_equal(lw_pool_new(&yard->pool, &env, NULL), LW_OK);
    assert_int_equal(lw_stack_new(&yard->stack, &env, yard->clock, yard->pool, spec, NULL), LW_OK);
    for (int i = 0; i < nodes; i++) {
        lw_service *service;
        executor_init(&yard->node[i]);
        assert_int_equal(lw_stack_node(yard->stack, &yard->node[i].service, &service), LW_OK);
        specs[i] = (lw_node_spec){.size = sizeof *specs, .name = names[i], .weight = 1, .user = service};
    }
    assert_int_equal(lw_pool_update(yard->pool, specs, (size_t)nodes, 0, NULL), LW_OK);
}

static void yard_close(struct yard *yard) {
    lw_stack_free(yard->stack);
    lw_pool_free(yard->pool);
    lw_clock_free(yard->clock);
}

static struct client *yard_call(struct yard *yard, size_t who, uint32_t flags) {
    struct client *client = &yard->client[who];
    *client = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
    client->exchange.completed = client_completed;
    client->exchange.begins = client_begins;
    client->exchange.flags = flags;
    lw_service_call(lw_stack_service(yard->stack), &client->exchange);
    return client;
}

static size_t yard_out(const struct yard *yard) {
    return yard->node[0].count + yard->node[1].count + yard->node[2].count;
}

/* The node that has the only exchange under way. */
static struct executor *holder(struct yard *yard) {
    assert_int_equal(yard_out(yard), 1);
    return yard->node[0].count > 0 ? &yard->node[0] : yard->node[1].count > 0 ? &yard->node[1] : &yard->node[2];
}

static void teach(struct yard *yard, int samples, uint64_t latency) {
    for (int i = 0; i < samples; i++) {
        yard_call(yard, 0, LW_EXCHANGE_SAFE);
        executor_time += latency;
        executor_end(holder(yard), 0, LW_OUTCOME_OK);
    }
}

static lw_hedge_stats stats_of(struct yard *yard) {
    lw_hedge_stats stats = {.size = sizeof stats};
    assert_int_equal(lw_hedge_stats_of(lw_stack_layer(yard->stack, "hedge"), &stats), LW_OK);
    return stats;
}

static void yard_wait(struct yard *yard, uint64_t ns) {
    executor_time += ns;
    lw_clock_run(yard->clock);
}

static void learns_before_it_hedges(void **state) {
    struct yard yard;
    (void)state;
    yard_open(&yard, "hedge budget=100 | balance round_robin", NODES);
    teach(&yard, 19, 10 * MS);
    assert_int_equal(stats_of(&yard).delay, 0);
    teach(&yard, 1, 10 * MS);
    uint64_t delay = stats_of(&yard).delay;
    assert_true(delay >= 10 * MS && delay <= 11250 * US);
    struct client *client = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
    struct executor *first = holder(&yard);
    yard_wait(&yard, delay - 1);
    assert_int_equal(yard_out(&yard), 1);
    yard_wait(&yard, 1);
    assert_int_equal(yard_out(&yard), 2);
    assert_int_equal(first->count, 1);
    assert_int_equal(client->exchange.tries, 2);
    executor_end(first, 0, LW_OUTCOME_FAILURE); /* the other is waited for */
    assert_int_equal(client->busy, 1);
    uint64_t node = client->exchange.node;
    executor_end(holder(&yard), 0, LW_OUTCOME_OK);
    client_answered(client, LW_OUTCOME_OK);
    assert_true(client->exchange.node == node);
    assert_int_equal(stats_of(&yard).won, 1);
    client = yard_call(&yard, 0, 0); /* not safe */
    yard_wait(&yard, SECOND);
    assert_int_equal(yard_out(&yard), 1);
    lw_service_cancel(lw_stack_service(yard.stack), &client->exchange, LW_OUTCOME_CANCELLED);
    yard_call(&yard, 0, LW_EXCHANGE_SAFE); /* cannot be said again */
    lw_exchange_mark(holder(&yard)->out[0], LW_EXCHANGE_SPENT);
    yard_wait(&yard, SECOND);
    assert_int_equal(yard_out(&yard), 1);
    yard_close(&yard);
    yard_open(&yard, "hedge budget=100 min_samples=1 least=50ms | balance round_robin", 2);
    teach(&yard, 1, 10 * MS);
    yard_call(&yard, 0, LW_EXCHANGE_SAFE); /* never sooner than `least` */
    yard_wait(&yard, 50 * MS - 1);
    assert_int_equal(yard_out(&yard), 1);
    yard_wait(&yard, 1);
    assert_int_equal(yard_out(&yard), 2);
    yard_close(&yard);
}

static void the_winner_is_kept_and_the_loser_cancelled(void **state) {
    static const uint32_t finals[] = {LW_OUTCOME_OK, LW_OUTCOME_CALLER_FAULT};
    (void)state;
    for (int begins = 0; begins < 2; begins++) {
        for (int f = 0; f < 2; f++) {
            struct yard yard;
            yard_open(&yard, "hedge budget=100 min_samples=1 | balance round_robin", 2);
            teach(&yard, 1, 10 * MS);
            struct client *client = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
            struct executor *first = holder(&yard), *second = first == yard.node ? yard.node + 1 : yard.node;
            yard_wait(&yard, 20 * MS);
            assert_int_equal(second->count, 1);
            if (begins) {
                first->out[0]->sample.outcome = LW_OUTCOME_FAILURE; /* may still lose */
                assert_int_equal(lw_exchange_begins(first->out[0]), 0);
                second->out[0]->sample.outcome = finals[f];
                assert_int_equal(lw_exchange_begins(second->out[0]), 1);
                assert_int_equal(client->heard, 1);
                assert_int_equal(first->count, 0);
            }
            executor_end(second, 0, finals[f]);
            client_answered(client, finals[f]);
            assert_int_equal(first->count, 0);
            assert_int_equal(first->cancels, 1);
            assert_true(client->exchange.node == lw_id(second == yard.node ? "a" : "b", 1));
            yard_close(&yard);
        }
    }
}

static void the_second_takes_the_answer_of_the_first_where_it_is_refused(void **state) {
    struct yard yard;
    (void)state;
    yard_open(&yard, "hedge budget=100 min_samples=1 | balance round_robin", 2);
    teach(&yard, 1, 10 * MS);
    struct client *client = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
    struct executor *first = holder(&yard), *second = first == yard.node ? yard.node + 1 : yard.node;
    yard_wait(&yard, 20 * MS);
    executor_end(first, 0, LW_OUTCOME_FAILURE);
    executor_refuse(second, 0, LW_SATURATED);
    client_answered(client, LW_OUTCOME_FAILURE);
    yard_close(&yard);
}

/* One node, which a pool would lend twice; all others excluded by the caller; too many exclusions to add one. */
static void never_the_same_node(void **state) {
    uint64_t others[32] = {lw_id("b", 1), lw_id("c", 1)};
    lw_request pick = LW_REQUEST_INIT;
    struct yard yard;
    (void)state;
    for (size_t i = 2; i < 32; i++) {
        others[i] = i;
    }
    for (int round = 0; round < 3; round++) {
        yard_open(&yard, "hedge budget=100 min_samples=1 | balance round_robin", round == 0 ? 1 : NODES);
        teach(&yard, 1, 10 * MS);
        pick.exclude = round == 1 ? others : others + 1;
        pick.exclude_count = round == 1 ? 2 : 31;
        if (round == 2) {
            others[1] = 5;
            pick.exclude = others;
            pick.exclude_count = 32;
        }
        struct client *client = &yard.client[1];
        *client = (struct client){.exchange = LW_EXCHANGE_INIT, .busy = 1};
        client->exchange.completed = client_completed;
        client->exchange.flags = LW_EXCHANGE_SAFE;
        client->exchange.pick = round == 0 ? NULL : &pick;
        lw_service_call(lw_stack_service(yard.stack), &client->exchange);
        yard_wait(&yard, SECOND);
        assert_int_equal(yard_out(&yard), 1);
        assert_int_equal(client->exchange.tries, 1);
        assert_int_equal(stats_of(&yard).hedges, 0);
        executor_end(holder(&yard), 0, LW_OUTCOME_OK);
        client_answered(client, LW_OUTCOME_OK);
        yard_close(&yard);
    }
}

static void a_tenth_of_the_requests_at_most(void **state) {
    struct yard yard;
    (void)state;
    yard_open(&yard, "hedge min_samples=1 window=1h | balance round_robin", NODES);
    teach(&yard, 1, MS);
    for (uint64_t i = 2; i <= 200; i++) {
        struct client *client = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
        yard_wait(&yard, SECOND);
        assert_int_equal(stats_of(&yard).hedges, i / 10);
        lw_service_cancel(lw_stack_service(yard.stack), &client->exchange, LW_OUTCOME_CANCELLED);
        client_answered(client, LW_OUTCOME_CANCELLED);
        assert_int_equal(yard_out(&yard), 0);
    }
    assert_int_equal(stats_of(&yard).unfunded, 199 - 20);
    yard_close(&yard);
}

/* What a loser had taken is a sample: else the percentile sinks with each hedge. */
static void losers_count(void **state) {
    struct yard yard;
    (void)state;
    yard_open(&yard, "hedge p75 budget=100 min_samples=1 | balance round_robin", 2);
    teach(&yard, 1, 100 * MS);
    yard_call(&yard, 0, LW_EXCHANGE_SAFE);
    struct executor *first = holder(&yard), *second = first == yard.node ? yard.node + 1 : yard.node;
    yard_wait(&yard, 150 * MS);
    executor_time += MS;
    executor_end(second, 0, LW_OUTCOME_OK);
    executor_time += 40 * SECOND; /* both are read from the window before */
    assert_true(stats_of(&yard).delay >= 151 * MS && stats_of(&yard).delay <= 170 * MS);
    yard_close(&yard);
}

/* Nothing is hedged that waits for a node; a second try that waits for one is called off when the first has spent all.
 */
static void no_second_try_where_it_is_too_early_or_too_late(void **state) {
    struct yard yard;
    (void)state;
    yard_open(&yard, "hedge budget=100 min_samples=1 | balance wait=1h round_robin | concurrency_limit initial=1", 2);
    teach(&yard, 1, 10 * MS);
    struct client *first = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
    struct executor *node = holder(&yard);
    yard_call(&yard, 1, 0);
    yard_wait(&yard, 20 * MS);
    yard_call(&yard, 2, LW_EXCHANGE_SAFE); /* waits behind the second try */
    yard_wait(&yard, 20 * MS);
    assert_int_equal(stats_of(&yard).hedges, 1);
    lw_exchange_mark(node->out[0], LW_EXCHANGE_SPENT);
    executor_end(node, 0, LW_OUTCOME_OVERLOAD);
    client_answered(first, LW_OUTCOME_OVERLOAD);
    assert_int_equal(stats_of(&yard).hedges, 0);
    assert_int_equal(node->count, 1); /* who waited */
    yard_close(&yard);
}

/* ---- a loser that goes lets others run, and they may end the very call ---- */

static struct yard *crowd;

static void ends_at_once(struct executor *node, lw_exchange *exchange) {
    (void)exchange;
    executor_end(node, node->count - 1, LW_OUTCOME_OK);
}

static void cancels_the_first(lw_exchange *exchange) {
    client_completed(exchange);
    lw_service_cancel(lw_stack_service(crowd->stack), &crowd->client[0].exchange, LW_OUTCOME_CANCELLED);
    assert_int_equal(crowd->client[0].completed, 1);
}

static void the_end_of_a_loser_may_end_the_call(void **state) {
    (void)state;
    for (int begins = 0; begins < 2; begins++) {
        struct yard yard;
        crowd = &yard;
        yard_open(&yard, "hedge budget=100 min_samples=1 | balance wait=1s round_robin | concurrency_limit initial=1",
                  2);
        teach(&yard, 1, 10 * MS);
        struct client *hedged = yard_call(&yard, 0, LW_EXCHANGE_SAFE);
        struct executor *first = holder(&yard);
        yard_wait(&yard, 20 * MS);
        assert_int_equal(yard_out(&yard), 2);
        yard_call(&yard, 1, 0)->exchange.completed = cancels_the_first;
        assert_int_equal(yard.client[1].busy, 1); /* it waits */
        yard.node[0].arrived = yard.node[1].arrived = ends_at_once;
        if (begins) {
            assert_int_equal(lw_exchange_begins(first->out[0]), 0); /* by now there is nobody to hear it */
            client_answered(hedged, LW_OUTCOME_CANCELLED);
            assert_int_equal(hedged->heard, 0);
        } else {
            executor_end(first, 0, LW_OUTCOME_OK);
            client_answered(hedged, LW_OUTCOME_OK); /* as it just had ended */
        }
        client_answered(&yard.client[1], LW_OUTCOME_OK);
        assert_int_equal(yard_out(&yard), 0);
        yard_close(&yard);
    }
}

/* ---- the percentile ---- */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void at_most_an_eighth_above_a_sorted_list(void **state) {
    enum { SAMPLES = 5000 };
    static uint64_t sorted[SAMPLES];
    static const double percents[] = {50, 90, 95, 99, 99.9};
    uint64_t random = 3;
    (void)state;
    for (size_t p = 0; p < sizeof percents / sizeof *percents; p++) {
        struct lw__percentile percentile;
        lw__percentile_init(&percentile, percents[p], SECOND, SAMPLES);
        for (size_t i = 0; i < SAMPLES; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            sorted[i] = random >> (17 + random % 47);
            assert_true(lw__percentile_read(&percentile, SECOND) == 0);
            lw__percentile_add(&percentile, sorted[i], SECOND);
        }
        qsort(sorted, SAMPLES, sizeof *sorted, by_value);
        uint64_t exact = sorted[(size_t)(SAMPLES * percents[p] / 100)];
        uint64_t answer = lw__percentile_read(&percentile, SECOND);
        assert_true(answer >= exact && answer <= exact + exact / 8 + 1);
        assert_true(lw__percentile_read(&percentile, 2 * SECOND) == answer); /* the window before is read too */
        assert_true(lw__percentile_read(&percentile, SECOND) == answer);     /* a step back */
        lw__percentile_add(&percentile, 7, 2 * SECOND);
        assert_true(lw__percentile_read(&percentile, 3 * SECOND) == 0); /* and not the one before that */
        lw__percentile_init(&percentile, 50, SECOND, 1);
        lw__percentile_add(&percentile, 7, SECOND);
        assert_true(lw__percentile_read(&percentile, 3 * SECOND) == 0); /* also where nobody looked in between */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_before_it_hedges),
        cmocka_unit_test(the_winner_is_kept_and_the_loser_cancelled),
        cmocka_unit_test(the_second_takes_the_answer_of_the_first_where_it_is_refused),
        cmocka_unit_test(never_the_same_node),
        cmocka_unit_test(a_tenth_of_the_requests_at_most),
        cmocka_unit_test(losers_count),
        cmocka_unit_test(no_second_try_where_it_is_too_early_or_too_late),
        cmocka_unit_test(the_end_of_a_loser_may_end_the_call),
        cmocka_unit_test(at_most_an_eighth_above_a_sorted_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
