/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sticky: a key stays where it was first sent, as long as its node may be chosen and its pin is neither too old nor
 * pushed out; and there are never more pins than allowed.
 */
#include "counted.h"
#include "laws.h"
#include <loadwise/ops.h>

#define SECOND UINT64_C(1000000000)
#define NOON (UINT64_C(1000000) * SECOND)

static uint64_t sticky_reading(const lw_strategy *strategy, const char *name) {
    return counted(strategy, "sticky", name);
}

static uint32_t send_at(lw_strategy *strategy, const law_set *set, uint64_t key, uint64_t now) {
    lw_request request = law_keyed(key);
    ptrdiff_t index = lw_select_at(strategy, &set->nodes, &request, now);
    assert_true(index >= 0 && index < (ptrdiff_t)set->nodes.count);
    assert_true(law_may(&set->nodes, &request, (uint32_t)index));
    return (uint32_t)index;
}

/* The inner strategy is asked once a key, and chooses as it would alone. */
static void holds_keys(void **state) {
    (void)state;
    enum { KEYS = 3000, NODES = 16 };
    law_set *set = law_set_new(NODES);
    lw_strategy *strategy = law_strategy("sticky(random)", 1);
    uint32_t first[KEYS];
    uint64_t counts[NODES] = {0};
    double shares[NODES];
    law_even_shares(&set->nodes, NULL, shares);
    for (uint32_t key = 0; key < KEYS; key++) {
        first[key] = send_at(strategy, set, key, NOON);
        counts[first[key]]++;
    }
    assert_true(law_fits(counts, shares, NODES));
    for (uint32_t i = 1; i <= 5; i++) {
        for (uint32_t key = 0; key < KEYS; key++) {
            assert_int_equal(send_at(strategy, set, key, NOON + i), first[key]);
        }
    }
    assert_int_equal(sticky_reading(strategy, "misses"), KEYS);
    assert_int_equal(sticky_reading(strategy, "hits"), 5 * KEYS);
    assert_int_equal(sticky_reading(strategy, "pins"), KEYS);
    assert_int_equal(sticky_reading(strategy, "moves") + sticky_reading(strategy, "evictions"), 0);
    lw_strategy_free(strategy);
    free(set);
}

/* A pin lasts exactly its time from the last use; whoever comes later is sent as a new one. The turns of the inner
   strategy tell whether it was asked. */
static void forgets_after_its_time(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint64_t ttl;
    } cases[] = {{"sticky(round_robin lanes=1 phase=0, ttl=1.5)", 3 * SECOND / 2},
                 {"sticky(round_robin lanes=1 phase=0, ttl=0.001)", SECOND / 1000},
                 {"sticky(round_robin lanes=1 phase=0)", 3600 * SECOND}};
    law_set *set = law_set_new(1000);
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        lw_strategy *strategy = law_strategy(cases[c].spec, 1);
        uint64_t now = c == 0 ? 0 : NOON;
        assert_int_equal(send_at(strategy, set, 5, now), 0);
        for (uint32_t i = 0; i < 10; i++) {
            now += cases[c].ttl;
            assert_int_equal(send_at(strategy, set, 5, now), 0);
        }
        assert_int_equal(send_at(strategy, set, 5, now - cases[c].ttl), 0); /* time that steps back ages nothing */
        now += cases[c].ttl + 1;
        assert_int_equal(send_at(strategy, set, 5, now), 1);
        assert_int_equal(send_at(strategy, set, 5, now + cases[c].ttl), 1);
        assert_int_equal(sticky_reading(strategy, "pins"), 1);
        assert_int_equal(sticky_reading(strategy, "misses"), 2);
        assert_int_equal(sticky_reading(strategy, "moves"), 0);
        lw_strategy_free(strategy);
    }
    lw_strategy *ageless = law_strategy("sticky(round_robin lanes=1 phase=0, ttl=0)", 1);
    assert_int_equal(send_at(ageless, set, 5, 1), 0);
    assert_int_equal(send_at(ageless, set, 5, UINT64_MAX / 2), 0);
    lw_strategy_free(ageless);
    free(set);
}

/* Seven places or fewer are one set: the one that was used longest ago makes room. */
static void evicts_the_least_recently_used(void **state) {
    (void)state;
    law_set *set = law_set_new(1000);
    for (uint32_t places = 1; places <= 7; places++) {
        char spec[64];
        uint64_t used[8] = {0}, chance = places, now = NOON;
        uint32_t turn = 0, node[8] = {0};
        snprintf(spec, sizeof spec, "sticky(round_robin lanes=1 phase=0, max=%u)", (unsigned)places);
        lw_strategy *strategy = law_strategy(spec, 1);
        for (uint32_t i = 0; i < 900; i++) {
            uint64_t key = law_below(&chance, 8);
            uint32_t younger = 0;
            for (uint32_t other = 0; other < 8; other++) {
                younger += used[other] > used[key];
            }
            bool held = used[key] != 0 && younger < places;
            node[key] = held ? node[key] : turn;
            turn += !held;
            assert_int_equal(send_at(strategy, set, key, now), node[key]);
            used[key] = now++;
        }
        assert_int_equal(sticky_reading(strategy, "pins"), places);
        assert_int_equal(sticky_reading(strategy, "misses"), turn);
        assert_int_equal(sticky_reading(strategy, "evictions"), turn - places);
        lw_strategy_free(strategy);
    }
    free(set);
}

/* However many keys there are, pins are not more than allowed; and every request is counted once. */
static void bounds_pins(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint32_t most, least;
    } cases[] = {
        {"sticky(random, max=1000)", 1000, 994}, {"sticky(random, max=8)", 8, 7}, {"sticky(random, max=1)", 1, 1}};
    enum { REQUESTS = 200000 };
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        uint64_t chance = 3 + c;
        law_set *set = law_set_new(10);
        lw_strategy *strategy = law_strategy(cases[c].spec, 1);
        for (uint32_t i = 0; i < REQUESTS; i++) {
            send_at(strategy, set, law_random(&chance), NOON + i);
        }
        uint64_t pins = sticky_reading(strategy, "pins"), misses = sticky_reading(strategy, "misses");
        assert_in_range(pins, cases[c].least, cases[c].most);
        assert_int_equal(sticky_reading(strategy, "evictions"), misses - pins);
        assert_int_equal(sticky_reading(strategy, "hits") + sticky_reading(strategy, "moves") + misses, REQUESTS);
        lw_strategy_free(strategy);
        free(set);
    }
}

/* Half as many keys as places, each used again and again: all but one in a hundred are held. */
static void holds_nearly_all_of_half_as_many_keys(void **state) {
    (void)state;
    enum { PLACES = 21000, KEYS = PLACES / 2, ROUNDS = 20 };
    law_set *set = law_set_new(10);
    uint64_t chance = 44, now = NOON;
    lw_strategy *strategy = law_strategy("sticky(random, max=21000)", 1);
    for (uint32_t i = 0; i < KEYS * ROUNDS; i++) {
        send_at(strategy, set, law_below(&chance, KEYS), now++);
    }
    uint64_t misses = sticky_reading(strategy, "misses");
    assert_true(misses > KEYS && misses - KEYS < KEYS * (ROUNDS - 1) / 50);
    lw_strategy_free(strategy);
    free(set);
}

/* ---- nodes that may not be chosen ---- */

static void moves_where_the_node_may_not_be_chosen(void **state) {
    (void)state;
    law_set *set = law_set_new(50);
    lw_strategy *strategy = law_strategy("sticky(round_robin lanes=1 phase=0)", 1);
    assert_int_equal(send_at(strategy, set, 9, NOON), 0);
    law_set_only(set, ~UINT64_C(1));
    uint32_t moved = send_at(strategy, set, 9, NOON);
    assert_true(moved != 0);
    set->nodes.eligible = NULL;
    assert_int_equal(send_at(strategy, set, 9, NOON), moved); /* and stays there */
    uint64_t excluded = moved;
    lw_request retry = law_keyed(9);
    retry.exclude = &excluded, retry.exclude_count = 1;
    ptrdiff_t again = lw_select_at(strategy, &set->nodes, &retry, NOON);
    assert_true(again >= 0 && again != (ptrdiff_t)moved);
    assert_int_equal(send_at(strategy, set, 9, NOON), again);
    assert_int_equal(sticky_reading(strategy, "moves"), 2);
    assert_int_equal(sticky_reading(strategy, "misses"), 1);
    assert_int_equal(sticky_reading(strategy, "hits"), 2);
    lw_strategy_free(strategy);
    free(set);
}

/* Pins are for nodes, not for indexes: they hold in any order, in both versions of a set, past a node's absence unless
   the key was used meanwhile. */
static void follows_nodes_by_id(void **state) {
    (void)state;
    enum { NODES = 40, KEYS = 400 };
    law_set *whole = law_set_new(NODES), *less = law_set_new(NODES - 1);
    lw_strategy *strategy = law_strategy("sticky(random)", 1);
    uint64_t id[KEYS];
    less->nodes.set = whole->nodes.set;
    less->nodes.version = 2;
    for (uint32_t i = 0; i < NODES - 1; i++) {
        less->id[i] = whole->id[NODES - 1 - i]; /* without the first, and backwards */
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        id[key] = whole->id[send_at(strategy, whole, key, NOON)];
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        if (id[key] != whole->id[0] || key % 2 == 0) {
            uint64_t now_at = less->id[send_at(strategy, less, key, NOON)];
            assert_true(now_at == id[key] || id[key] == whole->id[0]);
            id[key] = now_at;
        }
    }
    for (uint32_t i = 0; i < 4; i++) { /* back and forth, and as a third version */
        whole->nodes.version += i == 3 ? 2 : 0;
        for (uint32_t key = 0; key < KEYS; key++) {
            assert_int_equal(whole->id[send_at(strategy, whole, key, NOON)], id[key]);
            if (id[key] != whole->id[0]) {
                assert_int_equal(less->id[send_at(strategy, less, key, NOON)], id[key]);
            }
        }
    }
    lw_strategy_free(strategy);
    free(whole);
    free(less);
}

static void tells_sets_apart(void **state) {
    (void)state;
    law_set *one = law_set_new(1000), *other = law_set_new(1000);
    lw_strategy *strategy = law_strategy("sticky(random)", 1);
    for (uint64_t key = 0; key < 100; key++) {
        uint32_t first = send_at(strategy, one, key, NOON), second = send_at(strategy, other, key, NOON);
        assert_int_equal(send_at(strategy, one, key, NOON), first);
        assert_int_equal(send_at(strategy, other, key, NOON), second);
    }
    assert_int_equal(sticky_reading(strategy, "pins"), 200);
    assert_int_equal(sticky_reading(strategy, "moves"), 0);
    lw_strategy_free(strategy);
    free(one);
    free(other);
}

/* ---- requests of other kinds ---- */

static void passes_requests_without_a_key_on(void **state) {
    (void)state;
    law_set *set = law_set_new(6);
    lw_request plain = LW_REQUEST_INIT;
    lw_strategy *strategy = law_strategy("sticky(round_robin lanes=1 phase=0)", 1);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(law_pick(strategy, &set->nodes, &plain), i % 6);
    }
    assert_int_equal(sticky_reading(strategy, "misses"), 0);
    assert_int_equal(sticky_reading(strategy, "pins"), 0);
    lw_strategy_free(strategy);
    strategy = law_strategy("sticky(ring absent_key=error)", 1);
    assert_int_equal(lw_select(strategy, &set->nodes, &plain), LW_KEY_REQUIRED);
    law_set_none(set);
    lw_request keyed = law_keyed(1);
    assert_int_equal(lw_select(strategy, &set->nodes, &keyed), LW_FILTERED);
    assert_int_equal(sticky_reading(strategy, "misses"), 0);
    lw_strategy_free(strategy);
    free(set);
}

/* A trial says where a key would go and pins nothing. */
static void pins_nothing_in_a_trial(void **state) {
    (void)state;
    law_set *set = law_set_new(6);
    lw_strategy *strategy = law_strategy("sticky(round_robin lanes=1 phase=0)", 1);
    lw_request trial = law_keyed(1);
    trial.flags |= LW_REQUEST_TRIAL;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(lw_select_at(strategy, &set->nodes, &trial, NOON), 0);
    }
    assert_int_equal(sticky_reading(strategy, "pins"), 0);
    assert_int_equal(send_at(strategy, set, 2, NOON), 0);
    assert_int_equal(send_at(strategy, set, 1, NOON), 1);
    assert_int_equal(lw_select_at(strategy, &set->nodes, &trial, NOON), 1);
    assert_int_equal(sticky_reading(strategy, "hits"), 0);
    lw_strategy_free(strategy);
    free(set);
}

/* The holder comes first, then the inner order without it. */
static void begins_its_sequence_with_the_holder(void **state) {
    (void)state;
    enum { NODES = 9 };
    law_set *set = law_set_new(NODES);
    lw_strategy *plain = law_strategy("ring", 1), *strategy = law_strategy("sticky(ring)", 1);
    uint32_t order[NODES], got[NODES];
    assert_int_equal(lw_replicas(plain, &set->nodes, 3, order, NODES), NODES);
    law_set_none(set);
    lw_bitmap_set(set->words, order[4]);
    send_at(strategy, set, 3, NOON);
    set->nodes.eligible = NULL;
    for (uint32_t room = 1; room <= NODES; room++) {
        assert_int_equal(lw_replicas(strategy, &set->nodes, 3, got, room), room);
        assert_int_equal(got[0], order[4]);
        for (uint32_t i = 1; i < room; i++) {
            assert_int_equal(got[i], order[i <= 4 ? i - 1 : i]);
        }
    }
    lw_strategy_free(plain);
    lw_strategy_free(strategy);
    free(set);
}

/* What else picks in the same tree pins as well. */
static void pins_what_the_tree_chose(void **state) {
    (void)state;
    law_set *set = law_set_new(100);
    lw_strategy *strategy = law_strategy("chain(sticky(ring absent_key=next), random)", 1);
    lw_request plain = LW_REQUEST_INIT;
    for (uint64_t key = 0; key < 50; key++) {
        uint32_t first = send_at(strategy, set, key, NOON);
        law_pick(strategy, &set->nodes, &plain);
        assert_int_equal(send_at(strategy, set, key, NOON), first);
    }
    assert_int_equal(sticky_reading(strategy, "pins"), 50);
    lw_strategy_free(strategy);
    free(set);
}

static void checks_its_parameters(void **state) {
    (void)state;
    static const law_answer cases[] = {
        {"sticky(p2c)", LW_OK},
        {"sticky(p2c, ttl=0, max=1)", LW_OK},
        {"sticky(p2c) ttl=31536000", LW_OK},
        {"sticky(p2c, ttl=31536000.1)", LW_RANGE},
        {"sticky(p2c, ttl=-1)", LW_RANGE},
        {"sticky(p2c, max=0)", LW_RANGE},
        {"sticky(p2c, max=16777217)", LW_RANGE},
        {"sticky", LW_RANGE},
        {"sticky(p2c, p2c)", LW_RANGE},
        {"bounded(sticky(p2c))", LW_OK},
        {"sticky(bounded(ring))", LW_OK},
    };
    law_answers(cases, LAW_COUNT(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_keys),
        cmocka_unit_test(forgets_after_its_time),
        cmocka_unit_test(evicts_the_least_recently_used),
        cmocka_unit_test(bounds_pins),
        cmocka_unit_test(holds_nearly_all_of_half_as_many_keys),
        cmocka_unit_test(moves_where_the_node_may_not_be_chosen),
        cmocka_unit_test(follows_nodes_by_id),
        cmocka_unit_test(tells_sets_apart),
        cmocka_unit_test(passes_requests_without_a_key_on),
        cmocka_unit_test(pins_nothing_in_a_trial),
        cmocka_unit_test(begins_its_sequence_with_the_holder),
        cmocka_unit_test(pins_what_the_tree_chose),
        cmocka_unit_test(checks_its_parameters),
    };
    return cmocka_run_group_tests_name("sticky", tests, NULL, NULL);
}
