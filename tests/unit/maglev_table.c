/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fill of a Maglev table from inside: the toy of the paper, and turns by weight beside the rule word for word. */
#include "strategy/maglev_table.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { SIZE_MOST = 1009, HOSTS_MOST = 97 };

static uint16_t narrow[SIZE_MOST];
static uint32_t wide[SIZE_MOST], turns[SIZE_MOST], places[SIZE_MOST + 1];
static uint64_t taken[SIZE_MOST / 64 + 1];

static void fill(uint32_t size, const struct lw__walk *walks, const uint32_t *nodes, uint32_t hosts,
                 const uint32_t *order) {
    struct lw__walk used[HOSTS_MOST];
    struct lw__maglev maglev = {size, hosts, used, nodes, order, taken, narrow, false};
    memcpy(used, walks, hosts * sizeof *walks);
    memset(taken, 0, sizeof taken);
    lw__maglev_fill(&maglev);
    maglev.slots = wide;
    maglev.wide = true;
    memcpy(used, walks, hosts * sizeof *walks);
    memset(taken, 0, sizeof taken);
    lw__maglev_fill(&maglev);
    for (uint32_t slot = 0; slot < size; slot++) {
        assert_int_equal(wide[slot], narrow[slot]);
    }
}

static void test_the_toy_of_the_paper(void **state) {
    (void)state;
    static const struct lw__walk all[] = {{3, 4}, {0, 2}, {3, 1}}, two[] = {{3, 4}, {3, 1}};
    static const uint32_t names[] = {0, 1, 2}, other_names[] = {0, 2};
    static const uint32_t full[] = {1, 0, 1, 0, 2, 2, 0}, without_one[] = {0, 0, 0, 0, 2, 2, 2};
    fill(7, all, names, 3, NULL);
    assert_memory_equal(wide, full, sizeof full);
    fill(7, two, other_names, 2, NULL);
    assert_memory_equal(wide, without_one, sizeof without_one);
}

static void test_the_smallest_tables(void **state) {
    (void)state;
    static const struct lw__walk walks[] = {{1, 1}, {1, 1}};
    static const uint32_t names[] = {8, 9};
    fill(2, walks, names, 2, NULL);
    assert_int_equal(wide[1], 8);
    assert_int_equal(wide[0], 9);
    fill(2, walks, names, 1, NULL);
    assert_int_equal(wide[0], 8);
    assert_int_equal(wide[1], 8);
}

/* The rule as it is written: in each round every host is looked at. Returns the last round. */
static uint64_t turns_by_the_letter(uint32_t size, const uint32_t *weights, uint32_t hosts, uint32_t *out) {
    uint64_t target[HOSTS_MOST] = {0}, largest = 0;
    uint64_t t = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < hosts; i++) {
        largest = weights[i] > largest ? weights[i] : largest;
    }
    while (found < size) {
        t++;
        for (uint32_t i = 0; i < hosts && found < size; i++) {
            if (t * weights[i] >= target[i]) {
                target[i] += largest;
                out[found++] = i;
            }
        }
    }
    return t;
}

static uint32_t drawn(uint64_t *chance) {
    *chance = *chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*chance >> 33);
}

static void test_turns_by_weight(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 3, 7, 101, SIZE_MOST}, tops[] = {1, 2, 3, 10, 1000, INT32_MAX};
    uint64_t chance = 1;
    for (uint32_t round = 0; round < 600; round++) {
        uint32_t size = sizes[round % 5], most = size < HOSTS_MOST ? size : HOSTS_MOST, weights[HOSTS_MOST];
        uint32_t hosts = 1 + drawn(&chance) % most, expected[SIZE_MOST];
        for (uint32_t i = 0; i < hosts; i++) {
            weights[i] = 1 + drawn(&chance) % tops[round / 5 % 6];
        }
        weights[0] = round % 7 == 0 ? UINT32_MAX : weights[0];
        uint64_t last = turns_by_the_letter(size, weights, hosts, expected);
        uint32_t rounds = lw__maglev_rounds(size, weights, hosts);
        assert_int_equal(rounds, last);
        lw__maglev_turns(size, weights, hosts, rounds, places, turns);
        assert_memory_equal(turns, expected, size * sizeof *turns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_toy_of_the_paper),
        cmocka_unit_test(test_the_smallest_tables),
        cmocka_unit_test(test_turns_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
