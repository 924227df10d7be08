/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Picks by one thread while another one keeps updating the pool. In each round calm and storm take turns, for the
   library and for its limit: what the limit loses is the machine's doing. */
#include "pool.h"
#include "storm.h"

enum { STORM_NODES = 1024, STORM_RUNS = 3, MOST_STORM_ROUNDS = 1000 };

static const double storm_run_ns = 25e6; /* more than two updates */

static const struct table_column storm_columns[] = {{"nodes", 6, 0},     {"calm", 8, 2},         {"storm", 8, 2},
                                                    {"ratio", 6, 2},     {"p99 calm", 8, 2},     {"p99 storm", 9, 2},
                                                    {"limit", 8, 2},     {"limit ratio", 11, 2}, {"updates/s", 9, 1},
                                                    {"update us", 9, 1}, {"worst us", 9, 1}};

enum { STORM_COLUMNS = sizeof storm_columns / sizeof *storm_columns };

/* Of the library, then of the limit. */
struct storm_series {
    double calm[2][MOST_STORM_ROUNDS], storm[2][MOST_STORM_ROUNDS], ratio[2][MOST_STORM_ROUNDS];
    double late_calm[MOST_STORM_ROUNDS], late_storm[MOST_STORM_ROUNDS];
};

static void storm_round(struct frame *frame, struct storm *storm, const struct frame_task *tasks,
                        struct storm_series *series, uint32_t round) {
    double calm[2], blown[2];
    frame_round(frame, tasks, 2, 1, STORM_RUNS, calm);
    series->late_calm[round] = frame_p99(frame, &tasks[0], 1);
    storm_blow(storm);
    frame_round(frame, tasks, 2, 1, STORM_RUNS, blown);
    series->late_storm[round] = frame_p99(frame, &tasks[0], 1);
    storm_calm(storm);
    for (uint32_t task = 0; task < 2; task++) {
        series->calm[task][round] = calm[task];
        series->storm[task][round] = blown[task];
        series->ratio[task][round] = blown[task] / calm[task];
    }
}

static void print_storm(const struct table *table, const struct pool_stand *stand, struct storm_series *series,
                        struct storm_figures updates, uint32_t rounds) {
    const double values[STORM_COLUMNS] = {stand->fleet->count,
                                          frame_median(series->calm[0], rounds),
                                          frame_median(series->storm[0], rounds),
                                          frame_median(series->ratio[0], rounds),
                                          frame_median(series->late_calm, rounds),
                                          frame_median(series->late_storm, rounds),
                                          frame_median(series->calm[1], rounds),
                                          frame_median(series->ratio[1], rounds),
                                          updates.rate,
                                          updates.median / 1e3,
                                          updates.worst / 1e3};
    table_row(table, stand->entry->spec, values, values[3] > 1.2 ? " *" : "");
}

static int storm_over(struct frame *frame, const struct table *table, struct pool_stand *stand, uint32_t rounds) {
    static struct storm_series series;
    struct frame_task tasks[2] = {pool_stand_task(stand), pool_stand_limit(stand, PROBE_HELD)};
    struct storm *storm = storm_open(frame, stand);
    if (storm == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t task = 0; task < 2; task++) {
        frame_calibrate(frame, &tasks[task], 1, storm_run_ns);
    }
    for (uint32_t round = 0; round < rounds; round++) {
        storm_round(frame, storm, tasks, &series, round);
    }
    print_storm(table, stand, &series, storm_sum_up(storm), rounds);
    return storm_close(storm);
}

int pool_storm(struct frame *frame, const struct pool_options *options) {
    const struct table table = {"pick and done beside a storm of updates, one thread, ns", "strategy", storm_columns,
                                STORM_COLUMNS, options->csv};
    const struct pool_entry *entry;
    struct fleet fleet;
    int code = fleet_open(&fleet, options->size != 0 ? options->size : STORM_NODES) == 0 ? LW_OK : LW_NOMEM;
    table_head(&table);
    for (uint32_t at = 0; code == LW_OK && (entry = pool_next_entry(options, &at)) != NULL;) {
        struct pool_stand stand;
        code = pool_stand_open(&stand, entry, &fleet, false, 1);
        code = code == LW_OK ? storm_over(frame, &table, &stand, options->rounds) : code;
        if (code == LW_OK && !pool_stand_ended_well(&stand, true)) {
            code = LW_INVALID;
        }
        pool_stand_close(&stand);
    }
    fleet_close(&fleet);
    return code;
}
