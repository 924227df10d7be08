/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Strategies that learn, from many threads at once and over versions that reorder the nodes: every pick is a node that
 * may be chosen, and when all is quiet, what was learnt is true of each node and of no other.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include "../unit/fleet.h"

#define STRESS_MS UINT64_C(1000000)

enum { NODES = 12, VERSIONS = 30, PATIENCE = 300, OUT_OF_USE = 5 };

static ledger book;
static lw_strategy *strategy;
static fleet editions[VERSIONS + 1];
static uint32_t current;
static uint64_t served;
static bool closing;
static crew hands;

static const lw_nodes *latest(void) { return &editions[__atomic_load_n(&current, __ATOMIC_ACQUIRE)].nodes; }

/* Node id 1 takes 10 ms, id 2 20 ms, and so on; id 0 fails, at once. */
static void answer(const lw_nodes *nodes, uint32_t index, uint64_t now) {
    lw_sample sample = LW_SAMPLE_INIT;
    lw_probe probe = LW_PROBE_INIT;
    uint64_t id = lw_nodes_id(nodes, index);
    sample.outcome = id == 0 ? LW_OUTCOME_FAILURE : LW_OUTCOME_OK;
    sample.latency = id == 0 ? 1 : id * 10 * STRESS_MS;
    sample.service = sample.latency;
    sample.now = probe.now = now;
    probe.latency = sample.latency;
    lw_feedback(strategy, nodes, index, &sample);
    lw_probed(strategy, nodes, index, &probe);
}

static void serve_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        const lw_nodes *nodes = latest();
        ptrdiff_t index = lw_select_at(strategy, nodes, NULL, 1000 * STRESS_MS);
        CREW_EXPECT(hand, index >= 0 && index < NODES && lw_nodes_id(nodes, (uint32_t)index) != OUT_OF_USE);
        answer(nodes, index < 0 ? 0 : (uint32_t)index, 1000 * STRESS_MS);
        answer(nodes, (uint32_t)(crew_random(hand) % NODES), 1000 * STRESS_MS);
        __atomic_add_fetch(&served, 1, __ATOMIC_RELEASE);
    }
}

/* Each version has the nodes in another order; one of them may not be chosen, wherever it stands. */
static void print_editions(void) {
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        fleet_open(&editions[version], NODES, 1);
        fleet_weights(&editions[version], 1);
        editions[version].nodes.version = version;
        fleet_nobody(&editions[version]);
        for (uint32_t i = 0; i < NODES; i++) {
            editions[version].member[i].id = (i * 5 + version) % NODES;
            if (editions[version].member[i].id != OUT_OF_USE) {
                lw_bitmap_set(editions[version].words, i);
            }
        }
    }
}

/* Among two nodes, the first must be the one, always. */
static void assert_prefers(uint64_t better, uint64_t worse) {
    fleet *last = &editions[VERSIONS];
    fleet_nobody(last);
    for (uint32_t i = 0; i < NODES; i++) {
        uint64_t id = last->member[i].id;
        if (id == better || id == worse) {
            answer(&last->nodes, i, 1000 * STRESS_MS); /* the board of probes may have lost it */
            lw_bitmap_set(last->words, i);
        }
    }
    for (int i = 0; i < 2; i++) {
        lw_request trial = LW_REQUEST_INIT;
        trial.flags = LW_REQUEST_TRIAL;
        ptrdiff_t index = lw_select_at(strategy, &last->nodes, &trial, 1000 * STRESS_MS);
        assert_int_equal(last->member[index].id, better);
    }
}

static void learn_along(const char *spec) {
    lw_env env = ledger_env(&book, 1);
    print_editions();
    current = 1;
    served = 0;
    closing = false;
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    crew_start(&hands, 6, serve_along);
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        assert_int_equal(lw_prepare(strategy, &editions[version].nodes), LW_OK);
        __atomic_store_n(&current, version, __ATOMIC_RELEASE);
        crew_wait(&served, (uint64_t)version * PATIENCE * crew_factor());
    }
    __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
    crew_join(&hands);
    for (uint64_t id = 1; id + 1 < NODES; id++) {
        assert_prefers(id, id + 1);
    }
}

static void test_latencies_stay_with_their_nodes(void **state) {
    (void)state;
    static const char *const specs[] = {"least_time bucket=0.001", "c3"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        ledger_open(&book);
        learn_along(specs[i]);
        lw_strategy_free(strategy);
        ledger_close(&book);
    }
}

/* What was said of failures too: at once, and wrong, is worse than the slowest good answer. */
static void test_answers_to_probes_stay_whole(void **state) {
    (void)state;
    ledger_open(&book);
    learn_along("prequal quantile=1 probes=1");
    assert_prefers(1, 0);
    lw_strategy_free(strategy);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latencies_stay_with_their_nodes),
        cmocka_unit_test(test_answers_to_probes_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
