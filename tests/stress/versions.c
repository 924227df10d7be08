/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads pick while another brings out version after version of several sets. Each version is a struct of its own
 * with the right answers written beside it; a pick over a version must give that version's answer, whichever of the
 * two the thread still holds. The arrays of old versions go only after the threads have come home; old plans go when
 * the library says so, which is for the sanitizers to judge.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include <loadwise/loadwise.h>

enum { NODES = 24, FEWEST = 8, KEYS = 16, MOST_SETS = 12, PATIENCE = 300 };

typedef struct edition {
    lw_nodes nodes;
    struct {
        uint64_t id;
        uint32_t weight;
        double load, remaining;
    } node[NODES];
    uint64_t owner[KEYS]; /* id of the node that the ring gives each key */
    struct edition *older;
} edition;

static edition *current[MOST_SETS]; /* published with release, read with acquire */
static edition *all_editions;
static uint32_t sets;
static uint64_t picks_done;
static bool closing;

static lw_strategy *strategy; /* under test */
static ledger book;
static crew hands;

/* ---- editions ---- */

static uint64_t key_number(uint32_t k) { return (k + 1) * UINT64_C(0xd1342543de82ef95); }

static void write_answers(lw_strategy *reference, edition *e) {
    for (uint32_t k = 0; k < KEYS; k++) {
        lw_request request = LW_REQUEST_INIT;
        request.flags = LW_REQUEST_KEYED;
        request.key = key_number(k);
        ptrdiff_t index = lw_select(reference, &e->nodes, &request);
        assert_in_range(index, 0, e->nodes.count - 1);
        e->owner[k] = e->node[index].id;
    }
}

/* Which nodes are in, their order and their weights change from version to version. */
static edition *print_edition(lw_strategy *reference, uint32_t set, uint32_t version) {
    edition *e = calloc(1, sizeof *e);
    assert_non_null(e);
    uint32_t count = FEWEST + (version * 5 + set) % (NODES - FEWEST + 1);
    lw_nodes_init(&e->nodes, count);
    LW_SET(e->nodes, id, e->node, id);
    LW_SET(e->nodes, weight, e->node, weight);
    LW_SET(e->nodes, load, e->node, load);
    LW_SET(e->nodes, remaining, e->node, remaining);
    e->nodes.set = set + 1;
    e->nodes.version = version;
    for (uint32_t i = 0; i < count; i++) {
        e->node[i].id = (i * 7 + version * 3) % NODES + 1000 * (set + 1);
        e->node[i].weight = 1 + (i + version) % 3;
        e->node[i].load = i;
        e->node[i].remaining = 0.5;
    }
    write_answers(reference, e);
    e->older = all_editions;
    all_editions = e;
    return e;
}

static void burn_editions(void) {
    while (all_editions != NULL) {
        edition *e = all_editions;
        all_editions = e->older;
        free(e);
    }
}

/* ---- the hands ---- */

static edition *edition_of(uint32_t set) { return __atomic_load_n(&current[set], __ATOMIC_ACQUIRE); }

static void pick_by_key(crew_hand *hand, const edition *e) {
    uint32_t k = (uint32_t)(crew_random(hand) % KEYS);
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key_number(k);
    ptrdiff_t index = lw_select(strategy, &e->nodes, &request);
    CREW_EXPECT(hand, index >= 0 && index < (ptrdiff_t)e->nodes.count);
    CREW_EXPECT(hand, index < 0 || e->node[index].id == e->owner[k]);
}

static void pick_anyone(crew_hand *hand, const edition *e) {
    uint64_t excluded = crew_random(hand) % NODES;
    lw_request request = LW_REQUEST_INIT;
    request.exclude = &excluded;
    request.exclude_count = crew_random(hand) % 2;
    ptrdiff_t index = lw_select(strategy, &e->nodes, &request);
    CREW_EXPECT(hand, index >= 0 && index < (ptrdiff_t)e->nodes.count);
    CREW_EXPECT(hand, request.exclude_count == 0 || index != (ptrdiff_t)excluded);
}

static void report_one(crew_hand *hand, const edition *e) {
    lw_sample sample = LW_SAMPLE_INIT;
    CREW_EXPECT(hand, lw_feedback(strategy, &e->nodes, (uint32_t)crew_random(hand) % e->nodes.count, &sample) == LW_OK);
}

static void (*pick_one)(crew_hand *hand, const edition *e);

/* Holds on to an edition for a while, also when a newer one is out. */
static void pick_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        const edition *e = edition_of((uint32_t)crew_random(hand) % sets);
        for (uint64_t rest = crew_random(hand) % 20; rest > 0; rest--) {
            pick_one(hand, e);
            __atomic_add_fetch(&picks_done, 1, __ATOMIC_RELEASE);
        }
        if (hand->number % 2 == 0) {
            report_one(hand, e);
        }
    }
}

/* ---- the press ---- */

static void publish(lw_strategy *reference, uint32_t set, uint32_t version) {
    edition *e = print_edition(reference, set, version);
    if (version % 3 != 0) { /* else the first pick prepares, or several threads at once */
        assert_int_equal(lw_prepare(strategy, &e->nodes), LW_OK);
    }
    __atomic_store_n(&current[set], e, __ATOMIC_RELEASE);
}

static void run_press(const char *spec, uint32_t set_count, uint32_t versions, uint32_t crew_size) {
    lw_env env = ledger_env(&book, 6);
    lw_strategy *reference;
    ledger_open(&book);
    env.log = NULL;
    sets = set_count;
    picks_done = 0;
    closing = false;
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    assert_int_equal(lw_strategy_new(&reference, &env, "ring vnodes=20"), LW_OK);
    for (uint32_t set = 0; set < sets; set++) {
        publish(reference, set, 1);
    }
    crew_start(&hands, crew_size, pick_along);
    for (uint32_t version = 2; version <= versions * crew_factor(); version++) {
        for (uint32_t set = 0; set < sets; set++) {
            uint64_t before = __atomic_load_n(&picks_done, __ATOMIC_RELAXED);
            publish(reference, set, version);
            crew_wait(&picks_done, before + PATIENCE);
        }
    }
    __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
    crew_join(&hands);
    burn_editions();
    lw_strategy_free(strategy);
    lw_strategy_free(reference);
    ledger_close(&book);
}

static void test_ring_over_three_sets(void **state) {
    (void)state;
    pick_one = pick_by_key;
    run_press("ring vnodes=20", 3, 40, 4);
}

/* More sets than are kept, so that picks themselves prepare and push each other's plans out. */
static void test_ring_over_more_sets_than_are_kept(void **state) {
    (void)state;
    pick_one = pick_by_key;
    run_press("ring vnodes=20", MOST_SETS, 4, 4);
}

static void test_more_threads_than_lanes(void **state) {
    (void)state;
    pick_one = pick_by_key;
    run_press("chain(ring vnodes=20, random)", 2, 20, 40);
}

static void test_every_other_plan(void **state) {
    (void)state;
    static const char *const specs[] = {"smooth_wrr", "smooth_wrr max_period=1", "weighted_random",
                                        "chain(ring absent_key=next, smooth_wrr lanes=1, weighted_random)"};
    pick_one = pick_anyone;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        run_press(specs[i], 2, 15, 4);
    }
}

static void test_strategies_without_a_plan(void **state) {
    (void)state;
    static const char *const specs[] = {"round_robin", "random", "least_load", "p2c", "most_available"};
    pick_one = pick_anyone;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        run_press(specs[i], 2, 8, 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_over_three_sets),      cmocka_unit_test(test_ring_over_more_sets_than_are_kept),
        cmocka_unit_test(test_more_threads_than_lanes),   cmocka_unit_test(test_every_other_plan),
        cmocka_unit_test(test_strategies_without_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
