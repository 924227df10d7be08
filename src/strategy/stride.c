/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * stride: weighted round robin with nothing to lay out. For many nodes, or weights that change often.
 *
 * Rule (gRPC proposal A58). Weights are scaled so that the largest becomes K = 65535. Ticket s stands for node i = s
 * mod n in generation g = s / n. Node i takes the turn if (W_i g + 32767 i) mod K >= K - W_i, else the next ticket is
 * asked. As g runs over any K generations, that holds exactly W_i times; 32767 i keeps nodes out of step. Only nodes of
 * weight above 0 count here, so that the others cost nothing: i is the position among them.
 *
 * The mean number of tickets for a pick is max / mean of the weights. To bound it, weights above a cap count as the
 * cap, the greatest that is at most max_ratio times the mean of the weights as they then count; and weights below a
 * hundredth of that mean as a hundredth.
 *
 * Ineligible nodes are passed over by taking the next turns; see rotation.h.
 *
 * Cost per pick: max / mean tickets, at most max_ratio, and one product in place of a division; at most n tickets in a
 * lane of one's own, since the heaviest node takes each of its turns. The plan has 8 bytes a node and is built in O(n):
 * a few passes.
 */
#include "strategy/rotation.h"
#include "strategy/table.h"

enum { STRIDE_SCALE = 65535, STRIDE_OFFSET = 32767, STRIDE_FLOOR = 100 /* parts of the mean */ };

struct stride_config {
    struct lw__rotation_config rotation;
    uint64_t max_ratio;
};

struct stride_entry {
    uint32_t node;
    uint16_t weight; /* 1 to STRIDE_SCALE */
    uint16_t offset;
};

struct stride_plan {
    uint64_t reciprocal; /* ceil(2^64 / count) */
    uint32_t count;
    uint32_t narrow; /* tickets below 2^narrow are divided by it: 32, but 0 for a single node */
    struct stride_entry entries[];
};

__extension__ typedef unsigned __int128 stride_wide;

/* What the weights are measured by. */
struct stride_measure {
    uint64_t count;
    stride_wide top, bottom; /* top / bottom, the cap, becomes STRIDE_SCALE */
    uint32_t least;
};

/* part / whole of the scale, to the nearest. */
static uint64_t share_of_scale(stride_wide part, stride_wide whole) {
    return (uint64_t)((2 * part * STRIDE_SCALE + whole) / (2 * whole));
}

/* What the weights come to under this cap: the sum of what counts, times its bottom, and that of the cap which would
   be right for the nodes that reach this one: ratio * under / (count - ratio * reaching). */
static stride_wide sum_under_cap(const lw_build *build, struct stride_measure *measure, uint64_t ratio) {
    stride_wide under = 0, reaching = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        bool reaches = build->weights[i] * measure->bottom >= measure->top;
        reaching += reaches;
        under += reaches ? 0 : build->weights[i];
    }
    stride_wide sum = under * measure->bottom + reaching * measure->top;
    if (measure->top * measure->count > ratio * sum) {
        measure->top = ratio * under;
        measure->bottom = measure->count - ratio * reaching;
        return 0;
    }
    return sum;
}

/* Lowers the cap from the greatest weight until it is no more than the ratio allows. Each step leaves it too high or
   right, since the mean is concave in the cap (Newton's method), and a few are enough. */
static struct stride_measure measure_weights(const lw_build *build) {
    const struct stride_config *config = build->config;
    struct stride_measure measure = {.bottom = 1};
    stride_wide sum = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        measure.count += build->weights[i] > 0;
        measure.top = build->weights[i] > measure.top ? build->weights[i] : measure.top;
    }
    while (measure.count > 0 && sum == 0) {
        sum = sum_under_cap(build, &measure, config->max_ratio);
    }
    if (measure.count > 0) { /* at least 1, since max_ratio is at most 1000 */
        measure.least = (uint32_t)share_of_scale(sum, measure.top * measure.count * STRIDE_FLOOR);
    }
    return measure;
}

static uint16_t scale_weight(const struct stride_measure *measure, uint32_t weight) {
    stride_wide part = weight * measure->bottom;
    uint64_t scaled = part < measure->top ? share_of_scale(part, measure->top) : STRIDE_SCALE;
    return (uint16_t)(scaled < measure->least ? measure->least : scaled);
}

static int stride_build(const lw_build *build, void **out) {
    struct stride_measure measure = measure_weights(build);
    if (measure.count == 0) {
        return LW_OK; /* no weights, no plan */
    }
    struct stride_plan *plan = lw_build_alloc(build, sizeof *plan + measure.count * sizeof *plan->entries);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    for (uint32_t i = 0; i < build->count; i++) {
        if (build->weights[i] > 0) {
            uint16_t offset = (uint16_t)((uint64_t)plan->count * STRIDE_OFFSET % STRIDE_SCALE);
            plan->entries[plan->count++] = (struct stride_entry){i, scale_weight(&measure, build->weights[i]), offset};
        }
    }
    plan->reciprocal = UINT64_MAX / plan->count + 1;
    plan->narrow = plan->count > 1 ? 32 : 0;
    *out = plan;
    return LW_OK;
}

/* ticket / count. Below 2^32 the high half of a product is exact, whatever the count (Granlund and Montgomery 1994). */
static inline uint64_t stride_generation(const struct stride_plan *plan, uint64_t ticket) {
    return __builtin_expect(ticket >> plan->narrow == 0, 1) ? (uint64_t)((stride_wide)ticket * plan->reciprocal >> 64)
                                                            : ticket / plan->count;
}

static inline bool takes_turn(struct stride_entry entry, uint32_t generation) {
    return ((uint32_t)entry.weight * generation + entry.offset) % STRIDE_SCALE >= STRIDE_SCALE - (uint32_t)entry.weight;
}

/* The node of the next turn that is taken. While nobody else is in the lane, tickets follow each other, and place and
   generation need no second division. */
static inline uint32_t stride_next(const lw_view *view, const void *of) {
    const struct stride_plan *plan = of;
    uint64_t ticket = lw__rotation_next(view);
    for (;;) {
        uint64_t turn = stride_generation(plan, ticket);
        uint32_t place = (uint32_t)(ticket - turn * plan->count), generation = (uint32_t)(turn % STRIDE_SCALE);
        for (uint64_t expected = ticket; ticket == expected; expected++, ticket = lw__rotation_next(view)) {
            struct stride_entry entry = plan->entries[place];
            if (takes_turn(entry, generation)) {
                return entry.node;
            }
            if (++place == plan->count) {
                place = 0;
                generation = generation + 1 == STRIDE_SCALE ? 0 : generation + 1;
            }
        }
    }
}

__attribute__((noinline)) static ptrdiff_t stride_past_gaps(const lw_view *view, const struct stride_plan *plan) {
    return lw__rotation_past_gaps(view, stride_next, plan);
}

static ptrdiff_t stride_pick(const lw_view *view) {
    const struct stride_plan *plan = lw_view_plan(view);
    if (plan == NULL) {
        return lw__weightless(view);
    }
    return lw_view_all(view) ? (ptrdiff_t)stride_next(view, plan) : stride_past_gaps(view, plan);
}

static const lw_param stride_params[] = {
    LW__ROTATION_PARAMS,
    {"max_ratio", LW_PARAM_U64, offsetof(struct stride_config, max_ratio), "10", "1", "1000", NULL,
     "no weight counts as more than so many times the mean, which bounds the tickets for a pick"},
};

const lw_strategy_ops lw__stride = {
    .size = sizeof lw__stride,
    .name = "stride",
    .help = "Weighted turns without a table of turns (gRPC's rule). For large fleets and weights that change often.",
    .params = stride_params,
    .param_count = sizeof stride_params / sizeof *stride_params,
    .config_size = sizeof(struct stride_config),
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .lane_size = sizeof(struct lw__rotation_lane),
    .lane_init = lw__rotation_lane_init,
    .plan_build = stride_build,
    .pick = stride_pick,
};
