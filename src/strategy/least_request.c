/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * least_request: few requests in flight, and weights. With a requests in flight the weight w counts as
 *
 *     e = w / (a + 1)^bias
 *
 * Weights all alike: the fewest in flight of d distinct nodes, or of all with mode=scan. Other weights: chance in
 * proportion to e, exactly with mode=scan; mode=sample goes towards it in d steps. It draws a node by weight, and d - 1
 * times another, which takes its place with chance
 *
 *     min(1, ((a + 1) / (a' + 1))^bias)        a of the node so far, a' of the other
 *
 * (Metropolis' rule). Steps of this kind leave chances proportional to e as they are, and bring any others nearer;
 * where all a are equal every step is taken, so that shares are by weight exactly whatever d; and nothing is summed or
 * kept. Both ways hold for nodes that may be chosen, whoever else there is.
 *
 * Source: Envoy's LEAST_REQUEST, whose queue of deadlines gives each node its share e. Cost per pick: d draws and d
 * counts; mode=scan O(n), for weights alike in a pool O(log n). Where weights differ and only a part of the nodes may
 * be chosen, O(n) at worst to see whether theirs do; that ends at the first which does.
 */
#include "base/fixed.h"
#include "strategy/distinct.h"
#include "strategy/lottery.h"
#include "strategy/sed.h"
#include "strategy/table.h"

enum { MODE_SAMPLE = 0, MODE_SCAN = 1, WORD_BITS = 64, BIAS_BITS = 20 };

struct least_request_config {
    uint64_t mode;
    uint64_t choices;
    double bias;
};

struct least_request_plan {
    void *table;
    uint64_t total; /* of the weights */
    bool alike;     /* all weights but 0 */
    bool zeros;     /* some weight is 0 */
};

/* a + 1 */
static uint32_t crowd_of(const lw_view *view, uint32_t index) {
    uint32_t inflight = lw_view_inflight(view, index);
    return inflight < UINT32_MAX ? inflight + 1 : UINT32_MAX;
}

/* (low / crowd)^bias as a Q32, for a crowd of at least `low`. */
static uint64_t shrunk(uint32_t low, uint32_t crowd, double bias) {
    if (bias == 1) {
        return ((uint64_t)low << 32) / crowd;
    }
    uint64_t power = (uint64_t)(bias * (1 << BIAS_BITS) + 0.5);
    return lw__exp2_neg((lw__log2(crowd) - lw__log2(low)) * power >> BIAS_BITS);
}

/* ---- weights alike ---- */

static ptrdiff_t fewest_of_some(const lw_view *view, const struct least_request_plan *plan, uint32_t d) {
    uint32_t drawn[LW__CHOICES];
    ptrdiff_t found = plan->alike && !plan->zeros ? lw__distinct_draw(view, drawn, d)
                                                  : lw__distinct_draw_weighted(view, plan->table, drawn, d);
    uint32_t best = found > 0 ? drawn[0] : 0;
    for (ptrdiff_t i = 1; i < found; i++) {
        best = lw_view_inflight(view, drawn[i]) < lw_view_inflight(view, best) ? drawn[i] : best;
    }
    return found > 0 ? (ptrdiff_t)best : found;
}

/* A pool knows who has the fewest. */
static ptrdiff_t fewest_known(const lw_view *view) {
    if ((view->nodes->present & LW_HAS_SIGNALS) == 0) {
        return -1;
    }
    const lw_f64_column *column = &view->nodes->signals[LW_SIGNAL_INFLIGHT];
    return column->least != NULL ? column->least(column->at.base, view) : -1;
}

/* Where weights are alike that is the least (a + 1) / w. */
static ptrdiff_t fewest_of_all(const lw_view *view, const struct least_request_plan *plan) {
    ptrdiff_t known = plan->zeros ? -1 : fewest_known(view);
    return known >= 0 ? known : lw__least_delay(view);
}

/* ---- weights that differ ---- */

/* Does the newcomer take the place of the one so far? */
static bool takes_over(const lw_view *view, uint32_t newcomer, uint32_t current, double bias) {
    uint32_t there = crowd_of(view, newcomer), here = crowd_of(view, current);
    if (there <= here || bias == 0) {
        return true;
    }
    return bias == 1 ? lw_view_below(view, there) < here : lw_view_random(view) >> 32 < shrunk(here, there, bias);
}

static ptrdiff_t walk_by_weight(const lw_view *view, const struct least_request_plan *plan, uint32_t d, double bias) {
    ptrdiff_t current = lw__weighted_draw(view, plan->table);
    for (uint32_t step = 1; step < d && current >= 0; step++) {
        ptrdiff_t newcomer = lw__weighted_draw(view, plan->table);
        bool comes = newcomer >= 0 && takes_over(view, (uint32_t)newcomer, (uint32_t)current, bias);
        current = comes ? newcomer : current;
    }
    return current;
}

/* Effective weights beside that of the smallest crowd, in units that let them all sum below 2^64. */
struct effective {
    double bias;
    uint32_t low;
    uint32_t shift;
};

static uint64_t effective_weight(const lw_view *view, uint32_t index, const void *how) {
    const struct effective *effective = how;
    uint64_t weight = lw_view_weight(view, index);
    uint32_t crowd = weight > 0 ? crowd_of(view, index) : 1;
    return weight * (crowd > effective->low ? shrunk(effective->low, crowd, effective->bias) : LW__ONE) >>
           effective->shift;
}

/* The smallest crowd at a node of some weight; or whether all of those weigh the same. */
struct outlook {
    uint32_t low;
    uint32_t weight; /* of the first */
    bool alike;
};

static struct outlook look_around(const lw_view *view, bool only_alike) {
    struct outlook seen = {UINT32_MAX, 0, true};
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count) && (seen.alike || !only_alike); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * WORD_BITS + (uint32_t)__builtin_ctzll(bits), weight = lw_view_weight(view, index);
            uint32_t crowd = weight > 0 && !only_alike ? crowd_of(view, index) : UINT32_MAX;
            seen.low = crowd < seen.low ? crowd : seen.low;
            seen.weight = seen.weight == 0 ? weight : seen.weight;
            seen.alike = seen.alike && (weight == 0 || weight == seen.weight);
        }
    }
    return seen;
}

static ptrdiff_t draw_by_effective_weight(const lw_view *view, const struct least_request_plan *plan, double bias) {
    struct effective effective = {bias, look_around(view, false).low, 0};
    while (plan->total >> effective.shift > UINT32_MAX) {
        effective.shift++;
    }
    ptrdiff_t index = lw__lottery_draw(view, effective_weight, &effective);
    return index >= 0 ? index : lw__weightless(view);
}

/* ---- either ---- */

static ptrdiff_t least_request_pick(const lw_view *view) {
    const struct least_request_config *config = lw_view_config(view);
    const struct least_request_plan *plan = lw_view_plan(view);
    uint32_t d = (uint32_t)config->choices;
    if (plan == NULL) {
        return lw__weightless(view);
    }
    if (plan->alike || (!lw_view_all(view) && look_around(view, true).alike)) {
        return config->mode == MODE_SCAN ? fewest_of_all(view, plan) : fewest_of_some(view, plan, d);
    }
    return config->mode == MODE_SCAN ? draw_by_effective_weight(view, plan, config->bias)
                                     : walk_by_weight(view, plan, d, config->bias);
}

static bool weights_alike(const lw_build *build) {
    uint32_t seen = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        seen = seen == 0 ? build->weights[i] : seen;
        if (build->weights[i] != 0 && build->weights[i] != seen) {
            return false;
        }
    }
    return true;
}

static int least_request_build(const lw_build *build, void **out) {
    struct least_request_plan made = {.total = lw__weights_sum(build->weights, build->count)};
    if (made.total == 0) {
        return LW_OK; /* no weights, no plan */
    }
    struct least_request_plan *plan = lw_build_alloc(build, sizeof *plan);
    if (plan == NULL || lw__alias_build(build, &made.table) != LW_OK) {
        lw_build_release(build, plan);
        return LW_NOMEM;
    }
    made.alike = weights_alike(build);
    for (uint32_t i = 0; i < build->count; i++) {
        made.zeros |= build->weights[i] == 0;
    }
    *plan = made;
    *out = plan;
    return LW_OK;
}

static void least_request_free(const lw_build *build, void *plan) {
    lw_build_release(build, plan != NULL ? ((struct least_request_plan *)plan)->table : NULL);
    lw_build_release(build, plan);
}

static uint32_t least_request_needs(const void *config) {
    return ((const struct least_request_config *)config)->mode == MODE_SCAN ? LW_NEEDS_LEAST : 0;
}

static const lw_param least_request_params[] = {
    {"mode", LW_PARAM_CHOICE, offsetof(struct least_request_config, mode), "sample", NULL, NULL, "sample|scan",
     "looks at some nodes or at all of them"},
    {"choices", LW_PARAM_U64, offsetof(struct least_request_config, choices), "2", "2", "16", NULL,
     "nodes drawn for each pick with mode=sample"},
    {"bias", LW_PARAM_F64, offsetof(struct least_request_config, bias), "1.0", "0", "10", NULL,
     "where weights differ, how much requests in flight take from a weight; 0: nothing"},
};

const lw_strategy_ops lw__least_request = {
    .size = sizeof lw__least_request,
    .name = "least_request",
    .help =
        "Few requests in flight, shares by weight while they are equal (Envoy's rule). For unequal nodes, one client.",
    .params = least_request_params,
    .param_count = sizeof least_request_params / sizeof *least_request_params,
    .config_size = sizeof(struct least_request_config),
    .needs = LW_HAS(inflight) | LW_NEEDS_PLAN,
    .needs_of = least_request_needs,
    .plan_build = least_request_build,
    .plan_free = least_request_free,
    .pick = least_request_pick,
};
