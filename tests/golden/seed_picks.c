/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The strategies of the seed that leave nothing to chance beside ours, pick by pick. */
#include "seed_picks.h"

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

static void stories(void) {
    tell_round_robin();
    tell_smooth_wrr();
    tell_smooth_wrr_differences();
    tell_least_load();
    tell_shifted_exclusion();
    tell_fallback();
}

int main(int argc, char **argv) {
    int code = seed_tell(argc, argv, "picks", stories);
    lw_strategy_free(strategy);
    return code;
}
