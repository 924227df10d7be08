/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-hashing: the strategies that place by key beside each other. What a look-up costs, the table it needs, how even
 * the loads are, and how many keys move when nodes come, go and grow heavier.
 *
 * Look-ups are timed in rounds, all strategies in turn (frame.h). Loads are counted over as many keys as can be looked
 * up in a second or two; the same number drawn at random says what of max/mean is chance.
 */
#include "placement.h"
#include "table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 4, CONTENDERS = 8, ROUNDS = 7, HASH_RUNS = 5, KEYS_A_NODE = 1000, LEAST_KEYS = 1000000 };
enum { MOVING_KEYS = 200000, COLUMNS = 8, HASHING_MOST = 16000 };

static const double hash_run_ns = 1e6, counting_ns = 2e9;
static const uint32_t hash_sizes[SIZES] = {10, 100, 1000, 10000};

/* What to ask for up to 1,000 nodes, and beyond. */
static const struct contender {
    const char *few, *many;
} contenders[CONTENDERS] = {
    {"ring", "ring"},
    {"ketama", "ketama"},
    {"ketama flavour=nginx", "ketama flavour=nginx"},
    {"multi_probe", "multi_probe"},
    {"maglev", "maglev table=1000003"},
    {"anchor", "anchor capacity=16384"},
    {"jump", "jump"},
    {"rendezvous", "rendezvous"},
};

static const struct table_column columns[COLUMNS] = {
    {"look-up", 8, 1}, {"build us", 9, 0}, {"KiB", 8, 1},     {"max/mean", 9, 3},
    {"chance", 7, 3},  {"added", 8, 2},    {"removed", 8, 2}, {"doubled", 8, 2},
};

static const char hash_help[] =
    "Usage: bench-hashing [OPTION]...\n"
    "Compares the strategies that place by key, for 10, 100, 1000 and 10000 nodes.\n"
    "\n"
    "  --n N   only this number of nodes, 10 to 16000\n"
    "  --csv   comma-separated values\n"
    "  --help  this text\n"
    "\n"
    "look-up   ns through lw_select, all nodes eligible\n"
    "build us  microseconds of lw_prepare\n"
    "KiB       that it keeps\n"
    "max/mean  keys of the fullest node over the mean; chance: the same if each key were drawn for itself\n"
    "added, removed, doubled  keys that move when one node in a hundred comes, goes or gets weight 2 in place of 1,\n"
    "          as a multiple of those that must; 0: weights do not count\n";

/* ---- what is measured ---- */

static uint32_t fullest(const uint32_t *owners, uint32_t keys, uint32_t nodes) {
    uint32_t *counts = calloc(nodes, sizeof *counts), most = 0;
    for (uint32_t i = 0; counts != NULL && i < keys; i++) {
        most = ++counts[owners[i]] > most ? counts[owners[i]] : most;
    }
    free(counts);
    return most;
}

static void draw_owners(uint32_t *owners, uint32_t keys, uint32_t nodes) {
    for (uint32_t i = 0; i < keys; i++) {
        owners[i] = (uint32_t)((fleet_mix(i + UINT64_C(1)) >> 32) * nodes >> 32);
    }
}

/* As many as the time allows, at most KEYS_A_NODE a node. */
static uint32_t keys_for(uint32_t nodes, double look_up) {
    double wanted = (double)nodes * KEYS_A_NODE, most = counting_ns / look_up;
    wanted = wanted < LEAST_KEYS ? LEAST_KEYS : wanted;
    return (uint32_t)(wanted < most ? wanted : most);
}

static int measure_loads(const struct placement *placement, double look_up, double *values) {
    uint32_t keys = keys_for(placement->count, look_up), *owners = calloc(keys, sizeof *owners);
    int code = owners != NULL ? placement_owners(placement, owners, keys) : LW_NOMEM;
    if (code == LW_OK) {
        double mean = (double)keys / placement->count;
        values[3] = fullest(owners, keys, placement->count) / mean;
        draw_owners(owners, keys, placement->count);
        values[4] = fullest(owners, keys, placement->count) / mean;
    }
    free(owners);
    return code;
}

static int measure_moves(struct placement *placement, double *values) {
    static uint32_t before[MOVING_KEYS], after[MOVING_KEYS];
    int code = placement_owners(placement, before, MOVING_KEYS);
    for (uint32_t change = PLACEMENT_ADDED; code == LW_OK && change < PLACEMENT_CHANGES; change++) {
        uint32_t moved = 0;
        code = placement_make(placement, change);
        code = code == LW_OK ? placement_owners(placement, after, MOVING_KEYS) : code;
        for (uint32_t i = 0; i < MOVING_KEYS; i++) {
            moved += before[i] != after[i];
        }
        values[4 + change] = moved / (double)MOVING_KEYS / placement_least(placement->count, change);
        code = code == LW_OK ? placement_make(placement, PLACEMENT_AS_IT_WAS) : code;
    }
    return code;
}

static int measure_one(struct placement *placement, double look_up, double *values) {
    values[0] = look_up;
    values[1] = placement_build_time(placement) / 1000;
    values[2] = (double)placement->bytes / 1024;
    int code = measure_loads(placement, look_up, values);
    return code == LW_OK ? measure_moves(placement, values) : code;
}

/* ---- one size ---- */

struct field {
    struct fleet fleet;
    struct placement placements[CONTENDERS];
    struct frame_task tasks[CONTENDERS];
    double times[CONTENDERS][ROUNDS];
};

static int open_field(struct field *field, struct frame *frame, uint32_t count) {
    int code = fleet_open(&field->fleet, count + placement_batch(count)) == 0 ? LW_OK : LW_NOMEM;
    for (uint32_t c = 0; code == LW_OK && c < CONTENDERS; c++) {
        const char *spec = count > hash_sizes[SIZES - 2] ? contenders[c].many : contenders[c].few;
        code = placement_open(&field->placements[c], spec, &field->fleet, count);
        if (code == LW_OK) {
            field->tasks[c] = placement_task(&field->placements[c]);
            frame_calibrate(frame, &field->tasks[c], 1, hash_run_ns);
        }
    }
    return code;
}

static void close_field(struct field *field) {
    for (uint32_t c = 0; c < CONTENDERS; c++) {
        placement_close(&field->placements[c]);
    }
    fleet_close(&field->fleet);
}

static void time_field(struct field *field, struct frame *frame) {
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t c = 0; c < CONTENDERS; c++) {
            frame_round(frame, &field->tasks[c], 1, 1, HASH_RUNS, &field->times[c][round]);
        }
    }
}

static int print_field(struct field *field, uint32_t count, bool csv) {
    char title[128];
    snprintf(title, sizeof title, "%u nodes; of the keys must move %.2f %%, %.2f %%, %.2f %%", count,
             100 * placement_least(count, PLACEMENT_ADDED), 100 * placement_least(count, PLACEMENT_REMOVED),
             100 * placement_least(count, PLACEMENT_REWEIGHTED));
    const struct table table = {title, "strategy", columns, COLUMNS, csv};
    table_head(&table);
    int code = LW_OK;
    for (uint32_t c = 0; code == LW_OK && c < CONTENDERS; c++) {
        double values[COLUMNS];
        code = measure_one(&field->placements[c], frame_median(field->times[c], ROUNDS), values);
        if (code == LW_OK) {
            table_row(&table, field->placements[c].spec, values, "");
        }
    }
    return code;
}

static int run_field(struct frame *frame, uint32_t count, bool csv) {
    static struct field field;
    memset(&field, 0, sizeof field);
    int code = open_field(&field, frame, count);
    if (code == LW_OK) {
        time_field(&field, frame);
        code = print_field(&field, count, csv);
    }
    close_field(&field);
    return code;
}

/* ---- all ---- */

static int read_hash_options(int argc, char **argv, uint32_t *only, bool *csv) {
    static const struct option known[] = {
        {"n", required_argument, NULL, 'n'}, {"csv", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        char *end = NULL;
        unsigned long value = c == 'n' ? strtoul(optarg, &end, 10) : hash_sizes[0];
        if (c == 'h') {
            fputs(hash_help, stdout);
            exit(0);
        }
        if (c == '?' || (end != NULL && *end != '\0') || value < hash_sizes[0] || value > HASHING_MOST) {
            fputs("bench-hashing: cannot read that. Try --help.\n", stderr);
            return 2;
        }
        *csv = *csv || c == 'c';
        *only = c == 'n' ? (uint32_t)value : *only;
    }
    return 0;
}

int main(int argc, char **argv) {
    uint32_t only = 0;
    bool csv = false;
    if (read_hash_options(argc, argv, &only, &csv) != 0) {
        return 2;
    }
    struct frame *frame = frame_open();
    int code = frame != NULL ? LW_OK : LW_NOMEM;
    for (uint32_t s = 0; code == LW_OK && s < (only == 0 ? SIZES : 1); s++) {
        code = run_field(frame, only == 0 ? hash_sizes[s] : only, csv);
    }
    if (frame != NULL) {
        frame_close(frame);
    }
    if (code != LW_OK) {
        fprintf(stderr, "bench-hashing: %s\n", lw_error_message(code));
    }
    return code != LW_OK;
}
