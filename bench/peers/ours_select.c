/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* lw_select on a prepared set. What the caller keeps (names, weights, loads) is not counted as ours. */
#include "ours.h"

#include <loadwise/ops.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPEC_SIZE = 64 };

/* What a caller keeps of a node whose requests it counts, on a line of its own. */
struct busy {
    _Alignas(64) uint32_t inflight;
};

struct selection {
    const struct scene *scene;
    struct supply supply;
    lw_strategy *strategy;
    lw_nodes nodes;
    struct busy *busy;
    const char **fewer_names; /* without the node in the middle; made by the first change */
    uint32_t *fewer_weights;
};

/* ---- strategies that do nothing: what is left is the price of the door ---- */

static ptrdiff_t nothing_pick(const lw_view *view) {
    (void)view;
    return 0;
}

static int nothing_build(const lw_build *build, void **plan) {
    *plan = lw_build_alloc(build, 1);
    return *plan != NULL ? LW_OK : LW_NOMEM;
}

static const lw_strategy_ops nothing = {
    .size = sizeof nothing, .name = "nothing", .help = "the first node", .pick = nothing_pick};
static const lw_strategy_ops nothing_planned = {.size = sizeof nothing_planned,
                                                .name = "nothing_planned",
                                                .help = "the first node, beside a plan",
                                                .needs = LW_NEEDS_PLAN,
                                                .plan_build = nothing_build,
                                                .pick = nothing_pick};
static const lw_strategy_ops *const own_ops[] = {&nothing, &nothing_planned};

/* ---- opening ---- */

static bool has(const char *spec, const char *word) { return strstr(spec, word) != NULL; }

static void describe(struct selection *selection, const char *spec) {
    const struct fleet *fleet = &selection->scene->fleet;
    lw_nodes *nodes = &selection->nodes;
    lw_nodes_init(nodes, fleet->count);
    nodes->set = 1;
    nodes->version = 1;
    LW_SET_VALUES(*nodes, name, fleet->name_list);
    LW_SET_VALUES(*nodes, load, fleet->loads);
    LW_SET_VALUES(*nodes, remaining, fleet->remaining);
    if (has(spec, "weighted") || has(spec, "wrr")) {
        LW_SET_VALUES(*nodes, weight, fleet->weights);
    }
    if (selection->busy != NULL) {
        LW_SET_ATOMIC(*nodes, inflight, selection->busy, inflight);
    }
}

/* Room for a quarter more than there are, as anchorhash is given. */
static const char *with_room(const char *spec, uint32_t count, char text[SPEC_SIZE]) {
    if (!has(spec, "anchor")) {
        return spec;
    }
    snprintf(text, SPEC_SIZE, "%s capacity=%u", spec, count + count / 4 + 1);
    return text;
}

static int open_strategy(struct selection *selection, const char *spec) {
    uint32_t count = selection->scene->fleet.count;
    char text[SPEC_SIZE];
    lw_env env = supply_env(&selection->supply);
    if (has(spec, "least_request")) {
        selection->busy = aligned_alloc(sizeof *selection->busy, count * sizeof *selection->busy);
        if (selection->busy == NULL) {
            return LW_NOMEM;
        }
        memset(selection->busy, 0, count * sizeof *selection->busy);
    }
    describe(selection, spec);
    int code = lw_strategy_from_ops(&selection->strategy, &env, own_ops, 2, with_room(spec, count, text));
    return code == LW_OK ? lw_prepare(selection->strategy, &selection->nodes) : code;
}

void *ours_select_open(const struct peer_case *kind, const struct scene *scene, const char **why) {
    struct selection *selection = calloc(1, sizeof *selection);
    if (selection == NULL) {
        return NULL;
    }
    selection->scene = scene;
    int code = open_strategy(selection, kind->what);
    if (code != LW_OK) {
        *why = lw_error_message(code);
        ours_select_close(selection);
        return NULL;
    }
    return selection;
}

void ours_select_close(void *subject) {
    struct selection *selection = subject;
    lw_strategy_free(selection->strategy);
    free(selection->busy);
    free(selection->fewer_names);
    free(selection->fewer_weights);
    free(selection);
}

size_t ours_select_bytes(const void *subject) { return ((const struct selection *)subject)->supply.bytes; }

/* ---- change ---- */

static int make_fewer(struct selection *selection) {
    const struct fleet *fleet = &selection->scene->fleet;
    uint32_t middle = fleet->count / 2, after = fleet->count - middle - 1;
    selection->fewer_names = calloc(fleet->count, sizeof *selection->fewer_names);
    selection->fewer_weights = calloc(fleet->count, sizeof *selection->fewer_weights);
    if (selection->fewer_names == NULL || selection->fewer_weights == NULL) {
        return LW_NOMEM;
    }
    memcpy(selection->fewer_names, fleet->name_list, middle * sizeof *fleet->name_list);
    memcpy(selection->fewer_names + middle, fleet->name_list + middle + 1, after * sizeof *fleet->name_list);
    memcpy(selection->fewer_weights, fleet->weights, middle * sizeof *fleet->weights);
    memcpy(selection->fewer_weights + middle, fleet->weights + middle + 1, after * sizeof *fleet->weights);
    return LW_OK;
}

int ours_select_change(void *subject) {
    struct selection *selection = subject;
    if (selection->fewer_names == NULL && make_fewer(selection) != LW_OK) {
        return LW_NOMEM;
    }
    lw_nodes fewer = selection->nodes;
    fewer.count--;
    fewer.version = ++selection->nodes.version;
    fewer.name.at.base = selection->fewer_names;
    fewer.weight.at.base = selection->fewer_weights;
    int code = lw_prepare(selection->strategy, &fewer);
    selection->nodes.version++;
    return code == LW_OK ? lw_prepare(selection->strategy, &selection->nodes) : code;
}

/* ---- picks ---- */

uint64_t ours_pick_plain(void *subject, uint32_t thread, uint64_t picks) {
    const struct selection *selection = subject;
    uint64_t sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        sum += (uint64_t)lw_select(selection->strategy, &selection->nodes, NULL);
    }
    return sum;
}

uint64_t ours_pick_keyed(void *subject, uint32_t thread, uint64_t picks) {
    const struct selection *selection = subject;
    const uint64_t *keys = selection->scene->fleet.keys;
    lw_request request = LW_REQUEST_INIT;
    uint64_t sum = 0;
    (void)thread;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = keys[i % PROTOCOL_KEYS];
        sum += (uint64_t)lw_select(selection->strategy, &selection->nodes, &request);
    }
    return sum;
}

/* The key is text, and hashing it is part of the pick. */
static inline uint64_t pick_hashed(const struct selection *selection, uint64_t picks,
                                   uint64_t (*hash)(const void *bytes, size_t size)) {
    const struct scene *scene = selection->scene;
    lw_request request = LW_REQUEST_INIT;
    uint64_t sum = 0;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = hash(scene->texts[i % PROTOCOL_KEYS], PROTOCOL_KEY_SIZE);
        sum += (uint64_t)lw_select(selection->strategy, &selection->nodes, &request);
    }
    return sum;
}

uint64_t ours_pick_text(void *subject, uint32_t thread, uint64_t picks) {
    (void)thread;
    return pick_hashed(subject, picks, lw_id);
}

uint64_t ours_pick_memcached(void *subject, uint32_t thread, uint64_t picks) {
    (void)thread;
    return pick_hashed(subject, picks, lw_key_libmemcached);
}

uint64_t ours_pick_nginx(void *subject, uint32_t thread, uint64_t picks) {
    (void)thread;
    return pick_hashed(subject, picks, lw_key_nginx);
}

/* A request that ends at once, as the strategy is told. */
uint64_t ours_pick_and_end(void *subject, uint32_t thread, uint64_t picks) {
    const struct selection *selection = subject;
    const uint64_t *keys = selection->scene->fleet.keys;
    lw_request request = LW_REQUEST_INIT;
    lw_sample sample = LW_SAMPLE_INIT;
    uint64_t sum = 0;
    (void)thread;
    request.flags = LW_REQUEST_KEYED;
    for (uint64_t i = 0; i < picks; i++) {
        request.key = keys[i % PROTOCOL_KEYS];
        ptrdiff_t index = lw_select(selection->strategy, &selection->nodes, &request);
        if (index >= 0) {
            lw_feedback(selection->strategy, &selection->nodes, (uint32_t)index, &sample);
        }
        sum += (uint64_t)index;
    }
    return sum;
}

/* A request that ends at once, as the caller counts it. */
uint64_t ours_pick_and_count(void *subject, uint32_t thread, uint64_t picks) {
    const struct selection *selection = subject;
    uint64_t sum = 0;
    (void)thread;
    for (uint64_t i = 0; i < picks; i++) {
        ptrdiff_t index = lw_select(selection->strategy, &selection->nodes, NULL);
        if (index >= 0) {
            __atomic_fetch_add(&selection->busy[index].inflight, 1, __ATOMIC_RELAXED);
            __atomic_fetch_sub(&selection->busy[index].inflight, 1, __ATOMIC_RELAXED);
        }
        sum += (uint64_t)index;
    }
    return sum;
}
