/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * edf: earliest deadline first, in exact arithmetic. Weights 5, 1, 1 give a a a a b c a, in every cycle.
 *
 * Rule (Envoy's scheduler). Turn k of a node of weight w, k from 1, is due at k / w. The next turn is the one that is
 * due first; of those due together, the one whose node waits longest. Since that began at (k - 1) / w, it is the
 * lighter node, and among equal weights the first in order. Floating point drifts off this order within cycles; here
 * deadlines are compared as fractions, and one cycle of W = sum / gcd turns is laid out in the plan.
 *
 * A cycle beyond max_period is refused, naming the node at which it grew too long: never rescaled.
 *
 * Ineligible nodes are passed over by taking the next turns; see rotation.h.
 *
 * Cost per pick: one counter in the thread's own lane, one division, one load of a 2-byte slot.
 */
#include "strategy/rotation.h"
#include "strategy/table.h"
#include "strategy/turns.h"

struct edf_config {
    struct lw__rotation_config rotation;
    uint64_t max_period;
};

struct edf_plan {
    uint32_t cycle;
    uint16_t slots[];
};

/* `value` is the rounds that a class has taken: its next turn is due at (value + 1) / weight. */
static struct lw__turn_class *earliest_deadline(struct lw__turn_order *order) {
    struct lw__turn_class *best = order->classes;
    for (struct lw__turn_class *c = best + 1; c < order->classes + order->count; c++) {
        if ((c->value + 1) * best->weight < (best->value + 1) * c->weight) {
            best = c; /* of equals the lighter, which comes first */
        }
    }
    best->value += lw__turn_ends_round(best);
    return best;
}

/* The cycle, or LW_TOO_LARGE: it counts turns and, since a slot holds an index, nodes. */
static int measure_cycle(const lw_build *build, uint32_t gcd, uint32_t *cycle) {
    const struct edf_config *config = build->config;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        sum += build->weights[i] / gcd;
        if (sum > config->max_period) {
            return lw_build_fail(build, LW_TOO_LARGE, i, "weight %u makes the cycle longer than max_period=%u turns",
                                 build->weights[i], (uint32_t)config->max_period);
        }
        if (i >= LW__TURN_NODES && build->weights[i] > 0) {
            return lw_build_fail(build, LW_TOO_LARGE, i, "weight %u stands past the %u nodes that a cycle can name",
                                 build->weights[i], (uint32_t)LW__TURN_NODES);
        }
    }
    *cycle = (uint32_t)sum;
    return LW_OK;
}

static int edf_build(const lw_build *build, void **out) {
    uint32_t gcd = lw__weights_gcd(build->weights, build->count), cycle = 0;
    int error = gcd != 0 ? measure_cycle(build, gcd, &cycle) : LW_OK;
    if (gcd == 0 || error != LW_OK) {
        return error; /* no weights, no plan */
    }
    struct edf_plan *plan = lw_build_alloc(build, sizeof *plan + cycle * sizeof *plan->slots);
    if (plan == NULL) {
        return LW_NOMEM;
    }
    plan->cycle = cycle;
    error = lw__turns_lay_out(build, gcd, earliest_deadline, plan->slots, cycle);
    if (error != LW_OK) {
        lw_build_release(build, plan);
        return error;
    }
    *out = plan;
    return LW_OK;
}

static inline uint32_t edf_next(const lw_view *view, const void *of) {
    const struct edf_plan *plan = of;
    return plan->slots[lw__rotation_place(lw__rotation_next(view), plan->cycle)];
}

__attribute__((noinline)) static ptrdiff_t edf_past_gaps(const lw_view *view, const struct edf_plan *plan) {
    return lw__rotation_past_gaps(view, edf_next, plan);
}

static ptrdiff_t edf_pick(const lw_view *view) {
    const struct edf_plan *plan = lw_view_plan(view);
    if (plan == NULL) {
        return lw__weightless(view);
    }
    return lw_view_all(view) ? (ptrdiff_t)edf_next(view, plan) : edf_past_gaps(view, plan);
}

static const lw_param edf_params[] = {
    LW__ROTATION_PARAMS,
    {"max_period", LW_PARAM_U64, offsetof(struct edf_config, max_period), "65536", "1", "65536", NULL,
     "longest cycle, the sum of the weights over their greatest common divisor; a longer one is refused"},
};

const lw_strategy_ops lw__edf = {
    .size = sizeof lw__edf,
    .name = "edf",
    .help = "Weighted turns by earliest deadline (Envoy's rule), exact. For those who know and want that order.",
    .params = edf_params,
    .param_count = sizeof edf_params / sizeof *edf_params,
    .config_size = sizeof(struct edf_config),
    .needs = LW_HAS(weight) | LW_NEEDS_PLAN,
    .lane_size = sizeof(struct lw__rotation_lane),
    .lane_init = lw__rotation_lane_init,
    .plan_build = edf_build,
    .pick = edf_pick,
};
