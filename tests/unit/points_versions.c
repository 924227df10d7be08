/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Points of a version made from the version before: the same as made from nothing, word for word, whatever came, left,
 * changed its weight or moved in the list; and only what is new is placed.
 */
#include "ledger.h"

#include "fleet.h"
#include "strategy/points.h"
#include "strategy/unit.h"

enum { NODES = 40, FEW = 4, SET = 900, STEPS = 150 };

static uint64_t chance;

static uint32_t draw(uint32_t below) {
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((chance >> 32) * below >> 32);
}

static fleet nodes;
static uint32_t names;

static void newcomer(uint32_t index, uint32_t most_weight) {
    snprintf(nodes.name[index], sizeof nodes.name[index], "n%u:80", (unsigned)++names);
    nodes.member[index].name = nodes.name[index];
    nodes.member[index].id = 5000 + names;
    nodes.member[index].weight = draw(most_weight + 1);
}

static void swap_nodes(uint32_t a, uint32_t b) {
    member first = nodes.member[a];
    char text[sizeof nodes.name[0]];
    memcpy(text, nodes.name[a], sizeof text);
    nodes.member[a] = nodes.member[b];
    nodes.member[b] = first;
    memcpy(nodes.name[a], nodes.name[b], sizeof text);
    memcpy(nodes.name[b], text, sizeof text);
    nodes.member[a].name = nodes.name[a];
    nodes.member[b].name = nodes.name[b];
}

/* One or several things happen, each now and then. */
static void next_version(uint32_t most, uint32_t most_weight) {
    uint32_t *count = &nodes.nodes.count;
    for (uint32_t events = draw(4); events > 0; events--) {
        uint32_t index = draw(*count);
        switch (draw(6)) {
        case 0:
            if (*count < most) {
                newcomer((*count)++, most_weight);
            }
            break;
        case 1:
            if (*count > 1) {
                swap_nodes(index, --*count);
            }
            break;
        case 2: nodes.member[index].weight = draw(most_weight + 1); break;
        case 3: newcomer(index, most_weight); break;
        case 4: nodes.name[index][1] ^= 1; break; /* another name, the same id */
        default: swap_nodes(index, draw(*count));
        }
    }
    nodes.nodes.version++;
}

static void open_nodes(uint32_t count, uint32_t most_weight) {
    fleet_open(&nodes, NODES, SET);
    nodes.nodes.count = count;
    chance = 7;
    for (uint32_t i = 0; i < count; i++) {
        newcomer(i, most_weight);
    }
}

static lw_strategy *made(ledger *book, const char *spec) {
    lw_env env = ledger_env(book, 3);
    lw_strategy *strategy;
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    return strategy;
}

static const struct lw__points *points_of(const lw_strategy *strategy) {
    const struct lw__binding *found = lw__plans_find(strategy, &nodes.nodes, nodes.nodes.version);
    assert_non_null(found);
    return found->bound[0].memory.plan;
}

static void assert_same_points(const struct lw__points *a, const struct lw__points *b) {
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL && b != NULL) {
        assert_int_equal(a->count, b->count);
        assert_int_equal(a->shift, b->shift);
        assert_int_equal(a->nodes, b->nodes);
        assert_memory_equal(a->at, b->at, (a->count + LW__AHEAD) * sizeof *a->at);
        assert_memory_equal(a->first, b->first, sizeof *a->first << (32 - a->shift));
        assert_memory_equal(a->stem, b->stem, a->nodes * sizeof *a->stem);
        assert_memory_equal(a->own, b->own, a->nodes * sizeof *a->own);
    }
}

/* How many points stand where the one before stands. */
static uint32_t ties_of(const struct lw__points *points) {
    uint32_t ties = 0;
    for (uint32_t i = 1; points != NULL && i < points->count; i++) {
        ties += points->at[i] >> 32 == points->at[i - 1] >> 32;
    }
    return ties;
}

/* Walks through versions; returns how many ties were met. */
static uint32_t walk(const char *spec, uint32_t most, uint32_t most_weight, uint32_t steps) {
    ledger book;
    uint32_t ties = 0;
    ledger_open(&book);
    lw_strategy *lasting = made(&book, spec);
    open_nodes(most / 2, most_weight);
    for (uint32_t step = 0; step < steps; step++, next_version(most, most_weight)) {
        lw_strategy *fresh = made(&book, spec);
        int error = lw_prepare(lasting, &nodes.nodes);
        assert_int_equal(error, lw_prepare(fresh, &nodes.nodes));
        if (error == LW_OK) { /* two names may come to be one */
            assert_same_points(points_of(lasting), points_of(fresh));
            ties += ties_of(points_of(fresh));
        }
        lw_strategy_free(fresh);
    }
    lw_strategy_free(lasting);
    ledger_close(&book);
    return ties;
}

static void test_the_same_as_from_nothing(void **state) {
    (void)state;
    static const char *const specs[] = {"ring vnodes=20", "multi_probe", "ketama",
                                        "ketama flavour=libmemcached_weighted", "ketama flavour=nginx"};
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
        walk(specs[s], NODES, 3, STEPS);
        walk(specs[s], FEW, 1, STEPS);
    }
}

/* Where so many points stand that some share a place. */
static void test_equal_places(void **state) {
    (void)state;
    assert_in_range(walk("ring vnodes=65536", 2 * FEW, 3, 12), 10, 10000);
    assert_int_equal(walk("ketama flavour=nginx", 2 * FEW, 1500, 6), 0);
}

/* ---- points of the test's own: three a node, on five places ---- */

enum { OWN = 3, PLACES = 5 };

static uint32_t placed;
static bool by_list; /* else by id */

static uint64_t crowded_place(uint64_t stem, uint32_t i) { return (stem + 2 * i) % PLACES; }

static void place_crowded(const lw_build *build, const struct lw__points *points, uint32_t node, uint64_t *to) {
    (void)build;
    placed++;
    for (uint32_t i = 0; i < OWN; i++) {
        to[i] = crowded_place(points->stem[node], i) << 32 | node;
    }
}

static int crowded_build(const lw_build *build, void **out) {
    struct lw__points *points = lw__points_new(build, (uint64_t)OWN * build->count, build->count > NODES / 2);
    if (points == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < build->count; i++) {
        points->stem[i] = build->ids[i];
        points->own[i] = OWN;
    }
    assert_int_equal(lw__points_gather(build, points, place_crowded, by_list ? NULL : build->ids), LW_OK);
    lw__points_seal(points);
    *out = points;
    return LW_OK;
}

static ptrdiff_t crowded_pick(const lw_view *view) { return lw__points_walk(view, lw_view_plan(view), 0); }

static const lw_strategy_ops crowded_ops = {
    .size = sizeof crowded_ops,
    .name = "crowded",
    .help = "Puts all points on few places.",
    .needs = LW_HAS(id) | LW_NEEDS_PLAN,
    .plan_build = crowded_build,
    .pick = crowded_pick,
};

static uint32_t placed_by(lw_strategy *strategy) {
    placed = 0;
    nodes.nodes.version++;
    assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
    return placed;
}

/* The points by place, and within a place by id or by index, one after the other. */
static void assert_in_order(const struct lw__points *points) {
    for (uint32_t i = 0; i < points->count; i++) {
        uint64_t place = points->at[i] >> 32, node = points->at[i] & UINT32_MAX;
        uint32_t found = 0;
        for (uint32_t r = 0; r < OWN; r++) {
            found += crowded_place(nodes.member[node].id, r) == place;
        }
        assert_true(found > 0);
        if (i > 0 && points->at[i - 1] >> 32 == place) {
            uint64_t other = points->at[i - 1] & UINT32_MAX;
            assert_true(by_list ? other <= node : nodes.member[other].id <= nodes.member[node].id);
        } else {
            assert_true(i == 0 || points->at[i - 1] >> 32 < place);
        }
    }
}

static void test_the_order_within_a_place(void **state) {
    (void)state;
    const lw_strategy_ops *own[] = {&crowded_ops};
    for (int round = 0; round < 2; round++) {
        lw_strategy *strategy;
        by_list = round == 1;
        assert_int_equal(lw_strategy_from_ops(&strategy, NULL, own, 1, "crowded"), LW_OK);
        open_nodes(NODES / 2, 3);
        for (uint32_t step = 0; step < STEPS; step++, next_version(NODES, 3)) {
            assert_int_equal(lw_prepare(strategy, &nodes.nodes), LW_OK);
            assert_int_equal(points_of(strategy)->count, OWN * nodes.nodes.count);
            assert_in_order(points_of(strategy));
        }
        lw_strategy_free(strategy);
    }
}

static void test_only_what_is_new_is_placed(void **state) {
    (void)state;
    const lw_strategy_ops *own[] = {&crowded_ops};
    lw_strategy *strategy;
    assert_int_equal(lw_strategy_from_ops(&strategy, NULL, own, 1, "crowded"), LW_OK);
    open_nodes(10, 3);
    assert_int_equal(placed_by(strategy), 10);
    assert_int_equal(placed_by(strategy), 0);
    newcomer(nodes.nodes.count++, 3);
    assert_int_equal(placed_by(strategy), 1);
    swap_nodes(2, --nodes.nodes.count);
    assert_int_equal(placed_by(strategy), 0);
    newcomer(4, 3);
    newcomer(7, 3);
    assert_int_equal(placed_by(strategy), 2);
    nodes.nodes.set++; /* another set has no version before */
    assert_int_equal(placed_by(strategy), 10);
    while (nodes.nodes.count <= NODES / 2) {
        newcomer(nodes.nodes.count++, 3);
    }
    assert_int_equal(placed_by(strategy), NODES / 2 + 1); /* of another kind now */
    lw_strategy_free(strategy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_as_from_nothing),
        cmocka_unit_test(test_equal_places),
        cmocka_unit_test(test_the_order_within_a_place),
        cmocka_unit_test(test_only_what_is_new_is_placed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
