/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Only public calls, as a user makes them: one strategy shared by both threads, a request only where a key is needed.
 */
#include "stand.h"

#include "keyed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END_LATENCY = 1000000 /* ns */, CHECKS = 4000, MOST_BUILDS = 15, LEAST_BUILDS = 5 };

static const double build_budget = 40e6; /* ns for all builds of a stand, once there are LEAST_BUILDS */

static const struct entry entries[] = {
    {.spec = "round_robin", .name = "round_robin", .probe = "round_robin", .goals = {5, 5}},
    {.spec = "smooth_wrr", .name = "smooth_wrr", .probe = "smooth_wrr", .weighted = true, .goals = {5, 0}},
    {.spec = "stride", .name = "stride", .probe = "round_robin", .weighted = true, .goals = {6, 0}},
    {.spec = "edf", .name = "edf", .probe = "smooth_wrr", .weighted = true},
    {.spec = "random", .name = "random", .probe = "random", .goals = {4, 0}},
    {.spec = "weighted_random",
     .name = "weighted_random",
     .probe = "weighted_random",
     .weighted = true,
     .goals = {5, 0}},
    {.spec = "weighted_random live=true", .name = "weighted_live", .probe = "weighted_random", .weighted = true},
    {.spec = "p2c", .name = "p2c", .probe = "p2c", .goals = {6, 0}},
    {.spec = "least_load", .name = "least_load", .probe = "least_load", .goals = {12, 0}},
    {.spec = "least_request", .name = "least_request", .probe = "p2c", .weighted = true},
    {.spec = "sed", .name = "sed", .probe = "least_load", .weighted = true},
    {.spec = "nq", .name = "nq", .probe = "least_load", .weighted = true},
    {.spec = "jiq", .name = "jiq", .probe = "random"},
    {.spec = "least_time", .name = "least_time", .probe = "least_load", .learns = true, .most = 1024},
    {.spec = "c3", .name = "c3", .probe = "least_load", .learns = true, .most = 1024},
    {.spec = "prequal", .name = "prequal", .probe = "random"},
    {.spec = "most_available", .name = "most_available", .probe = "most_available", .goals = {60, 0}},
    {.spec = "fill_first", .name = "fill_first", .probe = "round_robin"},
    {.spec = "ring", .name = "ring", .probe = "ring", .keyed = true, .goals = {12, 0}},
    {.spec = "maglev", .name = "maglev", .probe = "maglev", .keyed = true, .goals = {4, 0}},
    {.spec = "ketama", .name = "ketama", .probe = "ketama", .keyed = true},
    {.spec = "jump", .name = "jump", .probe = "jump", .keyed = true},
    {.spec = "anchor", .name = "anchor", .probe = "anchor", .keyed = true, .most = 1024},
    {.spec = "multi_probe", .name = "multi_probe", .probe = "multi_probe", .keyed = true},
    {.spec = "rendezvous", .name = "rendezvous", .probe = "rendezvous", .keyed = true},
    {.spec = "chain(ring, random)", .name = "chain", .probe = "chain", .keyed = true},
    {.spec = "bounded(maglev)", .name = "bounded", .probe = "maglev", .keyed = true, .ends = true},
    {.spec = "sticky(maglev)", .name = "sticky", .probe = "maglev", .keyed = true},
    {.spec = "subset(p2c)", .name = "subset", .probe = "p2c"},
};

const struct entry *entry_at(uint32_t position) {
    return position < sizeof entries / sizeof *entries ? &entries[position] : NULL;
}

const struct entry *entry_find(const char *name) {
    for (uint32_t e = 0; entry_at(e) != NULL; e++) {
        if (strcmp(entry_at(e)->name, name) == 0) {
            return entry_at(e);
        }
    }
    return NULL;
}

/* ---- the loops of a row ---- */

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
    (void)thread;
    return keyed_picks(view->stand->strategy, &view->nodes, view->stand->fleet->keys, picks);
}

/* A request that ends at once, with a key where that matters. */
static uint64_t pick_and_end(void *subject, uint32_t thread, uint64_t picks) {
    const struct view *view = subject;
    lw_strategy *strategy = view->stand->strategy;
    const uint64_t *keys = view->stand->fleet->keys;
    lw_request request = LW_REQUEST_INIT;
    lw_sample sample = LW_SAMPLE_INIT;
    uint64_t sum = 0;
    (void)thread;
    request.flags = LW_REQUEST_KEYED;
    sample.latency = END_LATENCY;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = keys[i % FLEET_KEYS];
        ptrdiff_t index = lw_select(strategy, &view->nodes, &request);
        if (index >= 0) {
            lw_feedback(strategy, &view->nodes, (uint32_t)index, &sample);
        }
        sum += (uint64_t)index;
    }
    return sum;
}

struct frame_task stand_task(struct stand *stand, bool partial) {
    frame_loop *loop = stand->entry->ends ? pick_and_end : stand->entry->keyed ? pick_keyed : pick_plain;
    return (struct frame_task){loop, &stand->views[partial], 0};
}

struct frame_task stand_limit_task(struct stand *stand, bool partial) {
    const struct probe_kind *kind = stand->probe.kind;
    enum probe_form form = stand->entry->ends ? PROBE_CHARGED : PROBE_PICK;
    return (struct frame_task){partial ? kind->partial[form] : kind->whole[form], &stand->probe, 0};
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
    bool lowest = strcmp(stand->entry->name, "least_load") == 0;
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
    LW_SET_VALUES(*nodes, inflight, fleet->inflight);
    LW_SET_VALUES(*nodes, capacity, fleet->capacity);
    if (stand->entry->weighted) {
        LW_SET_VALUES(*nodes, weight, fleet->weights);
    }
    if (partial) {
        nodes->eligible = fleet->eligible;
        nodes->eligible_blocks = fleet->eligible_blocks;
    }
}

/* Each node takes its own time, so that there is something to compare. */
static int teach(const struct stand *stand) {
    const struct fleet *fleet = stand->fleet;
    lw_sample sample = LW_SAMPLE_INIT;
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < fleet->count; i++) {
        sample.latency = END_LATENCY + (uint64_t)(fleet->loads[i] * END_LATENCY);
        sample.service = sample.latency;
        code = lw_feedback(stand->strategy, &stand->views[0].nodes, i, &sample);
    }
    return code;
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
    if (code == 0 && stand->entry->learns) {
        code = teach(stand);
    }
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
    if (probe_open(&stand->probe, probe_find(entry->probe), fleet) != 0 ||
        (entry->ends && probe_open_nodes(&stand->probe, true) != 0)) {
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
