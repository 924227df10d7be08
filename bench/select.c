/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-select: what one pick through lw_select costs, for every strategy, beside the limit of the machine.
 *
 * Each round goes through all rows, and within a row library and limit take turns, so that a bad minute of a shared
 * machine falls on both; a row is judged by the median of the ratios of its rounds.
 */
#include "report.h"
#include "stand.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 5, ENTRIES = 32, SCENES = 3, RUNS = 9, MOST_ROUNDS = 1000, GOAL_COUNT = 128 };

static const double run_ns = 2e6;
static const uint32_t sizes[SIZES] = {3, 16, 128, 1024, 10000};

static const struct scene {
    const char *title;
    uint32_t threads;
    bool partial;
} scenes[SCENES] = {{"One thread", 1, false},
                    {"Two threads on one strategy", 2, false},
                    {"One thread, one node in twenty out", 1, true}};

struct options {
    uint32_t rounds, size;
    const char *only;
    bool csv, limits;
};

struct row {
    struct stand *stand;
    const struct scene *scene;
    struct frame_task tasks[2]; /* the library, if it is measured, then the limit */
    double *rounds[3];          /* of the tasks, and of their ratio */
};

struct table {
    struct options options;
    struct frame *frame;
    struct fleet fleets[SIZES];
    struct stand stands[SIZES * ENTRIES];
    struct row rows[SIZES * ENTRIES * SCENES];
    uint32_t fleet_count, stand_count, row_count;
};

/* ---- options ---- */

static const char help[] =
    "Usage: bench-select [OPTION]...\n"
    "Measures ns per pick through lw_select for every strategy, beside the least that such a pick can\n"
    "take on this machine (the limit), then how long lw_prepare takes and how many bytes it keeps.\n"
    "\n"
    "  --rounds N   rounds over the whole table (default 15)\n"
    "  --quick      5 rounds\n"
    "  --only NAME  only this strategy\n"
    "  --n N        only this number of nodes, 3 to 16384 (default 3, 16, 128, 1024, 10000)\n"
    "  --limits     only the limits\n"
    "  --csv        comma-separated values\n"
    "  --help       this text\n"
    "\n"
    "quiet is the figure of the quietest round, noise the median over it, ratio the median over the rounds of\n"
    "library / limit. goal is set for 128 nodes and a quiet round. A star beside quiet: above the goal.\n"
    "With two threads, ns of one thread while both pick from one strategy.\n"
    "bounded: the end of each request is told at once, and the limit charges as well. prequal: nobody answers probes.\n"
    "Where a strategy has no limit of its own, the last table says whose stands in its place.\n";

static int usage(const char *wrong, const char *what) {
    fprintf(stderr, "bench-select: %s%s\nTry --help.\n", wrong, what);
    return 2;
}

static int read_number(const char *text, uint32_t least, uint32_t most, uint32_t *out) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most) {
        return -1;
    }
    *out = (uint32_t)value;
    return 0;
}

static int read_options(int argc, char **argv, struct options *options) {
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"quick", no_argument, NULL, 'q'},
        {"n", required_argument, NULL, 'n'},      {"only", required_argument, NULL, 'o'},
        {"csv", no_argument, NULL, 'c'},          {"limits", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    *options = (struct options){.rounds = 15};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'r':
            if (read_number(optarg, 1, MOST_ROUNDS, &options->rounds) != 0) {
                return usage("not a number of rounds: ", optarg);
            }
            break;
        case 'n':
            if (read_number(optarg, FLEET_LEAST, FLEET_MOST, &options->size) != 0) {
                return usage("not a number of nodes from 3 to 16384: ", optarg);
            }
            break;
        case 'q': options->rounds = 5; break;
        case 'o': options->only = optarg; break;
        case 'c': options->csv = true; break;
        case 'l': options->limits = true; break;
        case 'h': fputs(help, stdout); exit(0);
        default: return usage("cannot read that", "");
        }
    }
    if (options->only != NULL && entry_find(options->only) == NULL) {
        return usage("no such strategy: ", options->only);
    }
    return optind < argc ? usage("unexpected: ", argv[optind]) : 0;
}

/* ---- setting up ---- */

static int add_row(struct table *table, struct stand *stand, const struct scene *scene) {
    struct row *row = &table->rows[table->row_count++];
    row->stand = stand;
    row->scene = scene;
    row->tasks[0] = stand_task(stand, scene->partial);
    row->tasks[1] = stand_limit_task(stand, scene->partial);
    for (int i = 0; i < 3; i++) {
        row->rounds[i] = calloc(table->options.rounds, sizeof(double));
        if (row->rounds[i] == NULL) {
            return LW_NOMEM;
        }
    }
    bool right = stand_is_right(stand, &row->tasks[1], scene->partial, "the limit probe");
    if (!table->options.limits) {
        right = right && stand_is_right(stand, &row->tasks[0], scene->partial, "lw_select");
    }
    return right ? 0 : LW_INVALID;
}

static int add_stand(struct table *table, const struct entry *entry, const struct fleet *fleet) {
    struct stand *stand = &table->stands[table->stand_count++];
    int code = stand_open(stand, entry, fleet, table->options.limits);
    for (uint32_t s = 0; code == 0 && s < SCENES; s++) {
        if (scenes[s].threads <= frame_threads(table->frame)) {
            code = add_row(table, stand, &scenes[s]);
        }
    }
    return code;
}

static int add_fleet(struct table *table, uint32_t count) {
    struct fleet *fleet = &table->fleets[table->fleet_count++];
    int code = fleet_open(fleet, count) == 0 ? 0 : LW_NOMEM;
    for (uint32_t e = 0; code == 0 && entry_at(e) != NULL; e++) {
        const struct entry *entry = entry_at(e);
        bool fits = entry->most == 0 || count <= entry->most;
        if (fits && (table->options.only == NULL || strcmp(table->options.only, entry->name) == 0)) {
            code = add_stand(table, entry, fleet);
        }
    }
    return code;
}

static int open_table(struct table *table) {
    table->frame = frame_open();
    if (table->frame == NULL) {
        return LW_NOMEM;
    }
    if (table->options.size != 0) {
        return add_fleet(table, table->options.size);
    }
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < SIZES; i++) {
        code = add_fleet(table, sizes[i]);
    }
    return code;
}

static void close_table(struct table *table) {
    for (uint32_t i = 0; i < table->row_count; i++) {
        for (int k = 0; k < 3; k++) {
            free(table->rows[i].rounds[k]);
        }
    }
    for (uint32_t i = 0; i < table->stand_count; i++) {
        stand_close(&table->stands[i]);
    }
    for (uint32_t i = 0; i < table->fleet_count; i++) {
        fleet_close(&table->fleets[i]);
    }
    frame_close(table->frame);
}

/* ---- measuring ---- */

static void calibrate(struct table *table) {
    for (uint32_t i = 0; i < table->row_count; i++) {
        struct row *row = &table->rows[i];
        for (int task = table->options.limits; task < 2; task++) {
            frame_calibrate(table->frame, &row->tasks[task], row->scene->threads, run_ns);
        }
    }
}

static void measure_round(struct table *table, uint32_t round) {
    uint32_t first = table->options.limits;
    for (uint32_t i = 0; i < table->row_count; i++) {
        struct row *row = &table->rows[i];
        double figures[2] = {0};
        frame_round(table->frame, row->tasks + first, 2 - first, row->scene->threads, RUNS, figures + first);
        row->rounds[0][round] = figures[0];
        row->rounds[1][round] = figures[1];
        row->rounds[2][round] = figures[0] / figures[1];
    }
}

static void measure(struct table *table) {
    calibrate(table);
    for (uint32_t round = 0; round < table->options.rounds; round++) {
        measure_round(table, round);
    }
}

/* ---- printing ---- */

static void print_pick(const struct table *table, const struct row *row) {
    const struct fleet *fleet = row->stand->fleet;
    const struct entry *entry = row->stand->entry;
    const struct scene *scene = row->scene;
    bool has_goal = fleet->count == GOAL_COUNT && !scene->partial && !table->options.limits;
    struct report_pick pick = {
        .strategy = entry->spec,
        .count = fleet->count,
        .eligible = scene->partial ? fleet->eligible_count : fleet->count,
        .threads = scene->threads,
        .limit = frame_sum_up(row->rounds[1], table->options.rounds),
        .goal = has_goal ? entry->goals[scene->threads - 1] : 0,
    };
    if (!table->options.limits) {
        pick.ours = frame_sum_up(row->rounds[0], table->options.rounds);
        pick.ratio = frame_median(row->rounds[2], table->options.rounds);
    }
    report_pick(table->options.csv, &pick);
}

static void print_scene(const struct table *table, const struct scene *scene, const struct entry *entry) {
    for (uint32_t i = 0; i < table->row_count; i++) {
        if (table->rows[i].scene == scene && table->rows[i].stand->entry == entry) {
            print_pick(table, &table->rows[i]);
        }
    }
}

static void print_picks(const struct table *table) {
    for (uint32_t s = 0; s < SCENES; s++) {
        if (scenes[s].threads <= frame_threads(table->frame)) {
            report_head_of_picks(table->options.csv, scenes[s].title);
            for (uint32_t e = 0; entry_at(e) != NULL; e++) {
                print_scene(table, &scenes[s], entry_at(e));
            }
        }
    }
}

/* Strategies without a table have nothing to build. */
static int print_builds(const struct table *table) {
    report_head_of_builds(table->options.csv);
    for (uint32_t e = 0; entry_at(e) != NULL; e++) {
        for (uint32_t i = 0; i < table->stand_count; i++) {
            const struct stand *stand = &table->stands[i];
            struct build_figure figure;
            if (stand->entry != entry_at(e) || stand->probe.kind->build == NULL) {
                continue;
            }
            int code = stand_time_build(stand, &figure);
            if (code != 0) {
                return code;
            }
            struct report_build build = {stand->entry->spec, stand->fleet->count, figure.ns,
                                         figure.limit_ns,    figure.bytes,        figure.most_bytes};
            report_build(table->options.csv, &build);
        }
    }
    return 0;
}

static void print_limits(const struct table *table) {
    if (!table->options.csv) {
        printf("\nThe limits\n");
    }
    for (uint32_t e = 0; entry_at(e) != NULL; e++) {
        report_form(table->options.csv, entry_at(e)->spec, probe_find(entry_at(e)->probe)->form);
    }
}

static int check_allocations(const struct table *table) {
    size_t calls = 0;
    for (uint32_t i = 0; i < table->stand_count; i++) {
        calls += stand_calls_since(&table->stands[i]);
    }
    if (calls > 0) {
        fprintf(stderr, "bench-select: %zu allocations during picks\n", calls);
        return LW_INVALID;
    }
    if (!table->options.csv) {
        printf("\nNo allocation during picks.\n");
    }
    return 0;
}

static int run(struct table *table) {
    int code = open_table(table);
    if (code != 0) {
        return code;
    }
    struct report_machine machine = {.rounds = table->options.rounds,
                                     .addition = frame_addition(table->frame),
                                     .round_trip = frame_round_trip(table->frame),
                                     .interruptions = -frame_interruptions()};
    measure(table);
    machine.interruptions += frame_interruptions();
    report_machine(table->options.csv, &machine);
    print_picks(table);
    if (!table->options.limits) {
        code = print_builds(table);
    }
    print_limits(table);
    return code == 0 && !table->options.limits ? check_allocations(table) : code;
}

int main(int argc, char **argv) {
    static struct table table;
    int code = read_options(argc, argv, &table.options);
    if (code != 0) {
        return code;
    }
    code = run(&table);
    close_table(&table);
    if (code != 0) {
        fprintf(stderr, "bench-select: %s\n", lw_error_message(code));
    }
    return code != 0;
}
