/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What pick and done cost, by scene, strategy and number of nodes. The strategies of one scene and number are open at
 * the same time and take turns round by round; within a round, library and limits take turns run by run.
 */
#include "pool.h"

#include <stdlib.h>

enum {
    PICK_SIZES = 5,
    PICK_ENTRIES = 8,
    PICK_SCENES = 4,
    PICK_RUNS = 9,
    CONTENDERS = 3,
    BAR_LEAST = 128,
    OUT_BAR = 15
};

enum series { OURS, CHARGED, HELD, TO_CHARGED, TO_HELD, LATE, LATE_CHARGED, SERIES };

static const double pick_run_ns = 1e6;
static const uint32_t pick_sizes[PICK_SIZES] = {3, 16, 128, 1024, 10000};

static const struct pick_scene {
    const char *title;
    uint32_t threads;
    bool partial;
} pick_scenes[PICK_SCENES] = {{"pick and done, one thread, ns", 1, false},
                              {"pick and done, one thread, one node in twenty disabled, ns", 1, true},
                              {"pick and done, two threads on one pool, ns of one thread", 2, false},
                              {"pick and done, two threads, one node in twenty disabled, ns of one thread", 2, true}};

static const struct table_column pick_columns[] = {
    {"nodes", 6, 0}, {"threads", 7, 0}, {"eligible", 8, 0}, {"loadwise", 9, 2}, {"quiet", 8, 2},
    {"noise", 6, 2}, {"p99", 8, 2},     {"limit", 8, 2},    {"ratio", 6, 2},    {"ticket", 8, 2},
    {"ratio", 6, 2}, {"p99", 8, 2},     {"bar", 6, 0}};

enum { PICK_COLUMNS = sizeof pick_columns / sizeof *pick_columns };

struct pick_row {
    struct pool_stand stand;
    struct frame_task tasks[CONTENDERS];
    double *series[SERIES]; /* one value a round */
};

/* What is left of a row when its pool is closed. */
struct pick_result {
    const char *spec; /* NULL: not measured */
    double values[PICK_COLUMNS];
};

static int open_row(struct pick_row *row, struct frame *frame, const struct pick_scene *scene, uint32_t rounds) {
    for (uint32_t s = 0; s < SERIES; s++) {
        row->series[s] = calloc(rounds, sizeof(double));
        if (row->series[s] == NULL) {
            return LW_NOMEM;
        }
    }
    row->tasks[OURS] = pool_stand_task(&row->stand);
    row->tasks[CHARGED] = pool_stand_limit(&row->stand, PROBE_CHARGED);
    row->tasks[HELD] = pool_stand_limit(&row->stand, PROBE_HELD);
    if (!pool_stand_is_right(&row->stand)) {
        return LW_INVALID;
    }
    for (uint32_t task = 0; task < CONTENDERS; task++) {
        frame_calibrate(frame, &row->tasks[task], scene->threads, pick_run_ns);
    }
    return LW_OK;
}

static void close_row(struct pick_row *row) {
    pool_stand_close(&row->stand);
    for (uint32_t s = 0; s < SERIES; s++) {
        free(row->series[s]);
    }
}

static void measure_row(struct pick_row *row, struct frame *frame, uint32_t threads, uint32_t round) {
    double figures[CONTENDERS];
    frame_round(frame, row->tasks, CONTENDERS, threads, PICK_RUNS, figures);
    for (uint32_t task = 0; task < CONTENDERS; task++) {
        row->series[task][round] = figures[task];
    }
    row->series[TO_CHARGED][round] = figures[OURS] / figures[CHARGED];
    row->series[TO_HELD][round] = figures[OURS] / figures[HELD];
    row->series[LATE][round] = frame_p99(frame, &row->tasks[OURS], threads);
    row->series[LATE_CHARGED][round] = frame_p99(frame, &row->tasks[HELD], threads);
}

static double bar_of(const struct pool_stand *stand, const struct pick_scene *scene, double limit) {
    const struct pool_entry *entry = stand->entry;
    uint32_t count = stand->fleet->count;
    if (scene->threads == 2) {
        return entry->bar_ratio > 0 && count >= BAR_LEAST && !scene->partial ? entry->bar_ratio * limit : -1;
    }
    return entry->bar > 0 && count <= entry->bar_most ? entry->bar + OUT_BAR * scene->partial : -1;
}

static struct pick_result sum_up_row(struct pick_row *row, const struct pick_scene *scene, uint32_t rounds) {
    const struct fleet *fleet = row->stand.fleet;
    struct frame_figure ours = frame_sum_up(row->series[OURS], rounds);
    double medians[SERIES];
    for (uint32_t s = 0; s < SERIES; s++) {
        medians[s] = frame_median(row->series[s], rounds);
    }
    return (struct pick_result){row->stand.entry->spec,
                                {fleet->count, scene->threads, scene->partial ? fleet->eligible_count : fleet->count,
                                 ours.median, ours.least, ours.noise, medians[LATE], medians[CHARGED],
                                 medians[TO_CHARGED], medians[HELD], medians[TO_HELD], medians[LATE_CHARGED],
                                 bar_of(&row->stand, scene, row->series[CHARGED][0])}};
}

/* All strategies over one fleet; rows and results have one place for each. */
static int measure_fleet(struct frame *frame, const struct pool_options *options, const struct pick_scene *scene,
                         const struct fleet *fleet, struct pick_row *rows, struct pick_result *results) {
    const struct pool_entry *entry;
    uint32_t count = 0;
    int code = LW_OK;
    for (uint32_t at = 0; code == LW_OK && (entry = pool_next_entry(options, &at)) != NULL; count++) {
        code = pool_stand_open(&rows[count].stand, entry, fleet, scene->partial, scene->threads);
        code = code == LW_OK ? open_row(&rows[count], frame, scene, options->rounds) : code;
    }
    for (uint32_t round = 0; code == LW_OK && round < options->rounds; round++) {
        for (uint32_t i = 0; i < count; i++) {
            measure_row(&rows[i], frame, scene->threads, round);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (code == LW_OK) {
            results[i] = sum_up_row(&rows[i], scene, options->rounds);
            code = pool_stand_ended_well(&rows[i].stand, false) ? LW_OK : LW_INVALID;
        }
        close_row(&rows[i]);
    }
    return code;
}

static int measure_scene(struct frame *frame, const struct pool_options *options, const struct pick_scene *scene,
                         struct pick_result results[PICK_SIZES][PICK_ENTRIES]) {
    int code = LW_OK;
    for (uint32_t s = 0; code == LW_OK && s < (options->size != 0 ? 1 : PICK_SIZES); s++) {
        struct fleet fleet;
        struct pick_row *rows = calloc(PICK_ENTRIES, sizeof *rows);
        bool whole = fleet_open(&fleet, options->size != 0 ? options->size : pick_sizes[s]) == 0 && rows != NULL;
        code = whole ? measure_fleet(frame, options, scene, &fleet, rows, results[s]) : LW_NOMEM;
        fleet_close(&fleet);
        free(rows);
    }
    return code;
}

static void print_scene(const struct table *table, struct pick_result results[PICK_SIZES][PICK_ENTRIES]) {
    table_head(table);
    for (uint32_t e = 0; e < PICK_ENTRIES; e++) {
        for (uint32_t s = 0; s < PICK_SIZES; s++) {
            const double *values = results[s][e].values;
            if (results[s][e].spec != NULL) {
                table_row(table, results[s][e].spec, values, values[12] > 0 && values[4] > values[12] ? " *" : "");
            }
        }
    }
}

int pool_picks(struct frame *frame, const struct pool_options *options) {
    int code = LW_OK;
    for (uint32_t i = 0; code == LW_OK && i < PICK_SCENES; i++) {
        const struct pick_scene *scene = &pick_scenes[i];
        bool wanted = options->threads == 0 || options->threads == scene->threads;
        if (wanted && scene->threads <= frame_threads(frame)) {
            struct pick_result results[PICK_SIZES][PICK_ENTRIES] = {0};
            struct table table = {scene->title, "strategy", pick_columns, PICK_COLUMNS, options->csv};
            code = measure_scene(frame, options, scene, results);
            print_scene(&table, results);
        }
    }
    return code;
}
