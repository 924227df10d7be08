/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule of verdict.h, then the sentences: the winner, who is as good, by how much the last is worse, and what else
   the scenario shows. */
#include "verdict.h"

#include <math.h>
#include <stdbool.h>

#define LOST_EQUAL 0.05 /* percent of all requests */
#define NOTABLE 1.25    /* ratios below it are not worth a sentence */

static const struct sim_estimate *figure_of(const struct sim_contest *contest, size_t entry, enum sim_figure figure) {
    return &contest->entries[entry].figures[figure];
}

static double lost_of(const struct sim_contest *contest, size_t entry) {
    return figure_of(contest, entry, SIM_FIGURE_failed)->mean + figure_of(contest, entry, SIM_FIGURE_refused)->mean;
}

static double lost_half(const struct sim_contest *contest, size_t entry) {
    return figure_of(contest, entry, SIM_FIGURE_failed)->half + figure_of(contest, entry, SIM_FIGURE_refused)->half;
}

static size_t least_lost(const struct sim_contest *contest) {
    size_t least = 0;
    for (size_t i = 1; i < contest->entry_count; i++) {
        least = lost_of(contest, i) < lost_of(contest, least) ? i : least;
    }
    return least;
}

/* Does this one lose as few as the one that loses least? */
static bool loses_little(const struct sim_contest *contest, size_t entry, size_t least) {
    double room = fmax(LOST_EQUAL, lost_half(contest, entry) + lost_half(contest, least));
    return lost_of(contest, entry) <= lost_of(contest, least) + room;
}

static bool is_level(const struct sim_contest *contest, size_t entry, size_t other, enum sim_figure figure) {
    const struct sim_estimate *a = figure_of(contest, entry, figure), *b = figure_of(contest, other, figure);
    return fabs(a->mean - b->mean) <= fmax(a->half + b->half, 0.02 * fmin(a->mean, b->mean));
}

static size_t least_of(const struct sim_contest *contest, enum sim_figure figure, const bool *taking_part) {
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < contest->entry_count; i++) {
        if (taking_part[i] &&
            (least == SIZE_MAX || figure_of(contest, i, figure)->mean < figure_of(contest, least, figure)->mean)) {
            least = i;
        }
    }
    return least;
}

/* Who is as good as anybody in what it loses and in its p99. */
static size_t find_best(const struct sim_contest *contest, bool *level) {
    size_t least = least_lost(contest);
    for (size_t i = 0; i < contest->entry_count; i++) {
        level[i] = loses_little(contest, i, least);
    }
    size_t fastest = least_of(contest, SIM_FIGURE_p99, level);
    for (size_t i = 0; i < contest->entry_count; i++) {
        level[i] = level[i] && is_level(contest, i, fastest, SIM_FIGURE_p99);
    }
    return least_of(contest, SIM_FIGURE_mean, level);
}

size_t sim_verdict_winner(const struct sim_contest *contest) {
    bool level[64];
    return find_best(contest, level);
}

static void write_winner(const struct sim_contest *contest, size_t winner, FILE *out) {
    fprintf(out, "Take `%s` for this. Its p99 is %.3g ms, its mean %.3g ms", contest->entries[winner].strategy,
            figure_of(contest, winner, SIM_FIGURE_p99)->mean, figure_of(contest, winner, SIM_FIGURE_mean)->mean);
    double lost = lost_of(contest, winner);
    if (lost > 0) {
        fprintf(out, ", and %.2g %% of requests failed or were refused.\n", lost);
    } else {
        fputs(", and it lost no request.\n", out);
    }
}

static void write_level(const struct sim_contest *contest, size_t winner, const bool *level, FILE *out) {
    int said = 0;
    for (size_t i = 0; i < contest->entry_count; i++) {
        if (level[i] && i != winner) {
            fprintf(out, "%s`%s`", said++ == 0 ? "As good, within what these runs can tell: " : ", ",
                    contest->entries[i].strategy);
        }
    }
    fputs(said > 0 ? ".\n" : "", out);
}

static void write_lost(const struct sim_contest *contest, size_t winner, FILE *out) {
    size_t worst = 0;
    for (size_t i = 1; i < contest->entry_count; i++) {
        worst = lost_of(contest, i) > lost_of(contest, worst) ? i : worst;
    }
    if (!loses_little(contest, worst, winner)) {
        fprintf(out, "`%s` lost most, %.2g %% of requests.\n", contest->entries[worst].strategy,
                lost_of(contest, worst));
    }
}

static void write_slowest(const struct sim_contest *contest, size_t winner, FILE *out) {
    size_t worst = winner;
    for (size_t i = 0; i < contest->entry_count; i++) {
        worst = figure_of(contest, i, SIM_FIGURE_p99)->mean > figure_of(contest, worst, SIM_FIGURE_p99)->mean ? i : worst;
    }
    double ratio = figure_of(contest, worst, SIM_FIGURE_p99)->mean / figure_of(contest, winner, SIM_FIGURE_p99)->mean;
    if (ratio >= NOTABLE && !is_level(contest, worst, winner, SIM_FIGURE_p99)) {
        fprintf(out, "The slowest hundredth waits %.1f times as long with `%s`, %.3g ms.\n", ratio,
                contest->entries[worst].strategy, figure_of(contest, worst, SIM_FIGURE_p99)->mean);
    }
}

static size_t extreme(const struct sim_contest *contest, enum sim_figure figure, int sign) {
    size_t found = 0;
    for (size_t i = 1; i < contest->entry_count; i++) {
        double gain = figure_of(contest, i, figure)->mean - figure_of(contest, found, figure)->mean;
        found = gain * sign > 0 ? i : found;
    }
    return found;
}

static void write_load(const struct sim_contest *contest, size_t winner, FILE *out) {
    size_t worst = extreme(contest, SIM_FIGURE_max_mean, 1);
    double own = figure_of(contest, winner, SIM_FIGURE_max_mean)->mean;
    double other = figure_of(contest, worst, SIM_FIGURE_max_mean)->mean;
    if (other > NOTABLE * own) {
        fprintf(out, "Its busiest node carried %.2f times the mean; with `%s` it was %.2f times.\n", own,
                contest->entries[worst].strategy, other);
    }
}

static void write_hits(const struct sim_contest *contest, FILE *out) {
    size_t best = extreme(contest, SIM_FIGURE_hits, 1), worst = extreme(contest, SIM_FIGURE_hits, -1);
    if (figure_of(contest, best, SIM_FIGURE_hits)->known && best != worst) {
        fprintf(out, "Caches knew the key of %.1f %% of requests with `%s`, of %.1f %% with `%s`.\n",
                figure_of(contest, best, SIM_FIGURE_hits)->mean, contest->entries[best].strategy,
                figure_of(contest, worst, SIM_FIGURE_hits)->mean, contest->entries[worst].strategy);
    }
}

static void write_limited(const struct sim_contest *contest, FILE *out) {
    size_t worst = extreme(contest, SIM_FIGURE_limited, 1);
    const struct sim_estimate *share = figure_of(contest, worst, SIM_FIGURE_limited);
    if (share->known && share->mean > 0.1) {
        fprintf(out, "`%s` was told to come later most often, in %.2g %% of its tries.\n",
                contest->entries[worst].strategy, share->mean);
    }
}

static void write_idle(const struct sim_contest *contest, FILE *out) {
    size_t best = extreme(contest, SIM_FIGURE_idle, 1);
    const struct sim_estimate *idle = figure_of(contest, best, SIM_FIGURE_idle);
    if (idle->known && idle->mean >= 1) {
        fprintf(out, "If nodes shall be taken away when they are idle: `%s` leaves %.1f of %u without work.\n",
                contest->entries[best].strategy, idle->mean, contest->scenario->node_count);
    }
}

void sim_verdict_write(const struct sim_contest *contest, FILE *out) {
    bool level[64];
    size_t winner = find_best(contest, level);
    if (contest->entry_count < 2) {
        fprintf(out, "Only `%s` was played; two or more can be compared.\n", contest->entries[winner].strategy);
        return;
    }
    write_winner(contest, winner, out);
    write_level(contest, winner, level, out);
    write_lost(contest, winner, out);
    write_slowest(contest, winner, out);
    write_load(contest, winner, out);
    write_hits(contest, out);
    write_limited(contest, out);
    write_idle(contest, out);
}
