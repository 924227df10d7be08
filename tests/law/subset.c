/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * subset: every client uses exactly as many nodes as told, all clients together use all nodes about alike, and what is
 * inside keeps to it. A recorder inside writes down which nodes it may choose.
 */
#include "laws.h"
#include "specs.h"
#include <loadwise/ops.h>

enum { MOST = 10000, WAYS = 3 };

static const char *const ways[WAYS] = {"random", "shuffle", "lots"};

/* ---- who is in a subset ---- */

static uint64_t recorded[LW_BITMAP_WORDS(MOST)];

static ptrdiff_t recorder_pick(const lw_view *view) {
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        recorded[w] = lw_view_word(view, w);
    }
    return lw_view_uniform(view);
}

static const lw_strategy_ops recorder = {
    .size = sizeof recorder, .name = "recorder", .help = "Writes down whom it sees.", .pick = recorder_pick};

static lw_strategy *recording(const char *spec, uint64_t seed) {
    static const lw_strategy_ops *const own[] = {&recorder};
    lw_env env = LW_ENV_INIT;
    lw_strategy *strategy = NULL;
    env.seed = seed;
    assert_int_equal(lw_strategy_from_ops(&strategy, &env, own, 1, spec), LW_OK);
    return strategy;
}

/* Leaves the subset in `recorded`; returns its size. */
static uint32_t record(lw_strategy *strategy, const lw_nodes *nodes) {
    ptrdiff_t index = lw_select(strategy, nodes, NULL);
    assert_true(index >= 0);
    assert_true(lw_bitmap_get(recorded, (uint32_t)index));
    return lw_bitmap_count(recorded, nodes->count);
}

static uint32_t record_client(const lw_nodes *nodes, const char *by, uint32_t size, uint32_t client) {
    char spec[96];
    snprintf(spec, sizeof spec, "subset(recorder, size=%u, client=%u, by=%s)", (unsigned)size, (unsigned)client, by);
    lw_strategy *strategy = recording(spec, 1);
    uint32_t members = record(strategy, nodes);
    lw_strategy_free(strategy);
    return members;
}

/* Nodes with ids of chance. */
struct crowd {
    uint64_t id[MOST];
    uint32_t weight[MOST];
    lw_nodes nodes;
};

static struct crowd *gather(uint32_t count) {
    struct crowd *crowd = law_room(1, sizeof *crowd);
    uint64_t chance = 1;
    lw_nodes_init(&crowd->nodes, count);
    LW_SET_VALUES(crowd->nodes, id, crowd->id);
    LW_SET_VALUES(crowd->nodes, weight, crowd->weight);
    crowd->nodes.set = 1;
    for (uint32_t i = 0; i < count; i++) {
        crowd->id[i] = law_random(&chance);
        crowd->weight[i] = 1;
    }
    return crowd;
}

static void has_the_size_it_was_told(void **state) {
    (void)state;
    static const struct {
        uint32_t nodes, size, members;
    } cases[] = {{1, 1, 1},
                 {1, 20, 1},
                 {2, 1, 1},
                 {2, 2, 2},
                 {9, 4, 4},
                 {10, 10, 10},
                 {11, 10, 10},
                 {64, 63, 63},
                 {65, 64, 64},
                 {99, 20, 20},
                 {100, 2147483647, 100},
                 {101, 51, 51},
                 {1000, 20, 20},
                 {1001, 997, 997},
                 {10000, 1, 1},
                 {10000, 300, 300}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        struct crowd *crowd = gather(cases[c].nodes);
        for (uint32_t way = 0; way < WAYS; way++) {
            for (uint32_t client = 0; client < 25; client++) {
                uint32_t number = client < 24 ? client : UINT32_MAX - 1;
                assert_int_equal(record_client(&crowd->nodes, ways[way], cases[c].size, number), cases[c].members);
            }
        }
        free(crowd);
    }
}

/* Nodes of weight 0 take no place in it, unless all have that. */
static void gives_no_place_to_weight_0(void **state) {
    (void)state;
    struct crowd *crowd = gather(100);
    for (uint32_t i = 0; i < 100; i++) {
        crowd->weight[i] = i % 2;
    }
    for (uint32_t way = 0; way < WAYS; way++) {
        assert_int_equal(record_client(&crowd->nodes, ways[way], 30, 5), 30);
        for (uint32_t i = 0; i < 100; i += 2) {
            assert_false(lw_bitmap_get(recorded, i));
        }
        assert_int_equal(record_client(&crowd->nodes, ways[way], 60, 5), 50);
    }
    memset(crowd->weight, 0, sizeof crowd->weight);
    for (uint32_t way = 0; way < WAYS; way++) {
        assert_int_equal(record_client(&crowd->nodes, ways[way], 30, 5), 30);
    }
    free(crowd);
}

/* The same client has the same nodes in every process, in whatever order these are listed; other clients have others.
 */
static void depends_on_ids_and_client(void **state) {
    (void)state;
    enum { NODES = 200, SIZE = 20 };
    struct crowd *crowd = gather(NODES), *turned = gather(NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        turned->id[i] = crowd->id[NODES - 1 - i];
    }
    for (uint32_t way = 0; way < WAYS; way++) {
        uint64_t before[LW_BITMAP_WORDS(NODES)] = {0};
        uint32_t alike = 0;
        for (uint32_t client = 0; client < 50; client++) {
            uint64_t first[LW_BITMAP_WORDS(NODES)];
            record_client(&crowd->nodes, ways[way], SIZE, client);
            memcpy(first, recorded, sizeof first);
            alike += memcmp(first, before, sizeof first) == 0;
            memcpy(before, first, sizeof first);
            record_client(&turned->nodes, ways[way], SIZE, client);
            for (uint32_t i = 0; i < NODES; i++) {
                assert_int_equal(lw_bitmap_get(first, i), lw_bitmap_get(recorded, NODES - 1 - i));
            }
        }
        assert_int_equal(alike, 0);
    }
    free(crowd);
    free(turned);
}

/* A client without a number draws one from the seed. */
static void draws_a_number_where_none_is_given(void **state) {
    (void)state;
    struct crowd *crowd = gather(200);
    uint64_t of_seed[4][LW_BITMAP_WORDS(200)];
    for (uint32_t way = 0; way < WAYS; way++) {
        char spec[64];
        snprintf(spec, sizeof spec, "subset(recorder, by=%s)", ways[way]);
        for (uint32_t i = 0; i < 4; i++) {
            lw_strategy *strategy = recording(spec, 1 + i % 3);
            assert_int_equal(record(strategy, &crowd->nodes), 20);
            memcpy(of_seed[i], recorded, sizeof of_seed[i]);
            lw_strategy_free(strategy);
        }
        assert_memory_equal(of_seed[0], of_seed[3], sizeof of_seed[0]);
        assert_memory_not_equal(of_seed[0], of_seed[1], sizeof of_seed[0]);
        assert_memory_not_equal(of_seed[0], of_seed[2], sizeof of_seed[0]);
    }
    free(crowd);
}

/* ---- how clients load nodes ---- */

struct spread {
    double most, least; /* to the mean */
};

static struct spread spread_of(uint32_t clients, uint32_t nodes, uint32_t size, const char *by) {
    struct crowd *crowd = gather(nodes);
    uint32_t *users = law_room(nodes, sizeof *users), most = 0, least = UINT32_MAX;
    double mean = (double)clients * size / nodes;
    for (uint32_t client = 0; client < clients; client++) {
        record_client(&crowd->nodes, by, size, client);
        for (uint32_t i = 0; i < nodes; i++) {
            users[i] += (uint32_t)lw_bitmap_get(recorded, i);
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        most = users[i] > most ? users[i] : most;
        least = users[i] < least ? users[i] : least;
    }
    free(users);
    free(crowd);
    return (struct spread){most / mean, least / mean};
}

/* The table of docs/strategies/subset.md: clients of a node, the most and the least, to their mean. */
static void spreads_clients_as_its_page_says(void **state) {
    (void)state;
    static const struct {
        uint32_t clients, nodes, size;
        double most[WAYS], least[WAYS];
    } cases[] = {
        {100, 100, 20, {1.65, 1.00, 1.00}, {0.55, 1.00, 1.00}},
        {97, 103, 20, {1.65, 1.06, 1.06}, {0.58, 0.85, 0.90}},
        {1000, 100, 20, {1.15, 1.00, 1.00}, {0.84, 1.00, 1.00}},
        {1000, 210, 20, {1.30, 1.05, 1.02}, {0.78, 0.92, 0.99}},
        {250, 1000, 20, {2.80, 1.00, 1.40}, {0.00, 1.00, 0.80}},
        {1000, 1000, 20, {1.70, 1.00, 1.00}, {0.40, 1.00, 1.00}},
        {2000, 400, 150, {1.08, 1.05, 1.00}, {0.91, 0.95, 1.00}},
    };
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        for (uint32_t way = 0; way < WAYS; way++) {
            struct spread spread = spread_of(cases[c].clients, cases[c].nodes, cases[c].size, ways[way]);
            assert_true(fabs(spread.most - cases[c].most[way]) < 0.0051);
            assert_true(fabs(spread.least - cases[c].least[way]) < 0.0051);
        }
    }
}

/* ---- nodes that come and go ---- */

/* The mean number of members that change when node `gone` of n goes; the most is in *most. */
static double churn_of(uint32_t nodes, uint32_t size, const char *by, uint32_t *most) {
    enum { CLIENTS = 100 };
    struct crowd *whole = gather(nodes), *less = gather(nodes);
    uint32_t gone = nodes / 3, changed = 0;
    less->id[gone] = less->id[nodes - 1];
    less->nodes.count--;
    *most = 0;
    for (uint32_t client = 0; client < CLIENTS; client++) {
        uint64_t before[LW_BITMAP_WORDS(MOST)];
        uint32_t lost = 0;
        record_client(&whole->nodes, by, size, client);
        memcpy(before, recorded, sizeof before);
        record_client(&less->nodes, by, size, client);
        for (uint32_t i = 0; i < nodes; i++) {
            uint32_t then = i == gone ? UINT32_MAX : i == nodes - 1 ? gone : i;
            lost += lw_bitmap_get(before, i) && (then == UINT32_MAX || !lw_bitmap_get(recorded, then));
        }
        changed += lost;
        *most = lost > *most ? lost : *most;
    }
    free(whole);
    free(less);
    return changed / (double)CLIENTS;
}

/* By scores only a member that goes is replaced; the other ways deal anew, as the page says. Read backwards it is a
   node that comes. */
static void changes_members_as_its_page_says(void **state) {
    (void)state;
    static const uint32_t cases[][2] = {{100, 20}, {1000, 20}, {210, 50}};
    for (size_t c = 0; c < LAW_COUNT(cases); c++) {
        uint32_t most, nodes = cases[c][0], size = cases[c][1];
        double share = (double)size / nodes, random = churn_of(nodes, size, "random", &most);
        assert_true(most <= 1);
        assert_true(fabs(random - share) < 4 * sqrt(share / 100) + 0.01);
        assert_true(churn_of(nodes, size, "shuffle", &most) < 0.85 * size && most <= size);
        assert_true(churn_of(nodes, size, "lots", &most) < 0.70 * size && most <= size);
    }
}

/* ---- what stands inside ---- */

/* Every strategy keeps to the subset, with and without a bitmap and exclusions. */
static void holds_every_strategy_inside(void **state) {
    (void)state;
    enum { NODES = 300, SIZE = 11 };
    static const char *const inside[] = {
        SPECS_THAT_TURN,
        SPECS_THAT_CHOOSE,
        SPECS_THAT_PLACE,
        "least_load tie=first",
        "p2c choices=5",
        "p2c choices=3 weighted=true",
        "chain(ring absent_key=next, p2c)",
        "bounded(ring)",
        "bounded(ring, factor=1, overflow=next)",
        "sticky(p2c)",
        "weighted_random live=true",
        "maglev table=1009",
        "ketama",
        "bounded(maglev table=1009, factor=1)",
    };
    static uint32_t inflight[NODES];
    law_set *set = law_set_new(NODES);
    uint64_t chance = 12, members[LW_BITMAP_WORDS(NODES)];
    LW_SET_VALUES(set->nodes, inflight, inflight);
    for (uint32_t i = 0; i < NODES; i++) {
        set->weight[i] = 1 + law_below(&chance, 4);
        set->load[i] = law_below(&chance, 50);
        set->remaining[i] = 0.01 * law_below(&chance, 100);
        inflight[i] = law_below(&chance, 3);
    }
    record_client(&set->nodes, "random", SIZE, 7);
    memcpy(members, recorded, sizeof members);
    for (size_t s = 0; s < LAW_COUNT(inside); s++) {
        char spec[96];
        snprintf(spec, sizeof spec, "subset(%s, size=11, client=7)", inside[s]);
        lw_strategy *strategy = law_strategy(spec, 1);
        for (uint32_t i = 0; i < 600; i++) {
            uint64_t excluded[2] = {law_below(&chance, NODES), law_below(&chance, NODES)};
            lw_request request = law_excluding(excluded, i % 3 == 0 ? 2 : 0);
            request.key = law_random(&chance);
            request.flags = i % 2 == 0 ? LW_REQUEST_KEYED : 0;
            set->nodes.eligible = i < 300 ? NULL : set->words;
            for (uint32_t w = 0; w < LW_BITMAP_WORDS(NODES); w++) {
                set->words[w] = law_bits(&chance, 6);
            }
            assert_true(lw_bitmap_get(members, law_pick(strategy, &set->nodes, &request)));
        }
        set->nodes.eligible = NULL;
        lw_strategy_free(strategy);
    }
    free(set);
}

/* Shares inside are those that the strategy has among so many nodes. */
static void leaves_shares_as_they_are(void **state) {
    (void)state;
    enum { NODES = 120, PICKS = 60000 };
    static const char *const inside[] = {"random", "round_robin", "p2c", "weighted_random", "smooth_wrr"};
    law_set *set = law_set_new(NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        set->weight[i] = 1 + i % 3;
    }
    record_client(&set->nodes, "lots", 9, 3);
    for (size_t s = 0; s < LAW_COUNT(inside); s++) {
        uint64_t counts[NODES] = {0};
        double shares[NODES];
        char spec[96];
        for (uint32_t i = 0; i < NODES; i++) {
            shares[i] = lw_bitmap_get(recorded, i) ? (s < 3 ? 1 : set->weight[i]) : 0;
        }
        snprintf(spec, sizeof spec, "subset(%s, size=9, client=3, by=lots)", inside[s]);
        lw_strategy *strategy = law_strategy(spec, 5);
        law_tally(strategy, &set->nodes, NULL, PICKS, counts);
        assert_true(law_fits(counts, shares, NODES));
        lw_strategy_free(strategy);
    }
    free(set);
}

/* The caps of bounded are shares of the subset, not of all nodes. */
static void shares_bounds_within(void **state) {
    (void)state;
    enum { NODES = 300, SIZE = 10 };
    law_set *set = law_set_new(NODES);
    uint32_t count[NODES] = {0};
    lw_strategy *strategy = law_strategy("subset(bounded(ring, factor=1), size=10, client=2)", 1);
    for (uint32_t m = 1; m <= 200; m++) {
        lw_request request = law_keyed(5);
        uint32_t index = law_pick(strategy, &set->nodes, &request);
        assert_true(++count[index] <= (m + SIZE - 1) / SIZE);
    }
    lw_strategy_free(strategy);
    free(set);
}

static void replicates_within(void **state) {
    (void)state;
    enum { NODES = 100 };
    law_set *set = law_set_new(NODES);
    uint32_t out[NODES], all[NODES];
    lw_strategy *strategy = law_strategy("subset(ring, size=12, client=9)", 1), *plain = law_strategy("ring", 1);
    record_client(&set->nodes, "random", 12, 9);
    assert_int_equal(lw_replicas(strategy, &set->nodes, 4, out, NODES), 12);
    assert_int_equal(lw_replicas(plain, &set->nodes, 4, all, NODES), NODES);
    for (uint32_t i = 0, found = 0; i < NODES; i++) {
        if (lw_bitmap_get(recorded, all[i])) {
            assert_int_equal(out[found++], all[i]);
        }
    }
    law_set_none(set);
    for (uint32_t i = 0; i < NODES; i++) {
        if (!lw_bitmap_get(recorded, i)) {
            lw_bitmap_set(set->words, i);
        }
    }
    assert_int_equal(lw_replicas(strategy, &set->nodes, 4, out, NODES), 88);
    lw_strategy_free(strategy);
    lw_strategy_free(plain);
    free(set);
}

/* ---- when none of the subset may be chosen ---- */

static uint64_t spills_of(const lw_strategy *strategy) {
    lw_counter counter;
    assert_int_equal(lw_strategy_counters(strategy, &counter, 1), 1);
    assert_string_equal(counter.name, "spills");
    return counter.value;
}

static void spills_where_told(void **state) {
    (void)state;
    enum { NODES = 60 };
    law_set *set = law_set_new(NODES);
    lw_strategy *open = law_strategy("subset(random, size=3, client=4)", 1),
                *closed = law_strategy("subset(random, size=3, client=4, spill=none)", 1);
    uint64_t members[3], counts[NODES] = {0};
    uint32_t found = 0;
    record_client(&set->nodes, "random", 3, 4);
    for (uint32_t i = 0; i < NODES; i++) {
        if (lw_bitmap_get(recorded, i)) {
            members[found++] = i;
        }
    }
    lw_request retry = law_excluding(members, 3);
    double shares[NODES];
    law_even_shares(&set->nodes, &retry, shares);
    law_tally(open, &set->nodes, &retry, 20000, counts);
    assert_true(law_fits(counts, shares, NODES));
    assert_int_equal(spills_of(open), 20000);
    assert_int_equal(lw_select(closed, &set->nodes, &retry), LW_EXCLUDED);
    law_set_only(set, ~(UINT64_C(1) << members[0] | UINT64_C(1) << members[1] | UINT64_C(1) << members[2]));
    law_pick(open, &set->nodes, NULL);
    assert_int_equal(spills_of(open), 20001);
    assert_int_equal(lw_select(closed, &set->nodes, NULL), LW_FILTERED);
    law_set_only(set, UINT64_C(1) << members[1]); /* one is enough not to spill */
    assert_int_equal(law_pick(open, &set->nodes, NULL), members[1]);
    assert_int_equal(law_pick(closed, &set->nodes, NULL), members[1]);
    law_set_none(set);
    assert_int_equal(lw_select(open, &set->nodes, NULL), LW_FILTERED);
    assert_int_equal(spills_of(closed), 0);
    lw_strategy_free(open);
    lw_strategy_free(closed);
    free(set);
}

/* A refusal for another reason than the subset stays one. */
static void spills_for_nothing_else(void **state) {
    (void)state;
    law_set *set = law_set_new(50);
    lw_strategy *strategy = law_strategy("subset(ring absent_key=next, size=3, client=4)", 1);
    assert_int_equal(lw_select(strategy, &set->nodes, NULL), LW_NO_KEY);
    assert_int_equal(spills_of(strategy), 0);
    lw_strategy_free(strategy);
    free(set);
}

static void checks_its_parameters(void **state) {
    (void)state;
    static const law_answer cases[] = {
        {"subset(p2c)", LW_OK},
        {"subset(p2c, size=1, client=0)", LW_OK},
        {"subset(p2c, size=2147483647, client=4294967295)", LW_OK},
        {"subset(p2c, size=0)", LW_RANGE},
        {"subset(p2c, size=2147483648)", LW_RANGE},
        {"subset(p2c, client=4294967296)", LW_RANGE},
        {"subset(p2c, by=chance)", LW_RANGE},
        {"subset(p2c, spill=some)", LW_RANGE},
        {"subset", LW_RANGE},
        {"subset(p2c, random)", LW_RANGE},
        {"subset(subset(p2c))", LW_UNSUPPORTED},
        {"subset(chain(ring absent_key=next, subset(p2c)))", LW_UNSUPPORTED},
        {"chain(subset(ring absent_key=next), subset(p2c))", LW_OK},
        {"subset(sticky(p2c))", LW_OK},
        {"sticky(subset(p2c))", LW_OK},
    };
    law_answers(cases, LAW_COUNT(cases));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_size_it_was_told),
        cmocka_unit_test(gives_no_place_to_weight_0),
        cmocka_unit_test(depends_on_ids_and_client),
        cmocka_unit_test(draws_a_number_where_none_is_given),
        cmocka_unit_test(spreads_clients_as_its_page_says),
        cmocka_unit_test(changes_members_as_its_page_says),
        cmocka_unit_test(holds_every_strategy_inside),
        cmocka_unit_test(leaves_shares_as_they_are),
        cmocka_unit_test(shares_bounds_within),
        cmocka_unit_test(replicates_within),
        cmocka_unit_test(spills_where_told),
        cmocka_unit_test(spills_for_nothing_else),
        cmocka_unit_test(checks_its_parameters),
    };
    return cmocka_run_group_tests_name("subset", tests, NULL, NULL);
}
