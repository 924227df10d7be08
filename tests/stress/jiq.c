/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The board of jiq from many threads, over versions that reorder the nodes. Some nodes are busy all the time, and the
 * hands never hold so many of the others that nobody is idle: so no pick may ever be one of the busy. When all is quiet
 * again, whoever becomes idle is found.
 */
#include "crew.h"

#include <loadwise/loadwise.h>
#include <string.h>

enum { NODES = 96, ALWAYS_BUSY = 32, HANDS = 4, BURST = 4, VERSIONS = 40, PATIENCE = 300 };

struct worker {
    uint64_t id;
    uint32_t inflight;
};

struct edition {
    struct worker *member[NODES];
    lw_nodes nodes;
};

static struct worker workers[NODES];
static struct edition editions[VERSIONS + 1];
static uint32_t current;
static uint64_t picks_done;
static bool closing;
static lw_strategy *strategy;
static crew hands;

static struct edition *newest(void) { return &editions[__atomic_load_n(&current, __ATOMIC_ACQUIRE)]; }

/* The first ALWAYS_BUSY workers have one request that never ends. */
static void print_editions(void) {
    for (uint32_t i = 0; i < NODES; i++) {
        workers[i] = (struct worker){.id = i, .inflight = i < ALWAYS_BUSY};
    }
    for (uint32_t version = 1; version <= VERSIONS; version++) {
        struct edition *edition = &editions[version];
        for (uint32_t i = 0; i < NODES; i++) {
            edition->member[i] = &workers[(i * 5 + version) % NODES];
        }
        lw_nodes_init(&edition->nodes, NODES);
        LW_SET_POINTERS(edition->nodes, id, edition->member, id);
        LW_SET_ATOMIC_POINTERS(edition->nodes, inflight, edition->member, inflight);
        edition->nodes.set = 1;
        edition->nodes.version = version;
    }
}

static uint32_t place_in(const struct edition *edition, const struct worker *worker) {
    uint32_t index = 0;
    while (edition->member[index] != worker) {
        index++;
    }
    return index;
}

/* Half of the hands lower the count before they tell of the end, half after. */
static void end_request(crew_hand *hand, struct worker *worker) {
    lw_sample sample = LW_SAMPLE_INIT;
    struct edition *edition = newest();
    if (hand->number % 2 == 0) {
        __atomic_sub_fetch(&worker->inflight, 1, __ATOMIC_RELAXED);
    }
    CREW_EXPECT(hand, lw_feedback(strategy, &edition->nodes, place_in(edition, worker), &sample) == LW_OK);
    if (hand->number % 2 != 0) {
        __atomic_sub_fetch(&worker->inflight, 1, __ATOMIC_RELAXED);
    }
}

static void serve_along(crew_hand *hand) {
    while (!__atomic_load_n(&closing, __ATOMIC_ACQUIRE)) {
        struct worker *held[BURST];
        for (uint32_t i = 0; i < BURST; i++) {
            struct edition *edition = newest();
            ptrdiff_t index = lw_select(strategy, &edition->nodes, NULL);
            CREW_EXPECT(hand, index >= 0 && index < NODES);
            held[i] = edition->member[index < 0 ? 0 : index];
            CREW_EXPECT(hand, held[i]->id >= ALWAYS_BUSY);
            __atomic_add_fetch(&held[i]->inflight, 1, __ATOMIC_RELAXED);
            __atomic_add_fetch(&picks_done, 1, __ATOMIC_RELEASE);
        }
        for (uint32_t i = 0; i < BURST; i++) {
            end_request(hand, held[i]);
        }
    }
}

/* All are made busy but one, whose end is told: it must be the next pick, whatever the board went through. */
static void check_that_ends_are_heard(void) {
    lw_sample sample = LW_SAMPLE_INIT;
    struct edition *edition = newest();
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(workers[i].inflight, i < ALWAYS_BUSY);
        workers[i].inflight = 1;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t index = place_in(edition, &workers[i]);
        workers[i].inflight = 0;
        assert_int_equal(lw_feedback(strategy, &edition->nodes, index, &sample), LW_OK);
        assert_int_equal(lw_select(strategy, &edition->nodes, NULL), index);
        workers[i].inflight = 1;
    }
    for (uint32_t i = ALWAYS_BUSY; i < NODES; i++) {
        workers[i].inflight = 0;
        assert_int_equal(lw_feedback(strategy, &edition->nodes, place_in(edition, &workers[i]), &sample), LW_OK);
    }
}

static void test_the_board_holds(void **state) {
    (void)state;
    print_editions();
    assert_int_equal(lw_strategy_new(&strategy, NULL, "jiq"), LW_OK);
    for (uint32_t round = 0; round < crew_factor(); round++) {
        current = 1;
        closing = false;
        crew_start(&hands, HANDS, serve_along);
        for (uint32_t version = 1; version <= VERSIONS; version++) {
            uint64_t before = __atomic_load_n(&picks_done, __ATOMIC_RELAXED);
            __atomic_store_n(&current, version, __ATOMIC_RELEASE);
            crew_wait(&picks_done, before + PATIENCE);
        }
        __atomic_store_n(&closing, true, __ATOMIC_RELEASE);
        crew_join(&hands);
        check_that_ends_are_heard();
    }
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_board_holds)};
    return cmocka_run_group_tests_name("jiq", tests, NULL, NULL);
}
