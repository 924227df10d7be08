/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Nodes come and go while others report, ask, list and filter: nothing is read after it was freed, the bound holds, and
 * memory stays what the nodes of the moment need.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/health.h>

enum { THREADS = 6, IDS = 40, BOUND = 32, ROUNDS = 4000 };

static ledger book;
static lw_health *health;
static crew hands;

static uint64_t forgotten, told; /* by the calls, by the observer */

static void note_forgotten(void *user, uint64_t node) {
    (void)user, (void)node;
    __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

static void forget(uint64_t node) {
    __atomic_fetch_add(&forgotten, (uint64_t)lw_health_forget(health, node), __ATOMIC_RELAXED);
}

static int count_node(void *user, const lw_health_info *info) {
    (*(uint32_t *)user) += info->node < IDS;
    return 0;
}

static void filter_all(crew_hand *hand, uint64_t now) {
    uint64_t ids[IDS], words[LW_BITMAP_WORDS(IDS)];
    lw_nodes nodes;
    lw_health_tracker_filter filter = lw_filter_health_tracker(health, LW_STATUS_BIT(LW_HEALTHY));
    for (uint64_t i = 0; i < IDS; i++) {
        ids[i] = i;
    }
    lw_nodes_init(&nodes, IDS);
    LW_SET_VALUES(nodes, id, ids);
    CREW_EXPECT(hand, lw_filter_apply(&filter.filter, &nodes, NULL, now, words) <= IDS);
}

static void act(crew_hand *hand, uint64_t node, uint64_t now) {
    lw_health_info info = {.size = sizeof info};
    lw_health_permit permit;
    uint32_t seen = 0;
    int answer;
    switch (crew_random(hand) % 12) {
    case 0:
    case 1: forget(node % 8); break;
    case 2:
        answer = lw_health_get_at(health, node, now, &info);
        CREW_EXPECT(hand, answer == LW_UNKNOWN || (info.node == node && info.status <= LW_RECOVERING));
        break;
    case 3:
        info.node = node;
        info.state.status = LW_UNHEALTHY;
        answer = lw_health_restore_at(health, &info, now);
        CREW_EXPECT(hand, answer == LW_OK || answer == LW_FULL);
        break;
    case 4:
        CREW_EXPECT(hand, lw_health_each_at(health, now, count_node, &seen) == 0);
        CREW_EXPECT(hand, seen <= IDS);
        break;
    case 5: filter_all(hand, now); break;
    case 6: lw_health_next_due(health, now); break;
    default:
        if (lw_health_admit_at(health, node, now, &permit) == 1) {
            answer = lw_health_report_at(health, node, (uint32_t)crew_random(hand) % 8, &permit, now);
            CREW_EXPECT(hand, answer == 0 || answer == 1 || answer == LW_FULL);
        }
    }
}

static void work(crew_hand *hand) {
    for (uint32_t i = 0; i < ROUNDS * crew_factor(); i++) {
        act(hand, crew_random(hand) % IDS, i);
    }
}

static void test_churn(void **state) {
    (void)state;
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 6);
    lw_observer observer = LW_OBSERVER_INIT;
    observer.forgotten = note_forgotten;
    options.observer = &observer;
    options.max_nodes = BOUND;
    options.probe_interval = 1;
    options.window = 100;
    assert_int_equal(lw_health_new(&health, &env, &options), LW_OK);
    uint64_t empty = book.live_bytes;
    crew_run(&hands, THREADS, work);
    uint32_t known = 0;
    lw_health_each(health, count_node, &known);
    assert_in_range(known, 1, BOUND);
    for (uint64_t node = 0; node < IDS; node++) {
        forget(node);
    }
    assert_int_equal(forgotten, told);
    lw_health_add(health, 0); /* no reader is left, so what waited for one goes */
    lw_health_forget(health, 0);
    assert_in_range(book.live_bytes, empty, empty + 2048); /* a larger directory */
    lw_health_free(health);
    ledger_close(&book);
}

/* Nodes by the hundred thousand, a few at a time, from one thread: the memory of the first thousand is enough. */
static void test_flat_memory(void **state) {
    (void)state;
    uint64_t least = UINT64_MAX, most = 0;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 6);
    assert_int_equal(lw_health_new(&health, &env, NULL), LW_OK);
    for (uint64_t node = 0; node < 200000; node++) {
        assert_int_equal(lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, node), 1);
        assert_int_equal(lw_health_forget(health, node - 10), node >= 10);
        if (node >= 1000) {
            least = book.live_bytes < least ? book.live_bytes : least;
            most = book.live_bytes > most ? book.live_bytes : most;
        }
    }
    assert_in_range(most - least, 0, 4096);
    lw_health_free(health);
    ledger_close(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_churn), cmocka_unit_test(test_flat_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
