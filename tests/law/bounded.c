/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bounded: no node gets more than its share of what is under way, at any step of a long and varied course; whoever is
 * not full keeps its keys; the others' go everywhere.
 */
#include "counted.h"
#include "laws.h"
#include <loadwise/ops.h>

__extension__ typedef unsigned __int128 wide;

enum { YARD = 48, UNDER_WAY = 600, STEPS = 40000 };

/* ---- requests that begin and end ---- */

static uint32_t begin_key(lw_strategy *strategy, const law_set *set, uint64_t key) {
    lw_request request = law_keyed(key);
    return law_pick(strategy, &set->nodes, &request);
}

static void end_at(lw_strategy *strategy, const law_set *set, uint32_t index) {
    static const lw_sample sample = LW_SAMPLE_INIT;
    assert_int_equal(lw_feedback(strategy, &set->nodes, index, &sample), LW_OK);
}

static void put_away(lw_strategy *one, lw_strategy *other, law_set *set) {
    lw_strategy_free(one);
    lw_strategy_free(other);
    free(set);
}

/* ---- an oracle of its own ---- */

static uint64_t bounded_reading(const lw_strategy *strategy, const char *name) {
    return counted(strategy, "bounded", name);
}

/* ceil(factor * m * w / W) over those that may be chosen. */
static uint64_t cap_of(const law_set *set, const lw_request *request, uint64_t millionths, uint64_t m, uint32_t index) {
    wide weights = 0;
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        weights += law_may(&set->nodes, request, i) ? set->weight[i] : 0;
    }
    wide share = (wide)millionths * m * set->weight[index], unit = weights * 1000000;
    return (uint64_t)((share + unit - 1) / unit);
}

/* ---- a course ---- */

/* Nodes are known by a number below YARD; which of them are there, and with what weight, changes. */
struct course {
    law_set *set;
    lw_strategy *strategy;
    uint64_t millionths, chance;
    bool weighted;
    bool there[YARD];
    uint32_t weight[YARD];
    uint64_t count[YARD];
    uint32_t held[UNDER_WAY]; /* the nodes of the requests under way */
    uint32_t holding;
};

static uint64_t id_of(uint32_t number) { return 1000 + number * UINT64_C(7919); }

static uint32_t number_of(uint64_t id) { return (uint32_t)((id - 1000) / 7919); }

/* The nodes that are there, in an order of chance: a new version. */
static void assemble(struct course *course) {
    uint32_t count = 0;
    law_set *set = course->set;
    for (uint32_t i = 0; i < YARD; i++) {
        if (course->there[i]) {
            uint32_t at = law_below(&course->chance, ++count);
            set->id[count - 1] = set->id[at], set->weight[count - 1] = set->weight[at];
            set->id[at] = id_of(i), set->weight[at] = course->weight[i];
        }
    }
    set->nodes.count = count;
    set->nodes.version++;
    set->nodes.eligible = NULL;
    assert_int_equal(lw_prepare(course->strategy, &set->nodes), LW_OK);
}

static uint32_t index_of(const law_set *set, uint32_t number) {
    uint32_t index = 0;
    while (set->id[index] != id_of(number)) {
        index++;
        assert_true(index < set->nodes.count);
    }
    return index;
}

static void end_one(struct course *course) {
    if (course->holding > 0) {
        uint32_t which = law_below(&course->chance, course->holding), node = course->held[which];
        course->held[which] = course->held[--course->holding];
        course->count[node]--;
        end_at(course->strategy, course->set, index_of(course->set, node));
    }
}

/* What is under way on a node that goes is not heard of again. */
static void forget(struct course *course, uint32_t node) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < course->holding; i++) {
        course->held[kept] = course->held[i];
        kept += course->held[i] != node;
    }
    course->holding = kept;
    course->count[node] = 0;
}

static void change_nodes(struct course *course) {
    uint32_t node = law_below(&course->chance, YARD);
    if (node != 0 && course->there[node] && course->set->nodes.count > 3 && law_below(&course->chance, 3) > 0) {
        forget(course, node);
        course->there[node] = false;
    } else {
        course->there[node] = true;
        course->weight[node] = course->weighted ? law_below(&course->chance, 6) : 1;
    }
    course->weight[0] = 1 + course->weighted; /* this one stays, so that somebody may always be chosen */
    assemble(course);
}

static void change_bitmap(struct course *course) {
    law_set_none(course->set);
    uint32_t share = 1 + law_below(&course->chance, 4);
    for (uint32_t i = 0; i < course->set->nodes.count; i++) {
        if (law_below(&course->chance, 4) < share || course->set->id[i] == id_of(0)) {
            lw_bitmap_set(course->set->words, i);
        }
    }
    course->set->nodes.eligible = share == 4 ? NULL : course->set->words;
}

/* Hot keys, some without, now and then a retry past two nodes. */
static void arrive(struct course *course) {
    uint64_t excluded[2] = {law_below(&course->chance, 9), law_below(&course->chance, 9)};
    lw_request request = law_excluding(excluded, law_below(&course->chance, 8) == 0 ? 2 : 0);
    uint32_t index_0 = index_of(course->set, 0);
    if (excluded[0] == index_0 || excluded[1] == index_0) {
        request.exclude_count = 0;
    }
    request.key = law_below(&course->chance, 1 + law_below(&course->chance, 100));
    request.flags = law_below(&course->chance, 10) > 0 ? LW_REQUEST_KEYED : 0;
    uint64_t m = bounded_reading(course->strategy, "under_way") + 1;
    uint32_t index = law_pick(course->strategy, &course->set->nodes, &request);
    uint32_t node = number_of(course->set->id[index]);
    course->held[course->holding++] = node;
    uint64_t cap = cap_of(course->set, &request, course->millionths, m, index);
    if (++course->count[node] > cap) {
        fail_msg("node %u has %llu of %llu, over %llu", (unsigned)node, (unsigned long long)course->count[node],
                 (unsigned long long)m, (unsigned long long)cap);
    }
}

static void check_totals(const struct course *course) {
    uint64_t counted = bounded_reading(course->strategy, "under_way");
    assert_true(counted >= course->holding); /* a node that has left is forgotten with the version that had it */
}

static void run_course(const char *spec, uint64_t millionths, bool weighted, uint64_t seed) {
    struct course *course = law_room(1, sizeof *course);
    course->set = law_set_new(YARD);
    course->strategy = law_strategy(spec, seed);
    course->millionths = millionths;
    course->weighted = weighted;
    course->chance = seed;
    for (uint32_t i = 0; i < YARD; i++) {
        course->there[i] = i < YARD / 2;
        course->weight[i] = weighted ? 1 + i % 5 : 1;
    }
    assemble(course);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t what = law_below(&course->chance, 200);
        bool busy = step / 2000 % 2 == 0; /* filling, emptying */
        if (what == 0) {
            change_nodes(course);
        } else if (what < 3) {
            change_bitmap(course);
        } else if (what < (busy ? 120 : 85) && course->holding < UNDER_WAY) {
            arrive(course);
        } else {
            end_one(course);
        }
        check_totals(course);
    }
    assert_true(bounded_reading(course->strategy, "overflows") > 500);
    while (course->holding > 0) {
        end_one(course);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assemble(course);
    }
    assert_int_equal(bounded_reading(course->strategy, "under_way"), 0); /* no drift */
    lw_strategy_free(course->strategy);
    free(course->set);
    free(course);
}

static void never_exceeds_a_cap(void **state) {
    (void)state;
    run_course("bounded(ring)", 1250000, false, 1);
    run_course("bounded(ring, factor=1)", 1000000, false, 2);
    run_course("bounded(ring vnodes=20) factor=1.05 overflow=next", 1050000, false, 3);
    run_course("bounded(ring, factor=1.25, overflow=random)", 1250000, true, 4);
    run_course("bounded(ring, factor=1.000001, overflow=next)", 1000001, true, 5);
    run_course("bounded(chain(ring absent_key=next, random), factor=1.3)", 1300000, false, 6);
}

/* ---- who keeps its keys, and where the others go ---- */

static void keeps_the_owner_that_has_room(void **state) {
    (void)state;
    law_set *set = law_set_new(40);
    lw_strategy *plain = law_strategy("ring", 1), *bounded = law_strategy("bounded(ring, factor=1)", 2);
    for (uint64_t key = 0; key < 5000; key++) {
        uint32_t owner = begin_key(bounded, set, key);
        assert_int_equal(owner, begin_key(plain, set, key));
        end_at(bounded, set, owner);
    }
    assert_int_equal(bounded_reading(bounded, "overflows"), 0);
    put_away(plain, bounded, set);
}

/* Fills this node, whatever its share, with so many requests. */
static void fill_node(lw_strategy *strategy, law_set *set, uint32_t index, uint32_t requests) {
    law_set_none(set);
    lw_bitmap_set(set->words, index);
    for (uint32_t i = 0; i < requests; i++) {
        assert_int_equal(begin_key(strategy, set, i), index);
    }
    set->nodes.eligible = NULL;
}

/* The keys of one full node go to all the others by their shares, not to a neighbour. */
static void spreads_the_keys_of_a_full_node(void **state) {
    (void)state;
    enum { NODES = 12, FULL = 5, OVERFLOWS = 20000 };
    law_set *set = law_set_new(NODES);
    uint64_t counts[NODES] = {0};
    double shares[NODES] = {0};
    lw_strategy *plain = law_strategy("ring vnodes=4000", 1), *bounded = law_strategy("bounded(ring vnodes=4000)", 1);
    for (uint64_t key = 0; key < 1000000; key++) {
        shares[begin_key(plain, set, key)] += 1;
    }
    shares[FULL] = 0;
    fill_node(bounded, set, FULL, 40);
    uint64_t key = 1000000;
    for (uint32_t seen = 0; seen < OVERFLOWS; key++) {
        if (begin_key(plain, set, key) == FULL) {
            uint32_t index = begin_key(bounded, set, key);
            counts[index]++;
            seen++;
            end_at(bounded, set, index);
        }
    }
    assert_true(law_fits(counts, shares, NODES));
    assert_int_equal(bounded_reading(bounded, "overflows"), OVERFLOWS);
    put_away(plain, bounded, set);
}

/* The classic walk: the first in the ring's own order that has room. */
static void walks_the_ring_where_told(void **state) {
    (void)state;
    enum { NODES = 30 };
    law_set *set = law_set_new(NODES);
    lw_strategy *plain = law_strategy("ring", 1), *bounded = law_strategy("bounded(ring, overflow=next)", 1);
    uint64_t chance = 9, count[NODES] = {0};
    for (uint64_t m = 1; m <= 4000; m++) {
        uint64_t key = law_below(&chance, 40);
        uint32_t order[NODES], at = 0;
        assert_int_equal(lw_replicas(plain, &set->nodes, key, order, NODES), NODES);
        while (count[order[at]] + 1 > cap_of(set, NULL, 1250000, m, order[at])) {
            at++;
        }
        uint32_t index = begin_key(bounded, set, key);
        assert_int_equal(index, order[at]);
        count[index]++;
    }
    assert_true(bounded_reading(bounded, "overflows") > 1000);
    assert_int_equal(bounded_reading(bounded, "scans"), 0);
    put_away(plain, bounded, set);
}

/* Where a key overflows to is a matter of counts, ids and weights: not of the order of the nodes, nor of the seed. */
static void heeds_neither_order_nor_seed(void **state) {
    (void)state;
    enum { NODES = 64 };
    law_set *set = law_set_new(NODES), *turned = law_set_new(NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        set->weight[i] = 1 + i % 3;
        turned->id[i] = set->id[NODES - 1 - i];
        turned->weight[i] = 1 + (NODES - 1 - i) % 3;
    }
    lw_strategy *one = law_strategy("bounded(ring, factor=1.01)", 1),
                *other = law_strategy("bounded(ring, factor=1.01)", 77);
    uint64_t chance = 5;
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t key = law_below(&chance, 20);
        assert_int_equal(set->id[begin_key(one, set, key)], turned->id[begin_key(other, turned, key)]);
    }
    assert_true(bounded_reading(one, "overflows") > 10000);
    assert_true(bounded_reading(one, "scans") > 10); /* so few have room that the search ends in a scan */
    put_away(one, other, set);
    free(turned);
}

/* ---- corners, around a strategy of the test's own: key mod count, and no sequence ---- */

static ptrdiff_t modulo_pick(const lw_view *view) {
    uint32_t first = (uint32_t)(view->request->key % view->count);
    for (uint32_t i = 0; i < view->count; i++) {
        if (lw_view_may(view, (first + i) % view->count)) {
            return (first + i) % view->count;
        }
    }
    return lw_view_refusal(view);
}

static const lw_strategy_ops modulo = {
    .size = sizeof modulo, .name = "modulo", .help = "Key mod count.", .needs = LW_NEEDS_KEY, .pick = modulo_pick};

static lw_strategy *around_modulo(const char *spec) {
    static const lw_strategy_ops *const own[] = {&modulo};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    env.seed = 3;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    return strategy;
}

/* Weights as large as there are, and factors with six decimals: no step of the reckoning overflows or rounds. */
static void reckons_exactly(void **state) {
    (void)state;
    static const struct {
        const char *spec;
        uint64_t millionths;
    } cases[] = {{"bounded(modulo)", 1250000},
                 {"bounded(modulo, factor=1, overflow=next)", 1000000},
                 {"bounded(modulo, factor=1.1)", 1100000},
                 {"bounded(modulo, factor=1000)", 1000000000}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        law_set *set = law_set_new(LAW_MOST);
        uint64_t *count = law_room(LAW_MOST, sizeof *count), chance = 8;
        for (uint32_t i = 0; i < LAW_MOST; i++) {
            set->weight[i] = i % 8 == 0 ? 1 : i % 8 == 1 ? 0 : UINT32_MAX - i % 8;
        }
        lw_strategy *strategy = around_modulo(cases[c].spec);
        for (uint64_t m = 1; m <= 12000; m++) {
            uint32_t index = begin_key(strategy, set, law_below(&chance, 3) + 8);
            count[index]++;
            assert_true(set->weight[index] > 0);
            if (m % 7 == 0 || m > 11900) {
                assert_true(count[index] <= cap_of(set, NULL, cases[c].millionths, m, index));
            }
        }
        put_away(strategy, NULL, set);
        free(count);
    }
}

static void works_for_one_and_two(void **state) {
    (void)state;
    for (uint32_t nodes = 1; nodes <= 2; nodes++) {
        law_set *set = law_set_new(nodes);
        uint64_t count[2] = {0};
        lw_strategy *strategy = law_strategy("bounded(ring, factor=1)", 1);
        for (uint32_t i = 0; i < 1000; i++) {
            count[begin_key(strategy, set, 4)]++;
        }
        assert_int_equal(count[0], 1000 / nodes);
        put_away(strategy, NULL, set);
    }
}

/* However many ends are told, no count falls below 0. */
static void takes_no_end_twice(void **state) {
    (void)state;
    law_set *set = law_set_new(4);
    lw_strategy *strategy = law_strategy("bounded(ring)", 1);
    uint32_t index = begin_key(strategy, set, 1);
    end_at(strategy, set, index);
    end_at(strategy, set, index);
    end_at(strategy, set, 3 - index);
    assert_int_equal(bounded_reading(strategy, "under_way"), 0);
    begin_key(strategy, set, 1);
    assert_int_equal(bounded_reading(strategy, "under_way"), 1);
    put_away(strategy, NULL, set);
}

/* ---- refusals and errors ---- */

static void refuses_as_the_inner_one_does(void **state) {
    (void)state;
    law_set *set = law_set_new(5);
    const lw_request plain = LW_REQUEST_INIT;
    static const uint64_t all[] = {0, 1, 2, 3, 4};
    lw_request nobody = law_excluding(all, 5);
    static const struct {
        const char *spec;
        int answer;
    } keyless[] = {{"bounded(ring absent_key=next)", LW_NO_KEY}, {"bounded(ring absent_key=error)", LW_KEY_REQUIRED}};
    for (size_t i = 0; i < LAW_COUNT(keyless); i++) {
        lw_strategy *strategy = law_strategy(keyless[i].spec, 1);
        assert_int_equal(lw_select(strategy, &set->nodes, &plain), keyless[i].answer);
        lw_strategy_free(strategy);
    }
    lw_strategy *strategy = law_strategy("bounded(ring)", 1), *modular = around_modulo("bounded(modulo)");
    assert_int_equal(lw_select(strategy, &set->nodes, &nobody), LW_EXCLUDED);
    law_set_none(set);
    assert_int_equal(lw_select(strategy, &set->nodes, &plain), LW_FILTERED);
    set->nodes.eligible = NULL;
    law_set_weights(set, (const uint32_t[]){0, 0, 0, 0, 0});
    assert_int_equal(lw_select(strategy, &set->nodes, &plain), LW_NO_WEIGHT);
    assert_int_equal(lw_select(modular, &set->nodes, &plain), LW_NO_WEIGHT);
    assert_int_equal(bounded_reading(strategy, "under_way"), 0);
    put_away(strategy, modular, set);
}

static void refuses_what_it_cannot_stand_around(void **state) {
    (void)state;
    static const law_answer cases[] = {
        {"bounded(p2c)", LW_UNSUPPORTED},
        {"bounded(chain(p2c, random))", LW_UNSUPPORTED},
        {"chain(ring, bounded(round_robin))", LW_UNSUPPORTED},
        {"chain(bounded(random), ring)", LW_UNSUPPORTED},
        {"bounded(subset(ring))", LW_UNSUPPORTED},
        {"bounded(sticky(subset(p2c)))", LW_UNSUPPORTED},
        {"subset(bounded(ring))", LW_OK},
        {"bounded(chain(ring, p2c))", LW_OK},
        {"bounded(bounded(ring))", LW_OK},
        {"bounded", LW_RANGE},
        {"bounded()", LW_SYNTAX},
        {"bounded(ring, ring)", LW_RANGE},
        {"bounded(ring, factor=0.999999)", LW_RANGE},
        {"bounded(ring, factor=1)", LW_OK},
        {"bounded(ring, factor=1000)", LW_OK},
        {"bounded(ring, factor=1000.000001)", LW_RANGE},
        {"bounded(ring, overflow=previous)", LW_RANGE},
    };
    law_answers(cases, LAW_COUNT(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_exceeds_a_cap),
        cmocka_unit_test(keeps_the_owner_that_has_room),
        cmocka_unit_test(spreads_the_keys_of_a_full_node),
        cmocka_unit_test(walks_the_ring_where_told),
        cmocka_unit_test(heeds_neither_order_nor_seed),
        cmocka_unit_test(reckons_exactly),
        cmocka_unit_test(works_for_one_and_two),
        cmocka_unit_test(takes_no_end_twice),
        cmocka_unit_test(refuses_as_the_inner_one_does),
        cmocka_unit_test(refuses_what_it_cannot_stand_around),
    };
    return cmocka_run_group_tests_name("bounded", tests, NULL, NULL);
}
