/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Limits of what is under way: fixed, and learnt on a simulated server that queues beyond a number of workers. */
#include "service_desk.h"

#include "service/limit.h"

static void read_limit(const struct desk *desk, uint64_t *now, uint64_t *under_way) {
    assert_int_equal(lw_concurrency_limit_read(lw_stack_layer(desk->stack, "concurrency_limit"), now, under_way),
                     LW_OK);
}

static void as_many_as_it_says(void **state) {
    struct desk desk;
    uint64_t now, out;
    (void)state;
    desk_open(&desk, "concurrency_limit initial=2");
    desk_call(&desk, 0, 0);
    desk_call(&desk, 1, 0);
    client_refused(desk_call(&desk, 2, 0), LW_SATURATED, LW_RETRY_ON_COMPLETION);
    read_limit(&desk, &now, &out);
    assert_int_equal(now, 2);
    assert_int_equal(out, 2);
    executor_end(&desk.node, 0, LW_OUTCOME_TIMEOUT); /* teaches a fixed one nothing */
    desk_call(&desk, 2, 0);
    assert_int_equal(desk.node.count, 2);
    read_limit(&desk, &now, NULL);
    assert_int_equal(now, 2);
    assert_int_equal(lw_concurrency_limit_read(&desk.node.service, NULL, NULL), LW_INVALID);
    assert_int_equal(lw_concurrency_limit_read(NULL, NULL, NULL), LW_INVALID);
    desk_close(&desk);
}

/* ---- a server: `workers` at a time, each request takes `work`, the rest queue; callers fill the limit ---- */

struct server {
    uint64_t work;
    size_t workers;
    uint64_t done_at[DESK_CALLS];
};

static void serve(struct desk *desk, struct server *server, uint64_t ns, uint64_t *random) {
    uint64_t until = executor_time + ns;
    while (executor_time < until) {
        for (size_t i = 0; i < DESK_CALLS; i++) {
            if (!desk->client[i].busy) {
                desk_call(desk, i, 0);
            }
        }
        size_t working = desk->node.count < server->workers ? desk->node.count : server->workers;
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        executor_time += server->work / working * (80 + (*random >> 33) % 41) / 100; /* one of them is done; +- 20 % */
        executor_end(&desk->node, 0, LW_OUTCOME_OK);
    }
}

static void learnt_limits_find_the_knee_and_back_off(void **state) {
    static const char *const specs[] = {"concurrency_limit vegas initial=4 most=60",
                                        "concurrency_limit gradient initial=4 most=60 remeasure=5s"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct desk desk;
        struct server server = {.work = 10 * MS, .workers = 16};
        uint64_t now, random = 5;
        desk_open(&desk, specs[i]);
        serve(&desk, &server, 60 * SECOND, &random);
        uint64_t sum = 0;
        for (int k = 0; k < 100; k++) { /* not just at one moment */
            serve(&desk, &server, 97 * MS, &random);
            read_limit(&desk, &now, NULL);
            sum += now;
        }
        print_message("%s: %llu on average, for 16 workers\n", specs[i], (unsigned long long)(sum / 100));
        assert_in_range(sum / 100, 11, 34);
        server.workers = 4;
        serve(&desk, &server, 60 * SECOND, &random);
        sum = 0;
        for (int k = 0; k < 100; k++) {
            serve(&desk, &server, 97 * MS, &random);
            read_limit(&desk, &now, NULL);
            sum += now;
        }
        print_message("%s: %llu on average, for 4 workers\n", specs[i], (unsigned long long)(sum / 100));
        assert_in_range(sum / 100, 3, 16);
        desk_close(&desk);
    }
}

/* Overload takes a tenth away, once in as many answers as the limit allowed; below `least` nothing. */
static void overload_takes_a_tenth_a_round(void **state) {
    static const uint32_t outcomes[] = {LW_OUTCOME_OVERLOAD, LW_OUTCOME_TIMEOUT, LW_OUTCOME_RATE_LIMITED};
    (void)state;
    for (size_t o = 0; o < 3; o++) {
        struct desk desk;
        uint64_t now;
        desk_open(&desk, "concurrency_limit vegas initial=40 least=30");
        desk_call(&desk, 0, 0);
        executor_end(&desk.node, 0, outcomes[o]);
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 36);
        for (int i = 0; i < 39; i++) {
            desk_call(&desk, 0, 0);
            executor_end(&desk.node, 0, outcomes[o]);
        }
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 36);
        desk_call(&desk, 0, 0);
        executor_end(&desk.node, 0, outcomes[o]);
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 32);
        for (int i = 0; i < 200; i++) {
            desk_call(&desk, 0, 0);
            executor_end(&desk.node, 0, outcomes[o]);
        }
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 30);
        desk_close(&desk);
    }
}

/* With one at a time nothing is known of what forty at a time would do. */
static void an_idle_limit_stays(void **state) {
    static const char *const specs[] = {"concurrency_limit vegas initial=40",
                                        "concurrency_limit gradient initial=40 least=1"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct desk desk;
        uint64_t now;
        desk_open(&desk, specs[k]);
        for (uint64_t i = 0; i < 500; i++) {
            desk_call(&desk, 0, 0);
            executor_time += (10 + i % 7) * MS;
            executor_end(&desk.node, 0, LW_OUTCOME_OK);
            desk_call(&desk, 0, 0); /* these say nothing at all */
            executor_end(&desk.node, 0, i % 2 ? LW_OUTCOME_CANCELLED : LW_OUTCOME_FAILURE);
        }
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 40);
        desk_close(&desk);
    }
}

/* The gradient measures at the least limit, at first and every `remeasure`. */
static void measures_with_few(void **state) {
    struct desk desk;
    uint64_t now;
    (void)state;
    desk_open(&desk, "concurrency_limit gradient initial=20 least=5 remeasure=60s");
    for (int i = 0; i < 50; i++) {
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, 5);
        desk_call(&desk, 0, 0);
        executor_time += 10 * MS;
        executor_end(&desk.node, 0, LW_OUTCOME_OK);
    }
    read_limit(&desk, &now, NULL);
    assert_int_equal(now, 20);
    executor_time += 60 * SECOND - MS;
    for (uint64_t i = 0; i < 2; i++) {
        desk_call(&desk, 0, 0);
        executor_time += i * MS;
        executor_end(&desk.node, 0, LW_OUTCOME_OK);
        read_limit(&desk, &now, NULL);
        assert_int_equal(now, i == 0 ? 20 : 5);
    }
    desk_close(&desk);
}

/* However slow it became, a round takes half at most. */
static void a_round_takes_half_at_most(void **state) {
    lw_concurrency_limit_options options = LW_CONCURRENCY_LIMIT_OPTIONS_INIT;
    struct lw__limit limit;
    (void)state;
    options.kind = LW_LIMIT_GRADIENT;
    options.initial = 100;
    lw__limit_init(&limit, &options, 0);
    for (int i = 0; i < 50; i++) {
        lw__limit_learn(&limit, &options, LW_OUTCOME_OK, 10, 1, 0);
    }
    assert_int_equal(lw__limit_now(&limit), 100);
    for (int i = 0; i < 20; i++) {
        lw__limit_learn(&limit, &options, LW_OUTCOME_OK, 1000, 100, 0);
    }
    assert_int_equal(lw__limit_now(&limit), 60); /* 100 / 2 + sqrt(100) */
    for (int i = 0; i < 20; i++) {
        lw__limit_learn(&limit, &options, LW_OUTCOME_OK, 12, 60, 0); /* within a quarter: as before */
    }
    assert_int_equal(lw__limit_now(&limit), 67);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_it_says),
        cmocka_unit_test(learnt_limits_find_the_knee_and_back_off),
        cmocka_unit_test(overload_takes_a_tenth_a_round),
        cmocka_unit_test(an_idle_limit_stays),
        cmocka_unit_test(measures_with_few),
        cmocka_unit_test(a_round_takes_half_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
