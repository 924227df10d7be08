/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How long lw_pool_update takes: the first of a pool, one that changes nothing, and one that changes a node in a
 * hundred. What a plan adds is the difference to a pool of strategy random, which has none, updated in turn.
 *
 * The limit is a list read once: each name hashed, looked up among those that are known, its weight compared, and both
 * written down. The limit of a plan is the build of the probe's table.
 */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPEATS = 40, LEAST_REPEATS = 5, UPDATE_SIZES = 2 };

static const double update_budget = 1e9; /* ns for a row, once there are LEAST_REPEATS */
static const double update_bar = 20e6, plan_bar = 1.5;
static const uint32_t update_sizes[UPDATE_SIZES] = {1024, 10000};

enum update_kind { FILL, SAME, CHANGE, UPDATE_KINDS };
static const char *const update_names[UPDATE_KINDS] = {"first", "same again", "1 % changed"};

static const struct table_column update_columns[] = {{"nodes", 6, 0},     {"median", 9, 1}, {"worst", 9, 1},
                                                     {"limit", 9, 1},     {"ratio", 6, 2},  {"of it plan", 10, 1},
                                                     {"its limit", 9, 1}, {"ratio", 6, 2}};

enum { UPDATE_COLUMNS = sizeof update_columns / sizeof *update_columns };

/* ---- the limit ---- */

struct known {
    uint64_t *ids, *listed;
    uint32_t *weights, *listed_weights;
    uint32_t mask;
};

static int known_open(struct known *known, const struct wishes *wishes) {
    uint32_t size = 8;
    while (size < 2 * wishes->count) {
        size *= 2;
    }
    known->mask = size - 1;
    known->ids = calloc(size, sizeof *known->ids);
    known->weights = calloc(size, sizeof *known->weights);
    known->listed = calloc(wishes->count, sizeof *known->listed);
    known->listed_weights = calloc(wishes->count, sizeof *known->listed_weights);
    return known->ids && known->weights && known->listed && known->listed_weights ? 0 : -1;
}

static void known_close(struct known *known) {
    free(known->ids);
    free(known->weights);
    free(known->listed);
    free(known->listed_weights);
}

static double time_list(struct known *known, const struct wishes *wishes) {
    double start = frame_now();
    for (uint32_t i = 0; i < wishes->count; i++) {
        const lw_node_spec *spec = &wishes->specs[i];
        uint64_t id = lw_id(spec->name, strlen(spec->name));
        uint32_t at = (uint32_t)id & known->mask;
        while (known->ids[at] != id && known->ids[at] != 0) {
            at = (at + 1) & known->mask;
        }
        known->ids[at] = id;
        known->weights[at] = spec->weight;
        known->listed[i] = id;
        known->listed_weights[i] = spec->weight;
    }
    return frame_now() - start;
}

static double time_limit(const struct wishes *wishes, enum update_kind kind) {
    struct known known;
    double ns = 0;
    if (known_open(&known, wishes) == 0) {
        ns = time_list(&known, wishes);
        ns = kind == FILL ? ns : time_list(&known, wishes);
    }
    known_close(&known);
    return ns;
}

/* ---- the library ---- */

static int time_update(struct pool_stand *stand, enum update_kind kind, double *ns) {
    if (kind == CHANGE) {
        wishes_change(&stand->wishes);
    }
    double start = frame_now();
    int code = lw_pool_update(stand->pool, stand->wishes.specs, stand->wishes.count, 0, NULL);
    *ns = frame_now() - start;
    return code;
}

/* A pool is filled once, so each time it takes a new one. */
static int time_fill(const struct pool_stand *like, double *ns) {
    struct pool_stand stand;
    int code = pool_stand_open(&stand, like->entry, like->fleet, false, 1);
    *ns = stand.fill_ns;
    pool_stand_close(&stand);
    return code;
}

struct update_times {
    double ours[MOST_REPEATS], limit[MOST_REPEATS], ratio[MOST_REPEATS];
    double plan[MOST_REPEATS], plan_limit[MOST_REPEATS], plan_ratio[MOST_REPEATS];
    uint32_t count;
};

static int repeat_update(struct pool_stand *stand, struct pool_stand *bare, enum update_kind kind,
                         struct update_times *times) {
    double ours, without;
    uint32_t at = times->count++;
    int code = kind == FILL ? time_fill(bare, &without) : time_update(bare, kind, &without);
    if (code == LW_OK) {
        code = kind == FILL ? time_fill(stand, &ours) : time_update(stand, kind, &ours);
    }
    if (code == LW_OK) {
        times->ours[at] = ours;
        times->limit[at] = time_limit(&stand->wishes, kind);
        times->ratio[at] = ours / times->limit[at];
        times->plan[at] = ours - without;
        times->plan_limit[at] = probe_time_build(stand->entry->probe, stand->fleet);
        times->plan_ratio[at] = times->plan[at] / times->plan_limit[at];
    }
    return code;
}

static void print_update(const struct table *table, const struct pool_stand *stand, enum update_kind kind,
                         struct update_times *times) {
    char label[64];
    bool has_plan = stand->entry->probe->build != NULL && kind != SAME;
    double median = frame_median(times->ours, times->count), plan_ratio = frame_median(times->plan_ratio, times->count);
    const double values[UPDATE_COLUMNS] = {stand->fleet->count,
                                           median / 1e3,
                                           times->ours[times->count - 1] / 1e3,
                                           frame_median(times->limit, times->count) / 1e3,
                                           frame_median(times->ratio, times->count),
                                           has_plan ? frame_median(times->plan, times->count) / 1e3 : -1,
                                           has_plan ? frame_median(times->plan_limit, times->count) / 1e3 : -1,
                                           has_plan ? plan_ratio : -1};
    bool over = has_plan ? plan_ratio > plan_bar : median > update_bar;
    snprintf(label, sizeof label, "%s, %s", stand->entry->spec, update_names[kind]);
    table_row(table, label, values, over ? " *" : "");
}

static int updates_of(const struct table *table, const struct pool_entry *entry, const struct fleet *fleet) {
    struct pool_stand stand, bare;
    int code = pool_stand_open(&stand, entry, fleet, false, 1);
    int bare_code = pool_stand_open(&bare, pool_entry_find("random"), fleet, false, 1);
    code = code == LW_OK ? bare_code : code;
    for (uint32_t kind = 0; code == LW_OK && kind < UPDATE_KINDS; kind++) {
        static struct update_times times;
        double start = frame_now();
        times.count = 0;
        while (code == LW_OK && times.count < MOST_REPEATS &&
               (times.count < LEAST_REPEATS || frame_now() - start < update_budget)) {
            code = repeat_update(&stand, &bare, kind, &times);
        }
        if (code == LW_OK) {
            print_update(table, &stand, kind, &times);
        }
    }
    pool_stand_close(&stand);
    pool_stand_close(&bare);
    return code;
}

/* Without a choice by the user: those with a plan, and one without. */
static bool is_worth_updating(const struct pool_options *options, const struct pool_entry *entry) {
    return options->strategy != NULL || entry->probe->build != NULL || strcmp(entry->spec, "random") == 0;
}

int pool_updates(struct frame *frame, const struct pool_options *options) {
    const struct table table = {"lw_pool_update, us", "strategy, update", update_columns, UPDATE_COLUMNS, options->csv};
    int code = LW_OK;
    (void)frame;
    table_head(&table);
    for (uint32_t s = 0; code == LW_OK && s < (options->size != 0 ? 1 : UPDATE_SIZES); s++) {
        const struct pool_entry *entry;
        struct fleet fleet;
        code = fleet_open(&fleet, options->size != 0 ? options->size : update_sizes[s]) == 0 ? LW_OK : LW_NOMEM;
        for (uint32_t at = 0; code == LW_OK && (entry = pool_next_entry(options, &at)) != NULL;) {
            if (is_worth_updating(options, entry)) {
                code = updates_of(&table, entry, &fleet);
            }
        }
        fleet_close(&fleet);
    }
    return code;
}
