/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Proof that the ops table is complete, part one: a stranger writes bounded(ring, factor=1.25), the consistent hashing
 * with bounded loads of Mirrokni, Thorup and Zadimoghaddam (arXiv 1608.01350), with public headers alone.
 *
 * No node may hold more than factor times its even share: cap = ceil(factor * (m + 1) / n) with m requests under way
 * on n eligible nodes. A key takes the first node of its child's order that is below the cap. Since factor >= 1 there
 * always is one.
 */
#include "ledger.h"

#include "fleet.h"

#include <math.h>

enum { NODES = 20, CHUNK = 8, KEYS = 600 };

struct bounded_config {
    double factor;
};

static uint32_t cap_of(const lw_view *view) {
    const struct bounded_config *config = lw_view_config(view);
    uint64_t under_way = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        under_way += lw_view_may(view, i) ? lw_view_inflight(view, i) : 0;
    }
    return (uint32_t)ceil(config->factor * (double)(under_way + 1) / lw_view_count(view));
}

static ptrdiff_t bounded_pick(const lw_view *view) {
    uint32_t order[FLEET_MOST];
    uint32_t may = lw_view_count(view);
    if (may == 0) {
        return lw_view_refusal(view);
    }
    uint32_t cap = cap_of(view);
    for (uint32_t asked = CHUNK;; asked *= 2) { /* seldom more than a few steps along the order */
        ptrdiff_t found = lw_view_child_sequence(view, 0, view->request->key, order, asked < may ? asked : may);
        for (ptrdiff_t i = 0; i < found; i++) {
            if (lw_view_inflight(view, order[i]) < cap) {
                return order[i];
            }
        }
        if (found < 0 || (uint32_t)found == may || asked >= may) {
            return found < 0 ? found : LW_SATURATED;
        }
    }
}

static ptrdiff_t bounded_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    return lw_view_child_sequence(view, 0, key, out, room);
}

static const lw_param bounded_params[] = {
    {"factor", LW_PARAM_F64, offsetof(struct bounded_config, factor), "1.25", "1", "1000", NULL,
     "Most that a node may hold, in even shares."},
};

static const lw_strategy_ops bounded_ops = {
    .size = sizeof bounded_ops,
    .name = "bounded",
    .help = "Keeps a key at its node unless that node holds too much.",
    .params = bounded_params,
    .param_count = 1,
    .config_size = sizeof(struct bounded_config),
    .children_min = 1,
    .children_max = 1,
    .needs = LW_HAS(inflight),
    .pick = bounded_pick,
    .sequence = bounded_sequence,
};

static const lw_strategy_ops *const own[] = {&bounded_ops};
static fleet nodes;
static ledger book;
static lw_strategy *bounded;

static int open_bounded(void **state) {
    (void)state;
    ledger_open(&book);
    fleet_open(&nodes, NODES, 1);
    fleet_weights(&nodes, 1);
    lw_env env = ledger_env(&book, 4);
    return lw_strategy_from_ops(&bounded, &env, own, 1, "bounded(ring, factor=1.25)");
}

static int close_bounded(void **state) {
    (void)state;
    lw_strategy_free(bounded);
    ledger_close(&book);
    return 0;
}

/* Places a key and leaves it under way. */
static uint32_t place(uint64_t key) {
    lw_request request = keyed(lw_id(&key, sizeof key));
    ptrdiff_t picked = lw_select(bounded, &nodes.nodes, &request);
    assert_in_range(picked, 0, NODES - 1);
    nodes.member[picked].inflight++;
    return (uint32_t)picked;
}

static void test_no_node_is_over_its_bound(void **state) {
    (void)state;
    for (uint64_t key = 0; key < KEYS; key++) {
        uint32_t cap = (uint32_t)ceil(1.25 * (double)(key + 1) / NODES);
        assert_true(nodes.member[place(key)].inflight <= cap);
    }
}

/* One popular key, as far as it goes: it fills its node, then the next along the ring, and so on. */
static void test_a_popular_key_spills_along_its_order(void **state) {
    (void)state;
    uint32_t order[NODES], reached = 0;
    uint64_t popular = 99;
    uint64_t key = lw_id(&popular, sizeof popular);
    assert_int_equal(lw_replicas(bounded, &nodes.nodes, key, order, NODES), NODES);
    for (int i = 0; i < 100; i++) {
        uint32_t picked = place(popular), rank = 0;
        while (order[rank] != picked) {
            assert_true(nodes.member[order[rank]].inflight > 0);
            rank++;
        }
        reached = rank > reached ? rank : reached;
    }
    assert_true(reached >= 14); /* 100 requests at a cap of at most 7 need 15 nodes */
}

static void test_below_the_bound_it_is_the_ring(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 4);
    lw_strategy *ring;
    assert_int_equal(lw_strategy_new(&ring, &env, "ring"), LW_OK);
    for (uint64_t key = 0; key < 200; key++) {
        lw_request request = keyed(key * UINT64_C(0x9e3779b97f4a7c15));
        assert_int_equal(lw_select(bounded, &nodes.nodes, &request), lw_select(ring, &nodes.nodes, &request));
    }
    lw_strategy_free(ring);
}

static void test_excluded_and_filtered_nodes_count_out(void **state) {
    (void)state;
    static const uint64_t list[] = {0, 1, 2};
    fleet_nobody(&nodes);
    for (uint32_t i = 0; i < 5; i++) {
        lw_bitmap_set(nodes.words, i);
    }
    for (uint64_t key = 0; key < 50; key++) {
        lw_request request = excluding(list, 3);
        request.flags = LW_REQUEST_KEYED;
        request.key = lw_id(&key, sizeof key);
        ptrdiff_t picked = lw_select(bounded, &nodes.nodes, &request);
        assert_in_range(picked, 3, 4);
        nodes.member[picked].inflight++;
    }
    assert_true(nodes.member[3].inflight <= 32 && nodes.member[4].inflight <= 32);
}

static void test_it_prepares_its_child(void **state) {
    (void)state;
    lw_request request = keyed(1);
    request.flags |= LW_REQUEST_PREPARED_ONLY;
    assert_int_equal(lw_select(bounded, &nodes.nodes, &request), LW_NOT_PREPARED);
    assert_int_equal(lw_prepare(bounded, &nodes.nodes), LW_OK);
    uint64_t asked = book.asked;
    assert_true(lw_select(bounded, &nodes.nodes, &request) >= 0);
    assert_int_equal(book.asked, asked);
}

static void test_its_needs_are_checked(void **state) {
    (void)state;
    nodes.nodes.present &= ~LW_HAS(inflight);
    assert_int_equal(lw_prepare(bounded, &nodes.nodes), LW_NO_COLUMN);
    assert_told(&book, LW_NO_COLUMN, "inflight");
}

static void test_a_child_without_an_order(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 4);
    lw_strategy *wrong;
    lw_request request = keyed(1);
    assert_int_equal(lw_strategy_from_ops(&wrong, &env, own, 1, "bounded(random)"), LW_OK);
    assert_int_equal(lw_select(wrong, &nodes.nodes, &request), LW_UNSUPPORTED);
    lw_strategy_free(wrong);
    assert_int_equal(lw_strategy_from_ops(&wrong, &env, own, 1, "bounded(ring, factor=0.9)"), LW_RANGE);
    assert_int_equal(lw_strategy_from_ops(&wrong, &env, own, 1, "bounded"), LW_RANGE);
    assert_int_equal(lw_strategy_from_ops(&wrong, &env, own, 1, "bounded(ring, ring)"), LW_RANGE);
}

static void test_it_stands_in_a_chain(void **state) {
    (void)state;
    lw_env env = ledger_env(&book, 4);
    lw_strategy *chain;
    lw_request request = keyed(77);
    assert_int_equal(lw_strategy_from_ops(&chain, &env, own, 1, "chain(bounded(ring vnodes=20), p2c)"), LW_OK);
    assert_true(lw_select(chain, &nodes.nodes, &request) >= 0);
    lw_strategy_free(chain);
}

#define WITH_BOUNDED(test) cmocka_unit_test_setup_teardown(test, open_bounded, close_bounded)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_BOUNDED(test_no_node_is_over_its_bound),      WITH_BOUNDED(test_a_popular_key_spills_along_its_order),
        WITH_BOUNDED(test_below_the_bound_it_is_the_ring), WITH_BOUNDED(test_excluded_and_filtered_nodes_count_out),
        WITH_BOUNDED(test_it_prepares_its_child),          WITH_BOUNDED(test_its_needs_are_checked),
        WITH_BOUNDED(test_a_child_without_an_order),       WITH_BOUNDED(test_it_stands_in_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
