/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests: exclusions are exact for every strategy, whatever the list looks like; keys stay with their node. */
#include "ledger.h"

#include "fleet.h"

enum { NODES = 12, PICKS = 400 };

static fleet nodes;
static uint64_t counts[NODES];

static int open_fleet(void **state) {
    (void)state;
    fleet_open(&nodes, NODES, 1);
    for (uint32_t i = 0; i < NODES; i++) { /* alike, so that every strategy gets around to everyone */
        nodes.member[i].weight = 1;
        nodes.member[i].load = 1;
        nodes.member[i].remaining = 1;
        nodes.member[i].capacity = 4;
    }
    return 0;
}

static void make(lw_strategy **strategy, const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.seed = 99;
    assert_int_equal(lw_strategy_new(strategy, &env, spec), LW_OK);
}

static void end_all(void) {
    for (uint32_t i = 0; i < NODES; i++) {
        nodes.member[i].inflight = 0;
    }
}

/* Requests stay until all nodes are full, so that a strategy that fills them gets around as well. */
static void count_picks(lw_strategy *strategy, lw_request request) {
    memset(counts, 0, sizeof counts);
    request.flags |= LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < PICKS; i++) {
        request.key = i * UINT64_C(0x9e3779b97f4a7c15); /* all over, since ketama takes keys as they are */
        ptrdiff_t picked = lw_select(strategy, &nodes.nodes, &request);
        if (picked == LW_SATURATED) {
            end_all();
            picked = lw_select(strategy, &nodes.nodes, &request);
        }
        assert_in_range(picked, 0, NODES - 1);
        counts[picked]++;
        nodes.member[picked].inflight++;
    }
    end_all();
}

/* Each list under each strategy: the nodes of the mask are picked, and no others. */
static void assert_leaves(const uint64_t *list, size_t size, uint32_t mask) {
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *strategy;
        make(&strategy, spec);
        count_picks(strategy, excluding(list, size));
        for (uint32_t node = 0; node < NODES; node++) {
            if ((counts[node] != 0) != (mask >> node & 1)) {
                fail_msg("%s: node %u was picked %u times", spec, node, (unsigned)counts[node]);
            }
        }
        lw_strategy_free(strategy);
    }
}

static const uint32_t everyone = (1u << NODES) - 1;

static void test_no_exclusions(void **state) {
    (void)state;
    assert_leaves(NULL, 0, everyone);
}

static void test_exclusions_are_exact(void **state) {
    (void)state;
    static const uint64_t list[] = {0, 5, 11};
    assert_leaves(list, 3, everyone & ~(1u << 0 | 1u << 5 | 1u << 11));
}

static void test_order_and_repetition_do_not_matter(void **state) {
    (void)state;
    static const uint64_t list[] = {9, 2, 9, 9, 2, 0, 2};
    assert_leaves(list, 7, everyone & ~(1u << 0 | 1u << 2 | 1u << 9));
}

/* Indexes past the end exclude nobody, also where only their low bits name a node. */
static void test_indexes_past_the_end(void **state) {
    (void)state;
    static const uint64_t list[] = {NODES,      63, 64, UINT32_MAX, (UINT64_C(1) << 32) + 3, (UINT64_C(1) << 63) + 4,
                                    UINT64_MAX, 1};
    assert_leaves(list, 8, everyone & ~(1u << 1));
}

/* More entries than nodes, so that counting entries is not counting the excluded. */
static void test_a_long_list_for_few_nodes(void **state) {
    (void)state;
    uint64_t list[3 * NODES];
    for (uint32_t i = 0; i < 3 * NODES; i++) {
        list[i] = i % 3 == 0 ? 1000 + i : i % NODES == 7 ? 8 : i % NODES;
    }
    uint32_t mask = everyone;
    for (uint32_t i = 0; i < 3 * NODES; i++) {
        mask &= list[i] < NODES ? ~(1u << list[i]) : everyone;
    }
    assert_true(mask != 0 && mask != everyone);
    assert_leaves(list, 3 * NODES, mask);
}

static void test_all_but_one(void **state) {
    (void)state;
    uint64_t list[NODES - 1];
    for (uint32_t left = 0; left < NODES; left++) {
        for (uint32_t i = 0; i < NODES - 1; i++) {
            list[i] = i < left ? i : i + 1;
        }
        assert_leaves(list, NODES - 1, 1u << left);
    }
}

static void test_exclusions_and_bitmap_together(void **state) {
    (void)state;
    static const uint64_t list[] = {2, 3};
    uint32_t blocks[LW_BITMAP_BLOCKS(NODES)];
    fleet_nobody(&nodes);
    for (uint32_t i = 0; i < 6; i++) {
        lw_bitmap_set(nodes.words, i);
    }
    assert_leaves(list, 2, 0x33);
    lw_bitmap_blocks(nodes.words, NODES, blocks);
    nodes.nodes.eligible_blocks = blocks;
    assert_leaves(list, 2, 0x33);
    assert_leaves(NULL, 0, 0x3f);
}

/* A retry: the node that failed is excluded, the key stays with its second choice; without, it is where it was. */
static void test_a_key_has_a_second_choice(void **state) {
    (void)state;
    lw_strategy *ring;
    make(&ring, "ring");
    for (uint64_t key = 0; key < 200; key++) {
        lw_request request = keyed(key * UINT64_C(0x123456789abcdef));
        ptrdiff_t first = lw_select(ring, &nodes.nodes, &request);
        uint64_t failed = (uint64_t)first;
        uint32_t order[2];
        assert_in_range(first, 0, NODES - 1);
        assert_int_equal(lw_replicas(ring, &nodes.nodes, request.key, order, 2), 2);
        assert_int_equal(order[0], first);
        request.exclude = &failed;
        request.exclude_count = 1;
        assert_int_equal(lw_select(ring, &nodes.nodes, &request), order[1]);
        request.exclude_count = 0;
        assert_int_equal(lw_select(ring, &nodes.nodes, &request), first);
    }
    lw_strategy_free(ring);
}

static void test_the_flag_makes_the_key(void **state) {
    (void)state;
    lw_strategy *ring;
    make(&ring, "ring absent_key=next");
    lw_request request = keyed(5);
    request.flags = 0;
    assert_int_equal(lw_select(ring, &nodes.nodes, &request), LW_NO_KEY);
    request.flags = LW_REQUEST_KEYED;
    assert_true(lw_select(ring, &nodes.nodes, &request) >= 0);
    lw_strategy_free(ring);
}

static void test_replicas_are_all_different(void **state) {
    (void)state;
    lw_strategy *ring;
    uint32_t order[NODES + 3];
    make(&ring, "ring vnodes=20");
    for (uint64_t key = 0; key < 100; key++) {
        uint32_t seen = 0;
        assert_int_equal(lw_replicas(ring, &nodes.nodes, key, order, NODES + 3), NODES);
        for (uint32_t i = 0; i < NODES; i++) {
            assert_true(order[i] < NODES);
            seen |= 1u << order[i];
        }
        assert_int_equal(seen, everyone);
    }
    fleet_nobody(&nodes);
    lw_bitmap_set(nodes.words, 4);
    assert_int_equal(lw_replicas(ring, &nodes.nodes, 1, order, 2), 1);
    assert_int_equal(order[0], 4);
    lw_strategy_free(ring);
}

static void test_replicas_without_room(void **state) {
    (void)state;
    lw_strategy *ring;
    uint32_t order = 77;
    make(&ring, "ring");
    assert_int_equal(lw_replicas(ring, &nodes.nodes, 1, &order, 0), LW_INVALID);
    assert_int_equal(order, 77);
    lw_strategy_free(ring);
}

static void test_the_rest_of_a_request_changes_nothing(void **state) {
    (void)state;
    struct {
        lw_request request;
        unsigned char later[32];
    } grown;
    static const lw_amount amounts[] = {{0, 1}, {7, UINT64_MAX}};
    char spec[FLEET_SPEC];
    for (size_t i = 0; fleet_spec(i, spec); i++) {
        lw_strategy *one, *two;
        make(&one, spec);
        make(&two, spec);
        for (uint64_t key = 0; key < 50; key++) {
            lw_request request = keyed(key);
            memset(&grown, 0xff, sizeof grown);
            grown.request = request;
            grown.request.size = sizeof grown;
            grown.request.amounts = amounts;
            grown.request.amount_count = 2;
            grown.request.tags = "a=b";
            assert_int_equal(lw_select(one, &nodes.nodes, &request), lw_select(two, &nodes.nodes, &grown.request));
        }
        lw_strategy_free(one);
        lw_strategy_free(two);
    }
}

#define WITH_FLEET(test) cmocka_unit_test_setup(test, open_fleet)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FLEET(test_no_exclusions),
        WITH_FLEET(test_exclusions_are_exact),
        WITH_FLEET(test_order_and_repetition_do_not_matter),
        WITH_FLEET(test_indexes_past_the_end),
        WITH_FLEET(test_a_long_list_for_few_nodes),
        WITH_FLEET(test_all_but_one),
        WITH_FLEET(test_exclusions_and_bitmap_together),
        WITH_FLEET(test_a_key_has_a_second_choice),
        WITH_FLEET(test_the_flag_makes_the_key),
        WITH_FLEET(test_replicas_are_all_different),
        WITH_FLEET(test_replicas_without_room),
        WITH_FLEET(test_the_rest_of_a_request_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
