/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The draws of rendezvous from inside: vectors as without, how well they mix, and that distances follow them. */
#include "strategy/distance.h"

#include "base/fixed.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

enum { DRAWERS = 1000, AHEAD = 8, WORDS = 16 };

static uint32_t low[DRAWERS + AHEAD], high[DRAWERS + AHEAD];
static const struct lw__drawers drawers = {low, high};

static uint64_t drawn(uint64_t *chance) { return lw__mix(*chance += LW__GOLDEN); }

/* Few different ids, so that records are tied and the first must be told. */
static void fill_drawers(uint64_t different) {
    uint64_t chance = 3;
    for (uint32_t i = 0; i < DRAWERS + AHEAD; i++) {
        uint64_t mixed = lw__draw_id(drawn(&chance) % different);
        low[i] = (uint32_t)mixed;
        high[i] = (uint32_t)(mixed >> 32);
    }
}

static void check_draws(uint32_t begin, uint32_t count, const uint64_t *masks, uint64_t key) {
    lw__drawn letter = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = begin + i, draw = lw__draw(key, (uint64_t)high[at] << 32 | low[at]);
        bool in = masks == NULL || (masks[i / 64] >> (i % 64) & 1);
        if (in && (letter == 0 || draw > lw__drawn_number(letter))) {
            letter = lw__drawn_of(draw, at);
        }
    }
    assert_true(lw__draw_all(drawers, begin, count, masks, key) == letter);
    assert_true(lw__draw_all_plain(drawers, begin, count, masks, key) == letter);
}

static void test_vectors_draw_alike(void **state) {
    (void)state;
    static const uint64_t different[] = {UINT64_MAX, 20, 1};
    uint64_t chance = 4, masks[WORDS];
    for (uint32_t d = 0; d < 3; d++) {
        fill_drawers(different[d]);
        for (uint32_t count = 0; count < 200; count++) {
            for (uint32_t i = 0; i < WORDS; i++) {
                uint64_t half = drawn(&chance);
                masks[i] = count % 3 == 0 ? 0 : half & drawn(&chance);
            }
            masks[count % 4] |= UINT64_C(1) << (count % 64);
            check_draws(count % 7, count, NULL, drawn(&chance));
            check_draws(count % 5, count, masks, drawn(&chance));
        }
        check_draws(0, DRAWERS, NULL, drawn(&chance));
        check_draws(0, DRAWERS, masks, drawn(&chance));
    }
}

/* Whose draw is 0 takes part as well. With the bits of the key, a drawer draws it for that key. */
static void test_draws_of_zero(void **state) {
    (void)state;
    uint64_t key = lw__draw_key(7), masks[] = {0x8040, 0, 0, 0};
    assert_int_equal(lw__draw(key, key), 0);
    for (uint32_t i = 0; i < DRAWERS + AHEAD; i++) {
        low[i] = (uint32_t)key;
        high[i] = (uint32_t)(key >> 32);
    }
    for (uint32_t count = 1; count < 100; count++) {
        check_draws(count % 3, count, NULL, key);
        check_draws(count % 3, count, masks, key);
    }
}

/* A bit of the key or the id flipped flips each bit of the draw in half of all cases: within 5 standard deviations for
 * every one of the 2 x 64 x 32 pairs. */
static void test_avalanche(void **state) {
    (void)state;
    enum { TRIES = 10000 };
    for (uint32_t in = 0; in < 128; in++) {
        uint32_t flips[32] = {0};
        uint64_t chance = in;
        for (uint32_t i = 0; i < TRIES; i++) {
            uint64_t key = drawn(&chance), id = drawn(&chance), bit = UINT64_C(1) << (in % 64);
            uint32_t changed = lw__draw(key, id) ^ lw__draw(in < 64 ? key ^ bit : key, in < 64 ? id : id ^ bit);
            for (uint32_t out = 0; out < 32; out++) {
                flips[out] += changed >> out & 1;
            }
        }
        for (uint32_t out = 0; out < 32; out++) {
            assert_true(fabs(flips[out] - TRIES / 2.0) < 5 * sqrt(TRIES / 4.0));
        }
    }
}

/* Draws of two plain ids for plain keys are independent: all 16 x 16 cells of their high or low bits are as full. 330.5
 * is what chance exceeds once in 1000 times with 255 degrees of freedom. */
static void test_independence(void **state) {
    (void)state;
    enum { CELLS = 256, KEYS = 100000 };
    uint32_t beyond = 0;
    for (uint32_t pair = 0; pair < 60; pair++) {
        uint64_t one = lw__draw_id(pair), two = lw__draw_id(pair + (UINT64_C(1) << pair));
        uint32_t tops[CELLS] = {0}, bottoms[CELLS] = {0};
        for (uint64_t k = 0; k < KEYS; k++) {
            uint32_t a = lw__draw(lw__draw_key(k), one), b = lw__draw(lw__draw_key(k), two);
            tops[a >> 28 << 4 | b >> 28]++;
            bottoms[(a & 15) << 4 | (b & 15)]++;
        }
        double sums[2] = {0, 0}, expected = (double)KEYS / CELLS;
        for (uint32_t c = 0; c < CELLS; c++) {
            sums[0] += (tops[c] - expected) * (tops[c] - expected) / expected;
            sums[1] += (bottoms[c] - expected) * (bottoms[c] - expected) / expected;
        }
        beyond += sums[0] > 330.5 ? 1 : 0;
        beyond += sums[1] > 330.5 ? 1 : 0;
    }
    assert_true(beyond <= 2);
}

/* A larger draw is never farther, and what is compared is a strict order. */
static void test_order_of_distances(void **state) {
    (void)state;
    static const uint32_t weights[] = {1, 2, 3, 1000, UINT32_MAX};
    static const uint32_t draws[] = {0, 1, 2, INT32_MAX, UINT32_MAX - 1, UINT32_MAX};
    struct lw__distance all[60];
    size_t count = 0;
    for (uint32_t w = 0; w < 5; w++) {
        for (uint32_t d = 0; d < 6; d++) {
            all[count++] = lw__distance_from(draws[d], w, weights[w]);
            all[count++] = lw__distance_from(draws[d], 9, weights[w]);
        }
    }
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            assert_int_equal(lw__is_nearer(all[a], all[b]) + lw__is_nearer(all[b], all[a]), a != b);
            if (all[a].weight == all[b].weight && all[a].draw > all[b].draw) {
                assert_true(lw__is_nearer(all[a], all[b]));
            }
            if (all[a].weight == all[b].weight && all[a].draw == all[b].draw) {
                assert_int_equal(lw__is_nearer(all[a], all[b]), all[a].id < all[b].id);
            }
            for (size_t c = 0; c < count; c++) {
                assert_true(!lw__is_nearer(all[a], all[b]) || !lw__is_nearer(all[b], all[c]) ||
                            lw__is_nearer(all[a], all[c]));
            }
        }
    }
}

static void test_logarithms_never_fall(void **state) {
    (void)state;
    uint64_t least = UINT64_MAX;
    for (uint64_t draw = 0; draw <= UINT32_MAX; draw += draw < 100000 || draw > UINT32_MAX - 3000000 ? 1 : 9973) {
        uint64_t log = lw__distance_from((uint32_t)draw, 0, 1).log;
        assert_true(log <= least && log <= 33 * LW__ONE);
        least = log;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_draw_alike), cmocka_unit_test(test_draws_of_zero),
        cmocka_unit_test(test_avalanche),          cmocka_unit_test(test_independence),
        cmocka_unit_test(test_order_of_distances), cmocka_unit_test(test_logarithms_never_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
