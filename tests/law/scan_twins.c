/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The scans of loads have a vector form for dense columns and a plain one for all others. Whatever the layout of the
 * column and wherever it begins in memory, the answer is the one that a loop of five lines gives.
 */
#include "laws.h"

enum { TWINS_MOST = 300, TWINS_PAD = 8 };

struct record {
    char before[5];
    double load;
    uint32_t weight;
    char after[3];
};

/* The same loads in every layout that a column can have. */
struct twins {
    double room[TWINS_MOST + TWINS_PAD];
    double *dense; /* somewhere in room, so that it begins at any offset from a vector's alignment */
    struct record records[TWINS_MOST];
    struct record *pointers[TWINS_MOST];
    uint32_t weight[TWINS_MOST];
    uint64_t words[LW_BITMAP_WORDS(TWINS_MOST)];
    uint32_t count;
};

enum twin { DENSE, DENSE_ATOMIC, STRIDED, STRIDED_ATOMIC, POINTERS, COMPUTED, TWIN_COUNT };

static double computed_load(const void *user, size_t index, uint64_t now) {
    const struct twins *twins = user;
    (void)now;
    return twins->dense[index];
}

static lw_nodes twin_of(struct twins *twins, enum twin twin) {
    lw_nodes nodes;
    lw_nodes_init(&nodes, twins->count);
    LW_SET_VALUES(nodes, weight, twins->weight);
    switch (twin) {
    case DENSE: LW_SET_VALUES(nodes, load, twins->dense); break;
    case DENSE_ATOMIC:
        LW_SET_VALUES(nodes, load, twins->dense);
        nodes.load.at.atomic = 1;
        break;
    case STRIDED: LW_SET(nodes, load, twins->records, load); break;
    case STRIDED_ATOMIC: LW_SET_ATOMIC(nodes, load, twins->records, load); break;
    case POINTERS: LW_SET_POINTERS(nodes, load, twins->pointers, load); break;
    default: LW_SET_COMPUTED(nodes, load, computed_load, twins); break;
    }
    return nodes;
}

static double draw_load(uint64_t *chance, uint32_t flavour) {
    static const double special[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e-310, 1e308};
    if (flavour == 0) {
        return (double)law_random(chance); /* all different */
    }
    if (flavour == 1) {
        return law_below(chance, 4); /* many ties */
    }
    if (flavour == 2) {
        return law_below(chance, 3) == 0 ? 1.0 + law_below(chance, 3) : (double)NAN; /* mostly unknown */
    }
    return flavour == 3 ? special[law_below(chance, LAW_COUNT(special))] : NAN;
}

static void draw_twins(struct twins *twins, uint64_t *chance, uint32_t flavour) {
    twins->count = 1 + law_below(chance, law_below(chance, 3) == 0 ? TWINS_MOST : 40);
    twins->dense = twins->room + law_below(chance, TWINS_PAD);
    for (uint32_t i = 0; i < twins->count; i++) {
        twins->dense[i] = draw_load(chance, flavour);
        twins->records[i].load = twins->dense[i];
        twins->pointers[i] = &twins->records[i];
        twins->weight[i] = 1 + law_below(chance, 3);
    }
}

static void draw_twin_bitmap(struct twins *twins, uint64_t *chance) {
    uint32_t one_in = 1 + law_below(chance, 10);
    for (uint32_t word = 0; word < LW_BITMAP_WORDS(twins->count); word++) {
        twins->words[word] = law_below(chance, 4) == 0 ? law_random(chance) : 0; /* also past the last node */
    }
    for (uint32_t i = 0; i < twins->count; i++) {
        if (law_below(chance, one_in) == 0) {
            lw_bitmap_set(twins->words, i);
        }
    }
    lw_bitmap_set(twins->words, law_below(chance, twins->count));
}

static bool beats(double challenger, double best) {
    return challenger < best || (best != best && challenger == challenger);
}

static bool ties(double one, double other) { return one == other || (one != one && other != other); }

static double score_of(const struct twins *twins, uint32_t index, bool weighted) {
    return weighted ? twins->dense[index] / twins->weight[index] : twins->dense[index];
}

/* The five lines. Returns the first of the best. */
static uint32_t first_best(const struct twins *twins, const lw_nodes *nodes, const lw_request *request, bool weighted) {
    uint32_t best = twins->count;
    for (uint32_t i = 0; i < twins->count; i++) {
        if (law_may(nodes, request, i) &&
            (best == twins->count || beats(score_of(twins, i, weighted), score_of(twins, best, weighted)))) {
            best = i;
        }
    }
    return best;
}

struct pair {
    lw_strategy *first, *any;
    bool weighted;
};

static void assert_twin(struct pair *pair, struct twins *twins, const lw_nodes *nodes, const lw_request *request) {
    uint32_t best = first_best(twins, nodes, request, pair->weighted);
    if (best == twins->count) {
        assert_int_equal(lw_select_at(pair->first, nodes, request, 0), LW_EXCLUDED);
        return;
    }
    assert_int_equal(law_pick(pair->first, nodes, request), best);
    uint32_t any = law_pick(pair->any, nodes, request);
    assert_true(ties(score_of(twins, any, pair->weighted), score_of(twins, best, pair->weighted)));
}

static void assert_all_twins(const char *first_spec, const char *any_spec, bool weighted, uint64_t seed) {
    uint64_t chance = seed, excluded[3];
    static struct twins twins;
    struct pair pair = {law_strategy(first_spec, seed), law_strategy(any_spec, seed), weighted};
    for (uint32_t round = 0; round < 4000; round++) {
        draw_twins(&twins, &chance, round % 5);
        draw_twin_bitmap(&twins, &chance);
        for (size_t i = 0; i < LAW_COUNT(excluded); i++) {
            excluded[i] = law_below(&chance, twins.count);
        }
        lw_request retry = law_excluding(excluded, law_below(&chance, 4));
        for (enum twin twin = DENSE; twin < TWIN_COUNT; twin++) {
            lw_nodes nodes = twin_of(&twins, twin);
            assert_twin(&pair, &twins, &nodes, NULL);
            assert_twin(&pair, &twins, &nodes, &retry);
            nodes.eligible = twins.words;
            assert_twin(&pair, &twins, &nodes, NULL);
            assert_twin(&pair, &twins, &nodes, &retry);
        }
    }
    lw_strategy_free(pair.first);
    lw_strategy_free(pair.any);
}

static void every_layout_gives_the_lowest_load(void **state) {
    (void)state;
    assert_all_twins("least_load tie=first", "least_load", false, 41);
}

static void every_layout_gives_the_lowest_load_by_weight(void **state) {
    (void)state;
    assert_all_twins("least_load tie=first weighted=true", "least_load weighted=true", true, 42);
}

/* The draw among equals is as even in one layout as in another, at every place of the scan. */
static void every_layout_breaks_ties_evenly(void **state) {
    (void)state;
    static struct twins twins;
    static const uint32_t sizes[] = {3, 16, 37, 200};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        uint64_t chance = 43 + s;
        double shares[TWINS_MOST];
        draw_twins(&twins, &chance, 1);
        twins.count = sizes[s];
        for (uint32_t i = 0; i < twins.count; i++) {
            twins.dense[i] = law_below(&chance, 4) == 0 || i == 0 ? -1 : (double)law_below(&chance, 5);
            twins.records[i].load = twins.dense[i];
            twins.pointers[i] = &twins.records[i];
            shares[i] = twins.dense[i] < 0 ? 1 : 0;
        }
        for (enum twin twin = DENSE; twin < TWIN_COUNT; twin++) {
            uint64_t counts[TWINS_MOST] = {0};
            lw_nodes nodes = twin_of(&twins, twin);
            lw_strategy *strategy = law_strategy("least_load", 44 + s);
            law_tally(strategy, &nodes, NULL, 40000, counts);
            assert_true(law_fits(counts, shares, twins.count));
            lw_strategy_free(strategy);
        }
    }
}

/* Which form does the work is nobody's business: with one seed, all layouts pick alike. */
static void every_layout_picks_alike_from_one_seed(void **state) {
    (void)state;
    static struct twins twins;
    uint64_t chance = 45;
    for (uint32_t round = 0; round < 200; round++) {
        draw_twins(&twins, &chance, 1 + round % 3);
        lw_strategy *strategies[TWIN_COUNT];
        for (enum twin twin = DENSE; twin < TWIN_COUNT; twin++) {
            strategies[twin] = law_strategy("least_load", 1 + round);
        }
        for (int i = 0; i < 20; i++) {
            lw_nodes nodes = twin_of(&twins, DENSE);
            uint32_t expected = law_pick(strategies[DENSE], &nodes, NULL);
            for (enum twin twin = DENSE_ATOMIC; twin < TWIN_COUNT; twin++) {
                nodes = twin_of(&twins, twin);
                assert_int_equal(law_pick(strategies[twin], &nodes, NULL), expected);
            }
        }
        for (enum twin twin = DENSE; twin < TWIN_COUNT; twin++) {
            lw_strategy_free(strategies[twin]);
        }
    }
}

/* In sets of tens of thousands the scan works in stretches of many words. Ties lie anywhere in them. */
static void assert_long_scan(const lw_nodes *nodes, const bool *best, const char *spec, uint64_t seed) {
    uint64_t ties = 0, counts[16] = {0};
    static const double even[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    uint32_t at[16];
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (best[i] && law_may(nodes, NULL, i)) {
            assert_true(ties < LAW_COUNT(at));
            at[ties++] = i;
        }
    }
    lw_strategy *strategy = law_strategy(spec, seed);
    for (int i = 0; i < 1000; i++) {
        uint32_t index = law_pick(strategy, nodes, NULL);
        assert_true(best[index]);
        for (size_t t = 0; t < ties; t++) {
            counts[t] += at[t] == index;
        }
    }
    assert_true(law_fits(counts, even, ties));
    lw_strategy_free(strategy);
}

static void scan_many(uint32_t count, uint64_t seed) {
    uint64_t chance = seed, *words = law_room(LW_BITMAP_WORDS(count), sizeof *words);
    double *loads = law_room(count, sizeof *loads), *remaining = law_room(count, sizeof *remaining);
    bool *best = law_room(count, sizeof *best);
    lw_nodes nodes;
    lw_nodes_init(&nodes, count);
    LW_SET_VALUES(nodes, load, loads);
    LW_SET_VALUES(nodes, remaining, remaining);
    for (uint32_t t = 0; t < 12; t++) {
        best[t == 0 ? 0 : t == 1 ? count - 1 : law_below(&chance, count)] = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        loads[i] = best[i] ? 1 : 2 + law_below(&chance, 1000);
        remaining[i] = best[i] ? 1 - 0.001 * law_below(&chance, 50) : 0.0001 * law_below(&chance, 9000);
        words[i / 64] |= (uint64_t)(best[i] ? i % 2 == (count - 1) % 2 : law_below(&chance, 2)) << i % 64;
    }
    assert_long_scan(&nodes, best, "least_load", seed);
    assert_long_scan(&nodes, best, "most_available epsilon=0.06", seed);
    nodes.load.at.atomic = nodes.remaining.at.atomic = 1;
    nodes.eligible = words;
    assert_long_scan(&nodes, best, "least_load", seed);
    assert_long_scan(&nodes, best, "most_available epsilon=0.06", seed);
    free(words);
    free(loads);
    free(remaining);
    free(best);
}

static void a_long_scan_misses_nobody(void **state) {
    (void)state;
    static const uint32_t sizes[] = {16383, 16384, 16385, 20000, 32768, 40001, 70000};
    for (size_t s = 0; s < LAW_COUNT(sizes); s++) {
        scan_many(sizes[s], 46 + s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_gives_the_lowest_load),
        cmocka_unit_test(every_layout_gives_the_lowest_load_by_weight),
        cmocka_unit_test(every_layout_breaks_ties_evenly),
        cmocka_unit_test(every_layout_picks_alike_from_one_seed),
        cmocka_unit_test(a_long_scan_misses_nobody),
    };
    return cmocka_run_group_tests_name("scan twins", tests, NULL, NULL);
}
