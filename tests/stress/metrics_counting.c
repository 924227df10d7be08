/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting under threads: nothing is lost or counted twice, and every page that is read meanwhile is a valid one. */
#include "../unit/ledger.h"
#include "../unit/metrics_page.h"
#include "crew.h"

enum { THREADS = 6, NODES = 12, BOUND = 8, ROUNDS = 4000 };

static ledger book;
static lw_metrics *metrics;
static const lw_observer *tell;
static crew hands;
static page pages[2];

static int open_metrics(void **state) {
    (void)state;
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    options.max_nodes = BOUND;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_metrics_new(&metrics, &env, &options), LW_OK);
    tell = lw_metrics_observer(metrics);
    return 0;
}

static int close_metrics(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    ledger_close(&book);
    return 0;
}

static void count_one(uint64_t node, uint32_t number) {
    static const char *const strategies[] = {"p2c", "ring", "random"};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.outcome = number % 8;
    sample.latency = 1000000 * (1 + number % 200);
    tell->selected(tell->user, node, strategies[number % 3]);
    tell->finished(tell->user, node, &sample);
    tell->refused(tell->user, LW_SATURATED);
    tell->probe(tell->user, node, 1);
}

static void count_all(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        count_one(i % NODES, i);
        if (hand->number < 2 && i % 200 == 0) {
            CREW_EXPECT(hand, page_try(&pages[hand->number], metrics));
        }
    }
}

/* The sum of all series that begin so. */
static uint64_t sum_of(const page *p, const char *beginning) {
    uint64_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (strncmp(p->lines[i], beginning, strlen(beginning)) == 0) {
            sum += (uint64_t)page_number(p->lines[i]);
        }
    }
    return sum;
}

static void test_it_adds_up(void **state) {
    (void)state;
    uint64_t all = (uint64_t)THREADS * ROUNDS * crew_factor();
    crew_run(&hands, THREADS, count_all);
    page_read(&pages[0], metrics);
    assert_int_equal(sum_of(&pages[0], "loadwise_selections_total{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_requests_total{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_request_duration_seconds_count{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_probes_total{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_strategy_selections_total{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_refusals_total{"), all);
    assert_int_equal(sum_of(&pages[0], "loadwise_requests_in_flight{"), 0);
    assert_int_equal(page_mentions(&pages[0], "loadwise_selections_total{"), BOUND + 1);
    assert_int_equal(page_mentions(&pages[0], "loadwise_strategy_selections_total{"), 3);
}

/* Names are given, counted under and forgotten at the same time; no page shows one of them twice. */
static void come_and_go(crew_hand *hand) {
    char name[16];
    for (uint32_t i = 0; i < ROUNDS / 2 * crew_factor(); i++) {
        uint64_t node = crew_random(hand) % NODES;
        snprintf(name, sizeof name, "name-%d", (int)(crew_random(hand) % 4));
        switch (crew_random(hand) % 4) {
        case 0: tell->forgotten(tell->user, node); break;
        case 1: {
            int answer = lw_metrics_name(metrics, node, name);
            CREW_EXPECT(hand, answer == 0 || answer == 1 || answer == LW_DUPLICATE || answer == LW_FULL);
            break;
        }
        default: count_one(node, i);
        }
        if (hand->number < 2 && i % 20 == 0) {
            CREW_EXPECT(hand, page_try(&pages[hand->number], metrics));
        }
    }
}

static void test_names_come_and_go(void **state) {
    (void)state;
    crew_run(&hands, THREADS, come_and_go);
    for (uint64_t node = 0; node < NODES; node++) {
        tell->forgotten(tell->user, node);
    }
    page_read(&pages[0], metrics);
    assert_int_equal(page_mentions(&pages[0], "node=\"name-"), 0);
}

/* The first event of a strategy, and of a node, on all threads at once: one series, and none of them lost. */
static void begin_at_once(crew_hand *hand) {
    static const char *const strategies[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (uint64_t i = 0; i < 8; i++) {
        tell->selected(tell->user, i, strategies[(i + hand->number / 3) % 8]);
    }
}

static void test_first_events(void **state) {
    for (int round = 0; round < 40; round++) {
        crew_run(&hands, THREADS, begin_at_once);
        page_read(&pages[0], metrics);
        assert_int_equal(sum_of(&pages[0], "loadwise_selections_total{"), 8 * THREADS);
        assert_int_equal(sum_of(&pages[0], "loadwise_strategy_selections_total{"), 8 * THREADS);
        assert_int_equal(page_mentions(&pages[0], "loadwise_strategy_selections_total{"), 8);
        close_metrics(state);
        open_metrics(state);
    }
}

static uint64_t pages_read;

/* One reads pages, the others forget nodes and bring them back as fast as they can. */
static void forget_and_return(crew_hand *hand) {
    if (hand->number == 0) {
        for (uint32_t i = 0; i < 400 * crew_factor(); i++) {
            CREW_EXPECT(hand, page_try(&pages[0], metrics));
        }
        __atomic_store_n(&pages_read, 1, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&pages_read, __ATOMIC_ACQUIRE)) {
        uint64_t node = crew_random(hand) % BOUND;
        tell->forgotten(tell->user, node);
        tell->probe(tell->user, node, 1);
    }
}

static void test_no_node_twice_in_a_page(void **state) {
    (void)state;
    pages_read = 0;
    crew_run(&hands, 3, forget_and_return);
}

#define COUNTING(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void) {
    const struct CMUnitTest tests[] = {COUNTING(test_it_adds_up), COUNTING(test_names_come_and_go),
                                       COUNTING(test_first_events), COUNTING(test_no_node_twice_in_a_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
