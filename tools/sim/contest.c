/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads take the next run that nobody has taken; the calling thread watches, and draws what it is told. Student's t
 * quantiles for 95 % come from a table up to 30 degrees of freedom, beyond it from the first terms of their series.
 */
#include "contest.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MOST = 1024, SEEDS_MOST = 1000, WATCH_MS = 100 };

/* ---- the runs ---- */

struct work {
    const struct sim_scenario *scenario;
    struct sim_contest *contest;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t runs, taken, ended;
    double shares; /* of the runs under way and ended, summed */
    bool stop;
    int error;
    char *why;
};

struct share {
    struct work *work;
    double told;
};

static bool note_share(void *user, double share) {
    struct share *own = user;
    struct work *work = own->work;
    pthread_mutex_lock(&work->lock);
    work->shares += share - own->told;
    own->told = share;
    bool stop = work->stop;
    pthread_mutex_unlock(&work->lock);
    return stop;
}

static void note_end(struct work *work, int error, const struct sim_result *result, struct share *share) {
    pthread_mutex_lock(&work->lock);
    work->ended++;
    work->shares += 1 - share->told;
    if (error != LW_OK && work->error == LW_OK) {
        work->error = error;
        work->stop = true;
        memcpy(work->why, result->why, SIM_WHY);
    }
    pthread_cond_signal(&work->changed);
    pthread_mutex_unlock(&work->lock);
}

static void *play_runs(void *user) {
    struct work *work = user;
    struct sim_contest *contest = work->contest;
    for (;;) {
        pthread_mutex_lock(&work->lock);
        size_t run = work->stop ? work->runs : work->taken;
        work->taken += run < work->runs;
        pthread_mutex_unlock(&work->lock);
        if (run >= work->runs) {
            return NULL;
        }
        /* seed by seed: all strategies with the first one, then with the next */
        size_t entry = run % contest->entry_count, seed = run / contest->entry_count;
        struct share share = {work, 0};
        struct sim_run_options options = {contest->entries[entry].strategy, contest->first_seed + seed, note_share,
                                          &share};
        struct sim_result *result = &contest->entries[entry].results[seed];
        int error = sim_run(work->scenario, &options, result);
        note_end(work, error, result, &share);
    }
}

static void watch(struct work *work, const struct sim_contest_options *options, size_t threads) {
    pthread_mutex_lock(&work->lock);
    while (threads > 0 && work->ended < work->runs && !work->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&work->changed, &work->lock, &until);
        double share = work->shares / (double)work->runs;
        if (options->progress != NULL) {
            pthread_mutex_unlock(&work->lock);
            bool stop = options->progress(options->user, share);
            pthread_mutex_lock(&work->lock);
            if (stop && work->error == LW_OK) {
                work->error = LW_UNAVAILABLE;
                work->stop = true;
            }
        }
    }
    pthread_mutex_unlock(&work->lock);
}

static size_t thread_count(const struct sim_contest_options *options, size_t runs) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = options->threads > 0 ? options->threads : processors > 0 ? (size_t)processors : 1;
    count = count < THREADS_MOST ? count : THREADS_MOST;
    return count < runs ? count : runs;
}

static int play_all(struct work *work, const struct sim_contest_options *options) {
    pthread_t threads[THREADS_MOST];
    size_t wanted = thread_count(options, work->runs), started = 0;
    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->changed, NULL);
    while (started < wanted && pthread_create(&threads[started], NULL, play_runs, work) == 0) {
        started++;
    }
    if (started == 0) {
        play_runs(work);
    }
    watch(work, options, started);
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_cond_destroy(&work->changed);
    pthread_mutex_destroy(&work->lock);
    return work->error;
}

/* ---- estimates ---- */

static double student(uint32_t freedom) {
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    double z = 1.959964;
    return freedom <= sizeof table / sizeof *table ? table[freedom - 1] : z + (z * z * z + z) / (4.0 * freedom);
}

/* Of n values, each `stride` after the one before. */
static struct sim_estimate estimate(const double *values, uint32_t n, size_t stride) {
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += values[i * stride];
    }
    for (uint32_t i = 0; i < n; i++) {
        double off = values[i * stride] - sum / n;
        squares += off * off;
    }
    double half = n > 1 ? student(n - 1) * sqrt(squares / (n - 1) / n) : 0;
    return (struct sim_estimate){sum / n, half, true};
}

void sim_contest_estimate(struct sim_contest *contest) {
    for (size_t i = 0; i < contest->entry_count; i++) {
        struct sim_entry *entry = &contest->entries[i];
        for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
            bool known = entry->figures[f].known;
            entry->figures[f] = known ? estimate(entry->values + f, contest->seeds, SIM_FIGURE_COUNT)
                                      : (struct sim_estimate){0, 0, false};
        }
    }
}

static void take_values_of(struct sim_contest *contest, struct sim_entry *entry) {
    for (uint32_t s = 0; s < contest->seeds; s++) {
        struct sim_estimate figures[SIM_FIGURE_COUNT];
        sim_figures_of(contest->scenario, &entry->results[s], figures);
        for (size_t f = 0; f < SIM_FIGURE_COUNT; f++) {
            entry->values[s * SIM_FIGURE_COUNT + f] = figures[f].mean;
            entry->figures[f].known = figures[f].known && (s == 0 || entry->figures[f].known);
        }
    }
}

/* ---- comparisons ---- */

struct sim_estimate sim_contest_difference(const struct sim_contest *contest, size_t entry, size_t other,
                                           uint32_t figures) {
    double differences[SEEDS_MOST];
    for (uint32_t s = 0; s < contest->seeds; s++) {
        differences[s] = 0;
        for (size_t f = 0; f < SIM_FIGURE_COUNT; f++) {
            size_t at = s * SIM_FIGURE_COUNT + f;
            bool counts = (figures >> f & 1) != 0;
            differences[s] += counts ? contest->entries[entry].values[at] - contest->entries[other].values[at] : 0;
        }
    }
    return estimate(differences, contest->seeds, 1);
}

/* What is no difference, relatively: a bucket of a histogram for quantiles, else what three digits do not show. Who
   answers one request more is ahead, though. */
static double grain_of(enum sim_figure figure) {
    bool quantile = figure >= SIM_FIGURE_p50 && figure <= SIM_FIGURE_p999;
    return quantile ? 1.0 / 64 : figure == SIM_FIGURE_throughput ? 1e-9 : 0.005;
}

static bool is_level(const struct sim_contest *contest, size_t entry, size_t top, enum sim_figure figure) {
    struct sim_estimate more = sim_contest_difference(contest, entry, top, SIM_FIGURE_BIT(figure));
    return fabs(more.mean) <= fmax(more.half, grain_of(figure) * fabs(contest->entries[top].figures[figure].mean));
}

static size_t top_of(const struct sim_contest *contest, enum sim_figure figure, int better) {
    size_t top = SIZE_MAX;
    for (size_t i = 0; i < contest->entry_count; i++) {
        const struct sim_estimate *own = &contest->entries[i].figures[figure];
        if (own->known && (top == SIZE_MAX || (own->mean - contest->entries[top].figures[figure].mean) * better > 0)) {
            top = i;
        }
    }
    return top;
}

uint64_t sim_contest_best(const struct sim_contest *contest, enum sim_figure figure) {
    static const int better[] = {
#define FIGURE_BETTER(name, heading, unit, better, meaning) better,
        SIM_FIGURES(FIGURE_BETTER)
#undef FIGURE_BETTER
    };
    uint64_t best = 0, all = 0;
    size_t top = better[figure] != 0 ? top_of(contest, figure, better[figure]) : SIZE_MAX;
    for (size_t i = 0; top != SIZE_MAX && i < contest->entry_count; i++) {
        bool known = contest->entries[i].figures[figure].known;
        best |= (uint64_t)(known && is_level(contest, i, top, figure)) << i;
        all |= (uint64_t)known << i;
    }
    return best != all ? best : 0;
}

/* ---- the contest ---- */

void sim_contest_free(struct sim_contest *contest) {
    for (size_t i = 0; contest->entries != NULL && i < contest->entry_count; i++) {
        for (uint32_t s = 0; contest->entries[i].results != NULL && s < contest->seeds; s++) {
            sim_result_free(&contest->entries[i].results[s]);
        }
        free(contest->entries[i].results);
        free(contest->entries[i].values);
    }
    free(contest->entries);
    *contest = (struct sim_contest){0};
}

static int make_entries(struct sim_contest *contest, const struct sim_contest_options *options) {
    contest->entries = calloc(options->strategy_count, sizeof *contest->entries);
    if (contest->entries == NULL) {
        return LW_NOMEM;
    }
    for (size_t i = 0; i < options->strategy_count; i++) {
        contest->entries[i].strategy = options->strategies[i];
        contest->entries[i].results = calloc(options->seeds, sizeof *contest->entries[i].results);
        contest->entries[i].values = calloc((size_t)options->seeds * SIM_FIGURE_COUNT, sizeof(double));
        if (contest->entries[i].results == NULL || contest->entries[i].values == NULL) {
            return LW_NOMEM;
        }
    }
    return LW_OK;
}

int sim_contest(const struct sim_scenario *scenario, const struct sim_contest_options *options,
                struct sim_contest *contest, char *why) {
    *contest = (struct sim_contest){.scenario = scenario,
                                    .entry_count = options->strategy_count,
                                    .first_seed = options->first_seed,
                                    .seeds = options->seeds};
    struct work work = {.scenario = scenario,
                        .contest = contest,
                        .runs = options->strategy_count * options->seeds,
                        .error = LW_OK,
                        .why = why};
    int error = make_entries(contest, options);
    error = error == LW_OK ? play_all(&work, options) : error;
    if (error != LW_OK) {
        sim_contest_free(contest);
        return error;
    }
    for (size_t i = 0; i < contest->entry_count; i++) {
        take_values_of(contest, &contest->entries[i]);
    }
    sim_contest_estimate(contest);
    return LW_OK;
}
