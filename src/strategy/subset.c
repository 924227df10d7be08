/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * subset(X): X chooses among `size` of the nodes only, others than those of other clients: so a client keeps few
 * connections, and a node has few clients. Which, lots.h says; it is laid down in the plan as a bitmap, and X is asked
 * about the nodes that are in it and may be chosen.
 *
 * Where none of them may be chosen, X is asked about all: a client cut off from its few nodes must not fail while the
 * rest of the fleet is well. spill=none refuses instead.
 *
 * Source: gRPC A68; Site Reliability Engineering (2016), chapter 20; Rocksteadier (2022). Cost: one copy of the view on
 * top of X, which looks at a bitmap. Memory: n / 8 bytes.
 */
#include "base/random.h"
#include "strategy/lots.h"
#include "strategy/table.h"

enum { SPILL_ALL = 0, SPILL_NONE = 1 };

#define OWN_CLIENT UINT32_MAX

struct subset_config {
    uint64_t size;
    uint64_t client;
    uint64_t by;
    uint64_t spill;
};

struct subset_lane {
    uint64_t spills;
};

static int subset_build(const lw_build *build, void **out) {
    const struct subset_config *config = build->config;
    uint64_t client = config->client != OWN_CLIENT ? config->client : lw__mix(build->seed) >> 32;
    uint64_t *bits = lw_build_alloc(build, LW_BITMAP_WORDS(build->count) * sizeof *bits);
    if (bits == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(build->count); w++) {
        bits[w] = 0;
    }
    int error = lw__lots_draw(build, config->by, (uint32_t)config->size, client, bits);
    if (error != LW_OK) {
        lw_build_release(build, bits);
        return error;
    }
    *out = bits;
    return LW_OK;
}

/* Is nobody of the subset to be had, and may it be somebody else? */
static bool spills(const lw_view *view, const lw_view *narrowed, ptrdiff_t answer) {
    const struct subset_config *config = lw_view_config(view);
    return lw_is_refusal(answer) && config->spill == SPILL_ALL && lw_view_count(narrowed) == 0;
}

static ptrdiff_t subset_pick(const lw_view *view) {
    lw_view narrowed = lw_view_within(view, lw_view_plan(view));
    ptrdiff_t index = lw_view_child_pick(&narrowed, 0);
    if (__builtin_expect(index < 0, 0) && spills(view, &narrowed, index)) {
        struct subset_lane *lane = lw_view_lane(view);
        lw_view_ticket(view, &lane->spills);
        return lw_view_child_pick(view, 0);
    }
    return index;
}

static ptrdiff_t subset_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    lw_view narrowed = lw_view_within(view, lw_view_plan(view));
    ptrdiff_t count = lw_view_child_sequence(&narrowed, 0, key, out, room);
    return spills(view, &narrowed, count) ? lw_view_child_sequence(view, 0, key, out, room) : count;
}

static const char *subset_misfit(uint32_t below) {
    return (below & LW_NEEDS_WITHIN) == 0 ? NULL : "does not stand around another subset";
}

static uint64_t subset_counter(const lw_memory *memory, uint32_t which) {
    (void)which;
    return lw_memory_lane_sum(memory, offsetof(struct subset_lane, spills));
}

static const char *const subset_counters[] = {"spills"};

static const lw_param subset_params[] = {
    {"size", LW_PARAM_U64, offsetof(struct subset_config, size), "20", "1", "2147483647", NULL,
     "how many nodes this client uses; with no more nodes than that, all"},
    {"client", LW_PARAM_U64, offsetof(struct subset_config, client), "4294967295", "0", "4294967295", NULL,
     "number of this client, 0, 1, 2 and so on, each its own; 4294967295: draw one"},
    {"by", LW_PARAM_CHOICE, offsetof(struct subset_config, by), "random", NULL, NULL, "random|shuffle|lots",
     "which nodes: least churn; exact shares for a steady fleet; or nearly those, and diverse"},
    {"spill", LW_PARAM_CHOICE, offsetof(struct subset_config, spill), "all", NULL, NULL, "all|none",
     "when none of the subset may be chosen: any node, or a refusal"},
};

const lw_strategy_ops lw__subset = {
    .size = sizeof lw__subset,
    .name = "subset",
    .help = "Only some of the nodes, other ones for each client: subset(p2c). For many clients and many nodes.",
    .params = subset_params,
    .param_count = sizeof subset_params / sizeof *subset_params,
    .config_size = sizeof(struct subset_config),
    .children_min = 1,
    .children_max = 1,
    .needs = LW_HAS(id) | LW_NEEDS_PLAN | LW_NEEDS_WITHIN,
    .lane_size = sizeof(struct subset_lane),
    .plan_build = subset_build,
    .pick = subset_pick,
    .sequence = subset_sequence,
    .misfit = subset_misfit,
    .counters = subset_counters,
    .counter_count = 1,
    .counter = subset_counter,
};
