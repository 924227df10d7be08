/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Steps of strategies. `pick -2` excludes index 2 through the request; `pick ~2` filters it out beforehand, which in
 * Rust means a slice without it and here a bitmap; `pick #9` has a key. A node is told as id:weight:load, and the load
 * is its free share as well.
 */
#ifndef LOADWISE_TESTS_SEED_PICKS_H
#define LOADWISE_TESTS_SEED_PICKS_H

#include "seed.h"

#include <math.h>

enum { MOST = 640, MOST_OUT = 8, DRAWS = 20000 };

static lw_strategy *strategy;
static lw_nodes pool;
static uint64_t ids[MOST];
static uint32_t weights[MOST];
static double loads[MOST];

/* ---- memory that is counted ---- */

static uint64_t allocations;

static inline void *counted_alloc(void *user, size_t size) {
    (void)user;
    allocations++;
    return malloc(size);
}

static inline void counted_release(void *user, void *memory) {
    (void)user;
    free(memory);
}

/* What a pick is told beside the nodes. */
struct wish {
    uint64_t excluded[MOST_OUT], filtered[MOST_OUT];
    size_t excluded_count, filtered_count;
    const uint64_t *key;
};

/* ---- steps ---- */

/* `of_seed` is how the crate's is called in the steps, `spec` what stands for it here. */
static inline void begin(const char *of_seed, const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    env.alloc = counted_alloc;
    env.release = counted_release;
    lw_strategy_free(strategy);
    lw_nodes_init(&pool, 0);
    pool.set = 1;
    seed_step("strategy %s", of_seed);
    int code = lw_strategy_new(&strategy, &env, spec);
    seed_answer("%s", code == LW_OK ? "-" : lw_error_name(code));
}

/* The first `count` of ids, weights and loads become the nodes. */
static inline void set_nodes(uint32_t count) {
    static char text[SEED_TEXT - 16];
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " %" PRIu64 ":%" PRIu32 ":%.17g", ids[i], weights[i],
                               loads[i]);
    }
    seed_step("nodes%s", text);
    pool.count = count;
    pool.version++;
    LW_SET_VALUES(pool, id, ids);
    LW_SET_VALUES(pool, weight, weights);
    LW_SET_VALUES(pool, load, loads);
    LW_SET_VALUES(pool, remaining, loads);
    seed_answer("-");
}

/* Nodes 1 to count, as the lists say; a list that is NULL leaves weight 1, load 0. */
static inline void set_listed(uint32_t count, const uint32_t *listed_weights, const double *listed_loads) {
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = i + 1;
        weights[i] = listed_weights != NULL ? listed_weights[i] : 1;
        loads[i] = listed_loads != NULL ? listed_loads[i] : 0;
    }
    set_nodes(count);
}

static inline const char *spelt(const struct wish *wish) {
    static char text[256];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < wish->excluded_count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " -%" PRIu64, wish->excluded[i]);
    }
    for (size_t i = 0; i < wish->filtered_count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " ~%" PRIu64, wish->filtered[i]);
    }
    if (wish->key != NULL) {
        snprintf(text + at, sizeof text - at, " #%" PRIu64, *wish->key);
    }
    return text;
}

static inline ptrdiff_t choose(const struct wish *wish) {
    uint64_t words[LW_BITMAP_WORDS(MOST)] = {0};
    lw_request request = LW_REQUEST_INIT;
    lw_bitmap_fill(words, pool.count);
    for (size_t i = 0; i < wish->filtered_count; i++) {
        lw_bitmap_clear(words, (uint32_t)wish->filtered[i]);
    }
    pool.eligible = wish->filtered_count > 0 ? words : NULL;
    request.exclude = wish->excluded;
    request.exclude_count = wish->excluded_count;
    request.flags = wish->key != NULL ? LW_REQUEST_KEYED : 0;
    request.key = wish->key != NULL ? *wish->key : 0;
    ptrdiff_t index = lw_select_at(strategy, &pool, &request, 0);
    pool.eligible = NULL;
    return index;
}

static inline void pick_so(const struct wish *wish) {
    seed_step("pick%s", spelt(wish));
    ptrdiff_t index = strategy != NULL ? choose(wish) : LW_INVALID;
    if (index >= 0) {
        seed_answer("%td", index);
    } else {
        seed_answer("%s", strategy == NULL ? "-" : lw_is_refusal(index) ? "none" : lw_error_name((int)index));
    }
}

static inline void pick(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        pick_so(&(struct wish){0});
    }
}

/* How often each node comes, and none. */
static inline void draw_so(uint32_t draws, const struct wish *wish) {
    static char text[SEED_TEXT];
    uint32_t counts[MOST + 1] = {0};
    size_t at = 0;
    seed_step("draw %" PRIu32 "%s", draws, spelt(wish));
    for (uint32_t i = 0; i < draws; i++) {
        ptrdiff_t index = choose(wish);
        counts[index >= 0 ? (uint32_t)index : pool.count]++;
    }
    for (uint32_t i = 0; i <= pool.count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, i == 0 ? "%" PRIu32 : ",%" PRIu32, counts[i]);
    }
    seed_answer("%s", text);
}

static inline void draw(uint32_t draws) { draw_so(draws, &(struct wish){0}); }

static inline struct wish some_wish(bool exclude, bool filter) {
    struct wish wish = {0};
    for (uint32_t i = 0; pool.count > 0 && i < seed_below(MOST_OUT); i++) {
        if (exclude && seed_below(3) == 0) {
            wish.excluded[wish.excluded_count++] = seed_below(pool.count);
        }
        if (filter && seed_below(3) == 0) {
            wish.filtered[wish.filtered_count++] = seed_below(pool.count);
        }
    }
    return wish;
}

#endif
