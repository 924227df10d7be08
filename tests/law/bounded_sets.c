/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* bounded over several sets: what is under way at one is nothing to the caps of another. */
#include "counted.h"
#include "laws.h"

enum { NODES = 10 };

static uint32_t begin_key(lw_strategy *strategy, const law_set *set, uint64_t key) {
    lw_request request = law_keyed(key);
    return law_pick(strategy, &set->nodes, &request);
}

static uint64_t under_way(const lw_strategy *strategy) { return counted(strategy, "bounded", "under_way"); }

/* ceil(1.25 * m * w / W), all being up. */
static uint64_t cap_of(const law_set *set, uint64_t m, uint32_t index) {
    uint64_t weights = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        weights += set->weight[i];
    }
    return (5 * m * set->weight[index] + 4 * weights - 1) / (4 * weights);
}

/* Whatever their numbers are: the caps of one hold while there is a crowd at the other. */
static void tells_sets_apart(void **state) {
    (void)state;
    for (uint64_t number = 2; number <= 18; number++) {
        law_set *one = law_set_new(NODES), *other = law_set_new(NODES);
        one->nodes.set = 1, other->nodes.set = number;
        lw_strategy *strategy = law_strategy("bounded(ring)", 1);
        uint64_t count[NODES] = {0};
        for (uint32_t i = 0; i < 300; i++) {
            begin_key(strategy, one, i);
        }
        for (uint64_t m = 1; m <= 50; m++) {
            other->nodes.version += m % 20 == 0;
            uint32_t index = begin_key(strategy, other, 4);
            assert_true(++count[index] <= cap_of(other, m, index));
        }
        assert_int_equal(under_way(strategy), 350);
        lw_strategy_free(strategy);
        free(one);
        free(other);
    }
}

/* A set without a number is known by its content: another weight, and counting begins anew, the total with it. */
static void begins_anew_where_a_set_has_no_number(void **state) {
    (void)state;
    law_set *set = law_set_new(NODES);
    lw_strategy *strategy = law_strategy("bounded(ring)", 1);
    set->nodes.set = 0;
    for (uint32_t content = 1; content <= 6; content++) {
        uint64_t count[NODES] = {0};
        set->weight[0] = content;
        for (uint64_t m = 1; m <= 200; m++) {
            uint32_t index = begin_key(strategy, set, 4);
            assert_true(++count[index] <= cap_of(set, m, index));
        }
    }
    lw_strategy_free(strategy);
    free(set);
}

/* A set that comes back after the plans of 8 others begins with nothing under way, at the nodes and in all. */
static void forgets_a_set_that_makes_room(void **state) {
    (void)state;
    law_set *set = law_set_new(NODES);
    lw_strategy *strategy = law_strategy("bounded(ring)", 1);
    for (uint64_t number = 1; number <= 40; number++) {
        set->nodes.set = 1 + number % 10;
        for (uint32_t i = 0; i < 100; i++) {
            begin_key(strategy, set, i);
        }
    }
    assert_true(under_way(strategy) <= 10 * 100);
    assert_true(under_way(strategy) >= 8 * 100);
    lw_strategy_free(strategy);
    free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_sets_apart),
        cmocka_unit_test(begins_anew_where_a_set_has_no_number),
        cmocka_unit_test(forgets_a_set_that_makes_room),
    };
    return cmocka_run_group_tests_name("bounded over sets", tests, NULL, NULL);
}
