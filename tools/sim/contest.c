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

enum { THREADS_MOST = 1024, WATCH_MS = 100 };

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
        /* seed by seed, so that an early end leaves comparable runs */
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

static void estimate(const struct sim_contest *contest, struct sim_entry *entry) {
    double sums[SIM_FIGURE_COUNT] = {0}, squares[SIM_FIGURE_COUNT] = {0};
    struct sim_estimate figures[SIM_FIGURE_COUNT];
    double n = contest->seeds;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t s = 0; s < contest->seeds; s++) {
            sim_figures_of(contest->scenario, &entry->results[s], figures);
            for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
                double off = figures[f].mean - sums[f] / n;
                *(pass == 0 ? &sums[f] : &squares[f]) += pass == 0 ? figures[f].mean : off * off;
            }
        }
    }
    for (int f = 0; f < SIM_FIGURE_COUNT; f++) {
        double half = n > 1 ? student(contest->seeds - 1) * sqrt(squares[f] / (n - 1) / n) : 0;
        entry->figures[f] = (struct sim_estimate){sums[f] / n, half, figures[f].known};
    }
}

uint64_t sim_contest_best(const struct sim_contest *contest, enum sim_figure figure) {
    static const int better[] = {
#define FIGURE_BETTER(name, heading, unit, better, meaning) better,
        SIM_FIGURES(FIGURE_BETTER)
#undef FIGURE_BETTER
    };
    uint64_t best = 0, all = 0;
    const struct sim_estimate *top = NULL;
    for (size_t i = 0; i < contest->entry_count; i++) {
        const struct sim_estimate *own = &contest->entries[i].figures[figure];
        if (own->known && (top == NULL || (own->mean - top->mean) * better[figure] > 0)) {
            top = own;
        }
    }
    for (size_t i = 0; top != NULL && better[figure] != 0 && i < contest->entry_count; i++) {
        const struct sim_estimate *own = &contest->entries[i].figures[figure];
        bool level = own->known && fabs(own->mean - top->mean) <= own->half + top->half + 1e-9 * fabs(top->mean);
        best |= (uint64_t)level << i;
        all |= (uint64_t)own->known << i;
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
        if (contest->entries[i].results == NULL) {
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
        estimate(contest, &contest->entries[i]);
    }
    return LW_OK;
}
