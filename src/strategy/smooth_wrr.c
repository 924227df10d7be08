/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * smooth_wrr: weighted round robin that interleaves instead of bursting. Weights 5, 1, 1 give a a b a c a a.
 *
 * Rule (nginx, commit 52327e0, 2012): each turn every node's current value grows by its weight; the largest, the first
 * of equals, is picked and loses the sum of all weights. The sequence repeats after W = sum / gcd turns, so it is laid
 * out once, in the plan (turns.h), and a pick is a ticket and a table entry.
 *
 * Beyond max_period slots the cycle is walked in golden-ratio steps instead: turn t belongs to the node that holds
 * place t * s mod W of the running sums, s near W / 1.618 and coprime to W. Each cycle is still exact, and since such
 * steps spread evenly (three-distance theorem) no node bursts; the order is not nginx's.
 *
 * Ineligible nodes are passed over by taking the next tickets, so that over each cycle the eligible ones get exact
 * shares per lane; after 32 misses, or with exclusions, the pick is a draw by weight among what may be chosen.
 *
 * Cost per pick: one counter in the thread's own lane, one division, one load of a 2-byte slot; O(log n) beyond
 * max_period. Build: O(W x distinct weights), at most 65536 x 361.
 */
#include "strategy/rotation.h"
#include "strategy/table.h"
#include "strategy/turns.h"

__extension__ typedef unsigned __int128 product128;

struct wrr_config {
    struct lw__rotation_config rotation;
    uint64_t max_period;
};

struct wrr_plan {
    uint64_t cycle; /* W */
    uint64_t step;  /* 0: laid out in slots; else the golden step, over sums */
    uint32_t count;
    union {
        uint16_t *slots;
        uint64_t *sums;
    } at;
};

/* The class with the largest value, ties to the lowest index. */
static struct lw__turn_class *smoothest(struct lw__turn_order *order) {
    struct lw__turn_class *best = order->classes;
    for (struct lw__turn_class *c = best; c < order->classes + order->count; c++) {
        c->value += c->weight;
        if (c->value > best->value ||
            (c->value == best->value && lw__turn_head(order, c) < lw__turn_head(order, best))) {
            best = c;
        }
    }
    if (lw__turn_ends_round(best)) { /* its first node was picked once more than its last: a round behind */
        best->value -= order->cycle;
    }
    return best;
}

static uint64_t gcd64(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void build_sums(struct wrr_plan *plan, const lw_build *build, uint32_t gcd) {
    lw__sums_fill(build, gcd, plan->at.sums);
    plan->step = (uint64_t)((product128)plan->cycle * LW__GOLDEN >> 64) | 1;
    while (gcd64(plan->step, plan->cycle) != 1) {
        plan->step++;
    }
}

static int wrr_build(const lw_build *build, void **out) {
    const struct wrr_config *config = build->config;
    uint32_t gcd = lw__weights_gcd(build->weights, build->count);
    if (gcd == 0) {
        return LW_OK; /* no weights, no plan */
    }
    uint64_t cycle = lw__weights_sum(build->weights, build->count) / gcd;
    bool fits = cycle <= config->max_period && build->count <= LW__TURN_NODES;
    size_t body = fits ? cycle * sizeof(uint16_t) : build->count * sizeof(uint64_t);
    struct wrr_plan *plan = lw_build_alloc(build, sizeof *plan + body);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    *plan = (struct wrr_plan){.cycle = cycle, .count = build->count, .at.slots = (uint16_t *)(void *)(plan + 1)};
    if (!fits) {
        build_sums(plan, build, gcd);
    } else if (lw__turns_lay_out(build, gcd, smoothest, plan->at.slots, (uint32_t)cycle) != LW_OK) {
        lw_build_release(build, plan);
        return LW_NOMEM;
    }
    *out = plan;
    return LW_OK;
}

static inline uint32_t wrr_next(const lw_view *view, const void *of) {
    const struct wrr_plan *plan = of;
    uint64_t ticket = lw__rotation_next(view);
    if (__builtin_expect(plan->step == 0, 1)) {
        return plan->at.slots[lw__rotation_place(ticket, (uint32_t)plan->cycle)];
    }
    uint64_t place = (uint64_t)((product128)(ticket % plan->cycle) * plan->step % plan->cycle);
    return lw__sums_find(plan->at.sums, plan->count, place);
}

/* Past nodes that may not be chosen; or over a cycle too long to lay out. */
__attribute__((noinline)) static ptrdiff_t pick_past_gaps(const lw_view *view, const struct wrr_plan *plan) {
    return lw__rotation_past_gaps(view, wrr_next, plan);
}

static ptrdiff_t wrr_pick(const lw_view *view) {
    const struct wrr_plan *plan = lw_view_plan(view);
    if (plan == NULL) {
        return lw__weightless(view);
    }
    if (__builtin_expect(lw_view_all(view) && plan->step == 0, 1)) {
        return plan->at.slots[lw__rotation_place(lw__rotation_next(view), (uint32_t)plan->cycle)];
    }
    return pick_past_gaps(view, plan);
}

static const lw_param wrr_params[] = {
    LW__ROTATION_PARAMS,
    {"max_period", LW_PARAM_U64, offsetof(struct wrr_config, max_period), "65536", "1", "65536", NULL,
     "longest cycle that is laid out as a table; longer ones are walked in golden-ratio steps, exact per cycle too"},
};

const lw_strategy_ops lw__smooth_wrr = {
    .size = sizeof lw__smooth_wrr,
    .name = "smooth_wrr",
    .help = "Weighted turns without bursts (nginx's rule). For unequal nodes and requests of equal cost.",
    .params = wrr_params,
    .param_count = sizeof wrr_params / sizeof *wrr_params,
    .config_size = sizeof(struct wrr_config),
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .lane_size = sizeof(struct lw__rotation_lane),
    .lane_init = lw__rotation_lane_init,
    .plan_build = wrr_build,
    .pick = wrr_pick,
};
