/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ketama: what it refuses, who inherits, what weights 0 mean. That it agrees with its peers is for tests/peers. */
#include "laws.h"

enum { KETAMA_KEYS = 20000, KETAMA_MOST = 10000, KETAMA_NAME = 24 };

static const char *const flavours[] = {"ketama", "ketama flavour=libmemcached_weighted", "ketama flavour=nginx"};

struct crowd {
    char text[KETAMA_MOST][KETAMA_NAME];
    const char *name[KETAMA_MOST];
    uint32_t weight[KETAMA_MOST];
    uint64_t words[LW_BITMAP_WORDS(KETAMA_MOST)];
    lw_nodes nodes;
};

static struct crowd *crowd_of(uint32_t count) {
    static uint64_t number;
    struct crowd *crowd = law_room(1, sizeof *crowd);
    lw_nodes_init(&crowd->nodes, count);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(crowd->text[i], KETAMA_NAME, "10.%u.%u.%u:7000", (unsigned)(i >> 16 & 255), (unsigned)(i >> 8 & 255),
                 (unsigned)(i & 255));
        crowd->name[i] = crowd->text[i];
        crowd->weight[i] = 1;
    }
    LW_SET_VALUES(crowd->nodes, name, crowd->name);
    LW_SET_VALUES(crowd->nodes, weight, crowd->weight);
    crowd->nodes.set = 1000 + ++number;
    return crowd;
}

static void leave_out(struct crowd *crowd, uint32_t index) {
    lw_bitmap_fill(crowd->words, crowd->nodes.count);
    lw_bitmap_clear(crowd->words, index);
    crowd->nodes.eligible = crowd->words;
}

static int prepared(const char *spec, const struct crowd *crowd) {
    lw_strategy *strategy = law_strategy(spec, 1);
    int answer = lw_prepare(strategy, &crowd->nodes);
    lw_strategy_free(strategy);
    return answer;
}

/* The keys of a node that is out, by bitmap or by exclusion, go where the order of the key says; no other key moves. */
static void passes_the_keys_of_one_to_the_next(void **state) {
    (void)state;
    for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
        struct crowd *crowd = crowd_of(9);
        const uint64_t out = 4;
        uint64_t chance = 5, moved = 0;
        lw_strategy *strategy = law_strategy(flavours[f], 1);
        for (uint32_t k = 0; k < KETAMA_KEYS; k++) {
            uint32_t order[9];
            lw_request request = law_keyed(law_random(&chance)), without = request;
            without.exclude = &out;
            without.exclude_count = 1;
            crowd->nodes.eligible = NULL;
            assert_int_equal(lw_replicas(strategy, &crowd->nodes, request.key, order, 9), 9);
            assert_int_equal(law_pick(strategy, &crowd->nodes, &request), order[0]);
            uint32_t heir = order[0] == out ? order[1] : order[0];
            assert_int_equal(law_pick(strategy, &crowd->nodes, &without), heir);
            leave_out(crowd, (uint32_t)out);
            assert_int_equal(law_pick(strategy, &crowd->nodes, &request), heir);
            moved += order[0] == out;
        }
        assert_true(moved > KETAMA_KEYS / 20 && moved < KETAMA_KEYS / 5);
        lw_strategy_free(strategy);
        free(crowd);
    }
}

/* A name and its points stay where they are: without a node only its keys move, where weights are equal. */
static void moves_only_the_keys_of_one_node(void **state) {
    (void)state;
    static const char *const exact[] = {"ketama", "ketama flavour=nginx"};
    for (size_t f = 0; f < LAW_COUNT(exact); f++) {
        struct crowd *all = crowd_of(12), *rest = crowd_of(11);
        lw_strategy *strategy = law_strategy(exact[f], 1), *other = law_strategy(exact[f], 99);
        uint64_t chance = 6;
        for (uint32_t k = 0; k < KETAMA_KEYS; k++) {
            lw_request request = law_keyed(law_random(&chance));
            uint32_t before = law_pick(strategy, &all->nodes, &request);
            uint32_t after = law_pick(other, &rest->nodes, &request);
            assert_true(before == 11 || before == after);
        }
        lw_strategy_free(strategy);
        lw_strategy_free(other);
        free(all);
        free(rest);
    }
}

/* The lower 32 bits of the key are its place: unlike elsewhere, nothing is mixed. */
static void takes_the_low_half_of_the_key_as_it_is(void **state) {
    (void)state;
    struct crowd *crowd = crowd_of(20);
    lw_strategy *strategy = law_strategy("ketama", 1);
    uint64_t chance = 7;
    for (uint32_t k = 0; k < 1000; k++) {
        uint64_t key = law_random(&chance);
        lw_request whole = law_keyed(key), half = law_keyed(key & UINT32_MAX);
        assert_int_equal(law_pick(strategy, &crowd->nodes, &whole), law_pick(strategy, &crowd->nodes, &half));
    }
    lw_strategy_free(strategy);
    free(crowd);
}

/* By weight, within what 100 or 160 points a node allow: five deviations of 1/sqrt(points). */
static void shares_keys_by_weight(void **state) {
    (void)state;
    for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
        struct crowd *crowd = crowd_of(6);
        uint64_t counts[6] = {0}, chance = 8;
        lw_strategy *strategy = law_strategy(flavours[f], 1);
        crowd->weight[1] = 4;
        crowd->weight[2] = 0;
        crowd->weight[5] = 2;
        for (uint32_t k = 0; k < KETAMA_KEYS; k++) {
            lw_request request = law_keyed(law_random(&chance));
            counts[law_pick(strategy, &crowd->nodes, &request)]++;
        }
        for (uint32_t i = 0; i < 6; i++) {
            double expected = KETAMA_KEYS * crowd->weight[i] / 9.0;
            assert_true(fabs((double)counts[i] - expected) <= expected * 5 / sqrt(80.0));
        }
        lw_strategy_free(strategy);
        free(crowd);
    }
}

/* Only nodes of weight 0 are left, or there are no others. */
static void refuses_where_weights_leave_nobody(void **state) {
    (void)state;
    for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
        struct crowd *crowd = crowd_of(2);
        lw_strategy *strategy = law_strategy(flavours[f], 1);
        lw_request request = law_keyed(5);
        uint32_t order[2];
        crowd->weight[0] = 0;
        leave_out(crowd, 1);
        assert_int_equal(lw_select(strategy, &crowd->nodes, &request), LW_NO_WEIGHT);
        assert_int_equal(lw_replicas(strategy, &crowd->nodes, 5, order, 2), LW_NO_WEIGHT);
        crowd->nodes.eligible = NULL;
        assert_int_equal(lw_replicas(strategy, &crowd->nodes, 5, order, 2), 1);
        crowd->weight[1] = 0;
        crowd->nodes.version++;
        assert_int_equal(lw_select(strategy, &crowd->nodes, &request), LW_NO_WEIGHT);
        assert_int_equal(lw_replicas(strategy, &crowd->nodes, 5, order, 2), LW_NO_WEIGHT);
        crowd->weight[0] = 1;
        crowd->nodes.version++;
        lw_bitmap_clear(crowd->words, 0);
        crowd->nodes.eligible = crowd->words;
        assert_int_equal(lw_select(strategy, &crowd->nodes, &request), LW_FILTERED);
        lw_strategy_free(strategy);
        free(crowd);
    }
}

/* Below a 40th of the mean weight a node has no points. It stays behind all others, but it is there. */
static void has_room_for_nodes_without_points(void **state) {
    (void)state;
    enum { NODES = 50, LIGHT = 3 };
    static const char *const weighted[] = {"ketama", "ketama flavour=libmemcached_weighted"};
    for (size_t f = 0; f < LAW_COUNT(weighted); f++) {
        struct crowd *crowd = crowd_of(NODES);
        uint64_t counts[NODES] = {0}, chance = 19;
        lw_strategy *strategy = law_strategy(weighted[f], 1);
        for (uint32_t i = 0; i < NODES; i++) {
            crowd->weight[i] = i == 0 ? 0 : i < 1 + LIGHT ? 1 + (i == 1) : 1000;
        }
        for (uint32_t k = 0; k < 3000; k++) {
            uint32_t order[NODES], room = k % 2 == 0 ? NODES : NODES - 2;
            lw_request request = law_keyed(law_random(&chance));
            crowd->nodes.eligible = NULL;
            assert_int_equal(lw_replicas(strategy, &crowd->nodes, request.key, order, room), room - (k % 2 == 0));
            assert_true(law_pick(strategy, &crowd->nodes, &request) == order[0] && order[NODES - LIGHT - 2] > LIGHT);
            memset(crowd->words, 0, sizeof crowd->words);
            for (uint32_t i = 0; i <= LIGHT; i++) {
                lw_bitmap_set(crowd->words, i);
            }
            crowd->nodes.eligible = crowd->words;
            uint32_t index = law_pick(strategy, &crowd->nodes, &request);
            assert_int_equal(index, order[NODES - LIGHT - 1]);
            counts[index]++;
        }
        assert_true(fabs((double)counts[1] - 1500) < 150 && fabs((double)counts[2] - 750) < 150);
        lw_strategy_free(strategy);
        free(crowd);
    }
}

static void treats_absent_keys_as_told(void **state) {
    (void)state;
    struct crowd *crowd = crowd_of(3);
    lw_strategy *error = law_strategy("ketama absent_key=error", 1), *next = law_strategy("ketama absent_key=next", 1),
                *random = law_strategy("ketama", 1);
    uint64_t counts[3] = {0};
    assert_int_equal(lw_select(error, &crowd->nodes, NULL), LW_KEY_REQUIRED);
    assert_int_equal(lw_select(next, &crowd->nodes, NULL), LW_NO_KEY);
    law_tally(random, &crowd->nodes, NULL, 300, counts);
    assert_true(counts[0] > 30 && counts[1] > 30 && counts[2] > 30);
    lw_strategy_free(error);
    lw_strategy_free(next);
    lw_strategy_free(random);
    free(crowd);
}

static void refuses_names_that_mean_one_server(void **state) {
    (void)state;
    static const struct {
        const char *one, *other;
        int memcached, nginx;
    } pairs[] = {
        {"a:80", "a:80", LW_DUPLICATE, LW_DUPLICATE},
        {"a", "a:11211", LW_DUPLICATE, LW_OK},
        {"a:0", "a:11211", LW_DUPLICATE, LW_OK},
        {"[::1]:80", "::1:80", LW_DUPLICATE, LW_OK},
        {"unix:/a", "/a", LW_DUPLICATE, LW_DUPLICATE},
        {"UNIX:/a", "unix:/a", LW_OK, LW_DUPLICATE},
        {"a:", "a", LW_DUPLICATE, LW_DUPLICATE},
        {"/a:11211", "/a", LW_OK, LW_OK},
        {"a:80", "a:81", LW_OK, LW_OK},
        {"a:65536", "a:65537", LW_OK, LW_OK},
        {"a:80", "a:4294967376", LW_OK, LW_OK},
    };
    for (size_t p = 0; p < LAW_COUNT(pairs); p++) {
        for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
            struct crowd *crowd = crowd_of(5);
            uint64_t ids[5] = {1, 2, 3, 4, 5};
            LW_SET_VALUES(crowd->nodes, id, ids);
            crowd->name[1] = pairs[p].one;
            crowd->name[3] = pairs[p].other;
            assert_int_equal(prepared(flavours[f], crowd), f == 2 ? pairs[p].nginx : pairs[p].memcached);
            free(crowd);
        }
    }
}

/* One node has nearly all points, some of them at one place; that makes it no twin of itself. */
static void takes_a_node_whose_points_meet(void **state) {
    (void)state;
    struct crowd *crowd = crowd_of(4096);
    crowd->weight[7] = UINT32_MAX;
    assert_int_equal(prepared("ketama", crowd), LW_OK);
    free(crowd);
}

static void needs_a_name_of_every_node(void **state) {
    (void)state;
    for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
        struct crowd *crowd = crowd_of(3);
        crowd->name[2] = NULL;
        assert_int_equal(prepared(flavours[f], crowd), LW_NO_COLUMN);
        crowd->nodes.present &= ~LW_HAS(name);
        assert_int_equal(prepared(flavours[f], crowd), LW_NO_COLUMN);
        free(crowd);
    }
}

/* Servers are their names: a set without a number that keeps its ids and renames a node is another set. */
static void builds_anew_for_a_new_name(void **state) {
    (void)state;
    uint64_t ids[5], chance = 17, moved = 0;
    struct crowd *crowd = crowd_of(5), *renamed = crowd_of(5);
    for (uint32_t i = 0; i < 5; i++) {
        ids[i] = 70 + i;
    }
    LW_SET_VALUES(crowd->nodes, id, ids);
    crowd->nodes.set = 0;
    lw_strategy *strategy = law_strategy("ketama", 1), *fresh = law_strategy("ketama", 1);
    for (uint32_t k = 0; k < 2000; k++) {
        lw_request request = law_keyed(law_random(&chance));
        crowd->name[3] = crowd->text[3];
        uint32_t before = law_pick(strategy, &crowd->nodes, &request);
        crowd->name[3] = renamed->name[3] = "10.9.9.9:7000";
        uint32_t after = law_pick(strategy, &crowd->nodes, &request);
        assert_int_equal(after, law_pick(fresh, &renamed->nodes, &request));
        moved += before != after;
    }
    assert_true(moved > 0);
    lw_strategy_free(strategy);
    lw_strategy_free(fresh);
    free(crowd);
    free(renamed);
}

static void refuses_more_points_than_allowed(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint32_t weight;
        int answer;
    } cases[] = {
        {"ketama max_points=300", 1, LW_OK},
        {"ketama max_points=299", 1, LW_TOO_LARGE},
        {"ketama max_points=480", 2, LW_OK}, /* weighted: 160 each, not 200 */
        {"ketama flavour=nginx max_points=960", 2, LW_OK},
        {"ketama flavour=nginx max_points=959", 2, LW_TOO_LARGE},
        {"ketama flavour=libmemcached_weighted max_points=480", 7, LW_OK},
        {"ketama flavour=libmemcached_weighted max_points=450", 7, LW_TOO_LARGE},
        {"ketama flavour=libmemcached_weighted", UINT32_MAX, LW_OK},
        {"ketama", UINT32_MAX, LW_OK},
        {"ketama flavour=nginx", UINT32_MAX, LW_TOO_LARGE},
    };
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        struct crowd *crowd = crowd_of(3);
        for (uint32_t i = 0; i < 3; i++) {
            crowd->weight[i] = cases[c].weight;
        }
        assert_int_equal(prepared(cases[c].spec, crowd), cases[c].answer);
        free(crowd);
    }
}

static void knows_its_parameters(void **state) {
    (void)state;
    static const char *const good[] = {"max_points=1", "max_points=134217728 absent_key=next"};
    static const char *const bad[] = {"flavour=envoy", "max_points=0", "max_points=134217729", "absent_key=zero"};
    LAW_RANGES("ketama", good, bad);
}

/* One, two and ten thousand servers: everyone is somebody's. */
static void serves_sets_of_every_size(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, KETAMA_MOST};
    for (size_t f = 0; f < LAW_COUNT(flavours); f++) {
        for (size_t c = 0; c < LAW_COUNT(counts); c++) {
            struct crowd *crowd = crowd_of(counts[c]);
            lw_strategy *strategy = law_strategy(flavours[f], 1);
            uint64_t chance = 9;
            uint32_t seen = 0;
            for (uint32_t k = 0; k < 5 * counts[c] + 60; k++) {
                lw_request request = law_keyed(law_random(&chance));
                uint32_t index = law_pick(strategy, &crowd->nodes, &request);
                seen += !lw_bitmap_get(crowd->words, index);
                lw_bitmap_set(crowd->words, index);
            }
            assert_true(seen > counts[c] * 9 / 10);
            lw_strategy_free(strategy);
            free(crowd);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_the_keys_of_one_to_the_next),
        cmocka_unit_test(moves_only_the_keys_of_one_node),
        cmocka_unit_test(takes_the_low_half_of_the_key_as_it_is),
        cmocka_unit_test(shares_keys_by_weight),
        cmocka_unit_test(refuses_where_weights_leave_nobody),
        cmocka_unit_test(has_room_for_nodes_without_points),
        cmocka_unit_test(treats_absent_keys_as_told),
        cmocka_unit_test(refuses_names_that_mean_one_server),
        cmocka_unit_test(needs_a_name_of_every_node),
        cmocka_unit_test(builds_anew_for_a_new_name),
        cmocka_unit_test(refuses_more_points_than_allowed),
        cmocka_unit_test(knows_its_parameters),
        cmocka_unit_test(serves_sets_of_every_size),
        cmocka_unit_test(takes_a_node_whose_points_meet),
    };
    return cmocka_run_group_tests_name("ketama", tests, NULL, NULL);
}
