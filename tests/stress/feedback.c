/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Begin and done from many threads, over versions that reorder the nodes: a strategy that counts requests under way, in
 * state and in scratch, must come out at zero for every node, and with every pick counted once. Also atomic columns
 * and a bitmap that one thread writes while the others choose by them.
 */
#include "../unit/ledger.h"
#include "crew.h"

#include "../unit/fleet.h"

#include <loadwise/ops.h>

enum { NODES = 9, VERSIONS = 30, PATIENCE = 200, BURST = 4 };

struct tally {
    uint64_t begins, dones;
};

static void tally_begin(const lw_view *view, uint32_t index) {
    struct tally *state = lw_view_state(view), *node = lw_view_scratch(view, index);
    __atomic_add_fetch(&state->begins, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&node->begins, 1, __ATOMIC_RELAXED);
}

static void tally_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct tally *state = lw_view_state(view), *node = lw_view_scratch(view, index);
    (void)sample;
    __atomic_add_fetch(&state->dones, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&node->dones, 1, __ATOMIC_RELAXED);
}

static struct tally seen_state, seen_nodes[NODES];

/* A plain pick draws; a keyed one reads everything out, when all is quiet. */
static ptrdiff_t tally_pick(const lw_view *view) {
    if (view->request->flags & LW_REQUEST_KEYED) {
        seen_state = *(struct tally *)lw_view_state(view);
        for (uint32_t i = 0; i < view->count; i++) {
            seen_nodes[i] = *(struct tally *)lw_view_scratch(view, i);
        }
        return LW_SATURATED;
    }
    return lw_view_uniform(view);
}

static const lw_strategy_ops tally_ops = {
    .size = sizeof tally_ops,
    .name = "tally",
    .help = "Counts begins and dones.",
    .state_size = sizeof(struct tally),
    .scratch_size = sizeof(struct tally),
    .pick = tally_pick,
    .begin = tally_begin,
    .done = tally_done,
};

static ledger book;
static lw_strategy *strategy;
static fleet editions[VERSIONS + 1];
static uint32_t current;
static uint64_t picks_done, by_id[NODES];
static bool closing;
static crew hands;

static const lw_nodes *latest(void) { return &editions[__atomic_load_n(&current, __ATOMIC_ACQUIRE)].nodes; }

/* A few requests under way at once, ended over a version that may be newer than the one they began with. */
static void serve(crew_hand *hand) {
    uint64_t ids[BURST];
    for (uint32_t i = 0; i < BURST; i++) {
        const lw_nodes *nodes = latest();
        ptrdiff_t index = lw_select(strategy, nodes, NULL);
        CREW_EXPECT(hand, index >= 0 && index < NODES);
        ids[i] = lw_nodes_id(nodes, index < 0 ? 0 : (uint32_t)index);
        __atomic_add_fetch(&by_id[ids[i]], 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&picks_done, 1, __ATOMIC_RELEASE);
    }
    for (uint32_t i = 0; i < BURST; i++) {
        lw_sample sample = LW_SAMPLE_INIT;
        const lw_nodes *nodes = latest();
        uint32_t index = 0;
        while (lw_nodes_id(nodes, index) != ids[i]) {
            index++;
        }
        CREW_EXPECT(hand, lw_feedback(strategy, nodes, index, &sample) == LW_OK);
    }
}

static void serve_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        serve(hand);
    }
}

static void print_editions(void) {
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        fleet_open(&editions[version], NODES, 1);
        editions[version].nodes.version = version;
        for (uint32_t i = 0; i < NODES; i++) {
            editions[version].member[i].id = (i * 4 + version) % NODES;
        }
    }
}

static void check_tallies(void) {
    lw_request readout = keyed(0);
    assert_int_equal(lw_select(strategy, latest(), &readout), LW_SATURATED);
    assert_int_equal(seen_state.begins, picks_done);
    assert_int_equal(seen_state.dones, picks_done);
    for (uint32_t i = 0; i < NODES; i++) {
        uint64_t id = lw_nodes_id(latest(), i);
        assert_int_equal(seen_nodes[i].begins, by_id[id]);
        assert_int_equal(seen_nodes[i].dones, by_id[id]);
    }
}

static void test_nothing_is_lost(void **state) {
    (void)state;
    const lw_strategy_ops *const own[] = {&tally_ops};
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    print_editions();
    current = 1;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, "tally"), LW_OK);
    for (uint32_t round = 0; round < crew_factor(); round++) {
        closing = false;
        crew_start(&hands, 6, serve_along);
        for (uint32_t version = current; version <= VERSIONS; version++) {
            uint64_t before = __atomic_load_n(&picks_done, __ATOMIC_RELAXED);
            if (version % 2) {
                assert_int_equal(lw_prepare(strategy, &editions[version].nodes), LW_OK);
            }
            __atomic_store_n(&current, version, __ATOMIC_RELEASE);
            crew_wait(&picks_done, before + PATIENCE);
        }
        __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
        crew_join(&hands);
        check_tallies();
    }
    lw_strategy_free(strategy);
    ledger_close(&book);
}

/* ---- columns that are written meanwhile ---- */

static fleet live;

/* Writes loads, in-flight counts and availabilities in the one way that is allowed: an atomic store each. */
static void write_columns(uint32_t turn) {
    for (uint32_t i = 0; i < NODES; i++) {
        double load = (turn + i) % NODES, remaining = load / NODES;
        __atomic_store(&live.member[i].load, &load, __ATOMIC_RELAXED);
        __atomic_store(&live.member[i].remaining, &remaining, __ATOMIC_RELAXED);
    }
}

static void choose_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        ptrdiff_t index = lw_select(strategy, &live.nodes, NULL);
        CREW_EXPECT(hand, index >= 0 && index < NODES);
        __atomic_add_fetch(&picks_done, 1, __ATOMIC_RELEASE);
    }
}

static void test_atomic_columns(void **state) {
    (void)state;
    static const char *const specs[] = {"least_load", "least_load tie=first weighted=true", "p2c", "p2c choices=4",
                                        "most_available"};
    fleet_open(&live, NODES, 1);
    LW_SET_ATOMIC(live.nodes, load, live.member, load);
    LW_SET_ATOMIC(live.nodes, remaining, live.member, remaining);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        assert_int_equal(lw_strategy_new(&strategy, NULL, specs[i]), LW_OK);
        closing = false;
        picks_done = 0;
        crew_start(&hands, 3, choose_along);
        for (uint32_t turn = 0; turn < 200 * crew_factor(); turn++) {
            write_columns(turn);
            crew_wait(&picks_done, turn * 10);
        }
        __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
        crew_join(&hands);
        lw_strategy_free(strategy);
    }
}

/* ---- a bitmap that is written meanwhile ---- */

enum { WIDE = 200, HOME = 77 };

static uint64_t live_words[LW_BITMAP_WORDS(WIDE)];

/* Whole words, each with one atomic store. HOME may always be chosen, odd ones and nodes of the last word never. */
static void write_bitmap(uint32_t turn) {
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(WIDE); w++) {
        uint64_t word = turn % 3 == 0 ? 0 : UINT64_C(0x5555555555555555) << (turn % 5 * 2);
        word = w == LW_BITMAP_WORDS(WIDE) - 1 ? 0 : word;
        word |= w == HOME / 64 ? UINT64_C(1) << HOME % 64 : 0;
        __atomic_store_n(&live_words[w], word, __ATOMIC_RELAXED);
    }
}

/* One node may always be chosen, so nobody is ever refused; and never comes a node that no version of the bitmap has.
 */
static void choose_among_few(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        lw_request request = keyed(crew_random(hand));
        ptrdiff_t index = lw_select(strategy, &live.nodes, crew_random(hand) % 2 ? &request : NULL);
        CREW_EXPECT(hand, index >= 0 && index < 192 && (index == HOME || index % 2 == 0));
        __atomic_add_fetch(&picks_done, 1, __ATOMIC_RELEASE);
    }
}

static void test_a_bitmap_that_changes(void **state) {
    (void)state;
    char spec[FLEET_SPEC];
    fleet_open(&live, WIDE, 1);
    live.nodes.eligible = live_words;
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        assert_int_equal(lw_strategy_new(&strategy, NULL, spec), LW_OK);
        closing = false;
        picks_done = 0;
        write_bitmap(0);
        crew_start(&hands, 3, choose_among_few);
        for (uint32_t turn = 0; turn < 200 * crew_factor(); turn++) {
            write_bitmap(turn);
            crew_wait(&picks_done, turn * 10);
        }
        __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
        crew_join(&hands);
        lw_strategy_free(strategy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_atomic_columns),
        cmocka_unit_test(test_a_bitmap_that_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
