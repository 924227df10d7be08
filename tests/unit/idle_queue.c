/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Proof that the ops table is complete, part two: a stranger writes join-idle-queue (Lu et al., Performance 2011),
 * which lives on feedback alone.
 *
 * Scratch holds the requests under way at a node, known from begin and done. A node that has become idle puts itself
 * into a queue in the strategy's state; a pick takes the queue's head if that node is still idle and may be chosen,
 * else a node at random. The queue is short and may forget: an entry is a hint, the scratch is the truth.
 */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 16, QUEUE = 64 };

struct idle_state {
    uint32_t head, tail;
    uint32_t entries[QUEUE]; /* index + 1; 0: taken */
};

static ptrdiff_t idle_pick(const lw_view *view) {
    struct idle_state *queue = lw_view_state(view);
    for (int tries = 0; tries < QUEUE; tries++) {
        uint32_t head = __atomic_load_n(&queue->head, __ATOMIC_ACQUIRE);
        if (head == __atomic_load_n(&queue->tail, __ATOMIC_ACQUIRE)) {
            break;
        }
        if (!__atomic_compare_exchange_n(&queue->head, &head, head + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            continue;
        }
        uint32_t entry = __atomic_exchange_n(&queue->entries[head % QUEUE], 0, __ATOMIC_ACQ_REL);
        if (entry != 0 && entry <= view->count && lw_view_may(view, entry - 1) &&
            __atomic_load_n((uint32_t *)lw_view_scratch(view, entry - 1), __ATOMIC_RELAXED) == 0) {
            return (ptrdiff_t)entry - 1;
        }
    }
    return lw_view_uniform(view);
}

static void idle_begin(const lw_view *view, uint32_t index) {
    __atomic_add_fetch((uint32_t *)lw_view_scratch(view, index), 1, __ATOMIC_RELAXED);
}

static void idle_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    struct idle_state *queue = lw_view_state(view);
    (void)sample;
    if (__atomic_sub_fetch((uint32_t *)lw_view_scratch(view, index), 1, __ATOMIC_RELAXED) == 0) {
        uint32_t tail = __atomic_fetch_add(&queue->tail, 1, __ATOMIC_ACQ_REL);
        __atomic_store_n(&queue->entries[tail % QUEUE], index + 1, __ATOMIC_RELEASE);
    }
}

static const lw_strategy_ops idle_ops = {
    .size = sizeof idle_ops,
    .name = "idle_queue",
    .help = "Prefers a node that has just become idle.",
    .state_size = sizeof(struct idle_state),
    .scratch_size = sizeof(uint32_t),
    .pick = idle_pick,
    .begin = idle_begin,
    .done = idle_done,
};

static const lw_strategy_ops *const own[] = {&idle_ops};
static fleet nodes;
static ledger book;
static lw_strategy *idle;

static int open_idle(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    lw_env env = ledger_env(&book, 21);
    return lw_strategy_from_ops(&idle, &env, own, 1, "idle_queue");
}

static int close_idle(void **state) {
    (void)state;
    lw_strategy_free(idle);
    ledger_close(&book);
    return 0;
}

static void finish(uint32_t index) {
    lw_sample sample = LW_SAMPLE_INIT;
    assert_int_equal(lw_feedback(idle, &nodes.nodes, index, &sample), LW_OK);
}

static uint32_t start(void) {
    ptrdiff_t picked = lw_select(idle, &nodes.nodes, NULL);
    assert_in_range(picked, 0, nodes.nodes.count - 1);
    return (uint32_t)picked;
}

/* Picks until every node is busy, then lets one become idle with everything that it holds. */
static void make_all_busy(uint32_t held[NODES]) {
    memset(held, 0, NODES * sizeof *held);
    for (uint32_t busy = 0; busy < NODES;) {
        busy += held[start()]++ == 0;
    }
}

static void free_up(uint32_t held[NODES], uint32_t index) {
    while (held[index] > 0) {
        finish(index);
        held[index]--;
    }
}

static void test_idle_nodes_go_first(void **state) {
    (void)state;
    static const uint32_t order[] = {5, 11, 0, 15};
    uint32_t held[NODES];
    make_all_busy(held);
    for (size_t i = 0; i < 4; i++) {
        free_up(held, order[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(start(), order[i]);
    }
}

static void test_a_node_that_is_still_busy_is_not_in_the_queue(void **state) {
    (void)state;
    uint32_t held[NODES];
    make_all_busy(held);
    free_up(held, 3);
    assert_int_equal(start(), 3);
    assert_int_equal(held[3], 0);
    held[3] = 1;
    for (uint32_t i = 0; i < NODES; i++) { /* everyone hands back all but one */
        while (held[i] > 1) {
            finish(i);
            held[i]--;
        }
    }
    uint32_t counts[NODES] = {0};
    for (int i = 0; i < 1000; i++) { /* nobody was idle, so all these are draws */
        counts[start()]++;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        assert_in_range(counts[i], 20, 120);
    }
}

static void test_idle_nodes_that_may_not_be_chosen_are_passed_over(void **state) {
    (void)state;
    uint32_t held[NODES];
    make_all_busy(held);
    free_up(held, 2);
    free_up(held, 9);
    fleet_nobody(&nodes);
    lw_bitmap_set(nodes.words, 9);
    lw_bitmap_set(nodes.words, 10);
    assert_int_equal(start(), 9);
}

/* A steady state below capacity: a node is idle whenever one is needed, so that none ever holds two. */
static void test_it_never_doubles_up_below_capacity(void **state) {
    (void)state;
    uint32_t held[NODES], under_way[NODES / 2], oldest = 0;
    make_all_busy(held);
    for (uint32_t i = 0; i < NODES; i++) {
        free_up(held, i);
    }
    for (uint32_t i = 0; i < NODES / 2; i++) {
        under_way[i] = start();
        held[under_way[i]]++;
    }
    for (int turn = 0; turn < 2000; turn++) {
        finish(under_way[oldest]);
        held[under_way[oldest]]--;
        under_way[oldest] = start();
        assert_int_equal(++held[under_way[oldest]], 1);
        oldest = (oldest + 1) % (NODES / 2);
    }
}

/* The counts are scratch, so they know their nodes in the next version, and the queue's hint is checked against them.
 */
static void test_it_lives_through_a_new_version(void **state) {
    (void)state;
    uint32_t held[NODES];
    make_all_busy(held);
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].id = 1000 + (i + 1) % NODES; /* all move up one place */
    }
    nodes.nodes.version++;
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t before = (i + 1) % NODES;
        while (held[before] > 0) {
            finish(i);
            held[before]--;
        }
        assert_int_equal(start(), i); /* only now idle, as its count came along */
        held[before] = 1;
    }
}

static void test_a_lone_member_of_a_chain_hears_of_all_picks(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 21);
    lw_strategy *chain;
    lw_sample sample = LW_SAMPLE_INIT;
    lw_request request = keyed(4);
    assert_int_equal(lw_strategy_from_ops(&chain, &env, own, 1, "chain(ring absent_key=next, idle_queue)"), LW_OK);
    ptrdiff_t owner = lw_select(chain, &nodes.nodes, &request);
    assert_true(owner >= 0);
    assert_int_equal(lw_feedback(chain, &nodes.nodes, (uint32_t)owner, &sample), LW_OK);
    assert_int_equal(lw_select(chain, &nodes.nodes, NULL), owner); /* idle again, though the ring had picked it */
    lw_strategy_free(chain);
}

#define WITH_IDLE(test) cmocka_unit_test_setup_teardown(test, open_idle, close_idle)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_IDLE(test_idle_nodes_go_first),
        WITH_IDLE(test_a_node_that_is_still_busy_is_not_in_the_queue),
        WITH_IDLE(test_idle_nodes_that_may_not_be_chosen_are_passed_over),
        WITH_IDLE(test_it_never_doubles_up_below_capacity),
        WITH_IDLE(test_it_lives_through_a_new_version),
        WITH_IDLE(test_a_lone_member_of_a_chain_hears_of_all_picks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
