/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule of verdict.h: each of its three steps keeps those that are as good as the best of those that are left. */
#include "verdict.h"

#include <math.h>

#define LOST (SIM_FIGURE_BIT(SIM_FIGURE_failed) | SIM_FIGURE_BIT(SIM_FIGURE_refused))
#define LOST_UNNOTICED 0.05 /* percent of all requests */
#define UNNOTICED 0.1       /* of a figure */

static double mean_of(const struct sim_contest *contest, size_t entry, uint32_t figures) {
    double sum = 0;
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        sum += (figures >> f & 1) != 0 ? contest->entries[entry].figures[f].mean : 0;
    }
    return sum;
}

static bool is_known(const struct sim_contest *contest, size_t entry, uint32_t figures) {
    bool known = true;
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        known &= (figures >> f & 1) == 0 || contest->entries[entry].figures[f].known;
    }
    return known;
}

/* Drops whose figures are unknown, unless all are. */
static void keep_known(const struct sim_contest *contest, uint32_t figures, bool *good) {
    bool any = false;
    for (size_t i = 0; i < contest->entry_count; i++) {
        any |= good[i] && is_known(contest, i, figures);
    }
    for (size_t i = 0; any && i < contest->entry_count; i++) {
        good[i] &= is_known(contest, i, figures);
    }
}

/* Of those that are still good. */
static size_t least_of(const struct sim_contest *contest, uint32_t figures, const bool *good) {
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < contest->entry_count; i++) {
        bool less = least == SIZE_MAX || mean_of(contest, i, figures) < mean_of(contest, least, figures);
        least = good[i] && less ? i : least;
    }
    return least;
}

/* How much more nobody notices. Of a hundred that are nearly all lost it is the few answered ones that count. */
static double room_above(double least, uint32_t figures) {
    return UNNOTICED * (figures == LOST ? fmin(least, 100 - least) : least);
}

/* Drops who has noticeably more of the figures than whoever has least; gives the latter. */
static size_t keep_least(const struct sim_contest *contest, uint32_t figures, bool *good) {
    keep_known(contest, figures, good);
    size_t least = least_of(contest, figures, good);
    double room = room_above(mean_of(contest, least, figures), figures);
    for (size_t i = 0; i < contest->entry_count; i++) {
        struct sim_estimate more = sim_contest_difference(contest, i, least, figures);
        good[i] = good[i] && more.mean <= fmax(room, figures == LOST ? LOST_UNNOTICED : more.half);
    }
    return least;
}

struct sim_verdict sim_verdict_of(const struct sim_contest *contest) {
    struct sim_verdict verdict = {0, {false}};
    for (size_t i = 0; i < contest->entry_count; i++) {
        verdict.good[i] = true;
    }
    keep_least(contest, LOST, verdict.good);
    keep_least(contest, SIM_FIGURE_BIT(SIM_FIGURE_p99), verdict.good);
    verdict.winner = keep_least(contest, SIM_FIGURE_BIT(SIM_FIGURE_mean), verdict.good);
    return verdict;
}
