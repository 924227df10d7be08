/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of a request: tried again elsewhere, answered from a cache, and all of it to the ns. */
#include "sim/arrivals.h"
#include "sim/cache.h"
#include "sim/contest.h"
#include "sim_stage.h"

static struct stage stage;

/* ---- tries ---- */

/* All fail, at once: each request goes to every node once, and to none twice, however many retries it has. */
static void retries_go_elsewhere(void **state) {
    (void)state;
    for (uint32_t retries = 0; retries < 8; retries++) {
        stage_plain(&stage, 5, 1);
        stage_forgive(&stage);
        stage.scenario.clients.retries = retries;
        for (int i = 0; i < 5; i++) {
            stage.nodes[i].error_share = 1;
        }
        struct sim_result result = stage_play(&stage, "p2c", 1);
        uint64_t most = retries < 4 ? retries : 4, served = 0;
        assert_int_equal(result.failed, result.requests);
        assert_int_equal(result.retries, most * result.requests);
        for (int i = 0; i < 5; i++) {
            assert_true(result.nodes[i].failed <= result.requests);
            served += result.nodes[i].failed;
        }
        assert_int_equal(served, (most + 1) * result.requests);
        sim_result_free(&result);
    }
}

/* Where there is one node, there is no second try. */
static void no_second_try_at_the_same(void **state) {
    (void)state;
    stage_plain(&stage, 1, 1);
    stage_forgive(&stage);
    stage.nodes[0].error_share = 0.5;
    stage.scenario.clients.retries = 3;
    struct sim_result result = stage_play(&stage, "p2c", 1);
    assert_int_equal(result.retries, 0);
    assert_int_equal(result.nodes[0].served, result.requests);
    sim_result_free(&result);
}

/* Too slow all of them: each is tried once for as long as the timeout, and works on it all the same. */
static void timeouts_go_elsewhere(void **state) {
    (void)state;
    stage_plain(&stage, 3, 50);
    stage_forgive(&stage);
    stage.scenario.clients.retries = 5;
    stage.scenario.clients.timeout = 20 * STAGE_MS;
    struct sim_result result = stage_play(&stage, "round_robin", 1);
    assert_int_equal(result.failed, result.requests);
    assert_int_equal(result.retries, 2 * result.requests);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(result.nodes[i].served, result.requests);
        assert_int_equal(result.nodes[i].failed, 0);
    }
    sim_result_free(&result);
}

/* One of two is too slow: the other one serves, after one timeout or at once, and nothing between. */
static void one_timeout_is_seen(void **state) {
    (void)state;
    stage_plain(&stage, 2, 5);
    stage_forgive(&stage);
    stage.nodes[0].speed = 0.1;
    stage.scenario.clients.retries = 1;
    stage.scenario.clients.timeout = 20 * STAGE_MS;
    struct sim_result result = stage_play(&stage, "random", 1);
    double retries = (double)result.retries, requests = (double)result.requests;
    assert_int_equal(result.well, result.requests);
    assert_true(fabs(retries - requests / 2) < LAW_NORMAL_LIMIT * sqrt(requests) / 2);
    assert_true(fabs(result.latency.sum - 5e6 * requests - 20e6 * retries) < 1);
    assert_true(result.latency.most == 25 * STAGE_MS);
    sim_result_free(&result);
}

/* A fifth of the requests, and ten on top and the one that reaches the bound, in any ten seconds. */
static void retry_budget_holds(void **state) {
    (void)state;
    stage_plain(&stage, 5, 1);
    stage_forgive(&stage);
    stage.scenario.clients.retries = 3;
    stage.scenario.clients.retry_budget = 0.2;
    for (int i = 0; i < 5; i++) {
        stage.nodes[i].error_share = 1;
    }
    struct sim_result result = stage_play(&stage, "p2c", 1);
    double retries = (double)result.retries, requests = (double)result.requests;
    assert_true(retries <= 0.2 * requests + 2 * 11 && retries > 0.19 * requests);
    assert_true(result.over_budget > 0 && result.over_budget <= result.failed);
    for (int second = 0; second < 12; second++) {
        uint64_t own = 0;
        for (int i = 0; i < 10; i++) {
            own += result.slices[10 * second + i].retries;
        }
        /* A second's own share, and what the budget had left over: nothing, when it is used up all the time. */
        assert_true((double)own < 0.2 * 1200 * 1.3 + 10 && own > 0);
    }
    sim_result_free(&result);
}

/* ---- caches ---- */

enum { CACHE = 60, KEYS = 400 };

/* The keys in order of use, the newest first, in an array: slow, and plainly right. */
struct naive {
    uint64_t keys[CACHE];
    uint32_t count;
};

static bool naive_use(struct naive *naive, uint32_t capacity, uint64_t key) {
    uint32_t place = 0;
    while (place < naive->count && naive->keys[place] != key) {
        place++;
    }
    bool hit = place < naive->count;
    naive->count += !hit && naive->count < capacity;
    place = hit ? place : naive->count - 1;
    memmove(naive->keys + 1, naive->keys, place * sizeof *naive->keys);
    naive->keys[0] = key;
    return hit;
}

static void cache_is_lru(void **state) {
    (void)state;
    for (uint32_t capacity = 1; capacity <= CACHE; capacity += 7) {
        struct sim_cache *cache = sim_cache_new(capacity);
        struct naive naive = {.count = 0};
        uint64_t chance = capacity;
        assert_non_null(cache);
        for (int i = 0; i < 20000; i++) {
            uint64_t key = 1 + law_below(&chance, 1 + law_below(&chance, 100));
            assert_int_equal(sim_cache_use(cache, key), naive_use(&naive, capacity, key));
            if (i % 5000 == 4999) {
                sim_cache_clear(cache);
                naive.count = 0;
            }
        }
        sim_cache_free(cache);
    }
}

/* A node counts the hits that the naive cache has with the same keys; a miss takes four times as long. */
static void caches_count_right(void **state) {
    (void)state;
    struct sim_source source;
    struct sim_arrival arrival;
    struct naive naive = {.count = 0};
    uint64_t hits = 0, asked = 0;
    stage_plain(&stage, 1, 1);
    stage.scenario.arrivals.keys = KEYS;
    stage.scenario.arrivals.skew = 0.8;
    stage.scenario.service.miss = 4;
    stage.nodes[0].cache = CACHE;
    sim_source_init(&source, &stage.scenario, 9);
    for (sim_source_next(&source, &arrival); arrival.at != SIM_NEVER; sim_source_next(&source, &arrival)) {
        hits += naive_use(&naive, CACHE, arrival.key);
        asked++;
    }
    struct sim_result result = stage_play(&stage, "ring", 9);
    assert_int_equal(result.nodes[0].cache_asked, asked);
    assert_int_equal(result.nodes[0].cache_hits, hits);
    assert_true(hits > asked / 4 && hits < asked * 3 / 4);
    assert_true(fabs(result.latency.sum - 1e6 * (double)hits - 4e6 * (double)(asked - hits)) < 1);
    sim_result_free(&result);
}

/* Keys stay with their node by ring, and wander by random: to another one of four in three cases of four. */
static void keys_move(void **state) {
    (void)state;
    stage_plain(&stage, 4, 1);
    stage.scenario.arrivals.keys = 10;
    struct sim_result ring = stage_play(&stage, "ring", 1), random = stage_play(&stage, "random", 1);
    assert_int_equal(ring.moved, 0);
    assert_int_equal(random.keyed, random.requests);
    double keyed = (double)random.keyed;
    assert_true(fabs((double)random.moved - 0.75 * keyed) < LAW_NORMAL_LIMIT * sqrt(keyed * 3) / 4 + 10);
    sim_result_free(&ring);
    sim_result_free(&random);
}

/* A request moves once at most, however often it is tried: keys of a node that always fails are served by another, and
   each time ask the first one first. */
static void requests_move_not_tries(void **state) {
    (void)state;
    stage_plain(&stage, 4, 1);
    stage_forgive(&stage);
    stage.scenario.arrivals.keys = 10;
    stage.scenario.arrivals.process = SIM_PACED;
    stage.scenario.arrivals.rate = 200; /* one ends before the next comes */
    stage.scenario.clients.retries = 1;
    for (int i = 0; i < 2; i++) {
        stage.nodes[i].error_share = 1;
    }
    struct sim_result result = stage_play(&stage, "ring", 1);
    assert_int_equal(result.keyed, result.requests);
    assert_true(result.retries > 0);
    assert_in_range(result.moved, result.retries - 10, result.retries);
    sim_result_free(&result);
}

/* ---- recoveries ---- */

/* One of four is not in the list, so that a third is an even share; what was before the measured time does not count.
 */
static void recovery_is_of_those_present(void **state) {
    (void)state;
    static const struct sim_event events[] = {
        {.at = 1, .length = SIM_NEVER, .action = SIM_LEAVE, .first = 3, .count = 1},
        {.at = 2 * STAGE_SECOND, .length = STAGE_SECOND, .action = SIM_FAIL, .first = 0, .count = 1}};
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    stage_plain(&stage, 4, 1);
    stage_forgive(&stage);
    stage_events(&stage, events, 2);
    struct sim_result measured = stage_play(&stage, "random", 1);
    sim_figures_of(&stage.scenario, &measured, figures);
    assert_true(figures[SIM_FIGURE_recovery].known);
    assert_true(fabs(figures[SIM_FIGURE_recovery].mean - 1) < 0.15); /* of about 400: three deviations */
    stage.scenario.warmup = 4 * STAGE_SECOND;
    struct sim_result later = stage_play(&stage, "random", 1);
    sim_figures_of(&stage.scenario, &later, figures);
    assert_false(figures[SIM_FIGURE_recovery].known);
    sim_result_free(&measured);
    sim_result_free(&later);
}

/* ---- to the ns ---- */

/* When a service that begins then is over, if the node stands still from `from` for `length`. */
static uint64_t end_of(uint64_t begins, uint64_t service, uint64_t from, uint64_t length) {
    if (begins >= from && begins < from + length) {
        return from + length + service;
    }
    return begins < from && begins + service >= from ? begins + service + length : begins + service;
}

/* One slot, a request every 10 ms; a freeze delays what is worked on, and all behind it, by exactly its length. */
static void freezes_delay_exactly(void **state) {
    (void)state;
    static const struct sim_event frozen = {
        .at = 1001 * STAGE_MS, .length = 333 * STAGE_MS, .action = SIM_FREEZE, .first = 0, .count = 1};
    for (int i = 0; i < 3; i++) {
        uint64_t service = (uint64_t[]){2, 7, 9}[i] * STAGE_MS, free_at = 0, sum = 0, most = 0, waited = 0;
        stage_open(&stage, 1, 1);
        stage_events(&stage, &frozen, 1);
        stage.scenario.service.time = (struct sim_distribution){.shape = SIM_FIXED, .mean = (double)service};
        stage.scenario.arrivals.process = SIM_PACED;
        stage.scenario.duration = 5 * STAGE_SECOND;
        for (uint64_t at = 10 * STAGE_MS; at < 5 * STAGE_SECOND; at += 10 * STAGE_MS) {
            waited += free_at > at;
            free_at = end_of(free_at > at ? free_at : at, service, frozen.at, frozen.length);
            sum += free_at - at;
            most = free_at - at > most ? free_at - at : most;
        }
        struct sim_result result = stage_play(&stage, "random", 1);
        assert_true(result.latency.sum == (double)sum);
        assert_true(result.latency.most == most);
        assert_int_equal(result.waited, waited);
        sim_result_free(&result);
    }
}

/* A freeze of 5 s at 10 s: what would end within it, at 14 s, and what would end after it, at 15.5 s and at 17 s, end 5
   s later all the same. Of two freezes, one right after the other, both count. */
static void freezes_count_for_long_work(void **state) {
    (void)state;
    static const struct sim_row rows[] = {
        {.at = 6 * STAGE_SECOND}, {.at = 7500 * STAGE_MS}, {.at = 9 * STAGE_SECOND}, {.at = 40 * STAGE_SECOND}};
    static const struct sim_event frozen[] = {
        {.at = 10 * STAGE_SECOND, .length = 5 * STAGE_SECOND, .action = SIM_FREEZE, .count = 1},
        {.at = 15 * STAGE_SECOND, .length = 2 * STAGE_SECOND, .action = SIM_FREEZE, .count = 1}};
    for (size_t freezes = 0; freezes <= 2; freezes++) {
        stage_plain(&stage, 1, 8000);
        stage_events(&stage, frozen, freezes);
        stage.scenario.arrivals.process = SIM_TRACE;
        stage.scenario.arrivals.trace = rows;
        stage.scenario.arrivals.trace_count = LAW_COUNT(rows);
        stage.scenario.arrivals.speedup = 1;
        stage.scenario.duration = 20 * STAGE_SECOND;
        struct sim_result result = stage_play(&stage, "random", 1);
        uint64_t each = (uint64_t[]){8, 13, 15}[freezes] * STAGE_SECOND;
        assert_int_equal(result.well, 3);
        assert_true(result.latency.most == each);
        assert_true(result.latency.sum == 3 * (double)each);
        sim_result_free(&result);
    }
}

/* Both ways of the network, the far way to another zone, the speed, the slowness: all add up. */
static void latencies_add_up(void **state) {
    (void)state;
    static const struct sim_event slow = {.at = 1, .length = SIM_NEVER, .action = SIM_SLOW, .count = 1, .factor = 3};
    stage_plain(&stage, 1, 4);
    stage_events(&stage, &slow, 1);
    stage.nodes[0].zone = "west";
    stage.nodes[0].speed = 2;
    stage.scenario.clients.zone = "east";
    stage.scenario.clients.far = 1e6;
    stage.scenario.clients.network.mean = 2e6;
    struct sim_result result = stage_play(&stage, "random", 1);
    uint64_t each = 2 * 3 * STAGE_MS + 4 * 3 / 2 * STAGE_MS;
    assert_true(result.latency.most == each);
    assert_true(result.latency.sum == (double)each * (double)result.requests);
    sim_result_free(&result);
}

/* Draws without bound are cut where time would end, so that every request ends: some take years. */
static void networks_take_years_at_most(void **state) {
    (void)state;
    stage_plain(&stage, 1, 1);
    stage.scenario.clients.network = (struct sim_distribution){.shape = SIM_LOGNORMAL, .mean = 1e26, .spread = 8};
    struct sim_result result = stage_play(&stage, "random", 1);
    assert_int_equal(result.well, result.requests);
    assert_true(result.latency.most == 200000000 * STAGE_SECOND + STAGE_MS);
    sim_result_free(&result);
}

/* Tokens: so long for each that is read and each that is written; slower beside others. */
static void tokens_take_time(void **state) {
    (void)state;
    stage_plain(&stage, 1, 1);
    stage.scenario.service = (struct sim_service){.work = SIM_WORK_LLM,
                                                  .context = {.mean = 1000},
                                                  .output = {.mean = 50},
                                                  .prefill = 1e4,
                                                  .decode = 2e5,
                                                  .batch_slowdown = 0.5};
    stage.nodes[0].slots = 4;
    stage.scenario.arrivals.process = SIM_PACED;
    stage.scenario.arrivals.rate = 40; /* every 25 ms: alone, since one takes 20 ms */
    struct sim_result alone = stage_play(&stage, "random", 1);
    assert_true(alone.latency.most == 20 * STAGE_MS);
    assert_true(alone.latency.sum == 20e6 * (double)alone.requests);
    stage.scenario.arrivals.rate = 62.5; /* every 16 ms: from the second on, one other is there */
    struct sim_result beside = stage_play(&stage, "random", 1);
    assert_true(fabs((double)beside.latency.most - 20e6 * (1 + 0.5 / 4)) < 1);
    assert_true(fabs(beside.latency.sum - 22.5e6 * (double)beside.requests + 2.5e6) < 1);
    sim_result_free(&alone);
    sim_result_free(&beside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_go_elsewhere),
        cmocka_unit_test(timeouts_go_elsewhere),
        cmocka_unit_test(no_second_try_at_the_same),
        cmocka_unit_test(one_timeout_is_seen),
        cmocka_unit_test(retry_budget_holds),
        cmocka_unit_test(cache_is_lru),
        cmocka_unit_test(caches_count_right),
        cmocka_unit_test(keys_move),
        cmocka_unit_test(freezes_delay_exactly),
        cmocka_unit_test(latencies_add_up),
        cmocka_unit_test(tokens_take_time),
        cmocka_unit_test(freezes_count_for_long_work),
        cmocka_unit_test(requests_move_not_tries),
        cmocka_unit_test(recovery_is_of_those_present),
        cmocka_unit_test(networks_take_years_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
