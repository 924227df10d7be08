/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the law programs share: a small set of nodes, picks that check what every pick promises, and chi-square.
 *
 * Everything runs from fixed seeds, so a law holds on every run or on none. A chi-square statistic is held against the
 * value that chance alone exceeds once in 100,000 times: the suite makes some hundreds of these comparisons, and a
 * harmless change of generator should not trip one of them.
 */
#ifndef LOADWISE_TESTS_LAWS_H
#define LOADWISE_TESTS_LAWS_H

#include <loadwise/loadwise.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* The 0.99999 quantile of the normal distribution. */
#define LAW_NORMAL_LIMIT 4.2649

#define LAW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a set of nodes, one dense column a property ---- */

enum { LAW_MOST = 4096, LAW_NAME = 12 };

typedef struct law_set {
    uint64_t id[LAW_MOST];
    uint32_t weight[LAW_MOST];
    double load[LAW_MOST];
    double remaining[LAW_MOST];
    uint32_t inflight[LAW_MOST];
    char text[LAW_MOST][LAW_NAME];
    const char *name[LAW_MOST];
    uint64_t words[LW_BITMAP_WORDS(LAW_MOST)];
    uint32_t blocks[LW_BITMAP_BLOCKS(LAW_MOST)];
    lw_nodes nodes;
} law_set;

/* Zeroed memory, or no test at all. */
static inline void *law_room(size_t count, size_t size) {
    void *room = calloc(count, size);
    if (room == NULL) {
        abort();
    }
    return room;
}

/* Weight 1, load 0, nothing remaining or in flight, everyone eligible. Each call makes a set of its own number. */
static inline void law_set_init(law_set *set, uint32_t count) {
    static uint64_t number;
    assert_true(count <= LAW_MOST);
    lw_nodes_init(&set->nodes, count);
    LW_SET_VALUES(set->nodes, id, set->id);
    LW_SET_VALUES(set->nodes, weight, set->weight);
    LW_SET_VALUES(set->nodes, load, set->load);
    LW_SET_VALUES(set->nodes, remaining, set->remaining);
    LW_SET_VALUES(set->nodes, inflight, set->inflight);
    LW_SET_VALUES(set->nodes, name, set->name);
    set->nodes.set = ++number;
    set->nodes.version = 1;
    for (uint32_t i = 0; i < count; i++) {
        set->id[i] = 1000 + i;
        set->weight[i] = 1;
        set->load[i] = 0;
        set->remaining[i] = 0;
        set->inflight[i] = 0;
        snprintf(set->text[i], LAW_NAME, "node-%u", (unsigned)i);
        set->name[i] = set->text[i];
    }
}

/* On the heap, since a set is too large for comfort on a stack. */
static inline law_set *law_set_new(uint32_t count) {
    law_set *set = law_room(1, sizeof *set);
    law_set_init(set, count);
    return set;
}

static inline void law_set_weights(law_set *set, const uint32_t *weights) {
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        set->weight[i] = weights[i];
    }
    set->nodes.version++;
}

static inline law_set *law_set_weighted(const uint32_t *weights, uint32_t count) {
    law_set *set = law_set_new(count);
    law_set_weights(set, weights);
    return set;
}

/* Starts a bitmap of nobody. */
static inline void law_set_none(law_set *set) {
    for (uint32_t word = 0; word < LW_BITMAP_WORDS(set->nodes.count); word++) {
        set->words[word] = 0;
    }
    set->nodes.eligible = set->words;
}

/* Node i is eligible when bit i of the mask is 1: for sets of up to 64. */
static inline void law_set_only(law_set *set, uint64_t mask) {
    assert_true(set->nodes.count <= 64);
    law_set_none(set);
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        if (mask >> i & 1) {
            lw_bitmap_set(set->words, i);
        }
    }
}

/* Adds the index of counts per block to the bitmap as it is now. */
static inline void law_set_blocks(law_set *set) {
    lw_bitmap_blocks(set->words, set->nodes.count, set->blocks);
    set->nodes.eligible_blocks = set->blocks;
}

/* ---- chance of the tests' own ---- */

static inline uint64_t law_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Below a small bound: the bias is far below what any law here can see. */
static inline uint32_t law_below(uint64_t *state, uint32_t bound) { return (uint32_t)(law_random(state) % bound); }

/* 64 bits, each of which is set in so many of 8 cases, from 1 to 7. */
static inline uint64_t law_bits(uint64_t *state, unsigned eighths) {
    uint64_t bits = 0;
    for (unsigned digit = 0; digit < 3; digit++) { /* a binary fraction, from its last digit on */
        uint64_t drawn = law_random(state);
        bits = (eighths >> digit & 1) != 0 ? bits | drawn : bits & drawn;
    }
    return bits;
}

/* ---- strategies and picks ---- */

static inline lw_strategy *law_strategy(const char *spec, uint64_t seed) {
    lw_env env = LW_ENV_INIT;
    env.seed = seed;
    lw_strategy *strategy = NULL;
    assert_int_equal(lw_strategy_new(&strategy, &env, spec), LW_OK);
    return strategy;
}

/* What a strategy that law_strategy_heard has made said last. */
static char law_said[512];

static inline void law_listen(void *user, int level, const char *message) {
    (void)user;
    (void)level;
    snprintf(law_said, sizeof law_said, "%s", message);
}

/* Returns what came of it. */
static inline int law_strategy_heard(lw_strategy **strategy, const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.log = law_listen;
    law_said[0] = '\0';
    return lw_strategy_new(strategy, &env, spec);
}

typedef struct law_answer {
    const char *spec;
    int answer;
} law_answer;

/* Which specifications make a strategy, and what the others are refused for. */
static inline void law_answers(const law_answer *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        lw_strategy *strategy = NULL;
        int answer = lw_strategy_new(&strategy, NULL, cases[i].spec);
        if (answer != cases[i].answer) {
            fail_msg("%s: %s", cases[i].spec, lw_error_name(answer));
        }
        assert_int_equal(strategy != NULL, answer == LW_OK);
        lw_strategy_free(strategy);
    }
}

/* Of a strategy: parameters at both ends of their ranges, and beyond. */
#define LAW_RANGES(name, good, bad) law_ranges((name), (good), LAW_COUNT(good), (bad), LAW_COUNT(bad))

static inline void law_ranges(const char *name, const char *const *good, size_t good_count, const char *const *bad,
                              size_t bad_count) {
    char spec[128];
    for (size_t i = 0; i < good_count + bad_count; i++) {
        snprintf(spec, sizeof spec, "%s %s", name, i < good_count ? good[i] : bad[i - good_count]);
        law_answers(&(law_answer){spec, i < good_count ? LW_OK : LW_RANGE}, 1);
    }
}

/* A request that excludes so many nodes, for NULL-free brevity in the laws. */
static inline lw_request law_excluding(const uint64_t *indexes, size_t count) {
    lw_request request = LW_REQUEST_INIT;
    request.exclude = indexes;
    request.exclude_count = count;
    return request;
}

static inline lw_request law_keyed(uint64_t key) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    return request;
}

static inline bool law_may(const lw_nodes *nodes, const lw_request *request, uint32_t index) {
    for (size_t i = 0; request != NULL && i < request->exclude_count; i++) {
        if (request->exclude[i] == index) {
            return false;
        }
    }
    return nodes->eligible == NULL || lw_bitmap_get(nodes->eligible, index);
}

/* A pick that must succeed, and whose node must be one that may be chosen. */
static inline uint32_t law_pick(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    ptrdiff_t index = lw_select_at(strategy, nodes, request, 0);
    if (index < 0) {
        fail_msg("refused: %s", lw_error_name((int)index));
    }
    assert_true(index < (ptrdiff_t)nodes->count);
    assert_true(law_may(nodes, request, (uint32_t)index));
    return (uint32_t)index;
}

/* Adds the choices of so many picks to counts. */
static inline void law_tally(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, size_t picks,
                             uint64_t *counts) {
    for (size_t i = 0; i < picks; i++) {
        counts[law_pick(strategy, nodes, request)]++;
    }
}

/* ---- chi-square ---- */

/* The statistic that chance exceeds with probability 0.00001: the approximation of Wilson and Hilferty. */
static inline double law_chi_square_limit(size_t freedom) {
    double k = (double)freedom;
    double root = 1 - 2 / (9 * k) + LAW_NORMAL_LIMIT * sqrt(2 / (9 * k));
    return k * root * root * root;
}

static inline bool law_chi_square_holds(double statistic, size_t freedom) {
    if (freedom == 0 || statistic <= law_chi_square_limit(freedom)) {
        return true;
    }
    print_error("chi-square %.1f exceeds %.1f with %zu degrees of freedom\n", statistic, law_chi_square_limit(freedom),
                freedom);
    return false;
}

/* Do the counts fit the shares, which may have any sum? Where the share is 0 the count must be 0. */
static inline bool law_fits(const uint64_t *counts, const double *shares, size_t count) {
    double total = 0, sum = 0, statistic = 0;
    size_t classes = 0;
    for (size_t i = 0; i < count; i++) {
        total += (double)counts[i];
        sum += shares[i]; // NOLINT(clang-analyzer-core.uninitialized.Assign): the callers fill as many as they count
    }
    for (size_t i = 0; i < count; i++) {
        if (shares[i] <= 0) {
            if (counts[i] != 0) {
                print_error("class %zu has share 0 and was seen %llu times\n", i, (unsigned long long)counts[i]);
                return false;
            }
            continue;
        }
        double expected = total * shares[i] / sum, off = (double)counts[i] - expected;
        statistic += off * off / expected;
        classes++;
    }
    return classes > 0 && law_chi_square_holds(statistic, classes - 1);
}

/* Could two samples have one distribution? Classes that neither sample saw do not count. */
static inline bool law_alike(const uint64_t *first, const uint64_t *second, size_t count) {
    double totals[2] = {0, 0}, statistic = 0;
    size_t classes = 0;
    for (size_t i = 0; i < count; i++) {
        totals[0] += (double)first[i];
        totals[1] += (double)second[i];
    }
    for (size_t i = 0; i < count; i++) {
        double both = (double)(first[i] + second[i]);
        if (both > 0) {
            double expected = both * totals[0] / (totals[0] + totals[1]), off = (double)first[i] - expected;
            statistic += off * off / expected + off * off / (both - expected);
            classes++;
        }
    }
    return classes > 0 && law_chi_square_holds(statistic, classes - 1);
}

/* The same share for each node that may be chosen, 0 for the others. */
static inline void law_even_shares(const lw_nodes *nodes, const lw_request *request, double *shares) {
    for (uint32_t i = 0; i < nodes->count; i++) {
        shares[i] = law_may(nodes, request, i) ? 1 : 0;
    }
}

/* Shares by weight among the nodes that may be chosen. */
static inline void law_weighted_shares(const law_set *set, const lw_request *request, double *shares) {
    for (uint32_t i = 0; i < set->nodes.count; i++) {
        shares[i] = law_may(&set->nodes, request, i) ? (double)set->weight[i] : 0;
    }
}

#endif
