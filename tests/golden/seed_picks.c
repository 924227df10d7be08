/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The strategies and filters of the seed beside ours, pick by pick where chance plays no part and in distribution where
 * it does. `pick -2` excludes index 2 through the request; `pick ~2` filters it out beforehand, which in Rust means a
 * slice without it and here a bitmap; `pick #9` has a key. A node is told as id:weight:load, and the load is its
 * free share as well.
 */
#include "seed.h"

#include <math.h>

enum { MOST = 640, MOST_OUT = 8, DRAWS = 20000 };

static lw_strategy *strategy;
static lw_nodes pool;
static uint64_t ids[MOST];
static uint32_t weights[MOST];
static double loads[MOST];

/* What a pick is told beside the nodes. */
struct wish {
    uint64_t excluded[MOST_OUT], filtered[MOST_OUT];
    size_t excluded_count, filtered_count;
    const uint64_t *key;
};

/* ---- steps ---- */

/* `of_seed` is how the crate's is called in the steps, `spec` what stands for it here. */
static void begin(const char *of_seed, const char *spec) {
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    lw_strategy_free(strategy);
    lw_nodes_init(&pool, 0);
    pool.set = 1;
    seed_step("strategy %s", of_seed);
    int code = lw_strategy_new(&strategy, &env, spec);
    seed_answer("%s", code == LW_OK ? "-" : lw_error_name(code));
}

/* The first `count` of ids, weights and loads become the nodes. */
static void set_nodes(uint32_t count) {
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
static void set_listed(uint32_t count, const uint32_t *listed_weights, const double *listed_loads) {
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = i + 1;
        weights[i] = listed_weights != NULL ? listed_weights[i] : 1;
        loads[i] = listed_loads != NULL ? listed_loads[i] : 0;
    }
    set_nodes(count);
}

static const char *spelt(const struct wish *wish) {
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

static ptrdiff_t choose(const struct wish *wish) {
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

static void pick_so(const struct wish *wish) {
    seed_step("pick%s", spelt(wish));
    ptrdiff_t index = strategy != NULL ? choose(wish) : LW_INVALID;
    if (index >= 0) {
        seed_answer("%td", index);
    } else {
        seed_answer("%s", strategy == NULL ? "-" : lw_is_refusal(index) ? "none" : lw_error_name((int)index));
    }
}

static void pick(uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
        pick_so(&(struct wish){0});
    }
}

/* How often each node comes, and none. */
static void draw_so(uint32_t draws, const struct wish *wish) {
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

static void draw(uint32_t draws) { draw_so(draws, &(struct wish){0}); }

static struct wish some_wish(bool exclude, bool filter) {
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

/* ---- turns ---- */

static const char round_robin[] = "round_robin phase=0 lanes=1", smooth_wrr[] = "smooth_wrr phase=0 lanes=1";

static void tell_round_robin(void) {
    static const uint64_t all[] = {0, 1, 2};
    seed_case(SEED_AGREES, "round_robin");
    begin("round_robin", round_robin);
    pick(2);
    set_listed(3, NULL, NULL);
    pick(7);
    set_listed(4, NULL, NULL);
    pick(5);
    pick_so(&(struct wish){.filtered = {1}, .filtered_count = 1});
    pick_so(&(struct wish){.filtered = {1, 0, 3, 2}, .filtered_count = 4});
    set_listed(0, NULL, NULL);
    pick(2);
    set_listed(1, NULL, NULL);
    pick(3);
    seed_case(SEED_AGREES, "round_robin, nodes that come and go, others filtered out");
    begin("round_robin", round_robin);
    for (uint32_t i = 0; i < 4000; i++) {
        if (seed_below(8) == 0) {
            set_listed(seed_below(40), NULL, NULL);
        }
        struct wish wish = some_wish(false, true);
        pick_so(&wish);
    }
    struct wish nobody = {.excluded_count = 3};
    memcpy(nobody.excluded, all, sizeof all);
    seed_case(SEED_DIFFERS, "round_robin, the turn after one that excluded all");
    begin("round_robin", round_robin);
    set_listed(3, NULL, NULL);
    pick(1);
    pick_so(&nobody);
    pick(1);
    seed_case(SEED_DIFFERS, "round_robin, one of four excluded for long");
    begin("round_robin", round_robin);
    set_listed(4, NULL, NULL);
    draw_so(DRAWS, &(struct wish){.excluded = {1}, .excluded_count = 1});
}

static void tell_smooth_wrr(void) {
    static const uint32_t lists[][5] = {{5, 1, 1, 0, 0}, {2, 1, 0, 0, 0}, {0, 3, 0, 3, 2}, {7, 7, 7, 7, 7},
                                        {0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}, {1, 2, 3, 4, 5}, {100, 1, 1, 50, 50}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        seed_case(SEED_AGREES, "smooth_wrr, weights %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32,
                  lists[i][0], lists[i][1], lists[i][2], lists[i][3], lists[i][4]);
        begin("smooth_wrr", smooth_wrr);
        pick(1);
        set_listed(5, lists[i], NULL);
        pick(60);
        pick_so(&(struct wish){.excluded = {0, 1, 2, 3, 4}, .excluded_count = 5});
    }
    for (uint32_t round = 0; round < 24; round++) {
        uint32_t some[MOST], count = 1 + seed_below(round < 20 ? 30 : MOST - 1), most = round % 4 == 0 ? 4 : 60;
        for (uint32_t i = 0; i < count; i++) {
            some[i] = seed_below(seed_below(4) == 0 ? most : 6);
        }
        seed_case(SEED_AGREES, "smooth_wrr, %" PRIu32 " random weights", count);
        begin("smooth_wrr", smooth_wrr);
        set_listed(count, some, NULL);
        pick(round % 4 == 0 ? 4000 : 1000);
    }
    seed_case(SEED_AGREES, "smooth_wrr, nodes that come and go where both cycles end");
    begin("smooth_wrr", smooth_wrr);
    set_listed(3, (uint32_t[]){3, 2, 1}, NULL);
    pick(12);
    set_listed(4, (uint32_t[]){1, 1, 3, 1}, NULL);
    pick(6);
    set_listed(2, (uint32_t[]){2, 1}, NULL);
    pick(6);
}

static void tell_smooth_wrr_differences(void) {
    static const uint32_t five[] = {5, 1, 1}, long_cycle[] = {30011, 20011, 15517};
    seed_case(SEED_DIFFERS, "smooth_wrr, a node that joins in the middle of a cycle");
    begin("smooth_wrr", smooth_wrr);
    set_listed(3, (uint32_t[]){1, 1, 1}, NULL);
    pick(2);
    set_listed(4, (uint32_t[]){1, 1, 1, 1}, NULL);
    pick(4);
    seed_case(SEED_DIFFERS, "smooth_wrr, a node that is filtered out every other time");
    begin("smooth_wrr", smooth_wrr);
    set_listed(3, (uint32_t[]){2, 2, 2}, NULL);
    for (int i = 0; i < 6; i++) {
        pick(1);
        pick_so(&(struct wish){.filtered = {2}, .filtered_count = 1});
    }
    seed_case(SEED_DIFFERS, "smooth_wrr, exclusions");
    begin("smooth_wrr", smooth_wrr);
    set_listed(3, five, NULL);
    for (int i = 0; i < 8; i++) {
        pick_so(&(struct wish){.excluded = {0}, .excluded_count = 1});
    }
    pick(3);
    seed_case(SEED_DIFFERS, "smooth_wrr, a cycle of 65539");
    begin("smooth_wrr", smooth_wrr);
    set_listed(3, long_cycle, NULL);
    pick(8);
}

/* ---- loads ---- */

static const char least_load[] = "least_load tie=first";

static double some_load(void) {
    static const double odd[] = {0.0, -0.0, INFINITY, NAN, -1.5, 1e300, 1e-310, -1e300};
    return seed_below(6) == 0 ? odd[seed_below(8)] : (double)seed_below(200) / 8;
}

static void tell_least_load(void) {
    seed_case(SEED_AGREES, "least_load");
    begin("least_load", least_load);
    pick(1);
    set_listed(3, NULL, (double[]){3, 1, 2});
    pick(1);
    set_listed(5, NULL, (double[]){NAN, 1, INFINITY, 1, 1});
    pick(1);
    pick_so(&(struct wish){.excluded = {1}, .excluded_count = 1});
    pick_so(&(struct wish){.excluded = {0, 1, 2, 3, 4}, .excluded_count = 5});
    pick_so(&(struct wish){.filtered = {1, 3}, .filtered_count = 2});
    set_listed(3, NULL, (double[]){-0.0, 0.0, -INFINITY});
    pick(1);
    pick_so(&(struct wish){.excluded = {2}, .excluded_count = 1});
    for (uint32_t round = 0; round < 4; round++) {
        seed_case(SEED_AGREES, "least_load, random loads, round %" PRIu32, round);
        begin("least_load", least_load);
        for (uint32_t i = 0; i < 250; i++) {
            double some[MOST];
            uint32_t count = 1 + seed_below(round == 3 ? MOST - 2 : 24);
            for (uint32_t k = 0; k < count; k++) {
                some[k] = some_load();
            }
            some[count++] = 1000; /* a number, so that the seed chooses; a wish that leaves none is another story */
            set_listed(count, NULL, some);
            pick(1);
            struct wish wish = {.excluded = {seed_below(count - 1)}, .excluded_count = 1};
            pick_so(&wish);
        }
    }
    seed_case(SEED_DIFFERS, "least_load, no load is a finite number");
    begin("least_load", least_load);
    set_listed(3, NULL, (double[]){INFINITY, INFINITY, NAN});
    pick(1);
    set_listed(1, NULL, (double[]){NAN});
    pick(1);
}

/* Positions shift when a filter comes first, and the seed's exclusions are positions. */
static void tell_shifted_exclusion(void) {
    seed_case(SEED_DIFFERS, "an exclusion beside a filter");
    begin("least_load", least_load);
    set_listed(4, NULL, (double[]){1, 2, 3, 4});
    pick_so(&(struct wish){.excluded = {1}, .excluded_count = 1, .filtered = {0}, .filtered_count = 1});
}

static void tell_fallback(void) {
    static const char both[] = "chain(least_load tie=first, round_robin phase=0 lanes=1)";
    seed_case(SEED_AGREES, "a fallback, never needed");
    begin("least_load,round_robin", both);
    pick(1);
    set_listed(4, NULL, (double[]){3, 1, 2, 1});
    pick(3);
    pick_so(&(struct wish){.excluded = {1}, .excluded_count = 1});
    pick_so(&(struct wish){.excluded = {0, 1, 2, 3}, .excluded_count = 4});
    seed_case(SEED_DIFFERS, "a fallback from loads that are all unknown");
    begin("least_load,round_robin", both);
    set_listed(2, NULL, (double[]){NAN, NAN});
    pick(4);
}

/* ---- chance ---- */

static void tell_drawn(const char *what, const char *of_seed, const char *spec, const uint32_t *listed,
                       const double *some) {
    seed_case(SEED_DRAWN, "%s%s", of_seed, what);
    begin(of_seed, spec);
    draw(10);
    for (uint32_t count = 1; count <= 8; count += count < 3 ? 1 : 5) {
        set_listed(count, listed, some);
        draw(DRAWS);
        draw_so(DRAWS, &(struct wish){.excluded = {0}, .excluded_count = 1});
        if (count > 3) {
            draw_so(DRAWS, &(struct wish){.filtered = {2, 5}, .filtered_count = 2});
        }
    }
}

static void tell_chance(void) {
    static const uint32_t some[] = {3, 1, 0, 8, 2, 2, 100, 1}, none[8] = {0};
    static const double distinct[] = {4, 2, 7, 1, 3, 6, 5, 0}, equal[8] = {0}, tied[] = {2, 1, 2, 1, 0, 2, 1, 2};
    static const double shares[] = {0.2, 0.8, 0.75, 0.74, 0.8, 0.0, 0.79, NAN};
    tell_drawn("", "random", "random", NULL, NULL);
    tell_drawn("", "weighted_random", "weighted_random", some, NULL);
    tell_drawn(", all weights 0", "weighted_random", "weighted_random", none, NULL);
    tell_drawn(", every load another", "p2c", "p2c", NULL, distinct);
    tell_drawn(", every load 0", "p2c", "p2c", NULL, equal);
    tell_drawn(", some loads equal", "p2c", "p2c", NULL, tied);
    tell_drawn("", "most_available 0.05", "most_available", NULL, shares);
    tell_drawn("", "most_available 0", "most_available epsilon=0", NULL, shares);
    tell_drawn("", "most_available 1", "most_available epsilon=1", NULL, shares);
    seed_case(SEED_DIFFERS, "p2c, an unknown load beside a known one");
    begin("p2c", "p2c");
    set_listed(2, NULL, (double[]){1, NAN});
    draw(DRAWS);
    seed_case(SEED_DIFFERS, "most_available, all shares unknown");
    begin("most_available 0.05", "most_available");
    set_listed(2, NULL, (double[]){NAN, NAN});
    draw(DRAWS);
    seed_case(SEED_DIFFERS, "most_available, an epsilon below 0 and one above 1");
    begin("most_available -1", "most_available epsilon=-1");
    set_listed(2, NULL, NULL);
    pick(1);
    begin("most_available 2", "most_available epsilon=2");
}

/* ---- keys ---- */

static void tell_ring(void) {
    seed_case(SEED_DIFFERS, "ring, how many of 8 nodes serve the keys 0 to 9999");
    begin("ring 150", "ring vnodes=150");
    set_listed(8, NULL, NULL);
    seed_step("owners 10000");
    uint64_t served = 0;
    for (uint64_t key = 0; key < 10000; key++) {
        served |= UINT64_C(1) << choose(&(struct wish){.key = &key});
    }
    seed_answer("%d", __builtin_popcountll(served));
    seed_case(SEED_DIFFERS, "ring, a request without a key");
    begin("ring 150", "ring vnodes=150");
    set_listed(8, NULL, NULL);
    draw(DRAWS);
    seed_case(SEED_DIFFERS, "ring, no points at all");
    begin("ring 0", "ring vnodes=0");
    set_listed(8, NULL, NULL);
    pick(1);
}

/* ---- filters ---- */

static void tell_health_filter(void) {
    static const char letters[] = "hdur";
    static const uint32_t statuses[] = {LW_HEALTHY, LW_DEGRADED, LW_UNHEALTHY, LW_RECOVERING};
    uint64_t word;
    lw_nodes four;
    lw_nodes_init(&four, 4);
    LW_SET_VALUES(four, health, statuses);
    for (uint32_t set = 0; set < 16; set++) {
        char allowed[5] = "", passed[5] = "....";
        for (uint32_t i = 0; i < 4; i++) {
            strncat(allowed, &letters[i], set >> i & 1);
        }
        lw_health_filter filter = lw_filter_health(set);
        lw_filter_apply(&filter.filter, &four, NULL, 0, &word);
        for (uint32_t i = 0; i < 4; i++) {
            passed[i] = lw_bitmap_get(&word, i) ? letters[i] : '.';
        }
        seed_step("allow_health%s%s", set == 0 ? "" : " ", allowed);
        seed_answer("%s", passed);
    }
}

/* Does a share pass all of the thresholds? */
static void tell_share(double share, const double *thresholds, size_t count) {
    lw_remaining_filter filters[2];
    const lw_filter *members[2];
    double column[] = {share};
    uint64_t word;
    lw_nodes one;
    lw_nodes_init(&one, 1);
    LW_SET_VALUES(one, remaining, column);
    char text[64] = "";
    for (size_t i = 0; i < count; i++) {
        filters[i] = lw_filter_remaining(thresholds[i]);
        members[i] = &filters[i].filter;
        snprintf(text + strlen(text), sizeof text - strlen(text), " %g", thresholds[i]);
    }
    lw_set_filter all = lw_filter_all_of(members, count);
    seed_step("allow_share %g%s", share, text);
    seed_answer("%d", lw_filter_apply(&all.filter, &one, NULL, 0, &word));
}

static void tell_filters(void) {
    static const double between[] = {-0.5, 0.01, 0.3, 0.55, 1.5, NAN}, marks[] = {0, 0.25, 0.5};
    seed_case(SEED_AGREES, "health filters");
    tell_health_filter();
    seed_case(SEED_AGREES, "filters of shares");
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        for (size_t k = 0; k <= 2; k++) {
            tell_share(between[i], marks, k);
            tell_share(between[i], marks + 1, k);
        }
    }
    seed_case(SEED_DIFFERS, "a share as large as the threshold");
    tell_share(0.5, marks + 2, 1);
    tell_share(0, marks, 1);
}

static void stories(void) {
    tell_round_robin();
    tell_smooth_wrr();
    tell_smooth_wrr_differences();
    tell_least_load();
    tell_shifted_exclusion();
    tell_fallback();
    tell_chance();
    tell_ring();
    tell_filters();
}

int main(int argc, char **argv) {
    int code = seed_tell(argc, argv, "picks", stories);
    lw_strategy_free(strategy);
    return code;
}
