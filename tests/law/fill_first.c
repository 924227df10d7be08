/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* fill_first: the first node with room, by priority, then in order; nobody who may not be chosen, nobody who is full.
 */
#include "laws.h"

enum { FILL_MOST = 10000 };

static struct {
    uint32_t inflight[FILL_MOST], capacity[FILL_MOST], priority[FILL_MOST], weight[FILL_MOST];
    uint64_t words[LW_BITMAP_WORDS(FILL_MOST)];
    lw_nodes nodes;
} fill;

static void open_fill(uint32_t count, uint32_t capacity) {
    memset(&fill, 0, sizeof fill);
    lw_nodes_init(&fill.nodes, count);
    LW_SET_VALUES(fill.nodes, inflight, fill.inflight);
    LW_SET_VALUES(fill.nodes, capacity, fill.capacity);
    LW_SET_VALUES(fill.nodes, priority, fill.priority);
    LW_SET_VALUES(fill.nodes, weight, fill.weight);
    for (uint32_t i = 0; i < count; i++) {
        fill.capacity[i] = capacity;
        fill.weight[i] = 1;
    }
}

/* Fills the fleet to the last place and checks who gets each. */
static void assert_filled_in_order(const char *spec, const uint32_t *order, uint32_t count, uint32_t room) {
    lw_strategy *strategy = law_strategy(spec, 1);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < room; k++) {
            uint32_t index = law_pick(strategy, &fill.nodes, NULL);
            assert_int_equal(index, order[i]);
            fill.inflight[index]++;
        }
    }
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), LW_SATURATED);
    fill.inflight[order[1]]--; /* a place that falls free is the next to be taken */
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), order[1]);
    lw_strategy_free(strategy);
}

static void fills_one_node_after_another(void **state) {
    (void)state;
    static const uint32_t in_order[] = {0, 1, 2}, by_priority[] = {1, 3, 0, 2};
    open_fill(3, 5);
    assert_filled_in_order("fill_first limit=1", in_order, 3, 5);
    open_fill(3, 0);
    assert_filled_in_order("fill_first limit=7", in_order, 3, 7);
    open_fill(3, 9);
    fill.nodes.present &= ~(LW_HAS(capacity) | LW_HAS(priority) | LW_HAS(weight));
    assert_filled_in_order("fill_first", in_order, 3, 100);
    open_fill(4, 2);
    fill.priority[0] = 7;
    fill.priority[1] = fill.priority[3] = 3;
    fill.priority[2] = UINT32_MAX;
    assert_filled_in_order("fill_first", by_priority, 4, 2);
}

/* The answer for any state, told by a plain search. */
static ptrdiff_t plain_answer(const lw_request *request) {
    ptrdiff_t best = LW_SATURATED;
    bool weighted = false, any = false;
    for (uint32_t i = 0; i < fill.nodes.count; i++) {
        any |= law_may(&fill.nodes, request, i);
        if (!law_may(&fill.nodes, request, i) || fill.weight[i] == 0) {
            continue;
        }
        weighted = true;
        if (fill.inflight[i] < (fill.capacity[i] != 0 ? fill.capacity[i] : 3) &&
            (best < 0 || fill.priority[i] < fill.priority[best])) {
            best = i;
        }
    }
    return weighted ? best : any ? LW_NO_WEIGHT : LW_FILTERED;
}

static void equals_a_plain_search(void **state) {
    (void)state;
    uint64_t chance = 21;
    lw_strategy *strategy = law_strategy("fill_first limit=3", 1);
    for (uint32_t round = 0; round < 20000; round++) {
        uint64_t excluded[2];
        uint32_t count = 1 + law_below(&chance, 130), kinds = 1 + law_below(&chance, 5);
        open_fill(count, 0);
        for (uint32_t i = 0; i < count; i++) {
            fill.capacity[i] = law_below(&chance, 4);
            fill.inflight[i] = 3 - law_below(&chance, 4) * law_below(&chance, 2);
            fill.priority[i] = law_below(&chance, kinds);
            fill.weight[i] = law_below(&chance, kinds);
        }
        for (uint32_t w = 0; w < LW_BITMAP_WORDS(count); w++) {
            fill.words[w] =
                law_random(&chance) & (count - w * 64 < 64 ? (UINT64_C(1) << (count - w * 64)) - 1 : ~UINT64_C(0));
        }
        fill.nodes.eligible = round % 2 == 0 ? fill.words : NULL;
        excluded[0] = law_below(&chance, count);
        excluded[1] = law_below(&chance, count);
        lw_request request = law_excluding(excluded, round % 3);
        ptrdiff_t expected = plain_answer(&request), found = lw_select(strategy, &fill.nodes, &request);
        assert_true(found == expected || (expected == LW_FILTERED && found == LW_EXCLUDED));
    }
    lw_strategy_free(strategy);
}

static void tells_apart_why_nobody_can_be_chosen(void **state) {
    (void)state;
    static const uint64_t both[] = {0, 1};
    lw_request nobody = law_excluding(both, 2);
    lw_strategy *strategy = law_strategy("fill_first limit=1", 1);
    open_fill(2, 0);
    fill.inflight[0] = 1;
    fill.inflight[1] = UINT32_MAX;
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), LW_SATURATED);
    assert_int_equal(lw_select(strategy, &fill.nodes, &nobody), LW_EXCLUDED);
    fill.weight[0] = fill.weight[1] = 0;
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), LW_NO_WEIGHT);
    fill.nodes.eligible = fill.words;
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), LW_FILTERED);
    fill.nodes.present &= ~LW_HAS(inflight);
    assert_int_equal(lw_select(strategy, &fill.nodes, NULL), LW_NO_COLUMN);
    lw_strategy_free(strategy);
}

static void goes_through_ten_thousand_nodes(void **state) {
    (void)state;
    open_fill(FILL_MOST, 4);
    for (uint32_t i = 0; i < FILL_MOST - 1; i++) {
        fill.inflight[i] = 4;
    }
    lw_strategy *strategy = law_strategy("fill_first", 1);
    assert_int_equal(law_pick(strategy, &fill.nodes, NULL), FILL_MOST - 1);
    lw_strategy_free(strategy);
}

static void keeps_to_the_range_of_its_parameter(void **state) {
    (void)state;
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_new(&strategy, NULL, "fill_first limit=0"), LW_RANGE);
    assert_int_equal(lw_strategy_new(&strategy, NULL, "fill_first limit=4294967296"), LW_RANGE);
    open_fill(1, 0);
    fill.inflight[0] = UINT32_MAX - 1;
    strategy = law_strategy("fill_first limit=4294967295", 1);
    assert_int_equal(law_pick(strategy, &fill.nodes, NULL), 0);
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_one_node_after_another),         cmocka_unit_test(equals_a_plain_search),
        cmocka_unit_test(tells_apart_why_nobody_can_be_chosen), cmocka_unit_test(goes_through_ten_thousand_nodes),
        cmocka_unit_test(keeps_to_the_range_of_its_parameter),
    };
    return cmocka_run_group_tests_name("fill_first", tests, NULL, NULL);
}
