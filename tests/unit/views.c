/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a strategy sees: the functions of view.h, looked at from inside a pick and held against one flag per node. */
#include "ledger.h"

#include "fleet.h"

enum { DRAWS = 2000 };

static fleet nodes;
static bool may[FLEET_MOST]; /* the truth */
static uint32_t may_count;
static uint32_t blocks[LW_BITMAP_BLOCKS(FLEET_MOST)];
static const char *fault; /* set by the strategy: failing inside a pick would leave the engine half way */

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fault = #condition;                                                                                        \
        }                                                                                                              \
    } while (0)

static void check_flags(const lw_view *view) {
    EXPECT(view->count == nodes.nodes.count);
    EXPECT(view->request != NULL);
    EXPECT(view->nodes == &nodes.nodes);
    for (uint32_t i = 0; i < view->count; i++) {
        EXPECT(lw_view_may(view, i) == may[i]);
        EXPECT((lw_view_word(view, i / 64) >> i % 64 & 1) == may[i]);
    }
    uint32_t last = LW_BITMAP_WORDS(view->count) - 1;
    EXPECT(view->count % 64 == 0 || lw_view_word(view, last) >> view->count % 64 == 0);
}

static void check_ranks(const lw_view *view) {
    uint32_t rank = 0;
    EXPECT(lw_view_count(view) == may_count);
    EXPECT(!lw_view_all(view) || may_count == view->count);
    for (uint32_t i = 0; i < view->count; i++) {
        if (may[i]) {
            EXPECT(lw_view_nth(view, rank) == (ptrdiff_t)i);
            rank++;
        }
    }
    if (rank > 0) {
        EXPECT(lw_view_nth(view, rank) == lw_view_nth(view, rank - 1));
        EXPECT(lw_view_nth(view, UINT32_MAX) == lw_view_nth(view, rank - 1));
    } else {
        EXPECT(lw_is_refusal(lw_view_nth(view, 0)));
    }
}

static void check_draws(const lw_view *view) {
    for (int i = 0; i < DRAWS; i++) {
        ptrdiff_t drawn = lw_view_uniform(view);
        if (may_count == 0) {
            EXPECT(drawn == lw_view_refusal(view));
        } else {
            EXPECT(drawn >= 0 && drawn < (ptrdiff_t)view->count && may[drawn]);
        }
    }
}

static ptrdiff_t look_around(const lw_view *view) {
    check_flags(view);
    check_ranks(view);
    check_draws(view);
    return may_count > 0 ? lw_view_nth(view, may_count - 1) : lw_view_refusal(view);
}

static ptrdiff_t (*looking)(const lw_view *view);

static ptrdiff_t look(const lw_view *view) { return looking(view); }

static const lw_strategy_ops look_ops = {
    .size = sizeof look_ops, .name = "look", .help = "Looks at its view.", .pick = look};

static ptrdiff_t pick_with(ptrdiff_t (*how)(const lw_view *view), const lw_request *request) {
    const lw_strategy_ops *const own[] = {&look_ops};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy;
    env.seed = 12;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, "look"), LW_OK);
    looking = how;
    fault = NULL;
    ptrdiff_t picked = lw_select(strategy, &nodes.nodes, request);
    lw_strategy_free(strategy);
    if (fault != NULL) {
        fail_msg("%u nodes, %u of them allowed: %s", nodes.nodes.count, may_count, fault);
    }
    return picked;
}

/* One bit in `stride` is set, and rubbish beyond the last node. */
static void allow(uint32_t count, uint32_t stride, bool with_blocks) {
    fleet_open(&nodes, count, 0);
    memset(nodes.words, 0xff, sizeof nodes.words);
    for (uint32_t i = 0; i < count; i++) {
        may[i] = stride != 0 && (i * UINT32_C(2654435761) >> 12) % stride == 0;
        if (!may[i]) {
            lw_bitmap_clear(nodes.words, i);
        }
    }
    lw_bitmap_blocks(nodes.words, count, blocks);
    nodes.nodes.eligible = nodes.words;
    nodes.nodes.eligible_blocks = with_blocks ? blocks : NULL;
}

static void count_allowed(void) {
    may_count = 0;
    for (uint32_t i = 0; i < nodes.nodes.count; i++) {
        may_count += may[i];
    }
}

static const uint32_t counts[] = {1, 2, 63, 64, 65, 128, 511, 512, 513, FLEET_MOST};

enum { COUNTS = sizeof counts / sizeof *counts };

static void test_everyone_may(void **state) {
    (void)state;
    for (size_t c = 0; c < COUNTS; c++) {
        allow(counts[c], 1, false);
        nodes.nodes.eligible = NULL;
        count_allowed();
        assert_int_equal(pick_with(look_around, NULL), counts[c] - 1);
    }
}

static void test_some_may(void **state) {
    (void)state;
    static const uint32_t strides[] = {0, 1, 2, 7, 100, 5000};
    for (size_t c = 0; c < COUNTS; c++) {
        for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
            for (int with_blocks = 0; with_blocks < 2; with_blocks++) {
                allow(counts[c], strides[s], with_blocks);
                count_allowed();
                ptrdiff_t picked = pick_with(look_around, NULL);
                assert_true(may_count > 0 ? may[picked] : picked == LW_FILTERED);
            }
        }
    }
}

static void test_some_are_excluded(void **state) {
    (void)state;
    static const uint64_t list[] = {0, 63, 64, 64, 1000, UINT64_MAX, (UINT64_C(1) << 32) + 1, 511, 512};
    lw_request request = excluding(list, sizeof list / sizeof *list);
    for (size_t c = 0; c < COUNTS; c++) {
        for (uint32_t stride = 1; stride < 4; stride++) {
            allow(counts[c], stride, true);
            for (size_t i = 0; i < request.exclude_count; i++) {
                if (list[i] < counts[c]) {
                    may[list[i]] = false;
                }
            }
            count_allowed();
            pick_with(look_around, &request);
            nodes.nodes.eligible_blocks = NULL;
            pick_with(look_around, &request);
        }
    }
}

static void test_the_reason(void **state) {
    (void)state;
    static const uint64_t list[] = {0, 1};
    lw_request request = excluding(list, 2);
    allow(2, 1, true);
    may[0] = may[1] = false;
    count_allowed();
    assert_int_equal(pick_with(look_around, &request), LW_EXCLUDED);
    nodes.nodes.eligible = NULL;
    nodes.nodes.eligible_blocks = NULL;
    assert_int_equal(pick_with(look_around, &request), LW_EXCLUDED);
    allow(2, 0, true);
    assert_int_equal(pick_with(look_around, &request), LW_FILTERED);
}

/* ---- chance ---- */

/* Every bit of the generator is one about as often as not: within 5 sigma over 4000 draws. */
static ptrdiff_t look_at_bits(const lw_view *view) {
    uint32_t ones[64] = {0};
    for (int i = 0; i < 4000; i++) {
        uint64_t bits = lw_view_random(view);
        for (int b = 0; b < 64; b++) {
            ones[b] += bits >> b & 1;
        }
    }
    for (int b = 0; b < 64; b++) {
        EXPECT(ones[b] > 2000 - 158 && ones[b] < 2000 + 158);
    }
    return 0;
}

static ptrdiff_t look_at_bounds(const lw_view *view) {
    static const uint32_t bounds[] = {1, 2, 3, 7, 1000, UINT32_C(0x80000001), UINT32_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        uint32_t half = bounds[b] / 2 + (bounds[b] & 1); /* with the middle of an odd bound */
        uint64_t low = 0;
        for (int i = 0; i < 4000; i++) {
            uint32_t drawn = lw_view_below(view, bounds[b]);
            EXPECT(drawn < bounds[b]);
            low += drawn < half;
        }
        double share = (double)half / bounds[b];
        EXPECT(share == 1 || ((double)low > 4000 * share - 158 && (double)low < 4000 * share + 158));
    }
    return 0;
}

static void test_chance(void **state) {
    (void)state;
    fleet_open(&nodes, 3, 0);
    pick_with(look_at_bits, NULL);
    pick_with(look_at_bounds, NULL);
}

/* ---- columns ---- */

static ptrdiff_t look_at_columns(const lw_view *view) {
    for (uint32_t i = 0; i < view->count; i++) {
        EXPECT(lw_view_load(view, i) == nodes.member[i].load);
        EXPECT(lw_view_remaining(view, i) == nodes.member[i].remaining);
        EXPECT(lw_view_weight(view, i) == nodes.member[i].weight);
        EXPECT(lw_view_inflight(view, i) == nodes.member[i].inflight);
        EXPECT(lw_view_capacity(view, i) == nodes.member[i].capacity);
        EXPECT(lw_view_priority(view, i) == nodes.member[i].priority);
    }
    return 0;
}

static ptrdiff_t look_at_optional_columns(const lw_view *view) {
    for (uint32_t i = 0; i < view->count; i++) {
        EXPECT(lw_view_weight(view, i) == 1);
        EXPECT(lw_view_capacity(view, i) == 0);
        EXPECT(lw_view_priority(view, i) == 0);
    }
    return 0;
}

static void test_columns(void **state) {
    (void)state;
    fleet_open(&nodes, 100, 0);
    for (uint32_t i = 0; i < 100; i++) {
        nodes.member[i].inflight = i * 3;
        nodes.member[i].capacity = i * 5;
        nodes.member[i].priority = i / 10;
    }
    pick_with(look_at_columns, NULL);
    nodes.nodes.present &= ~(LW_HAS(weight) | LW_HAS(capacity) | LW_HAS(priority));
    pick_with(look_at_optional_columns, NULL);
}

/* ---- the request ---- */

static const lw_request *passed;

static ptrdiff_t look_at_plain_request(const lw_view *view) {
    EXPECT(view->request->flags == 0 && view->request->key == 0 && view->request->exclude_count == 0);
    EXPECT(view->request->amount_count == 0 && view->request->tags == NULL);
    return 0;
}

static ptrdiff_t look_at_same_request(const lw_view *view) {
    EXPECT(view->request == passed);
    return 0;
}

static void test_the_request(void **state) {
    (void)state;
    lw_request request = keyed(9);
    passed = &request;
    fleet_open(&nodes, 3, 0);
    pick_with(look_at_plain_request, NULL);
    pick_with(look_at_same_request, &request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyone_may), cmocka_unit_test(test_some_may), cmocka_unit_test(test_some_are_excluded),
        cmocka_unit_test(test_the_reason),   cmocka_unit_test(test_chance),   cmocka_unit_test(test_columns),
        cmocka_unit_test(test_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
