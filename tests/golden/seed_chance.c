/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The strategies of the seed that draw beside ours, in distribution; what keys, memory and filters are like. */
#include "seed_picks.h"

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

/* ---- memory ---- */

/* How much is allocated by one pick, once all is prepared. */
static void tell_allocations(void) {
    static const char *const names[] = {"random", "weighted_random", "p2c", "most_available"};
    seed_case(SEED_DIFFERS, "allocations of one pick among 100 nodes");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin(names[i], names[i]);
        set_listed(100, NULL, NULL);
        choose(&(struct wish){0});
        seed_step("allocations");
        uint64_t before = allocations;
        choose(&(struct wish){0});
        seed_answer("%" PRIu64, allocations - before);
    }
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
    tell_chance();
    tell_ring();
    tell_allocations();
    tell_filters();
}

int main(int argc, char **argv) {
    int code = seed_tell(argc, argv, "chance", stories);
    lw_strategy_free(strategy);
    return code;
}
