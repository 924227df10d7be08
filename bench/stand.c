/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Only public calls, as a user makes them: one strategy shared by both threads, a request only where a key is needed.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKS = 4000, MOST_BUILDS = 15, LEAST_BUILDS = 5 };

static const double build_budget = 40e6; /* ns for all builds of a stand, once there are LEAST_BUILDS */

static const struct entry entries[] = {
    {"round_robin", "round_robin", false, false, {5, 5}},
    {"smooth_wrr", "smooth_wrr", false, true, {5, 0}},
    {"random", "random", false, false, {4, 0}},
    {"weighted_random", "weighted_random", false, true, {5, 0}},
    {"p2c", "p2c", false, false, {6, 0}},
    {"least_load", "least_load", false, false, {12, 0}},
    {"most_available", "most_available", false, false, {60, 0}},
    {"ring", "ring", true, false, {12, 0}},
    {"chain(ring, random)", "chain", true, false, {0, 0}},
};

const struct entry *entry_at(uint32_t position) {
    return position < sizeof entries / sizeof *entries ? &entries[position] : NULL;
}

/* ---- the two loops of a row ---- */

static uint64_t pick_plain(void *subject, uint32_t thread, uint64_t picks) {
    const struct view *view = subject;
    lw_strategy *strategy = view->stand->strategy;
    uint64_t sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        sum += (uint64_t)lw_select(strategy, &view->nodes, NULL);
    }
    return sum;
}

static uint64_t pick_keyed(void *subject, uint32_t thread, uint64_t picks) {
    const struct view *view = subject;
    lw_strategy *strategy = view->stand->strategy;
    const uint64_t *keys = view->stand->fleet->keys;
    lw_request request = LW_REQUEST_INIT;
    uint64_t sum = 0;
    (void)thread;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = keys[i % FLEET_KEYS];
        sum += (uint64_t)lw_select(strategy, &view->nodes, &request);
    }
    return sum;
}

struct frame_task stand_task(struct stand *stand, bool partial) {
    return (struct frame_task){stand->entry->keyed ? pick_keyed : pick_plain, &stand->views[partial], 0};
}

struct frame_task stand_limit_task(struct stand *stand, bool partial) {
    const struct probe_kind *kind = stand->probe.kind;
    return (struct frame_task){partial ? kind->partial[PROBE_PICK] : kind->whole[PROBE_PICK], &stand->probe, 0};
}

static bool was_allowed(const struct fleet *fleet, uint64_t index, bool partial) {
    return index < fleet->count && (!partial || lw_bitmap_get(fleet->eligible, (uint32_t)index));
}

static double lowest_load(const struct fleet *fleet, bool partial) {
    double lowest = 1;
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (was_allowed(fleet, i, partial) && fleet->loads[i] < lowest) {
            lowest = fleet->loads[i];
        }
    }
    return lowest;
}

bool stand_is_right(const struct stand *stand, const struct frame_task *task, bool partial, const char *who) {
    const struct fleet *fleet = stand->fleet;
    bool lowest = strcmp(stand->entry->probe, "least_load") == 0;
    double expected = lowest_load(fleet, partial);
    for (int i = 0; i < CHECKS; i++) {
        uint64_t index = task->loop(task->subject, 0, 1);
        bool right = was_allowed(fleet, index, partial);
        if (!right || (lowest && fleet->loads[index] > expected)) {
            fprintf(stderr, "%s of %s picked %lld of %u nodes: %s\n", who, stand->entry->spec, (long long)index,
                    fleet->count, (int64_t)index < 0 ? lw_error_message((int)(int64_t)index) : "a wrong choice");
            return false;
        }
    }
    return true;
}

/* ---- opening ---- */

static void describe_nodes(const struct stand *stand, lw_nodes *nodes, bool partial) {
    const struct fleet *fleet = stand->fleet;
    lw_nodes_init(nodes, fleet->count);
    nodes->set = fleet->count;
    nodes->version = 1;
    LW_SET_VALUES(*nodes, name, fleet->name_list);
    LW_SET_VALUES(*nodes, load, fleet->loads);
    LW_SET_VALUES(*nodes, remaining, fleet->remaining);
    if (stand->entry->weighted) {
        LW_SET_VALUES(*nodes, weight, fleet->weights);
    }
    if (partial) {
        nodes->eligible = fleet->eligible;
        nodes->eligible_blocks = fleet->eligible_blocks;
    }
}

static int open_strategy(struct stand *stand) {
    lw_env env = supply_env(&stand->supply);
    int code = lw_strategy_new(&stand->strategy, &env, stand->entry->spec);
    if (code != 0) {
        return code;
    }
    size_t before = stand->supply.bytes;
    code = lw_prepare(stand->strategy, &stand->views[0].nodes);
    stand->plan_bytes = stand->supply.bytes - before;
    stand->calls_at_opening = stand->supply.calls;
    return code;
}

int stand_open(struct stand *stand, const struct entry *entry, const struct fleet *fleet, bool only_limit) {
    memset(stand, 0, sizeof *stand);
    stand->entry = entry;
    stand->fleet = fleet;
    for (int partial = 0; partial < 2; partial++) {
        stand->views[partial].stand = stand;
        describe_nodes(stand, &stand->views[partial].nodes, partial);
    }
    if (probe_open(&stand->probe, probe_find(entry->probe), fleet) != 0) {
        return LW_NOMEM;
    }
    return only_limit ? 0 : open_strategy(stand);
}

void stand_close(struct stand *stand) {
    lw_strategy_free(stand->strategy);
    probe_close(&stand->probe);
    stand->strategy = NULL;
}

size_t stand_calls_since(const struct stand *stand) { return stand->supply.calls - stand->calls_at_opening; }

/* ---- building ---- */

static int time_builds(const struct stand *stand, lw_strategy *strategy, struct build_figure *figure) {
    double times[MOST_BUILDS], limits[MOST_BUILDS];
    double spent = 0;
    uint32_t builds = 0;
    lw_nodes nodes = stand->views[0].nodes;
    while (builds < LEAST_BUILDS || (builds < MOST_BUILDS && spent < build_budget)) {
        double start = frame_now();
        int code = lw_prepare(strategy, &nodes);
        times[builds] = frame_now() - start;
        limits[builds] = probe_time_build(stand->probe.kind, stand->fleet);
        spent += times[builds] + limits[builds];
        builds++;
        nodes.version++;
        if (code != 0) {
            return code;
        }
    }
    figure->ns = frame_median(times, builds);
    figure->limit_ns = frame_median(limits, builds);
    return 0;
}

int stand_time_build(const struct stand *stand, struct build_figure *figure) {
    struct supply supply = {0};
    lw_env env = supply_env(&supply);
    lw_strategy *strategy;
    int code = lw_strategy_new(&strategy, &env, stand->entry->spec);
    if (code != 0) {
        return code;
    }
    code = time_builds(stand, strategy, figure);
    figure->bytes = stand->plan_bytes;
    figure->most_bytes = supply.most_bytes;
    lw_strategy_free(strategy);
    return code;
}
